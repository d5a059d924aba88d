/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors about what this node has sent to a member through a tunnel. They are addressed to the
 * outer source, which is this host's own, and go on to its stack, which learns path MTUs from them:
 * here they are only counted, by the member's host. What they quote must be from the outer source that
 * the host's packets have, to an address that a member has, and in what its mode wraps them.
 */
#pragma once

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include <sluice/gue.h>

#include "clock.h"
#include "gate.h"
#include "maps.h"
#include "parse_ip.h"
#include "pkt.h"

struct unreachable_icmp {
	__u8 type;
	__u8 code;
	__be16 csum_be;
	__be32 pointer_be; /* of an ICMPv6 parameter problem */
};

struct unreachable_quote4 {
	struct unreachable_icmp icmp;
	struct iphdr ip;
};

struct unreachable_quote6 {
	struct unreachable_icmp icmp;
	__u8 first[6]; /* version, class, flow label, length */
	__u8 nexthdr;
	__u8 hop_limit;
	struct sluice_addr from;
	struct sluice_addr to;
};

#define UNREACHABLE_V6_NEXT_HEADER 6 /* what a parameter problem points at: the quoted protocol */

/* enum sluice_unreachable; SLUICE_UNREACHABLE_MAX: another error, or none. Packets that are too big are
 * none of these: there is a way for smaller ones. */
static __always_inline __u32 unreachable_kind4(const struct unreachable_icmp *icmp)
{
	if (icmp->type == 11)
		return icmp->code == 0 ? SLUICE_UNREACHABLE_EXPIRED : SLUICE_UNREACHABLE_MAX;
	if (icmp->type != 3)
		return SLUICE_UNREACHABLE_MAX;
	switch (icmp->code) {
	case 0:
	case 6:
	case 11:
		return SLUICE_UNREACHABLE_NETWORK;
	case 1:
	case 7:
	case 12:
		return SLUICE_UNREACHABLE_HOST;
	case 2:
		return SLUICE_UNREACHABLE_PROTOCOL;
	case 3:
		return SLUICE_UNREACHABLE_PORT;
	case 9:
	case 10:
	case 13:
		return SLUICE_UNREACHABLE_PROHIBITED;
	default:
		return SLUICE_UNREACHABLE_MAX;
	}
}

static __always_inline __u32 unreachable_kind6(const struct unreachable_icmp *icmp)
{
	if (icmp->type == 3)
		return icmp->code == 0 ? SLUICE_UNREACHABLE_EXPIRED : SLUICE_UNREACHABLE_MAX;
	if (icmp->type == 4)
		return icmp->code == 1 && icmp->pointer_be == bpf_htonl(UNREACHABLE_V6_NEXT_HEADER)
			       ? SLUICE_UNREACHABLE_PROTOCOL
			       : SLUICE_UNREACHABLE_MAX;
	if (icmp->type != 1)
		return SLUICE_UNREACHABLE_MAX;
	switch (icmp->code) {
	case 0:
		return SLUICE_UNREACHABLE_NETWORK;
	case 3:
		return SLUICE_UNREACHABLE_HOST;
	case 4:
		return SLUICE_UNREACHABLE_PORT;
	case 1:
	case 5:
	case 6:
		return SLUICE_UNREACHABLE_PROHIBITED;
	default:
		return SLUICE_UNREACHABLE_MAX;
	}
}

static __always_inline bool unreachable_is_tunnel(__u8 proto)
{
	return proto == IPPROTO_IPIP || proto == IPPROTO_IPV6;
}

static __always_inline bool unreachable_is_equal(const struct sluice_addr *a,
						 const struct sluice_addr *b)
{
	return a->d[0] == b->d[0] && a->d[1] == b->d[1];
}

/* Is this how the member's packets are wrapped? port_be: of UDP; 0: without. */
static __always_inline bool unreachable_is_wrapped(const struct sluice_member *member, __u64 word,
						   __be16 port_be)
{
	if (port_be)
		return SLUICE_MEMBER_MODE(word) == SLUICE_MODE_GUE &&
		       member->gue_port_be == port_be;
	return SLUICE_MEMBER_MODE(word) == SLUICE_MODE_IPIP;
}

/* Does the host's tunnel have this outer source, and this port? */
static __always_inline bool unreachable_is_ours(const struct sluice_host *host,
						const struct sluice_addr *to,
						const struct sluice_addr *from, __be16 port_be)
{
	__u32 index = host->member;
	struct sluice_member *member = bpf_map_lookup_elem(&members, &index);
	struct sluice_nexthop *nexthop;
	struct sluice_addr source;
	__u64 word;

	if (!member)
		return false;
	word = READ_WORD(member->word);
	if (!unreachable_is_wrapped(member, word, port_be) ||
	    !unreachable_is_equal(&member->addr, to))
		return false;
	index = SLUICE_MEMBER_NEXTHOP(word);
	nexthop = bpf_map_lookup_elem(&nexthops, &index);
	if (!nexthop)
		return false;
	source.d[0] = nexthop->src6.d[0];
	source.d[1] = nexthop->src6.d[1];
	if (member->family == SLUICE_FAMILY_V4) {
		source.d[0] = 0;
		source.d[1] = parse_map_ipv4(nexthop->src4_be);
	}
	return unreachable_is_equal(&source, from);
}

/* Nobody makes them more than so many, whoever sends them. CPUs that begin a second at once may count
 * a few too many. */
static __always_inline bool unreachable_is_due(struct sluice_host *host)
{
	__u32 second = (__u32)(clock_now_ns() >> GATE_NS_LOG2);

	if (host->second != second) {
		host->second = second;
		host->in_second = 0;
	}
	return host->in_second++ < SLUICE_UNREACHABLE_PER_S;
}

union unreachable_quote {
	struct unreachable_quote4 v4;
	struct unreachable_quote6 v6;
	__be16 ports_be[2];
};

/* Reads what the IP header that proto is of is followed by, over the quote, of which no more is wanted;
 * false: nothing of ours. The port as of unreachable_is_wrapped(). */
static __always_inline bool unreachable_read_port(struct xdp_md *ctx, __u8 proto, __u32 at,
						  __u32 left, union unreachable_quote *quote,
						  __be16 *ret_port_be)
{
	*ret_port_be = 0;
	if (proto != IPPROTO_UDP)
		return unreachable_is_tunnel(proto);
	if (left < sizeof(quote->ports_be) ||
	    bpf_xdp_load_bytes(ctx, at, quote->ports_be, sizeof(quote->ports_be)))
		return false;
	*ret_port_be = quote->ports_be[1];
	return *ret_port_be && bpf_ntohs(quote->ports_be[0]) >= SLUICE_GUE_SOURCE_MIN;
}

/* The error that begins at byte `at` of the frame, where left bytes of its packet are; tuple: the error's
 * own. What it quotes in *ret_to and *ret_port_be, and its kind. */
static __always_inline __u32 unreachable_read(struct xdp_md *ctx, const struct sluice_tuple *tuple,
					      __u32 at, __u32 left, struct sluice_addr *ret_to,
					      __be16 *ret_port_be)
{
	union unreachable_quote quote;
	__u32 size, kind;
	__u8 proto;

	if (tuple->family == SLUICE_FAMILY_V4) {
		if (left < sizeof(quote.v4) ||
		    bpf_xdp_load_bytes(ctx, at, &quote.v4, sizeof(quote.v4)))
			return SLUICE_UNREACHABLE_MAX;
		if (quote.v4.ip.version != 4 || quote.v4.ip.ihl != 5 ||
		    quote.v4.ip.saddr != tuple->daddr.w_be[3])
			return SLUICE_UNREACHABLE_MAX;
		ret_to->d[0] = 0;
		ret_to->d[1] = parse_map_ipv4(quote.v4.ip.daddr);
		kind = unreachable_kind4(&quote.v4.icmp);
		proto = quote.v4.ip.protocol;
		size = sizeof(quote.v4);
	} else {
		if (left < sizeof(quote.v6) ||
		    bpf_xdp_load_bytes(ctx, at, &quote.v6, sizeof(quote.v6)))
			return SLUICE_UNREACHABLE_MAX;
		if (quote.v6.first[0] >> 4 != 6 ||
		    !unreachable_is_equal(&quote.v6.from, &tuple->daddr))
			return SLUICE_UNREACHABLE_MAX;
		ret_to->d[0] = quote.v6.to.d[0];
		ret_to->d[1] = quote.v6.to.d[1];
		kind = unreachable_kind6(&quote.v6.icmp);
		proto = quote.v6.nexthdr;
		size = sizeof(quote.v6);
	}
	if (!unreachable_read_port(ctx, proto, at + size, left - size, &quote, ret_port_be))
		return SLUICE_UNREACHABLE_MAX;
	return kind;
}

/* Counts the error; ip_len: of its packet, which begins at l3_off. Returns 0. */
__noinline int unreachable_note(struct xdp_md *ctx, const struct sluice_tuple *tuple, __u32 l3_off,
				__u32 ip_len)
{
	__u32 head = sizeof(struct ipv6hdr), kind;
	struct sluice_host *host;
	struct sluice_addr to;
	__be16 port_be;
	__u8 byte;

	if (!tuple)
		return 0;
	if (tuple->family == SLUICE_FAMILY_V4) {
		if (tuple->proto != IPPROTO_ICMP || bpf_xdp_load_bytes(ctx, l3_off, &byte, 1))
			return 0;
		head = (byte & 0xf) * 4;
	} else if (tuple->proto != IPPROTO_ICMPV6) {
		return 0;
	}
	/* Behind extension headers nothing is found: none of them begins as one of these errors. */
	if (ip_len < head)
		return 0;
	kind = unreachable_read(ctx, tuple, l3_off + head, ip_len - head, &to, &port_be);
	if (kind >= SLUICE_UNREACHABLE_MAX)
		return 0;
	host = bpf_map_lookup_elem(&hosts, &to);
	if (host && unreachable_is_ours(host, &to, &tuple->daddr, port_be) &&
	    unreachable_is_due(host))
		__sync_fetch_and_add(&host->unreachable[kind], 1);
	return 0;
}

/* Of packets that are left to this host's stack. */
static __always_inline void unreachable_look(struct xdp_md *ctx, const struct pkt *p)
{
	if (p->defect || (p->tuple.proto != IPPROTO_ICMP && p->tuple.proto != IPPROTO_ICMPV6))
		return;
	unreachable_note(ctx, &p->tuple, p->l3_off, p->ip_len);
}
