/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A source that got several words, by a race of CPUs that knew of none, has one again. */
#pragma once

#include "limit_word.h"

#define LIMIT_GATHERS 8 /* rounds until it has one word again */

/*
 * One round of making one word of all that the source has in set `at`: the lowest one owes what the
 * others did, which are taken, and what is still owed of earlier rounds. source: its tag, and from bit 32 on
 * now in ticks of `seen`. Returns 0 when all is done, else 1 and from bit 1 on what is owed now:
 * other CPUs go on meanwhile.
 */
__noinline __u64 limit_gather(__u32 at, __u64 source, __u32 units, __u32 k, __u64 owed)
{
	struct sluice_limit_set *set = bpf_map_lookup_elem(&limit_sets, &at);
	struct limit_now now = {
		.units = units, .k = k, .seen = (__u16)(source >> 32), .tag = (__u16)source};
	__u32 way = (__u32)limit_way(at, now.tag, units, now.seen, k) & (SLUICE_LIMIT_WAYS - 1), i;
	__u64 word, left = 0;

	if (!set)
		return 0;
	for (i = 0; i < SLUICE_LIMIT_WAYS; i++) {
		word = READ_WORD(set->source[i]);
		if (i == way || !word || SLUICE_SRC_TAG(word) != now.tag)
			continue;
		left = 1;
		if (__sync_val_compare_and_swap(&set->source[i], word, 0) == word)
			owed += limit_debt(word, &now);
		PKT_FORGET(left, word); /* one way from here on, whatever is found */
		PKT_FORGET(owed, word);
	}
	if (!owed)
		return left;
	word = READ_WORD(set->source[way]);
	left = owed + (SLUICE_SRC_TAG(word) == now.tag ? limit_debt(word, &now) : 0);
	if (left > SLUICE_GCRA_SPAN)
		left = SLUICE_GCRA_SPAN;
	left = SLUICE_SRC(now.tag, now.seen, units + (__u32)left);
	if (__sync_val_compare_and_swap(&set->source[way], word, left) == word)
		owed = 0;
	return owed << 1 | 1;
}

/* The source has several words in set `at`: they become one. */
static __always_inline void limit_unite(__u32 at, const struct limit_now *now)
{
	__u64 source = now->tag | (__u64)now->seen << 32, left = 0;
	__u32 round;

#pragma nounroll
	for (round = 0; round < LIMIT_GATHERS; round++) {
		left = limit_gather(at, source, now->units, now->k, left >> 1);
		if (!left)
			break;
	}
}

/* The source has several words under this limit: they become one. So rarely that where they are is worked
 * out again. */
__noinline int limit_merge(__u32 index, __u64 hi, __u64 lo, __u64 now_ns, __u64 flags)
{
	const struct sluice_limit *limit = bpf_map_lookup_elem(&limits, &index);
	struct limit_now now = {.seen = sluice_gcra_seen(now_ns)};
	__u64 word, hash;

	if (!limit)
		return LIMIT_BAD_TABLE;
	word = READ_WORD(limit->word);
	hash = limit_hash(word, hi, lo, flags);
	now.k = SLUICE_LIMIT_K(word);
	now.units = sluice_gcra_now(now_ns, now.k);
	now.tag = sluice_source_tag(hash);
	limit_unite(SLUICE_LIMIT_BASE(word) + sluice_source_set(hash, SLUICE_LIMIT_LOG2(word)),
		    &now);
	return LIMIT_ADMIT;
}
