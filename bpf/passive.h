/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Do members take up connections? Sees packets that have been forwarded. For members whose flows are
 * not watched it costs two bits of their word, for flows that are not in the sample some of their hash.
 */
#pragma once

#include "clock.h"
#include "maps.h"
#include "passive_rules.h"
#include "pkt.h"

#define PASSIVE_TCP_SYN 0x02
#define PASSIVE_TCP_ANSWERS 0x14 /* ACK; RST, too: who never got an answer has nothing to reset */

/* Of the packet's member and of the one that was in the cell. */
static __always_inline void passive_count(__u32 member, __u32 before, __u32 counts)
{
	struct sluice_member_stats *stats = bpf_map_lookup_elem(&member_stats, &member);

	if (!stats)
		return;
	stats->syns += !!(counts & PASSIVE_OPENED);
	stats->repeated += !!(counts & PASSIVE_REPEATED);
	stats->followed += !!(counts & PASSIVE_FOLLOWED);
	if (!(counts & PASSIVE_LOST))
		return;
	stats = bpf_map_lookup_elem(&member_stats, &before);
	if (stats)
		stats->lost++;
}

/* Counts what the packet of a watched flow tells. Returns 0. */
__noinline int passive_note(__u64 flow_hash, __u32 member, __u32 is_syn)
{
	__u32 at = sluice_passive_cell(flow_hash), counts;
	__u64 *cell = bpf_map_lookup_elem(&passive, &at);
	__u64 old, new;

	if (!cell)
		return 0;
	old = READ_WORD(*cell);
	if (!old && !is_syn)
		return 0; /* as most: their flow was taken up long ago */
	new = passive_next(old, flow_hash, member, (__u32)SLUICE_FLOW_SECOND(clock_now_ns()),
			   is_syn, &counts);
	/* Each change of a cell is counted once, by whoever makes it. */
	if (new != old && __sync_val_compare_and_swap(cell, old, new) == old &&counts)
		passive_count(member, SLUICE_PASSIVE_MEMBER(old), counts);
	return 0;
}

static __always_inline void passive_watch(const struct pkt *p)
{
	bool is_syn = p->flags & PKT_F_SYN;

	if (!(p->word & (SLUICE_MEMBER_F_SAMPLE | SLUICE_MEMBER_F_SAMPLE_ALL)))
		return;
	if (!(p->word & SLUICE_MEMBER_F_SAMPLE_ALL) && !sluice_passive_is_sampled(p->flow_hash))
		return;
	if (is_syn || (p->tcp_flags & PASSIVE_TCP_ANSWERS && !(p->tcp_flags & PASSIVE_TCP_SYN)))
		passive_note(p->flow_hash, p->member_index, is_syn);
}
