/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Access lists. What holds for all packets is asked before the service is known, and costs a bit
 * where no list has anything to say; the walk through the trie is a global function, verified once.
 * Precedence was settled by user space: the longest prefix says what all that cover it say together.
 */
#pragma once

#include <bpf/bpf_endian.h>

#include <sluice/vital.h>

#include "control.h"
#include "pkt.h"

enum access_count { ACCESS_MATCHED, ACCESS_REFUSED, ACCESS_WOULD_REFUSE };

/* What list 0 or an allow list says about a source, two big-endian words: SLUICE_ACCESS(), or 0. */
__noinline __u64 access_walk(__u32 list, __u32 family, __u64 hi, __u64 lo)
{
	struct sluice_access_key key = {.list_be = bpf_htons(list), .family = family};
	__u32 zero = 0;
	__u64 *word;
	void *trie;

	trie = bpf_map_lookup_elem(&access, &zero);
	if (!trie)
		return 0;
	if (family == SLUICE_FAMILY_V4) {
		key.prefix_length = SLUICE_ACCESS_KEY_BITS + 32;
		*(__u32 *)key.addr = (__u32)(lo >> 32);
	} else {
		key.prefix_length = SLUICE_ACCESS_KEY_BITS + 128;
		*(__u64 *)key.addr = hi;
		*(__u64 *)(key.addr + 8) = lo;
	}
	word = bpf_map_lookup_elem(trie, &key);
	return word ? *word : 0;
}

/* Counts for a list; returns whether a refusal stands, for a bypass turns it into a count. */
__noinline int access_settle(__u32 list, __u32 count, __u32 effects)
{
	struct sluice_list_stats *stats;

	if (count == ACCESS_REFUSED && control_bypasses_lists())
		count = ACCESS_WOULD_REFUSE;
	stats = effects ? bpf_map_lookup_elem(&list_stats, &list) : NULL;
	if (stats && count == ACCESS_MATCHED)
		stats->matched++;
	if (stats && count == ACCESS_REFUSED)
		stats->refused++;
	if (stats && count == ACCESS_WOULD_REFUSE)
		stats->would_refuse++;
	return count == ACCESS_REFUSED;
}

/* What access_decide() needs to know of a packet besides its source, in one word. */
#define ACCESS_WHAT(p, effects)                                                                    \
	((__u64)(p)->tuple.family | (__u64)(p)->tuple.proto << 8 | (__u64)(effects) << 16 |        \
	 (__u64)((p)->flags & PKT_F_SYN) << 24 | (__u64)bpf_ntohs((p)->tuple.sport_be) << 32 |     \
	 (__u64)bpf_ntohs((p)->tuple.dport_be) << 48)
#define ACCESS_WHAT_FAMILY(what) ((__u8)(what))
#define ACCESS_WHAT_PROTO(what) ((__u8)((what) >> 8))
#define ACCESS_WHAT_EFFECTS(what) ((__u8)((what) >> 16))
#define ACCESS_WHAT_IS_OPENING(what) ((__u8)((what) >> 24))
#define ACCESS_WHAT_FROM(what) ((__u16)((what) >> 32))
#define ACCESS_WHAT_TO(what) ((__u16)((what) >> 48))

/* Its answer: a list, PKT_ACCESS_* and a verdict. */
#define ACCESS_ANSWER(list, flags, verdict) ((list) | (flags) << 16 | (verdict) << 24)

/* Asked only about denied packets; to a service they are denied all the same. */
static __always_inline bool access_is_vital(__u64 what)
{
	return sluice_vital(ACCESS_WHAT_FAMILY(what), ACCESS_WHAT_PROTO(what),
			    ACCESS_WHAT_FROM(what), ACCESS_WHAT_TO(what),
			    ACCESS_WHAT_IS_OPENING(what)) != SLUICE_VITAL_NOT;
}

/* For a source that some list touches (its address as two big-endian words): ACCESS_ANSWER(). */
__noinline __u64 access_decide(__u64 hi, __u64 lo, __u64 what)
{
	__u64 word = access_walk(0, ACCESS_WHAT_FAMILY(what), hi, lo);
	__u32 list = SLUICE_ACCESS_LIST(word);

	switch (SLUICE_ACCESS_CLASS(word)) {
	case SLUICE_ACCESS_MANAGEMENT:
		return ACCESS_ANSWER(0, PKT_ACCESS_EXEMPT, V_NEXT);
	case SLUICE_ACCESS_EXEMPT:
		access_settle(list, ACCESS_MATCHED, ACCESS_WHAT_EFFECTS(what));
		return ACCESS_ANSWER(list, PKT_ACCESS_EXEMPT, V_NEXT);
	case SLUICE_ACCESS_INFRA:
		return ACCESS_ANSWER(0, PKT_ACCESS_INFRA, V_NEXT);
	case SLUICE_ACCESS_DENY:
		if (access_is_vital(what))
			return ACCESS_ANSWER(list, PKT_ACCESS_DENIED, V_NEXT);
		if (access_settle(list, ACCESS_REFUSED, ACCESS_WHAT_EFFECTS(what)))
			return ACCESS_ANSWER(list, 0, SLUICE_V_list_deny);
		return ACCESS_ANSWER(list, 0, V_NEXT);
	default:
		return 0;
	}
}

/* Might a list have something to say about the source? */
static __always_inline bool access_is_touched(const struct pkt *p)
{
	__u32 bit, index;
	__u64 *word;

	if (p->tuple.family == SLUICE_FAMILY_V4)
		bit = sluice_access_bit4(bpf_ntohl(p->tuple.saddr.w_be[3]));
	else
		bit = sluice_access_bit6(bpf_be64_to_cpu(p->tuple.saddr.d[0]) >> 16, config_key());
	index = bit >> 6;
	word = bpf_map_lookup_elem(&access_bits, &index);
	return word && READ_WORD(*word) >> (bit & 63) & 1;
}

/* What holds for all packets. */
static __always_inline enum sluice_verdict access_check(struct pkt *p, bool effects)
{
	const struct sluice_control *c = control_get();
	__u64 answer;

	if (!c || !(READ_WORD(c->flags) & SLUICE_CONTROL_F_LISTS) || !access_is_touched(p))
		return V_NEXT;
	answer = access_decide(p->tuple.saddr.d[0], p->tuple.saddr.d[1], ACCESS_WHAT(p, effects));
	p->list_index = (__u16)answer;
	p->access = (__u8)(answer >> 16) | PKT_ACCESS_TOUCHED;
	return (__u8)(answer >> 24);
}

/* Is the source in one of the service's allow lists? The lists' ids are as in a service's cell. */
static __always_inline enum sluice_verdict access_allow(struct pkt *p, __u64 lists, bool effects)
{
	int i;

	for (i = 0; i < SLUICE_SERVICE_ALLOW_MAX; i++) {
		__u32 list = SLUICE_SVC_ALLOW(lists, i);

		if (!list)
			break;
		if (!access_walk(list, p->tuple.family, p->tuple.saddr.d[0], p->tuple.saddr.d[1]))
			continue;
		p->list_index = list;
		access_settle(list, ACCESS_MATCHED, effects);
		return V_NEXT;
	}
	p->list_index = SLUICE_SVC_ALLOW(lists, 0);
	return access_settle(p->list_index, ACCESS_REFUSED, effects) ? SLUICE_V_list_not_allowed
								     : V_NEXT;
}

/* What follows for the packets of a service: an exempt source may do all, a denied one nothing. */
static __always_inline enum sluice_verdict access_check_service(struct pkt *p, bool effects)
{
	if (!(p->access & (PKT_ACCESS_EXEMPT | PKT_ACCESS_DENIED)))
		return V_NEXT;
	if (p->access & PKT_ACCESS_EXEMPT) {
		p->svc_limits = 0;
		p->word = 0;
		return V_NEXT;
	}
	if (p->access & PKT_ACCESS_DENIED && access_settle(p->list_index, ACCESS_REFUSED, effects))
		return SLUICE_V_list_deny;
	return V_NEXT;
}

/* Who may reach the service at all. */
static __always_inline enum sluice_verdict access_check_allowed(struct pkt *p, bool effects)
{
	return p->word ? access_allow(p, p->word, effects) : V_NEXT;
}
