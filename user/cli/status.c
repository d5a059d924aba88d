/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `sluicectl status`: the verdict first, then why, then the figures. */
#include "cli/render.h"

#include <ctype.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/run.h"
#include "cli/text.h"

#define INDENT 10
#define LABEL_MAX 40

void render_verdict(const struct view *view, const char *state, const char *text)
{
	static const struct {
		const char *state;
		const char *on;
	} colours[] = {{"ok", "\033[1;32m"},
		       {"degraded", "\033[1;33m"},
		       {"fault", "\033[1;31m"},
		       {"warning", "\033[1;33m"},
		       {"error", "\033[1;31m"}};
	const char *on = NULL;
	char word[32];
	int indent;

	for (size_t i = 0; i < ARRAY_SIZE(colours); i++)
		if (strcmp(state, colours[i].state) == 0)
			on = colours[i].on;
	util_copy(word, sizeof(word), state);
	for (char *c = word; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	indent = text_width(word) + 2;
	if (view->has_colour && on != NULL)
		fprintf(view->out, "%s%s\033[0m", on, word);
	else
		fputs(word, view->out);
	/* The width is what is left of the line after the word. */
	text_wrap(view->out, text[0] != '\0' ? "  " : "", indent, text,
		  view->width > 0 ? view->width - indent + 2 : 0);
}

void render_why(const struct view *view, const json_t *status)
{
	const char *next = field_text(status, "next", "");
	const char *label = "  why     ";
	const json_t *why;
	size_t i;

	json_array_foreach (json_object_get(status, "why"), i, why) {
		AUTO_FREE char *told = NULL;

		if (!json_is_string(why))
			continue;
		told = cli_as_told(json_string_value(why));
		text_wrap(view->out, label, INDENT, told, view->width);
		label = "          ";
	}
	if (next[0] != '\0')
		text_wrap(view->out, "  next    ", INDENT, next, view->width);
}

/* "label   text", labels aligned to `width`. */
static void node_line(const struct view *view, int width, const char *label, const char *text)
{
	char left[LABEL_MAX + 32];

	snprintf(left, sizeof(left), "%-*s  ", width, label);
	text_wrap(view->out, left, width + 2, text, view->width);
}

static void interface_text(const json_t *interface, char *buffer, size_t size)
{
	bool is_generic = strcmp(field_text(interface, "mode", ""), "generic") == 0;
	const char *driver = field_text(interface, "driver", "");
	const char *beside = field_text(interface, "beside", "");
	char ago[TEXT_MAX];

	snprintf(buffer, size, "%s XDP%s%s%s%s, attached %s",
		 is_generic ? "generic (slow)" : "native", driver[0] != '\0' ? ", " : "", driver,
		 beside[0] != '\0' ? ", beside " : "", beside,
		 text_duration(field_count(interface, "attached_s"), ago));
}

void render_announce(const json_t *node, const json_t *announce, char *buffer, size_t size)
{
	bool is_active = strcmp(field_text(node, "role", ""), "active") == 0;
	unsigned long long arp = field_count(announce, "arp");
	unsigned long long routes = field_count(announce, "routes");
	int used = 0;

	buffer[0] = '\0';
	if (arp > 0)
		used = snprintf(buffer, size, "ARP and ND %s for %llu address%s",
				is_active ? "answered" : "not answered", arp, arp == 1 ? "" : "es");
	if (routes > 0)
		snprintf(buffer + used, size - (size_t)used, "%sroutes %llu of %llu in table %llu",
			 arp > 0 ? ", " : "",
			 (unsigned long long)field_count(announce, "routes_installed"), routes,
			 (unsigned long long)field_count(announce, "table"));
}

void render_arrivals(const json_t *document, char *buffer, size_t size)
{
	const json_t *traffic = json_object_get(document, "traffic");
	uint64_t quiet_s = field_count(traffic, "quiet_s");
	char duration[TEXT_MAX];

	if (traffic == NULL)
		buffer[0] = '\0';
	else if (quiet_s < 2) /* the daemon looks once a second */
		snprintf(buffer, size, "packets for its services still arrive");
	else
		snprintf(buffer, size, "no packet for its services for %s",
			 text_duration(quiet_s, duration));
}

/* Nothing to say where nothing is announced, unless the node keeps out of the way. */
static void render_role(const struct view *view, const json_t *status, int width)
{
	const json_t *node = json_object_get(status, "node");
	const char *role = field_text(node, "role", "active");
	bool is_active = strcmp(role, "active") == 0;
	char text[200], arrivals[100] = "", line[400];

	render_announce(node, json_object_get(status, "announce"), text, sizeof(text));
	if (text[0] == '\0' && is_active)
		return;
	if (!is_active)
		render_arrivals(status, arrivals, sizeof(arrivals));
	snprintf(line, sizeof(line), "%s%s%s%s%s", role, text[0] != '\0' ? ": " : "", text,
		 arrivals[0] != '\0' ? "; " : "", arrivals);
	node_line(view, width, "role", line);
}

static void node_text(const struct view *view, const json_t *node, char *buffer, size_t size)
{
	const char *instance = field_text(node, "instance", "default");
	bool is_default = strcmp(instance, "default") == 0;
	unsigned long long count = field_count(node, "runtime_change_count");
	char up[TEXT_MAX], at[TEXT_MAX], changes[64] = "";

	if (count > 0)
		snprintf(changes, sizeof(changes), "; %llu runtime change%s not in file (diff)",
			 count, count == 1 ? "" : "s");
	snprintf(buffer, size, "sluiced %s up %s   revision %llu, loaded %s%s%s%s",
		 field_text(node, "version", "?"), text_duration(field_count(node, "uptime_s"), up),
		 (unsigned long long)field_count(node, "revision"),
		 text_time(field_count(node, "loaded_at_s"), view->now_s, at), changes,
		 is_default ? "" : "   instance ", is_default ? "" : instance);
}

/* Only what is on. */
static void render_switches(const struct view *view, int width, const json_t *status)
{
	static const char *const names[] = {"limits", "lists"};
	const json_t *bypass = json_object_get(status, "bypass");
	char left[TEXT_MAX], text[160];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const json_t *one = json_object_get(bypass, names[i]);

		if (field_count(one, "left_s") == 0)
			continue;
		snprintf(text, sizeof(text), "%s refuse nothing for another %s, set by %s",
			 names[i], text_duration(field_count(one, "left_s"), left),
			 field_text(one, "by", "?"));
		node_line(view, width, "bypass", text);
	}
}

static void render_node(const struct view *view, const json_t *status)
{
	const json_t *node = json_object_get(status, "node");
	const json_t *interfaces = json_object_get(status, "interfaces");
	const json_t *interface;
	char label[LABEL_MAX + 1], text[320], in[TEXT_MAX], pass[TEXT_MAX], drop[TEXT_MAX];
	int width = (int)strlen("traffic");
	size_t i;

	snprintf(label, sizeof(label), "node %s", field_text(node, "name", "?"));
	width = MAX(width, text_width(label));
	json_array_foreach (interfaces, i, interface) {
		width = MAX(width, text_width(field_text(interface, "name", "")));
	}
	node_text(view, node, text, sizeof(text));
	node_line(view, width, label, text);
	json_array_foreach (interfaces, i, interface) {
		interface_text(interface, text, sizeof(text));
		node_line(view, width, field_text(interface, "name", "?"), text);
	}
	snprintf(text, sizeof(text), "forwarded %s   passed %s   dropped %s",
		 text_pps(field_rate(status, "forwarded_pps"), in),
		 text_pps(field_rate(status, "passed_pps"), pass),
		 text_pps(field_rate(status, "dropped_pps"), drop));
	node_line(view, width, "traffic", text);
	render_role(view, status, width);
	render_switches(view, width, status);
}

static void render_drops(const struct view *view, const json_t *status)
{
	const json_t *drop;
	char text[1024] = "";
	char number[TEXT_MAX];
	size_t used = 0;
	size_t i;

	json_array_foreach (json_object_get(status, "dropped"), i, drop) {
		double rate = field_number(drop, "per_second", 0);

		if (rate <= 0 && !(view->is_verbose && field_count(drop, "total") > 0))
			continue;
		if (used >= sizeof(text))
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s%s",
					 used > 0 ? "   " : "", field_text(drop, "reason", "?"),
					 rate > 0 ? text_rate(rate, number)
						  : text_count(field_count(drop, "total"), number),
					 rate > 0 ? "" : " before");
	}
	if (used > 0) {
		fputc('\n', view->out);
		text_wrap(view->out, "DROPPED  ", 9, text, view->width);
	}
}

static bool is_limit_busy(const json_t *limits)
{
	const json_t *limit;
	size_t i;

	json_array_foreach (limits, i, limit) {
		if (field_rate(limit, "refused") > 0 || field_rate(limit, "would_refuse") > 0)
			return true;
	}
	return false;
}

static bool has_suspect(const json_t *members)
{
	const json_t *member;
	size_t i;

	json_array_foreach (members, i, member) {
		if (strcmp(field_text(member, "state", ""), "suspect") == 0)
			return true;
	}
	return false;
}

static void render_service_members(const struct view *view, const json_t *services)
{
	const json_t *service;
	size_t i;

	json_array_foreach (services, i, service) {
		json_t *members;
		bool is_shown = view->is_verbose ||
				strcmp(field_text(service, "state", ""), "ok") != 0;

		members = render_pool_members(json_object_get(service, "pools"));
		if (json_array_size(members) > 0 && (is_shown || has_suspect(members))) {
			fprintf(view->out, "\n%s\n", field_text(service, "name", "?"));
			render_members(view, members);
		}
		json_decref(members);
	}
}

static bool is_list_busy(const json_t *lists)
{
	const json_t *list;
	size_t i;

	json_array_foreach (lists, i, list) {
		if (field_rate(list, "refused") > 0 || field_rate(list, "would_refuse") > 0)
			return true;
	}
	return false;
}

void render_status(const struct view *view, const json_t *status)
{
	const json_t *services = json_object_get(status, "services");
	const json_t *limits = json_object_get(status, "limits");
	const json_t *lists = json_object_get(status, "lists");

	render_verdict(view, field_text(status, "state", "fault"),
		       field_text(status, "summary", ""));
	render_why(view, status);
	fputc('\n', view->out);
	render_node(view, status);
	if (json_array_size(services) > 0) {
		fputc('\n', view->out);
		render_services(view, services);
		render_service_members(view, services);
		render_motion(view, status);
	}
	if (json_array_size(limits) > 0 && (view->is_verbose || is_limit_busy(limits))) {
		fputc('\n', view->out);
		render_limits_brief(view, limits);
	}
	if (json_array_size(lists) > 0 && (view->is_verbose || is_list_busy(lists))) {
		fputc('\n', view->out);
		render_lists(view, lists);
	}
	render_drops(view, status);
}

int run_status(struct cli *cli)
{
	AUTO_ANSWER struct answer answer;
	enum client_result result = client_request(cli, "GET", "/v1/status", NULL, &answer);
	bool is_dead = result == CLIENT_NO_SOCKET || result == CLIENT_NO_DAEMON;
	int r;

	if (is_dead)
		offline_status(cli);
	r = client_finish(cli, result, &answer);
	if (r != CLI_OK)
		return r;
	if (cli->is_json) {
		client_print_body(cli, &answer);
	} else {
		struct view view = cli->view;

		view.width = CLI_STATUS_WIDTH;
		view.is_verbose = cli_option(cli, OPTION_VERBOSE) != NULL;
		render_status(&view, answer.document);
	}
	return strcmp(field_text(answer.document, "state", ""), "ok") == 0 ? CLI_OK : CLI_FALSE;
}
