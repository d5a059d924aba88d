/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Out again: on the interface the packet came from, or through the device map. */
#pragma once

#include "maps.h"
#include "pkt.h"

/* *ret_action: the XDP action, untouched on failure. */
static __always_inline enum sluice_verdict transmit(struct xdp_md *ctx, struct pkt *p, bool effects,
						    int *ret_action)
{
	__u32 port = p->nexthop->ifindex;
	bool is_open;

	if (port == ctx->ingress_ifindex) {
		*ret_action = XDP_TX;
		return SLUICE_V_forwarded;
	}
	if (effects)
		is_open = bpf_redirect_map(&tx_ports, port, XDP_DROP) == XDP_REDIRECT;
	else
		is_open = bpf_map_lookup_elem(&tx_ports, &port);
	/* Not (or no longer) opened for us: the interface is gone, its next hops will follow. */
	if (!is_open)
		return SLUICE_V_no_nexthop;
	*ret_action = XDP_REDIRECT;
	return SLUICE_V_forwarded;
}
