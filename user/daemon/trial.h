/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is on trial: a daemon, or a configuration. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/node_types.h>

#include "daemon/before.h"
#include "state/sources.h"

struct config;
struct control_trial;
struct daemon;
struct err;
struct errs;

/* Unless confirmed it ends by itself: see trial.c. */
struct trial {
	enum sluice_trial kind;
	uint64_t end_ms; /* of a configuration */
	/* The one before it, also with the lists as they were; none until it is replaced. */
	struct sources sources;
	struct config *config;
	struct before before; /* what commands had made by then */
	bool is_stuck;	      /* cannot go back to it: tried again each second */
	char why[320];	      /* not */
};

/* Refuses to go on with what the predecessor had on trial, or says what became of it. */
int trial_adopt(struct daemon *daemon, struct err *e);
/* With the file read: when the predecessor had a configuration on trial, the last good one. */
void trial_recall(struct daemon *daemon);
/* Just before attaching. */
int trial_begin_start(struct daemon *daemon, struct err *e);
/* Just before applying; trial_abandon() when that failed. */
int trial_begin_reload(struct daemon *daemon, uint64_t for_s, const char *by, struct err *e);
void trial_abandon(struct daemon *daemon);
/* One that could not go back is over: another configuration was applied for good. */
void trial_mended(struct daemon *daemon);
void trial_tick(struct daemon *daemon);
int trial_confirm(void *arg, const char *by, struct errs *errors);
int trial_undo(void *arg, const char *by, struct errs *errors);
void trial_get(const struct daemon *daemon, struct control_trial *ret_trial);
