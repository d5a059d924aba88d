/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ceilings: how many new connections a service, or a member, gets in a second, whoever opens them. One
 * bucket for all CPUs, a word as a source has it under a limit; what opens no connection is not asked.
 */
#pragma once

#include <sluice/ceiling_types.h>
#include <sluice/gcra.h>

#include "clock.h"
#include "maps.h"
#include "pkt.h"

#define CEILING_TRIES 3 /* compare-and-swap, then admit: a lost race is a neighbour's packet */
#define CEILING_F_EFFECTS (1U << 0)
#define CEILING_F_EXEMPT (1U << 1) /* never refused, but counted: they take room, too */

static __always_inline void ceiling_count(__u32 index, bool is_admitted)
{
	struct sluice_ceiling_stats *stats = bpf_map_lookup_elem(&ceiling_stats, &index);

	if (!stats)
		return;
	if (is_admitted)
		stats->passed++;
	else
		stats->refused++;
}

/* Charges the ceiling with a connection. 0: it is full. */
static __always_inline int ceiling_charge(struct sluice_ceiling *ceiling, __u64 rate, __u64 now_ns,
					  __u32 flags)
{
	__u32 k = (__u32)READ_WORD(ceiling->k), inc = SLUICE_LIMIT_INC(rate);
	__u32 units = sluice_gcra_now(now_ns, k), tau = SLUICE_LIMIT_TAU(rate), debt, tries;
	__u16 seen = sluice_gcra_seen(now_ns);
	__u64 word, next;

	for (tries = 0; tries < CEILING_TRIES; tries++) {
		word = READ_WORD(ceiling->state);
		debt = sluice_gcra_debt(word, units, seen, k);
		/* Exempt ones may take the debt past tau, never past what the word can say. */
		if (!sluice_gcra_conforms(debt, inc, tau) &&
		    !(flags & CEILING_F_EXEMPT && debt <= tau)) {
			next = SLUICE_SRC(0, seen, SLUICE_SRC_TAT(word));
			if (flags & CEILING_F_EFFECTS && next != word)
				__sync_val_compare_and_swap(&ceiling->state, word, next);
			return flags & CEILING_F_EXEMPT;
		}
		next = SLUICE_SRC(0, seen, units + debt + inc);
		if (!(flags & CEILING_F_EFFECTS) ||
		    __sync_val_compare_and_swap(&ceiling->state, word, next) == word)
			break;
	}
	return 1;
}

/* A connection opens that this ceiling counts: V_NEXT, or this verdict if it is refused, which is the
 * caller's so that the verifier follows one way. An index without a ceiling admits. */
__noinline int ceiling_ask(__u32 index, __u64 now_ns, __u32 flags, __u32 verdict)
{
	struct sluice_ceiling *ceiling = bpf_map_lookup_elem(&ceilings, &index);
	__u64 rate = ceiling ? READ_WORD(ceiling->rate) : 0;
	int is_admitted;

	if (!rate)
		return V_NEXT;
	is_admitted = ceiling_charge(ceiling, rate, now_ns, flags);
	if (flags & CEILING_F_EFFECTS)
		ceiling_count(index, is_admitted);
	return is_admitted ? V_NEXT : (int)verdict;
}

static __always_inline __u32 ceiling_flags(const struct pkt *p, bool effects)
{
	__u32 flags = effects ? CEILING_F_EFFECTS : 0;

	return p->access & PKT_ACCESS_EXEMPT ? flags | CEILING_F_EXEMPT : flags;
}

/* After the limits of the sources. */
static __always_inline enum sluice_verdict ceiling_service(const struct pkt *p, bool effects)
{
	if (!(p->svc_word & SLUICE_SVC_F_CEILING) || !(p->flags & PKT_F_NEW))
		return V_NEXT;
	return ceiling_ask(p->service_id, clock_now_ns(), ceiling_flags(p, effects),
			   SLUICE_V_service_ceiling);
}

/* Once the member is known. */
static __always_inline enum sluice_verdict ceiling_member(const struct pkt *p, bool effects)
{
	__u32 index = *(const volatile __u32 *)&p->member->ceiling;

	if (index == SLUICE_CEILING_NONE || !(p->flags & PKT_F_NEW))
		return V_NEXT;
	return ceiling_ask(index, clock_now_ns(), ceiling_flags(p, effects),
			   SLUICE_V_member_ceiling);
}
