/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The stages in their order. A stage returns V_NEXT or the packet's verdict. */
#pragma once

#include "access.h"
#include "ban.h"
#include "capture.h"
#include "ceiling.h"
#include "control.h"
#include "encap.h"
#include "finish.h"
#include "flow.h"
#include "host.h"
#include "icmp.h"
#include "interface.h"
#include "limit.h"
#include "measure.h"
#include "neighbor.h"
#include "outer.h"
#include "parse.h"
#include "pkt.h"
#include "rewrite.h"
#include "service.h"
#include "transmit.h"
#include "unreachable.h"

#define STAGE(call)                                                                                \
	do {                                                                                       \
		verdict = (call);                                                                  \
		if (verdict != V_NEXT)                                                             \
			return verdict;                                                            \
	} while (0)

static __always_inline enum sluice_verdict pipeline_stages(struct xdp_md *ctx, struct pkt *p,
							   bool effects, int *ret_action)
{
	enum sluice_verdict verdict, found;
	struct limit_one one;
	__u32 room;

	pkt_init(p);
	if (!effects)
		pkt_init_forgotten(p, ctx->ingress_ifindex);
	STAGE(control_check(ctx, p, effects));
	verdict = parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, p);
	if (verdict == V_NEIGHBOR)
		return neighbor(ctx, p, effects, ret_action);
	if (verdict != V_NEXT)
		return verdict;
	STAGE(interface_check(ctx));
	STAGE(access_check(p, effects));
	found = service_find(p);
	STAGE(host_check(ctx, p, found, effects));
	if (effects && (found == SLUICE_V_not_service || found == SLUICE_V_unknown_port_passed))
		unreachable_look(ctx, p);
	STAGE(found);
	STAGE(access_check_service(p, effects));
	STAGE(ban_check(p, effects));
	STAGE(access_check_allowed(p, effects));
	/* The slot is looked up while the limit's state is on its way from memory; what was found
	 * counts only if the limit admits. */
	limit_begin(p, &one);
	if (p->svc_word & SLUICE_SVC_F_LOCAL) {
		p->member_index = (__u32)SLUICE_SVC_BASE(p->svc_word); /* counts, nothing else */
		p->flow_hash = 0;
		found = SLUICE_V_local;
	} else {
		found = flow_find(p);
	}
	flow_recognise(p);
	if (effects)
		measure(p);
	verdict = limit_source(p, &one, effects);
	if (verdict == V_NEXT)
		verdict = ceiling_service(p, effects);
	if (verdict != V_NEXT) {
		p->slot = PKT_NO_SLOT;
		p->member_index = SLUICE_MEMBER_NONE;
		return verdict;
	}
	STAGE(found);
	STAGE(flow_member(p, effects));
	verdict = ceiling_member(p, effects);
	if (verdict != V_NEXT) {
		flow_refused(p, effects);
		return verdict;
	}
	room = outer_room(p);
	if (p->ip_len > room) {
		if (!effects || icmp_may_answer())
			*ret_action = icmp_too_big(ctx, &p->tuple, p->frame_len, p->l3_off, room);
		return SLUICE_V_too_big;
	}
	switch (SLUICE_MEMBER_MODE(p->word)) {
	case SLUICE_MODE_L2:
		STAGE(rewrite(ctx, p));
		break;
	case SLUICE_MODE_IPIP:
		STAGE(encap(ctx, p, 0));
		break;
	case SLUICE_MODE_GUE:
		STAGE(encap(ctx, p, OUTER_UDP));
		break;
	default:
		return SLUICE_V_bad_table;
	}
	return transmit(ctx, p, effects, ret_action);
}

/*
 * Takes a packet from the wire to its XDP action; p need not be initialised, and holds afterwards
 * what was found out. Without effects nothing is charged, counted or reported, so that a described
 * packet can be run to see where it would go; effects must be a constant.
 */
static __always_inline int pipeline(struct xdp_md *ctx, struct pkt *p, bool effects)
{
	int action = XDP_DROP; /* unless a stage knows better */
	enum sluice_verdict verdict = pipeline_stages(ctx, p, effects, &action);

	action = finish(ctx, p, verdict, action, effects);
	if (effects)
		capture_end(ctx, p);
	return action;
}
