/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Banned sources of the limits that a packet is subject to. A packet asks for nothing while no source
 * is banned, or none for such a packet; then each of its limits says by a flag whether it has bans that concern such a packet,
 * and only then the hash is asked. User space recycles its entries, so for a moment a packet may meet
 * a ban that takes the place of the one it looked for: of a source that was banned until just now.
 */
#pragma once

#include "control.h"
#include "flow.h"
#include "limit_word.h"
#include "refusal.h"
#include "source.h"

/* Whether the source (its address as two big-endian words) is banned under this limit: LIMIT_ADMIT,
 * or what comes of it. */
__noinline int ban_look(__u32 index, __u64 hi, __u64 lo, __u64 now_ns, __u32 flags)
{
	bool is_v6 = flags & LIMIT_F_V6, is_new = flags & LIMIT_F_NEW;
	struct sluice_limit *limit = bpf_map_lookup_elem(&limits, &index);
	struct sluice_ban_key key = {.limit = index};
	struct sluice_limit_stats *stats;
	struct sluice_ban *ban;
	enum limit_result result;
	__u32 mode, taken;
	__u64 word;

	if (!limit ||
	    !(READ_WORD(limit->flags) & (is_new ? SLUICE_LIMIT_F_BANS : SLUICE_LIMIT_F_BANS_ALL)))
		return LIMIT_ADMIT;
	word = READ_WORD(limit->word);
	mode = SLUICE_LIMIT_MODE(word);
	if (!(word & SLUICE_LIMIT_F_USED) || mode == SLUICE_LIMIT_DISABLED)
		return LIMIT_ADMIT;
	key.family = is_v6 ? SLUICE_FAMILY_V6 : SLUICE_FAMILY_V4;
	key.addr = source_of(hi, lo, is_v6,
			     is_v6 ? SLUICE_LIMIT_PLEN6(word) : SLUICE_LIMIT_PLEN4(word));
	ban = bpf_map_lookup_elem(&bans, &key);
	if (!ban || now_ns >= READ_WORD(ban->until_ns) ||
	    !(is_new || ban->flags & SLUICE_BAN_F_ALL))
		return LIMIT_ADMIT;
	if (mode == SLUICE_LIMIT_SHADOW)
		result = LIMIT_WOULD_REFUSE;
	else
		result = control_bypasses_limits() ? LIMIT_BYPASSED : LIMIT_REFUSE;
	if (!(flags & LIMIT_F_EFFECTS))
		return result;
	taken = refusal_take(index,
			     result == LIMIT_REFUSE ? SLUICE_REFUSAL_BAN : SLUICE_REFUSAL_WOULD, hi,
			     lo, now_ns);
	stats = bpf_map_lookup_elem(&limit_stats, &index);
	if (stats && result == LIMIT_REFUSE)
		stats->banned++;
	else if (stats)
		stats->would_refuse++;
	/* The one write that CPUs share, as often as samples are taken. */
	if (taken && result == LIMIT_REFUSE)
		__sync_fetch_and_add(&ban->hits, taken);
	return result;
}

/* What ban_ask() returns: the limit that bans, or would; enum limit_result; and which places of the
 * limits have judged the packet already, as bits. 0: none bans. */
#define BAN_ANSWER(index, result, judged) ((int)((judged) | (result) << 8 | (index) << 16))
#define BAN_ANSWER_JUDGED(answer) ((answer)&0xf)
#define BAN_ANSWER_RESULT(answer) ((answer) >> 8 & 0xff)
#define BAN_ANSWER_INDEX(answer) ((__u32)(answer) >> 16)
#define BAN_ALL ((1 << SLUICE_SERVICE_LIMITS_MAX) - 1)

/* Asks each of these limits: the first one in force that bans the source decides. */
__noinline int ban_ask(__u64 limits, __u64 hi, __u64 lo, __u64 now_ns, __u32 flags)
{
	__u32 judged = 0, named = 0;
	int i;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++) {
		__u32 index = SLUICE_SVC_LIMIT(limits, i);
		int result;

		if (index == SLUICE_LIMIT_NONE)
			break;
		result = ban_look(index, hi, lo, now_ns, flags);
		if (result == LIMIT_REFUSE || result == LIMIT_BYPASSED)
			return BAN_ANSWER(index, result, BAN_ALL);
		if (result != LIMIT_WOULD_REFUSE)
			continue;
		judged |= 1 << i;
		named = named ? named : index;
	}
	return BAN_ANSWER(named, LIMIT_ADMIT, judged);
}

/* The limits without those that have judged. */
__noinline __u64 ban_left(__u64 limits, __u32 judged)
{
	int i;

	for (i = SLUICE_SERVICE_LIMITS_MAX - 1; i >= 0; i--) {
		__u64 before = (1ULL << 16 * i) - 1;

		if (judged >> i & 1)
			limits = (limits & before) | (limits >> 16 & ~before);
	}
	return limits;
}

/* After what denies, before what only allows. A packet that a ban would drop, but for the bypass or the
 * shadow mode of its limit, is counted for that, and not again when the limit is asked. */
static __always_inline enum sluice_verdict ban_judge(struct pkt *p, __u64 *limits, bool effects)
{
	const struct sluice_control *c = control_get();
	__u32 flags = effects ? LIMIT_F_EFFECTS : 0;
	int answer;

	if (!*limits || !c || !(READ_WORD(c->flags) & SLUICE_CONTROL_F_BANS))
		return V_NEXT;
	if (p->flags & PKT_F_NEW)
		flags |= LIMIT_F_NEW;
	else if (!(READ_WORD(c->flags) & SLUICE_CONTROL_F_BANS_ALL))
		return V_NEXT;
	if (p->tuple.family == SLUICE_FAMILY_V6)
		flags |= LIMIT_F_V6;
	answer = ban_ask(*limits, p->tuple.saddr.d[0], p->tuple.saddr.d[1], clock_now_ns(), flags);
	if (!answer)
		return V_NEXT;
	p->limit_index = (__u16)BAN_ANSWER_INDEX(answer);
	if (BAN_ANSWER_RESULT(answer) == LIMIT_REFUSE)
		return SLUICE_V_ban;
	p->flags |= (BAN_ANSWER_RESULT(answer) == LIMIT_BYPASSED) * PKT_F_WOULD;
	*limits = ban_left(*limits, BAN_ANSWER_JUDGED(answer));
	return V_NEXT;
}

static __always_inline enum sluice_verdict ban_check(struct pkt *p, bool effects)
{
	const struct sluice_control *c = control_get();

	if (!c || !(READ_WORD(c->flags) & SLUICE_CONTROL_F_BANS))
		return V_NEXT;
	if (p->svc_limits)
		flow_recognise_early(p);
	return ban_judge(p, &p->svc_limits, effects);
}
