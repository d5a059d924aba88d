/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What answers to ARP and to neighbour solicitations share: who may answer, and the link layer. */
#pragma once

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>

#include "clock.h"
#include "control.h"
#include "frame.h"
#include "gate.h"
#include "interface.h"
#include "maps.h"
#include "service.h"

#define NEIGHBOR_GROUP_BIT bpf_cpu_to_be64(0x0100000000000000ULL) /* of a MAC address */
/* Bounds are checked once more where they matter, instead of reasoned about from afar. */
#define NEIGHBOR_FORGET(x) asm volatile("" : "+r"(x))

struct neighbor_link { /* the Ethernet header with its tags */
	__u8 dmac[ETH_ALEN];
	__u8 smac[ETH_ALEN];
	__u8 rest[12];
};

/* A MAC address as a word in the order of memory, its last two bytes 0. */
static __always_inline __u64 neighbor_read_mac(const __u8 *at)
{
	__u64 mac = 0;

	__builtin_memcpy(&mac, at, ETH_ALEN);
	return mac;
}

static __always_inline void neighbor_write_mac(__u8 *at, __u64 mac)
{
	__builtin_memcpy(at, &mac, ETH_ALEN);
}

/* Can somebody be answered there? One station, that exists, and is not we. */
static __always_inline bool neighbor_is_station(__u64 mac, __u64 own)
{
	return mac && !(mac & NEIGHBOR_GROUP_BIT) && mac != own;
}

/* The frame's link layer. False: it is neither for everybody nor for us. */
static __always_inline bool neighbor_read_link(struct xdp_md *ctx, struct neighbor_link *link)
{
	if (bpf_xdp_load_bytes(ctx, 0, link, FRAME_LINK_MAX))
		return false;
	return link->dmac[0] & 1 || interface_check(ctx) == V_NEXT;
}

/* May this node answer for the address, now? own: 0 where the interface's MAC is not known. */
static __always_inline enum sluice_verdict neighbor_decide(const struct sluice_addr *addr,
							   __u64 own, __u32 effects)
{
	const __u64 role = SLUICE_CONTROL_F_ACTIVE | SLUICE_CONTROL_F_CUT_OFF;
	const struct sluice_control *node = control_get();
	__u32 zero = 0;
	__u64 word;

	if (!own || !service_lookup(addr, 0, 0, &word) || !(word & SLUICE_SVC_F_ARP))
		return SLUICE_V_neighbor_passed;
	if (!node || (READ_WORD(node->flags) & role) != SLUICE_CONTROL_F_ACTIVE)
		return SLUICE_V_neighbor_passed;
	if (effects && !gate_pass(bpf_map_lookup_elem(&neighbor_gate, &zero), clock_now_ns(),
				  SLUICE_NEIGHBOR_PER_S))
		return SLUICE_V_neighbor_limited;
	return SLUICE_V_neighbor_answered;
}

/* Writes the link layer from us to a station; the answer follows at l3_off. */
static __always_inline bool neighbor_write_link(struct xdp_md *ctx, struct neighbor_link *link,
						__u32 l3_off, __u64 own, __u64 to)
{
	neighbor_write_mac(link->dmac, to);
	neighbor_write_mac(link->smac, own);
	if (!PKT_WITHIN(l3_off, ETH_HLEN, FRAME_LINK_MAX))
		return false;
	return !bpf_xdp_store_bytes(ctx, 0, link, l3_off);
}

static __always_inline int neighbor_frame_len(struct xdp_md *ctx)
{
	long len = (void *)(long)ctx->data_end - (void *)(long)ctx->data;

	NEIGHBOR_FORGET(len);
	return (int)len;
}
