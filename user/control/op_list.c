/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading access lists, and changing what commands have added to them. */
#include <string.h>

#include "base/clock.h"
#include "control/audit.h"
#include "control/find.h"
#include "control/reply.h"
#include "control/view.h"

int op_list_list(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct reply_list *lists = reply_list_begin("lists");
	size_t i;

	(void)errors;
	host->refresh(host->arg);
	for (i = 0; i < model_list_count(host->model); i++)
		reply_list_add(lists, view_list(host, model_list_at(host->model, i)));
	reply_list_end(lists, reply);
	return 0;
}

int op_list_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct model_list *list = find_list(request, errors);

	if (!list)
		return -1;
	request->host->refresh(request->host->arg);
	reply->json = view_list(request->host, list);
	return 0;
}

static void add_entries(struct reply_list *entries, const struct prefix_set *set, enum owner owner)
{
	size_t i;

	for (i = 0; i < prefix_set_count(set); i++)
		reply_list_add(entries, view_list_entry(set, &set->entries[i], owner));
}

int op_list_entries(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct model_list *list = find_list(request, errors);
	struct reply_list *entries;

	if (!list)
		return -1;
	entries = reply_list_begin("entries");
	add_entries(entries, list->configured, OWNER_FILE);
	add_entries(entries, list->runtime, OWNER_API);
	reply_list_end(entries, reply);
	return 0;
}

static const char *text_of(const struct request *request, const char *field)
{
	return json_string_value(json_object_get(request->body, field));
}

/* The caller's own address must not be denied by mistake; absent, it is not known. */
static int read_caller(const struct request *request, struct sluice_addr *ret_addr,
		       struct errs *errors)
{
	const char *text = text_of(request, "caller");

	if (!text || addr_parse(text, ret_addr) == 0)
		return 0;
	err_hint(errs_add(errors, ERR_INVALID, "/caller", "\"%.64s\" is no address", text),
		 "an IPv4 or IPv6 address, or leave it out");
	return -1;
}

static int read_prefixes(const struct request *request, struct prefix_set **ret_set,
			 struct errs *errors)
{
	const json_t *prefixes = json_object_get(request->body, "prefixes");
	json_int_t ttl_s = json_integer_value(json_object_get(request->body, "ttl_s"));
	uint64_t expires_s = ttl_s ? clock_wall_s() + (uint64_t)ttl_s : 0;
	const char *name = text_of(request, "name");
	size_t before = errors->count, i;
	int r = prefix_set_parse(json_string_value(prefixes), json_string_length(prefixes),
				 text_of(request, "comment"), (uint32_t)expires_s, ret_set, errors);

	for (i = before; i < errors->count; i++) {
		struct err *e = &errors->list[i];

		util_copy(e->path, sizeof(e->path), name ? "" : "/prefixes");
		util_copy(e->file, sizeof(e->file), name ? name : "");
	}
	if (r == 0 && prefix_set_count(*ret_set) == 0 &&
	    strcmp(request->operation->method, "PUT") != 0) {
		prefix_set_unref(*ret_set);
		err_hint(errs_add(errors, ERR_INVALID, "/prefixes", "names no prefix"),
			 "one a line, such as 192.0.2.0/24");
		return -1;
	}
	return r;
}

static int change(const struct request *request, enum change_type type, const char *verb,
		  struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	const struct model_list *list = find_list(request, errors);
	struct change change = {.type = type, .owner = OWNER_API};
	struct prefix_set *set = NULL;
	int r;

	if (!list || read_caller(request, &change.caller, errors) ||
	    read_prefixes(request, &set, errors))
		return -1;
	change.list = list->name;
	change.prefixes = set;
	change.is_forced = json_is_true(json_object_get(request->body, "force"));
	r = host->apply(host->arg, &change, errors);
	if (!r)
		audit_say(request, "list %s: %zu prefix%s %s%s",
			  route_param(&request->params, "list"), set->count,
			  set->count == 1 ? "" : "es", verb, change.is_forced ? " (forced)" : "");
	prefix_set_unref(set);
	return r ? r : op_list_show(request, reply, errors);
}

int op_list_add(const struct request *request, struct reply *reply, struct errs *errors)
{
	return change(request, CHANGE_LIST_ADD, "added", reply, errors);
}

int op_list_replace(const struct request *request, struct reply *reply, struct errs *errors)
{
	return change(request, CHANGE_LIST_REPLACE, "instead of what commands added", reply,
		      errors);
}

int op_list_remove(const struct request *request, struct reply *reply, struct errs *errors)
{
	return change(request, CHANGE_LIST_REMOVE, "removed", reply, errors);
}
