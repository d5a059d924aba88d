/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/operations.h"

#include <errno.h>
#include <string.h>

#include <sluice/node_types.h>

static const char *const words_admin[] = {"ready", "drain", "maint", NULL};
static const char *const words_discovery[] = {"ready", "terminating", "not-ready", NULL};
static const char *const words_override[] = {"none", "ejected", "forced", NULL};
static const char *const words_shift[] = {"start", "pause", "resume", "abort", "set", "end", NULL};
static const char *const words_role[] = {"active", "standby", NULL};
static const char *const words_mode[] = {"enforce", "shadow", "disabled", NULL};

static const char *const words_bypass[] = {"limits", "lists", "all", NULL};

static const struct field fields_member[] = {
	{"weight", FIELD_INTEGER, false, 0, 65535, NULL, "share relative to the other members"},
	{0},
};
static const struct field fields_weight[] = {
	{"weight", FIELD_INTEGER, true, 0, 65535, NULL, "share relative to the other members"},
	{0},
};
static const struct field fields_admin[] = {
	{"admin", FIELD_WORD, true, 0, 0, words_admin,
	 "ready serves, drain gets nothing new, maint takes out at once"},
	{"for_s", FIELD_INTEGER, false, 1, DRAIN_MAX_S, NULL,
	 "drain: seconds until the flows that are left are cut; no deadline if absent"},
	{0},
};
static const struct field fields_discovery[] = {
	{"discovery", FIELD_WORD, true, 0, 0, words_discovery,
	 "ready serves, terminating only while nobody else does, not-ready gets nothing new"},
	{0},
};
static const struct field fields_override[] = {
	{"override", FIELD_WORD, true, 0, 0, words_override,
	 "ejected takes it out, forced puts it in, whatever its check says; none ends that"},
	{"reason", FIELD_TEXT, false, 0, OVERRIDE_REASON_MAX, NULL, "why, for whoever looks later"},
	{"for_s", FIELD_INTEGER, false, 1, OVERRIDE_MAX_S, NULL,
	 "seconds until it ends by itself; never if absent"},
	{0},
};
static const struct field fields_shift[] = {
	{"action", FIELD_WORD, true, 0, 0, words_shift, "what to do"},
	{"to", FIELD_TEXT, false, 1, NAME_MAX_LENGTH, NULL, "start: the pool that gets more"},
	{"steps", FIELD_TEXT, false, 1, 64, NULL,
	 "start: per cent of the service, rising; " SHIFT_STEPS_DEFAULT " if absent"},
	{"hold_s", FIELD_INTEGER, false, SHIFT_HOLD_MIN_S, SHIFT_HOLD_MAX_S, NULL,
	 "start: seconds that each step holds; 60 if absent"},
	{"percent", FIELD_INTEGER, false, 0, 100, NULL, "set: what the pool gets from now on"},
	{0},
};
static const struct field fields_role[] = {
	{"role", FIELD_WORD, true, 0, 0, words_role,
	 "active answers ARP and has routes, standby does not"},
	{0},
};
static const struct field fields_mode[] = {
	{"mode", FIELD_WORD, true, 0, 0, words_mode, "enforce drops, shadow only counts"},
	{0},
};
static const struct field fields_bypass[] = {
	{"what", FIELD_WORD, true, 0, 0, words_bypass, "whose refusals are only counted"},
	{"for_s", FIELD_INTEGER, false, 1, SLUICE_BYPASS_MAX_S, NULL,
	 "seconds until it ends by itself, 900 if absent"},
	{0},
};
#define FIELD_PREFIXES                                                                             \
	{                                                                                          \
		"prefixes", FIELD_TEXT, true, 0, BODY_PREFIXES_MAX, NULL,                          \
			"one a line; # and ; begin a comment"                                      \
	}
#define FIELD_NAME                                                                                 \
	{                                                                                          \
		"name", FIELD_TEXT, false, 1, 199, NULL, "what mistakes call the text"             \
	}
static const struct field fields_entries[] = {
	FIELD_PREFIXES,
	{"ttl_s", FIELD_INTEGER, false, 1, PREFIX_TTL_S_MAX, NULL,
	 "seconds until they leave by themselves; never if absent"},
	{"comment", FIELD_TEXT, false, 0, PREFIX_COMMENT_MAX, NULL, "why they are there"},
	{"force", FIELD_BOOLEAN, false, 0, 0, NULL, "take what a deny list refuses by default"},
	{"caller", FIELD_TEXT, false, 1, 64, NULL, "address that a deny list shall not cover"},
	FIELD_NAME,
	{0},
};
static const struct field fields_prefixes[] = {FIELD_PREFIXES, {0}};
static const struct field fields_reload[] = {
	{"force", FIELD_BOOLEAN, false, 0, 0, NULL, "apply what a reload refuses by default"},
	{"confirm_within_s", FIELD_INTEGER, false, 1, CONTROL_TRIAL_MAX_S, NULL,
	 "go back after so many seconds unless confirmed"},
	{0},
};
static const struct field fields_try[] = {
	{"config", FIELD_TEXT, true, 0, BODY_JSON_MAX, NULL, "the configuration, YAML"},
	FIELD_NAME,
	{"confirm_within_s", FIELD_INTEGER, true, 1, CONTROL_TRIAL_MAX_S, NULL,
	 "go back after so many seconds unless confirmed"},
	{"force", FIELD_BOOLEAN, false, 0, 0, NULL, "apply what a reload refuses by default"},
	{0},
};

static const struct field fields_where[] = {
	{"packet", FIELD_TEXT, true, 1, 200, NULL, "PROTOCOL SOURCE > DESTINATION"},
	{"syn", FIELD_BOOLEAN, false, 0, 0, NULL, "TCP: opens a connection; so without ack, too"},
	{"ack", FIELD_BOOLEAN, false, 0, 0, NULL, "TCP: belongs to a connection"},
	{"bytes", FIELD_INTEGER, false, 1, WHERE_BYTES_MAX, NULL,
	 "length of the IP packet; the shortest possible by default"},
	{"interface", FIELD_TEXT, false, 1, 15, NULL,
	 "an attached interface where it arrives; the first by default"},
	{0},
};

static const struct field fields_capture[] = {
	{"service", FIELD_TEXT, false, 1, NAME_MAX_LENGTH, NULL, "only packets of this service"},
	{"verdict", FIELD_TEXT, false, 1, 40, NULL,
	 "only packets with this verdict, or forward, answer, pass or drop"},
	{"source", FIELD_TEXT, false, 1, 60, NULL, "only from ADDRESS or ADDRESS/LENGTH"},
	{"packets", FIELD_INTEGER, false, 1, CAPTURE_PACKETS_MAX, NULL, "end after so many (100)"},
	{"for_s", FIELD_INTEGER, false, 1, CAPTURE_S_MAX, NULL, "end after so many seconds (10)"},
	{"bytes", FIELD_INTEGER, false, CAPTURE_BYTES_MIN, SLUICE_CAPTURE_BYTES, NULL,
	 "keep so many bytes of each (256)"},
	{0},
};

static const struct field fields_measure[] = {
	{"service", FIELD_TEXT, false, 1, NAME_MAX_LENGTH, NULL, "packets of this service; all"},
	{"prefix4", FIELD_INTEGER, false, 1, 32, NULL, "an IPv4 source is a prefix so long (32)"},
	{"prefix6", FIELD_INTEGER, false, 1, 128, NULL, "an IPv6 source is a prefix so long (64)"},
	{"for_s", FIELD_INTEGER, false, 1, MEASUREMENT_S_MAX, NULL, "seconds; 60 if absent"},
	{0},
};
static const struct field fields_ban[] = {
	{"for_s", FIELD_INTEGER, false, 1, BANS_FOR_MAX_S, NULL, "seconds; 600 if absent"},
	{"reason", FIELD_TEXT, false, 0, BANS_REASON_MAX, NULL, "why, for whoever comes next"},
	{"all_packets", FIELD_BOOLEAN, false, 0, 0, NULL,
	 "drop all packets, not only those that open connections"},
	{0},
};

#define SERVICE "/v1/services/{service}"
#define POOL SERVICE "/pools/{pool}"
#define MEMBER POOL "/members/{member}"
#define LIST "/v1/lists/{list}"
#define LIMIT "/v1/limits/{limit}"

#define GET(path, handler, help)                                                                   \
	{                                                                                          \
		"GET", path, ROLE_VIEWER, BODY_NONE, NULL, handler, help                           \
	}

const struct operation operations[] = {
	GET("/v1/version", op_version, "Version of the daemon, the API and the map layout."),
	GET("/v1/ready", op_ready, "Are tables loaded and the program attached?"),
	GET("/v1/status", op_status, "State of the node, in words and in numbers."),
	GET("/v1/node", op_node_show, "The node's role, and what it announces."),
	{"PUT", "/v1/node/role", ROLE_OPERATOR, BODY_JSON, fields_role, op_node_role,
	 "Makes the node active, or takes it out of the way of another one."},
	GET("/v1/services", op_service_list, "All services with their pools and members."),
	GET(SERVICE, op_service_show, "One service."),
	GET(SERVICE "/shift", op_shift_show, "How far a shift between its pools has come."),
	{"PUT", SERVICE "/shift", ROLE_OPERATOR, BODY_JSON, fields_shift, op_shift,
	 "Moves a service from its pools to one of them, step by step, as long as that is well."},
	GET(SERVICE "/pools", op_pool_list, "The pools of a service."),
	GET(POOL, op_pool_show, "One pool."),
	GET(POOL "/members", op_member_list, "The members of a pool."),
	GET(MEMBER, op_member_show, "One member."),
	{"PUT", MEMBER, ROLE_OPERATOR, BODY_JSON, fields_member, op_member_put,
	 "Adds a member, or sets the weight of one that exists."},
	{"DELETE", MEMBER, ROLE_OPERATOR, BODY_NONE, NULL, op_member_delete,
	 "Removes a member, and says how many flows that cuts."},
	{"PUT", MEMBER "/weight", ROLE_OPERATOR, BODY_JSON, fields_weight, op_member_weight,
	 "Sets a member's weight."},
	{"PUT", MEMBER "/admin", ROLE_OPERATOR, BODY_JSON, fields_admin, op_member_admin,
	 "Drains a member, puts it into maintenance, or makes it ready again."},
	{"PUT", MEMBER "/discovery", ROLE_OPERATOR, BODY_JSON, fields_discovery,
	 op_member_discovery,
	 "What a controller that finds members knows of one, whoever drains or ejects it."},
	{"PUT", MEMBER "/override", ROLE_OPERATOR, BODY_JSON, fields_override, op_member_override,
	 "Takes a member out or puts it in against its checks, or lets them decide again."},
	GET("/v1/limits", op_limit_list, "All limits."),
	GET("/v1/limits/{limit}", op_limit_show, "One limit."),
	{"PUT", "/v1/limits/{limit}/mode", ROLE_OPERATOR, BODY_JSON, fields_mode, op_limit_mode,
	 "Sets a limit's mode."},
	GET("/v1/offenders", op_offenders,
	    "Who is refused most, by every limit, as sources and as prefixes."),
	GET(LIMIT "/offenders", op_limit_offenders, "Who is refused most by a limit."),
	GET(LIMIT "/sources/{source}", op_limit_source,
	    "What a limit knows of one source: what it may still do, refusals, its ban."),
	{"POST", "/v1/measurements", ROLE_OPERATOR, BODY_JSON, fields_measure, op_measure_start,
	 "Starts measuring what sources send, for a limit that refuses none; one at a time."},
	GET("/v1/measurements", op_measure_list,
	    "The measurement that runs, or the last one for 10 minutes after its end."),
	GET("/v1/measurements/{measurement}", op_measure_show,
	    "How far a measurement has come; at its end percentiles and limits."),
	{"DELETE", "/v1/measurements/{measurement}", ROLE_OPERATOR, BODY_NONE, NULL,
	 op_measure_stop, "Ends a measurement, with what it has."},
	GET("/v1/bans", op_ban_list, "Who is banned, by which limit, why and how long."),
	{"PUT", LIMIT "/bans/{source}", ROLE_OPERATOR, BODY_JSON, fields_ban, op_ban_set,
	 "Bans a source of a limit, or changes its ban."},
	{"DELETE", LIMIT "/bans/{source}", ROLE_OPERATOR, BODY_NONE, NULL, op_ban_lift,
	 "Lifts the ban of a source."},
	{"DELETE", LIMIT "/bans", ROLE_OPERATOR, BODY_NONE, NULL, op_ban_lift_limit,
	 "Lifts all bans of a limit."},
	{"DELETE", "/v1/bans", ROLE_OPERATOR, BODY_NONE, NULL, op_ban_lift_all, "Lifts all bans."},
	GET("/v1/lists", op_list_list, "All access lists."),
	GET(LIST, op_list_show, "One access list."),
	GET(LIST "/entries", op_list_entries, "The prefixes of an access list."),
	{"POST", LIST "/entries", ROLE_OPERATOR, BODY_JSON, fields_entries, op_list_add,
	 "Adds prefixes to a list."},
	{"PUT", LIST "/entries", ROLE_OPERATOR, BODY_JSON, fields_entries, op_list_replace,
	 "Replaces all prefixes that were added at run time."},
	{"POST", LIST "/remove", ROLE_OPERATOR, BODY_JSON, fields_prefixes, op_list_remove,
	 "Removes prefixes that were added at run time."},
	{"POST", "/v1/where", ROLE_VIEWER, BODY_JSON, fields_where, op_where,
	 "What the loaded program would do with a described packet, and why; nothing changes."},
	GET("/v1/bypass", op_bypass_show, "Whose refusals are only counted, by whom and how long."),
	{"PUT", "/v1/bypass", ROLE_OPERATOR, BODY_JSON, fields_bypass, op_bypass_put,
	 "Counts refusals by limits, lists or both for a time, and refuses nothing."},
	{"DELETE", "/v1/bypass", ROLE_OPERATOR, BODY_NONE, NULL, op_bypass_delete,
	 "Ends every bypass now."},
	{"POST", "/v1/captures", ROLE_OPERATOR, BODY_JSON, fields_capture, op_capture_start,
	 "Starts capturing packets as they arrive, with what becomes of them; one at a time."},
	{"GET", "/v1/captures", ROLE_OPERATOR, BODY_NONE, NULL, op_capture_list,
	 "The capture that runs, or the last one for a minute after its end."},
	{"GET", "/v1/captures/{capture}", ROLE_OPERATOR, BODY_NONE, NULL, op_capture_show,
	 "How far a capture has come, and its packets after number ?since=N."},
	{"DELETE", "/v1/captures/{capture}", ROLE_OPERATOR, BODY_NONE, NULL, op_capture_stop,
	 "Ends a capture; its packets stay for a minute."},
	GET("/v1/stats", op_stats, "Packets by verdict."),
	GET("/v1/events", op_events, "State changes after sequence number ?since=N."),
	GET("/v1/diff", op_diff,
	    "What commands changed, and what a reload of the files on the disk would change."),
	GET("/v1/config/dropin", op_dropin,
	    "The drop-in that makes the files say what runs, and where it belongs."),
	{"POST", "/v1/config/check", ROLE_VIEWER, BODY_YAML, NULL, op_config_check,
	 "Checks a configuration without applying it."},
	{"POST", "/v1/config/reload", ROLE_ADMIN, BODY_JSON, fields_reload, op_config_reload,
	 "Reads the configuration file again; the running one stays when it has mistakes."},
	{"POST", "/v1/config/try", ROLE_ADMIN, BODY_JSON, fields_try, op_config_try,
	 "Applies a configuration on trial: the one before it comes back unless confirmed."},
	{"POST", "/v1/confirm", ROLE_ADMIN, BODY_NONE, NULL, op_confirm, "Keeps what is on trial."},
	{"POST", "/v1/undo", ROLE_ADMIN, BODY_NONE, NULL, op_undo,
	 "Ends the trial now: back to the configuration before it, or detached."},
	{"POST", "/v1/detach", ROLE_ADMIN, BODY_NONE, NULL, op_detach,
	 "Detaches the program, removes its pins and ends the daemon."},
	GET("/v1/operations", op_operations, "This table."),
	GET("/v1/openapi.json", op_openapi, "This table as an OpenAPI 3.0 document."),
	GET("/metrics", op_metrics, "Counters as Prometheus text, or OpenMetrics by Accept."),
};
const size_t operation_count = ARRAY_SIZE(operations);

size_t operation_body_max(const struct operation *operation)
{
	if (operation->fields == fields_entries || operation->fields == fields_prefixes)
		return BODY_PREFIXES_MAX;
	return operation->body == BODY_YAML ? BODY_YAML_MAX : BODY_JSON_MAX;
}

/* The pattern that shares most with a path nobody serves: by leading segments, then by spelling. */
static const char *nearest_path(const char *path)
{
	const char *candidates[ARRAY_SIZE(operations)];
	size_t best = 0, count = 0;
	const char *nearest;
	size_t i;

	for (i = 0; i < operation_count; i++)
		best = MAX(best, route_common(operations[i].path, path));
	for (i = 0; i < operation_count; i++)
		if (route_common(operations[i].path, path) == best)
			candidates[count++] = operations[i].path;
	nearest = util_nearest(path, candidates, count);
	return nearest || !best ? nearest : candidates[0];
}

static void add_allowed(char *allow, size_t size, const char *method)
{
	size_t used = strlen(allow);

	snprintf(allow + used, size - used, "%s%s", used ? ", " : "", method);
}

int operations_find(const char *method, const char *path, const struct operation **ret_operation,
		    struct route_params *ret_params, char *allow, size_t allow_size, struct err *e)
{
	const char *wanted = strcmp(method, "HEAD") ? method : "GET";
	const char *nearest;
	size_t i;

	allow[0] = '\0';
	for (i = 0; i < operation_count; i++) {
		const struct operation *operation = &operations[i];

		if (!route_match(operation->path, path, NULL))
			continue;
		if (!strcmp(operation->method, wanted)) {
			route_match(operation->path, path, ret_params);
			*ret_operation = operation;
			return 0;
		}
		add_allowed(allow, allow_size, operation->method);
		if (!strcmp(operation->method, "GET"))
			add_allowed(allow, allow_size, "HEAD");
	}
	if (allow[0]) {
		err_set(e, ERR_METHOD, "", "%.20s is not possible on %.120s", method, path);
		err_hint(e, "this path has %s", allow);
		return -EPERM;
	}
	err_set(e, ERR_NOT_FOUND, "", "no operation has the path %.120s", path);
	nearest = nearest_path(path);
	if (nearest)
		err_hint(e, "did you mean %s? GET /v1/operations lists them all", nearest);
	else
		err_hint(e, "GET /v1/operations lists all paths");
	return -ENOENT;
}
