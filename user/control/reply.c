/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/reply.h"

#include <stdlib.h>
#include <string.h>

#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))

struct reply_list {
	FILE *out;
	char *text;
	size_t length;
	size_t count;
};

void reply_done(struct reply *reply)
{
	json_decref(reply->json);
	free(reply->text);
	*reply = (struct reply){0};
}

static struct reply_list *begin(void)
{
	struct reply_list *list = util_alloc(sizeof(*list));

	list->out = open_memstream(&list->text, &list->length);
	if (!list->out)
		abort();
	fputc('{', list->out);
	return list;
}

struct reply_list *reply_list_begin(const char *name)
{
	struct reply_list *list = begin();

	fprintf(list->out, "\"%s\":[", name);
	return list;
}

struct reply_list *reply_list_begin_behind(json_t *head, const char *name)
{
	struct reply_list *list = begin();

	if (json_dumpf(head, list->out, DUMP_FLAGS | JSON_EMBED))
		abort();
	json_decref(head);
	fprintf(list->out, ",\"%s\":[", name);
	return list;
}

void reply_list_next(struct reply_list *list, const char *name)
{
	fprintf(list->out, "],\"%s\":[", name);
	list->count = 0;
}

void reply_list_add(struct reply_list *list, json_t *item)
{
	if (list->count++)
		fputc(',', list->out);
	json_dumpf(item, list->out, DUMP_FLAGS);
	json_decref(item);
}

void reply_list_end(struct reply_list *list, struct reply *reply)
{
	fputs("]}\n", list->out);
	fclose(list->out);
	reply->text = list->text;
	reply->text_length = list->length;
	free(list);
}

/* place: in a text or file, else in the request. */
json_t *reply_error(const struct err *e, bool has_place, const char *file)
{
	json_t *object =
		json_pack("{s:s, s:s}", "code", err_code_name(e->code), "message", e->text);

	if (e->hint[0])
		json_object_set_new(object, "hint", json_string(e->hint));
	if (e->path[0])
		json_object_set_new(object, has_place ? "path" : "pointer", json_string(e->path));
	if (e->file[0])
		file = e->file;
	if (file)
		json_object_set_new(object, "file", json_string(file));
	if (has_place && e->line) {
		json_object_set_new(object, "line", json_integer(e->line));
		if (e->column)
			json_object_set_new(object, "column", json_integer(e->column));
	}
	return object;
}

void reply_errors(struct reply *reply, const struct errs *errors, int status)
{
	static const struct err unknown = {
		.code = ERR_SYSTEM, .text = "failed without a reason", .hint = "see the log"};
	const struct err *first = errors->count ? errors->list : &unknown;
	const char *file = reply->file;
	bool has_lines = file;
	size_t i;

	reply_done(reply);
	reply->status = status ? status : err_code_status(first->code);
	reply->json = json_pack("{s:o}", "error", reply_error(first, false, file));
	for (i = 0; i < errors->count; i++)
		has_lines |= errors->list[i].line > 0;
	if (errors->count > 1 || has_lines) {
		json_t *list = json_array();

		for (i = 0; i < errors->count; i++)
			json_array_append_new(list, reply_error(&errors->list[i], true, file));
		json_object_set_new(reply->json, "errors", list);
	}
	reply_render(reply);
}

void reply_render(struct reply *reply)
{
	if (reply->text)
		return;
	reply->text = reply->json ? json_dumps(reply->json, DUMP_FLAGS) : NULL;
	if (!reply->text) {
		/* A text that JSON cannot say: an answer is lost, not the daemon. */
		reply->text = util_strdup("{\"error\":{\"code\":\"system\",\"message\":"
					  "\"the answer cannot be written as JSON\"}}");
		reply->status = err_code_status(ERR_SYSTEM);
	}
	reply->text_length = strlen(reply->text);
	reply->content_type = "application/json";
	json_decref(reply->json);
	reply->json = NULL;
}
