/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/suspects.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/util.h"

/* Of a trial's flows more must not fail for the others to speak for the member. */
#define TRIAL_FAILED_PERCENT 20
/* Who was watched wholly and no longer is: flows that were on their way are missed for so long. */
#define SETTLE_ROUNDS 2

struct suspect {
	uint64_t member_id;
	uint32_t index;	 /* in the packet path, of raw */
	uint32_t taken;	 /* the last round that saw it */
	uint32_t settle; /* rounds whose counters do not add up */
	bool has_load;
	uint32_t flows_avg; /* a second */
	uint32_t packets_avg;
	uint64_t trial_ms;	   /* when the trial began whose flows are in the window; 0: none */
	struct passive_counts raw; /* as last read */
	struct passive_counts total;
	uint64_t raw_flows, raw_packets;
	struct passive_window window;
	struct passive_state state;
	struct passive_view now;
	UT_hash_handle hh;
};

/* Errors are of a machine, whatever members it is. */
struct host {
	struct sluice_addr addr;
	uint32_t taken;
	uint8_t error;	/* the last kind that came */
	uint32_t fresh; /* errors that came since the round before it */
	uint64_t raw[SLUICE_UNREACHABLE_MAX];
	UT_hash_handle hh;
};

struct suspects {
	struct suspect *members;
	struct host *hosts;
	uint32_t round; /* the clock of the windows */
	/* Of the pool that is judged. */
	struct suspect **pool; /* NULL: nothing is known of it */
	struct passive_sums *sums;
	size_t pool_capacity, sums_capacity;
};

struct suspects *suspects_new(void)
{
	return util_alloc(sizeof(struct suspects));
}

static void forget(struct suspects *suspects, struct suspect *suspect)
{
	HASH_DEL(suspects->members, suspect);
	free(suspect);
}

static void forget_host(struct suspects *suspects, struct host *host)
{
	HASH_DEL(suspects->hosts, host);
	free(host);
}

void suspects_free(struct suspects *suspects)
{
	struct suspect *suspect, *next;
	struct host *host, *next_host;

	if (!suspects)
		return;
	HASH_ITER (hh, suspects->members, suspect, next)
		forget(suspects, suspect);
	HASH_ITER (hh, suspects->hosts, host, next_host)
		forget_host(suspects, host);
	free(suspects->pool);
	free(suspects->sums);
	free(suspects);
}

static struct suspect *find(const struct suspects *suspects, uint64_t member_id)
{
	struct suspect *suspect;

	HASH_FIND(hh, suspects->members, &member_id, sizeof(member_id), suspect);
	return suspect;
}

static struct host *find_host(const struct suspects *suspects, const struct sluice_addr *addr)
{
	struct host *host;

	HASH_FIND(hh, suspects->hosts, addr, sizeof(*addr), host);
	return host;
}

static struct suspect *add(struct suspects *suspects, uint64_t member_id)
{
	struct suspect *suspect = util_alloc(sizeof(*suspect));

	suspect->member_id = member_id;
	passive_clear(&suspect->window, suspects->round);
	HASH_ADD(hh, suspects->members, member_id, sizeof(suspect->member_id), suspect);
	return suspect;
}

/* ---- counters ------------------------------------------------------------------------------ */

/* Of a counter that only grows, unless it began again. */
static uint64_t grown(uint64_t now, uint64_t *raw)
{
	uint64_t by = now >= *raw ? now - *raw : now;

	*raw = now;
	return by;
}

static uint32_t average(const struct suspect *suspect, uint32_t before, uint64_t now)
{
	now = MIN(now, UINT32_MAX);
	return suspect->has_load ? (uint32_t)((before * 3ULL + now) / 4) : (uint32_t)now;
}

static void note_load(struct suspect *suspect, const struct sluice_member_stats *stats,
		      bool is_known)
{
	uint64_t flows = grown(stats->new_connections, &suspect->raw_flows);
	uint64_t packets = grown(stats->packets, &suspect->raw_packets);

	if (!is_known)
		return;
	suspect->flows_avg = average(suspect, suspect->flows_avg, flows);
	suspect->packets_avg = average(suspect, suspect->packets_avg, packets);
	suspect->has_load = true;
}

void suspects_take(struct suspects *suspects, uint64_t member_id, uint32_t index,
		   const struct sluice_member_stats *stats)
{
	struct suspect *suspect = find(suspects, member_id);
	struct passive_counts counted, *raw;
	bool is_known = suspects->round > 0 && suspect; /* since when, else? */

	if (!suspect && !stats->new_connections)
		return;
	if (!suspect)
		suspect = add(suspects, member_id);
	raw = &suspect->raw;
	if (suspect->index != index) {
		*raw = (struct passive_counts){0};
		suspect->raw_flows = suspect->raw_packets = 0;
	}
	suspect->index = index;
	suspect->taken = suspects->round;
	note_load(suspect, stats, is_known);
	counted = (struct passive_counts){
		.syn = grown(stats->syns, &raw->syn),
		.repeated = grown(stats->repeated, &raw->repeated),
		.followed = grown(stats->followed, &raw->followed),
		.lost = grown(stats->lost, &raw->lost),
	};
	suspect->total.syn += counted.syn;
	suspect->total.repeated += counted.repeated;
	suspect->total.followed += counted.followed;
	suspect->total.lost += counted.lost;
	if (is_known)
		passive_count(&suspect->window, &counted, suspects->round);
}

bool suspects_wants_host(const struct suspects *suspects, const struct sluice_addr *addr)
{
	const struct host *host = find_host(suspects, addr);

	return !host || host->taken != suspects->round;
}

void suspects_take_host(struct suspects *suspects, const struct sluice_addr *addr,
			const struct sluice_host *stats)
{
	struct host *host = find_host(suspects, addr);
	bool is_known = host != NULL;
	unsigned int error;

	if (!host) {
		host = util_alloc(sizeof(*host));
		host->addr = *addr;
		HASH_ADD(hh, suspects->hosts, addr, sizeof(host->addr), host);
	}
	host->taken = suspects->round;
	host->fresh = 0;
	for (error = 0; error < SLUICE_UNREACHABLE_MAX; error++) {
		uint64_t by = grown(stats->unreachable[error], &host->raw[error]);

		if (!by || !is_known)
			continue;
		host->fresh += (uint32_t)MIN(by, UINT16_MAX);
		host->error = (uint8_t)error;
	}
}

/* ---- judgement ----------------------------------------------------------------------------- */

static void count_errors(struct suspects *suspects, const struct model_member *member,
			 struct suspect **suspect)
{
	const struct host *host = find_host(suspects, &member->addr);
	struct passive_counts counted;

	if (!host || host->taken != suspects->round || !host->fresh)
		return;
	if (!*suspect)
		*suspect = add(suspects, member->id);
	counted = (struct passive_counts){.unreachable = host->fresh};
	passive_count(&(*suspect)->window, &counted, suspects->round);
	(*suspect)->total.unreachable += host->fresh;
	(*suspect)->now.error = host->error;
}

/* The window begins where a trial does, and where counters of another kind begin. */
static void begin_anew(struct suspects *suspects, const struct model_member *member,
		       struct suspect *suspect, bool is_held)
{
	uint64_t trial_ms = member->breaker.state == BREAKER_HALF_OPEN ? member->breaker.since_ms
								       : 0;

	if (is_held || suspect->settle || (trial_ms && trial_ms != suspect->trial_ms))
		passive_clear(&suspect->window, suspects->round);
	suspect->settle -= suspect->settle > 0;
	suspect->trial_ms = trial_ms;
}

/* All of its flows, or a sample? */
static bool is_watched_wholly(struct suspect *suspect, const struct model_member *member)
{
	uint32_t times = member->is_watched_wholly ? SUSPECTS_MANY : 1;
	bool is_wanted = suspect->state.cause || member->breaker.state == BREAKER_HALF_OPEN;

	if (!is_wanted && !suspect->has_load)
		return member->is_watched_wholly;
	is_wanted |= suspect->flows_avg < times * SUSPECTS_FEW_FLOWS &&
		     suspect->packets_avg < times * SUSPECTS_FEW_PACKETS;
	if (member->is_watched_wholly && !is_wanted)
		suspect->settle = SETTLE_ROUNDS;
	return is_wanted;
}

static void judge(struct suspect *suspect, const struct model_member *member,
		  const struct passive_sums *sums, int median, bool is_held, suspects_fn fn,
		  void *arg)
{
	struct passive_report report = {0};
	bool is_changed = false;

	if (!is_held)
		is_changed = passive_feed(&suspect->state, passive_judge(sums, median));
	suspect->now = (struct passive_view){
		.flows = sums->flows,
		.unreachable = sums->unreachable,
		.cause = (uint8_t)suspect->state.cause,
		.error = suspect->now.error,
		.percent = (uint8_t)passive_percent(sums),
		.has_median = median >= 0,
		.median = (uint8_t)MAX(median, 0),
	};
	report.view = suspect->now;
	if (member->breaker.state == BREAKER_HALF_OPEN &&
	    passive_percent(sums) <= TRIAL_FAILED_PERCENT)
		report.good_flows = sums->followed;
	report.is_watched_wholly = is_watched_wholly(suspect, member);
	if (is_changed || suspect->state.cause || report.good_flows ||
	    report.is_watched_wholly != member->is_watched_wholly)
		fn(arg, member, &report);
}

static void judge_pool(struct suspects *suspects, const struct model_pool *pool, bool is_held,
		       suspects_fn fn, void *arg)
{
	size_t m, count = pool->member_count;
	int median;

	suspects->pool = util_grow(suspects->pool, &suspects->pool_capacity, count + 1,
				   sizeof(struct suspect *));
	suspects->sums = util_grow(suspects->sums, &suspects->sums_capacity, count + 1,
				   sizeof(*suspects->sums));
	for (m = 0; m < count; m++) {
		struct suspect **suspect = &suspects->pool[m];

		*suspect = find(suspects, pool->members[m].id);
		suspects->sums[m] = (struct passive_sums){0};
		/* Packets to members are ours only where they are encapsulated. */
		if (SLUICE_MODE_IS_TUNNEL(pool->mode))
			count_errors(suspects, &pool->members[m], suspect);
		if (!*suspect)
			continue;
		(*suspect)->taken = suspects->round;
		begin_anew(suspects, &pool->members[m], *suspect, is_held);
		passive_sum(&(*suspect)->window, suspects->round, &suspects->sums[m]);
	}
	median = passive_median(suspects->sums, count);
	for (m = 0; m < count; m++)
		if (suspects->pool[m])
			judge(suspects->pool[m], &pool->members[m], &suspects->sums[m], median,
			      is_held, fn, arg);
}

static void forget_unseen(struct suspects *suspects)
{
	struct suspect *suspect, *next;
	struct host *host, *next_host;

	HASH_ITER (hh, suspects->members, suspect, next)
		if (suspect->taken != suspects->round)
			forget(suspects, suspect);
	HASH_ITER (hh, suspects->hosts, host, next_host)
		if (host->taken != suspects->round)
			forget_host(suspects, host);
}

void suspects_round(struct suspects *suspects, const struct model *model, bool is_held,
		    suspects_fn fn, void *arg)
{
	size_t s, p;

	for (s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);

		for (p = 0; p < service->pool_count; p++)
			if (service->pools[p].circuit.passive != PASSIVE_MODE_DISABLED)
				judge_pool(suspects, &service->pools[p], is_held, fn, arg);
	}
	forget_unseen(suspects);
	suspects->round++;
}

void suspects_view(const struct suspects *suspects, uint64_t member_id,
		   struct suspects_view *ret_view)
{
	const struct suspect *suspect = find(suspects, member_id);

	*ret_view = (struct suspects_view){0};
	if (!suspect)
		return;
	ret_view->total = suspect->total;
	ret_view->now = suspect->now;
}
