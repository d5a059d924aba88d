/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happened to each member: its last events, also when the log has long forgotten them. Grows
 * with what happens, not with the number of members; when something happens to thousands of them,
 * less of each is kept. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/event_log.h"

#define HISTORY_EVENTS_MAX 16 /* of one member; the oldest goes */
#define HISTORY_EVENTS_MIN 2
#define HISTORY_TOTAL 32768 /* of all together, unless so few of each are already more */

struct history;

struct history_event {
	uint64_t wall_s;
	enum event_type type;
	char text[160];
};

struct history *history_new(void);
void history_free(struct history *history); /* accepts NULL */
/* Takes in an event that names a member; one that tells of its removal forgets it. That a member
 * came up of which nothing is known is not worth to be kept. */
void history_note(struct history *history, const struct event *event, uint64_t wall_s);
/* The oldest first. member: as in the event. Returns how many. */
size_t history_read(const struct history *history, const char *service, const char *pool,
		    const char *member, struct history_event list[HISTORY_EVENTS_MAX]);
