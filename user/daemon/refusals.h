/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is refused and who is banned, as the daemon looks after it: samples are read once a second, and
 * five times while there are any; bans are kept in the state directory with who made them and why.
 */
#pragma once

#include <jansson.h>
#include <uv.h>

#include "core/bans.h"
#include "core/offenders.h"

struct daemon;

/* Events of one kind that are told: so many at once, then so many a second. */
struct refusals_told {
	double budget;
	uint64_t ms, untold;
};

struct refusals_kept {
	struct ban *list;
	size_t count;
};

struct refusals {
	struct offenders *offenders;
	struct bans *bans;
	uv_timer_t timer;    /* runs while packets are refused */
	uint64_t sampled_ms; /* when there was one last */
	uint64_t lost;	     /* samples that came too fast */
	uint64_t revision;   /* of the model, that bans follow */
	bool is_adopted;     /* what a predecessor left is known */
	bool is_unreadable;  /* it could not be read at the first try */
	bool is_unsaved;
	bool has_attacks; /* as last saved */
	uint64_t saved_ms;
	struct refusals_kept kept, waiting; /* as read, until they are adopted */
	struct refusals_told told[2];	    /* begun, ended */
};

/* Once the model is filled and the maps are open. */
void refusals_begin(struct daemon *daemon);
/* The packet path has all limits: what a predecessor left, and from now on commands. Where bans cannot
 * be read, refusals_tick() tries again. */
void refusals_adopt(struct daemon *daemon);
/* There is another model: bans that it ends are over when this returns. */
void refusals_follow(struct daemon *daemon);
/* Once a second, after the counters were collected. */
void refusals_tick(struct daemon *daemon);
/* The daemon ends: the state is to be written once more. Bans stay. */
void refusals_end(struct daemon *daemon);
void refusals_done(struct daemon *daemon);

/* As struct control_host has them. */
int refusals_ban(void *arg, const struct ban_order *order, struct err *e);
int refusals_lift(void *arg, uint32_t limit, const struct prefix *source, const char *by);
size_t refusals_lift_all(void *arg, uint32_t limit, const char *by, int *ret_failed);
uint64_t refusals_lost(void *arg);
