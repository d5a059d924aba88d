/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Making service addresses reachable: gratuitous ARP and neighbour advertisements for those that
 * the packet path answers for, routes for those that a routing daemon tells others about. What
 * shall be follows from the model, the node's role and readiness, and is compared once a turn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/model.h"
#include "dataplane/dp_bpf.h"

struct announcer;

struct announce_state {
	bool is_active;
	size_t arp;    /* addresses answered for while active */
	size_t routes; /* addresses that shall have a route when they can serve */
	size_t routes_installed;
	char failure[240];    /* why a route is missing that should be there, "" */
	uint64_t frames_sent; /* gratuitous */
};

/* Opens the packet socket: before capabilities are dropped. Without the right to, announcing by
 * ARP is refused by announce_check(). */
struct announcer *announce_new(struct event_log *events);
void announce_free(struct announcer *announcer);

/* Can this daemon do what the configuration asks for? 0 or negative errno, with errors filled. */
int announce_check(const struct announcer *announcer, const struct config *config,
		   struct errs *errors);

/* What was sent is sent again: an interface was attached. */
void announce_again(struct announcer *announcer);
/* The maps in force were another daemon's, and so is what it announced: members that fail now are no
 * reason to withdraw it, unless this node is on standby. Before the first turn. */
void announce_adopt(struct announcer *announcer);
/* Once a turn while ready: sends what is due, installs and withdraws routes. is_attached: the program
 * runs on an interface; else there is nothing to attract traffic to. is_cut_off: nothing is announced
 * in any way, and all of it again when that is over. */
void announce_run(struct announcer *announcer, struct dp_bpf *dp, const struct config *config,
		  const struct model *model, bool is_attached, bool is_cut_off, uint64_t now_ms);
/* Before the packet path is detached or the daemon ends: no routes any more. */
void announce_withdraw(struct announcer *announcer, struct dp_bpf *dp);

void announce_describe(const struct announcer *announcer, struct announce_state *ret_state);
