/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading the headers. Parsing records a defect and never drops: whether a malformed packet
 * concerns us is known only once its destination has been looked up. Plain pointers and no
 * helpers, so that it compiles natively too.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#include "parse_ip.h"
#include "pkt.h"

struct parse_eth { /* ethhdr is packed: its protocol would be read byte by byte */
	__u8 macs[12];
	__be16 proto_be;
};

struct parse_vlan {
	__be16 tci_be;
	__be16 proto_be;
};

struct parse_arp {	/* of Ethernet and IPv4 */
	__be64 kind_be; /* kinds and lengths of the addresses, operation */
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
} __attribute__((packed, aligned(2)));

struct parse_ports { /* of TCP and UDP */
	__u32 both;
};

#define PARSE_ND_FIRST 133 /* router solicitation ... */
#define PARSE_ND_LAST 137  /* ... to redirect (RFC 4861, 4) */

PKT_INLINE bool parse_is_vlan(__be16 proto_be)
{
	return proto_be == bpf_htons(ETH_P_8021Q) || proto_be == bpf_htons(ETH_P_8021AD);
}

/* Ethernet and up to two tags. Returns the protocol behind them, 0 if cut short. */
PKT_INLINE __be16 parse_ethernet(struct cursor *c, struct pkt *p)
{
	struct parse_eth *eth = c->pos;
	__be16 proto_be;
	int i;

	if ((void *)(eth + 1) > c->end)
		return 0;
	proto_be = eth->proto_be;
	c->pos = eth + 1;
	p->l3_off = sizeof(*eth);
	PKT_UNROLL
	for (i = 0; i < SLUICE_VLAN_TAGS_MAX; i++) {
		struct parse_vlan *vlan = c->pos;

		if (!parse_is_vlan(proto_be))
			break;
		if ((void *)(vlan + 1) > c->end)
			return 0;
		p->tag_be[i] =
			bpf_htonl((__u32)bpf_ntohs(proto_be) << 16 | bpf_ntohs(vlan->tci_be));
		proto_be = vlan->proto_be;
		c->pos = vlan + 1;
		p->l3_off += sizeof(*vlan);
		p->tags++;
	}
	return proto_be;
}

/* Both ports at once, for the same reason as in parse_map_ipv4(): the hash reads them together. */
PKT_INLINE void parse_ports(struct cursor *c, struct pkt *p)
{
	const struct parse_ports *ports = c->pos;

	__builtin_memcpy((void *)&p->tuple + __builtin_offsetof(struct sluice_tuple, sport_be),
			 &ports->both, sizeof(ports->both));
}

PKT_INLINE void parse_tcp(struct cursor *c, struct pkt *p, __u32 len)
{
	struct tcphdr *tcp = c->pos;

	if (len < sizeof(*tcp) || (void *)(tcp + 1) > c->end) {
		p->defect = SLUICE_V_truncated_l4;
		return;
	}
	parse_ports(c, p);
	if (tcp->doff * 4 < sizeof(*tcp) || tcp->doff * 4 > len)
		p->defect = SLUICE_V_bad_tcp_header;
	if (tcp->syn && !tcp->ack)
		p->flags |= PKT_F_SYN | PKT_F_NEW;
	p->tcp_flags = ((const __u8 *)tcp)[13];
}

PKT_INLINE void parse_udp(struct cursor *c, struct pkt *p, __u32 len)
{
	struct udphdr *udp = c->pos;

	if (len < sizeof(*udp) || (void *)(udp + 1) > c->end) {
		p->defect = SLUICE_V_truncated_l4;
		return;
	}
	parse_ports(c, p);
	/* The length is that of the whole datagram, of which a first fragment has a part. */
	if (bpf_ntohs(udp->len) < sizeof(*udp) ||
	    (bpf_ntohs(udp->len) > len && !(p->flags & PKT_F_FIRST)))
		p->defect = SLUICE_V_bad_udp_length;
	p->flags |= PKT_F_NEW;
}

/* Fills in the addresses, as far as they are IPv4's, for events and explain. */
PKT_INLINE enum sluice_verdict parse_arp(struct cursor *c, struct pkt *p)
{
	const struct parse_arp *arp = c->pos;
	__be32 sender = 0, target = 0;

	if ((void *)(arp + 1) <= c->end) {
		__builtin_memcpy(&sender, arp->sender, sizeof(sender));
		__builtin_memcpy(&target, arp->target, sizeof(target));
	}
	p->tuple.family = SLUICE_FAMILY_V4;
	p->tuple.saddr.d[0] = 0;
	p->tuple.daddr.d[0] = 0;
	p->tuple.saddr.d[1] = parse_map_ipv4(sender);
	p->tuple.daddr.d[1] = parse_map_ipv4(target);
	return V_NEIGHBOR;
}

/* Neighbour discovery never comes from behind a router, whatever it claims: its hop limit tells. */
PKT_INLINE enum sluice_verdict parse_icmp6(struct cursor *c, struct pkt *p, void *data, __u32 len)
{
	const struct ipv6hdr *ip = data + p->l3_off;
	const __u8 *type = c->pos;

	if (p->tuple.family != SLUICE_FAMILY_V6 || !len || (void *)(type + 1) > c->end)
		return V_NEXT;
	if ((void *)(ip + 1) > c->end || ip->hop_limit != 255)
		return V_NEXT;
	return *type >= PARSE_ND_FIRST && *type <= PARSE_ND_LAST ? V_NEIGHBOR : V_NEXT;
}

/* Fills an initialised pkt from a frame. A verdict only where no destination can be read, and
 * V_NEIGHBOR. */
PKT_INLINE enum sluice_verdict parse(void *data, void *end, struct pkt *p)
{
	struct cursor c = {.pos = data, .end = end};
	enum sluice_verdict verdict;
	__be16 proto_be;

	p->frame_len = end - data;
	proto_be = parse_ethernet(&c, p);
	if (proto_be == bpf_htons(ETH_P_IP))
		verdict = parse_ipv4(&c, p);
	else if (proto_be == bpf_htons(ETH_P_IPV6))
		verdict = parse_ipv6(&c, p);
	else
		return proto_be == bpf_htons(ETH_P_ARP) ? parse_arp(&c, p) : SLUICE_V_not_ip;
	if (verdict != V_NEXT || p->defect)
		return verdict;

	if (c.ip_header > p->ip_len)
		p->defect = SLUICE_V_bad_ext_header;
	else if (p->tuple.proto == IPPROTO_TCP)
		parse_tcp(&c, p, p->ip_len - c.ip_header);
	else if (p->tuple.proto == IPPROTO_UDP)
		parse_udp(&c, p, p->ip_len - c.ip_header);
	else if (p->tuple.proto == IPPROTO_ICMPV6 && !(p->flags & PKT_F_FIRST))
		return parse_icmp6(&c, p, data, p->ip_len - c.ip_header);
	if (p->flags & PKT_F_FIRST && !p->defect)
		p->defect = SLUICE_V_fragment;
	return V_NEXT;
}
