/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which member gets the flow: the slot that its hash names, and the slot's owner; where the slot is in
 * motion, what flow_rules.h says. */
#pragma once

#include "flow_name.h"
#include "flow_rules.h"
#include "maps.h"
#include "member.h"
#include "pkt.h"

/* The owner is dead: the runner-up takes over at once, until the table is rebuilt. */
static __always_inline enum sluice_verdict flow_run_up(struct pkt *p)
{
	__u32 pair = p->slot / 2;
	__u64 *runner = bpf_map_lookup_elem(&runners, &pair);

	if (!runner)
		return SLUICE_V_bad_table;
	p->member_index = SLUICE_RUNNER(READ_WORD(*runner), p->slot);
	if (p->member_index == SLUICE_MEMBER_NONE)
		return SLUICE_V_no_member;
	p->member = member_read(p);
	if (!p->member)
		return SLUICE_V_bad_table;
	return flow_is_alive(p->word) ? V_NEXT : SLUICE_V_no_member;
}

/* Finds the slot: reads its word, and begins no more, for the limit may yet refuse. */
static __always_inline enum sluice_verdict flow_find(struct pkt *p)
{
	__u32 log2 = SLUICE_SVC_LOG2(p->svc_word);
	__u64 *slot;

	if (log2 > SLUICE_SLOTS_LOG2_MAX)
		return SLUICE_V_bad_table;
	flow_name(p);
	p->slot = (__u32)SLUICE_SVC_BASE(p->svc_word) + sluice_flow_slot(p->flow_hash, log2);
	slot = bpf_map_lookup_elem(&slots, &p->slot);
	if (!slot)
		return SLUICE_V_bad_table;
	p->word = READ_WORD(*slot);
	return V_NEXT;
}

/* A UDP packet opens nothing where flows are tracked and its own is. Asked before limits and ceilings. */
static __always_inline void flow_recognise(struct pkt *p)
{
	__u64 word = p->svc_word, flags = p->flags;

	PKT_FORGET(word, p->flow_hash); /* all ways go on as one */
	PKT_FORGET(flags, p->flow_hash);
	if (!ro.no_tracking && word & SLUICE_SVC_F_TRACK &&
	    (flags & (PKT_F_SYN | PKT_F_NEW)) == PKT_F_NEW && flow_is_tracked(p->flow_hash))
		p->flags &= ~PKT_F_NEW;
}

/* The same where it is asked before the flow is looked for. */
static __always_inline void flow_recognise_early(struct pkt *p)
{
	if (p->svc_word & SLUICE_SVC_F_TRACK) {
		flow_name(p);
		flow_recognise(p);
	}
}

/*
 * The slot's owner, unless more than the slot says where the packet goes. Only what the limits have
 * admitted comes here, so nothing else is remembered.
 */
static __always_inline void flow_owner(struct pkt *p, bool effects)
{
	__u32 answer = SLUICE_SLOT_CUR(p->word), flags;

	if (!ro.no_tracking && (p->word >> 48 || p->svc_word & SLUICE_SVC_F_TRACK)) {
		flags = p->flags & FLOW_F_SYN;
		if (p->tcp_flags & PKT_TCP_CLOSE)
			flags |= FLOW_F_CLOSE;
		if (effects)
			flags |= FLOW_F_EFFECTS;
		if (p->svc_word & SLUICE_SVC_F_TRACK)
			flags |= FLOW_F_TRACK;
		answer = flow_ask(p->word, p->flow_hash, p->slot, flags);
	}
	p->member_index = FLOW_ANSWER_MEMBER(answer);
	p->held = (__u8)FLOW_ANSWER_HELD(answer);
}

/* The flow that flow_owner() may have just remembered does not come about after all. */
static __always_inline void flow_refused(const struct pkt *p, bool effects)
{
	if (effects && p->svc_word & SLUICE_SVC_F_TRACK && p->held == SLUICE_HELD_NONE)
		flow_forget(FLOW_TABLE_TRACKED, p->flow_hash);
}

/* Sets member and next hop; p->word: the member's, read once. */
static __always_inline enum sluice_verdict flow_member(struct pkt *p, bool effects)
{
	enum sluice_verdict verdict;

	flow_owner(p, effects);
	if (p->member_index == SLUICE_MEMBER_NONE)
		return SLUICE_V_no_member;
	p->member = member_read(p);
	if (!p->member)
		return SLUICE_V_bad_table;
	if (!flow_is_alive(p->word)) {
		verdict = flow_run_up(p);
		if (verdict != V_NEXT)
			return verdict;
	}
	return member_find_nexthop(p);
}
