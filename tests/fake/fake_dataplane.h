/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packet path in memory, for tests: keeps what the caller wrote, refuses what a map would
 * refuse, and reports breaches of the rules that keep packets safe (fake_dataplane_check).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/dataplane.h"

struct fake_service {
	bool is_used;
	struct dp_service service;
};

struct fake_dataplane {
	struct dp_capacity capacity;
	struct fake_service *services; /* capacity.service_cells */
	uint64_t *slots;	       /* words */
	uint32_t *runner;	       /* by slot */
	struct sluice_flow_set *flows[DP_FLOW_TABLE_MAX];
	struct sluice_flow_settings flow_settings;
	struct sluice_member *members;
	struct sluice_member_stats *member_stats; /* what fake_path_send() counted */
	struct sluice_host *hosts; /* by member, the first one with the address; set by tests */
	struct sluice_nexthop *nexthops;
	struct sluice_limit *limits;
	char (*limit_names)[64]; /* as the daemon notes them; set by tests */
	uint16_t host_limits[SLUICE_SERVICE_LIMITS_MAX];
	struct sluice_ceiling *ceilings; /* services, then those of members; rate and k */
	struct dp_access_entry *access;	 /* the table of access lists */
	size_t access_count;
	struct fake_ban {
		struct dp_ban ban;
		uint64_t until_ms;
	} * bans;
	size_t ban_count, ban_room;
	struct dp_refusal *refusals; /* not read yet */
	size_t refusal_count, refusal_room;
	struct sluice_measure_filter measure_filter;
	uint64_t measure_until_ms;    /* 0: off */
	struct dp_measured *measured; /* as tests say; forgotten at the next start */
	size_t measured_count, measured_room;
	uint64_t measure_missed;
	uint64_t refusals_lost;	    /* not told yet: set by tests */
	unsigned int limits_moved;  /* with what their sources owe */
	uint64_t *limit_cleared_ms; /* by set: when it was last zeroed */
	/* When an index stopped being in use; for the rule of SLUICE_REUSE_AFTER_MS. */
	uint64_t *member_unused_ms, *nexthop_unused_ms, *limit_unused_ms;
	bool *member_named; /* by a slot of a service, as of the last check */
	struct sluice_flow_stats flow_stats;
	bool are_flows_plain; /* def may change at once: services without connections are about */
	uint64_t now_ms;
	bool are_bans_unreadable;
	int fail_in;	  /* the n-th writing call from now on fails with -EIO; 0: none */
	uint64_t writes;  /* successful writing calls */
	char breach[256]; /* the first rule that was broken, "" if none */
};

struct dp_capacity fake_dataplane_capacity(void); /* small: 2^18 slots, 4096 members */
struct fake_dataplane *fake_dataplane_new(const struct dp_capacity *capacity);
void fake_dataplane_free(struct fake_dataplane *fake);
struct dataplane fake_dataplane_port(struct fake_dataplane *fake);
const struct dp_service *fake_dataplane_service(const struct fake_dataplane *fake,
						const struct sluice_addr *addr, uint16_t port,
						uint8_t proto);
/* Somebody refuses a packet, and the sample of it waits to be read. */
void fake_dataplane_refuse(struct fake_dataplane *fake, const struct dp_refusal *refusal);
/* A source has sent so much, if anybody measures. */
void fake_dataplane_measured(struct fake_dataplane *fake, const struct dp_measured *measured);
/* The ban of a source, NULL if there is none. */
const struct dp_ban *fake_dataplane_ban(const struct fake_dataplane *fake, uint32_t limit,
					const struct prefix *source);
/* The whole picture: every slot names a used member of its service with a way, regions are apart,
 * limits are there. Returns NULL, or what is wrong. is_strict: no slot names a dead member. */
const char *fake_dataplane_check(struct fake_dataplane *fake, bool is_strict);
