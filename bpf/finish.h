/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one exit: counts the verdict, reports some drops, and turns the verdict into an action. */
#pragma once

#include <sluice/event.h>

#include "clock.h"
#include "config.h"
#include "gate.h"
#include "maps.h"
#include "passive.h"
#include "pkt.h"

/* Is it one of the verdicts with this action? Generated from the list in verdict.h. */
static __always_inline bool finish_is_drop(enum sluice_verdict verdict)
{
#define X(name, action, help)                                                                      \
	| (SLUICE_ACTION_##action == SLUICE_ACTION_DROP ? 1ULL << SLUICE_V_##name : 0)
	const __u64 drops = 0 SLUICE_VERDICTS(X);
#undef X

	return drops >> verdict & 1;
}

static __always_inline void finish_report(struct xdp_md *ctx, const struct pkt *p)
{
	__u64 now_ns = clock_now_ns();
	struct sluice_event *event;
	__u32 zero = 0;

	if (!gate_pass(bpf_map_lookup_elem(&event_gate, &zero), now_ns, ro.events_per_s))
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return; /* nobody reads: the counters have it */
	event->time_ns = now_ns;
	event->tuple = p->tuple;
	event->verdict = p->verdict;
	event->service = p->service_id;
	event->member = p->member_index;
	event->limit = p->limit_index;
	event->bytes = p->frame_len;
	event->ifindex = ctx->ingress_ifindex;
	event->list = p->list_index;
	event->pad = 0;
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void finish_count(const struct pkt *p, __u32 verdict)
{
	struct sluice_verdict_stats *stats = bpf_map_lookup_elem(&verdict_stats, &verdict);

	if (stats) {
		stats->packets++;
		stats->bytes += p->frame_len;
	}
}

static __always_inline void finish_count_member(const struct pkt *p)
{
	struct sluice_member_stats *stats = bpf_map_lookup_elem(&member_stats, &p->member_index);

	if (stats) {
		stats->packets++;
		stats->bytes += p->frame_len;
		if (p->flags & PKT_F_SYN)
			stats->new_connections++;
	}
}

/* sent: the XDP action of a packet that was forwarded or answered, or dropped with an answer. */
static __always_inline int finish(struct xdp_md *ctx, struct pkt *p, enum sluice_verdict verdict,
				  int sent, bool effects)
{
	p->verdict = verdict;
	if (effects)
		finish_count(p, verdict);
	if (verdict == SLUICE_V_forwarded) {
		if (effects) {
			finish_count_member(p);
			passive_watch(p);
		}
		return sent;
	}
	if (verdict == SLUICE_V_local && effects && p->member_index != SLUICE_MEMBER_NONE)
		finish_count_member(p);
	if (!finish_is_drop(verdict))
		return verdict == SLUICE_V_neighbor_answered ? sent : XDP_PASS;
	if (effects && ro.events_per_s)
		finish_report(ctx, p);
	return sent;
}
