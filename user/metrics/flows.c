/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots in motion and the tables of flows. */
#include "core/sync_view.h"
#include "metrics/metrics.h"
#include "metrics/text.h"

static void write_tables(struct metric_text *text, const struct sync_flow_totals *totals)
{
	static const struct metric used = {"sluice_flow_entries", METRIC_GAUGE,
					   "Flows remembered, as of the last sweep."};
	static const struct metric capacity = {"sluice_flow_capacity", METRIC_GAUGE,
					       "Flows that a table has room for."};
	struct metric_label flows[METRIC_LABELS_MAX] = {{"table", "flows"}};
	struct metric_label pending[METRIC_LABELS_MAX] = {{"table", "pending"}};
	struct metric_label tracked[METRIC_LABELS_MAX] = {{"table", "tracked"}};

	metric_begin(text, &used);
	metric_count(text, flows, totals->flows_used);
	metric_count(text, pending, totals->pending_used);
	metric_count(text, tracked, totals->tracked_used);
	metric_begin(text, &capacity);
	metric_count(text, flows, totals->flows_capacity);
	metric_count(text, pending, totals->pending_capacity);
	metric_count(text, tracked, totals->tracked_capacity);
}

static void write_slots(struct metric_text *text, const struct sync_flow_totals *totals)
{
	static const struct metric slots = {"sluice_slots", METRIC_GAUGE,
					    "Slots that are not at rest, by state."};
	const struct {
		const char *state;
		uint32_t count;
	} states[] = {{"announced", totals->pre},
		      {"waiting", totals->waiting},
		      {"moving", totals->moving},
		      {"dirty", totals->dirty},
		      {"exceptional", totals->exceptional}};
	size_t i;

	metric_begin(text, &slots);
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct metric_label labels[METRIC_LABELS_MAX] = {{"state", states[i].state}};

		metric_count(text, labels, states[i].count);
	}
}

static void write_counters(struct metric_text *text, const struct sluice_flow_stats *stats)
{
	const struct {
		const char *name, *help;
		uint64_t value;
	} counters[] = {
		{"sluice_flow_hits", "Packets that found their flow's entry.", stats->hits},
		{"sluice_flow_misses", "Packets of slots in motion without an entry.",
		 stats->misses},
		{"sluice_flow_pending_hits", "Packets of connections that were opening.",
		 stats->pending_hits},
		{"sluice_flow_pending_stored", "Connections that opened in slots in motion.",
		 stats->pending_stored},
		{"sluice_flow_promoted", "Of these, established ones.", stats->promoted},
		{"sluice_flow_learned", "Flows of the earlier owner that were learned.",
		 stats->learned},
		{"sluice_flow_postponed",
		 "Connections that stayed with the earlier owner: pressure, or no room.",
		 stats->postponed},
		{"sluice_flow_unlearned", "Flows for which there was no room: their slot waits.",
		 stats->dirty},
		{"sluice_flow_taken_over", "Entries that a new connection took over.",
		 stats->taken_over},
		{"sluice_flow_tracked_hits", "Packets that found their tracked flow.",
		 stats->tracked_hits},
		{"sluice_flow_tracked_stored", "Flows tracked.", stats->tracked_stored},
		{"sluice_flow_tracked_evicted", "Tracked flows that gave way to others.",
		 stats->tracked_evicted},
	};
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		metric_one(text, counters[i].name, METRIC_COUNTER, counters[i].help,
			   (double)counters[i].value);
}

/* Nodes that agree have equal tables; a fingerprint is a name, not a number to count with. */
static void write_fingerprints(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric metric = {
		"sluice_service_table", METRIC_INFO,
		"Fingerprint of the slot table: equal on nodes that agree."};
	size_t i;

	metric_begin(text, &metric);
	for (i = 0; i < model_service_count(source->model); i++) {
		const struct model_service *service = model_service_at(source->model, i);
		char fingerprint[16];
		struct metric_label labels[METRIC_LABELS_MAX] = {{"lb_service", service->name},
								 {"fingerprint", fingerprint}};

		if (!sync_table_log2(source->sync, service->id))
			continue;
		snprintf(fingerprint, sizeof(fingerprint), "%08x",
			 sync_table_fingerprint(source->sync, service->id));
		metric_count(text, labels, 1);
	}
}

void metrics_write_flows(struct metric_text *text, const struct metrics_source *source)
{
	struct sync_flow_totals totals = {0};

	write_fingerprints(text, source);
	if (sync_view_totals(source->sync, &totals))
		return;
	write_tables(text, &totals);
	write_slots(text, &totals);
	write_counters(text, &totals.stats);
}
