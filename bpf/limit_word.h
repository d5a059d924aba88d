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

/* Of compare-and-swap, and how often as many again. A packet that loses all of them is refused: as many of
 * its source have passed meanwhile on other CPUs, and none may pass without a charge. */
#define LIMIT_TRIES 2
#define LIMIT_ROUNDS 32

#define LIMIT_WAY_FREE 8 /* in what limit_way() returns: nobody's way, or its own */

/* How limit_check is called; in the upper half the length of the frame. */
#define LIMIT_FRAME(flags) ((__u32)((flags) >> 32))
#define LIMIT_F_V6 (1U << 0)
#define LIMIT_F_NEW (1U << 1)	     /* the packet counts as a new connection */
#define LIMIT_F_EFFECTS (1U << 2)    /* write: charges, counters, seen */
#define LIMIT_F_DRY (1U << 3)	     /* enforcing limits decide but do not charge yet */
#define LIMIT_F_CHARGE (1U << 4)     /* enforcing limits charge: all have decided to admit */
#define LIMIT_F_NO_ENFORCE (1U << 5) /* enforcing limits stand aside: another one has refused */
#define LIMIT_F_TOUCHED (1U << 6)    /* the source may be one that has a rate of its own */
#define LIMIT_F_CLOSED (1U << 7)     /* this limit's newcomers inherit the debt that they replace */
#define LIMIT_F_LAST (1U << 8)	     /* the last round: who loses now is refused */

enum limit_result {
	LIMIT_ADMIT,
	LIMIT_REFUSE,
	LIMIT_WOULD_REFUSE, /* shadow */
	LIMIT_BYPASSED,	    /* would refuse, but for the bypass */
	LIMIT_BAD_TABLE,
	LIMIT_RACED, /* not decided: other CPUs were faster */
	LIMIT_TWINS, /* admitted; the source has several words now */
};

struct limit_now {
	__u32 units; /* of the limit */
	__u32 cost;  /* that the packet adds */
	__u32 tau;
	__u32 k;
	__u16 seen;
	__u16 tag;
};

/* Does the limit count the packet? */
static __always_inline bool limit_counts(__u64 word, __u64 flags)
{
	return word & SLUICE_LIMIT_F_USED && SLUICE_LIMIT_MODE(word) != SLUICE_LIMIT_DISABLED &&
	       (SLUICE_LIMIT_COUNT(word) != SLUICE_COUNT_NEW_CONNECTIONS || flags & LIMIT_F_NEW);
}

/* What a packet of so many bytes adds, in units. */
static __always_inline __u32 limit_cost(__u64 word, __u32 inc, __u32 bytes)
{
	return SLUICE_LIMIT_COUNT(word) == SLUICE_COUNT_BYTES ? sluice_gcra_bytes(bytes, inc) : inc;
}

/* Masks an address to the limit's prefix and hashes it. */
static __always_inline __u64 limit_hash(__u64 word, __u64 hi, __u64 lo, __u64 flags)
{
	bool is_v6 = flags & LIMIT_F_V6;
	struct sluice_addr addr = source_of(
		hi, lo, is_v6, is_v6 ? SLUICE_LIMIT_PLEN6(word) : SLUICE_LIMIT_PLEN4(word));

	return sluice_hash_addr(&addr, config_key());
}

static __always_inline __u32 limit_debt(__u64 word, const struct limit_now *now)
{
	return sluice_gcra_debt(word, now->units, now->seen, now->k);
}

/*
 * The way of the source in set `at`, or where it would go: a free word, else the one with the
 * smallest debt for its idle time. Global, so that the verifier sees it once. It is not one look at all
 * ways: other CPUs write them meanwhile, so whoever takes a way must look for a twin.
 */
__noinline int limit_way(__u32 at, __u32 tag, __u32 units, __u32 seen, __u32 k)
{
	struct sluice_limit_set *set = bpf_map_lookup_elem(&limit_sets, &at);
	struct limit_now now = {.units = units, .k = k, .seen = (__u16)seen};
	__u64 best_debt = 0, best_idle = 0;
	__u32 best = 0, i;

	if (!set)
		return 0;
	PKT_UNROLL
	for (i = 0; i < SLUICE_LIMIT_WAYS; i++) {
		__u64 word = READ_WORD(set->source[i]);

		if (SLUICE_SRC_TAG(word) == tag && word)
			return (int)(i | LIMIT_WAY_FREE);
	}
	for (i = 0; i < SLUICE_LIMIT_WAYS; i++) {
		__u64 word = READ_WORD(set->source[i]);
		__u64 idle = sluice_gcra_silent(word, now.seen) + 1;
		__u64 debt = limit_debt(word, &now);

		if (debt && i && debt * best_idle >= best_debt * idle)
			continue;
		best = i;
		PKT_FORGET(best, word); /* else it follows each way that may come out best */
		best_debt = debt;
		best_idle = idle;
		if (!debt)
			break;
	}
	return best_debt ? (int)best : (int)(best | LIMIT_WAY_FREE);
}

/*
 * Two CPUs that both saw no word of the source may have taken different ways of set `at`. Each looks for
 * the other's after it has written its own, `mine`: at least one of them sees it, and takes its own back, so
 * that the way is what it was. LIMIT_ADMIT: there is one word; LIMIT_RACED: taken back; LIMIT_TWINS:
 * there are two, for a third CPU has charged ours meanwhile.
 */
__noinline int limit_look_for_twin(__u32 at, __u32 tag_way, __u64 mine, __u64 was)
{
	struct sluice_limit_set *set = bpf_map_lookup_elem(&limit_sets, &at);
	__u32 way = tag_way >> 16 & (SLUICE_LIMIT_WAYS - 1), i;

	if (!set)
		return LIMIT_ADMIT;
	for (i = 0; i < SLUICE_LIMIT_WAYS; i++) {
		__u64 word = READ_WORD(set->source[i]);

		if (i == way || !word || SLUICE_SRC_TAG(word) != (__u16)tag_way)
			continue;
		return __sync_val_compare_and_swap(&set->source[way], mine, was) == mine
			       ? LIMIT_RACED
			       : LIMIT_TWINS;
	}
	return LIMIT_ADMIT;
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

/*
 * Decides about one source in set `at`, and charges it if the flags allow. Whatever other CPUs do
 * meanwhile, what passes is charged; a packet that was to be charged only (LIMIT_F_CHARGE) is refused if
 * another one took what it was promised.
 */
static __always_inline enum limit_result
limit_decide(struct sluice_limit_set *set, __u32 at, struct limit_now now, __u32 index, __u64 flags)
{
	__u32 debt, lost, way, tries;
	__u64 word, next;
	enum limit_result result;
	bool is_own;

#pragma nounroll
	for (tries = 0; tries < LIMIT_TRIES; tries++) {
		/* What follows from these is worked out again, not kept: the stack is short. */
		asm volatile("" : "+r"(now.units), "+r"(now.seen), "+r"(now.tag), "+r"(flags));
		way = (__u32)limit_way(at, now.tag, now.units, now.seen, now.k);
		word = READ_WORD(set->source[way & (SLUICE_LIMIT_WAYS - 1)]);
		debt = limit_debt(word, &now);
		is_own = word && SLUICE_SRC_TAG(word) == now.tag;
		lost = is_own ? 0 : debt; /* another source's */
		if (lost && way & LIMIT_WAY_FREE)
			continue; /* it came first */
		way &= SLUICE_LIMIT_WAYS - 1;
		if (!is_own && !(flags & LIMIT_F_CLOSED))
			debt = 0;
		PKT_FORGET(debt, word); /* one way from here on, whoever owes what */
		PKT_FORGET(lost, word);
		if (!sluice_gcra_conforms(debt, now.cost, now.tau)) {
			next = SLUICE_SRC(now.tag, now.seen, SLUICE_SRC_TAT(word));
			/* Only what is owed: a time that is past must be seen to be. */
			if (flags & LIMIT_F_EFFECTS && is_own && debt && next != word)
				__sync_val_compare_and_swap(&set->source[way], word, next);
			return LIMIT_REFUSE;
		}
		if (flags & LIMIT_F_DRY || !(flags & LIMIT_F_EFFECTS))
			return LIMIT_ADMIT;
		next = SLUICE_SRC(now.tag, now.seen, now.units + debt + now.cost);
		if (__sync_val_compare_and_swap(&set->source[way], word, next) != word)
			continue;
		/* A way that was free stays free, for its source may have another one by now. */
		result = is_own ? LIMIT_ADMIT
				: limit_look_for_twin(at, now.tag | way << 16, next,
						      lost ? word : 0);
		if (result == LIMIT_RACED)
			continue;
		limit_count(index, LIMIT_ADMIT, lost);
		return result;
	}
	return LIMIT_RACED;
}
