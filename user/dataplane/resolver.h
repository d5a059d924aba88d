/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Next hops by rtnetlink: route, device, neighbour, path MTU of every wanted address, kept fresh
 * by notifications (route, neighbour, link, address groups) and a periodic check. Single thread:
 * poll the descriptor, call resolver_read(), and resolver_tick() once a second.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/types.h>

#include "base/err.h"
#include "core/model.h"
#include "core/prefix_set.h"

struct resolver;

/* Called when the answer for an address changed; never from within resolver_want(). text is the
 * reason of NEXTHOP_FAILED ("no route to host", "10.0.0.2 on eth1: neighbour failed", ...). */
typedef void (*resolver_fn)(void *arg, const struct sluice_addr *addr, bool is_on_link_only,
			    enum nexthop_state state, const struct nexthop *nexthop,
			    const char *text);

int resolver_new(resolver_fn fn, void *arg, struct resolver **ret_resolver, struct err *e);
void resolver_free(struct resolver *resolver);
int resolver_fd(const struct resolver *resolver);
void resolver_read(struct resolver *resolver);
void resolver_tick(struct resolver *resolver, uint64_t now_ms);

/* Reference counted by (address, is_on_link_only). is_on_link_only (mode l2): a route through a
 * gateway is a failure, because only a member on the segment sees the rewritten frame. */
void resolver_want(struct resolver *resolver, const struct sluice_addr *addr, bool is_on_link_only);
void resolver_drop(struct resolver *resolver, const struct sluice_addr *addr, bool is_on_link_only);
/* The answer as it was last told; of what has none yet, or is not wanted, NEXTHOP_PENDING. The next hop
 * is zero unless there is one; the text is valid until the next turn. */
enum nexthop_state resolver_answer(const struct resolver *resolver, const struct sluice_addr *addr,
				   bool is_on_link_only, struct nexthop *ret_nexthop,
				   const char **ret_text);

/* The gateways on the way to what is wanted, to these prefixes (may be NULL), and where the default
 * routes lead. A new set, owned by the caller. */
struct prefix_set *resolver_gateways(struct resolver *resolver, const struct prefix_set *towards);

/* Which gateways tell whether this host is cut off: those on the way to what is wanted; when all of
 * that is on the segment, where the default routes lead by the attached interfaces. Once a second. */
void resolver_follow_gateways(struct resolver *resolver, const uint32_t *attached, size_t count);
/* Has the kernel ask each of them whether it is there. */
void resolver_question_gateways(struct resolver *resolver, uint64_t now_ms);

struct resolver_gateway {
	uint32_t ifindex;
	struct sluice_addr addr;
	bool has_failed;	/* the kernel gave it up */
	uint64_t unanswered_ms; /* when the first question went out that has no answer; 0: none */
};

/* False: there is none of this index. */
bool resolver_gateway_at(const struct resolver *resolver, size_t index,
			 struct resolver_gateway *ret_gateway);
/* Is all that is wanted behind them, nothing on the segment? */
bool resolver_has_only_gateways(const struct resolver *resolver);

/* Another number when the host's own addresses may have changed; never 0. */
uint64_t resolver_addresses(const struct resolver *resolver);
/* As links_vlan_on(). */
const char *resolver_vlan_on(const struct resolver *resolver, uint32_t ifindex);
/* Is the address configured on this host? */
bool resolver_is_local(struct resolver *resolver, const struct sluice_addr *addr);
