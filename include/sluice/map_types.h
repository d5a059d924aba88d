/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Values of the BPF maps. What the packet path must see consistently is one aligned 64-bit word,
 * read by one volatile load and changed by one store or compare-and-swap; everything else in a
 * cell is written while the word is 0 and stays until it is 0 again. All maps written by user
 * space here are mmapable arrays (so page-aligned, and a 64-byte value is a cache line).
 */
#pragma once

#include <linux/types.h>

#include <sluice/abi.h>
#include <sluice/flow_types.h>
#include <sluice/limit_types.h>
#include <sluice/passive_types.h>
#include <sluice/types.h>

/* ---- services ---------------------------------------------------------------------------- */

enum sluice_mode {
	SLUICE_MODE_NONE,
	SLUICE_MODE_L2,	   /* rewrite the destination MAC */
	SLUICE_MODE_IPIP,  /* IPIP, IP6IP6, 4in6, 6in4 */
	SLUICE_MODE_LOCAL, /* limit and pass to the local stack */
	SLUICE_MODE_GUE,   /* the same in UDP, <sluice/gue.h>; last: the numbers stay in the maps */
	SLUICE_MODE_MAX
};

/* Packets to members are ours: what comes back quotes them. */
#define SLUICE_MODE_IS_TUNNEL(mode) ((mode) == SLUICE_MODE_IPIP || (mode) == SLUICE_MODE_GUE)

/*
 * The word of a service cell, never 0 while the cell is in use:
 *   0-31 base: first slot of its table in `slots`;  32-37 log2 of the table's size;
 *   48-63 flags.
 * An address cell (port 0, proto 0) says only "this address is ours" and carries its policy.
 */
#define SLUICE_SVC_BASE(word) SLUICE_BITS(word, 0, 32)
#define SLUICE_SVC_LOG2(word) SLUICE_BITS(word, 32, 6)
#define SLUICE_SVC_F_USED (1ULL << 48)
#define SLUICE_SVC_F_LOCAL (1ULL << 49)	       /* this host's own; base: the member that counts */
#define SLUICE_SVC_F_ADDRESS (1ULL << 50)      /* an address cell */
#define SLUICE_SVC_F_PASS_UNKNOWN (1ULL << 51) /* address cell: unknown ports go to the stack */
#define SLUICE_SVC_F_ARP (1ULL << 52)	       /* address cell: an active node answers ARP and ND */
#define SLUICE_SVC_F_SOURCE (1ULL << 53)       /* the slot follows from the source alone */
#define SLUICE_SVC_F_TRACK (1ULL << 54)	       /* every flow has an entry in `tracked` */
#define SLUICE_SVC_F_CEILING (1ULL << 55)      /* `ceilings` has an entry for its id */

struct sluice_service {
	__u64 word;
	__u64 limits;		 /* four 16-bit limit indices, narrowest prefix first; 0 ends */
	struct sluice_addr addr; /* immutable while word != 0, as all below */
	__be16 port_be;		 /* 0: all ports (or an address cell) */
	__u8 proto;		 /* IPPROTO_TCP, IPPROTO_UDP; 0: an address cell */
	__u8 pad0;
	__u32 id;    /* service id, 1-based, stable while the service exists; 0 in address cells */
	__u64 allow; /* four 16-bit ids of lists: only their sources are admitted; 0: everybody */
	__u8 pad1[16];
};

#define SLUICE_SVC_LIMIT(limits, i) ((__u32)SLUICE_BITS(limits, 16 * (i), 16))
#define SLUICE_SVC_ALLOW(allow, i) ((__u32)SLUICE_BITS(allow, 16 * (i), 16))

_Static_assert(sizeof(struct sluice_service) == 64, "service cell");

/* ---- slots ------------------------------------------------------------------------------- */

/*
 * 0-23 cur: owner of new flows; 24-47 def: owner of flows without an entry; then flags. The packet
 * path changes nothing but DIRTY, which it sets.
 */
#define SLUICE_SLOT_CUR(word) ((__u32)SLUICE_BITS(word, 0, 24))
#define SLUICE_SLOT_DEF(word) ((__u32)SLUICE_BITS(word, 24, 24))
#define SLUICE_SLOT_F_EXC (1ULL << 48)	 /* flows of it may have entries */
#define SLUICE_SLOT_F_LEARN (1ULL << 49) /* flows of `def` without an entry get one */
/* About to change: connections that open are remembered. With `cur` and `def` apart: they still go to
 * `def`, remembered, for some went there that could not be. */
#define SLUICE_SLOT_F_PRE (1ULL << 50)
/* A flow could not be remembered: `def` must stay, and new ones go there as with PRE. */
#define SLUICE_SLOT_F_DIRTY (1ULL << 51)
#define SLUICE_SLOT(cur, def) ((__u64)(cur) | (__u64)(def) << 24)

/* `slots`: value __u64, as above. `runners`: value __u64, two members: even slot in bits 0-23,
 * odd slot in bits 32-55; index = slot / 2. */
#define SLUICE_RUNNER(word, slot) ((__u32)SLUICE_BITS(word, ((slot)&1) * 32, 24))

/* ---- members and next hops ----------------------------------------------------------------- */

/*
 * The word of a member: 0-23 next hop index; 24-27 mode; 28-35 epoch; 36-51 path MTU towards the
 * member, bytes of IP packet including any outer header; 52-63 flags.
 */
#define SLUICE_MEMBER_NEXTHOP(word) ((__u32)SLUICE_BITS(word, 0, 24))
#define SLUICE_MEMBER_MODE(word) ((__u32)SLUICE_BITS(word, 24, 4))
#define SLUICE_MEMBER_EPOCH(word) ((__u32)SLUICE_BITS(word, 28, 8))
#define SLUICE_MEMBER_MTU(word) ((__u32)SLUICE_BITS(word, 36, 16))
#define SLUICE_MEMBER_F_USED (1ULL << 52)
#define SLUICE_MEMBER_F_DEAD (1ULL << 53) /* its slots go to their runner-ups */
/* For those who come without a daemon, and for the daemon that comes after them: */
#define SLUICE_MEMBER_F_MAINT (1ULL << 54)    /* in maintenance, therefore dead */
#define SLUICE_MEMBER_F_OFFLINE (1ULL << 55)  /* F_MAINT was set or taken while no daemon ran */
#define SLUICE_MEMBER_F_WAS_DEAD (1ULL << 56) /* with F_OFFLINE: dead before, for another reason */
#define SLUICE_MEMBER_F_DRAIN (1ULL << 57)    /* drains: a SYN does not follow a flow's old entry */
#define SLUICE_MEMBER_F_DOWN (1ULL << 58)     /* fails its check, but answers: keeps its flows */
#define SLUICE_MEMBER_F_SAMPLE (1ULL << 59) /* passive_types.h: a sample of its flows is watched, */
#define SLUICE_MEMBER_F_SAMPLE_ALL (1ULL << 60) /* or all of them */
/* Serves in a panic though it fails, or is on trial: for the daemon that comes after this one. */
#define SLUICE_MEMBER_F_READMITTED (1ULL << 61)
#define SLUICE_MEMBER(nexthop, mode, epoch, mtu)                                                   \
	((__u64)(nexthop) | (__u64)(mode) << 24 | (__u64)(epoch) << 28 | (__u64)(mtu) << 36 |      \
	 SLUICE_MEMBER_F_USED)

struct sluice_member {
	__u64 word;
	struct sluice_addr addr; /* the member's own address: outer destination of a tunnel */
	__u32 service;		 /* service id */
	__be16 port_be;
	__u8 family;	    /* enum sluice_family of addr */
	__u8 pool;	    /* position of the pool in its service, for adoption */
	__u32 ceiling;	    /* index in `ceilings`, may change at any time; SLUICE_CEILING_NONE */
	__be16 gue_port_be; /* of mode gue, there before the word says so; may change at any time */
	__u8 pad[26];
};

_Static_assert(sizeof(struct sluice_member) == 64, "member");

/*
 * How to reach one or more members. Written once before the first member names it, changed never:
 * a neighbour that changes its MAC gets a new next hop and its members' words are swapped.
 */
struct sluice_nexthop {
	__u32 ifindex;	    /* egress interface (the lower one, never a VLAN device) */
	__u16 flags;	    /* SLUICE_NEXTHOP_F_* */
	__be16 vlan_tci_be; /* tag to set, with F_VLAN */
	__u8 dmac[6];
	__u8 smac[6];
	__be32 src4_be;		 /* outer source for IPv4 tunnels, 0 if none */
	struct sluice_addr src6; /* outer source for IPv6 tunnels, zero if none */
	__u8 pad[24];
};

#define SLUICE_NEXTHOP_F_USED (1U << 0)
#define SLUICE_NEXTHOP_F_VLAN (1U << 1) /* exactly one 802.1Q tag; without it tags are kept */

_Static_assert(sizeof(struct sluice_nexthop) == 64, "next hop");

/* ---- interfaces ---------------------------------------------------------------------------- */

/*
 * The MAC addresses that make a frame ours on one attached interface: its own and its master's (a
 * bridge or bond). Bytes 0-5 of a word in memory are the MAC, bytes 6-7 tell interfaces that share
 * a cell apart. A cell of another interface, or 0: every frame counts as ours.
 */
struct sluice_interface {
	__u64 mac[2]; /* own, master's; the second may be 0 */
};

#define SLUICE_INTERFACE_CELL(ifindex) ((ifindex) & (SLUICE_INTERFACES - 1))
/* Never 0. */
#define SLUICE_INTERFACE_MARK(ifindex) ((__u16)((ifindex) / SLUICE_INTERFACES + 1))

_Static_assert(sizeof(struct sluice_interface) == 16, "interface");

/* ---- counters (per CPU) -------------------------------------------------------------------- */

struct sluice_member_stats {
	__u64 packets;
	__u64 bytes;	       /* as received, from the Ethernet header on */
	__u64 new_connections; /* TCP SYN without ACK */
	/* Of TCP flows that are watched (passive_types.h): */
	__u64 syns;	/* flows that opened */
	__u64 repeated; /* of these: their SYN came again, at least once */
	__u64 followed; /* went on with an ACK, or a RST, which answers an answer */
	__u64 lost; /* too many were watched at once, or it went on to another member: not known */
	__u64 pad;
};

struct sluice_verdict_stats {
	__u64 packets;
	__u64 bytes;
};

struct sluice_limit_stats {
	__u64 passed;
	__u64 refused;	     /* mode enforce: dropped */
	__u64 would_refuse;  /* mode shadow */
	__u64 replaced_debt; /* a source with debt lost its word to another one */
	__u64 banned;	     /* dropped because the source is banned */
	__u64 pad[3];
};

/* ---- the rest ------------------------------------------------------------------------------ */

/*
 * One entry, written once by the daemon that creates the maps, read by one that adopts them. It,
 * `control` and `notes` (node_types.h) are the same in every ABI: what a program of another one must
 * know to take over is in them. So new fields take padding, and nothing ever moves.
 */
struct sluice_meta {
	__u32 abi; /* SLUICE_ABI */
	__u32 tick_ns;
	struct sluice_hash_key key;
	__u64 created_s;	 /* CLOCK_REALTIME */
	__u8 seed_is_configured; /* key derives from `hash_seed` */
	__u8 pad0[3];
	__u32 generation; /* of maps that are beside others the highest is in force; 0: not yet */
	__u8 pad1[16];
};

_Static_assert(sizeof(struct sluice_meta) == 128, "meta");
_Static_assert(__builtin_offsetof(struct sluice_meta, key) == 8, "meta is the same in every ABI");
_Static_assert(__builtin_offsetof(struct sluice_meta, created_s) == 96, "so is its key's size");
_Static_assert(__builtin_offsetof(struct sluice_meta, generation) == 108, "and all that follows");

/* Per-CPU token gate, in front of the event ring and of answers to neighbours. */
struct sluice_event_gate {
	__u64 second; /* the second the count belongs to */
	__u64 sent;
	__u64 suppressed;
};

/* What the explain entry found; one entry, the caller serialises test runs. */
struct sluice_explain {
	struct sluice_tuple tuple;
	__u32 verdict; /* enum sluice_verdict */
	__u32 service;
	__u32 slot; /* absolute index in `slots`, ~0 if none was read */
	__u32 member;
	__u32 limit; /* the limit that refused, or would */
	__u32 list;  /* the access list that decided */
	__u32 held;  /* enum sluice_held: what named the member */
	__u32 pad;
};

_Static_assert(sizeof(struct sluice_explain) == 72, "explain");

/* Constants of one loaded program: the `const volatile` variable `ro` of the object. */
struct sluice_rodata {
	struct sluice_hash_key key;
	__u32 tick_ns;	    /* of jiffies: from clock_getres(CLOCK_MONOTONIC_COARSE) */
	__u32 cells;	    /* entries of `services`, a power of two */
	__u32 events_per_s; /* per CPU; 0: no events */
	__u32 flow_sets;    /* of `flows`, `pending` and `tracked`: powers of two */
	__u32 pending_sets;
	__u32 tracked_sets;
	__u8 test_clock;  /* time from the map instead of jiffies */
	__u8 no_tracking; /* every flow follows its slot: to measure what tracking costs */
	__u8 pad[6];
};

_Static_assert(sizeof(struct sluice_rodata) == 120, "rodata");
