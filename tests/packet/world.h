/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The real program with its maps in memory, a small configuration, and one way to run a packet:
 * what went in, which verdict was counted, what came out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/ceiling_types.h>
#include <sluice/hash.h>
#include <sluice/map_types.h>
#include <sluice/node_types.h>
#include <sluice/source_types.h>
#include <sluice/verdict.h>

#include "packet/builder.h"
#include "sluice.skel.h"

#define WORLD_IFINDEX 1 /* test runs arrive on the loopback device */
#define WORLD_CELLS 4096
#define WORLD_GUE_PORT 6181 /* of every member; not the default */
#define WORLD_SLOTS (4U << 12)
#define WORLD_MEMBERS 64
#define WORLD_NEXTHOPS 64
#define WORLD_LIMITS 16
#define WORLD_LIMIT_SETS 1024
#define WORLD_BANS 64
#define WORLD_CEILINGS 64
#define WORLD_FLOW_SETS 256 /* of each of the three tables */

struct world {
	struct sluice_bpf *skel;
	struct sluice_hash_key key;
	struct sluice_service *services;
	uint64_t *slots;
	uint64_t *runners;
	struct sluice_member *members;
	struct sluice_nexthop *nexthops;
	struct sluice_limit *limits;
	struct sluice_limit_set *limit_sets;
	struct sluice_flow_set *flows, *pending, *tracked;
	struct sluice_flow_settings *flow_settings;
	struct sluice_interface *interfaces;
	struct sluice_control *control;
	uint64_t *access_bits;
	struct sluice_refusal *refusals;
	struct sluice_ceiling *ceilings;
	struct sluice_measure_filter *measure_filter;
	struct sluice_measure *measures;
	struct sluice_explain *explain;
	uint64_t *clock_ns;
	uint64_t *passive;
};

struct world_options {
	uint32_t tick_ns; /* 0: keep the default */
	uint32_t events_per_s;
	bool is_real_clock;			  /* jiffies; else world.clock_ns */
	void (*prepare)(struct sluice_bpf *skel); /* called before it is loaded; may be NULL */
};

struct world_run {
	int action; /* XDP_* */
	enum sluice_verdict verdict;
	uint8_t out[FRAME_MAX];
	uint32_t out_len;
};

/* Prints a TAP line that skips the whole program, and returns true, without the privileges. */
bool world_must_skip(void);
/* Loads the program; exits with a message when the kernel refuses it. */
struct world *world_new(const struct world_options *options);
void world_free(struct world *world);
/* Zeroes every table that user space writes, and the limit state. Counters go on. */
void world_clear(struct world *world);

/* From now on packets arrive on the next CPU; with one CPU nothing changes. */
void world_other_cpu(void);

struct sluice_addr world_addr(const char *text);
/* Adds a service at its own region number (12 bits of slots each), and its address cell. limits:
 * up to four indices, 0 ends. port 0: all ports. Returns its cell. */
struct sluice_service *world_service(struct world *world, uint32_t id, const char *addr,
				     uint16_t port, uint8_t proto, uint32_t region);
/* The address cell alone, or its flags. */
struct sluice_service *world_address(struct world *world, const char *addr, uint64_t flags);
/* Every slot of the region gets this owner and runner-up. */
void world_slots(struct world *world, uint32_t region, uint32_t owner, uint32_t runner);
void world_member(struct world *world, uint32_t index, const char *addr, enum sluice_mode mode,
		  uint32_t nexthop, uint16_t mtu);
/* Member 1, 10.0.0.11 in mode l2, on the interface that packets come from, owns every slot of region 0. */
void world_one_member(struct world *world);
/* The host with this address is the member's: ICMP errors about it count. */
void world_host(struct world *world, const char *addr, uint32_t member);
struct sluice_host world_host_of(struct world *world, const char *addr);
void world_nexthop(struct world *world, uint32_t index, const struct sluice_nexthop *nexthop);

/* Bans a source, which is the limit's prefix of it, and sets the flags that have packets ask. */
void world_ban(struct world *world, uint32_t limit, const char *source, uint64_t until_ns,
	       uint32_t flags);
struct sluice_ban world_ban_of(struct world *world, uint32_t limit, const char *source);

/* Runs a frame through entry `sluice` and finds the one verdict that it was counted under. */
void world_run(struct world *world, const struct frame *frame, struct world_run *run);
void world_run_packet(struct world *world, const struct packet *packet, struct world_run *run);
/* The same with so many bytes of metadata in front, which take room from the headers. False: older
 * kernels, as Linux 6.1, take no more than 32. */
bool world_run_crowded(struct world *world, const struct frame *frame, uint32_t metadata,
		       struct world_run *run);
/* Through `sluice_explain`; run->verdict is what it wrote. */
void world_run_explain(struct world *world, const struct frame *frame, struct world_run *run);

struct sluice_verdict_stats world_verdict_stats(struct world *world, enum sluice_verdict verdict);
struct sluice_member_stats world_member_stats(struct world *world, uint32_t index);
struct sluice_limit_stats world_limit_stats(struct world *world, uint32_t index);
struct sluice_ceiling_stats world_ceiling_stats(struct world *world, uint32_t index);

/* How often world_run() saw each verdict, over the whole test program. */
extern uint64_t world_verdicts_seen[SLUICE_V_MAX];
const char *world_verdict_name(enum sluice_verdict verdict);
