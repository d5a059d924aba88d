/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The product's pipeline, as it is, in a wrapper that lets one frame pass again and again. */
#include "pipeline.h"
#include "wrap.h"

static __noinline int packet_entry(struct xdp_md *ctx)
{
	struct pkt p;

	return pipeline(ctx, &p, true);
}

SEC("xdp")
int wrap_packet(struct xdp_md *ctx)
{
	int action;

	if (!wrap_next_flow(ctx))
		goto failed;
	action = packet_entry(ctx);
	if (action != XDP_TX && action != XDP_PASS)
		goto failed;
	if (wrap_undo(ctx))
		return action;
failed:
	wrap_run.failures++;
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
