/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is the frame for this host? A segment floods frames for others now and then, and interfaces in
 * bridges or in promiscuous mode see them all: forwarding those again would double packets, and
 * two balancers would do it for ever.
 */
#pragma once

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>

#include "maps.h"
#include "pkt.h"

#define INTERFACE_MAC bpf_cpu_to_be64(0xffffffffffff0000ULL)
/* VRRP's virtual routers (RFC 9568, 7.3): 00-00-5e-00-01-xx and -02-xx; whoever gets the frame
 * holds the address. */
#define INTERFACE_VRRP_MASK bpf_cpu_to_be64(0xffffffff00000000ULL)
#define INTERFACE_VRRP bpf_cpu_to_be64(0x00005e0000000000ULL)

static __always_inline bool interface_is_vrrp(__u64 mac)
{
	__u8 version = bpf_be64_to_cpu(mac) >> 24;

	return (mac & INTERFACE_VRRP_MASK) == INTERFACE_VRRP && (version == 1 || version == 2);
}

/* The interface's MAC as a word in the order of memory, its last two bytes 0; 0: not known. */
static __always_inline __u64 interface_mac(__u32 ifindex)
{
	__u32 index = SLUICE_INTERFACE_CELL(ifindex);
	struct sluice_interface *cell = bpf_map_lookup_elem(&interfaces, &index);
	__u64 own = cell ? READ_WORD(cell->mac[0]) : 0;

	return bpf_be64_to_cpu(own & ~INTERFACE_MAC) == SLUICE_INTERFACE_MARK(ifindex)
		       ? own & INTERFACE_MAC
		       : 0;
}

static __always_inline enum sluice_verdict interface_check(struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex, index = SLUICE_INTERFACE_CELL(ifindex);
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct sluice_interface *cell = bpf_map_lookup_elem(&interfaces, &index);
	__u64 own, frame;

	if (!cell || data + ETH_HLEN > end)
		return V_NEXT;
	own = READ_WORD(cell->mac[0]);
	frame = (*(__u64 *)data) & INTERFACE_MAC;
	if ((own & INTERFACE_MAC) == frame)
		return V_NEXT;
	if (bpf_be64_to_cpu(own & ~INTERFACE_MAC) != SLUICE_INTERFACE_MARK(ifindex))
		return V_NEXT;
	if ((READ_WORD(cell->mac[1]) & INTERFACE_MAC) == frame || interface_is_vrrp(frame))
		return V_NEXT;
	return SLUICE_V_other_host;
}
