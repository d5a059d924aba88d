/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One member in full; limits, verdicts and events. */
#include "cli/render.h"

#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "cli/field.h"
#include "cli/table.h"
#include "cli/text.h"

static void render_health(const struct view *view, const json_t *member)
{
	uint64_t since = field_count(member, "health_since_s");
	const char *text = field_text(member, "health_text", "");
	uint64_t latency = field_count(member, "latency_us");
	char ago[TEXT_MAX] = "";
	char took[TEXT_MAX];

	if (strcmp(field_text(json_object_get(member, "check"), "type", ""), "none") == 0) {
		render_field(view, "health", "not checked");
		return;
	}
	if (since > 0 && since <= view->now_s)
		text_duration(view->now_s - since, ago);
	render_field(view, "health", "%s%s%s%s%s%s%s", field_text(member, "health", "unknown"),
		     ago[0] != '\0' ? " for " : "", ago, text[0] != '\0' ? ": " : "", text,
		     latency > 0 ? ", last answer took " : "",
		     latency > 0 ? text_latency(latency, took) : "");
}

/* What came of its probes, and how long the parts of the last good one took. */
static void render_check(const struct view *view, const json_t *check)
{
	static const struct {
		const char *key, *name;
	} parts[] = {{"connect_us", "connect"}, {"tls_us", "TLS"}, {"first_byte_us", "first byte"}};
	const json_t *times = json_object_get(check, "times");
	const char *type = field_text(check, "type", "none");
	bool is_through = strcmp(field_text(check, "via", ""), "path") == 0;
	char text[240], took[TEXT_MAX], a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX];
	size_t length, i;

	if (!json_is_object(check) || !strcmp(type, "none"))
		return;
	length = (size_t)snprintf(text, sizeof(text), "%s%s, %s passed, %s failed, %s undecided",
				  type, is_through ? " through the path" : "",
				  text_count(field_count(check, "pass"), a),
				  text_count(field_count(check, "fail"), b),
				  text_count(field_count(check, "undecided"), c));
	for (i = 0; i < ARRAY_SIZE(parts) && length < sizeof(text); i++) {
		uint64_t us = field_count(times, parts[i].key);

		if (us)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %s",
						   strchr(text, ';') ? ", " : "; ", parts[i].name,
						   text_latency(us, took));
	}
	render_field(view, "check", "%s", text);
}

static void render_certificate(const struct view *view, const json_t *check)
{
	uint64_t ends_s = field_count(check, "certificate_ends_s");
	bool is_over = ends_s <= view->now_s;
	char at[TEXT_MAX], left[TEXT_MAX];

	if (!ends_s)
		return;
	text_duration(is_over ? view->now_s - ends_s : ends_s - view->now_s, left);
	render_field(view, "certificate", "%s %s, %s%s%s", is_over ? "ended" : "ends",
		     text_time(ends_s, view->now_s, at), is_over ? "" : "in ", left,
		     is_over ? " ago" : "");
}

static void render_nexthop(const struct view *view, const json_t *nexthop)
{
	const char *text = field_text(nexthop, "text", "");
	const char *device = field_text(nexthop, "device", "");
	const char *mac = field_text(nexthop, "mac", "");

	if (!json_is_object(nexthop))
		return;
	if (device[0] != '\0' && mac[0] != '\0')
		render_field(view, "next hop", "%s by %s on %s, path MTU %u%s%s",
			     field_text(nexthop, "state", "?"), mac, device,
			     (unsigned int)field_count(nexthop, "mtu"), text[0] != '\0' ? "; " : "",
			     text);
	else
		render_field(view, "next hop", "%s%s%s", field_text(nexthop, "state", "?"),
			     text[0] != '\0' ? ": " : "", text);
}

static void weight_text(const json_t *member, char *buffer, size_t size)
{
	double weight = field_number(member, "weight", 0);
	double weight_file = field_number(member, "weight_file", weight);

	if (strcmp(field_text(member, "owner", "file"), "file") != 0 || weight == weight_file)
		snprintf(buffer, size, "%.0f", weight);
	else
		snprintf(buffer, size, "%.0f (%.0f in the file)", weight, weight_file);
}

static void admin_text(const json_t *member, char *buffer, size_t size)
{
	const char *admin = field_text(member, "admin", "");
	const char *admin_file = field_text(member, "admin_file", admin);

	if (strcmp(admin, admin_file) == 0)
		snprintf(buffer, size, "%s", admin);
	else
		snprintf(buffer, size, "%s (%s in the file)", admin, admin_file);
}

/* Of a member that gets nothing new. */
static void render_leaving(const struct view *view, const json_t *member)
{
	const json_t *deadline = json_object_get(member, "deadline");
	char text[160], at[TEXT_MAX];

	if (strcmp(field_text(member, "state", ""), "draining") != 0 &&
	    strcmp(field_text(member, "admin", "ready"), "drain") != 0 &&
	    field_count(member, "weight") > 0)
		return;
	render_flows_left(member, text, sizeof(text));
	render_field(view, "flows", "%s", text);
	if (!json_is_object(deadline))
		return;
	render_field(view, "deadline", "%s: %s",
		     text_time(field_count(deadline, "at_s"), view->now_s, at),
		     field_bool(deadline, "is_over") ? "has passed, its flows were cut"
						     : "flows that are left then are cut");
}

void render_ceiling(const struct view *view, const json_t *object)
{
	const json_t *ceiling = json_object_get(object, "ceiling");
	char a[TEXT_MAX], b[TEXT_MAX];

	if (json_is_object(ceiling))
		render_field(view, "ceiling", "%s new connections; admits %s, refuses %s",
			     field_text(ceiling, "max_new", "?"),
			     text_rate(field_rate(ceiling, "passed"), a),
			     text_rate(field_rate(ceiling, "refused"), b));
}

static void render_circuit(const struct view *view, const json_t *circuit)
{
	uint64_t failed = field_count(circuit, "failed"), passed = field_count(circuit, "passed");
	const char *cause = field_text(circuit, "cause", "");
	char times[64] = "", window[64] = "";

	if (!json_is_object(circuit))
		return;
	if (field_count(circuit, "times_out") > 0)
		snprintf(times, sizeof(times), ", out %u times lately",
			 (unsigned int)field_count(circuit, "times_out"));
	if (failed > 0)
		snprintf(window, sizeof(window), ", %u of %u probes failed lately",
			 (unsigned int)failed, (unsigned int)(failed + passed));
	render_field(view, "circuit", "%s%s%s%s%s", field_text(circuit, "state", "?"), times,
		     window, cause[0] != '\0' ? "; last out for: " : "", cause);
}

/* What clients' packets say of it. */
static void render_passive(const struct view *view, const json_t *passive)
{
	const json_t *percent = json_object_get(passive, "unanswered_percent");
	const json_t *pool = json_object_get(passive, "pool_percent");
	const char *mode = field_text(passive, "mode", "disabled");
	uint64_t errors = field_count(passive, "icmp_errors");
	char flows[96], beside[32] = "", icmp[80] = "";

	if (!json_is_object(passive) || strcmp(mode, "disabled") == 0)
		return;
	snprintf(flows, sizeof(flows), "%u new flows watched: too few to tell",
		 (unsigned int)field_count(passive, "flows"));
	if (json_is_integer(percent))
		snprintf(flows, sizeof(flows), "%u %% of %u new flows were not answered",
			 (unsigned int)json_integer_value(percent),
			 (unsigned int)field_count(passive, "flows"));
	if (json_is_integer(percent) && json_is_integer(pool))
		snprintf(beside, sizeof(beside), " (pool %u %%)",
			 (unsigned int)json_integer_value(pool));
	if (errors > 0)
		snprintf(icmp, sizeof(icmp), ", %u ICMP error%s (%s)", (unsigned int)errors,
			 errors == 1 ? "" : "s", field_text(passive, "icmp_error", "?"));
	render_field(view, "passive", "%s; in 10 s %s%s%s", mode, flows, beside, icmp);
}

static void render_history(const struct view *view, const json_t *history)
{
	const json_t *event;
	char at[TEXT_MAX];
	size_t i;

	json_array_foreach (history, i, event) {
		render_field(view, i == 0 ? "history" : "", "%s  %s",
			     text_time(field_count(event, "time_s"), view->now_s, at),
			     field_text(event, "text", ""));
	}
}

void render_member(const struct view *view, const json_t *member)
{
	const json_t *slow_start = json_object_get(member, "slow_start");
	const char *owner = field_text(member, "owner", "file");
	char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX], text[96];

	render_field(view, "member", "%s", render_endpoint(member, text, sizeof(text)));
	if (field_text(member, "name", "")[0] != '\0')
		render_field(view, "name", "%s", field_text(member, "name", ""));
	render_field(view, "pool", "%s/%s", field_text(member, "service", "?"),
		     field_text(member, "pool", "?"));
	render_field(view, "state", "%s", field_text(member, "state", ""));
	weight_text(member, text, sizeof(text));
	render_field(view, "weight", "%s", text);
	if (json_is_object(slow_start))
		render_field(view, "slow start", "%s of its weight, all of it in %s",
			     text_percent(field_number(slow_start, "percent", 0), a),
			     text_duration(field_count(slow_start, "left_s"), b));
	render_field(view, "share", "%s of its own weight, %s of new connections",
		     text_percent(field_number(member, "now_percent", 0), a),
		     text_percent(field_number(member, "of_new_percent", 0), b));
	render_ceiling(view, member);
	render_field(view, "why", "%s", field_text(member, "share_text", ""));
	render_circuit(view, json_object_get(member, "circuit"));
	render_passive(view, json_object_get(member, "passive"));
	admin_text(member, text, sizeof(text));
	render_field(view, "admin", "%s", text);
	if (strcmp(field_text(member, "discovery", "ready"), "ready") != 0)
		render_field(view, "discovery", "%s", field_text(member, "discovery", ""));
	render_leaving(view, member);
	render_health(view, member);
	render_check(view, json_object_get(member, "check"));
	render_certificate(view, json_object_get(member, "check"));
	render_nexthop(view, json_object_get(member, "nexthop"));
	render_field(view, "owner", "%s%s", owner,
		     strcmp(owner, "api") == 0 ? ": added while running, not in the file" : "");
	render_field(view, "now", "%s packets, %s bits, %s new connections",
		     text_rate(field_rate(member, "packets"), a),
		     text_rate(field_rate(member, "bytes") * 8, b),
		     text_rate(field_rate(member, "new_connections"), c));
	render_field(view, "total", "%s packets, %s, %s new connections",
		     text_count(field_count(member, "packets"), a),
		     text_bytes(field_number(member, "bytes", 0), b),
		     text_count(field_count(member, "new_connections"), c));
	render_history(view, json_object_get(member, "history"));
}

void render_member_line(const struct view *view, const json_t *member)
{
	char endpoint[96];
	char weight[64];
	char deadline[64];

	weight_text(member, weight, sizeof(weight));
	fprintf(view->out, "%s/%s %s: weight %s, %s%s\n", field_text(member, "service", "?"),
		field_text(member, "pool", "?"),
		render_endpoint(member, endpoint, sizeof(endpoint)), weight,
		field_text(member, "state", "?"),
		render_deadline(member, deadline, sizeof(deadline)));
}

void render_member_share(const struct view *view, const json_t *member)
{
	char endpoint[96];

	fprintf(view->out, "%s/%s %s: %s\n", field_text(member, "service", "?"),
		field_text(member, "pool", "?"),
		render_endpoint(member, endpoint, sizeof(endpoint)),
		field_text(member, "share_text", field_text(member, "state", "?")));
}

static const char *counts(const json_t *limit)
{
	const char *count = field_text(limit, "count", "");

	return strcmp(count, "new-connections") == 0 ? "new conn" : count;
}

static const char *format_tokens(const json_t *limit, uint64_t tokens, char buffer[TEXT_MAX])
{
	return strcmp(field_text(limit, "count", ""), "bytes") == 0
		       ? text_bytes((double)tokens, buffer)
		       : text_count(tokens, buffer);
}

const char *render_tokens(const json_t *object, const char *key, char buffer[TEXT_MAX])
{
	return format_tokens(object, field_count(object, key), buffer);
}

static void add_mode(struct table *table, const json_t *limit)
{
	const char *mode = field_text(limit, "mode", "");
	const char *mode_file = field_text(limit, "mode_file", mode);

	if (strcmp(mode, mode_file) == 0)
		table_text(table, mode);
	else
		table_textf(table, "%s (file: %s)", mode, mode_file);
	table_colour(table, render_state_colour(mode));
}

/* An attack, or how many are banned. */
static void add_limit_state(struct table *table, const json_t *limit)
{
	uint64_t banned = field_count(limit, "sources_banned");
	char attack[64], count[TEXT_MAX];

	render_attack(limit, attack, sizeof(attack));
	if (attack[0] != '\0')
		table_text(table, attack);
	else if (banned > 0)
		table_textf(table, "%s banned", text_count(banned, count));
	else
		table_text(table, NULL);
	table_colour(table, attack[0] != '\0' ? "red" : NULL);
}

static void limits_table(const struct view *view, const json_t *limits, bool has_scope)
{
	static const struct table_column columns[] = {
		{"LIMIT", false, 0, 12},      {"COUNTS", false, 1, 0}, {"RATE/SOURCE", false, 0, 0},
		{"BURST", true, 2, 0},	      {"MODE", false, 0, 0},   {"REFUSED", true, 0, 0},
		{"WOULD REFUSE", true, 0, 0}, {"SOURCES", true, 3, 0}, {"STATE", false, 0, 0},
		{"SCOPE", false, 4, 0},
	};
	AUTO_TABLE struct table *table =
		table_new(columns, has_scope ? ARRAY_SIZE(columns) : ARRAY_SIZE(columns) - 1);
	const json_t *limit;
	char number[TEXT_MAX];
	size_t i;

	json_array_foreach (limits, i, limit) {
		double refused = field_rate(limit, "refused");
		const char *mode = field_text(limit, "mode", "");

		table_row(table);
		table_text(table, field_text(limit, "name", NULL));
		table_text(table, counts(limit));
		table_textf(table, "%s /%u /%u", field_text(limit, "rate", "?"),
			    (unsigned int)field_count(limit, "prefix4"),
			    (unsigned int)field_count(limit, "prefix6"));
		table_text(table, render_tokens(limit, "burst", number));
		add_mode(table, limit);
		table_text(table, strcmp(mode, "enforce") == 0 ? text_rate(refused, number) : NULL);
		table_colour(table, refused > 0 ? "yellow" : NULL);
		table_text(table, strcmp(mode, "shadow") == 0
					  ? text_rate(field_rate(limit, "would_refuse"), number)
					  : NULL);
		table_text(table, text_count(field_count(limit, "sources_refused"), number));
		add_limit_state(table, limit);
		if (has_scope)
			table_text(table, field_text(limit, "scope", NULL));
	}
	table_print(table, view);
}

void render_limits(const struct view *view, const json_t *limits)
{
	limits_table(view, limits, true);
}

void render_limits_brief(const struct view *view, const json_t *limits)
{
	limits_table(view, limits, false);
}

static void render_scope(const struct view *view, const json_t *limit, const char *services)
{
	const char *scope = field_text(limit, "scope", "service");

	if (strcmp(scope, "everything") == 0)
		render_field(view, "scope", "all packets that arrive; replies are %scounted",
			     json_is_true(json_object_get(limit, "count_replies")) ? "" : "not ");
	else if (strcmp(scope, "services") == 0)
		render_field(view, "scope", "all services, one bucket for a source");
	else
		render_field(view, "services", "%s", services[0] != '\0' ? services : "none");
}

static void render_exceptions(const struct view *view, const json_t *limit)
{
	const json_t *exception, *prefix;
	size_t i, j;

	json_array_foreach (json_object_get(limit, "except"), i, exception) {
		char text[400] = "", more[32] = "", number[TEXT_MAX], burst[TEXT_MAX + 16] = "";

		json_array_foreach (json_object_get(exception, "prefixes"), j, prefix) {
			size_t used = strlen(text);

			if (used < sizeof(text) - 60)
				snprintf(text + used, sizeof(text) - used, "%s%s",
					 used > 0 ? ", " : "", json_string_value(prefix));
			else
				snprintf(more, sizeof(more), " and others");
		}
		if (json_is_integer(json_object_get(exception, "burst")))
			snprintf(burst, sizeof(burst), ", burst %s",
				 format_tokens(limit, field_count(exception, "burst"), number));
		render_field(view, "except", "%s%s: %s%s", text, more,
			     field_text(exception, "rate", "?"), burst);
	}
}

void render_limit(const struct view *view, const json_t *limit)
{
	const char *mode = field_text(limit, "mode", "");
	const char *mode_file = field_text(limit, "mode_file", mode);
	bool is_changed = strcmp(mode, mode_file) != 0;
	char a[TEXT_MAX], b[TEXT_MAX], services[300] = "";
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(limit, "services"), i, item) {
		size_t used = strlen(services);

		snprintf(services + used, sizeof(services) - used, "%s%s", used > 0 ? ", " : "",
			 json_is_string(item) ? json_string_value(item) : "?");
	}
	render_field(view, "limit", "%s", field_text(limit, "name", "?"));
	render_field(view, "mode", "%s%s%s%s", mode, is_changed ? " (" : "",
		     is_changed ? mode_file : "", is_changed ? " in the file)" : "");
	render_field(view, "rate", "%s %s per source, burst %s", field_text(limit, "rate", "?"),
		     counts(limit), render_tokens(limit, "burst", a));
	render_field(view, "source", "an IPv4 /%u or IPv6 /%u; this node alone counts",
		     (unsigned int)field_count(limit, "prefix4"),
		     (unsigned int)field_count(limit, "prefix6"));
	render_scope(view, limit, services);
	render_exceptions(view, limit);
	render_field(view, "remembers", "%s of %s sources; beyond, one in debt %s",
		     text_count(field_count(limit, "sources_in_use"), a),
		     text_count(field_count(limit, "sources"), b),
		     strcmp(field_text(limit, "overload", "open"), "closed") == 0
			     ? "leaves its debt to the next (overload: closed)"
			     : "is forgotten (overload: open)");
	render_field(view, "exact", "up to %s%s from sources never seen before",
		     text_pps(field_number(limit, "exact_up_to_pps", 0), b),
		     strcmp(field_text(limit, "count", ""), "bytes") == 0 ? " of full frames" : "");
	render_field(view, "shared", "two sources have one bucket by a chance of 1 in %s",
		     text_count(field_count(limit, "shared_one_in"), a));
	render_field(view, "now", "refuses %s, would refuse %s",
		     text_rate(field_rate(limit, "refused"), a),
		     text_rate(field_rate(limit, "would_refuse"), b));
	render_attack(limit, services, sizeof(services));
	render_field(view, "attack", "%s", services);
	render_field(view, "sources", "about %s refused in the last 10 s, %s banned",
		     text_count(field_count(limit, "sources_refused"), a),
		     text_count(field_count(limit, "sources_banned"), b));
	render_field(view, "passed", "%s", text_count(field_count(limit, "passed"), a));
	render_field(view, "refused", "%s", text_count(field_count(limit, "refused"), a));
	render_field(view, "would refuse", "%s", text_count(field_count(limit, "would_refuse"), a));
	render_field(view, "banned", "%s", text_count(field_count(limit, "banned"), a));
	render_field(view, "forgotten", "%s times a source in debt lost its place to another",
		     text_count(field_count(limit, "replaced_debt"), a));
}

void render_stats(const struct view *view, const json_t *stats)
{
	static const struct table_column columns[] = {
		{"VERDICT", false, 0, 0}, {"ACTION", false, 0, 0},  {"PACKETS", true, 0, 0},
		{"BYTES", true, 0, 0},	  {"MEANING", false, 1, 0},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	const json_t *verdict;
	char number[TEXT_MAX];
	size_t i;

	json_array_foreach (json_object_get(stats, "verdicts"), i, verdict) {
		if (field_count(verdict, "packets") == 0 && !view->is_verbose)
			continue;
		table_row(table);
		table_text(table, field_text(verdict, "name", NULL));
		table_text(table, field_text(verdict, "action", NULL));
		table_text(table, text_count(field_count(verdict, "packets"), number));
		table_text(table, text_bytes(field_number(verdict, "bytes", 0), number));
		table_text(table, field_text(verdict, "help", NULL));
	}
	table_print(table, view);
	fprintf(view->out, "\nreceived %s packets;",
		text_count(field_count(stats, "received_packets"), number));
	fprintf(view->out, " %s slots moved;",
		text_count(field_count(stats, "slots_moved"), number));
	fprintf(view->out, " %s packet events held back by their rate limit\n",
		text_count(field_count(stats, "events_suppressed"), number));
}

void render_event(const struct view *view, const json_t *event)
{
	static const char *const keys[] = {"service", "pool", "member", "limit", "source"};
	const char *who = field_text(event, "who", "");
	char at[TEXT_MAX];
	bool is_first = true;

	fprintf(view->out, "%6llu  %s  %-16s ", (unsigned long long)field_count(event, "seq"),
		text_time(field_count(event, "time_s"), view->now_s, at),
		field_text(event, "type", "?"));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = field_text(event, keys[i], "");

		if (text[0] == '\0')
			continue;
		fprintf(view->out, "%s%s", is_first ? "" : "/", text);
		is_first = false;
	}
	fprintf(view->out, "%s%s", is_first ? "" : ": ", field_text(event, "text", ""));
	fprintf(view->out, "%s%s\n", who[0] != '\0' ? ", by " : "", who);
}
