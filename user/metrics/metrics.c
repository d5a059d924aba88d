/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "metrics/metrics.h"

#include <stdlib.h>

#include <sluice/abi.h>

#include "base/addr.h"
#include "core/verdicts.h"
#include "core/weights.h"
#include "metrics/text.h"

/* ---- verdicts ------------------------------------------------------------------------------ */

static void write_verdicts(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric families[] = {
		{"sluice_verdict_packets", METRIC_COUNTER,
		 "Packets by how they left the program; their sum is what was received."},
		{"sluice_verdict_bytes", METRIC_COUNTER,
		 "Bytes of received frames by how they left the program."},
	};
	uint32_t v;
	size_t f;

	for (f = 0; f < ARRAY_SIZE(families); f++) {
		metric_begin(text, &families[f]);
		for (v = SLUICE_V_forwarded; v < SLUICE_V_MAX; v++) {
			struct metric_label labels[METRIC_LABELS_MAX] = {
				{"reason", verdicts_name(v)},
				{"action", verdicts_action_name(verdicts_action(v))}};
			uint64_t total[STATS_COUNTERS];

			stats_total(source->stats, STATS_KEY(STATS_VERDICT, v), total);
			metric_count(text, labels, total[f]);
		}
	}
}

/* ---- services ------------------------------------------------------------------------------ */

static void write_services(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric traffic[] = {
		{"sluice_service_packets", METRIC_COUNTER,
		 "Packets sent to the service's members, also to those that are gone."},
		{"sluice_service_bytes", METRIC_COUNTER, "Bytes of those packets as received."},
		{"sluice_service_new_connections", METRIC_COUNTER,
		 "TCP SYN packets sent to the service's members."},
	};
	/* The first ones as enum metrics_members has them. */
	static const struct metric gauges[] = {
		{"sluice_service_members", METRIC_GAUGE, "Members of the service."},
		{"sluice_service_members_serving", METRIC_GAUGE,
		 "Members that get new connections, but for those on trial."},
		{"sluice_service_members_idle", METRIC_GAUGE,
		 "Members that would serve if their pool had a share."},
		{"sluice_service_slots", METRIC_GAUGE, "Size of the service's slot table."},
		{"sluice_service_panic", METRIC_GAUGE,
		 "1 when too few members are healthy, so that others serve or nobody does."},
	};
	size_t count = model_service_count(source->model);
	size_t f, s;

	for (f = 0; f < ARRAY_SIZE(traffic) + ARRAY_SIZE(gauges); f++) {
		bool is_traffic = f < ARRAY_SIZE(traffic);

		metric_begin(text, is_traffic ? &traffic[f] : &gauges[f - ARRAY_SIZE(traffic)]);
		for (s = 0; s < count; s++) {
			const struct model_service *service = model_service_at(source->model, s);
			struct metric_label labels[METRIC_LABELS_MAX] = {
				{"lb_service", service->name}};
			uint64_t total[STATS_COUNTERS];
			uint32_t log2 = sync_table_log2(source->sync, service->id);

			if (is_traffic) {
				stats_total(source->stats, STATS_KEY(STATS_SERVICE, service->id),
					    total);
				metric_count(text, labels, total[f]);
			} else if (f == ARRAY_SIZE(traffic) + 4) {
				metric_count(text, labels, service->panic != PANIC_NONE);
			} else if (f == ARRAY_SIZE(traffic) + 3) {
				metric_count(text, labels, log2 ? 1ULL << log2 : 0);
			} else {
				metric_count(
					text, labels,
					metrics_count_members(
						service, (unsigned int)(f - ARRAY_SIZE(traffic))));
			}
		}
	}
}

/* ---- access lists -------------------------------------------------------------------------- */

static void write_lists(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric entries = {"sluice_list_entries", METRIC_GAUGE,
					      "Prefixes of the access list."};
	static const struct metric families[] = {
		{"sluice_list_matched", METRIC_COUNTER,
		 "Packets that the exempt or allow list let pass."},
		{"sluice_list_refused", METRIC_COUNTER,
		 "Packets dropped for being in the deny list, or in no allow list of a service "
		 "whose first one this is."},
		{"sluice_list_would_refuse", METRIC_COUNTER,
		 "Packets that would have been dropped but for a bypass."},
	};
	size_t f, i;

	metric_begin(text, &entries);
	for (i = 0; i < model_list_count(source->model); i++) {
		const struct model_list *list = model_list_at(source->model, i);
		struct metric_label labels[METRIC_LABELS_MAX] = {
			{"list", list->name}, {"action", list_action_name(list->action)}};

		metric_count(text, labels, list->configured->count + list->runtime->count);
	}
	for (f = 0; f < ARRAY_SIZE(families); f++) {
		metric_begin(text, &families[f]);
		for (i = 0; i < model_list_count(source->model); i++) {
			const struct model_list *list = model_list_at(source->model, i);
			struct metric_label labels[METRIC_LABELS_MAX] = {
				{"list", list->name}, {"action", list_action_name(list->action)}};
			uint64_t total[STATS_COUNTERS];

			stats_total(source->stats, STATS_KEY(STATS_LIST, list->id), total);
			metric_count(text, labels, total[f]);
		}
	}
}

/* ---- the daemon ---------------------------------------------------------------------------- */

static void write_interfaces(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric metric = {"sluice_interface_attached", METRIC_GAUGE,
					     "1 for each interface that runs the program."};
	size_t i;

	metric_begin(text, &metric);
	for (i = 0; i < source->interface_count; i++) {
		const struct metrics_interface *interface = &source->interfaces[i];
		struct metric_label labels[METRIC_LABELS_MAX] = {
			{"interface", interface->name},
			{"mode", interface->is_generic ? "generic" : "native"}};

		metric_count(text, labels, 1);
	}
}

static void write_bypass(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric metric = {
		"sluice_bypass_remaining_seconds", METRIC_GAUGE,
		"How long refusals are still only counted; 0 when they are not."};
	struct metric_label limits[METRIC_LABELS_MAX] = {{"what", "limits"}};
	struct metric_label lists[METRIC_LABELS_MAX] = {{"what", "lists"}};

	metric_begin(text, &metric);
	metric_count(text, limits, source->bypass_limits_left_s);
	metric_count(text, lists, source->bypass_lists_left_s);
	metric_one(text, "sluice_trial_remaining_seconds", METRIC_GAUGE,
		   "Until what is on trial ends unless confirmed; 0 when nothing is.",
		   (double)source->trial_left_s);
}

static void write_reloads(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric metric = {"sluice_config_reloads", METRIC_COUNTER,
					     "Loads of the configuration file by result."};
	struct metric_label applied[METRIC_LABELS_MAX] = {{"result", "applied"}};
	struct metric_label refused[METRIC_LABELS_MAX] = {{"result", "refused"}};

	metric_begin(text, &metric);
	metric_count(text, applied, source->reloads_applied);
	metric_count(text, refused, source->reloads_refused);
}

static void write_announcing(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric addresses = {"sluice_announced_addresses", METRIC_GAUGE,
						"Service addresses by the way they are announced."};
	struct metric_label arp[METRIC_LABELS_MAX] = {{"by", "arp"}};
	struct metric_label route[METRIC_LABELS_MAX] = {{"by", "route"}};

	metric_one(text, "sluice_node_active", METRIC_GAUGE,
		   "1 when the node answers ARP and has routes, 0 on standby.", source->is_active);
	metric_begin(text, &addresses);
	metric_count(text, arp, source->arp_addresses);
	metric_count(text, route, source->route_addresses);
	metric_one(text, "sluice_routes_installed", METRIC_GAUGE,
		   "Announced addresses whose route is in place.",
		   (double)source->routes_installed);
	metric_one(text, "sluice_gratuitous_frames", METRIC_COUNTER,
		   "Gratuitous ARP and unsolicited neighbour advertisements sent.",
		   (double)source->gratuitous_sent);
}

static void write_daemon(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric build = {"sluice_build", METRIC_INFO, "What is running."};
	char abi[16];
	struct metric_label labels[METRIC_LABELS_MAX] = {{"version", SLUICE_VERSION}, {"abi", abi}};

	snprintf(abi, sizeof(abi), "%d", SLUICE_ABI);
	metric_begin(text, &build);
	metric_count(text, labels, 1);
	metric_one(text, "sluice_ready", METRIC_GAUGE,
		   "1 when tables are loaded and the program is attached.", source->is_ready);
	metric_one(
		text, "sluice_local_fault", METRIC_GAUGE,
		"1 while this host is cut off: it announces nothing, and ejects nobody for that.",
		source->is_cut_off);
	write_interfaces(text, source);
	write_announcing(text, source);
	write_bypass(text, source);
	metric_one(text, "sluice_events_suppressed", METRIC_COUNTER,
		   "Packet events that were not sampled because of their rate limit.",
		   (double)source->events_suppressed);
	metric_one(text, "sluice_slots_moved", METRIC_COUNTER, "Slots that changed their owner.",
		   (double)sync_slots_moved_total(source->sync));
	metric_one(text, "sluice_map_problems", METRIC_GAUGE,
		   "Services and limits that cannot be written into the maps as configured.",
		   (double)sync_problem_count(source->sync));
	metric_one(text, "sluice_config_revision", METRIC_GAUGE,
		   "Number of the running configuration.", (double)model_revision(source->model));
	write_reloads(text, source);
	metric_one(text, "sluice_config_last_reload_successful", METRIC_GAUGE,
		   "0 when the file on disk was refused and the one before it runs.",
		   !source->is_last_reload_refused);
	metric_one(text, "sluice_config_last_load_timestamp_seconds", METRIC_GAUGE,
		   "When the running configuration was loaded.", (double)source->loaded_at_s);
	metric_one(text, "process_start_time_seconds", METRIC_GAUGE, "Start of the daemon.",
		   (double)source->started_s);
}

static void write_shifts(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric families[] = {
		{"sluice_shift_ratio", METRIC_GAUGE,
		 "Part of the service that the pool of its shift gets."},
		{"sluice_shift_state", METRIC_GAUGE, "1 for the state of the service's shift."},
	};
	size_t f, s;

	for (f = 0; f < ARRAY_SIZE(families); f++) {
		metric_begin(text, &families[f]);
		for (s = 0; s < model_service_count(source->model); s++) {
			const struct model_service *service = model_service_at(source->model, s);
			struct metric_label labels[METRIC_LABELS_MAX] = {
				{"lb_service", service->name}, {"pool", service->shift_to}};
			enum shift_state state;

			if (!shift_is_on(&service->shift))
				continue;
			if (f == 0)
				metric_value(text, labels, service->shift.percent / 100.0);
			for (state = SHIFT_RUNNING; f == 1 && state < SHIFT_STATE_MAX; state++) {
				labels[2] = (struct metric_label){"state", shift_state_name(state)};
				metric_count(text, labels, state == service->shift.state);
			}
		}
	}
}

char *metrics_render(const struct metrics_source *source, bool is_openmetrics, size_t *ret_length)
{
	struct metric_text text = {.is_openmetrics = is_openmetrics};
	char *buffer = NULL;

	text.out = open_memstream(&buffer, ret_length);
	if (!text.out)
		abort();
	write_daemon(&text, source);
	write_verdicts(&text, source);
	write_services(&text, source);
	write_shifts(&text, source);
	metrics_write_checks(&text, source);
	metrics_write_names(&text, source);
	metrics_write_flows(&text, source);
	metrics_write_members(&text, source);
	metrics_write_limits(&text, source);
	metrics_write_sources(&text, source);
	write_lists(&text, source);
	metric_end(&text);
	fclose(text.out);
	return buffer;
}
