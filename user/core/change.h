/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What may be asked of the model: one change, which model_apply() takes with others or refuses. */
#pragma once

#include "core/model_types.h"

#define DRAIN_MAX_S (365U * 86400) /* from now to a deadline */
#define OVERRIDE_MAX_S DRAIN_MAX_S

enum change_type {
	CHANGE_CONFIG, /* replace everything the file owns by `config` */
	CHANGE_MEMBER_ADD, /* service, pool ("" if the service has one), addr, port (0: the service's), weight */
	CHANGE_MEMBER_REMOVE,
	CHANGE_MEMBER_WEIGHT,
	CHANGE_MEMBER_ADMIN,   /* admin, drain_until_s */
	CHANGE_MEMBER_HEALTH,  /* member_id, health, health_cause, text, latency_us */
	CHANGE_MEMBER_NEXTHOP, /* member_id, nexthop_state, text, nexthop */
	CHANGE_LIMIT_MODE,     /* limit, limit_mode */
	CHANGE_LIST_ADD,       /* list, prefixes, caller, is_forced: to what commands added */
	CHANGE_LIST_REPLACE,   /* the same: instead of what commands added */
	CHANGE_LIST_REMOVE,    /* list, prefixes */
	CHANGE_LIST_EXPIRE,    /* now_s: entries whose time is over, of all lists */
	CHANGE_MEMBER_CUT,     /* member_id, drain_until_s: that deadline has passed; text, or NULL:
				  nothing to tell */
	CHANGE_MEMBER_RAMP,    /* member_id: the next step of its slow start is due */
	CHANGE_MEMBER_CIRCUIT, /* member_id, probes_passed, probes_failed: so far; and time goes by */
	CHANGE_MEMBER_PASSIVE, /* member_id, passive: of one second */
	CHANGE_MEMBER_OVERRIDE, /* override, override_until_s, text (reason, may be ""), who, since_s (0:
				   now) */
	CHANGE_MEMBER_DISCOVERY, /* discovery, text */
	CHANGE_NAMES, /* as CHANGE_CONFIG of the one in force, whose names have other addresses */
	CHANGE_MEMBER_EXPIRY, /* member_id, override_until_s: so long it was overridden */
	CHANGE_SHIFT,	      /* service, pool (to), shift_action; with START shift->plan, with SET
				  shift->percent, with RESTORE all of shift; text (of a rollback) */
	CHANGE_SHIFT_TIME,    /* member_id: its service's shift is due */
	CHANGE_TYPE_MAX
};

enum shift_action {
	SHIFT_ACTION_START,
	SHIFT_ACTION_PAUSE,
	SHIFT_ACTION_RESUME,
	SHIFT_ACTION_ABORT,
	SHIFT_ACTION_SET,
	SHIFT_ACTION_END, /* shares are the file's again */
	SHIFT_ACTION_RESTORE,
	SHIFT_ACTION_MAX
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
	uint64_t drain_until_s; /* wall clock, 0: no deadline */
	enum discovery_state discovery;
	enum health_state health;
	enum health_cause health_cause;
	enum nexthop_state nexthop_state;
	struct nexthop nexthop;
	uint32_t latency_us;
	const char *text; /* cause, in words */
	const struct shift *shift;
	enum shift_action shift_action;
	const char *who; /* NULL: nobody in particular */
	uint64_t probes_passed, probes_failed;
	struct passive_report passive;
	enum override_state override;
	uint64_t override_until_s; /* wall clock, 0: until somebody ends it */
	uint64_t since_s;
	enum sluice_limit_mode limit_mode;
	/* Reload guard: CHANGE_CONFIG that leaves a service without members or drops more than a
	 * third of all members is refused (ERR_CONFLICT, hint names the flag) unless set. Prefixes
	 * of a deny list that list_guard.h refuses, too. */
	bool is_forced;
};
