/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Regions of `limit_sets`, where the sources of limits are, while packets write them. */
#include <errno.h>

#include <sluice/gcra.h>

#include "base/util.h"
#include "core/gcra_config.h"
#include "dataplane/sources.h"

#define TRIES 8 /* of compare-and-swap, against packets of one source */

/* From one region to another of as many sets, and how their words are read. */
struct move {
	struct sluice_limit_set *old, *new;
	uint32_t sets;
	uint64_t now_ns;
	struct gcra_params was, will;
};

static bool is_within(const struct dp_bpf *dp, uint32_t base, uint32_t log2)
{
	return log2 <= 31 && base + (1ULL << log2) <= dp->maps.capacity.limit_sets;
}

int dp_region_clear(void *arg, uint32_t base, uint32_t log2)
{
	struct dp_bpf *dp = arg;
	struct sluice_limit_set *set;
	uint32_t i, way;

	if (!is_within(dp, base, log2))
		return -EINVAL;
	dp->moved_to.word = 0; /* what was to go there did not */
	for (i = 0; i < 1U << log2; i++) {
		set = &dp->maps.limit_sets[base + i];
		for (way = 0; way < SLUICE_LIMIT_WAYS; way++)
			if (set->source[way]) /* untouched pages stay shared and cold */
				__atomic_store_n(&set->source[way], 0, __ATOMIC_RELAXED);
	}
	return 0;
}

static struct gcra_params params_of(const struct sluice_limit *limit)
{
	return (struct gcra_params){.k = SLUICE_LIMIT_K(limit->word),
				    .inc = SLUICE_LIMIT_INC(limit->rate),
				    .tau = SLUICE_LIMIT_TAU(limit->rate)};
}

static int make_move(const struct dp_bpf *dp, const struct sluice_limit *from,
		     const struct sluice_limit *to, struct move *ret_move)
{
	uint32_t old = SLUICE_LIMIT_BASE(from->word), new = SLUICE_LIMIT_BASE(to->word);
	uint32_t log2 = SLUICE_LIMIT_LOG2(to->word);

	if (SLUICE_LIMIT_LOG2(from->word) != log2 || !is_within(dp, old, log2) ||
	    !is_within(dp, new, log2))
		return -EINVAL;
	*ret_move = (struct move){
		.old = &dp->maps.limit_sets[old],
		.new = &dp->maps.limit_sets[new],
		.sets = 1U << log2,
		.was = params_of(from),
		.will = params_of(to),
	};
	return dp_clock_now(dp->clock, dp->maps.meta->tick_ns, &ret_move->now_ns);
}

/* An old word as it is in the new region. */
static uint64_t read_old(const struct move *move, uint32_t set, uint32_t way)
{
	uint64_t word = __atomic_load_n(&move->old[set].source[way], __ATOMIC_RELAXED);

	return word ? gcra_convert(word, move->now_ns, &move->was, &move->will) : 0;
}

int dp_region_move(void *arg, const struct sluice_limit *from, const struct sluice_limit *to)
{
	struct dp_bpf *dp = arg;
	struct move move;
	uint32_t i, way;
	uint64_t word;
	int r = make_move(dp, from, to, &move);

	if (r)
		return r;
	for (i = 0; i < move.sets; i++) {
		for (way = 0; way < SLUICE_LIMIT_WAYS; way++) {
			word = read_old(&move, i, way);
			if (move.new[i].source[way] != word) /* untouched pages stay cold */
				__atomic_store_n(&move.new[i].source[way], word, __ATOMIC_RELAXED);
		}
	}
	dp->moved_from = *from;
	dp->moved_to = *to;
	return 0;
}

static uint32_t debt_of(const struct move *move, uint64_t word)
{
	return sluice_gcra_debt(word, sluice_gcra_now(move->now_ns, move->will.k),
				sluice_gcra_seen(move->now_ns), move->will.k);
}

/* The source's word, or a free one; NULL: neither is there. */
static __u64 *find_word(struct sluice_limit_set *set, uint16_t tag)
{
	__u64 *free = NULL, word;
	int way;

	for (way = 0; way < SLUICE_LIMIT_WAYS; way++) {
		word = __atomic_load_n(&set->source[way], __ATOMIC_RELAXED);
		if (word && SLUICE_SRC_TAG(word) == tag)
			return &set->source[way];
		if (!word && !free)
			free = &set->source[way];
	}
	return free;
}

/* The source owes so much at least. */
static void raise_word(const struct move *move, struct sluice_limit_set *set, uint64_t word)
{
	__u64 *cell, there;
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		cell = find_word(set, SLUICE_SRC_TAG(word));
		if (!cell)
			return;
		there = __atomic_load_n(cell, __ATOMIC_RELAXED);
		if (there && (SLUICE_SRC_TAG(there) != SLUICE_SRC_TAG(word) ||
			      debt_of(move, there) >= debt_of(move, word)))
			return;
		if (__atomic_compare_exchange_n(cell, &there, word, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return;
	}
}

void dp_region_follow(struct dp_bpf *dp, const struct sluice_limit *limit)
{
	struct move move;
	uint32_t i, way;
	uint64_t word;

	if (!dp->moved_to.word || !(limit->word & SLUICE_LIMIT_F_USED) ||
	    SLUICE_LIMIT_BASE(limit->word) != SLUICE_LIMIT_BASE(dp->moved_to.word))
		return;
	if (!make_move(dp, &dp->moved_from, &dp->moved_to, &move)) {
		for (i = 0; i < move.sets; i++) {
			for (way = 0; way < SLUICE_LIMIT_WAYS; way++) {
				word = read_old(&move, i, way);
				if (word)
					raise_word(&move, &move.new[i], word);
			}
		}
	}
	dp->moved_to.word = 0;
}
