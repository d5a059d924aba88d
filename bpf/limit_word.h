/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One source under one limit: a 64-bit word in a set of eight that is one cache line. A word whose
 * debt is over is free.
 */
#pragma once

#include <sluice/gcra.h>
#include <sluice/hash.h>

#include "config.h"
#include "maps.h"
#include "pkt.h"
#include "source.h"

/* Of compare-and-swap, for each time that the word is looked for. A packet that loses all of them to
 * other CPUs passes without a charge. */
#define LIMIT_SEARCHES 2
#define LIMIT_TRIES 4

/* How limit_check is called. */
#define LIMIT_F_V6 (1U << 0)
#define LIMIT_F_NEW (1U << 1)	     /* the packet counts as a new connection */
#define LIMIT_F_EFFECTS (1U << 2)    /* write: charges, counters, seen */
#define LIMIT_F_DRY (1U << 3)	     /* enforcing limits decide but do not charge yet */
#define LIMIT_F_CHARGE (1U << 4)     /* enforcing limits charge: all have decided to admit */
#define LIMIT_F_NO_ENFORCE (1U << 5) /* enforcing limits stand aside: another one has refused */

enum limit_result {
	LIMIT_ADMIT,
	LIMIT_REFUSE,
	LIMIT_WOULD_REFUSE, /* shadow */
	LIMIT_BYPASSED,	    /* would refuse, but for the bypass */
	LIMIT_BAD_TABLE,
};

struct limit_now {
	__u32 units; /* of the limit */
	__u32 inc;
	__u32 tau;
	__u32 k;
	__u16 seen;
	__u16 tag;
};

/* Masks an address to the limit's prefix and hashes it. */
static __always_inline __u64 limit_hash(__u64 word, __u64 hi, __u64 lo, __u32 flags)
{
	bool is_v6 = flags & LIMIT_F_V6;
	struct sluice_addr addr = source_of(
		hi, lo, is_v6, is_v6 ? SLUICE_LIMIT_PLEN6(word) : SLUICE_LIMIT_PLEN4(word));

	return sluice_hash_addr(&addr, config_key());
}

static __always_inline __u32 limit_debt(__u64 word, const struct limit_now *now)
{
	return sluice_gcra_owed(word, now->units, now->seen, now->k, now->inc, now->tau);
}

/*
 * The word of the source, or where it would go: a free word, else the one with the smallest debt
 * for its idle time. Returns the way; *ret_word is the word found there, *ret_debt the source's
 * own debt, *ret_lost the debt of another source that would lose its word.
 */
static __always_inline __u32 limit_way(struct sluice_limit_set *set, const struct limit_now *now,
				       __u64 *ret_word, __u32 *ret_debt, __u32 *ret_lost)
{
	__u64 best_debt = 0, best_idle = 0;
	__u32 best = 0;
	__u32 i;

	*ret_debt = 0;
	*ret_lost = 0;
	PKT_UNROLL
	for (i = 0; i < SLUICE_LIMIT_WAYS; i++) {
		__u64 word = READ_WORD(set->source[i]);

		if (SLUICE_SRC_TAG(word) == now->tag && word) {
			*ret_word = word;
			*ret_debt = limit_debt(word, now);
			return i;
		}
	}
	for (i = 0; i < SLUICE_LIMIT_WAYS; i++) {
		__u64 word = READ_WORD(set->source[i]);
		__u64 idle = sluice_gcra_silent(word, now->seen) + 1;
		__u64 debt = limit_debt(word, now);

		if (debt && i && debt * best_idle >= best_debt * idle)
			continue;
		best = i;
		PKT_FORGET(best, word); /* else it follows each way that may come out best */
		best_debt = debt;
		best_idle = idle;
		*ret_word = word;
		if (!debt)
			break;
	}
	*ret_lost = best_debt;
	return best;
}

static __always_inline void limit_count(__u32 index, enum limit_result result, __u32 lost)
{
	struct sluice_limit_stats *stats = bpf_map_lookup_elem(&limit_stats, &index);

	if (!stats)
		return;
	if (result == LIMIT_REFUSE)
		stats->refused++;
	else if (result == LIMIT_WOULD_REFUSE || result == LIMIT_BYPASSED)
		stats->would_refuse++;
	else
		stats->passed++;
	if (lost)
		stats->replaced_debt++;
}

/* Decides about one source in its set, and charges it if the flags allow. */
static __always_inline enum limit_result
limit_decide(struct sluice_limit_set *set, const struct limit_now *now, __u32 index, __u32 flags)
{
	__u32 debt, lost, way = 0, tries;
	__u64 word = 0, next, found;

	for (tries = 0; tries < LIMIT_SEARCHES * LIMIT_TRIES; tries++) {
		if (tries % LIMIT_TRIES == 0) {
			way = limit_way(set, now, &word, &debt, &lost) & (SLUICE_LIMIT_WAYS - 1);
		} else if (SLUICE_SRC_TAG(word) == now->tag) { /* another CPU was quicker */
			debt = limit_debt(word, now);
			lost = 0;
		} else {
			continue;
		}
		/* A charge that was decided already may take the debt past tau, never past what
		 * the word can say. */
		if (!sluice_gcra_conforms(debt, now->inc, now->tau) &&
		    !(flags & LIMIT_F_CHARGE && debt <= now->tau)) {
			if (flags & LIMIT_F_CHARGE)
				break;
			next = SLUICE_SRC(now->tag, now->seen, SLUICE_SRC_TAT(word));
			if (flags & LIMIT_F_EFFECTS && next != word)
				__sync_val_compare_and_swap(&set->source[way], word, next);
			return LIMIT_REFUSE;
		}
		if (flags & LIMIT_F_DRY || !(flags & LIMIT_F_EFFECTS))
			return LIMIT_ADMIT;
		next = SLUICE_SRC(now->tag, now->seen, now->units + debt + now->inc);
		found = __sync_val_compare_and_swap(&set->source[way], word, next);
		if (found == word) {
			limit_count(index, LIMIT_ADMIT, lost);
			return LIMIT_ADMIT;
		}
		word = found;
	}
	limit_count(index, LIMIT_ADMIT, 0);
	return LIMIT_ADMIT;
}
