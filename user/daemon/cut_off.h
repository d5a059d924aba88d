/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Is it this host that is cut off, and not its members that fail? Then nobody is ejected for that, and
 * the node is not ready, until it is over and checks have spoken again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct daemon;

struct cut_off {
	const char *why;   /* NULL: it is not */
	uint64_t until_ms; /* after it, for so long failures are not believed; 0: they are */
};

/* Looks now, and tells when that changed. */
void cut_off_look(struct daemon *daemon);
/* Once a second: looks; when it is over and done, what was held back is told. */
void cut_off_tick(struct daemon *daemon);
/* Are failures held back? */
bool cut_off_holds(const struct daemon *daemon);
