/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Is it this host that is cut off, and not its members that fail? Then nobody is ejected for that, next
 * hops stay as they were, and the node is not ready and announces nothing, until it is over and
 * checks have spoken again. The rules are in core/ejection.h; here is what they are asked about. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "core/ejection.h"

struct daemon;

struct cut_off {
	const char *why;   /* NULL: it is not */
	uint64_t until_ms; /* after it, for so long failures are not believed; 0: they are */
	char text[200];	   /* why */
	char fix[200];	   /* what to look at */
	uv_timer_t timer;  /* gateways are asked, and everything is looked at */
	bool is_asking;	   /* every other time */
	uint64_t
		doubt_ms; /* since then no gateway answers for sure; 0: one does, or there is none */
	bool is_waiting; /* the kernel gave the only gateway up, and probes pass: the verdict is near */
	uint64_t passed_ms; /* of the last probe that passed, at the last look */
	bool is_owed;	    /* failures were held back that have not been told since */
	bool is_together;   /* all targets fail, and that is not this host's */
};

void cut_off_start(struct daemon *daemon);
/* Looks now, and tells when that changed. */
void cut_off_look(struct daemon *daemon);
/* Once a second: looks; when it is over and done, what was held back is told. */
void cut_off_tick(struct daemon *daemon);
/* Are failures held back? */
bool cut_off_holds(const struct daemon *daemon);
/* A failure was, and must be told later. */
void cut_off_owe(struct daemon *daemon);
