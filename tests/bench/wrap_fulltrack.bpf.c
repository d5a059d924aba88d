/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The full-tracking variant: the product's pipeline with a table of all flows in it. It serves
 * comparison only, wrapped for repeated passes and bare for a real device.
 */
#include "track.h"

#define service_find track_service_find
#define flow_find track_flow_find
#define flow_member track_flow_member
#include "pipeline.h"
#include "wrap.h"

static __noinline int fulltrack_entry(struct xdp_md *ctx)
{
	struct pkt p;

	return pipeline(ctx, &p, true);
}

SEC("xdp")
int wrap_fulltrack(struct xdp_md *ctx)
{
	int action;

	if (!wrap_next_flow(ctx))
		goto failed;
	action = fulltrack_entry(ctx);
	if (action == XDP_TX && wrap_undo(ctx))
		return action;
failed:
	wrap_run.failures++;
	return XDP_ABORTED;
}

SEC("xdp")
int fulltrack(struct xdp_md *ctx)
{
	return fulltrack_entry(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
