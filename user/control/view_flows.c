/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections that are kept at their members, and slots in motion. */
#include "control/view.h"
#include "core/sync_view.h"

json_t *view_service_flows(const struct control_host *host, const struct model_service *service)
{
	struct sync_service_flows flows;

	sync_view_service(host->sync, service->id, &flows);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "stable",
			 (json_int_t)flows.stable, "announced", (json_int_t)flows.pre, "waiting",
			 (json_int_t)flows.waiting, "moving", (json_int_t)flows.moving,
			 "exceptional", (json_int_t)flows.exceptional, "dirty",
			 (json_int_t)flows.dirty, "held", (json_int_t)flows.entries, "settles_in_s",
			 (json_int_t)flows.settles_in_s);
}

json_t *view_member_flows(const struct control_host *host, const struct model_member *member)
{
	struct sync_member_flows flows;

	sync_view_member(host->sync, member->id, &flows);
	return json_pack("{s:I, s:I, s:I, s:b, s:b, s:I}", "slots_new", (json_int_t)flows.slots_cur,
			 "slots_old", (json_int_t)flows.slots_def, "known",
			 (json_int_t)flows.entries, "counted", flows.is_counted, "drained",
			 flows.is_drained, "learning_left_s", (json_int_t)flows.learning_left_s);
}

json_t *view_cut_warning(const struct sync_member_flows *flows)
{
	if (!flows->silence_s || flows->is_drained)
		return NULL;
	if (flows->is_counted)
		return json_sprintf("%u known flow%s cut; draining first keeps them",
				    flows->entries, flows->entries == 1 ? " is" : "s are");
	return json_sprintf("its flows are cut: %u known, the others are not counted yet; draining "
			    "first keeps them",
			    flows->entries);
}

static json_t *view_table(uint32_t used, uint32_t capacity)
{
	return json_pack("{s:I, s:I}", "used", (json_int_t)used, "capacity", (json_int_t)capacity);
}

json_t *view_flow_totals(const struct control_host *host)
{
	struct sync_flow_totals totals = {0};
	const struct sluice_flow_stats *stats = &totals.stats;

	if (sync_view_totals(host->sync, &totals))
		return json_null();
	return json_pack(
		"{s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I}",
		"flows", view_table(totals.flows_used, totals.flows_capacity), "pending",
		view_table(totals.pending_used, totals.pending_capacity), "tracked",
		view_table(totals.tracked_used, totals.tracked_capacity), "waiting",
		(json_int_t)totals.waiting, "moving", (json_int_t)totals.moving, "exceptional",
		(json_int_t)totals.exceptional, "hits", (json_int_t)stats->hits, "misses",
		(json_int_t)stats->misses, "pending_hits", (json_int_t)stats->pending_hits,
		"pending_stored", (json_int_t)stats->pending_stored, "promoted",
		(json_int_t)stats->promoted, "learned", (json_int_t)stats->learned, "postponed",
		(json_int_t)stats->postponed, "dirty", (json_int_t)stats->dirty, "taken_over",
		(json_int_t)stats->taken_over, "tracked_hits", (json_int_t)stats->tracked_hits,
		"tracked_stored", (json_int_t)stats->tracked_stored, "tracked_evicted",
		(json_int_t)stats->tracked_evicted);
}
