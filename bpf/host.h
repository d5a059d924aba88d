/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of all packets to this host, services or not. They spare whom access lists exempt, members
 * and gateways, what keeps the host on its network, and replies to connections that it opened.
 */
#pragma once

#include "access.h"
#include "ban.h"
#include "limit.h"
#include "reply.h"

#define HOST_F_STACK                                                                               \
	(1U << 8) /* in the flags of limits: the packet is for this host's own sockets */

/* Of these limits those that count replies, too. */
__noinline __u64 host_strict(__u64 all)
{
	__u32 shift = 0;
	__u64 left = 0;
	int i;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++) {
		__u32 index = SLUICE_SVC_LIMIT(all, i);
		struct sluice_limit *limit = bpf_map_lookup_elem(&limits, &index);

		if (index == SLUICE_LIMIT_NONE || !limit ||
		    !(READ_WORD(limit->flags) & SLUICE_LIMIT_F_REPLIES))
			continue;
		left |= (__u64)index << (shift & 63);
		shift += 16;
	}
	return left;
}

/* Do some of these limits count the packet, or ban its source, unless it is a reply? */
__noinline int host_cares(__u64 all, __u64 flags)
{
	int i;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++) {
		__u32 index = SLUICE_SVC_LIMIT(all, i);
		struct sluice_limit *limit = bpf_map_lookup_elem(&limits, &index);

		if (index == SLUICE_LIMIT_NONE || !limit ||
		    READ_WORD(limit->flags) & SLUICE_LIMIT_F_REPLIES)
			continue;
		if (limit_counts(READ_WORD(limit->word), flags) ||
		    READ_WORD(limit->flags) & SLUICE_LIMIT_F_BANS_ALL)
			return 1;
	}
	return 0;
}

/* Which of these limits the packet is subject to; what: ACCESS_WHAT(). Sockets are asked only where it
 * matters. */
__noinline __u64 host_limits(struct xdp_md *ctx, const struct sluice_tuple *tuple, __u64 all,
			     __u64 flags, __u64 what)
{
	bool is_reply = false;

	if (!tuple || access_is_vital(what))
		return 0;
	if (flags & HOST_F_STACK && !ACCESS_WHAT_IS_OPENING(what) && host_cares(all, flags)) {
		if (ACCESS_WHAT_PROTO(what) == IPPROTO_TCP)
			is_reply = reply_is_tcp(ctx, tuple);
		else if (ACCESS_WHAT_PROTO(what) == IPPROTO_UDP)
			is_reply = reply_is_connected(ctx, tuple);
	}
	return is_reply ? host_strict(all) : all;
}

/* found: whose the packet is. A service's packet is no reply, for nobody opens connections from a
 * service's port. */
static __always_inline enum sluice_verdict host_check(struct xdp_md *ctx, struct pkt *p,
						      enum sluice_verdict found, bool effects)
{
	const struct sluice_control *c = control_get();
	__u64 all = c ? READ_WORD(c->host_limits) : 0, flags;
	enum sluice_verdict verdict;

	if (!all || p->access & (PKT_ACCESS_EXEMPT | PKT_ACCESS_INFRA))
		return V_NEXT;
	if (found == V_NEXT)
		flow_recognise_early(p);
	flags = limit_flags(p, effects);
	if ((found == SLUICE_V_not_service || found == SLUICE_V_unknown_port_passed) && !p->defect)
		flags |= HOST_F_STACK;
	all = host_limits(ctx, &p->tuple, all, flags, ACCESS_WHAT(p, effects));
	verdict = ban_judge(p, &all, effects);
	if (verdict == V_NEXT && all)
		verdict = limit_judge(p, all, clock_now_ns(), flags);
	/* What goes on but for the bypass leaves the limits of a service as they are. */
	if (p->flags & PKT_F_WOULD)
		p->svc_limits = 0;
	return verdict == SLUICE_V_limit ? SLUICE_V_host_limit : verdict;
}
