/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The port to the packet path: what sync needs from the maps. user/dataplane implements it on
 * BPF maps, tests/fake in memory. Indices and regions are given out by the caller (sync); an
 * implementation only places services in their two candidate cells. All calls happen on one
 * thread. Functions return 0 or negative errno; after an error nothing was written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/access_types.h>
#include <sluice/ceiling_types.h>
#include <sluice/map_types.h>
#include <sluice/verdict.h>

#include "core/dataplane_sources.h"

#define DP_LIMIT_SETS_MIN_LOG2 7 /* the smallest region of a limit: 1024 sources */

struct dp_capacity {
	uint32_t service_cells;
	uint32_t slots;
	uint32_t members;
	uint32_t nexthops;
	uint32_t limits;
	uint32_t limit_sets;
	uint32_t bans;
	uint32_t member_ceilings;
	uint32_t flow_sets; /* of SLUICE_FLOW_WAYS entries, as the next two */
	uint32_t pending_sets;
	uint32_t tracked_sets;
};

struct dp_service {
	uint32_t id;
	struct sluice_addr addr;
	uint16_t port; /* host byte order; 0 all ports */
	uint8_t proto;
	bool is_local;
	bool is_unknown_port_passed;
	bool is_arp_answered;
	bool is_by_source; /* SLUICE_SVC_F_SOURCE */
	bool is_tracked;   /* SLUICE_SVC_F_TRACK */
	bool has_ceiling;  /* SLUICE_SVC_F_CEILING */
	uint32_t slots_base;
	uint32_t slots_log2;
	uint16_t limits[SLUICE_SERVICE_LIMITS_MAX];
	uint16_t allow[SLUICE_SERVICE_ALLOW_MAX];
};

/* What a pinned, adopted map holds already; arrays owned by the caller after dp->adopt(). */
struct dp_adopted {
	struct dp_service *services;
	size_t service_count;
	struct {
		uint32_t index;
		struct sluice_member member;
	} * members;
	size_t member_count;
	struct {
		uint32_t index;
		struct sluice_nexthop nexthop;
	} * nexthops;
	size_t nexthop_count;
	struct dp_adopted_limit {
		uint32_t index;
		struct sluice_limit limit;
		char name[64]; /* "": not known */
	} * limits;
	size_t limit_count;
	uint16_t host_limits[SLUICE_SERVICE_LIMITS_MAX];
};

/* In the order of a sweep: an entry may move on to the next one meanwhile, never back. */
enum dp_flow_table { DP_FLOW_PENDING, DP_FLOW_FLOWS, DP_FLOW_TRACKED, DP_FLOW_TABLE_MAX };

/* Whether the entry is to be removed. */
typedef bool (*dp_flow_fn)(void *arg, uint64_t fingerprint, uint64_t value);

struct dataplane_ops {
	void (*capacity)(void *dp, struct dp_capacity *ret_capacity);
	/* Empty result when the maps are new. Inconsistent maps: -EUCLEAN. */
	int (*adopt)(void *dp, struct dp_adopted *ret_adopted);
	/* Creates the service's cell (and its address cell) or replaces its word and limits.
	 * -ENOSPC when neither candidate cell can be freed. */
	int (*service_set)(void *dp, const struct dp_service *service);
	int (*service_delete)(void *dp, const struct dp_service *service);
	/* Writes all but the word, then the word. */
	int (*member_set)(void *dp, uint32_t index, const struct sluice_member *member);
	int (*member_set_word)(void *dp, uint32_t index, uint64_t word);       /* 0 frees */
	int (*member_set_ceiling)(void *dp, uint32_t index, uint32_t ceiling); /* and no more */
	int (*member_set_pool)(void *dp, uint32_t index, uint8_t pool);	       /* the same */
	/* For packets from now on, if the word says mode gue. */
	int (*member_set_gue_port)(void *dp, uint32_t index, uint16_t port);
	int (*nexthop_set)(void *dp, uint32_t index, const struct sluice_nexthop *nexthop);
	int (*nexthop_clear)(void *dp, uint32_t index);
	/* A whole table, into a region that no service names. */
	int (*slots_write)(void *dp, uint32_t base, uint32_t log2, const uint64_t *words,
			   const uint32_t *runner);
	int (*slots_read)(void *dp, uint32_t first, uint32_t count, uint64_t *ret_words);
	/* Gives the slot another word if it has *word. -EAGAIN: it has another one, which is
	 * *word now. */
	int (*slot_swap)(void *dp, uint32_t slot, uint64_t *word, uint64_t new);
	int (*runners_read)(void *dp, uint32_t first, uint32_t count, uint32_t *ret_runners);
	int (*runner_set)(void *dp, uint32_t slot, uint32_t member);
	/* Calls fn for each entry of `count` sets, and removes those for which it returns true,
	 * unless the packet path touches them meanwhile. */
	int (*flow_scan)(void *dp, enum dp_flow_table table, uint32_t first, uint32_t count,
			 dp_flow_fn fn, void *arg);
	/* All but pending_per_s, which follows from the table's size and the number of CPUs. */
	int (*flow_settings)(void *dp, const struct sluice_flow_settings *settings);
	/* Of the packet path's clock, SLUICE_FLOW_SECOND(): what entries are dated by. */
	int (*packet_second)(void *dp, uint32_t *ret_second);
	int (*limit_set)(void *dp, uint32_t index, const struct sluice_limit *limit);
	/* Zeroes the state of a region of 2^log2 sets. */
	int (*limit_clear_region)(void *dp, uint32_t base, uint32_t log2);
	/* Fills the region that `to` names with what sources owe in that of `from`, by gcra_convert():
	 * the same but for rate, burst and unit. What they are charged there until a limit_set that names
	 * the new region follows with that. */
	int (*limit_move_region)(void *dp, const struct sluice_limit *from,
				 const struct sluice_limit *to);
	/* Limits of all packets, as those of a service. */
	int (*host_limits_set)(void *dp, const uint16_t limits[SLUICE_SERVICE_LIMITS_MAX]);
	/* What a ceiling admits; rate 0: everything. What it owes stays, as time. index: a service's
	 * id, or from capacity.service_cells on what members name. */
	int (*ceiling_set)(void *dp, uint32_t index, uint64_t rate, uint32_t k);
	/* Replaces the whole table of access lists at once: each packet meets the old one or the
	 * new one. entries by dp_access_compare(), no two of the same place. */
	int (*access_replace)(void *dp, const struct dp_access_entry *entries, size_t count);
	/* Bans a source, or changes its ban but for the hits. -ENOENT: there is no such limit; -EINVAL:
	 * not the limit's prefix, or no time; -ENOSPC: no room. Packets ask for bans while there are
	 * any: SLUICE_LIMIT_F_BANS is not the caller's. A limit that ends, or whose sources become
	 * others, takes its bans along. */
	int (*ban_set)(void *dp, const struct dp_ban *ban);
	int (*ban_delete)(void *dp, uint32_t limit, const struct prefix *source); /* or -ENOENT */
	/* Those that are over, too: to delete them is the caller's. fn may set and delete bans. */
	int (*ban_each)(void *dp, dp_ban_fn fn, void *arg);
	/* Calls fn for each sample since the last call, or the start. Cheap when there is none. *lost
	 * grows by the samples that were overwritten before anybody read them. */
	int (*refusals_read)(void *dp, dp_refusal_fn fn, void *arg, uint64_t *lost);
	/* Measures sources for some time, before limits refuse: it ends by itself. What was measured
	 * before is forgotten. -EINVAL: a length or a sample out of range, or no time. */
	int (*measure_start)(void *dp, const struct sluice_measure_filter *filter, uint64_t for_ms);
	int (*measure_stop)(void *dp);
	/* What is measured so far; *ret_missed: packets of sources that found no room. */
	int (*measure_read)(void *dp, dp_measured_fn fn, void *arg, uint64_t *ret_missed);
	/* Counters, summed over CPUs. */
	int (*member_stats)(void *dp, uint32_t index, struct sluice_member_stats *ret_stats);
	int (*member_stats_reset)(void *dp, uint32_t index);
	/* ICMP errors about packets to a host: -ENOENT when no member has this address. Begins at zero
	 * with the first member that has it. */
	int (*host_stats)(void *dp, const struct sluice_addr *addr, struct sluice_host *ret_stats);
	int (*limit_stats)(void *dp, uint32_t index, struct sluice_limit_stats *ret_stats);
	int (*ceiling_stats)(void *dp, uint32_t index, struct sluice_ceiling_stats *ret_stats);
	int (*list_stats)(void *dp, uint32_t list, struct sluice_list_stats *ret_stats);
	int (*verdict_stats)(void *dp, struct sluice_verdict_stats ret_stats[SLUICE_V_MAX]);
	int (*flow_stats)(void *dp, struct sluice_flow_stats *ret_stats);
};

struct dataplane {
	const struct dataplane_ops *ops;
	void *dp;
};

void dp_adopted_done(struct dp_adopted *adopted);
