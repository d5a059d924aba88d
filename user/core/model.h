/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The model: services, pools, members, limits and their state. The only way in is model_apply():
 * it validates a change on a copy, reports all errors, mutates, emits events and marks what is
 * dirty for sync. No I/O, no clock of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/change.h"
#include "core/event_log.h"
#include "core/history.h"
#include "core/model_types.h"

struct model;

struct model *model_new(struct event_log *log, uint32_t tick_ns);
void model_free(struct model *model);

/* All changes or none. Returns 0, or negative errno with errors filled; then nothing changed.
 * Every successful call by file or api raises the revision by one; health and next hop do not. */
int model_apply(struct model *model, const struct change *changes, size_t count, uint64_t now_ms,
		struct errs *errors);

/* Asked last of all whether the maps as they are have room for a state: fn adds errors, after which
 * model_apply() refuses. What struct model_state is, only core knows. */
struct model_state;
typedef void (*model_room_fn)(void *arg, const struct model_state *state, struct errs *errors);
void model_set_room(struct model *model, model_room_fn fn, void *arg);
void model_unset_room(struct model *model, const void *arg); /* if it is arg's */

/* What model_apply() would do: its errors, or its events into log. Nothing changes. Not for
 * observations. */
int model_preview(const struct model *model, const struct change *changes, size_t count,
		  struct event_log *log, struct errs *errors);

/* Whether an empty model would take this configuration: the rules that need its objects together
 * (limits and their bursts, capacities, tables). 0, or negative errno with errors filled. */
int model_check_config(const struct config *config, uint32_t tick_ns, struct errs *errors);

uint64_t model_revision(const struct model *model);
/* Results of probes so far are not counted: they said nothing of the members. */
void model_forget_probes(struct model *model);
/* What happened to its members. */
const struct history *model_history(const struct model *model);
size_t model_service_count(const struct model *model);
struct model_service *model_service_at(const struct model *model, size_t position);
struct model_service *model_find_service(const struct model *model, const char *name);
struct model_pool *model_find_pool(struct model_service *service, const char *name);
struct model_member *model_find_member(struct model_pool *pool, const struct sluice_addr *addr);
/* The member's own check, or its pool's. */
const struct check_config *model_check_of(const struct model_pool *pool,
					  const struct model_member *member);
/* Would CHANGE_MEMBER_CIRCUIT, with what its probes have counted so far, have something to do? */
bool model_circuit_is_due(const struct model_pool *pool, const struct model_member *member,
			  uint64_t probes_passed, uint64_t probes_failed, uint64_t now_ms);
/* How many of the pool may be out before one more is for failing too often: of those that would
 * serve but for failures. And how many of them are. */
size_t model_ratio_cap(const struct model_pool *pool, size_t *ret_out);
/* By id, whatever the service; also its pool and service when asked (may be NULL). */
struct model_member *model_member_by_id(const struct model *model, uint64_t id,
					struct model_service **ret_service,
					struct model_pool **ret_pool);
size_t model_limit_count(const struct model *model);
struct model_limit *model_limit_at(const struct model *model, size_t position);
struct model_limit *model_find_limit(const struct model *model, const char *name);
struct model_limit *model_limit_by_id(const struct model *model, uint32_t id);
/* Ids of the limits that apply to all packets, narrowest first; 0 ends. */
const uint32_t *model_host_limits(const struct model *model);
const char *model_admin_name(enum admin_state admin);
const char *model_discovery_name(enum discovery_state discovery);
#define ADMIN_TEXT_MAX 48
/* "drain", or "drain until 2026-11-26T12:30:05Z". */
const char *model_admin_text(enum admin_state admin, uint64_t drain_until_s,
			     char buffer[ADMIN_TEXT_MAX]);
const char *model_limit_mode_name(enum sluice_limit_mode mode);
/* Who overrode the member and why; NULL when nobody did. */
const struct model_override *model_override_of(const struct model *model,
					       const struct model_member *member);
const char *model_override_name(enum override_state override);
/* "2026-11-26T12:30:05Z" */
const char *model_until_text(uint64_t wall_s, char *buffer, size_t size);
size_t model_removed_count(const struct model *model);
const struct model_removed *model_removed_at(const struct model *model, size_t position);

size_t model_list_count(const struct model *model);
struct model_list *model_list_at(const struct model *model, size_t position);
struct model_list *model_find_list(const struct model *model, const char *name);
struct model_list *model_list_by_id(const struct model *model, uint32_t id);
/* Entries that commands added and the configuration has not: those that stay, those that expire. */
void model_list_added(const struct model_list *list, size_t *ret_count, size_t *ret_expiring);
bool model_list_is_added_to(const struct model_list *list);
/* Sources that are never denied or limited; NULL: none. */
const struct prefix_set *model_management(const struct model *model);
/* Addresses of this host and of the gateways that it uses: no deny list may cover them unless
 * forced, and gateways are not denied. Sets are copied by reference. */
void model_set_host(struct model *model, struct prefix_set *own, struct prefix_set *gateways);
const struct prefix_set *model_own(const struct model *model);
const struct prefix_set *model_gateways(const struct model *model);
/* When the next entry of a list expires, wall clock; 0: none does. */
uint64_t model_lists_expire_s(const struct model *model);
/* Must the packet path's table of lists be made again? sync clears it. */
bool model_is_access_dirty(const struct model *model);
void model_set_access_clean(struct model *model);

/* From now on members that come up, or are added, start slowly where their service says so. Not at
 * the start of the daemon: then all come up. */
void model_start_ramps(struct model *model);

/* Adoption of pinned maps: gives services (limits) the ids that the maps already use; ids has one
 * for each position, all different. References follow. last: the highest id of a limit in the maps; new
 * ones come after it, for what no limit has any more is not cleared yet. */
void model_renumber_services(struct model *model, const uint32_t *ids);
void model_renumber_limits(struct model *model, const uint32_t *ids, uint32_t last);
