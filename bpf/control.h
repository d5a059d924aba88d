/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Switches of the whole node. Their times end here, packet by packet, so that they end whether or
 * not a daemon lives. A switch that is off costs its load; the clock is asked only when it is on.
 */
#pragma once

#include "capture.h"
#include "clock.h"
#include "maps.h"
#include "pkt.h"

static __always_inline const struct sluice_control *control_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

/* Are refusals by limits only counted for now? Ask when a packet would be refused. */
static __always_inline bool control_bypasses_limits(void)
{
	const struct sluice_control *c = control_get();
	__u64 until_ns = c ? READ_WORD(c->bypass_limits_until_ns) : 0;

	return until_ns && clock_now_ns() < until_ns;
}

/* The same for access lists. */
static __always_inline bool control_bypasses_lists(void)
{
	const struct sluice_control *c = control_get();
	__u64 until_ns = c ? READ_WORD(c->bypass_lists_until_ns) : 0;

	return until_ns && clock_now_ns() < until_ns;
}

/* The first stage: has the packet captured, if that is on. After the end of an unconfirmed trial the
 * program is as good as detached. */
static __always_inline enum sluice_verdict control_check(struct xdp_md *ctx, struct pkt *p,
							 bool effects)
{
	const struct sluice_control *c = control_get();
	__u64 deadline_ns;

	if (!c) { /* never: an array of one has its first entry */
		p->captured = p->frame_len = 0;
		return SLUICE_V_expired;
	}
	deadline_ns = READ_WORD(c->deadline_ns);
	if (effects)
		capture_begin(ctx, p, READ_WORD(c->capture));
	if (!deadline_ns || clock_now_ns() < deadline_ns)
		return V_NEXT;
	p->frame_len = ctx->data_end - ctx->data;
	return SLUICE_V_expired;
}
