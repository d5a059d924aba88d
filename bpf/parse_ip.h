/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The network layer's headers: IPv4 with options, IPv6 with extensions, fragments of both. */
#pragma once

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "pkt.h"

struct cursor {
	void *pos;
	void *end;
	__u32 ip_header; /* bytes of IP header and extensions passed */
};

struct parse_ext { /* how every extension header begins, IPv6's fragment header (RFC 8200, 4.5) too */
	__u8 nexthdr;
	__u8 hdrlen;
	__be16 offset_be; /* of a fragment, and its flags */
};

#define PARSE_EXT_LEN_MASK 0xfff /* (255 + 1) * 8 at most */
#define PARSE_FRAGMENT_LEN 8	 /* of that header */
#define PARSE_IP_MF 0x2000
#define PARSE_IP_OFFSET 0x1fff
#define PARSE_IPV6_MF 0x0001 /* and of IPv6's fragment header */
#define PARSE_IPV6_OFFSET 0xfff8

/* The second half of ::ffff:a.b.c.d, as one store: it is read back in one, and a load that spans
 * two stores waits for both. */
PKT_INLINE __u64 parse_map_ipv4(__be32 addr)
{
	return bpf_cpu_to_be64(0xffffULL << 32 | bpf_ntohl(addr));
}

PKT_INLINE enum sluice_verdict parse_ipv4(struct cursor *c, struct pkt *p)
{
	struct iphdr *ip = c->pos;
	__u32 header, total;

	if ((void *)(ip + 1) > c->end)
		return SLUICE_V_not_service; /* its destination cannot be read */
	p->tuple.family = SLUICE_FAMILY_V4;
	p->tuple.saddr.d[0] = 0;
	p->tuple.daddr.d[0] = 0;
	p->tuple.saddr.d[1] = parse_map_ipv4(ip->saddr);
	p->tuple.daddr.d[1] = parse_map_ipv4(ip->daddr);
	p->tuple.proto = ip->protocol;
	p->tos = ip->tos;

	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || c->pos + header > c->end)
		p->defect = SLUICE_V_bad_ip_header;
	else if (total < header || c->pos + total > c->end)
		p->defect = SLUICE_V_bad_ip_length;
	else if (ip->frag_off & bpf_htons(PARSE_IP_OFFSET))
		p->defect = SLUICE_V_fragment;
	else if (ip->frag_off & bpf_htons(PARSE_IP_MF))
		p->flags = PKT_F_FIRST;
	p->ip_len = (__u16)total;
	c->pos += header;
	c->ip_header = header;
	return V_NEXT;
}

/* Walks the extension headers behind an IPv6 header to a transport protocol. */
PKT_INLINE void parse_ipv6_extensions(struct cursor *c, struct pkt *p)
{
	__u8 proto = p->tuple.proto;
	__u32 fragment = 0;
	int i;

	for (i = 0; i <= SLUICE_IPV6_EXT_MAX; i++) {
		struct parse_ext *ext = c->pos;
		__u32 len;

		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_ROUTING &&
		    proto != IPPROTO_DSTOPTS && proto != IPPROTO_MH && proto != IPPROTO_AH &&
		    proto != IPPROTO_FRAGMENT)
			break;
		if (i == SLUICE_IPV6_EXT_MAX || (void *)(ext + 1) > c->end) {
			p->defect = SLUICE_V_bad_ext_header;
			break;
		}
		len = proto == IPPROTO_AH ? (ext->hdrlen + 2) * 4 : (ext->hdrlen + 1) * 8;
		if (proto == IPPROTO_FRAGMENT) {
			fragment = bpf_ntohs(ext->offset_be);
			len = PARSE_FRAGMENT_LEN;
		}
		/* Which of them it was, no longer matters. */
		PKT_FORGET(len, p->ip_len);
		PKT_FORGET(fragment, p->ip_len);
		len &= PARSE_EXT_LEN_MASK;
		proto = ext->nexthdr;
		c->pos += len;
		c->ip_header += len;
		if (c->pos > c->end) {
			p->defect = SLUICE_V_bad_ext_header;
			break;
		}
		if (fragment & PARSE_IPV6_OFFSET)
			break;
	}
	/* A fragment header of a packet that is whole (RFC 6946) is a header like others. */
	if (fragment & PARSE_IPV6_OFFSET && !p->defect)
		p->defect = SLUICE_V_fragment;
	p->flags = (fragment & PARSE_IPV6_MF) * PKT_F_FIRST;
	p->tuple.proto = proto;
}

PKT_INLINE bool parse_is_mapped(const struct in6_addr *addr)
{
	return !addr->s6_addr32[0] && !addr->s6_addr32[1] &&
	       addr->s6_addr32[2] == bpf_htonl(0xffff);
}

PKT_INLINE enum sluice_verdict parse_ipv6(struct cursor *c, struct pkt *p)
{
	struct ipv6hdr *ip = c->pos;
	__u32 total;

	if ((void *)(ip + 1) > c->end)
		return SLUICE_V_not_service;
	/* ::ffff:a.b.c.d means an IPv4 address to us; on the wire it is nobody's. */
	if (parse_is_mapped(&ip->daddr))
		return SLUICE_V_not_service;
	p->tuple.family = SLUICE_FAMILY_V6;
	__builtin_memcpy(p->tuple.saddr.w_be, &ip->saddr, sizeof(p->tuple.saddr));
	__builtin_memcpy(p->tuple.daddr.w_be, &ip->daddr, sizeof(p->tuple.daddr));
	p->tuple.proto = ip->nexthdr;
	p->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;

	total = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (ip->version != 6)
		p->defect = SLUICE_V_bad_ip_header;
	else if (total > 0xffff || c->pos + total > c->end)
		p->defect = SLUICE_V_bad_ip_length;
	p->ip_len = (__u16)total;
	c->pos = ip + 1;
	c->ip_header = sizeof(*ip);
	if (!p->defect)
		parse_ipv6_extensions(c, p);
	return V_NEXT;
}
