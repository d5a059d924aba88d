/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Telling a sender that its packets do not fit: "fragmentation needed" (RFC 792, 1191) or "packet
 * too big" (RFC 4443, 8201) with the size that would. It comes from the service's address, the one
 * that the client knows and that its firewalls tie to the connection. The packet itself becomes
 * the quotation: its end is cut off, and headers are put in front of the rest.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "clock.h"
#include "csum.h"
#include "frame.h"
#include "gate.h"
#include "maps.h"
#include "pkt.h"

/* What is quoted: as much as fits into 576 bytes (RFC 1812, 4.3.2.3), in steps that the checksum
 * helper takes, and into 1280 (RFC 4443, 3.2). A packet that is smaller than that and still too big
 * belongs to a path that IP does not allow for, and is not answered. */
#define ICMP_QUOTE4 512
#define ICMP_QUOTE6 1232
#define ICMP_SUM_STEP 512 /* bytes that bpf_csum_diff() takes at once on every kernel */
#define ICMP_MTU4_MIN 68
#define ICMP_MTU6_MIN 1280

struct icmp_header { /* of both errors */
	__be32 type; /* type, code and checksum */
	__be32 mtu_be;
};

struct icmp_answer4 {
	__be32 ip[5];
	struct icmp_header icmp;
};

struct icmp_answer6 {
	__be32 first[2];
	struct sluice_addr from, to;
	struct icmp_header icmp;
};

_Static_assert(sizeof(struct icmp_answer4) == sizeof(struct iphdr) + 8, "no padding");
_Static_assert(sizeof(struct icmp_answer6) == sizeof(struct ipv6hdr) + 8, "no padding");

/* Is there one host at this address that an error could be sent to? */
static __always_inline bool icmp_is_host(const struct sluice_tuple *tuple)
{
	__u32 addr = bpf_ntohl(tuple->saddr.w_be[3]);

	if (tuple->family == SLUICE_FAMILY_V6)
		return tuple->saddr.b[0] != 0xff && (tuple->saddr.d[0] | tuple->saddr.d[1]);
	return addr >> 24 != 0 && addr >> 24 != IN_LOOPBACKNET && addr < 0xe0000000;
}

/* The sum of quote bytes from l3_off on, both constants' worth; -1 if the frame is shorter. */
static __always_inline long icmp_sum_quote(struct xdp_md *ctx, __u32 l3_off, __u32 quote)
{
	void *data = (void *)(long)ctx->data + l3_off, *end = (void *)(long)ctx->data_end;
	long sum = 0;
	__u32 at;

	if (data + quote > end)
		return -1;
	PKT_UNROLL
	for (at = 0; at + ICMP_SUM_STEP <= quote; at += ICMP_SUM_STEP)
		sum = bpf_csum_diff(NULL, 0, data + at, ICMP_SUM_STEP, sum);
	if (at < quote)
		sum = bpf_csum_diff(NULL, 0, data + at, quote - at, sum);
	return sum;
}

/* Cuts the frame behind the quotation and makes room for head bytes in front of it, with the link
 * layer turned round. */
static __always_inline bool icmp_turn(struct xdp_md *ctx, __u32 frame_len, __u32 l3_off,
				      __u32 quote, __u32 head)
{
	struct {
		__u8 dmac[ETH_ALEN];
		__u8 smac[ETH_ALEN];
		__u8 rest[FRAME_LINK_MAX - 2 * ETH_ALEN];
	} link;
	__u8 mac[ETH_ALEN];

	if (bpf_xdp_load_bytes(ctx, 0, &link, FRAME_LINK_MAX))
		return false;
	__builtin_memcpy(mac, link.dmac, ETH_ALEN);
	__builtin_memcpy(link.dmac, link.smac, ETH_ALEN);
	__builtin_memcpy(link.smac, mac, ETH_ALEN);
	return !bpf_xdp_adjust_tail(ctx, (int)(l3_off + quote - frame_len)) &&
	       !bpf_xdp_adjust_head(ctx, -(int)head) && !bpf_xdp_store_bytes(ctx, 0, &link, l3_off);
}

static __always_inline bool icmp_answer_v4(struct xdp_md *ctx, const struct sluice_tuple *tuple,
					   __u32 frame_len, __u32 l3_off, __u32 mtu)
{
	const __u32 total = sizeof(struct icmp_answer4) + ICMP_QUOTE4;
	struct icmp_answer4 answer = {
		.ip = {bpf_htonl(0x45c00000U | total), bpf_htonl(0x4000),
		       bpf_htonl((64U << 24) | IPPROTO_ICMP << 16), tuple->daddr.w_be[3],
		       tuple->saddr.w_be[3]},
		.icmp = {.type = bpf_htonl(3U << 24 | 4U << 16), .mtu_be = bpf_htonl(mtu)},
	};
	long sum = icmp_sum_quote(ctx, l3_off, ICMP_QUOTE4);

	if (sum < 0)
		return false;
	((__u16 *)answer.ip)[5] = csum_fold((__u64)answer.ip[0] + answer.ip[1] + answer.ip[2] +
					    answer.ip[3] + answer.ip[4]);
	((__u16 *)&answer.icmp)[1] = csum_fold((__u64)sum + answer.icmp.type + answer.icmp.mtu_be);
	return icmp_turn(ctx, frame_len, l3_off, ICMP_QUOTE4, sizeof(answer)) &&
	       !bpf_xdp_store_bytes(ctx, l3_off, &answer, sizeof(answer));
}

static __always_inline bool icmp_answer_v6(struct xdp_md *ctx, const struct sluice_tuple *tuple,
					   __u32 frame_len, __u32 l3_off, __u32 mtu)
{
	const __u32 length = sizeof(struct icmp_header) + ICMP_QUOTE6;
	struct icmp_answer6 answer = {
		.first = {bpf_htonl(0x60000000U),
			  bpf_htonl(length << 16 | IPPROTO_ICMPV6 << 8 | 64)},
		.from = tuple->daddr,
		.to = tuple->saddr,
		.icmp = {.type = bpf_htonl(2U << 24), .mtu_be = bpf_htonl(mtu)},
	};
	long sum = icmp_sum_quote(ctx, l3_off, ICMP_QUOTE6);
	__u64 pseudo = (__u64)bpf_htonl(length) + bpf_htonl(IPPROTO_ICMPV6);
	int i;

	if (sum < 0)
		return false;
	PKT_UNROLL
	for (i = 0; i < 4; i++)
		pseudo += (__u64)answer.from.w_be[i] + answer.to.w_be[i];
	((__u16 *)&answer.icmp)[1] =
		csum_fold(pseudo + sum + answer.icmp.type + answer.icmp.mtu_be);
	return icmp_turn(ctx, frame_len, l3_off, ICMP_QUOTE6, sizeof(answer)) &&
	       !bpf_xdp_store_bytes(ctx, l3_off, &answer, sizeof(answer));
}

/* May this CPU send one more error in this second? */
static __always_inline bool icmp_may_answer(void)
{
	__u32 zero = 0;

	return gate_pass(bpf_map_lookup_elem(&icmp_gate, &zero), clock_now_ns(), SLUICE_ICMP_PER_S);
}

/*
 * Turns the packet into the answer; mtu: the largest IP packet that would have fit. Returns the
 * XDP action: XDP_DROP where none is due. Global, so that it is verified once.
 */
__attribute__((noinline)) int icmp_too_big(struct xdp_md *ctx, const struct sluice_tuple *tuple,
					   __u32 frame_len, __u32 l3_off, __u32 mtu)
{
	bool is_answered;

	l3_off &= 31; /* that much the verifier can keep in mind */
	if (!tuple || !PKT_WITHIN(l3_off, ETH_HLEN, FRAME_LINK_MAX) || !icmp_is_host(tuple))
		return XDP_DROP;
	if (tuple->family == SLUICE_FAMILY_V4)
		is_answered = icmp_answer_v4(ctx, tuple, frame_len, l3_off,
					     mtu < ICMP_MTU4_MIN ? ICMP_MTU4_MIN : mtu);
	else
		is_answered = icmp_answer_v6(ctx, tuple, frame_len, l3_off,
					     mtu < ICMP_MTU6_MIN ? ICMP_MTU6_MIN : mtu);
	return is_answered ? XDP_TX : XDP_DROP;
}
