/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Running state against files: the difference, and the drop-in that ends it. */
#include <string.h>

#include "control/operations.h"
#include "control/reply.h"
#include "control/view.h"
#include "core/overlay.h"
#include "state/changes.h"
#include "state/dropin.h"

/* "2 prefixes added, 1 more for a time". */
static const char *describe_added(size_t count, size_t expiring, char *buffer, size_t size)
{
	if (count && expiring)
		snprintf(buffer, size, "%zu prefix%s added, %zu more for a time", count,
			 count == 1 ? "" : "es", expiring);
	else
		snprintf(buffer, size, "%zu prefix%s added%s", count + expiring,
			 count + expiring == 1 ? "" : "es", count ? "" : " for a time");
	return buffer;
}

/* Entries of access lists are kept apart, for they may be many: the list is named, and that is
 * all. */
static void view_runtime_lists(const struct model *model, json_t *list)
{
	size_t i;

	for (i = 0; i < model_list_count(model); i++) {
		const struct model_list *l = model_list_at(model, i);
		char object[80], added[100], text[200];
		size_t count, expiring;

		model_list_added(l, &count, &expiring);
		if (!count && !expiring)
			continue;
		snprintf(object, sizeof(object), "list %s", l->name);
		snprintf(text, sizeof(text), "%s (sluicectl list show %s)",
			 describe_added(count, expiring, added, sizeof(added)), l->name);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "change",
						"entries", "list", l->name, "object", object,
						"entries", (json_int_t)count + (json_int_t)expiring,
						"expiring", (json_int_t)expiring, "text", text));
	}
}

/* "running at 20 %, in the file pool next has share 0". */
static json_t *view_runtime_shift(const struct model_service *service)
{
	const struct shift *shift = &service->shift;
	char object[2 * NAME_MAX_LENGTH + 16], text[2 * NAME_MAX_LENGTH + 120];
	uint32_t share = 0;
	size_t p;

	for (p = 0; p < service->pool_count; p++)
		if (!strcmp(service->pools[p].name, service->shift_to))
			share = service->pools[p].share_file;
	snprintf(object, sizeof(object), "shift %s/%s", service->name, service->shift_to);
	snprintf(text, sizeof(text), "%s at %u %% (share %u in the file; sluicectl shift %s)",
		 shift_state_name(shift->state), shift->percent, share, service->name);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "change", "shift", "object", object,
			 "text", text, "service", service->name, "to", service->shift_to, "percent",
			 (int)shift->percent);
}

static void view_runtime_shifts(const struct model *model, json_t *list)
{
	size_t s;

	for (s = 0; s < model_service_count(model); s++)
		if (shift_is_on(&model_service_at(model, s)->shift))
			json_array_append_new(list, view_runtime_shift(model_service_at(model, s)));
}

/* Not the opposite: where the file says standby, something else decides. */
bool view_is_role_changed(const struct control_node *node)
{
	return !node->is_active && !node->is_standby_first;
}

static void view_runtime_role(const struct control_host *host, json_t *list)
{
	struct control_node node;

	host->node(host->arg, &node);
	if (view_is_role_changed(&node))
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "change", "role",
						      "role", "standby", "object", "node", "text",
						      "standby (active in the file)"));
}

static json_t *view_runtime(const struct control_host *host)
{
	const struct model *model = host->model;
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
	view_runtime_shifts(model, list);
	view_runtime_role(host, list);
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
				view_runtime(host), "disk", "state",
				disk.is_same	    ? "same"
				: disk.errors.count ? "refused"
						    : "changed",
				"settings", disk.settings, "changes", view_changes(disk.changes),
				"errors", mistakes);
	event_log_free(disk.changes);
	errs_done(&disk.errors);
	return 0;
}

static void view_rest(const struct model *model, json_t *list)
{
	struct overlay overlay = {0};
	char object[240], text[400];
	size_t i;

	overlay_collect(model, &overlay);
	for (i = 0; i < overlay.count; i++)
		if (*dropin_rest(model, &overlay.list[i], text, sizeof(text)))
			json_array_append_new(
				list,
				json_pack("{s:s, s:s}", "object",
					  overlay_object(&overlay.list[i], object, sizeof(object)),
					  "text", text));
	overlay_done(&overlay);
}

/* What runs and is not for a file. */
static json_t *view_left_out(const struct control_host *host)
{
	json_t *list = json_array();
	struct control_node node;
	size_t i;

	for (i = 0; i < model_list_count(host->model); i++) {
		const struct model_list *l = model_list_at(host->model, i);
		char object[80], text[100];
		size_t count, expiring;

		model_list_added(l, &count, &expiring);
		if (!expiring)
			continue;
		snprintf(object, sizeof(object), "list %s", l->name);
		snprintf(text, sizeof(text), "%zu entr%s with a time to live", expiring,
			 expiring == 1 ? "y" : "ies");
		json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "object", object, "text",
						      text, "entries", (json_int_t)expiring));
	}
	view_rest(host->model, list);
	view_runtime_shifts(host->model, list);
	host->node(host->arg, &node);
	if (node.is_active && node.is_standby_first)
		json_array_append_new(list,
				      json_pack("{s:s, s:s}", "object", "node", "text",
						"active; it starts on standby, as the file says"));
	return list;
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
	reply->json = json_pack("{s:s, s:s, s:I, s:o}", "path", path, "text", text, "changes",
				(json_int_t)count, "left_out", view_left_out(host));
	return 0;
}
