/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/daemon.h"

#include "base/clock.h"

static void collect_verdicts(struct daemon *daemon)
{
	struct sluice_verdict_stats verdicts[SLUICE_V_MAX];
	size_t v;

	if (daemon->port.ops->verdict_stats(daemon->port.dp, verdicts))
		return;
	for (v = 0; v < SLUICE_V_MAX; v++) {
		const uint64_t raw[STATS_COUNTERS] = {verdicts[v].packets, verdicts[v].bytes};

		stats_record(daemon->stats, STATS_KEY(STATS_VERDICT, v), 0, raw);
	}
}

/* False: they could not be read. */
static bool collect_index(struct daemon *daemon, uint64_t group, uint64_t key, uint32_t index,
			  struct sluice_member_stats *stats)
{
	uint64_t raw[STATS_COUNTERS] = {0};

	*stats = (struct sluice_member_stats){0};
	if (index && daemon->port.ops->member_stats(daemon->port.dp, index, stats))
		return false;
	raw[0] = stats->packets;
	raw[1] = stats->bytes;
	raw[2] = stats->new_connections;
	stats_record(daemon->stats, key, group, raw);
	return index != 0;
}

static void collect_ceiling(struct daemon *daemon, uint32_t index, bool has_ceiling)
{
	struct sluice_ceiling_stats stats;

	if (index && has_ceiling &&
	    !daemon->port.ops->ceiling_stats(daemon->port.dp, index, &stats))
		stats_record(daemon->stats, STATS_KEY(STATS_CEILING, index), 0,
			     (uint64_t[STATS_COUNTERS]){stats.passed, stats.refused});
}

static void collect_member(struct daemon *daemon, const struct model_service *service,
			   const struct model_pool *pool, const struct model_member *member,
			   bool is_tick)
{
	uint32_t index = sync_member_index(daemon->sync, member->id);
	struct sluice_member_stats stats;

	if (collect_index(daemon, STATS_KEY(STATS_SERVICE, service->id),
			  STATS_KEY(STATS_MEMBER, member->id), index, &stats) &&
	    is_tick)
		passive_take(daemon, service, pool, member, index, &stats);
	collect_ceiling(daemon, sync_member_ceiling(daemon->sync, member->id), member->max_new.n);
}

static void collect_services(struct daemon *daemon, bool is_tick)
{
	struct sluice_member_stats local;
	size_t s, p, m;

	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);
		uint64_t group = STATS_KEY(STATS_SERVICE, service->id);

		stats_group(daemon->stats, group);
		collect_ceiling(daemon, service->id, service->max_new.n);
		if (service->mode == SLUICE_MODE_LOCAL)
			collect_index(daemon, group, STATS_KEY(STATS_LOCAL, service->id),
				      sync_local_index(daemon->sync, service->id), &local);
		for (p = 0; p < service->pool_count; p++)
			for (m = 0; m < service->pools[p].member_count; m++)
				collect_member(daemon, service, &service->pools[p],
					       &service->pools[p].members[m], is_tick);
	}
}

static void collect_limits(struct daemon *daemon)
{
	size_t i;

	for (i = 0; i < model_limit_count(daemon->model); i++) {
		const struct model_limit *limit = model_limit_at(daemon->model, i);
		struct sluice_limit_stats stats;

		if (daemon->port.ops->limit_stats(daemon->port.dp, limit->id, &stats))
			continue;
		stats_record(daemon->stats, STATS_KEY(STATS_LIMIT, limit->id), 0,
			     (uint64_t[STATS_COUNTERS]){stats.passed, stats.refused,
							stats.would_refuse, stats.replaced_debt,
							stats.banned});
	}
}

static void collect_lists(struct daemon *daemon)
{
	size_t i;

	for (i = 0; i < model_list_count(daemon->model); i++) {
		uint32_t id = model_list_at(daemon->model, i)->id;
		struct sluice_list_stats stats;

		if (daemon->port.ops->list_stats(daemon->port.dp, id, &stats))
			continue;
		stats_record(daemon->stats, STATS_KEY(STATS_LIST, id), 0,
			     (uint64_t[STATS_COUNTERS]){stats.matched, stats.refused,
							stats.would_refuse, 0});
	}
}

/* Seen at most a second late, so that a node is not thought quiet too early. */
static void notice_traffic(struct daemon *daemon)
{
	uint64_t forwarded[STATS_COUNTERS], local[STATS_COUNTERS];

	stats_total(daemon->stats, STATS_KEY(STATS_VERDICT, SLUICE_V_forwarded), forwarded);
	stats_total(daemon->stats, STATS_KEY(STATS_VERDICT, SLUICE_V_local), local);
	if (forwarded[0] + local[0] != daemon->served || !daemon->quiet_ms)
		daemon->quiet_ms = clock_now_ms();
	daemon->served = forwarded[0] + local[0];
}

void collect_counters(struct daemon *daemon, bool is_tick)
{
	if (daemon->is_detached)
		return;
	stats_begin(daemon->stats, clock_now_ms(), is_tick);
	collect_verdicts(daemon);
	collect_services(daemon, is_tick);
	collect_limits(daemon);
	collect_lists(daemon);
	stats_end(daemon->stats);
	notice_traffic(daemon);
}
