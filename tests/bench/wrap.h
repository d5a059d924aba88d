/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the benchmark's programs share. BPF_PROG_TEST_RUN with repeat hands the same frame to every
 * pass as the last one left it, so a wrapper writes the next flow before the code under test runs
 * and takes back what it did to the frame afterwards.
 */
#pragma once

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "wrap_run.h"

#define WRAP_V4_BASE 0x0a000000 /* flows come from 10.0.0.0/8 and fd00::/96 */
#define WRAP_PORT_BASE 1024

struct wrap_run wrap_run;

/* The Ethernet header of each frame, in three stores: fourteen would count as the floor's cost. */
static __always_inline void wrap_write_eth(void *data, __be16 proto_be)
{
	static const __u8 macs[] = {WRAP_MAC_BALANCER, WRAP_MAC_CLIENT};
	__u64 first;
	__u32 second;

	__builtin_memcpy(&first, macs, sizeof(first));
	__builtin_memcpy(&second, macs + sizeof(first), sizeof(second));
	*(__u64 *)data = first;
	*(__u32 *)(data + 8) = second;
	*(__be16 *)(data + 12) = proto_be;
}

/* Writes the next flow into the frame; false when the frame is not the one we were given. Stores
 * are as wide as anybody's loads: one load from two stores waits for both to leave the CPU's store
 * buffer, which does not happen to packets that a device has written. */
static __always_inline bool wrap_next_flow(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 i = wrap_run.next++ & wrap_run.mask;
	__u32 source = WRAP_V4_BASE + (i >> wrap_run.flows_per_source_log2);
	__u32 port = WRAP_PORT_BASE + (i & ((1U << wrap_run.flows_per_source_log2) - 1));
	__u8 *l4;

	if (wrap_run.is_v6) {
		struct ipv6hdr *ip6 = data + ETH_HLEN;

		l4 = (void *)(ip6 + 1);
		if ((void *)l4 + sizeof(__be32) > data_end)
			return false;
		*(__be64 *)&ip6->saddr.in6_u.u6_addr32[2] = bpf_cpu_to_be64(source);
	} else {
		struct iphdr *ip = data + ETH_HLEN;

		l4 = (void *)(ip + 1);
		if ((void *)l4 + sizeof(__be32) > data_end)
			return false;
		ip->saddr = bpf_htonl(source);
	}
	*(__be32 *)l4 = bpf_htonl(port << 16 | WRAP_SERVICE_PORT);
	return true;
}

/* Takes off the outer header and restores the Ethernet header. */
static __always_inline bool wrap_undo(struct xdp_md *ctx)
{
	void *data, *data_end;

	if (wrap_run.undo_bytes && bpf_xdp_adjust_head(ctx, wrap_run.undo_bytes))
		return false;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (data + ETH_HLEN > data_end)
		return false;
	wrap_write_eth(data, wrap_run.is_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP));
	return true;
}
