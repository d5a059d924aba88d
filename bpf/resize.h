/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Room at both ends of a frame that leaves by XDP. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

/*
 * Makes the frame what it will be: outer bytes of room between link and network layer, and
 * nothing behind the IP packet that is not Ethernet's minimum padding (what a sender hid there
 * must not grow past the MTU, nor travel on). All packet pointers are stale afterwards.
 */
static __always_inline enum sluice_verdict resize_frame(struct xdp_md *ctx, struct pkt *p,
							__u32 outer)
{
	__u32 link = ETH_HLEN + p->tags * FRAME_TAG_LEN;
	int grow = (int)(link + outer) - p->l3_off;
	int len = p->frame_len + grow;
	int want = link + outer + p->ip_len;

	if (want < FRAME_LEN_MIN)
		want = FRAME_LEN_MIN;
	if (len > want && bpf_xdp_adjust_tail(ctx, want - len))
		return SLUICE_V_no_headroom;
	if (grow && bpf_xdp_adjust_head(ctx, -grow))
		return SLUICE_V_no_headroom;
	return V_NEXT;
}
