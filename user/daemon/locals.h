/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Service addresses against the host's own: only those of mode local may be among them, and have
 * to. Somebody may add or delete one at any time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "core/config.h"

struct control_finding;
struct daemon;
struct resolver;

/* Found the last time, one entry a service. */
struct locals {
	struct local {
		char service[NAME_MAX_LENGTH + 1];
		char address[64];
		bool is_local; /* and shall not be; else the opposite */
		struct err e;
	} * list;
	size_t count, capacity;
	uint64_t seen; /* resolver_addresses() then; 0: look again */
};

/* Every service of the configuration that breaks the rule, with its line. */
void locals_check(struct resolver *resolver, const struct config *config, struct errs *errors);
/* Once a second. */
void locals_tick(struct daemon *daemon);
size_t locals_findings(const struct daemon *daemon, struct control_finding *list, size_t max);
void locals_done(struct locals *locals);
