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

/* Of compare-and-swap. A connection that loses all of them is refused: as many have opened meanwhile on
 * other CPUs, and none may open without a charge. */
#define CEILING_TRIES 64
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

enum ceiling_result {
	CEILING_FULL,
	CEILING_ADMIT,
	CEILING_RACED, /* another CPU was faster */
};

/* Charges the ceiling with a connection, once. Global, so that the verifier sees it once. */
__noinline int ceiling_charge(__u32 index, __u64 now_ns, __u32 flags)
{
	struct sluice_ceiling *ceiling = bpf_map_lookup_elem(&ceilings, &index);
	__u32 k, tau, inc, units, debt;
	__u64 word, next, rate;
	__u16 seen;

	if (!ceiling)
		return CEILING_ADMIT;
	rate = READ_WORD(ceiling->rate);
	if (!rate)
		return CEILING_ADMIT;
	inc = SLUICE_LIMIT_INC(rate);
	tau = SLUICE_LIMIT_TAU(rate);
	k = (__u32)READ_WORD(ceiling->k);
	units = sluice_gcra_now(now_ns, k);
	seen = sluice_gcra_seen(now_ns);
	word = READ_WORD(ceiling->state);
	debt = sluice_gcra_debt(word, units, seen, k);
	/* Exempt ones may take the debt past tau, never past what the word can say. */
	if (!sluice_gcra_conforms(debt, inc, tau) && !(flags & CEILING_F_EXEMPT && debt <= tau)) {
		next = SLUICE_SRC(0, seen, SLUICE_SRC_TAT(word));
		if (flags & CEILING_F_EFFECTS && next != word)
			__sync_val_compare_and_swap(&ceiling->state, word, next);
		return CEILING_FULL;
	}
	next = SLUICE_SRC(0, seen, units + debt + inc);
	if (!(flags & CEILING_F_EFFECTS) ||
	    __sync_val_compare_and_swap(&ceiling->state, word, next) == word)
		return CEILING_ADMIT;
	return CEILING_RACED;
}

/* A connection opens that this ceiling counts: V_NEXT, or this verdict if it is refused, which is the
 * caller's so that the verifier follows one way. An index without a ceiling admits. */
__noinline int ceiling_ask(__u32 index, __u64 now_ns, __u32 flags, __u32 verdict)
{
	const struct sluice_ceiling *ceiling = bpf_map_lookup_elem(&ceilings, &index);
	int result = CEILING_RACED, tries;
	bool is_admitted;

	if (!ceiling || !READ_WORD(ceiling->rate))
		return V_NEXT;
#pragma nounroll
	for (tries = 0; tries < CEILING_TRIES && result == CEILING_RACED; tries++)
		result = ceiling_charge(index, now_ns, flags);
	is_admitted = result == CEILING_ADMIT || flags & CEILING_F_EXEMPT;
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
