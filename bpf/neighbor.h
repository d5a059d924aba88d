/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who has a service's address? No interface of this host, so the stack would not answer. ARP
 * requests (RFC 826, 5227) and neighbour solicitations (RFC 4861, 4862) for it are answered here,
 * with the interface's MAC, while the node is active and the address's cell says so. Questions
 * must be well-formed and for everybody or for us; everything else is passed as it came.
 *
 * The two functions are global, so that the verifier looks at them once, and they work on copies,
 * so that it need not follow packet pointers: only ARP and ND pay for that.
 */
#pragma once

#include "neighbor_answer.h"
#include "neighbor_nd.h"
#include "parse.h"

#define NEIGHBOR_ARP_REQUEST bpf_cpu_to_be64(0x0001080006040001ULL) /* Ethernet, IPv4, request */
#define NEIGHBOR_ARP_REPLY bpf_cpu_to_be64(0x0001080006040002ULL)

/* Returns a verdict. l3_off: where ARP begins. */
__attribute__((noinline)) int neighbor_arp(struct xdp_md *ctx, __u32 l3_off, __u32 effects)
{
	__u64 own = interface_mac(ctx->ingress_ifindex), sender;
	struct neighbor_link link = {};
	struct sluice_addr addr = {};
	enum sluice_verdict verdict;
	struct parse_arp arp;
	__be32 from, target;
	int len;

	if (!PKT_WITHIN(l3_off, ETH_HLEN, FRAME_LINK_MAX) ||
	    bpf_xdp_load_bytes(ctx, l3_off, &arp, sizeof(arp)) ||
	    arp.kind_be != NEIGHBOR_ARP_REQUEST || !neighbor_read_link(ctx, &link))
		return SLUICE_V_neighbor_passed;
	sender = neighbor_read_mac(arp.sender_mac);
	__builtin_memcpy(&from, arp.sender, sizeof(from));
	__builtin_memcpy(&target, arp.target, sizeof(target));
	/* The same address twice is an announcement; sender 0 is a probe, and gets an answer. */
	if (from == target || !neighbor_is_station(sender, own))
		return SLUICE_V_neighbor_passed;
	addr.d[1] = parse_map_ipv4(target);
	verdict = neighbor_decide(&addr, own, effects);
	if (verdict != SLUICE_V_neighbor_answered)
		return verdict;

	/* What a sender hid behind the question does not come back. */
	len = neighbor_frame_len(ctx);
	if (len > FRAME_LEN_MIN && bpf_xdp_adjust_tail(ctx, FRAME_LEN_MIN - len))
		return SLUICE_V_no_headroom;
	arp.kind_be = NEIGHBOR_ARP_REPLY;
	neighbor_write_mac(arp.sender_mac, own);
	__builtin_memcpy(arp.sender, &target, sizeof(target));
	neighbor_write_mac(arp.target_mac, sender);
	__builtin_memcpy(arp.target, &from, sizeof(from));
	if (!neighbor_write_link(ctx, &link, l3_off, own, sender) ||
	    bpf_xdp_store_bytes(ctx, l3_off, &arp, sizeof(arp)))
		return SLUICE_V_no_headroom; /* cannot be: it fits into the minimum */
	return SLUICE_V_neighbor_answered;
}

/* For packets that parse() calls V_NEIGHBOR. */
static __always_inline enum sluice_verdict neighbor(struct xdp_md *ctx, const struct pkt *p,
						    bool effects, int *ret_action)
{
	int verdict = p->tuple.family == SLUICE_FAMILY_V6 ? neighbor_nd(ctx, p->l3_off, effects)
							  : neighbor_arp(ctx, p->l3_off, effects);

	if (verdict == SLUICE_V_neighbor_answered)
		*ret_action = XDP_TX;
	return verdict;
}
