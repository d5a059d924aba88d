/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Metrics of members: traffic, share, state, circuit, checks. */
#include "metrics/metrics.h"

#include "base/addr.h"
#include "core/weights.h"
#include "metrics/text.h"

uint32_t metrics_count_members(const struct model_service *service, enum metrics_members which)
{
	uint32_t count = 0;
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];
		bool is_idle = !weights_pool_share(pool);

		for (m = 0; m < pool->member_count; m++) {
			enum member_state state = member_state_of(&pool->members[m]);

			count += which == METRICS_MEMBERS_ALL ||
				 (member_state_serves(state) &&
				  is_idle == (which == METRICS_MEMBERS_IDLE));
		}
	}
	return count;
}

struct member_view {
	const struct model_service *service;
	const struct model_pool *pool;
	const struct model_member *member;
	struct metric_label labels[METRIC_LABELS_MAX]; /* three set, room for more */
};

typedef void (*member_fn)(struct metric_text *text, const struct metrics_source *source,
			  struct member_view *view);

static void for_each_member(struct metric_text *text, const struct metrics_source *source,
			    member_fn fn)
{
	size_t s, p, m;

	for (s = 0; s < model_service_count(source->model); s++) {
		const struct model_service *service = model_service_at(source->model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct model_pool *pool = &service->pools[p];

			for (m = 0; m < pool->member_count; m++) {
				const struct model_member *member = &pool->members[m];
				char endpoint[ENDPOINT_TEXT_MAX];
				struct member_view view = {
					.service = service,
					.pool = pool,
					.member = member,
					.labels = {{"lb_service", service->name},
						   {"pool", pool->name},
						   {"member", endpoint}},
				};

				addr_format_endpoint(&member->addr, member->port, endpoint);
				fn(text, source, &view);
			}
		}
	}
}

static void write_traffic(struct metric_text *text, const struct metrics_source *source,
			  const struct member_view *view, size_t counter)
{
	uint64_t total[STATS_COUNTERS];

	stats_total(source->stats, STATS_KEY(STATS_MEMBER, view->member->id), total);
	metric_count(text, view->labels, total[counter]);
}

static void write_packets(struct metric_text *text, const struct metrics_source *source,
			  struct member_view *view)
{
	write_traffic(text, source, view, 0);
}

static void write_bytes(struct metric_text *text, const struct metrics_source *source,
			struct member_view *view)
{
	write_traffic(text, source, view, 1);
}

static void write_new(struct metric_text *text, const struct metrics_source *source,
		      struct member_view *view)
{
	write_traffic(text, source, view, 2);
}

static void write_weight(struct metric_text *text, const struct metrics_source *source,
			 struct member_view *view)
{
	(void)source;
	metric_count(text, view->labels, view->member->weight);
}

static void write_share(struct metric_text *text, const struct metrics_source *source,
			struct member_view *view)
{
	(void)source;
	metric_value(text, view->labels, weights_member_share(view->member) / 65536.0);
}

static void write_slot_share(struct metric_text *text, const struct metrics_source *source,
			     struct member_view *view)
{
	metric_value(text, view->labels,
		     sync_member_slot_share(source->sync, view->member->id) / 4294967296.0);
}

static void write_state(struct metric_text *text, const struct metrics_source *source,
			struct member_view *view)
{
	enum member_state now = member_state_of(view->member);
	enum member_state state;

	(void)source;
	for (state = 0; state < MEMBER_STATE_MAX; state++) {
		view->labels[3] = (struct metric_label){"state", member_state_name(state)};
		metric_count(text, view->labels, state == now);
	}
}

static void write_circuit(struct metric_text *text, const struct metrics_source *source,
			  struct member_view *view)
{
	enum breaker_state state;

	(void)source;
	for (state = 0; state < BREAKER_STATE_MAX; state++) {
		view->labels[3] = (struct metric_label){"state", breaker_state_name(state)};
		metric_count(text, view->labels, state == view->member->breaker.state);
	}
}

static void write_trips(struct metric_text *text, const struct metrics_source *source,
			struct member_view *view)
{
	(void)source;
	metric_count(text, view->labels, view->member->trips);
}

static void write_suppressed(struct metric_text *text, const struct metrics_source *source,
			     struct member_view *view)
{
	(void)source;
	metric_count(text, view->labels, view->member->suppressed);
}

static struct passive_counts passive_total(const struct metrics_source *source,
					   const struct member_view *view)
{
	struct suspects_view now;

	suspects_view(source->suspects, view->member->id, &now);
	return now.total;
}

static void write_watched(struct metric_text *text, const struct metrics_source *source,
			  struct member_view *view)
{
	metric_count(text, view->labels, passive_total(source, view).syn);
}

static void write_handshakes(struct metric_text *text, const struct metrics_source *source,
			     struct member_view *view)
{
	metric_count(text, view->labels, passive_total(source, view).followed);
}

static void write_retransmits(struct metric_text *text, const struct metrics_source *source,
			      struct member_view *view)
{
	metric_count(text, view->labels, passive_total(source, view).repeated);
}

static void write_lost(struct metric_text *text, const struct metrics_source *source,
		       struct member_view *view)
{
	metric_count(text, view->labels, passive_total(source, view).lost);
}

static void write_icmp_errors(struct metric_text *text, const struct metrics_source *source,
			      struct member_view *view)
{
	metric_count(text, view->labels, passive_total(source, view).unreachable);
}

static void write_override(struct metric_text *text, const struct metrics_source *source,
			   struct member_view *view)
{
	enum override_state override;

	(void)source;
	for (override = OVERRIDE_EJECTED; override < OVERRIDE_STATE_MAX; override++) {
		view->labels[3] = (struct metric_label){"state", model_override_name(override)};
		metric_count(text, view->labels, override == view->member->override);
	}
}

static void write_discovery(struct metric_text *text, const struct metrics_source *source,
			    struct member_view *view)
{
	enum discovery_state discovery;

	(void)source;
	for (discovery = 0; discovery < DISCOVERY_STATE_MAX; discovery++) {
		view->labels[3] = (struct metric_label){"state", model_discovery_name(discovery)};
		metric_count(text, view->labels, discovery == view->member->discovery);
	}
}

static void write_checks(struct metric_text *text, const struct metrics_source *source,
			 struct member_view *view)
{
	struct check_report report;
	enum probe_result result;

	source->checks(source->arg, view->service, view->pool, view->member, &report);
	for (result = 0; result < PROBE_RESULT_MAX; result++) {
		view->labels[3] = (struct metric_label){"result", probe_result_name(result)};
		metric_count(text, view->labels, report.results[result]);
	}
}

static void write_check_time(struct metric_text *text, const struct metrics_source *source,
			     struct member_view *view)
{
	struct check_report report;

	source->checks(source->arg, view->service, view->pool, view->member, &report);
	metric_value(text, view->labels, (double)report.latency_us_sum / 1e6);
}

static void write_ceiling_refused(struct metric_text *text, const struct metrics_source *source,
				  struct member_view *view)
{
	uint32_t index = sync_member_ceiling(source->sync, view->member->id);
	uint64_t total[STATS_COUNTERS];

	if (!view->member->max_new.n)
		return;
	stats_total(source->stats, STATS_KEY(STATS_CEILING, index), total);
	metric_count(text, view->labels, total[1]);
}

static void write_expiry(struct metric_text *text, const struct metrics_source *source,
			 struct member_view *view)
{
	struct check_report report;

	source->checks(source->arg, view->service, view->pool, view->member, &report);
	if (report.expires_s)
		metric_count(text, view->labels, (uint64_t)report.expires_s);
}

static const struct {
	struct metric metric;
	member_fn fn;
} member_families[] = {
	{{"sluice_member_packets", METRIC_COUNTER, "Packets sent to the member."}, write_packets},
	{{"sluice_member_bytes", METRIC_COUNTER, "Bytes of those packets as received."},
	 write_bytes},
	{{"sluice_member_new_connections", METRIC_COUNTER, "TCP SYN packets sent to the member."},
	 write_new},
	{{"sluice_member_weight", METRIC_GAUGE, "Configured weight in force."}, write_weight},
	{{"sluice_member_share_ratio", METRIC_GAUGE,
	  "Part of its own weight that the member gets now."},
	 write_share},
	{{"sluice_member_slots_ratio", METRIC_GAUGE,
	  "Part of the service's slots, so of new connections, that the member owns."},
	 write_slot_share},
	{{"sluice_member_state", METRIC_GAUGE, "1 for the state the member is in."}, write_state},
	{{"sluice_member_circuit", METRIC_GAUGE, "1 for the state of the member's circuit."},
	 write_circuit},
	{{"sluice_member_circuit_trips", METRIC_COUNTER, "How often its circuit has opened."},
	 write_trips},
	{{"sluice_member_circuit_suppressed", METRIC_COUNTER,
	  "How often it was not ejected for its ratio because too many were out already."},
	 write_suppressed},
	{{"sluice_member_watched_flows", METRIC_COUNTER,
	  "New TCP flows to the member that were watched: a sample, or all."},
	 write_watched},
	{{"sluice_member_handshakes", METRIC_COUNTER, "Of the watched flows, those that went on."},
	 write_handshakes},
	{{"sluice_member_syn_retransmits", METRIC_COUNTER,
	  "Of the watched flows, those whose SYN was sent again."},
	 write_retransmits},
	{{"sluice_member_watched_lost", METRIC_COUNTER,
	  "Of the watched flows, those of which it is not known whether they went on."},
	 write_lost},
	{{"sluice_member_icmp_errors", METRIC_COUNTER,
	  "ICMP errors about packets to the member's host."},
	 write_icmp_errors},
	{{"sluice_member_override", METRIC_GAUGE, "1 when a person ejected it or forced it in."},
	 write_override},
	{{"sluice_member_discovery", METRIC_GAUGE, "1 for what whoever finds members says of it."},
	 write_discovery},
	{{"sluice_member_checks", METRIC_COUNTER,
	  "Health probes by result; undecided ones failed on this host's side."},
	 write_checks},
	{{"sluice_member_check_seconds", METRIC_COUNTER, "Time that passing probes took, summed."},
	 write_check_time},
	{{"sluice_member_ceiling_refused", METRIC_COUNTER,
	  "New connections that the member's ceiling refused."},
	 write_ceiling_refused},
	{{"sluice_member_certificate_expiry_timestamp_seconds", METRIC_GAUGE,
	  "End of the certificate that the member's https check saw."},
	 write_expiry},
};

void metrics_write_members(struct metric_text *text, const struct metrics_source *source)
{
	uint64_t members = 0;
	size_t s, i;

	for (s = 0; s < model_service_count(source->model); s++)
		members += metrics_count_members(model_service_at(source->model, s),
						 METRICS_MEMBERS_ALL);
	if (members > METRICS_MEMBERS_MAX)
		return;
	for (i = 0; i < ARRAY_SIZE(member_families); i++) {
		metric_begin(text, &member_families[i].metric);
		for_each_member(text, source, member_families[i].fn);
	}
}
