/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows that must not follow their slot. Tracking is of exceptions: a flow has an entry only while
 * its slot's new flows go elsewhere than its old ones (docs/flows.md has the rules).
 *
 * Three tables of one form. `pending`: half-open connections of slots in motion. `flows`: the
 * exceptions. `tracked`: every flow of UDP services that want it. A flow has two candidate sets in
 * each, and is written into the emptier one.
 *
 * An entry is taken by compare-and-swap of its fingerprint to BUSY, then gets its value, then its
 * fingerprint; who reads one reads the fingerprint again after the value.
 */
#pragma once

#include <linux/types.h>

#include <sluice/abi.h>
#include <sluice/hash.h>
#include <sluice/types.h>

/* Never the hash of a flow, see sluice_hash_flow(). */
#define SLUICE_FLOW_FREE 0ULL
#define SLUICE_FLOW_BUSY 1ULL

struct sluice_flow_entry {
	__u64 fingerprint; /* the flow's hash: its top bits name the slot in its service's table */
	__u64 value;
};

struct sluice_flow_set {
	struct sluice_flow_entry entry[SLUICE_FLOW_WAYS];
};

_Static_assert(sizeof(struct sluice_flow_set) == 64, "flow set");

/* 0-23 member, which also tells the service; 24-31 the member's epoch: another one is a miss;
 * 32-47 when it was last used, in SLUICE_FLOW_SECOND()s of the packet path's clock; 48-63 flags. */
#define SLUICE_FLOW_MEMBER(value) ((__u32)SLUICE_BITS(value, 0, 24))
#define SLUICE_FLOW_EPOCH(value) ((__u32)SLUICE_BITS(value, 24, 8))
#define SLUICE_FLOW_SEEN(value) ((__u16)SLUICE_BITS(value, 32, 16))
#define SLUICE_FLOW_F_CLOSING (1ULL << 48) /* FIN or RST seen: lives closing_life_s */
#define SLUICE_FLOW(member, epoch, seen)                                                           \
	((__u64)(member) | (__u64)((epoch)&0xff) << 24 | (__u64)(__u16)(seen) << 32)

/* All seconds of flows are of 2^30 ns, which costs a shift. */
#define SLUICE_FLOW_SECOND(ns) ((ns) >> 30)

/* Seconds since the entry was used; now_s and `seen` wrap together. Another CPU may have read its
 * clock after the caller has: what seems to lie ahead is now. */
#define SLUICE_FLOW_IDLE_MAX 0xff00
SLUICE_HASH_INLINE __u32 sluice_flow_idle(__u64 value, __u32 now_s)
{
	__u16 idle = (__u16)((__u16)now_s - SLUICE_FLOW_SEEN(value));

	return idle > SLUICE_FLOW_IDLE_MAX ? 0 : idle;
}

/* The flow's candidate sets; sets is a power of two. Up to 2^21 of them, the top bits, which all flows
 * of a slot share, have no part in it. */
SLUICE_HASH_INLINE __u32 sluice_flow_set(__u64 fingerprint, int choice, __u32 sets)
{
	return (__u32)(fingerprint >> (choice ? 23 : 2)) & (sets - 1);
}

/* Where the service hashes on the source alone: the slot from the source's hash, the rest from the
 * flow's, so that flows of one source stay distinct. */
SLUICE_HASH_INLINE __u64 sluice_flow_by_source(__u64 flow_hash, __u64 source_hash)
{
	return (source_hash & ~(~0ULL >> SLUICE_SLOTS_LOG2_MAX)) |
	       (flow_hash & (~0ULL >> SLUICE_SLOTS_LOG2_MAX));
}

/* One entry; written by user space, read where a slot is exceptional or a service tracks. */
struct sluice_flow_settings {
	__u32 pending_life_s;
	__u32 closing_life_s; /* of an entry after FIN or RST */
	__u32 refresh_s;      /* an entry's time is written at most so often */
	__u32 overwrite_s;    /* a SYN takes over an entry that was idle so long */
	__u32 pending_per_s;  /* a CPU that stores more is under pressure: changes are postponed */
	__u32 pad[11];
};

_Static_assert(sizeof(struct sluice_flow_settings) == 64, "flow settings");

/* Per CPU, monotonic but for the last two. */
struct sluice_flow_stats {
	__u64 hits;	      /* found in `flows` */
	__u64 misses;	      /* looked for in `flows`, and in `pending`, not found */
	__u64 pending_hits;   /* found in `pending` */
	__u64 pending_stored; /* SYNs of slots in motion */
	__u64 promoted;	      /* from `pending` to `flows` */
	__u64 learned;	      /* flows of the default owner, stored while a slot learns */
	__u64 postponed;      /* SYNs that went to the default owner: pressure, or no room */
	__u64 dirty;	      /* flows that could not be learned: their slot stays in motion */
	__u64 taken_over;     /* entries that a SYN took over */
	__u64 tracked_hits;
	__u64 tracked_stored;
	__u64 tracked_evicted; /* a live entry gave way to a new flow */
	__u64 second;	       /* the second that in_second belongs to */
	__u64 in_second;       /* pending entries stored in it */
	__u64 pad[2];
};

_Static_assert(sizeof(struct sluice_flow_stats) == 128, "flow stats");

/* What named the member of a packet. */
enum sluice_held {
	SLUICE_HELD_NONE,    /* the slot's owner of new flows, or its runner-up */
	SLUICE_HELD_DEFAULT, /* the slot's owner of flows without an entry */
	SLUICE_HELD_PENDING,
	SLUICE_HELD_FLOW,
	SLUICE_HELD_TRACKED,
	SLUICE_HELD_MAX
};
