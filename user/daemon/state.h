/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What outlives the daemon: files in STATE_DIR/INSTANCE, one row each in state.c. To keep
 * something else, add a row with two functions (to JSON, from JSON) and call state_mark() when it
 * changes: it is written once a turn of the loop at most, by another thread, whole or not at all.
 * Whatever goes wrong is reported (event, log, status) and never ends the daemon.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"

struct daemon;
struct state;

enum state_id {
	STATE_CHANGES,	 /* changes.json: what commands changed; see core/overlay.h */
	STATE_LISTS,	 /* lists.json: prefixes that commands added to access lists */
	STATE_BANS,	 /* bans.json: who is banned, why and by whom */
	STATE_SHIFTS,	 /* shifts.json: how far shifts between pools have come */
	STATE_NAMES,	 /* names.json: the last addresses of host names */
	STATE_LAST_GOOD, /* last-good.json: the configuration that was applied last */
	STATE_MAX
};

struct state_file {
	const char *name;
	/* What to keep, owned by the caller. */
	json_t *(*save)(struct daemon *daemon);
	/* Takes it up again. 0; or -EINVAL and an err when some of it makes no sense: then the file is
	 * kept aside, as a damaged one is. */
	int (*load)(struct daemon *daemon, const json_t *content, struct err *e);
};

/* Makes the directory; before privileges are dropped. */
struct state *state_open(const char *directory, const char *instance, struct daemon *daemon);
/* Waits for nothing: call when the loop is done. Writes what is marked. Accepts NULL. */
void state_close(struct state *state);
/* Reads a file and hands it to its load(). 0; -ENOENT when there is none; else it was reported. */
int state_load(struct state *state, enum state_id id);
void state_mark(struct state *state, enum state_id id);
/* Nothing is written before: what a start that fails has read must stay. */
void state_begin(struct state *state);
void state_flush(struct state *state); /* once a turn */
void state_tick(struct state *state);  /* once a second: tries again */

/* In words, "" when there is none: why the state cannot be written; what was found damaged. */
const char *state_problem(const struct state *state);
const char *state_notice(const struct state *state);
const char *state_directory(const struct state *state);
