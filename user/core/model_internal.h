/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The model's inside, shared by its own files: the state that a change is tried on, and one
 * application of changes. */
#pragma once

#include "core/model.h"

/* Everything that a change may replace; plain data, so a copy is a trial. */
struct model_state {
	struct model_service *services;
	size_t service_count;
	size_t service_capacity;
	struct model_limit *limits;
	size_t limit_count;
	size_t limit_capacity;
	uint32_t
		host_limits[SLUICE_SERVICE_LIMITS_MAX]; /* as those of a service, for all packets */
	struct model_list *lists;
	size_t list_count;
	size_t list_capacity;
	struct prefix_set *management;
	struct prefix_set *own, *gateways; /* of this host */
	bool is_access_dirty;
	struct capacity_config capacity;
	uint64_t next_member_id;
	uint32_t next_service_id;
	uint32_t last_limit_id;
	bool has_config;
	bool has_ramps; /* see model_start_ramps() */
	struct model_override *overrides;
	size_t override_count;
	size_t override_capacity;
	struct model_removed *removed;
	size_t removed_count;
	size_t removed_capacity;
};

struct apply {
	struct model_state *state;
	struct errs *errors;
	const struct config *config; /* of the change, for line numbers; or NULL */
	uint32_t tick_ns;
	uint64_t now_ms;
	struct event *events; /* recorded if all changes succeed */
	size_t event_count;
	size_t event_capacity;
};

/* model.c */
const struct model_state *model_state_of(const struct model *model);

/* model_state.c */
void model_state_copy(const struct model_state *from, struct model_state *to);
void model_state_done(struct model_state *state);
void model_service_done(struct model_service *service);
struct model_service *model_state_service(const struct model_state *state, const char *name);
struct model_service *model_state_service_by_id(const struct model_state *state, uint32_t id);
struct model_limit *model_state_limit(const struct model_state *state, const char *name);
struct model_limit *model_state_limit_by_id(const struct model_state *state, uint32_t id);
/* The copy in the pool takes the member's texts over. */
struct model_member *model_pool_add(struct model_pool *pool, const struct model_member *member);
/* Of a member that was copied as bytes: texts of its own. */
void model_member_copy_texts(struct model_member *member);
void model_member_done(struct model_member *member);
/* The mark that a member of the file was removed at run time; NULL if there is none. */
struct model_removed *model_state_removed(const struct model_state *state, const char *service,
					  const char *pool, const struct sluice_addr *addr);
void model_state_add_removed(struct model_state *state, const struct model_removed *removed);
/* log2 of the table that the service should have. */
unsigned int model_service_slots_log2(const struct model_service *service);
size_t model_service_member_count(const struct model_service *service);

/* model_share.c: derives who is dead, re-admitted, idle; tells when a panic begins or ends. */
void model_service_refresh(struct apply *apply, struct model_service *service);

/* model_circuit.c */
/* Health has changed to what the member has now. */
void model_circuit_health(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member);
void model_change_circuit(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member,
			  const struct change *change);
/* So many flows of its trial went well, and none of a member that looks bad. */
void model_circuit_flowed(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member, uint32_t flows);
/* Nothing is known of it any more. */
void model_circuit_forget(struct model_member *member);

/* model_passive.c */
void model_change_passive(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member,
			  const struct change *change);

/* model_shift.c */
void model_change_shift(struct apply *apply, const struct change *change);
void model_shift_time(struct apply *apply, struct model_service *service);
/* After a reload: the shift goes on, unless the file's shares are others now, or the pool is gone. */
void model_shift_keep(struct apply *apply, const struct model_service *old,
		      struct model_service *service);

/* model_override.c */
void model_set_override(struct apply *apply, const struct model_service *service,
			const struct model_pool *pool, struct model_member *member,
			const struct change *change);
void model_change_expiry(struct apply *apply, struct model_service *service,
			 struct model_pool *pool, struct model_member *member,
			 const struct change *change);
/* Another member is overridden as the first one is. */
void model_override_copy(struct model_state *state, uint64_t from_id, uint64_t to_id);
/* Drops what is known of overrides whose member has none, or is gone. */
void model_state_prune_overrides(struct model_state *state);

/* model_ramp.c */
void model_ramp_refresh(struct apply *apply, struct model_service *service);
/* Who is out now starts slowly when it comes back. */
void model_ramp_begin(struct model_service *service);

/* model_change.c: one change; errors go to apply->errors. */
void model_change_member(struct apply *apply, const struct change *change);
void model_change_limit_mode(struct apply *apply, const struct change *change);
/* To an existing member, in place. */
void model_change_health(struct apply *apply, struct model_service *service,
			 struct model_pool *pool, struct model_member *member,
			 const struct change *change);
void model_change_cut(struct apply *apply, struct model_service *service, struct model_pool *pool,
		      struct model_member *member, const struct change *change);
void model_change_nexthop(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member,
			  const struct change *change);

/* model_config.c, model_config_member.c */
void model_change_config(struct apply *apply, const struct change *change);
/* from: the service of this name as it was, of another id if it listened elsewhere; NULL: none. */
void model_config_pools(struct apply *apply, struct model_state *fresh,
			const struct service_config *config, const struct model_service *from,
			struct model_service *service);
/* The member goes, and what commands changed of it: an event, if there is something. */
void model_tell_dropped(struct apply *apply, const struct model_service *service,
			const struct model_pool *pool, const struct model_member *member);

/* model_differ.c: events for what the file changes of services and members that stay. */
void model_tell_differences(struct apply *apply, const struct model_service *old,
			    const struct model_service *now);
void model_tell_member_differences(struct apply *apply, const struct model_service *service,
				   const struct model_pool *old_pool,
				   const struct model_member *old, const struct model_pool *pool,
				   const struct model_member *member);

/* model_limit.c */
void model_config_limits(struct apply *apply, struct model_state *fresh,
			 const struct config *config);
void model_config_service_limits(struct apply *apply, const struct model_state *fresh,
				 const struct service_config *config,
				 struct model_service *service);

/* Whether ceilings can be represented. */
void model_config_ceilings(struct apply *apply, const struct service_config *config);

/* model_list.c */
struct model_list *model_state_list(const struct model_state *state, const char *name);
/* Copies and releases what the state of lists holds by reference. */
void model_state_ref_lists(struct model_state *state);
void model_state_unref_lists(struct model_state *state);
void model_config_lists(struct apply *apply, struct model_state *fresh,
			const struct change *change);
/* Names of the service's allow lists to ids. */
void model_config_allow(struct apply *apply, const struct model_state *fresh,
			const struct service_config *config, struct model_service *service);
void model_change_list(struct apply *apply, const struct change *change);
void model_check_lists(struct apply *apply);

/* model_check.c: rules that hold for any state. */
void model_check(struct apply *apply);

/* model_state.c: service, pool, member may be NULL. */
void model_event(struct apply *apply, enum event_type type, const struct model_service *service,
		 const struct model_pool *pool, const struct model_member *member, const char *fmt,
		 ...) PRINTF(6, 7);
