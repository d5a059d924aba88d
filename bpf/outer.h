/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The outer IPv4 or IPv6 header of mode ipip (RFC 2003, 2473, 4213), and the UDP header behind it of mode
 * gue (<sluice/gue.h>). TOS and traffic class are those of the inner one, ECN with them (RFC 6040, normal
 * mode).
 */
#pragma once

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <sluice/gue.h>

#include "csum.h"
#include "frame.h"

#define OUTER_TTL 64

/* All that is in front of the inner packet, by mode and family; constants wherever they are handed on,
 * so that each of them gets straight code of its own. */
#define OUTER_IPV4 ((__u32)sizeof(struct iphdr))
#define OUTER_IPV6 ((__u32)sizeof(struct ipv6hdr))
#define OUTER_UDP ((__u32)sizeof(struct udphdr))

static __always_inline __u32 outer_is_ipv4(__u32 outer)
{
	return outer == OUTER_IPV4 || outer == OUTER_IPV4 + OUTER_UDP;
}

static __always_inline __u32 outer_is_udp(__u32 outer)
{
	return outer == OUTER_IPV4 + OUTER_UDP || outer == OUTER_IPV6 + OUTER_UDP;
}

/* The protocol that the outer IP header names. */
static __always_inline __u32 outer_proto(const struct pkt *p, __u32 outer)
{
	if (outer_is_udp(outer))
		return IPPROTO_UDP;
	return p->tuple.family == SLUICE_FAMILY_V4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

/* Id 0 with "don't fragment" (RFC 6864): the path MTU is known and was checked. */
static __always_inline void outer_write_ipv4(void *l3, const struct pkt *p, __u32 outer)
{
	__be32 *out = l3;
	__be32 first = bpf_htonl(0x45000000U | (__u32)p->tos << 16 | (p->ip_len + outer));
	__be32 second = bpf_htonl(0x4000);
	__be32 third = bpf_htonl((__u32)OUTER_TTL << 24 | outer_proto(p, outer) << 16);
	__be32 saddr = p->nexthop->src4_be;
	__be32 daddr = p->member->addr.w_be[3];
	__u16 csum = csum_fold((__u64)first + second + third + saddr + daddr);

	out[0] = first;
	out[1] = second;
	/* The sum is of words in memory order, and is stored in it. */
	out[2] = third;
	((__u16 *)l3)[5] = csum;
	out[3] = saddr;
	out[4] = daddr;
}

/* The flow label comes from the flow hash, so that routers spread flows (RFC 6438). */
static __always_inline void outer_write_ipv6(void *l3, const struct pkt *p, __u32 outer)
{
	__be32 *out = l3;
	__u32 label = (p->flow_hash >> 20) & 0xfffff;

	out[0] = bpf_htonl(0x60000000U | (__u32)p->tos << 20 | label);
	out[1] = bpf_htonl((p->ip_len + outer - OUTER_IPV6) << 16 | outer_proto(p, outer) << 8 |
			   OUTER_TTL);
	out[2] = p->nexthop->src6.w_be[0];
	out[3] = p->nexthop->src6.w_be[1];
	out[4] = p->nexthop->src6.w_be[2];
	out[5] = p->nexthop->src6.w_be[3];
	out[6] = p->member->addr.w_be[0];
	out[7] = p->member->addr.w_be[1];
	out[8] = p->member->addr.w_be[2];
	out[9] = p->member->addr.w_be[3];
}

/* The source port is of other bits of the hash than slot and flow label. */
static __always_inline void outer_write_udp(void *l4, const struct pkt *p)
{
	__u32 source = SLUICE_GUE_SOURCE_MIN | ((p->flow_hash >> 4) & 0x3fff);
	__be16 port = *(const volatile __be16 *)&p->member->gue_port_be;
	__be32 *out = l4;

	out[0] = bpf_htonl(source << 16 | bpf_ntohs(port));
	out[1] = bpf_htonl((p->ip_len + OUTER_UDP) << 16); /* no checksum */
}

/* Link header and outer ones at data, where the caller has checked FRAME_LINK_MAX + outer bytes. */
static __always_inline void outer_write(void *data, const struct pkt *p, __u32 outer)
{
	void *l3;

	if (outer_is_ipv4(outer)) {
		l3 = frame_write(data, p, ETH_P_IP);
		outer_write_ipv4(l3, p, outer);
		if (outer_is_udp(outer))
			outer_write_udp(l3 + OUTER_IPV4, p);
	} else {
		l3 = frame_write(data, p, ETH_P_IPV6);
		outer_write_ipv6(l3, p, outer);
		if (outer_is_udp(outer))
			outer_write_udp(l3 + OUTER_IPV6, p);
	}
}

/* Whether the next hop has an address to send from. */
static __always_inline bool outer_has_source(const struct pkt *p)
{
	if (p->member->family == SLUICE_FAMILY_V4)
		return p->nexthop->src4_be;
	return p->nexthop->src6.d[0] | p->nexthop->src6.d[1];
}

/* Bytes of outer IP header that the member's packets get. */
static __always_inline __u32 outer_bytes(const struct pkt *p)
{
	return p->member->family == SLUICE_FAMILY_V4 ? OUTER_IPV4 : OUTER_IPV6;
}

/* The largest IP packet that fits on the way to the member. */
static __always_inline __u32 outer_room(const struct pkt *p)
{
	__u32 room = SLUICE_MEMBER_MTU(p->word), outer = 0;
	__u32 mode = SLUICE_MEMBER_MODE(p->word);

	if (mode == SLUICE_MODE_IPIP)
		outer = outer_bytes(p);
	else if (mode == SLUICE_MODE_GUE)
		outer = outer_bytes(p) + OUTER_UDP;
	return room > outer ? room - outer : 0;
}
