/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Signs of trouble that the packet path sees by itself: TCP connections that open and are not taken
 * up, and ICMP errors about what it sent to a host. Where answers do not come back through this node,
 * clients and strangers can forge all of them: they are a reason to look, never proof.
 *
 * Of connections a sample is watched. A SYN writes a cell, the first ACK or RST of its flow frees it.
 * Nobody sweeps: a cell that is neither freed nor lost within SLUICE_PASSIVE_WAIT_S stays as it is
 * until a SYN needs it. So "SYN without follow-up" is no counter, it is what is left over:
 *
 *   unanswered = syns - followed - lost - (still waiting, each for SLUICE_PASSIVE_WAIT_S at most)
 *
 * of the counters in struct sluice_member_stats. Over a window: syns of [a, b] against followed and lost
 * of [a + d, b + d], where d is the time that handshakes take (a second or two do). It can come out
 * negative by the flows at the edges. A flow that is repeated and then taken up counts in both.
 */
#pragma once

#include <linux/types.h>

#include <sluice/hash.h>
#include <sluice/types.h>

/*
 * Which flows are watched says the member's word (map_types.h): SLUICE_MEMBER_F_SAMPLE, one in
 * SLUICE_PASSIVE_SAMPLE by its hash, SLUICE_MEMBER_F_SAMPLE_ALL all of them, neither: none. Flows that
 * are waiting when that changes to fewer will be missed: counters of the time right after it, up to
 * SLUICE_PASSIVE_WAIT_S, say too much of syns.
 */
#define SLUICE_PASSIVE_SAMPLE_LOG2 6
#define SLUICE_PASSIVE_SAMPLE (1U << SLUICE_PASSIVE_SAMPLE_LOG2)

/* By bits of the hash that are the flow's own also where the slot follows from the source. */
SLUICE_HASH_INLINE int sluice_passive_is_sampled(__u64 flow_hash)
{
	return !SLUICE_BITS(flow_hash, 38, SLUICE_PASSIVE_SAMPLE_LOG2);
}

/* How long a SYN is waited for, since it was sent last: in seconds of 2^30 ns. Clients repeat it 1, 3,
 * 7 and 15 s after the first one. */
#define SLUICE_PASSIVE_WAIT_S 8

/*
 * `passive`: value __u64, shared by all CPUs, for not every device delivers a flow to one of them. A
 * cell: 0-23 member; 24-39 second of the last SYN, as SLUICE_FLOW_SECOND; 40 repeated;
 * 44-63 20 bits of the flow's hash. 0: free.
 */
#define SLUICE_PASSIVE_CELLS_LOG2 16
#define SLUICE_PASSIVE_CELLS (1U << SLUICE_PASSIVE_CELLS_LOG2)
#define SLUICE_PASSIVE_MEMBER(cell) ((__u32)SLUICE_BITS(cell, 0, 24))
#define SLUICE_PASSIVE_SEEN(cell) ((__u16)SLUICE_BITS(cell, 24, 16))
#define SLUICE_PASSIVE_F_REPEATED (1ULL << 40)
#define SLUICE_PASSIVE_TAG(cell) ((cell) >> 44)
#define SLUICE_PASSIVE(tag, second, member)                                                        \
	((__u64)(tag) << 44 | (__u64)(__u16)(second) << 24 | (__u64)(member))

/* The cell of a flow, and its tag there. */
SLUICE_HASH_INLINE __u32 sluice_passive_cell(__u64 flow_hash)
{
	return (__u32)SLUICE_BITS(flow_hash, 2, SLUICE_PASSIVE_CELLS_LOG2);
}

SLUICE_HASH_INLINE __u64 sluice_passive_tag(__u64 flow_hash)
{
	return SLUICE_BITS(flow_hash, 18, 20);
}

/* ICMP errors that quote a packet of ours to a host (RFC 792, RFC 4443). */
enum sluice_unreachable {
	SLUICE_UNREACHABLE_NETWORK,    /* v4 3/0, 3/6, 3/11; v6 1/0 no route */
	SLUICE_UNREACHABLE_HOST,       /* v4 3/1, 3/7, 3/12; v6 1/3 address */
	SLUICE_UNREACHABLE_PROTOCOL,   /* v4 3/2; v6 4/1: no decapsulator there */
	SLUICE_UNREACHABLE_PORT,       /* v4 3/3; v6 1/4 */
	SLUICE_UNREACHABLE_PROHIBITED, /* v4 3/9, 3/10, 3/13; v6 1/1, 1/5, 1/6 */
	SLUICE_UNREACHABLE_EXPIRED,    /* v4 11/0; v6 3/0: a loop, or too far */
	SLUICE_UNREACHABLE_MAX
};

/*
 * `hosts`: by address, every one that a member has. Errors count when the quoted packet is as its member's
 * mode makes them (gue: the port, too), to this address, from the outer source that the member's next hop has; at most
 * SLUICE_UNREACHABLE_PER_S a second (of 2^30 ns) and host, whoever sends them.
 */
#define SLUICE_UNREACHABLE_PER_S 100
struct sluice_host {
	__u32 member; /* one with this address */
	__u32 second; /* the second that in_second belongs to */
	__u64 in_second;
	__u64 unreachable[SLUICE_UNREACHABLE_MAX];
};

_Static_assert(sizeof(struct sluice_host) == 64, "host");
