/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/offline_view.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/map_types.h>

#include "base/addr.h"
#include "base/util.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "cli/table.h"
#include "cli/text.h"
#include "dataplane/pinned.h"

static const char *mode_name(enum sluice_mode mode)
{
	static const char *const names[SLUICE_MODE_MAX] = {"none", "l2", "ipip", "local", "gue"};

	return mode < SLUICE_MODE_MAX ? names[mode] : "?";
}

/* ---- from the maps -------------------------------------------------------------------------- */

static const char *member_state(uint64_t word)
{
	if (word & SLUICE_MEMBER_F_MAINT)
		return "maintenance";
	if (word & (SLUICE_MEMBER_F_DEAD | SLUICE_MEMBER_F_DOWN))
		return "out";
	if (word & SLUICE_MEMBER_F_DRAIN)
		return "draining";
	return SLUICE_MEMBER_NEXTHOP(word) == SLUICE_NEXTHOP_NONE ? "unreachable" : "serving";
}

static json_t *view_member(const struct dp_pinned *pinned, uint32_t index,
			   const struct sluice_member *member, double of_new_percent)
{
	struct sluice_member_stats stats = {0};
	char address[ADDR_TEXT_MAX], pool[64];

	addr_format(&member->addr, address);
	dp_pinned_name(pinned, SLUICE_NAME_POOL, member->service, member->pool, pool);
	dp_pinned_member_stats(pinned, index, &stats);
	return json_pack(
		"{s:s, s:s, s:i, s:s, s:b, s:f, s:I, s:I, s:I}", "pool", pool, "address", address,
		"port", ntohs(member->port_be), "state", member_state(member->word), "set_offline",
		(member->word & SLUICE_MEMBER_F_OFFLINE) != 0, "of_new_percent", of_new_percent,
		"packets", (json_int_t)stats.packets, "bytes", (json_int_t)stats.bytes,
		"new_connections", (json_int_t)stats.new_connections);
}

static void listen_text(const struct sluice_service *service, char *buffer, size_t size)
{
	char endpoint[ENDPOINT_TEXT_MAX];

	addr_format_endpoint(&service->addr, ntohs(service->port_be), endpoint);
	snprintf(buffer, size, "%s %s", service->proto == IPPROTO_UDP ? "udp" : "tcp", endpoint);
}

/* Of the members that would serve: those with slots, and those whose pool has none. */
struct tally {
	uint32_t with_slots[UINT8_MAX + 1], without[UINT8_MAX + 1]; /* by the pool's position */
	uint32_t serving, idle;
};

static void tally_pools(struct tally *tally)
{
	size_t p;

	for (p = 0; p < ARRAY_SIZE(tally->without); p++) {
		tally->serving += tally->with_slots[p];
		tally->idle += tally->with_slots[p] ? 0 : tally->without[p];
	}
}

static const char *service_state(const struct tally *tally, size_t total)
{
	if (!tally->serving)
		return "down";
	return tally->serving + tally->idle == total ? "ok" : "degraded";
}

static json_t *view_service(const struct dp_pinned *pinned, const struct sluice_service *service)
{
	bool is_local = service->word & SLUICE_SVC_F_LOCAL;
	enum sluice_mode mode = is_local ? SLUICE_MODE_LOCAL : SLUICE_MODE_NONE;
	json_t *members = json_array();
	AUTO_FREE uint32_t *owned = NULL;
	struct tally tally = {0};
	uint32_t slots;
	char name[64], listen[80];

	slots = dp_pinned_owned(pinned, service, &owned);
	for (uint32_t i = 1; !is_local && i < pinned->members.count; i++) {
		const struct sluice_member *member = dp_pinned_member(pinned, i);

		if (member == NULL || member->service != service->id)
			continue;
		mode = SLUICE_MEMBER_MODE(member->word);
		if (strcmp(member_state(member->word), "serving") == 0) {
			tally.with_slots[member->pool] += owned[i] > 0;
			tally.without[member->pool] += owned[i] == 0;
		}
		json_array_append_new(
			members,
			view_member(pinned, i, member, slots > 0 ? 100.0 * owned[i] / slots : 0));
	}
	tally_pools(&tally);
	listen_text(service, listen, sizeof(listen));
	dp_pinned_name(pinned, SLUICE_NAME_SERVICE, service->id, 0, name);
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o}", "name", name, "listen", listen,
			 "mode", mode_name(mode), "state",
			 is_local ? "ok" : service_state(&tally, json_array_size(members)),
			 "members_total", (json_int_t)json_array_size(members), "members_serving",
			 (json_int_t)tally.serving, "members_idle", (json_int_t)tally.idle,
			 "members", members);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(field_text(*(json_t *const *)a, "name", ""),
		      field_text(*(json_t *const *)b, "name", ""));
}

json_t *offline_view_services(const struct dp_pinned *pinned)
{
	AUTO_FREE json_t **services = NULL;
	size_t count = 0, capacity = 0;
	json_t *list = json_array();

	for (uint32_t cell = 0; cell < pinned->services.count; cell++) {
		const struct sluice_service *service = dp_pinned_service(pinned, cell);

		if (service == NULL)
			continue;
		services = util_grow(services, &capacity, count + 1, sizeof(json_t *));
		services[count++] = view_service(pinned, service);
	}
	if (count > 0)
		qsort(services, count, sizeof(json_t *), by_name);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, services[i]);
	return list;
}

json_t *offline_view_trial(const struct dp_trial_state *trial)
{
	if (trial->kind == SLUICE_TRIAL_NONE)
		return json_null();
	return json_pack("{s:s, s:b, s:I, s:I}", "kind",
			 trial->kind == SLUICE_TRIAL_RELOAD ? "reload" : "start", "is_over",
			 trial->is_over, "left_s", (json_int_t)trial->left_s, "since_s",
			 (json_int_t)trial->since_s);
}

/* ---- to a terminal -------------------------------------------------------------------------- */

static void render_services_offline(const struct view *view, const json_t *services)
{
	static const struct table_column columns[] = {
		{"SERVICE", false, 0, 12}, {"LISTEN", false, 0, 24}, {"MODE", false, 1, 0},
		{"SERVING", true, 0, 0},   {"STATE", false, 0, 0},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	const json_t *service;
	size_t i;

	json_array_foreach (services, i, service) {
		const char *state = field_text(service, "state", "");

		table_row(table);
		table_text(table, field_text(service, "name", NULL));
		table_text(table, field_text(service, "listen", NULL));
		table_text(table, field_text(service, "mode", NULL));
		if (field_count(service, "members_total") > 0)
			table_textf(table, "%u/%u",
				    (unsigned int)field_count(service, "members_serving"),
				    (unsigned int)field_count(service, "members_total"));
		else
			table_text(table, NULL);
		table_text(table, state);
		table_colour(table, render_state_colour(state));
	}
	table_print(table, view);
}

static void render_members_offline(const struct view *view, const json_t *members)
{
	static const struct table_column columns[] = {
		{"MEMBER", false, 0, 21}, {"POOL", false, 1, 8},  {"OF NEW", true, 0, 0},
		{"PACKETS", true, 0, 0},  {"STATE", false, 0, 0},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	const json_t *member;
	char text[96];
	size_t i;

	json_array_foreach (members, i, member) {
		const char *state = field_text(member, "state", "");

		table_row(table);
		table_text(table, render_endpoint(member, text, sizeof(text)));
		table_text(table, field_text(member, "pool", NULL));
		table_text(table, text_percent(field_number(member, "of_new_percent", 0), text));
		table_text(table, text_count(field_count(member, "packets"), text));
		table_textf(table, "%s%s", state,
			    field_bool(member, "set_offline") ? ", set without sluiced" : "");
		table_colour(table, render_state_colour(state));
	}
	table_print(table, view);
}

static void render_traffic(const struct view *view, const json_t *document)
{
	const json_t *rates = json_object_get(document, "rates");
	const json_t *interfaces = json_object_get(document, "interfaces");
	const json_t *node = json_object_get(document, "node");
	char in[TEXT_MAX], pass[TEXT_MAX], drop[TEXT_MAX];
	const json_t *interface;
	size_t i;

	fputc('\n', view->out);
	render_field(view, "node", "%s   sluiced %s   revision %llu", field_text(node, "name", "?"),
		     field_text(node, "version", "?"),
		     (unsigned long long)field_count(node, "revision"));
	json_array_foreach (interfaces, i, interface) {
		render_field(view, field_text(interface, "name", "?"), "%s XDP, program %u",
			     field_text(interface, "mode", "?"),
			     (unsigned int)field_count(interface, "program_id"));
	}
	render_field(view, "traffic", "forwarded %s   passed %s   dropped %s",
		     text_pps(field_number(rates, "forwarded_pps", 0), in),
		     text_pps(field_number(rates, "passed_pps", 0), pass),
		     text_pps(field_number(rates, "dropped_pps", 0), drop));
}

void offline_render(const struct view *view, const json_t *document)
{
	const json_t *services = json_object_get(document, "services");
	const char *detach = field_text(document, "detach", "");
	const json_t *service;
	size_t i;

	render_verdict(view, field_text(document, "state", "fault"),
		       field_text(document, "summary", ""));
	render_why(view, document);
	if (detach[0] != '\0' && strcmp(detach, field_text(document, "next", "")) != 0)
		fprintf(view->out, "          %s, to stop forwarding\n", detach);
	if (json_object_get(document, "daemon") == NULL)
		return;
	render_traffic(view, document);
	if (json_array_size(services) > 0) {
		fputc('\n', view->out);
		render_services_offline(view, services);
	}
	json_array_foreach (services, i, service) {
		const json_t *members = json_object_get(service, "members");

		if (json_array_size(members) == 0 ||
		    (!view->is_verbose && strcmp(field_text(service, "state", ""), "ok") == 0))
			continue;
		fprintf(view->out, "\n%s\n", field_text(service, "name", "?"));
		render_members_offline(view, members);
	}
}
