/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What others change on the host while the daemon runs, and what is done about it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"

struct control_finding;
struct daemon;

/* An interface that is configured and does not run our program. */
struct watch_hook {
	char interface[16];
	uint32_t ifindex; /* that the program ran on last; 0: on none yet */
	bool is_generic;
	char hidden_vlan[16]; /* a VLAN on it whose tag the program does not see; "" */
	char problem[224];    /* "": it runs */
	char fix[200];
};

struct watch {
	struct watch_hook hooks[CONFIG_INTERFACES_MAX];
	size_t hook_count;
};

/* Before anything is attached: where it will be. */
void watch_expect(struct daemon *daemon);
/* Once a second, and after a reload. Attaches again where our program is missing and nobody else's
 * runs. */
void watch_tick(struct daemon *daemon);
/* What is wrong now, worst first. Returns the count. */
size_t watch_findings(const struct daemon *daemon, struct control_finding *list, size_t max);
/* Why packets do not reach the program on a configured interface; NULL when they do. */
const char *watch_fault(const struct daemon *daemon);
/* Does the program run on an interface at least? */
bool watch_is_attached(const struct daemon *daemon);
