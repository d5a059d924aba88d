/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a packet goes whose slot is in motion, and what is remembered of its flow. docs/flows.md
 * has the rules as a table. Invariant: every live flow of a slot that is not on `def` has an entry.
 */
#pragma once

#include "flow_entry.h"

/* An entry in `flows`, which most packets of a slot in motion have: the answer, 0 if there is none
 * that holds. */
__noinline int flow_ask_flows(__u64 word, __u64 fingerprint, __u32 slot, __u32 flags)
{
	struct sluice_flow_settings *settings = flow_get_settings();
	__u64 value = flow_look(FLOW_TABLE_FLOWS, fingerprint), new;
	__u32 now_s = flow_now_s(), owner;
	__u64 member_word = 0;

	if (!settings || !value || !flow_is_valid(value, now_s, settings, &member_word))
		return 0;
	if (flags & FLOW_F_SYN && flow_is_taken_over(value, member_word, now_s, settings)) {
		owner = flow_new_owner(slot, SLUICE_SLOT_CUR(word));
		new = flow_value(owner, now_s, 0);
		if (!new)
			return 0;
		if (!(flags & FLOW_F_EFFECTS) ||
		    flow_swap(FLOW_TABLE_FLOWS, fingerprint, value, new)) {
			FLOW_COUNT(flags, taken_over);
			return FLOW_ANSWER(owner, SLUICE_HELD_FLOW);
		}
		/* Another packet of the flow was faster: the entry is alive. */
	}
	FLOW_COUNT(flags, hits);
	flow_refresh(FLOW_TABLE_FLOWS, fingerprint, value, now_s, flags, settings);
	return FLOW_ANSWER(SLUICE_FLOW_MEMBER(value), SLUICE_HELD_FLOW);
}

/* An entry in `pending`; a packet that is no SYN makes it an entry in `flows`. */
__noinline int flow_ask_pending(__u64 fingerprint, __u32 now_s, __u32 flags)
{
	struct sluice_flow_settings *settings = flow_get_settings();
	__u64 value = flow_get(FLOW_TABLE_PENDING, fingerprint), word = 0, new;

	if (!settings || !value || !flow_is_valid(value, now_s, settings, &word) ||
	    flow_is_over(FLOW_TABLE_PENDING, value, now_s, settings))
		return 0;
	FLOW_COUNT(flags, pending_hits);
	new = flow_value(SLUICE_FLOW_MEMBER(value), now_s, flags);
	if (flags & FLOW_F_EFFECTS && new) {
		if (!(flags & FLOW_F_SYN) &&
		    flow_store(FLOW_TABLE_FLOWS, fingerprint, new, FLOW_ROOM_ANY))
			FLOW_COUNT(flags, promoted);
		else /* a retransmission, or no room in spite of all: it stays here */
			flow_swap(FLOW_TABLE_PENDING, fingerprint, value, new);
	}
	return FLOW_ANSWER(SLUICE_FLOW_MEMBER(value), SLUICE_HELD_PENDING);
}

/* An entry in `tracked`, made for the slot's owner if there is none. */
__noinline int flow_ask_tracked(__u64 fingerprint, __u32 owner, __u32 now_s, __u32 flags)
{
	struct sluice_flow_settings *settings = flow_get_settings();
	__u64 value = flow_get(FLOW_TABLE_TRACKED, fingerprint), word = 0, new;
	int stored;

	if (!settings)
		return FLOW_ANSWER(owner, SLUICE_HELD_NONE);
	if (value && flow_is_valid(value, now_s, settings, &word)) {
		FLOW_COUNT(flags, tracked_hits);
		flow_refresh(FLOW_TABLE_TRACKED, fingerprint, value, now_s, flags, settings);
		return FLOW_ANSWER(SLUICE_FLOW_MEMBER(value), SLUICE_HELD_TRACKED);
	}
	new = flow_value(owner, now_s, 0);
	if (new &&flags & FLOW_F_EFFECTS) {
		stored = flow_store(FLOW_TABLE_TRACKED, fingerprint, new, FLOW_ROOM_EVICT);
		FLOW_COUNT(flags, tracked_stored);
		if (stored == 2)
			FLOW_COUNT(flags, tracked_evicted);
	}
	return FLOW_ANSWER(owner, SLUICE_HELD_NONE);
}

/* Has the flow an entry in `tracked` that holds? */
__noinline int flow_is_tracked(__u64 fingerprint)
{
	struct sluice_flow_settings *settings = flow_get_settings();
	__u64 value = flow_get(FLOW_TABLE_TRACKED, fingerprint), word = 0;

	return settings && value && flow_is_valid(value, flow_now_s(), settings, &word);
}

/* Something of the slot could not be remembered: user space takes more time. */
static __always_inline void flow_mark(__u64 *word, __u32 flags)
{
	if (flags & FLOW_F_EFFECTS && !(READ_WORD(*word) & SLUICE_SLOT_F_DIRTY))
		__sync_fetch_and_or(word, SLUICE_SLOT_F_DIRTY);
}

/* A connection opens, or an established one that was never heard of goes on, in a slot that moves
 * from `def` to `owner`. */
__noinline int flow_ask_moving(__u32 slot, __u32 owner, __u32 def, __u64 fingerprint, __u32 flags)
{
	struct sluice_flow_settings *settings = flow_get_settings();
	__u64 *word = bpf_map_lookup_elem(&slots, &slot), value;
	__u32 now_s = flow_now_s();

	if (!settings || !word)
		return FLOW_ANSWER(def, SLUICE_HELD_DEFAULT);
	if (flags & FLOW_F_SYN) {
		if (owner == SLUICE_MEMBER_NONE)
			return FLOW_ANSWER(owner, SLUICE_HELD_NONE);
		/* One that went to `def` unremembered may come again: until it would not any more, all go
		 * there. */
		if (READ_WORD(*word) & (SLUICE_SLOT_F_PRE | SLUICE_SLOT_F_DIRTY) &&
		    !(flow_living(def) & SLUICE_MEMBER_F_DOWN))
			owner = def;
		value = flow_value(owner, now_s, 0);
		if (value && flow_has_room(fingerprint, now_s, settings) &&
		    (!(flags & FLOW_F_EFFECTS) || flow_store_pending(fingerprint, value, now_s)))
			return FLOW_ANSWER(owner,
					   owner == def ? SLUICE_HELD_DEFAULT : SLUICE_HELD_NONE);
		/* The move is postponed for this one; nothing breaks. */
		FLOW_COUNT(flags, postponed);
		flow_mark(word, flags);
		return FLOW_ANSWER(def, SLUICE_HELD_DEFAULT);
	}
	if (flags & FLOW_F_EFFECTS && READ_WORD(*word) & SLUICE_SLOT_F_LEARN) {
		value = flow_value(def, now_s, flags);
		if (value && flow_store(FLOW_TABLE_FLOWS, fingerprint, value, FLOW_ROOM_LEARN)) {
			FLOW_COUNT(flags, learned);
		} else if (value) {
			FLOW_COUNT(flags, dirty);
			flow_mark(word, flags);
		}
	}
	return FLOW_ANSWER(def, SLUICE_HELD_DEFAULT);
}

/* The slot is about to change: a connection that opens now must find its member again when its SYN
 * is answered late. Without room it is an ordinary connection of the slot. */
__noinline int flow_remember(__u32 slot, __u64 fingerprint, __u32 owner, __u32 now_s)
{
	struct sluice_flow_settings *settings = flow_get_settings();
	__u64 *word = bpf_map_lookup_elem(&slots, &slot);
	__u64 value = flow_value(owner, now_s, 0);

	if (!settings || !word || !value)
		return 0;
	if (flow_has_room(fingerprint, now_s, settings) &&
	    flow_store_pending(fingerprint, value, now_s))
		return 1;
	flow_mark(word, FLOW_F_EFFECTS);
	return 0;
}

/* What flow_ask_flows() does not know. */
__noinline int flow_ask_more(__u64 word, __u64 fingerprint, __u32 slot, __u32 flags)
{
	__u32 owner = flow_new_owner(slot, SLUICE_SLOT_CUR(word)), now_s = flow_now_s();
	__u32 def = SLUICE_SLOT_DEF(word);
	int answer = 0;

	if (flags & FLOW_F_TRACK)
		return flow_ask_tracked(fingerprint, owner, now_s, flags);
	if (flags & FLOW_F_SYN || word & SLUICE_SLOT_F_EXC)
		answer = flow_ask_pending(fingerprint, now_s, flags);
	if (answer)
		return answer;
	if (word & (SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN)) {
		FLOW_COUNT(flags, misses);
		/* Nobody is left to whom old flows could go, or be learned for. */
		if (flow_living(def) &&
		    (def != owner || (word & SLUICE_SLOT_F_LEARN && !(flags & FLOW_F_SYN))))
			return flow_ask_moving(slot, owner, def, fingerprint, flags);
	}
	if (word & SLUICE_SLOT_F_PRE && flags & FLOW_F_SYN && flags & FLOW_F_EFFECTS)
		flow_remember(slot, fingerprint, owner, now_s);
	return FLOW_ANSWER(owner, SLUICE_HELD_NONE);
}

/* The member of a packet whose slot has flags, or whose service tracks. */
static __always_inline __u32 flow_ask(__u64 word, __u64 fingerprint, __u32 slot, __u32 flags)
{
	int answer = 0;

	if (word & (SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN))
		answer = flow_ask_flows(word, fingerprint, slot, flags);
	if (!answer)
		answer = flow_ask_more(word, fingerprint, slot, flags);
	return (__u32)answer;
}
