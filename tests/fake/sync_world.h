/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A model, a sync and a packet path in memory, for tests; every helper fails the running test when
 * something is refused or wrong. */
#pragma once

#include "core/sync.h"
#include "fake/fake_config.h"
#include "fake/fake_dataplane.h"

#define TICK_NS 4000000U
#define SEED 4711ULL
#define JOBS_MAX 4

struct world {
	struct event_log *log;
	struct model *model;
	struct fake_dataplane *fake;
	struct dataplane port;
	struct sync *sync;
	struct build_job *jobs[JOBS_MAX]; /* out */
	unsigned int seed;
};

struct world *world_new(unsigned int seed);
struct world *world_new_sized(unsigned int seed, const struct dp_capacity *capacity);
void world_free(struct world *w);
unsigned int world_pick(struct world *w, unsigned int n); /* 0..n-1 */
void world_apply(struct world *w, const struct change *change);
void world_load(struct world *w, struct config *config); /* forced; frees the config */
void world_load_text(struct world *w, const char *text); /* YAML */
void world_run(struct world *w);			 /* one turn of sync */
void world_finish_jobs(struct world *w);		 /* hands back those that are out */
/* One turn of the daemon's loop, with tables that take no time. Returns what sync_step() does. */
uint32_t world_turn(struct world *w);
/* The names of limits as the daemon notes them in the maps. */
void world_note_names(struct world *w);
/* The daemon dies and comes back, to the same configuration. */
void world_restart(struct world *w);
/* Turns until nothing is left to do; time passes so that indices may rest. */
void world_settle(struct world *w);
void world_set_nexthop(struct world *w, const struct model_member *m, enum nexthop_state state,
		       unsigned int variant);
void world_set_health(struct world *w, const struct model_member *m, enum health_state health);
void world_resolve_all(struct world *w);
/* No packet could meet a slot that leads nowhere. */
void world_assert_sound(struct world *w, bool is_strict);
/* The maps say what the model says, worked out directly from the model. */
void world_assert_as_model(struct world *w);
