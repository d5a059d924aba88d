/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Status: the verdict first, then why, then what to type next; then the numbers. */
#include <string.h>
#include <stdlib.h>

#include "control/diagnose.h"
#include "control/operations.h"
#include "control/reply.h"
#include "control/view.h"
#include "core/overlay.h"
#include "core/verdicts.h"

#define INTERFACES_SHOWN 64
#define EVENTS_SHOWN 1000

static json_t *view_node(const struct control_host *host, const struct control_node *node)
{
	size_t changes = overlay_count(host->model) + view_is_role_changed(node);

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:I}", "name", node->name,
			 "role", node->is_active ? "active" : "standby", "version", node->version,
			 "instance", node->instance, "uptime_s", (json_int_t)node->uptime_s,
			 "revision", (json_int_t)model_revision(host->model), "loaded_at_s",
			 (json_int_t)node->loaded_at_s, "runtime_changes", changes > 0,
			 "runtime_change_count", (json_int_t)changes);
}

static json_t *view_interfaces(const struct control_host *host)
{
	struct control_interface list[INTERFACES_SHOWN];
	size_t count = host->interfaces(host->arg, list, ARRAY_SIZE(list));
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_array_append_new(array,
				      json_pack("{s:s, s:i, s:s, s:b, s:s, s:s, s:I, s:i}", "name",
						list[i].name, "ifindex", list[i].ifindex, "mode",
						list[i].is_generic ? "generic" : "native",
						"is_dispatched", list[i].is_dispatched, "beside",
						list[i].beside, "driver", list[i].driver,
						"attached_s", (json_int_t)list[i].attached_s,
						"program_id", list[i].program_id));
	return array;
}

static json_t *view_rates(const struct control_host *host)
{
	return json_pack("{s:o, s:o, s:o}", "forwarded_pps",
			 view_number(view_action_rate(host, SLUICE_ACTION_FORWARD)), "passed_pps",
			 view_number(view_action_rate(host, SLUICE_ACTION_PASS)), "dropped_pps",
			 view_number(view_action_rate(host, SLUICE_ACTION_DROP)));
}

int op_status(const struct request *request, struct reply *reply, struct errs *errors)
{
	static const char *const names[SEVERITY_MAX] = {"ok", "degraded", "fault"};
	struct diagnosis diagnosis = {.why = json_array()};
	const struct control_host *host = request->host;
	struct control_switches switches = {0};
	struct control_node node = {0};
	struct reply_list *list;
	json_t *head;
	size_t i;

	(void)errors;
	host->refresh(host->arg);
	host->node(host->arg, &node);
	host->switches(host->arg, &switches);
	diagnose(host, &node, &switches, &diagnosis);
	head = json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
		names[diagnosis.severity], "summary", diagnosis.summary, "why", diagnosis.why,
		"next", diagnosis.next[0] ? json_string(diagnosis.next) : json_null(), "node",
		view_node(host, &node), "announce", view_announce(&node), "bypass",
		view_bypass(&switches), "trial", view_trial(&switches.trial), "interfaces",
		view_interfaces(host), "rates", view_rates(host), "dropped", view_dropped(host),
		"flows", view_flow_totals(host), "traffic", view_traffic(&node));
	list = reply_list_begin_behind(head, "services");
	for (i = 0; i < model_service_count(host->model); i++)
		reply_list_add(list, view_service(host, model_service_at(host->model, i)));
	reply_list_next(list, "limits");
	for (i = 0; i < model_limit_count(host->model); i++)
		reply_list_add(list, view_limit(host, model_limit_at(host->model, i)));
	reply_list_next(list, "lists");
	for (i = 0; i < model_list_count(host->model); i++)
		reply_list_add(list, view_list(host, model_list_at(host->model, i)));
	reply_list_end(list, reply);
	return 0;
}

int op_stats(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct control_node node = {0};
	json_t *list = json_array();
	uint64_t received = 0;
	uint32_t v;

	(void)errors;
	host->refresh(host->arg);
	host->node(host->arg, &node);
	for (v = 0; v < SLUICE_V_MAX; v++) {
		uint64_t total[STATS_COUNTERS];

		stats_total(host->stats, STATS_KEY(STATS_VERDICT, v), total);
		received += total[0];
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:I, s:I}", "name", verdicts_name(v),
					"action", verdicts_action_name(verdicts_action(v)), "help",
					verdicts_help(v), "packets", (json_int_t)total[0], "bytes",
					(json_int_t)total[1]));
	}
	reply->json = json_pack("{s:o, s:I, s:I, s:I, s:b, s:o}", "verdicts", list,
				"received_packets", (json_int_t)received, "events_suppressed",
				(json_int_t)node.events_suppressed, "slots_moved",
				(json_int_t)sync_slots_moved_total(host->sync), "settled",
				sync_is_idle(host->sync) && !sync_is_moving(host->sync), "flows",
				view_flow_totals(host));
	return 0;
}

int op_events(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct event_log *log = request->host->events;
	uint64_t last = event_log_last(log);
	uint64_t since = last > EVENTS_SHOWN ? last - EVENTS_SHOWN : 0; /* the newest */
	const char *text = request->since;
	bool is_gap = false, has_gap = false;
	const struct event *event;
	json_t *list;
	char *end;

	if (text) {
		since = strtoull(text, &end, 10);
		if (end == text || *end || text[0] == '-') {
			err_hint(errs_add(errors, ERR_INVALID, "/since",
					  "since=%.40s is not a sequence number", text),
				 "use the \"last\" of an earlier answer, or 0");
			return -1;
		}
	}
	list = json_array();
	while (json_array_size(list) < EVENTS_SHOWN &&
	       (event = event_log_next(log, since, &is_gap))) {
		has_gap |= is_gap;
		since = event->seq;
		json_array_append_new(list, view_event(event));
	}
	reply->json = json_pack("{s:o, s:I, s:b}", "events", list, "last", (json_int_t)since, "gap",
				has_gap);
	return 0;
}
