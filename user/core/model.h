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
#include "core/config.h"
#include "core/event_log.h"

enum owner { OWNER_FILE, OWNER_API, OWNER_KUBERNETES, OWNER_MAX };
enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN, HEALTH_STATE_MAX };
/* Why a member's next hop is as it is. */
enum nexthop_state {
	NEXTHOP_PENDING, /* asked for, no answer yet */
	NEXTHOP_RESOLVED,
	NEXTHOP_FAILED, /* no route, neighbour failed, unusable device: see text */
	NEXTHOP_STATE_MAX
};

/* A resolved way to a member, as the resolver reports it. */
struct nexthop {
	uint32_t ifindex; /* lower device */
	bool has_vlan;
	uint16_t vlan_tci; /* host byte order */
	uint8_t dmac[6];
	uint8_t smac[6];
	struct sluice_addr src4; /* v4-mapped, zero if none */
	struct sluice_addr src6;
	uint32_t mtu; /* of the path, bytes */
};

struct model_member {
	uint64_t id; /* stable for the life of the member, never reused */
	struct sluice_addr addr;
	uint16_t port;
	enum owner owner;
	uint32_t weight;      /* in force */
	uint32_t weight_file; /* as in the file; differs after a runtime change */
	enum admin_state admin;
	enum admin_state admin_file; /* as in the file */
	enum health_state health;
	char health_text[96];	 /* last failure in words, "" when fine */
	uint32_t latency_us;	 /* of the last good probe, 0 if none */
	uint64_t health_since_s; /* wall clock */
	enum nexthop_state nexthop_state;
	char nexthop_text[96];
	struct nexthop nexthop;
	bool is_dead;	    /* its flows rehash at once: down, maintenance, next hop failed */
	bool is_readmitted; /* health is down but it serves: see model_service.is_panicked */
};

struct model_pool {
	char name[NAME_MAX_LENGTH + 1];
	uint32_t share;
	enum sluice_mode mode;
	struct check_config check;
	struct model_member *members;
	size_t member_count;
	size_t member_capacity;
};

struct model_service {
	uint32_t id; /* 1-based, stable while the service exists */
	char name[NAME_MAX_LENGTH + 1];
	enum owner owner;
	struct sluice_addr addr;
	uint16_t port;
	uint8_t proto;
	enum sluice_mode mode;
	bool is_unknown_port_passed;
	enum announce announce;
	uint32_t slots; /* configured, 0: chosen */
	struct model_pool *pools;
	size_t pool_count;
	uint32_t limits[SLUICE_SERVICE_LIMITS_MAX]; /* limit ids, 0 ends; narrowest first */
	uint32_t allow[SLUICE_SERVICE_ALLOW_MAX];   /* list ids, 0 ends */
	bool is_dirty;				    /* something that sync must look at changed */
	/* No member is left that may serve: those whose only fault is their health serve anyway. */
	bool is_panicked;
};

/* A member of the file that a command removed: it stays away until the file no longer lists it. */
struct model_removed {
	char service[NAME_MAX_LENGTH + 1];
	char pool[NAME_MAX_LENGTH + 1];
	struct sluice_addr addr;
	uint16_t port;
	uint32_t weight_file;
	enum admin_state admin_file;
};

struct model_limit {
	uint32_t id; /* 1-based index of the entry in the map, stable while it exists */
	struct limit_config config; /* in force; burst filled */
	enum sluice_limit_mode mode_file;
	bool is_dirty;
};

struct model_list {
	/* Below SLUICE_LISTS_MAX; follows from the name unless another list's does, so that packets
	 * find the same lists before and after a restart. */
	uint32_t id;
	char name[NAME_MAX_LENGTH + 1];
	enum list_action action;
	char file[CONFIG_PATH_MAX + 1]; /* where more of its prefixes come from, "" none */
	struct prefix_set *configured;	/* what the configuration says, its file too; never NULL */
	struct prefix_set *runtime;	/* what commands added; never NULL */
};

enum change_type {
	CHANGE_CONFIG, /* replace everything the file owns by `config` */
	CHANGE_MEMBER_ADD, /* service, pool ("" if the service has one), addr, port (0: the service's), weight */
	CHANGE_MEMBER_REMOVE,
	CHANGE_MEMBER_WEIGHT,
	CHANGE_MEMBER_ADMIN,
	CHANGE_MEMBER_HEALTH,  /* member_id, health, text, latency_us */
	CHANGE_MEMBER_NEXTHOP, /* member_id, nexthop_state, text, nexthop */
	CHANGE_LIMIT_MODE,     /* limit, limit_mode */
	CHANGE_LIST_ADD,       /* list, prefixes, caller, is_forced: to what commands added */
	CHANGE_LIST_REPLACE,   /* the same: instead of what commands added */
	CHANGE_LIST_REMOVE,    /* list, prefixes */
	CHANGE_LIST_EXPIRE,    /* now_s: entries whose time is over, of all lists */
	CHANGE_TYPE_MAX
};

struct change {
	enum change_type type;
	enum owner owner;
	const struct config *config;
	const char *service, *pool, *limit, *list;
	const struct prefix_set *prefixes;
	struct sluice_addr caller; /* where the person sits; zero: unknown or local */
	uint64_t now_s;
	struct sluice_addr addr;
	uint16_t port;
	uint64_t member_id; /* for health and next hop; the others find by address */
	uint32_t weight;
	enum admin_state admin;
	enum health_state health;
	enum nexthop_state nexthop_state;
	struct nexthop nexthop;
	uint32_t latency_us;
	const char *text; /* cause, in words */
	enum sluice_limit_mode limit_mode;
	/* Reload guard: CHANGE_CONFIG that leaves a service without members or drops more than a
	 * third of all members is refused (ERR_CONFLICT, hint names the flag) unless set. Prefixes
	 * of a deny list that list_guard.h refuses, too. */
	bool is_forced;
};

struct model;

struct model *model_new(struct event_log *log, uint32_t tick_ns);
void model_free(struct model *model);

/* All changes or none. Returns 0, or negative errno with errors filled; then nothing changed.
 * Every successful call by file or api raises the revision by one; health and next hop do not. */
int model_apply(struct model *model, const struct change *changes, size_t count, uint64_t now_ms,
		struct errs *errors);

/* What model_apply() would do: its errors, or its events into log. Nothing changes. Not for
 * observations. */
int model_preview(const struct model *model, const struct change *changes, size_t count,
		  struct event_log *log, struct errs *errors);

/* Whether an empty model would take this configuration: the rules that need its objects together
 * (limits and their bursts, capacities, tables). 0, or negative errno with errors filled. */
int model_check_config(const struct config *config, uint32_t tick_ns, struct errs *errors);

uint64_t model_revision(const struct model *model);
size_t model_service_count(const struct model *model);
struct model_service *model_service_at(const struct model *model, size_t position);
struct model_service *model_find_service(const struct model *model, const char *name);
struct model_pool *model_find_pool(struct model_service *service, const char *name);
struct model_member *model_find_member(struct model_pool *pool, const struct sluice_addr *addr);
/* By id, whatever the service; also its pool and service when asked (may be NULL). */
struct model_member *model_member_by_id(const struct model *model, uint64_t id,
					struct model_service **ret_service,
					struct model_pool **ret_pool);
size_t model_limit_count(const struct model *model);
struct model_limit *model_limit_at(const struct model *model, size_t position);
struct model_limit *model_find_limit(const struct model *model, const char *name);
struct model_limit *model_limit_by_id(const struct model *model, uint32_t id);
const char *model_admin_name(enum admin_state admin);
const char *model_limit_mode_name(enum sluice_limit_mode mode);
size_t model_removed_count(const struct model *model);
const struct model_removed *model_removed_at(const struct model *model, size_t position);

size_t model_list_count(const struct model *model);
struct model_list *model_list_at(const struct model *model, size_t position);
struct model_list *model_find_list(const struct model *model, const char *name);
struct model_list *model_list_by_id(const struct model *model, uint32_t id);
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

/* Adoption of pinned maps: gives services (limits) the ids that the maps already use; ids has one
 * for each position, all different. References follow. */
void model_renumber_services(struct model *model, const uint32_t *ids);
void model_renumber_limits(struct model *model, const uint32_t *ids);
