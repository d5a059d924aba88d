/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables of flows (flow_types.h). Global functions with numbers for arguments: the verifier
 * sees each once. Only packets of slots in motion and of services that track come here.
 */
#pragma once

#include <sluice/flow_types.h>

#include "clock.h"
#include "config.h"
#include "maps.h"
#include "pkt.h"

enum flow_table { FLOW_TABLE_FLOWS, FLOW_TABLE_PENDING, FLOW_TABLE_TRACKED };

/* How many ways the two candidate sets must have free for an entry to be stored. */
#define FLOW_ROOM_ANY 1	  /* the last one will do */
#define FLOW_ROOM_LEARN 2 /* the last one is kept for connections that have nothing else */
#define FLOW_ROOM_EVICT 0 /* without a free one the longest idle entry gives way */

static __always_inline __u32 flow_now_s(void)
{
	return (__u32)SLUICE_FLOW_SECOND(clock_now_ns());
}

static __always_inline struct sluice_flow_settings *flow_get_settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&flow_settings, &zero);
}

static __always_inline struct sluice_flow_set *flow_set(enum flow_table table, __u64 fingerprint,
							int choice)
{
	__u32 at;

	switch (table) {
	case FLOW_TABLE_FLOWS:
		at = sluice_flow_set(fingerprint, choice, ro.flow_sets);
		return bpf_map_lookup_elem(&flows, &at);
	case FLOW_TABLE_PENDING:
		at = sluice_flow_set(fingerprint, choice, ro.pending_sets);
		return bpf_map_lookup_elem(&pending, &at);
	default:
		at = sluice_flow_set(fingerprint, choice, ro.tracked_sets);
		return bpf_map_lookup_elem(&tracked, &at);
	}
}

/* The way that holds the flow, NULL if none does, and its value as it was with this fingerprint. */
static __always_inline struct sluice_flow_entry *flow_way(struct sluice_flow_set *set,
							  __u64 fingerprint, __u64 *ret_value)
{
	__u32 way;

	for (way = 0; way < SLUICE_FLOW_WAYS; way++) {
		struct sluice_flow_entry *entry = &set->entry[way];

		if (READ_WORD(entry->fingerprint) != fingerprint)
			continue;
		*ret_value = READ_WORD(entry->value);
		/* Another flow may have got the entry in between. */
		if (READ_WORD(entry->fingerprint) == fingerprint)
			return entry;
	}
	return NULL;
}

/*
 * The value of the flow's entry, 0 if it has none (a value names a member, so it is never 0). With
 * many flows both sets come from far away: they are asked for at once.
 */
static __always_inline __u64 flow_look(enum flow_table table, __u64 fingerprint)
{
	struct sluice_flow_set *first = flow_set(table, fingerprint, 0);
	struct sluice_flow_set *second = flow_set(table, fingerprint, 1);
	__u64 value = 0, early;

	if (!first || !second)
		return 0;
	early = READ_WORD(second->entry[0].fingerprint);
	asm volatile("" : : "r"(early));
	if (flow_way(first, fingerprint, &value) || flow_way(second, fingerprint, &value))
		return value;
	return 0;
}

/* The same where it is not the first thing to be asked. */
__noinline __u64 flow_get(__u32 table, __u64 fingerprint)
{
	return flow_look(table, fingerprint);
}

/* Gives the flow's entry another value, unless somebody else did. 1: done. */
__noinline int flow_swap(__u32 table, __u64 fingerprint, __u64 old, __u64 new)
{
	__u64 value = 0;
	int choice;

	for (choice = 0; choice < 2; choice++) {
		struct sluice_flow_set *set = flow_set(table, fingerprint, choice);
		struct sluice_flow_entry *entry = NULL;

		if (set)
			entry = flow_way(set, fingerprint, &value);
		if (entry)
			return __sync_val_compare_and_swap(&entry->value, old, new) == old;
	}
	return 0;
}

/* May the entry be given to another flow? What user space removes sooner or later, but here only
 * what can be told from the entry alone. */
static __always_inline bool flow_is_over(__u32 table, __u64 value, __u32 now_s,
					 const struct sluice_flow_settings *settings)
{
	__u32 idle = sluice_flow_idle(value, now_s);

	if (table == FLOW_TABLE_PENDING)
		return idle > settings->pending_life_s;
	return value & SLUICE_FLOW_F_CLOSING && idle > settings->closing_life_s;
}

static __always_inline __u32 flow_free_ways(__u32 table, const struct sluice_flow_set *set,
					    __u32 now_s,
					    const struct sluice_flow_settings *settings)
{
	__u32 way, free = 0;

	for (way = 0; way < SLUICE_FLOW_WAYS; way++) {
		__u64 fingerprint = READ_WORD(set->entry[way].fingerprint);

		if (fingerprint == SLUICE_FLOW_BUSY)
			continue;
		if (fingerprint == SLUICE_FLOW_FREE ||
		    flow_is_over(table, READ_WORD(set->entry[way].value), now_s, settings))
			free++;
	}
	return free;
}

/* Free ways of the flow's first set in bits 0-7, of its second in 8-15. */
__noinline int flow_room(__u32 table, __u64 fingerprint, __u32 now_s)
{
	struct sluice_flow_settings *settings = flow_get_settings();
	struct sluice_flow_set *set;
	int room = 0;

	if (!settings)
		return 0;
	set = flow_set(table, fingerprint, 0);
	if (set)
		room = (int)flow_free_ways(table, set, now_s, settings);
	set = flow_set(table, fingerprint, 1);
	if (set)
		room |= (int)flow_free_ways(table, set, now_s, settings) << 8;
	return room;
}

#define FLOW_ROOM_FIRST(room) ((room)&0xff)
#define FLOW_ROOM_SECOND(room) ((room) >> 8 & 0xff)
#define FLOW_ROOM_SUM(room) (FLOW_ROOM_FIRST(room) + FLOW_ROOM_SECOND(room))

/* Value before fingerprint, with full barriers (atomics), also on CPUs that reorder stores. */
static __always_inline bool flow_take(struct sluice_flow_entry *entry, __u64 old, __u64 fingerprint,
				      __u64 value)
{
	if (__sync_val_compare_and_swap(&entry->fingerprint, old, SLUICE_FLOW_BUSY) != old)
		return false;
	__sync_lock_test_and_set(&entry->value, value);
	__sync_lock_test_and_set(&entry->fingerprint, fingerprint);
	return true;
}

/* Stores the flow in one set: in a free way, or, with is_evicting, in that of the longest idle
 * flow. 1: stored; 2: stored, and a live entry is gone; 0: no way was free. */
static __always_inline int flow_store_in(__u32 table, struct sluice_flow_set *set,
					 __u64 fingerprint, __u64 value, bool is_evicting)
{
	struct sluice_flow_settings *settings = flow_get_settings();
	__u32 now_s = SLUICE_FLOW_SEEN(value), way, oldest = 0, idle_most = 0;
	__u64 victim = 0;

	if (!settings)
		return 0;
	for (way = 0; way < SLUICE_FLOW_WAYS; way++) {
		struct sluice_flow_entry *entry = &set->entry[way];
		__u64 there = READ_WORD(entry->fingerprint), old = READ_WORD(entry->value);
		__u32 idle = sluice_flow_idle(old, now_s);

		if (there == SLUICE_FLOW_BUSY)
			continue;
		if ((there == SLUICE_FLOW_FREE || flow_is_over(table, old, now_s, settings)) &&
		    flow_take(entry, there, fingerprint, value))
			return 1;
		if (idle >= idle_most) {
			idle_most = idle;
			oldest = way;
			victim = there;
		}
	}
	if (!is_evicting || victim <= SLUICE_FLOW_BUSY)
		return 0;
	return flow_take(&set->entry[oldest & (SLUICE_FLOW_WAYS - 1)], victim, fingerprint, value)
		       ? 2
		       : 0;
}

/*
 * Stores a flow that has no entry, in the emptier of its sets, or in the place of an entry of its
 * own that does not count any more. Two CPUs that meet here with one flow may store it twice, with
 * values that are alike: the first that is found counts. Returns as flow_store_in().
 */
__noinline int flow_store(__u32 table, __u64 fingerprint, __u64 value, __u32 need)
{
	__u64 there = flow_get(table, fingerprint);
	struct sluice_flow_set *set;
	int room, choice;

	if (there)
		return flow_swap(table, fingerprint, there, value);
	room = flow_room(table, fingerprint, SLUICE_FLOW_SEEN(value));
	choice = FLOW_ROOM_SECOND(room) > FLOW_ROOM_FIRST(room);
	if (FLOW_ROOM_SUM(room) < (int)need)
		return 0;
	set = flow_set(table, fingerprint, choice);
	return set ? flow_store_in(table, set, fingerprint, value, need == FLOW_ROOM_EVICT) : 0;
}

/* Takes an entry back that was just stored. 1: done. */
__noinline int flow_forget(__u32 table, __u64 fingerprint)
{
	__u64 value = 0;
	int choice;

	for (choice = 0; choice < 2; choice++) {
		struct sluice_flow_set *set = flow_set(table, fingerprint, choice);
		struct sluice_flow_entry *entry = NULL;

		if (set)
			entry = flow_way(set, fingerprint, &value);
		if (entry)
			return __sync_val_compare_and_swap(&entry->fingerprint, fingerprint,
							   SLUICE_FLOW_FREE) == fingerprint;
	}
	return 0;
}
