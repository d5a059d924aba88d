/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Neighbour solicitations (RFC 4861, RFC 4862). */
#pragma once

#include <linux/in.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "csum.h"
#include "neighbor_answer.h"

#define NEIGHBOR_ALL_NODES bpf_cpu_to_be64(0x3333000000010000ULL) /* 33:33:00:00:00:01 */
#define NEIGHBOR_SOLICIT 135
#define NEIGHBOR_ADVERT 136
#define NEIGHBOR_OPTION_SOURCE 1
#define NEIGHBOR_OPTION_TARGET 2
#define NEIGHBOR_OPTIONS_MAX 8	/* eight-byte units of options in a solicitation */
#define NEIGHBOR_SOLICIT_LEN 24 /* without options */
#define NEIGHBOR_ADVERT_LEN 32	/* with its one option */

struct neighbor_nd {
	__be32 first[2];
	struct sluice_addr from, to;
	__be32 type; /* type, code and checksum */
	__be32 flags;
	struct sluice_addr target;
	__u8 options[NEIGHBOR_OPTIONS_MAX * 8];
};

#define NEIGHBOR_ND_LEN(icmp_len) (sizeof(struct ipv6hdr) + (icmp_len))

_Static_assert(sizeof(struct neighbor_nd) ==
		       NEIGHBOR_ND_LEN(NEIGHBOR_SOLICIT_LEN + NEIGHBOR_OPTIONS_MAX * 8),
	       "a solicitation on the wire");

/* The ICMPv6 checksum's sum over message and pseudo header; what is not in use is 0. */
static __always_inline __u64 neighbor_sum(const struct neighbor_nd *nd, __u32 icmp_len, int words)
{
	const __be32 *word = (const __be32 *)&nd->from;
	__u64 sum = (__u64)bpf_htonl(icmp_len) + bpf_htonl(IPPROTO_ICMPV6);
	int i;

	PKT_UNROLL
	for (i = 0; i < words; i++)
		sum += word[i];
	return sum;
}

#define NEIGHBOR_WORDS(icmp_len) ((2 * sizeof(struct sluice_addr) + (icmp_len)) / 4)

/* The checks of RFC 4861, 7.1.1, but those of the options. */
static __always_inline bool neighbor_is_solicit(const struct neighbor_nd *nd, __u32 icmp_len)
{
	const struct sluice_addr *to = &nd->to, *target = &nd->target;
	__be32 group = target->w_be[3] | bpf_htonl(0xff000000);
	bool is_group = to->w_be[0] == bpf_htonl(0xff020000) && !to->w_be[1] &&
			to->w_be[2] == bpf_htonl(1) && to->w_be[3] == group;
	bool is_probe = !(nd->from.d[0] | nd->from.d[1]);

	if ((nd->type & bpf_htonl(0xffff0000)) != bpf_htonl((__u32)NEIGHBOR_SOLICIT << 24))
		return false;
	/* To the address itself, or to its solicited-node group; a probe only to the latter. */
	if (!is_group && (is_probe || to->d[0] != target->d[0] || to->d[1] != target->d[1]))
		return false;
	/* ::ffff:a.b.c.d means an IPv4 address to us; on the wire it is nobody's. */
	if (sluice_hash_is_v4(target) || nd->from.b[0] == 0xff ||
	    (nd->from.d[0] == target->d[0] && nd->from.d[1] == target->d[1]))
		return false;
	/* Words are read again, instead of kept on a stack that is short. */
	asm volatile("" : : : "memory");
	return csum_fold(neighbor_sum(nd, icmp_len,
				      NEIGHBOR_WORDS(NEIGHBOR_SOLICIT_LEN) +
					      2 * NEIGHBOR_OPTIONS_MAX)) == 0;
}

/* Walks so many units of options; *mac becomes the source link-layer address where there is one.
 * False where they are malformed. */
static __always_inline bool neighbor_read_options(const struct neighbor_nd *nd, __u32 units,
						  __u64 *mac)
{
	bool is_probe = !(nd->from.d[0] | nd->from.d[1]);
	__u32 at = 0;
	int i;

	for (i = 0; i < NEIGHBOR_OPTIONS_MAX; i++) {
		const __u8 *option;

		if (at >= units)
			break;
		NEIGHBOR_FORGET(at);
		option = nd->options + 8 * (at & (NEIGHBOR_OPTIONS_MAX - 1));
		if (!option[1])
			return false;
		if (option[0] == NEIGHBOR_OPTION_SOURCE) {
			if (is_probe || option[1] != 1)
				return false;
			*mac = neighbor_read_mac(option + 2);
		}
		at += option[1];
	}
	return at == units;
}

/* Makes the answer of a question, from its target to the asker, or to all nodes where the asker
 * has no address yet. */
static __always_inline void neighbor_make_advert(struct neighbor_nd *nd, bool is_probe, __u64 own)
{
	nd->first[0] = bpf_htonl(0x60000000);
	nd->first[1] = bpf_htonl(NEIGHBOR_ADVERT_LEN << 16 | IPPROTO_ICMPV6 << 8 | 255);
	nd->to = nd->from;
	if (is_probe) {
		nd->to.w_be[0] = bpf_htonl(0xff020000);
		nd->to.w_be[3] = bpf_htonl(1);
	}
	nd->from = nd->target;
	nd->type = bpf_htonl((__u32)NEIGHBOR_ADVERT << 24);
	/* Solicited (unless nobody in particular asked), override; a service is no router. */
	nd->flags = bpf_htonl(is_probe ? 0x20000000 : 0x60000000);
	nd->options[0] = NEIGHBOR_OPTION_TARGET;
	nd->options[1] = 1;
	neighbor_write_mac(nd->options + 2, own);
	/* The sum is of words in memory order, and is stored in it. */
	((__u16 *)&nd->type)[1] = csum_fold(
		neighbor_sum(nd, NEIGHBOR_ADVERT_LEN, NEIGHBOR_WORDS(NEIGHBOR_ADVERT_LEN)));
}

/* Returns a verdict. l3_off: where the IPv6 header begins. */
__attribute__((noinline)) int neighbor_nd(struct xdp_md *ctx, __u32 l3_off, __u32 effects)
{
	__u64 own = interface_mac(ctx->ingress_ifindex), asker;
	struct neighbor_link link = {};
	enum sluice_verdict verdict;
	struct neighbor_nd nd = {};
	__u32 len, offset;
	bool is_probe;

	if (!PKT_WITHIN(l3_off, ETH_HLEN, FRAME_LINK_MAX) ||
	    bpf_xdp_load_bytes(ctx, l3_off, &nd, NEIGHBOR_ND_LEN(NEIGHBOR_SOLICIT_LEN)))
		return SLUICE_V_neighbor_passed;
	len = bpf_ntohl(nd.first[1]) >> 16;
	/* No extension headers, and from no farther than this segment. */
	if ((nd.first[1] & bpf_htonl(0xffff)) != bpf_htonl(IPPROTO_ICMPV6 << 8 | 255) || len & 7)
		return SLUICE_V_neighbor_passed;
	if (!PKT_WITHIN(len, NEIGHBOR_SOLICIT_LEN, NEIGHBOR_SOLICIT_LEN + sizeof(nd.options)))
		return SLUICE_V_neighbor_passed;
	offset = l3_off + sizeof(struct ipv6hdr);
	if (bpf_xdp_load_bytes(ctx, offset, &nd.type, len) || !neighbor_is_solicit(&nd, len) ||
	    !neighbor_read_link(ctx, &link))
		return SLUICE_V_neighbor_passed;
	asker = neighbor_read_mac(link.smac);
	if (!neighbor_read_options(&nd, (len - NEIGHBOR_SOLICIT_LEN) / 8, &asker) ||
	    !neighbor_is_station(asker, own))
		return SLUICE_V_neighbor_passed;
	verdict = neighbor_decide(&nd.target, own, effects);
	if (verdict != SLUICE_V_neighbor_answered)
		return verdict;

	is_probe = !(nd.from.d[0] | nd.from.d[1]);
	neighbor_make_advert(&nd, is_probe, own);
	len = l3_off + NEIGHBOR_ND_LEN(NEIGHBOR_ADVERT_LEN);
	if (bpf_xdp_adjust_head(ctx, neighbor_frame_len(ctx) - (int)len) ||
	    !neighbor_write_link(ctx, &link, l3_off, own, is_probe ? NEIGHBOR_ALL_NODES : asker) ||
	    bpf_xdp_store_bytes(ctx, l3_off, &nd, NEIGHBOR_ND_LEN(NEIGHBOR_ADVERT_LEN)))
		return SLUICE_V_no_headroom;
	return SLUICE_V_neighbor_answered;
}
