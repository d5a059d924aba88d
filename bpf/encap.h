/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Modes ipip and gue: outer headers in front of the packet. The inner packet stays as it is, byte for
 * byte. */
#pragma once

#include "outer.h"
#include "resize.h"

/* outer is a constant. */
static __always_inline enum sluice_verdict encap_push(struct xdp_md *ctx, struct pkt *p,
						      __u32 outer)
{
	enum sluice_verdict verdict;
	void *data, *end;

	verdict = resize_frame(ctx, p, outer);
	if (verdict != V_NEXT)
		return verdict;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	/* Cannot be: an inner IP header follows. The verifier wants to see it. */
	if (data + FRAME_LINK_MAX + outer > end)
		return SLUICE_V_bad_ip_length;
	outer_write(data, p, outer);
	return V_NEXT;
}

/* udp is a constant: bytes between the outer IP header and the packet. */
static __always_inline enum sluice_verdict encap(struct xdp_md *ctx, struct pkt *p, __u32 udp)
{
	frame_set_tags(p);
	if (!outer_has_source(p))
		return SLUICE_V_no_nexthop;
	if (p->member->family == SLUICE_FAMILY_V4)
		return encap_push(ctx, p, OUTER_IPV4 + udp);
	return encap_push(ctx, p, OUTER_IPV6 + udp);
}
