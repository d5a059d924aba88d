/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the model consists of: services, pools, members, limits and access lists with their state. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/breaker.h"
#include "core/config.h"
#include "core/ejection.h"
#include "core/override.h"
#include "core/passive.h"
#include "core/ramp.h"
#include "core/shift.h"

enum owner { OWNER_FILE, OWNER_API, OWNER_KUBERNETES, OWNER_MAX };
enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN, HEALTH_STATE_MAX };
/* How a check fails: whether the connections that the member had can still be alive. */
enum health_cause {
	HEALTH_SILENT,	 /* nothing came back: they are lost, and rehash */
	HEALTH_ANSWERED, /* refused, or the wrong answer: they stay, new ones go elsewhere */
	HEALTH_CAUSE_MAX
};
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
	bool has_gateway;  /* or may have: dmac is a gateway's, of no use to mode l2 */
	uint16_t vlan_tci; /* host byte order */
	uint8_t dmac[6];
	uint8_t smac[6];
	struct sluice_addr src4; /* v4-mapped, zero if none */
	struct sluice_addr src6;
	uint32_t mtu; /* of the path, bytes */
};

#define HEALTH_TEXT_MAX 224 /* bytes of why a check fails, its end included */

/* Its texts are its own and NULL when empty: read them with util_text(). */
struct model_member {
	uint64_t id; /* stable for the life of the member, never reused */
	struct sluice_addr addr;
	uint16_t port;
	enum owner owner;
	uint32_t weight;      /* in force */
	uint32_t weight_file; /* as in the file; differs after a runtime change */
	enum admin_state admin;
	enum admin_state admin_file; /* as in the file */
	uint64_t drain_until_s;	     /* wall clock: then its flows are cut; 0: no deadline */
	bool is_cut;		     /* the deadline has passed */
	enum discovery_state discovery;
	bool has_others; /* others serve, so that a terminating one need not */
	uint32_t name;	 /* of the pool's names, from 1, whose address it is; 0: of none */
	uint32_t check;	 /* position in the pool's checks; 0: the pool's own */
	enum health_state health;
	enum health_cause health_cause; /* with health down */
	char *health_text;		/* last failure in words */
	uint32_t latency_us;		/* of the last good probe, 0 if none */
	uint64_t health_since_s;	/* wall clock */
	enum nexthop_state nexthop_state;
	char *nexthop_text;
	struct nexthop nexthop;
	/* Its flows rehash at once: silent, maintenance, next hop failed, drain deadline passed. */
	bool is_dead;
	struct ramp ramp; /* slow start */
	struct breaker breaker;
	char *circuit_text;		       /* what it failed with last, when it was out */
	uint32_t trial_percent;		       /* of its pool's circuit */
	uint64_t sampled_ms;		       /* when its probes were counted last; 0: not yet */
	uint64_t probes_passed, probes_failed; /* as they were then */
	uint32_t trips, suppressed;	       /* so far */
	bool is_suppressed;	/* its ratio would eject it, but too many are out already */
	bool is_watched_wholly; /* all of its new flows, not only a sample (core/suspects.h) */
	struct passive_view suspicion; /* its numbers, while there is one: else its cause is 0 */
	enum override_state override;  /* who and why: model_override_of() */
	uint64_t override_until_s;     /* wall clock; 0: until somebody ends it */
	bool is_readmitted;	       /* it fails but it serves: see model_service.panic */
	struct rate max_new;	       /* ceiling on new connections, n 0: none */
};

struct model_pool {
	char name[NAME_MAX_LENGTH + 1];
	uint32_t share;	     /* in force */
	uint32_t share_file; /* differs while a shift decides */
	enum sluice_mode mode;
	uint16_t gue_port;	   /* with mode gue, else 0 */
	struct check_config check; /* the first of checks */
	struct check_set *checks;
	struct name_set *names;		/* NULL: none */
	struct rate max_new_per_member; /* of members that name none */
	struct circuit_config circuit;
	bool is_fallback;
	bool is_idle; /* a fallback that is not needed: its share is 0 */
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
	enum affinity affinity;
	uint32_t learn_s, idle_s, window_s, slow_start_s; /* see struct service_config */
	struct rate max_new; /* ceiling on new connections, n 0: none */
	struct model_pool *pools;
	size_t pool_count;
	uint32_t limits[SLUICE_SERVICE_LIMITS_MAX]; /* limit ids, 0 ends; narrowest first */
	uint32_t allow[SLUICE_SERVICE_ALLOW_MAX];   /* list ids, 0 ends */
	bool is_dirty;				    /* something that sync must look at changed */
	struct shift shift;
	char shift_to[NAME_MAX_LENGTH + 1]; /* pool, with a shift */
	char shift_text[128];		    /* why it was rolled back, or was not */
	uint32_t shift_orders;		    /* of people and files, so far: not of time */
	uint32_t min_healthy;
	bool is_panic_dropped;
	bool is_withdrawn_when_down;
	enum ejection_panic panic;
	enum ejection_rank panic_rank; /* PANIC_READMIT: who serves again */
	/* Within slow_start_s no member had all of its weight, last at bare_ms: none starts slowly. */
	bool is_bare;
	uint64_t bare_ms;
};

/* A member of the file that a command removed: it stays away until the file no longer lists it. */
struct model_removed {
	char service[NAME_MAX_LENGTH + 1];
	char pool[NAME_MAX_LENGTH + 1];
	struct sluice_addr addr;
	uint16_t port;
	uint32_t weight_file;
	enum admin_state admin_file;
	uint32_t check;
	struct rate max_new;
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
