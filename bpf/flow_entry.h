/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the rules for slots in motion are made of: who is alive, what an entry is worth, whether there
 * is room for another one. */
#pragma once

#include <sluice/hash.h>

#include "flow_table.h"

/* How flow_ask() is called. */
#define FLOW_F_SYN PKT_F_SYN
#define FLOW_F_CLOSE (1U << 1)	 /* FIN or RST */
#define FLOW_F_EFFECTS (1U << 8) /* write */
#define FLOW_F_TRACK (1U << 9)	 /* the service remembers every flow */

/* What it answers: a member, or none, and what named it. */
#define FLOW_ANSWER(member, held) ((int)((member) | (__u32)(held) << 24))
#define FLOW_ANSWER_MEMBER(answer) ((__u32)(answer)&0xffffff)
#define FLOW_ANSWER_HELD(answer) ((__u32)(answer) >> 24)

/* A member that has just been freed counts as dead: somebody read the slot before it moved. */
static __always_inline bool flow_is_alive(__u64 member_word)
{
	/* By bit number: 64-bit masks cost the program two instructions each. */
	return SLUICE_BITS(member_word, 52, 2) == 1;
}

_Static_assert(SLUICE_MEMBER_F_USED == 1ULL << 52 && SLUICE_MEMBER_F_DEAD == 1ULL << 53,
	       "flow_is_alive");

/* The word of a member that is alive, else 0. */
static __always_inline __u64 flow_living(__u32 index)
{
	struct sluice_member *member = bpf_map_lookup_elem(&members, &index);
	__u64 word;

	if (!member || index == SLUICE_MEMBER_NONE)
		return 0;
	word = READ_WORD(member->word);
	return flow_is_alive(word) ? word : 0;
}

/* Who takes the slot's new flows: its owner, if that is dead its runner-up, if that is dead, too,
 * nobody. */
static __always_inline __u32 flow_new_owner(__u32 slot, __u32 cur)
{
	__u32 pair = slot / 2, index;
	__u64 *runner;

	if (cur == SLUICE_MEMBER_NONE || flow_living(cur))
		return cur;
	runner = bpf_map_lookup_elem(&runners, &pair);
	if (!runner)
		return SLUICE_MEMBER_NONE;
	index = SLUICE_RUNNER(READ_WORD(*runner), slot);
	return flow_living(index) ? index : SLUICE_MEMBER_NONE;
}

static __always_inline struct sluice_flow_stats *flow_get_stats(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&flow_stats, &zero);
}

#define FLOW_COUNT(flags, field)                                                                   \
	do {                                                                                       \
		struct sluice_flow_stats *stats_ = flow_get_stats();                               \
		if (stats_ && (flags)&FLOW_F_EFFECTS)                                              \
			stats_->field++;                                                           \
	} while (0)

/* Does the entry still name a member as it was when the flow was stored? */
static __always_inline bool flow_is_valid(__u64 value, __u32 now_s,
					  const struct sluice_flow_settings *settings,
					  __u64 *ret_member_word)
{
	__u64 word = flow_living(SLUICE_FLOW_MEMBER(value));

	if (!word || SLUICE_MEMBER_EPOCH(word) != SLUICE_FLOW_EPOCH(value))
		return false;
	if (value & SLUICE_FLOW_F_CLOSING &&
	    sluice_flow_idle(value, now_s) > settings->closing_life_s)
		return false;
	*ret_member_word = word;
	return true;
}

/* Remembers that the flow was seen, at most once in refresh_s, and that it closes. */
static __always_inline void flow_refresh(__u32 table, __u64 fingerprint, __u64 value, __u32 now_s,
					 __u32 flags, const struct sluice_flow_settings *settings)
{
	__u64 new = SLUICE_FLOW(SLUICE_FLOW_MEMBER(value), SLUICE_FLOW_EPOCH(value), now_s) |
		    (value & SLUICE_FLOW_F_CLOSING);
	bool is_closing = flags & FLOW_F_CLOSE && !(value & SLUICE_FLOW_F_CLOSING);

	/* More FINs or RSTs are no reason to live. Other packets are: the client may have closed one
	 * direction, and receive for hours in the other. */
	if ((flags & FLOW_F_CLOSE && !is_closing) || !(flags & FLOW_F_EFFECTS))
		return;
	if (!is_closing && sluice_flow_idle(value, now_s) < settings->refresh_s)
		return;
	flow_swap(table, fingerprint, value, is_closing ? new | SLUICE_FLOW_F_CLOSING : new);
}

/* A value for the flow on this member, 0 if that is dead. */
static __always_inline __u64 flow_value(__u32 member, __u32 now_s, __u32 flags)
{
	__u64 word = flow_living(member);

	if (!word)
		return 0;
	return SLUICE_FLOW(member, SLUICE_MEMBER_EPOCH(word), now_s) |
	       (flags & FLOW_F_CLOSE ? SLUICE_FLOW_F_CLOSING : 0);
}

/* Does a connection that opens have this entry's port anew? */
static __always_inline bool flow_is_taken_over(__u64 value, __u64 member_word, __u32 now_s,
					       const struct sluice_flow_settings *settings)
{
	return value & SLUICE_FLOW_F_CLOSING || member_word & SLUICE_MEMBER_F_DRAIN ||
	       sluice_flow_idle(value, now_s) > settings->overwrite_s;
}

/* Room for a connection that opens, now and when it is promoted? */
static __always_inline bool flow_has_room(__u64 fingerprint, __u32 now_s,
					  const struct sluice_flow_settings *settings)
{
	struct sluice_flow_stats *stats = flow_get_stats();

	if (!stats)
		return false;
	if (stats->second == now_s && stats->in_second >= settings->pending_per_s)
		return false;
	return flow_room(FLOW_TABLE_FLOWS, fingerprint, now_s) &&
	       flow_room(FLOW_TABLE_PENDING, fingerprint, now_s);
}

/* Remembers a connection that opens. False: it could not be. */
static __always_inline int flow_store_pending(__u64 fingerprint, __u64 value, __u32 now_s)
{
	struct sluice_flow_stats *stats = flow_get_stats();

	if (!stats || !flow_store(FLOW_TABLE_PENDING, fingerprint, value, FLOW_ROOM_ANY))
		return 0;
	if (stats->second != now_s) {
		stats->second = now_s;
		stats->in_second = 0;
	}
	stats->in_second++;
	stats->pending_stored++;
	return 1;
}
