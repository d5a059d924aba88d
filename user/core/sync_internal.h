/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sync knows about the maps: a record for each thing it has put there. */
#pragma once

#include <uthash.h>

#include "core/flow_plan.h"
#include "core/index_pool.h"
#include "core/region_pool.h"
#include "core/slots.h"
#include "core/sync.h"
#include "core/sync_motion.h"

/* A write that fails, again and again. */
struct sync_trouble {
	int ret; /* of the last attempt, 0: it succeeded */
	uint64_t since_ms;
};

struct sync_nexthop {
	struct sluice_nexthop content; /* the key: equal ways share an entry */
	uint32_t index;
	uint32_t users;
	UT_hash_handle hh;
};

struct sync_ceiling { /* as written */
	uint32_t index;
	uint32_t k;
	uint64_t rate; /* 0: none, or not known */
};

struct sync_member {
	uint64_t id; /* the model's; 0: adopted, and no longer in the configuration */
	uint32_t index;
	struct sluice_member written; /* with the word as the packet path has it */
	struct sync_nexthop *nexthop; /* that the word names; NULL: none */
	bool is_written;
	bool is_leaving;	       /* gone from the model: rests until no table names it */
	bool is_urgent;		       /* cannot take new flows: nobody waits for an announcement */
	uint64_t seen;		       /* turn in which the model had it */
	struct sync_service *service;  /* NULL while the index rests */
	uint32_t slots_cur, slots_def; /* that name it now */
	uint32_t entries;	       /* that name it, as of the last whole sweep */
	struct sync_ceiling ceiling;
	uint64_t counted_sweep; /* the first that could count all its flows */
	uint64_t rest_sweep;	/* at rest until this sweep is over */
	/* Packets counted: what came since `before` is at least what came within the learn window. */
	uint64_t packets_before, packets_at;
	UT_hash_handle hh;
};

struct sync_service {
	uint32_t id;
	bool is_written; /* has a cell */
	struct dp_service written;
	bool has_region;
	uint32_t base;
	unsigned int log2;
	struct slots_member *wanted; /* input of the table it should have, by identity */
	uint32_t wanted_count;
	unsigned int wanted_log2;
	struct slots_member *built; /* input of the table it has */
	uint32_t built_count;
	bool has_table;
	uint32_t fingerprint;
	uint32_t local_index; /* of the member that counts in mode local, 0: none */
	bool is_queued;	      /* in sync->queue */
	bool is_taken;	      /* a job is out */
	bool is_failed;	      /* the last build could not be written: again at retry_ms */
	uint64_t retry_ms;
	struct sync_ceiling ceiling;
	struct sync_trouble trouble, table_trouble;
	bool is_limit_missing; /* one that the model names is not in the maps yet */
	enum flow_kind kind;
	uint32_t silence_s; /* of a flow that is protected */
	bool is_tracked;    /* every flow has an entry */
	bool has_leaving;   /* some member goes */
	bool is_death_due; /* a member died, or is back: slots of dead ones go to their runner-ups */
	struct sync_motion motion;
	uint64_t sampled_ms; /* when its members' packets were counted last */
	struct sync_member **members;
	size_t member_count, member_capacity;
	UT_hash_handle hh;
};

struct sync_limit { /* by index */
	bool is_used;
	struct sluice_limit written;
	struct limit_exceptions *exceptions; /* in the unit that is written */
	bool is_unexplained;		     /* found with exceptions that nobody knows */
	uint64_t rest_until_ms;
	struct sync_trouble trouble;
};

struct sync_list {
	uint16_t id;
	struct prefix_set *configured, *runtime;
};

struct sync {
	struct model *model;
	struct dataplane dp;
	struct dp_capacity capacity;
	uint64_t seed;
	uint32_t tick_ns;
	uint64_t now_ms;
	uint64_t turn;
	uint64_t revision; /* of the model when things that went away were last looked for */
	bool is_adopting;
	bool is_limit_waiting; /* some service's: limits that it still names stay */
	bool is_cell_behind;   /* some service's, until its first table: what it names stays */
	bool is_removing;      /* something that went away could not be removed yet */
	struct index_pool member_indices, nexthop_indices;
	struct index_pool ceiling_indices; /* of members, behind those of services */
	struct region_pool slot_regions, limit_regions;
	struct sync_nexthop *nexthops;
	struct sync_member *members;
	struct sync_service *services;
	struct sync_limit *limits;
	uint16_t host_limits[SLUICE_SERVICE_LIMITS_MAX]; /* as written */
	bool is_access_stale; /* the table of access lists does not know all that was written */
	/* Allow lists in the packet path; those that the model no longer has stay there until no
	 * service names them. */
	struct sync_list *allow_lists;
	size_t allow_count;
	bool is_allow_leaving;
	struct sync_member **by_index; /* owns the records */
	uint32_t *queue;	       /* service ids, oldest first */
	size_t queue_count, queue_capacity;
	size_t taken; /* jobs that are out */
	uint64_t slots_moved;
	struct flows_config flows;
	struct sync_sweep sweep;
	uint8_t *epochs;	      /* by index: of the next member that gets it */
	struct sync_member **resting; /* until a sweep has removed what names them */
	size_t resting_count, resting_capacity;
};

#define sync_op(sync, op, ...) ((sync)->dp.ops->op((sync)->dp.dp, ##__VA_ARGS__))

/* sync_member.c */
struct sync_member *sync_member_new(struct sync *sync, struct sync_service *service, uint64_t id,
				    uint32_t index);
/* Writes what differs from the model. 0 or negative errno. */
int sync_member_update(struct sync *sync, struct sync_service *service,
		       const struct model_service *model, size_t pool_position,
		       const struct model_member *member);
/* A service in mode local has one member in the maps, this host: packets are counted under it. It
 * is not the model's. */
#define SYNC_LOCAL_ID(service) (1ULL << 63 | (service))
int sync_member_update_local(struct sync *sync, struct sync_service *service,
			     const struct model_service *model);
/* Marks dead; the index is freed by sync_members_retire(). */
int sync_member_leave(struct sync *sync, struct sync_member *member);
/* Frees leaving members (or all): no table names them any more. */
void sync_members_retire(struct sync *sync, struct sync_service *service, bool is_all);
/* Frees indices that have rested. */
void sync_members_tick(struct sync *sync);
struct sync_nexthop *sync_nexthop_adopt(struct sync *sync, uint32_t index,
					const struct sluice_nexthop *content);
void sync_members_free(struct sync *sync);

/* sync_service.c */
struct sync_service *sync_service_find(const struct sync *sync, uint32_t id);
/* As the model has it; NULL: it has not. */
const struct model_service *sync_model_service(const struct sync *sync, uint32_t id);
struct sync_service *sync_service_new(struct sync *sync, uint32_t id);
/* How the service's flows are kept where they are. */
void sync_service_follow(struct sync_service *service, const struct model_service *model);
int sync_service_update(struct sync *sync, const struct model_service *model, struct errs *errors);
/* Deletes the cell, frees members and region, then the record. */
int sync_service_remove(struct sync *sync, struct sync_service *service);
/* The cell that the service should have with the region it has now. Until all its limits are in the
 * maps it keeps those that it has. */
void sync_service_desired(struct sync *sync, struct sync_service *service,
			  const struct model_service *model, struct dp_service *ret_desired);
/* The record alone. */
void sync_service_free(struct sync_service *service);

/* sync_ceiling.c: what a service and its members admit, before the service's cell asks for it. 0 or
 * negative errno. */
int sync_ceilings_update(struct sync *sync, struct sync_service *service,
			 const struct model_service *model);
/* A member's, which was found in the maps. */
void sync_ceiling_adopt(struct sync *sync, struct sync_member *record);
/* The member's entry is free. */
void sync_ceiling_leave(struct sync *sync, struct sync_member *record);
void sync_ceilings_tick(struct sync *sync);

/* sync_table.c */
void sync_table_want(struct sync *sync, struct sync_service *service,
		     const struct model_service *model);
void sync_table_queue(struct sync *sync, struct sync_service *service);
/* Is the table that the slots move to the one that they should? */
bool sync_table_is_current(const struct sync_service *service);

/* sync_limit.c */
void sync_limits_update(struct sync *sync, struct errs *errors);
/* Clears limits that the model no longer has. 0 or negative errno. */
int sync_limits_remove(struct sync *sync);

/* Those of all packets. 0 or negative errno. */
int sync_host_limits_update(struct sync *sync);
void sync_limits_free(struct sync *sync);

/* Whether the limit, as the model would have it, needs another region than the one it has. */
bool sync_limit_needs_region(const struct sync *sync, const struct model_limit *model,
			     unsigned int *ret_log2, unsigned int *ret_held_log2);

/* sync_room.c: a model_room_fn; arg is the sync. */
void sync_check_room(void *arg, const struct model_state *state, struct errs *errors);

/* sync_trouble.c */
void sync_trouble_note(struct sync *sync, struct sync_trouble *trouble, int ret);
/* Has there been no room for longer than a rest takes? */
bool sync_trouble_is_room(const struct sync *sync, const struct sync_trouble *trouble);

/* sync_list.c */
void sync_lists_update(struct sync *sync, struct errs *errors);
/* Takes allow lists out that no service names any more. */
void sync_lists_remove(struct sync *sync, struct errs *errors);
void sync_lists_free(struct sync *sync);

/* sync_exception.c: adds the sources that have another rate. */
struct access_table;
void sync_exceptions_add(const struct sync *sync, struct access_table *table);
