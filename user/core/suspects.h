/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Passive signals of all members: takes what the packet path counted, once a second, compares each
 * member with its pool (core/passive.h), and says of which members all flows shall be looked at.
 * Pure. Knows only members that got flows: it grows with traffic, not with configuration.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/model.h"
#include "core/passive.h"

/* A member that gets fewer is watched wholly: of a sample there would be too little to judge it by,
 * and so few packets cost nothing. One that gets a few times as many no longer is. */
#define SUSPECTS_FEW_FLOWS 128	  /* a second */
#define SUSPECTS_FEW_PACKETS 5000 /* a second */
#define SUSPECTS_MANY 4		  /* times */

struct suspects;

struct suspects *suspects_new(void);
void suspects_free(struct suspects *suspects); /* accepts NULL */

/* Counters of one member as they are now; index: where the packet path counts it, from zero. What
 * the first round takes was counted before: no deltas come of it. */
void suspects_take(struct suspects *suspects, uint64_t member_id, uint32_t index,
		   const struct sluice_member_stats *stats);
/* ICMP errors about a machine, of its members in the modes that encapsulate: once a round each. What
 * was counted when it was first taken is old. */
bool suspects_wants_host(const struct suspects *suspects, const struct sluice_addr *addr);
void suspects_take_host(struct suspects *suspects, const struct sluice_addr *addr,
			const struct sluice_host *stats);

/* Members must not come or go meanwhile. */
typedef void (*suspects_fn)(void *arg, const struct model_member *member,
			    const struct passive_report *report);

/* Judges what was taken since the last round, a second ago. fn is called for members whose suspicion
 * begins, goes on or ends, whose flows do well on trial, or that shall be watched otherwise. Whom
 * nothing was taken of is forgotten. is_held: this host is cut off, or nobody looked for a while:
 * nothing is judged, and the windows begin anew. */
void suspects_round(struct suspects *suspects, const struct model *model, bool is_held,
		    suspects_fn fn, void *arg);

struct suspects_view {
	struct passive_counts total; /* so far */
	struct passive_view now;     /* of the window, whether it is suspect or not */
};

/* Zeros of a member that got no flows yet. */
void suspects_view(const struct suspects *suspects, uint64_t member_id,
		   struct suspects_view *ret_view);
