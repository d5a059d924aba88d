/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mode l2: the frame goes on with new MAC addresses, the IP packet as it is. */
#pragma once

#include "frame.h"
#include "resize.h"

static __always_inline enum sluice_verdict rewrite(struct xdp_md *ctx, struct pkt *p)
{
	enum sluice_verdict verdict;
	void *data, *end;

	frame_set_tags(p);
	verdict = resize_frame(ctx, p, 0);
	if (verdict != V_NEXT)
		return verdict;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + FRAME_LINK_MAX > end)
		return SLUICE_V_bad_ip_length; /* cannot be: an IP header follows */
	frame_write(data, p, p->tuple.family == SLUICE_FAMILY_V4 ? ETH_P_IP : ETH_P_IPV6);
	return V_NEXT;
}
