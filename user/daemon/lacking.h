/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the configuration in force has and the daemon does not: packets can do without, so going back
 * from a trial does not fail for it. Tried again each second. */
#pragma once

#include <stddef.h>

struct control_finding;
struct daemon;

enum lacking_what {
	LACKING_LISTENER, /* metrics.listen */
	LACKING_GROUPS,	  /* access: as on trial until it can be had */
	LACKING_MAX
};

struct lacking {
	char why[LACKING_MAX][320]; /* "": it is not lacking */
};

/* why "": it is there. Makes an event when that is new. */
void lacking_set(struct daemon *daemon, enum lacking_what what, const char *why);
void lacking_tick(struct daemon *daemon);
size_t lacking_findings(const struct daemon *daemon, struct control_finding *list, size_t max);
