/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Model state into effective weights: everything that influences distribution is one number. */
#pragma once

#include "core/model.h"
#include "core/share.h"

enum member_state { /* the word a user sees */
		    MEMBER_SERVING,
		    MEMBER_CHECKING,	/* no verdict yet: serves */
		    MEMBER_SUSPECT,	/* serves, but clients' packets speak against it */
		    MEMBER_EJECTED,	/* health down, circuit open, or by hand */
		    MEMBER_ON_TRIAL,	/* circuit half-open */
		    MEMBER_UNREACHABLE, /* next hop not resolved */
		    MEMBER_MAINTENANCE,
		    MEMBER_DRAINING,
		    MEMBER_NO_WEIGHT, /* configured weight 0 */
		    MEMBER_STATE_MAX
};

const char *member_state_name(enum member_state state);
enum member_state member_state_of(const struct model_member *member);
/* Does a member in this state get new flows as its weight says? */
bool member_state_serves(enum member_state state);

/* Share of its own weight that a member gets now, 0..65536 (Q16.16 of 0..1). */
uint32_t weights_member_share(const struct model_member *member);
/* And the rule that says so. */
enum share_rule weights_member_rule(const struct model_member *member);
/* Share of the service, relative to the other pools: 0 of a fallback that is not needed. */
uint32_t weights_pool_share(const struct model_pool *pool);

/* Effective weight, Q16.16 in a uint32_t, >= 1 when it should own anything: pool share x weight
 * / sum of the pool's configured weights not in maintenance, of those that discovery has ready x
 * member share, scaled so that the
 * whole service fits. */
uint32_t weights_effective(const struct model_service *service, const struct model_pool *pool,
			   const struct model_member *member);

/* The same for all members of the service at once, pool by pool in order. */
void weights_all(const struct model_service *service, uint32_t *ret_weights);
