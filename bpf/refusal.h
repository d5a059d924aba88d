/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is refused: samples of refused packets for user space, taken by each CPU's own gates, one a kind,
 * into a ring of its own, so that no CPU waits for another one, or for a reader. A few refusals are all taken;
 * of many, one of each 2^weight in a row, by chance: sources that take turns are seen in turn, and most
 * refusals draw no number.
 */
#pragma once

#include <sluice/gcra.h>
#include <sluice/source_types.h>

#include "maps.h"
#include "pkt.h"

_Static_assert(SLUICE_REFUSALS_PER_TICK % 2 == 0 && SLUICE_REFUSALS_PER_TICK_OTHER % 2 == 0,
	       "rows end where the weight grows");

/* Begins another tick. The weight is such that of as many refusals as in the last one at most `most`
 * are taken, or a few more. */
static __always_inline void refusal_tick(struct sluice_refusal_gate *gate, __u64 tick, __u32 most)
{
	__u32 last = gate->tick + 1 == tick ? gate->refused / most : 0;
	__u32 weight = 0;
	__u32 step;

	PKT_UNROLL
	for (step = 16; step; step /= 2) {
		if (last >> weight >> step)
			weight += step;
	}
	gate->weight = weight + !!last;
	gate->refused = 0;
	gate->tick = tick;
}

static __always_inline void refusal_write(__u64 word, __u64 now_ns, __u64 hi, __u64 lo)
{
	__u32 at = bpf_get_smp_processor_id() * SLUICE_REFUSALS_PER_CPU;
	struct sluice_refusal *entry;

	at += SLUICE_REFUSAL_NUMBER(word) & (SLUICE_REFUSALS_PER_CPU - 1);
	entry = bpf_map_lookup_elem(&refusals, &at);
	if (!entry)
		return;
	/* Exchanges order the stores on every machine. */
	__sync_lock_test_and_set(&entry->word, 0);
	entry->time_ns = now_ns;
	entry->source.d[0] = hi;
	entry->source.d[1] = lo;
	__sync_lock_test_and_set(&entry->word, word);
}

/*
 * A packet from this address (two big-endian words) is refused by the limit; kind: enum
 * sluice_refusal_kind. Returns how many refused packets the sample stands for, 0 if none was taken.
 */
__noinline __u32 refusal_take(__u32 limit, __u32 kind, __u64 hi, __u64 lo, __u64 now_ns)
{
	__u32 most = kind == SLUICE_REFUSAL_LIMIT ? SLUICE_REFUSALS_PER_TICK
						  : SLUICE_REFUSALS_PER_TICK_OTHER;
	__u32 none = SLUICE_REFUSAL_NONE, weight, number, place;
	__u64 tick = now_ns >> SLUICE_SEEN_NS_LOG2;
	struct sluice_refusal_gate *gate, *all;

	gate = bpf_map_lookup_elem(&refusal_gate, &kind);
	all = bpf_map_lookup_elem(&refusal_gate, &none);
	if (!gate || !all)
		return 0;
	if (gate->tick != tick)
		refusal_tick(gate, tick, most);
	weight = gate->weight & 31;
	place = gate->refused++;
	/* More than expected, in a flood's first tick. A row ends here, for their number is even. */
	if (place >> weight >= most && weight < 31)
		gate->weight = ++weight;
	if (weight) {
		place &= (1U << weight) - 1;
		if (!place)
			gate->chosen = bpf_get_prandom_u32() & ((1U << weight) - 1);
		if (place != gate->chosen)
			return 0;
	}
	number = all->number + 1;
	number += !number;
	all->number = number;
	refusal_write(SLUICE_REFUSAL(number, limit, weight, kind), now_ns, hi, lo);
	return 1U << weight;
}
