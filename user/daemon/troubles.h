/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was accepted and cannot be written into the maps, as status and events tell it. */
#pragma once

#include <stddef.h>

#include "core/sync.h"

struct control_finding;
struct daemon;

#define TROUBLES_MAX 32

struct troubles {
	struct sync_problem list[TROUBLES_MAX]; /* as events have told */
	size_t count;
	char other[320]; /* the last turn of sync failed for another reason, "" */
};

/* Once a second. */
void troubles_tick(struct daemon *daemon);
size_t troubles_findings(const struct daemon *daemon, struct control_finding *list, size_t max);
