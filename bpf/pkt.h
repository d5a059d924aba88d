/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One packet on its way through the stages. */
#pragma once

#include <stdbool.h>
#include <linux/types.h>

#include <sluice/map_types.h>
#include <sluice/verdict.h>

/* What a stage returns when the packet goes on to the next one. */
#define V_NEXT SLUICE_V_none
/* What parse() returns for ARP and neighbour discovery: neighbor.h has the verdict. */
#define V_NEIGHBOR SLUICE_V_MAX

#define PKT_INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define PKT_UNROLL _Pragma("unroll")
#else
#define PKT_UNROLL /* gcc compiles the parser for its tests */
#endif
/*
 * x stays what it is; but the verifier, which does not know `unknown`, no longer knows it either.
 * For values that tell apart ways which are alike from here on, and which it would all follow.
 */
#ifdef __bpf__
#define PKT_FORGET(x, unknown)                                                                     \
	asm volatile("%0 ^= %1\n\t%0 ^= %1" : "+r"(x) : "r"((__u64)(unknown)))
#else
#define PKT_FORGET(x, unknown) ((void)(unknown))
#endif
/* low <= x <= high, for the verifier as for the packet: made one comparison of a difference, as the
 * compiler would, it teaches verifiers of older kernels nothing about x, a variable of 32 bits. */
#define PKT_WITHIN(x, low, high) (PKT_BOUND(x, >=, low) && PKT_BOUND(x, <=, high))
#define PKT_BOUND(x, than, bound)                                                                  \
	({                                                                                         \
		asm volatile("" : "+r"(x));                                                        \
		(x) than(bound);                                                                   \
	})
#define READ_WORD(x) (*(const volatile __u64 *)&(x))

#define PKT_F_SYN (1U << 0)	     /* opens a TCP connection: SYN without ACK */
#define PKT_F_NEW (1U << 1)	     /* a new connection: such a SYN, or UDP of no known flow */
#define PKT_F_WOULD (1U << 2)	     /* a limit would refuse it, but for the bypass */
#define PKT_F_FIRST (1U << 3)	     /* the first of several fragments: it has the ports */
#define PKT_TCP_CLOSE 0x05	     /* in tcp_flags: FIN or RST */
#define PKT_ACCESS_EXEMPT (1U << 0)  /* neither denied nor limited */
#define PKT_ACCESS_DENIED (1U << 1)  /* but for its protocol: denied if it is for a service */
#define PKT_ACCESS_TOUCHED (1U << 2) /* some list or exception may know the source */
#define PKT_ACCESS_INFRA (1U << 3)   /* a member or gateway: limits of all packets spare it */

/*
 * Kept in memory on purpose: in registers it would be spilled at every helper call. Fields that
 * are used before a stage has set them are zeroed by pkt_init(), in as few stores as possible.
 */
struct pkt {
	struct sluice_tuple tuple;
	__u32 service_id;
	__u16 limit_index; /* that refused, or would */
	__u8 held;	   /* enum sluice_held */
	__u8 verdict;	   /* set by finish() */
	__u32 member_index;
	__u32 slot; /* absolute, PKT_NO_SLOT: none read */
	__u8 tags;
	__u8 defect;	/* verdict that the packet gets if it is addressed to a service */
	__u8 flags;	/* PKT_F_* */
	__u8 tcp_flags; /* as on the wire */
	__u8 tos;
	__u8 l3_off;
	__u16 ip_len; /* of the IP packet, without what the frame carries behind it */
	__u32 frame_len;
	__u16 list_index; /* access list that decided */
	__u8 access;	  /* PKT_ACCESS_* */
	__u8 captured;	  /* not 0: a copy may have been taken; set right after pkt_init() */
	__be32 tag_be[SLUICE_VLAN_TAGS_MAX]; /* as on the wire: protocol id, then tag */
	__u64 word; /* what is at hand: the service's allow lists, the slot, at last the member */
	__u64 svc_word;
	__u64 flow_hash;
	union {
		__u64 svc_limits;	      /* until they have admitted the packet */
		struct sluice_member *member; /* from then on */
	};
	struct sluice_nexthop *nexthop;
};

#define PKT_NO_SLOT (~0U)

#define PKT_ZERO(p, field, len)                                                                    \
	__builtin_memset((void *)(p) + __builtin_offsetof(struct pkt, field), 0, len)

PKT_INLINE void pkt_init(struct pkt *p)
{
	PKT_ZERO(p, tuple.sport_be, 8); /* to the end of the tuple */
	p->service_id = 0;
	PKT_ZERO(p, limit_index, 4); /* to verdict */
	p->member_index = 0;
	p->slot = PKT_NO_SLOT;
	PKT_ZERO(p, tags, 8); /* to ip_len */
	PKT_ZERO(p, list_index, 4);
}

/* The same values, but the verifier follows no way twice because one of them has changed there. For
 * a program that reads all of them at its end. */
PKT_INLINE void pkt_init_forgotten(struct pkt *p, __u64 unknown)
{
	__u64 zero = 0;

	PKT_FORGET(zero, unknown);
	p->service_id = (__u32)zero;
	p->limit_index = (__u16)zero;
	p->held = (__u8)zero;
	p->member_index = (__u32)zero;
	p->slot = (__u32)~zero;
	p->list_index = (__u16)zero;
}

_Static_assert(sizeof(struct pkt) <= 128, "a packet's state fits two cache lines");
