/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What part of its weight a member gets now: the first rule that matches, of a few axes that know
 * nothing of each other. Pure. */
#pragma once

#include "core/breaker.h"
#include "core/model_types.h"

#define SHARE_ONE 65536U /* Q16.16 of 1 */

/* In the order in which they are asked. */
enum share_rule {
	SHARE_MAINT,	   /* 0 */
	SHARE_DRAIN,	   /* 0 */
	SHARE_NOT_READY,   /* 0: discovery says so */
	SHARE_EJECTED,	   /* 0: a person took it out */
	SHARE_UNREACHABLE, /* 0: no way to it */
	SHARE_FORCED,	   /* 1: a person put it in */
	SHARE_TERMINATING, /* 0 while others have a share */
	SHARE_READMITTED,  /* by a panic: as if it were well */
	SHARE_DOWN,	   /* 0: its check fails */
	SHARE_OPEN,	   /* 0: its circuit is open */
	SHARE_TRIAL,	   /* a little: half-open */
	SHARE_RAMP,	   /* slow start */
	SHARE_FULL,	   /* 1 */
	SHARE_RULE_MAX
};

struct share_question {
	enum admin_state admin;
	enum discovery_state discovery;
	enum override_state override;
	enum nexthop_state nexthop;
	enum health_state health;
	enum breaker_state circuit;
	bool has_others; /* another member of the service has a share */
	bool is_readmitted;
	uint32_t trial_percent;
	uint32_t ramp_percent; /* 0: no slow start */
};

/* Which rule decides; *ret_share, which may be NULL: 0..SHARE_ONE. */
enum share_rule share_decide(const struct share_question *q, uint32_t *ret_share);
