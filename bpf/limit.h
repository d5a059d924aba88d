/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Per-source limits of a service. The check is a global function: the verifier sees it once, not
 * once for each stacked limit.
 */
#pragma once

#include "access.h"
#include "clock.h"
#include "control.h"
#include "limit_merge.h"
#include "limit_word.h"
#include "refusal.h"

#define LIMIT_REFUSAL(result)                                                                      \
	((result) == LIMIT_REFUSE ? SLUICE_REFUSAL_LIMIT : SLUICE_REFUSAL_WOULD)

/* The rate that the limit has for this source; 0: the packet is not charged, for the source's own
 * rate is in another unit than the limit's. */
static __always_inline __u64 limit_rate(const struct sluice_limit *limit, __u64 word, __u32 index,
					__u64 hi, __u64 lo, __u64 flags)
{
	__u64 rate = READ_WORD(limit->rate), own = 0;

	if (READ_WORD(limit->flags) & SLUICE_LIMIT_F_EXCEPTIONS && flags & LIMIT_F_TOUCHED)
		own = access_walk(SLUICE_LIMIT_LIST(index),
				  flags & LIMIT_F_V6 ? SLUICE_FAMILY_V6 : SLUICE_FAMILY_V4, hi, lo);
	if (!own)
		return rate;
	if (SLUICE_EXCEPTION_K(own) != SLUICE_LIMIT_K(word))
		return 0;
	return SLUICE_LIMIT_RATE(SLUICE_EXCEPTION_INC(own), SLUICE_EXCEPTION_TAU(own));
}

/* One limit and one source (its address as two big-endian words). Returns enum limit_result; in the last
 * round (LIMIT_F_LAST) not that it raced. */
__noinline int limit_check(__u32 index, __u64 hi, __u64 lo, __u64 now_ns, __u64 flags)
{
	struct sluice_limit *limit = bpf_map_lookup_elem(&limits, &index);
	struct sluice_limit_set *set;
	enum limit_result result;
	struct limit_now now;
	__u64 word, rate, hash;
	__u32 mode, at;

	if (!limit)
		return LIMIT_BAD_TABLE;
	word = READ_WORD(limit->word);
	mode = SLUICE_LIMIT_MODE(word);
	if (!limit_counts(word, flags))
		return LIMIT_ADMIT;
	if (mode == SLUICE_LIMIT_SHADOW) {
		if (flags & LIMIT_F_CHARGE)
			return LIMIT_ADMIT;
		flags &= ~LIMIT_F_DRY;
	} else if (flags & LIMIT_F_NO_ENFORCE) {
		return LIMIT_ADMIT;
	}

	rate = limit_rate(limit, word, index, hi, lo, flags);
	if (!rate)
		return LIMIT_ADMIT;
	if (READ_WORD(limit->flags) & SLUICE_LIMIT_F_CLOSED)
		flags |= LIMIT_F_CLOSED;
	hash = limit_hash(word, hi, lo, flags);
	at = SLUICE_LIMIT_BASE(word) + sluice_source_set(hash, SLUICE_LIMIT_LOG2(word));
	set = bpf_map_lookup_elem(&limit_sets, &at);
	if (!set)
		return LIMIT_BAD_TABLE;
	now.k = SLUICE_LIMIT_K(word);
	now.units = sluice_gcra_now(now_ns, now.k);
	now.cost = limit_cost(word, SLUICE_LIMIT_INC(rate), LIMIT_FRAME(flags));
	now.tau = SLUICE_LIMIT_TAU(rate);
	now.seen = sluice_gcra_seen(now_ns);
	now.tag = sluice_source_tag(hash);
	PKT_FORGET(now.cost,
		   word); /* one way from here on, whatever is counted and whose rate it is */
	PKT_FORGET(flags, word);
	result = limit_decide(set, at, now, index, flags);
	if (result == LIMIT_RACED && flags & LIMIT_F_LAST)
		result = LIMIT_REFUSE;
	if (result == LIMIT_REFUSE) {
		if (mode == SLUICE_LIMIT_SHADOW)
			result = LIMIT_WOULD_REFUSE;
		else if (control_bypasses_limits())
			result = LIMIT_BYPASSED;
		if (flags & LIMIT_F_EFFECTS)
			limit_count(index, result, 0);
	}
	return result;
}

/* What limit_ask() returns: verdict, whether one would refuse but for the bypass, and which limit
 * it was. */
#define LIMIT_ANSWER(verdict, would, index) ((int)((verdict) | (would) << 8 | (index) << 16))
#define LIMIT_ANSWER_VERDICT(answer) ((answer)&0xff)
#define LIMIT_ANSWER_WOULD(answer) ((answer) >> 8 & 1)
#define LIMIT_ANSWER_INDEX(answer) ((__u32)(answer) >> 16)

/*
 * Asks each of the service's limits, narrowest first. Global for the same reason as the check: what
 * it answers is one number to the caller, however many ways led to it.
 */
__noinline int limit_ask(__u64 limits, __u64 hi, __u64 lo, __u64 now_ns, __u64 flags)
{
	int i, round, answer = LIMIT_ANSWER(V_NEXT, 0, 0);

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++) {
		__u32 index = SLUICE_SVC_LIMIT(limits, i);
		int result;

		if (index == SLUICE_LIMIT_NONE)
			break;
		result = limit_check(index, hi, lo, now_ns, flags);
#pragma nounroll
		for (round = 1; result == LIMIT_RACED && round <= LIMIT_ROUNDS; round++)
			result = limit_check(index, hi, lo, now_ns,
					     round == LIMIT_ROUNDS ? flags | LIMIT_F_LAST : flags);
		if (result == LIMIT_TWINS)
			result = limit_merge(index, hi, lo, now_ns, flags);
		if (result == LIMIT_BAD_TABLE)
			return LIMIT_ANSWER(SLUICE_V_bad_table, 0, 0);
		if (result != LIMIT_ADMIT && flags & LIMIT_F_EFFECTS)
			refusal_take(index, LIMIT_REFUSAL(result), hi, lo, now_ns);
		if (result == LIMIT_REFUSE || result == LIMIT_BYPASSED) {
			answer = result == LIMIT_REFUSE ? LIMIT_ANSWER(SLUICE_V_limit, 0, index)
							: LIMIT_ANSWER(V_NEXT, 1, index);
			flags |= LIMIT_F_NO_ENFORCE; /* shadow limits still see the packet */
		} else if (result == LIMIT_WOULD_REFUSE && !(flags & LIMIT_F_NO_ENFORCE)) {
			answer = LIMIT_ANSWER(V_NEXT, 0, index);
		}
	}
	return answer;
}

static __always_inline enum sluice_verdict limit_ask_all(struct pkt *p, __u64 limits, __u64 now_ns,
							 __u64 flags)
{
	int answer = limit_ask(limits, p->tuple.saddr.d[0], p->tuple.saddr.d[1], now_ns, flags);

	if (LIMIT_ANSWER_INDEX(answer))
		p->limit_index = (__u16)LIMIT_ANSWER_INDEX(answer);
	p->flags |= LIMIT_ANSWER_WOULD(answer) * PKT_F_WOULD;
	return LIMIT_ANSWER_VERDICT(answer);
}

/* A single limit decides and charges at once; of several, none charges if one refuses, or would: what
 * a bypass lets through leaves the limits as they would be without it. */
static __always_inline enum sluice_verdict limit_judge(struct pkt *p, __u64 limits, __u64 now_ns,
						       __u64 flags)
{
	enum sluice_verdict verdict;

	if (!(limits >> 16))
		return limit_ask_all(p, limits, now_ns, flags);
	verdict = limit_ask_all(p, limits, now_ns, flags | LIMIT_F_DRY);
	if (verdict == V_NEXT && flags & LIMIT_F_EFFECTS && !(p->flags & PKT_F_WOULD))
		verdict = limit_ask_all(p, limits, now_ns, flags | LIMIT_F_CHARGE);
	return verdict;
}

/* A service's only limit and the set of this packet's source in it; set NULL: go the general way. */
struct limit_one {
	struct sluice_limit_set *set;
	__u64 rate;
	__u32 high; /* the half of the limit's word that is needed later: the stack is short */
	__u16 tag;
	__u16 pad;
};

#define LIMIT_ONE_WORD(one) ((__u64)(one)->high << 32)

/*
 * Finds the set of the source, and has the CPU begin to load it: with many sources it comes from
 * far away, and until limit_source() needs it there is other work. Decides nothing.
 */
static __always_inline void limit_begin(const struct pkt *p, struct limit_one *one)
{
	__u32 index = (__u32)p->svc_limits, at;
	struct sluice_limit_set *set;
	struct sluice_limit *limit;
	__u64 word, hash, first;

	*one = (struct limit_one){0};
	if (!p->svc_limits || p->svc_limits >> 16)
		return;
	limit = bpf_map_lookup_elem(&limits, &index);
	if (!limit)
		return;
	word = READ_WORD(limit->word);
	one->rate = READ_WORD(limit->rate);
	if (READ_WORD(limit->flags) & SLUICE_LIMIT_F_EXCEPTIONS && p->access & PKT_ACCESS_TOUCHED)
		return;
	if (!(word & SLUICE_LIMIT_F_USED) || SLUICE_LIMIT_MODE(word) != SLUICE_LIMIT_ENFORCE)
		return;
	hash = limit_hash(word, p->tuple.saddr.d[0], p->tuple.saddr.d[1],
			  p->tuple.family == SLUICE_FAMILY_V6 ? LIMIT_F_V6 : 0);
	one->high = word >> 32;
	one->tag = sluice_source_tag(hash);
	at = SLUICE_LIMIT_BASE(word) + sluice_source_set(hash, SLUICE_LIMIT_LOG2(word));
	set = bpf_map_lookup_elem(&limit_sets, &at);
	if (!set)
		return;
	first = READ_WORD(set->source[0]);
	asm volatile("" : : "r"(first));
	one->set = set;
}

/*
 * The common case, as short as it can be: one enforcing limit, and the source has a word. False:
 * it has none, or lost a race; the general way decides.
 */
static __always_inline bool limit_decide_one(const struct limit_one *one, const struct pkt *p,
					     __u32 index, __u64 now_ns,
					     enum limit_result *ret_result)
{
	struct limit_now now = {
		.k = SLUICE_LIMIT_K(LIMIT_ONE_WORD(one)),
		.cost = limit_cost(LIMIT_ONE_WORD(one), SLUICE_LIMIT_INC(one->rate), p->frame_len),
		.tau = SLUICE_LIMIT_TAU(one->rate),
		.seen = sluice_gcra_seen(now_ns),
		.tag = one->tag,
	};
	__u32 debt, way;
	__u64 word, next;

	now.units = sluice_gcra_now(now_ns, now.k);
#pragma unroll
	for (way = 0; way < SLUICE_LIMIT_WAYS; way++) {
		word = READ_WORD(one->set->source[way]);
		if (SLUICE_SRC_TAG(word) == now.tag)
			break;
	}
	if (way == SLUICE_LIMIT_WAYS || !word)
		return false;
	debt = limit_debt(word, &now);
	if (!sluice_gcra_conforms(debt, now.cost, now.tau)) {
		next = SLUICE_SRC(now.tag, now.seen, SLUICE_SRC_TAT(word));
		if (debt && next != word)
			__sync_val_compare_and_swap(&one->set->source[way], word, next);
		*ret_result = control_bypasses_limits() ? LIMIT_BYPASSED : LIMIT_REFUSE;
		limit_count(index, *ret_result, 0);
		return true;
	}
	next = SLUICE_SRC(now.tag, now.seen, now.units + debt + now.cost);
	if (__sync_val_compare_and_swap(&one->set->source[way], word, next) != word)
		return false;
	limit_count(index, LIMIT_ADMIT, 0);
	*ret_result = LIMIT_ADMIT;
	return true;
}

static __always_inline __u64 limit_flags(const struct pkt *p, bool effects)
{
	__u64 flags = (__u64)p->frame_len << 32;

	if (effects)
		flags |= LIMIT_F_EFFECTS;
	if (p->tuple.family == SLUICE_FAMILY_V6)
		flags |= LIMIT_F_V6;
	if (p->flags & PKT_F_NEW)
		flags |= LIMIT_F_NEW;
	if (p->access & PKT_ACCESS_TOUCHED)
		flags |= LIMIT_F_TOUCHED;
	PKT_FORGET(flags, p->frame_len);
	return flags;
}

static __always_inline enum sluice_verdict limit_source(struct pkt *p, const struct limit_one *one,
							bool effects)
{
	__u32 index = (__u32)p->svc_limits;
	enum limit_result result;
	__u64 now_ns, flags;

	if (!p->svc_limits)
		return V_NEXT;
	now_ns = clock_now_ns();
	flags = limit_flags(p, effects);
	if (effects && one->set) {
		if (SLUICE_LIMIT_COUNT(LIMIT_ONE_WORD(one)) == SLUICE_COUNT_NEW_CONNECTIONS &&
		    !(flags & LIMIT_F_NEW))
			return V_NEXT;
		if (limit_decide_one(one, p, index, now_ns, &result)) {
			if (result == LIMIT_ADMIT)
				return V_NEXT;
			refusal_take(index, LIMIT_REFUSAL(result), p->tuple.saddr.d[0],
				     p->tuple.saddr.d[1], now_ns);
			p->limit_index = (__u16)index;
			return result == LIMIT_BYPASSED ? V_NEXT : SLUICE_V_limit;
		}
	}
	return limit_judge(p, p->svc_limits, now_ns, flags);
}
