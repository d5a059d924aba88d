/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Turns dirty model state into ordered dataplane operations: members, then slots, then service;
 * deletes reversed. Gives out member indices, next hop indices, slot and limit regions; what is
 * freed rests SLUICE_REUSE_AFTER_MS. Table builds are jobs that may run on another thread.
 */
#pragma once

#include "core/dataplane.h"
#include "core/model.h"
#include "core/sync_view.h"

struct sync;
struct build_job;

/* seed: for slots_build(). tick_ns: for limits. model and dataplane must outlive it. */
struct sync *sync_new(struct model *model, const struct dataplane *dataplane, uint64_t seed,
		      uint32_t tick_ns);
void sync_free(struct sync *sync);

/* After the first configuration was applied to the model and before the first sync_run: takes over
 * what pinned maps hold (indices and regions of services and members that still exist; health of
 * members marked dead) and frees the rest. 0, or -EUCLEAN with a reason. */
int sync_adopt(struct sync *sync, uint64_t now_ms, struct err *e);

/* One turn: applies everything that needs no table build and queues builds. Marks dead members at
 * once. Errors are reported and retried at the next turn. */
int sync_run(struct sync *sync, uint64_t now_ms, struct errs *errors);

/* How flows are remembered, from now on. 0 or negative errno. */
int sync_set_flows(struct sync *sync, const struct flows_config *flows);
/* What goes on by itself: slots that are announced, move, learn; the sweep of the flow tables.
 * Returns the milliseconds until it wants to be called again, UINT32_MAX: when sync_run() or
 * sync_finish_job() has been. */
uint32_t sync_step(struct sync *sync, uint64_t now_ms);
/* Do slots wait to get their new owner? */
bool sync_is_moving(const struct sync *sync);

/* The next table build to do, NULL if none. Run it anywhere, then hand it back on this thread,
 * which writes the table (or drops it when the service changed or went away meanwhile) and frees
 * the job. */
struct build_job *sync_take_job(struct sync *sync);
void build_job_run(struct build_job *job);
int sync_finish_job(struct sync *sync, struct build_job *job, uint64_t now_ms, struct err *e);
/* No dirty state, no job queued or taken. Slots may still be in motion. */
bool sync_is_idle(const struct sync *sync);
/* Nothing is left to do but what the maps have had no room for during a while. */
bool sync_is_stuck(const struct sync *sync);

/* What could not be written for SYNC_TROUBLE_AFTER_MS, and is tried again and again. */
#define SYNC_TROUBLE_AFTER_MS 3000
struct sync_problem {
	bool is_service; /* else a limit */
	bool is_served;	 /* packets still find what was there before */
	char name[NAME_MAX_LENGTH + 1];
	char text[320];
	char fix[160]; /* what to do, "" */
};
size_t sync_problems(const struct sync *sync, struct sync_problem *list, size_t max);
size_t sync_problem_count(const struct sync *sync);

/* For display and counters: 0 while a member or service has no index or region yet. */
uint32_t sync_member_index(const struct sync *sync, uint64_t member_id);
/* Of the member under which a service in mode local counts. */
uint32_t sync_local_index(const struct sync *sync, uint32_t service_id);
/* Of a member, in the map of ceilings; a service's is its id. */
uint32_t sync_member_ceiling(const struct sync *sync, uint64_t member_id);
uint64_t sync_member_by_index(const struct sync *sync, uint32_t index); /* id, 0 if none */
uint32_t sync_table_log2(const struct sync *sync, uint32_t service_id);
uint32_t sync_table_fingerprint(const struct sync *sync, uint32_t service_id);
/* Part of the service's slots the member owns, in 1/2^32; 0 before the first table. */
uint32_t sync_member_slot_share(const struct sync *sync, uint64_t member_id);
uint64_t sync_slots_moved_total(const struct sync *sync);
