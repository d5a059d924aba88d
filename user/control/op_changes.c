/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Running state against files: the difference, and the drop-in that ends it. */
#include <string.h>

#include "control/operations.h"
#include "control/reply.h"
#include "control/view.h"
#include "core/overlay.h"
#include "state/changes.h"

/* Entries of access lists are kept apart, for they may be many, and a time to live has no place in
 * a file: the list is named, and that is all. */
static void view_runtime_lists(const struct model *model, json_t *list)
{
	size_t i;

	for (i = 0; i < model_list_count(model); i++) {
		const struct model_list *l = model_list_at(model, i);
		char object[80], text[160];

		if (!l->runtime->count)
			continue;
		snprintf(object, sizeof(object), "list %s", l->name);
		snprintf(text, sizeof(text),
			 "%zu prefix%s added (sluicectl list show %s); save does not write them",
			 l->runtime->count, l->runtime->count == 1 ? "" : "es", l->name);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:I, s:s}", "change", "entries",
						"list", l->name, "object", object, "entries",
						(json_int_t)l->runtime->count, "text", text));
	}
}

static json_t *view_runtime(const struct model *model)
{
	struct overlay overlay = {0};
	json_t *list = json_array();
	size_t i;

	overlay_collect(model, &overlay);
	for (i = 0; i < overlay.count; i++) {
		json_t *entry = changes_entry_to_json(&overlay.list[i]);
		char object[240], change[160];

		json_object_set_new(
			entry, "object",
			json_string(overlay_object(&overlay.list[i], object, sizeof(object))));
		json_object_set_new(
			entry, "text",
			json_string(overlay_change(&overlay.list[i], change, sizeof(change))));
		json_array_append_new(list, entry);
	}
	overlay_done(&overlay);
	view_runtime_lists(model, list);
	return list;
}

static json_t *view_changes(const struct event_log *log)
{
	json_t *list = json_array();
	const struct event *event;
	uint64_t since = 0;
	bool is_gap;

	while ((event = event_log_next(log, since, &is_gap))) {
		json_t *entry = view_event(event);

		since = event->seq;
		json_object_del(entry, "seq");
		json_object_del(entry, "time_s");
		if (event->type == EVENT_config_loaded)
			json_decref(entry);
		else
			json_array_append_new(list, entry);
	}
	return list;
}

int op_diff(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct control_disk disk;
	json_t *mistakes = json_array();
	size_t i;

	(void)errors;
	host->compare(host->arg, &disk);
	for (i = 0; i < disk.errors.count; i++)
		json_array_append_new(mistakes,
				      reply_error(&disk.errors.list[i], true, host->config_path));
	reply->json = json_pack("{s:I, s:o, s:{s:s, s:s, s:o, s:o}}", "revision",
				(json_int_t)model_revision(host->model), "runtime",
				view_runtime(host->model), "disk", "state",
				disk.is_same	    ? "same"
				: disk.errors.count ? "refused"
						    : "changed",
				"settings", disk.settings, "changes", view_changes(disk.changes),
				"errors", mistakes);
	event_log_free(disk.changes);
	errs_done(&disk.errors);
	return 0;
}

int op_dropin(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *text = NULL;
	size_t count;
	int r = host->make_dropin(host->arg, &path, &text, &count, errors);

	if (r) {
		reply->status = errors->count && errors->list[0].code == ERR_CONFLICT ? 409 : 422;
		return r;
	}
	reply->json = json_pack("{s:s, s:s, s:I}", "path", path, "text", text, "changes",
				(json_int_t)count);
	return 0;
}
