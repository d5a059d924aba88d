/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which member gets the flow: the slot that its hash names, the slot's owner or its runner-up. */
#pragma once

#include <sluice/hash.h>

#include "config.h"
#include "maps.h"
#include "pkt.h"

/* Reads a member's word. NULL and *ret_word untouched: the index is out of range. */
static __always_inline struct sluice_member *flow_read_member(__u32 index, __u64 *ret_word)
{
	struct sluice_member *member = bpf_map_lookup_elem(&members, &index);

	if (member)
		*ret_word = READ_WORD(member->word);
	return member;
}

/* A member that has just been freed counts as dead: somebody read the slot before it moved. */
static __always_inline bool flow_is_alive(__u64 member_word)
{
	/* By bit number: 64-bit masks cost the program two instructions each. */
	return SLUICE_BITS(member_word, 52, 2) == 1;
}

_Static_assert(SLUICE_MEMBER_F_USED == 1ULL << 52 && SLUICE_MEMBER_F_DEAD == 1ULL << 53,
	       "flow_is_alive");

/* The owner is dead: the runner-up takes over at once, until the table is rebuilt. */
static __always_inline enum sluice_verdict flow_run_up(struct pkt *p, __u64 *ret_word)
{
	__u32 pair = p->slot / 2;
	__u64 *runner = bpf_map_lookup_elem(&runners, &pair);

	if (!runner)
		return SLUICE_V_bad_table;
	p->member_index = SLUICE_RUNNER(READ_WORD(*runner), p->slot);
	if (p->member_index == SLUICE_MEMBER_NONE)
		return SLUICE_V_no_member;
	p->member = flow_read_member(p->member_index, ret_word);
	if (!p->member)
		return SLUICE_V_bad_table;
	return flow_is_alive(*ret_word) ? V_NEXT : SLUICE_V_no_member;
}

/* Sets slot, member and next hop; the member's word, read once, goes to *ret_word. */
static __always_inline enum sluice_verdict flow_find(struct pkt *p, __u64 *ret_word)
{
	__u32 log2 = SLUICE_SVC_LOG2(p->svc_word);
	enum sluice_verdict verdict;
	__u32 nexthop;
	__u64 *slot;

	if (log2 > SLUICE_SLOTS_LOG2_MAX)
		return SLUICE_V_bad_table;
	p->flow_hash = sluice_hash_flow(&p->tuple, config_key());
	p->slot = (__u32)SLUICE_SVC_BASE(p->svc_word) + sluice_flow_slot(p->flow_hash, log2);
	slot = bpf_map_lookup_elem(&slots, &p->slot);
	if (!slot)
		return SLUICE_V_bad_table;
	p->member_index = SLUICE_SLOT_CUR(READ_WORD(*slot));
	if (p->member_index == SLUICE_MEMBER_NONE)
		return SLUICE_V_no_member;
	p->member = flow_read_member(p->member_index, ret_word);
	if (!p->member)
		return SLUICE_V_bad_table;
	if (!flow_is_alive(*ret_word)) {
		verdict = flow_run_up(p, ret_word);
		if (verdict != V_NEXT)
			return verdict;
	}
	nexthop = SLUICE_MEMBER_NEXTHOP(*ret_word);
	if (nexthop == SLUICE_NEXTHOP_NONE)
		return SLUICE_V_no_nexthop;
	p->nexthop = bpf_map_lookup_elem(&nexthops, &nexthop);
	if (!p->nexthop || !(p->nexthop->flags & SLUICE_NEXTHOP_F_USED))
		return SLUICE_V_bad_table;
	return V_NEXT;
}
