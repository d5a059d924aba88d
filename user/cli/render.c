/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Services, pools and members. */
#include "cli/render.h"

#include <stdarg.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "cli/field.h"
#include "cli/table.h"
#include "cli/text.h"

#define LABEL_WIDTH 13

const char *render_state_colour(const char *state)
{
	static const char *const good[] = {"ok", "serving", "enforce"};
	static const char *const bad[] = {"down", "fault", "ejected", "unreachable"};
	static const char *const odd[] = {"degraded",  "maintenance", "draining",
					  "no weight", "on trial",    "suspect"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (strcmp(state, good[i]) == 0)
			return "green";
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (strcmp(state, bad[i]) == 0)
			return "red";
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		if (strcmp(state, odd[i]) == 0)
			return "yellow";
	return NULL;
}

void render_field(const struct view *view, const char *label, const char *fmt, ...)
{
	char left[32];
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (text[0] == '\0')
		return;
	snprintf(left, sizeof(left), "%-*s", LABEL_WIDTH, label);
	text_wrap(view->out, left, LABEL_WIDTH, text, view->width);
}

const char *render_endpoint(const json_t *member, char *buffer, size_t size)
{
	const char *address = field_text(member, "address", "?");
	uint64_t port = field_count(member, "port");

	if (port == 0)
		snprintf(buffer, size, "%s", address);
	else if (strchr(address, ':') != NULL)
		snprintf(buffer, size, "[%s]:%u", address, (unsigned int)port);
	else
		snprintf(buffer, size, "%s:%u", address, (unsigned int)port);
	return buffer;
}

void render_services(const struct view *view, const json_t *services)
{
	static const struct table_column columns[] = {
		{"SERVICE", false, 0, 12}, {"LISTEN", false, 0, 24}, {"MODE", false, 2, 0},
		{"SERVING", true, 0, 0},   {"NEW CONN", true, 4, 0}, {"PACKETS", true, 0, 0},
		{"BITS IN", true, 3, 0},   {"STATE", false, 0, 0},   {"TABLE", false, 1, 0},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	const json_t *service;
	char number[TEXT_MAX];
	size_t i;

	json_array_foreach (services, i, service) {
		const char *state = field_text(service, "state", "");
		bool is_local = strcmp(field_text(service, "mode", ""), "local") == 0;
		bool is_udp = strncmp(field_text(service, "listen", ""), "udp", 3) == 0;

		table_row(table);
		table_text(table, field_text(service, "name", NULL));
		table_text(table, field_text(service, "listen", NULL));
		table_text(table, field_text(service, "mode", NULL));
		if (is_local)
			table_text(table, NULL);
		else
			table_textf(table, "%u/%u",
				    (unsigned int)field_count(service, "members_serving"),
				    (unsigned int)field_count(service, "members_total"));
		table_text(table,
			   is_udp ? NULL
				  : text_rate(field_rate(service, "new_connections"), number));
		table_text(table, text_rate(field_rate(service, "packets"), number));
		table_text(table, text_rate(field_rate(service, "bytes") * 8, number));
		table_text(table, state);
		table_colour(table, render_state_colour(state));
		table_text(table, field_text(service, "table", NULL));
	}
	table_print(table, view);
}

static void add_check(struct table *table, const json_t *member)
{
	const char *health = field_text(member, "health", "");
	const char *text = field_text(member, "health_text", "");
	const json_t *check = json_object_get(member, "check");
	char number[TEXT_MAX];

	if (strcmp(field_text(check, "type", ""), "none") == 0)
		table_text(table, "none");
	else if (strcmp(health, "up") == 0 && text[0] == '\0')
		table_textf(table, "ok %s",
			    text_latency(field_count(member, "latency_us"), number));
	else
		table_text(table, text);
}

/* ", cut in 4 min, 12 flows": the end is what a narrow table cuts. */
static size_t draining_text(const json_t *member, char *buffer, size_t size)
{
	const json_t *flows = json_object_get(member, "flows");
	uint64_t known = field_count(flows, "known");
	char number[TEXT_MAX], left[48] = "", deadline[64];

	if (field_bool(flows, "drained"))
		snprintf(left, sizeof(left), ", no flows");
	else if (field_bool(flows, "counted"))
		snprintf(left, sizeof(left), ", %s flow%s", text_count(known, number),
			 known == 1 ? "" : "s");
	render_deadline(member, deadline, sizeof(deadline));
	return (size_t)snprintf(buffer, size, "%s%s", deadline, left);
}

/* " by alice, 12 min left" behind what it is; "forced in" behind what it would not be. */
static size_t override_text(const json_t *override, const char *state, char *buffer, size_t size)
{
	const json_t *left = json_object_get(override, "left_s");
	bool is_forced = strcmp(field_text(override, "state", ""), "forced") == 0;
	const char *who = field_text(override, "who", "");
	char number[TEXT_MAX];
	size_t used = 0;

	if (is_forced || strcmp(state, "ejected") != 0)
		used = (size_t)snprintf(buffer, size, ", %s", is_forced ? "forced in" : "ejected");
	used += (size_t)snprintf(buffer + used, size - used, "%s%s", *who ? " by " : "", who);
	if (json_is_integer(left) && used < size)
		used += (size_t)snprintf(buffer + used, size - used, ", %s left",
					 text_duration(field_count(override, "left_s"), number));
	return used;
}

/* ", 61 % unanswered", or ", protocol unreachable". */
static size_t suspect_text(const json_t *passive, char *buffer, size_t size)
{
	const json_t *percent = json_object_get(passive, "unanswered_percent");
	const char *error = field_text(passive, "icmp_error", "");

	if (*error)
		return (size_t)snprintf(buffer, size, ", %s", error);
	if (json_is_integer(percent))
		return (size_t)snprintf(buffer, size, ", %u %% unanswered",
					(unsigned int)json_integer_value(percent));
	return 0;
}

static void state_text(const struct view *view, const json_t *member, char *buffer, size_t size)
{
	const json_t *nexthop = json_object_get(member, "nexthop");
	const json_t *slow_start = json_object_get(member, "slow_start");
	const json_t *override = json_object_get(member, "override");
	const json_t *circuit = json_object_get(member, "circuit");
	const char *state = field_text(member, "state", "");
	uint64_t since = field_count(member, "health_since_s");
	double weight = field_number(member, "weight", 0);
	double weight_file = field_number(member, "weight_file", weight);
	const char *admin = field_text(member, "admin", "");
	const char *why = field_text(nexthop, "text", "");
	char number[TEXT_MAX], left[TEXT_MAX];
	/* Too few others serve: see circuit in sluice.yaml(5). */
	bool is_readmitted = strcmp(state, "ejected") == 0 &&
			     field_number(member, "now_percent", 0) > 0;
	size_t used = (size_t)snprintf(buffer, size, "%s%s", is_readmitted ? "panic, " : "", state);

	if (json_is_object(override))
		used += override_text(override, state, buffer + used, size - used);
	else if (strcmp(state, "on trial") == 0)
		used += (size_t)snprintf(
			buffer + used, size - used, " %s, decision in %s",
			text_percent(field_number(member, "now_percent", 0), number),
			text_duration(field_count(circuit, "next_s"), left));
	else if (strcmp(state, "suspect") == 0)
		used += suspect_text(json_object_get(member, "passive"), buffer + used,
				     size - used);
	else if (strcmp(state, "ejected") == 0 &&
		 strcmp(field_text(member, "health", ""), "up") == 0)
		used += (size_t)snprintf(buffer + used, size - used, ", on trial in %s",
					 text_duration(field_count(circuit, "next_s"), left));
	else if (strcmp(state, "ejected") == 0 && since > 0 && since <= view->now_s)
		used += (size_t)snprintf(buffer + used, size - used, " %s",
					 text_duration(view->now_s - since, number));
	else if (strcmp(state, "unreachable") == 0 && used < size)
		used += (size_t)snprintf(buffer + used, size - used, ": %s",
					 *why ? why : "its next hop is not resolved yet");
	else if (json_is_object(slow_start) &&
		 (strcmp(state, "serving") == 0 || strcmp(state, "checking") == 0))
		used = (size_t)snprintf(
			buffer, size, "slow start, %s",
			text_percent(field_number(slow_start, "percent", 0), number));
	else if (strcmp(state, "draining") == 0 && used < size)
		used += draining_text(member, buffer + used, size - used);
	if (used >= size)
		return;
	if (strcmp(field_text(member, "owner", "file"), "api") == 0)
		snprintf(buffer + used, size - used, ", not in the file");
	else if (weight != weight_file)
		used += (size_t)snprintf(buffer + used, size - used, ", file: weight %.0f",
					 weight_file);
	if (used < size && strcmp(admin, field_text(member, "admin_file", admin)) != 0)
		snprintf(buffer + used, size - used, ", file: %s",
			 field_text(member, "admin_file", ""));
}

static bool has_several_pools(const json_t *members)
{
	const char *first = NULL;
	const json_t *member;
	size_t i;

	json_array_foreach (members, i, member) {
		const char *pool = field_text(member, "pool", "");

		if (first != NULL && strcmp(first, pool) != 0)
			return true;
		first = pool;
	}
	return false;
}

/* Of the longest state up to its deadline, 0: there is none. */
static int deadline_width(const json_t *members)
{
	const json_t *member;
	char deadline[64];
	int width = 0;
	size_t i;

	json_array_foreach (members, i, member)
		if (*render_deadline(member, deadline, sizeof(deadline)))
			width = MAX(width, text_width(field_text(member, "state", "")) +
						   text_width(deadline));
	return width;
}

static bool has_any_name(const json_t *members)
{
	const json_t *member;
	size_t i;

	json_array_foreach (members, i, member)
		if (*field_text(member, "name", ""))
			return true;
	return false;
}

void render_members(const struct view *view, const json_t *members)
{
	static const struct table_column columns[] = {
		{"MEMBER", false, 0, 21},
		{"NAME", false, 3, 16},
		{"POOL", false, 0, 8},
		{"WEIGHT", true, 2, 0},
		{"NOW", true, 0, 0},
		{"OF NEW", true, 0, 0},
		{"NEW CONN", true, 1, 0},
		{"CHECK", false, TABLE_PROSE, 12},
		{"STATE", false, TABLE_PROSE, 16},
	};
	AUTO_TABLE struct table *table = NULL;
	struct table_column shown[ARRAY_SIZE(columns)];
	bool has_pools = has_several_pools(members), has_names = has_any_name(members);
	const json_t *member;
	char number[TEXT_MAX];
	char text[200];
	int count = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(columns); i++)
		if ((i != 1 || has_names) && (i != 2 || has_pools))
			shown[count++] = columns[i];
	/* Where it would be cut it has three dots. */
	if (deadline_width(members))
		shown[count - 1].cut_to = deadline_width(members) + 3;
	table = table_new(shown, count);
	json_array_foreach (members, i, member) {
		double now = field_number(member, "now_percent", 0);

		table_row(table);
		table_text(table, render_endpoint(member, text, sizeof(text)));
		if (has_names)
			table_text(table, field_text(member, "name", NULL));
		if (has_pools)
			table_text(table, field_text(member, "pool", NULL));
		table_textf(table, "%.0f", field_number(member, "weight", 0));
		table_text(table, text_percent(now, number));
		table_text(table,
			   now > 0 ? text_percent(field_number(member, "of_new_percent", 0), number)
				   : NULL);
		table_text(table, now > 0 ? text_rate(field_rate(member, "new_connections"), number)
					  : NULL);
		add_check(table, member);
		state_text(view, member, text, sizeof(text));
		table_text(table, text);
		table_colour(table, render_state_colour(field_text(member, "state", "")));
	}
	table_print(table, view);
}

json_t *render_pool_members(const json_t *pools)
{
	json_t *members = json_array();
	const json_t *pool;
	size_t i;

	json_array_foreach (pools, i, pool) {
		json_array_extend(members, json_object_get(pool, "members"));
	}
	return members;
}

static void render_checks(const struct view *view, const json_t *pool)
{
	const json_t *check = json_object_get(pool, "check");
	const char *type = field_text(check, "type", "");
	uint64_t port = field_count(check, "port");
	char interval[TEXT_MAX], timeout[TEXT_MAX], fast[TEXT_MAX], down[TEXT_MAX];
	char where[32] = "";

	if (type[0] == '\0' || strcmp(type, "none") == 0) {
		render_field(view, "check", "%s", type);
		return;
	}
	if (port > 0)
		snprintf(where, sizeof(where), " to port %u", (unsigned int)port);
	render_field(view, "check",
		     "%s%s every %s (%s in doubt, %s when down), timeout %s; ejected after %u "
		     "failures, back after %u successes",
		     type, where, text_ms(field_count(check, "interval_ms"), interval),
		     text_ms(field_count(check, "fast_ms"), fast),
		     text_ms(field_count(check, "down_ms"), down),
		     text_ms(field_count(check, "timeout_ms"), timeout),
		     (unsigned int)field_count(check, "fall"),
		     (unsigned int)field_count(check, "rise"));
}

void render_pools(const struct view *view, const json_t *pools)
{
	static const struct table_column columns[] = {
		{"POOL", false, 0, 12}, {"SHARE", true, 0, 0},	 {"MODE", false, 0, 0},
		{"CHECK", false, 0, 0}, {"MEMBERS", true, 0, 0},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	const json_t *pool;
	size_t i;

	json_array_foreach (pools, i, pool) {
		table_row(table);
		table_text(table, field_text(pool, "name", NULL));
		table_textf(table, "%.0f", field_number(pool, "share", 0));
		table_text(table, field_text(pool, "mode", NULL));
		table_text(table, field_text(json_object_get(pool, "check"), "type", NULL));
		table_textf(table, "%zu", json_array_size(json_object_get(pool, "members")));
	}
	table_print(table, view);
}

const char *render_mode(const json_t *object, char *buffer, size_t size)
{
	const char *mode = field_text(object, "mode", "");

	if (!json_is_integer(json_object_get(object, "gue_port")))
		return mode;
	snprintf(buffer, size, "%s to UDP port %u", mode,
		 (unsigned int)field_count(object, "gue_port"));
	return buffer;
}

static void render_left_out(const struct view *view, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		render_field(view, i ? "" : "left out", "%s has %s: %s",
			     field_text(item, "name", "?"), field_text(item, "address", "?"),
			     field_text(item, "reason", ""));
}

void render_pool(const struct view *view, const json_t *pool)
{
	char mode[TEXT_MAX];

	render_field(view, "pool", "%s/%s", field_text(pool, "service", "?"),
		     field_text(pool, "name", "?"));
	render_field(view, "mode", "%s", render_mode(pool, mode, sizeof(mode)));
	render_field(view, "share", "%.0f, relative to the other pools of the service",
		     field_number(pool, "share", 0));
	render_checks(view, pool);
	render_left_out(view, json_object_get(pool, "left_out"));
	fputc('\n', view->out);
	render_members(view, json_object_get(pool, "members"));
}

static void join(const json_t *texts, char *buffer, size_t size)
{
	const json_t *item;
	size_t used = 0;
	size_t i;

	buffer[0] = '\0';
	json_array_foreach (texts, i, item) {
		if (used < size && json_is_string(item))
			used += (size_t)snprintf(buffer + used, size - used, "%s%s",
						 used > 0 ? ", " : "", json_string_value(item));
	}
}

static const char *panic_text(const char *panic)
{
	if (strcmp(panic, "fallback") == 0)
		return "too few members are healthy: the fallback pool serves";
	if (strcmp(panic, "readmit") == 0)
		return "too few members are healthy: some that fail serve all the same";
	return "too few members are healthy, and none is re-admitted";
}

/* Each member's share in words, where it is not simply all of its weight. */
static void render_shares(const struct view *view, const json_t *members)
{
	bool has_title = false;
	const json_t *member;
	char endpoint[96];
	size_t i;

	json_array_foreach (members, i, member) {
		const char *text = field_text(member, "share_text", "");

		if (*text == '\0' || strcmp(text, "serving: all of its weight") == 0)
			continue;
		if (!has_title)
			fputc('\n', view->out);
		has_title = true;
		fprintf(view->out, "%s  %s\n", render_endpoint(member, endpoint, sizeof(endpoint)),
			text);
	}
}

void render_service(const struct view *view, const json_t *service)
{
	const json_t *pools = json_object_get(service, "pools");
	json_t *members = render_pool_members(pools);
	const char *state = field_text(service, "state", "");
	const char *panic = field_text(service, "panic", "none");
	char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX], limits[300];

	render_field(view, "service", "%s", field_text(service, "name", "?"));
	render_field(view, "listen", "%s", field_text(service, "listen", ""));
	/* With pools of several modes those of pools are with them. */
	render_field(view, "mode", "%s",
		     json_array_size(pools) == 1
			     ? render_mode(json_array_get(pools, 0), a, sizeof(a))
			     : field_text(service, "mode", ""));
	render_field(view, "state", "%s", state);
	if (strcmp(panic, "none") != 0)
		render_field(view, "panic", "%s", panic_text(panic));
	if (json_array_size(pools) > 0) {
		render_field(view, "serving", "%u of %u members, %s of the configured weight",
			     (unsigned int)field_count(service, "members_serving"),
			     (unsigned int)field_count(service, "members_total"),
			     text_percent(field_number(service, "weight_serving_percent", 0), a));
		render_field(view, "table", "%s, %s slots", field_text(service, "table", "-"),
			     text_count(field_count(service, "slots"), a));
	}
	join(json_object_get(service, "limits"), limits, sizeof(limits));
	render_field(view, "limits", "%s", limits[0] != '\0' ? limits : "none");
	render_ceiling(view, service);
	render_field(view, "now", "%s packets, %s bits, %s new connections",
		     text_rate(field_rate(service, "packets"), a),
		     text_rate(field_rate(service, "bytes") * 8, b),
		     text_rate(field_rate(service, "new_connections"), c));
	render_field(view, "total", "%s packets, %s, %s new connections",
		     text_count(field_count(service, "packets"), a),
		     text_bytes(field_number(service, "bytes", 0), b),
		     text_count(field_count(service, "new_connections"), c));
	if (json_array_size(pools) > 1) {
		fputc('\n', view->out);
		render_pools(view, pools);
	}
	if (json_array_size(members) > 0) {
		fputc('\n', view->out);
		render_members(view, members);
		render_shares(view, members);
	}
	json_decref(members);
}
