/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Between model and resolver: asks for the next hop of every member's address (once an address,
 * however many members share it) and hands the answers to the members.
 */
#pragma once

#include "dataplane/dp_bpf.h"
#include "dataplane/resolver.h"

struct targets;

struct nexthops;

typedef void (*nexthops_fn)(void *arg, uint64_t member_id, enum nexthop_state state,
			    const struct nexthop *nexthop, const char *text);

int nexthops_new(nexthops_fn fn, void *arg, struct nexthops **ret_nexthops, struct err *e);
/* Before the first nexthops_follow(): dp gets every egress interface as a transmit port. */
void nexthops_use(struct nexthops *nexthops, struct dp_bpf *dp);
void nexthops_free(struct nexthops *nexthops); /* accepts NULL */
/* The outer sources of tunnels, zero: as routed. Members are told from within the call. */
void nexthops_set_sources(struct nexthops *nexthops, const struct sluice_addr *source4,
			  const struct sluice_addr *source6);
struct resolver *nexthops_resolver(struct nexthops *nexthops);
/* Tell it what the program runs on; then nexthops_tick(). */
struct targets *nexthops_targets(struct nexthops *nexthops);
/* Once a second: asks devices again whether they transmit. */
void nexthops_tick(struct nexthops *nexthops);

/* Makes what is wanted follow the model; answers known already are given to new members from
 * within the call. */
void nexthops_follow(struct nexthops *nexthops, const struct model *model);
