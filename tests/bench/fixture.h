/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fills the packet path's maps directly, without a daemon, for any object that has them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#include <sluice/map_types.h>
#include <sluice/verdict.h>

#define FIXTURE_MEMBERS 100   /* a service */
#define FIXTURE_SLOTS_LOG2 16 /* a service */

struct fixture_array {
	void *data;
	size_t bytes;
	uint32_t entries;
};

struct fixture {
	struct fixture_array services, slots, runners, members, nexthops, limits, limit_sets,
		flow_settings, control;
	int bans_fd;
	int verdict_stats_fd;
	int limit_stats_fd;
	int flow_stats_fd;
	struct sluice_hash_key key;
	uint32_t service_count;
};

struct fixture_service {
	struct sluice_addr addr;
	uint16_t port;
	enum sluice_mode mode;
	enum sluice_family family; /* of the members */
	uint64_t limit;		   /* index, 0: none; of several as in a service's cell */
	bool is_moving;		   /* each slot has another owner for new flows, and learns */
	uint64_t watch;		   /* SLUICE_MEMBER_F_SAMPLE, or _ALL */
};

/* Before the object is loaded: constants as the daemon would set them, events as asked. */
void fixture_constants(struct sluice_rodata *ro, const struct bpf_object *object,
		       uint32_t events_per_s);

/* After it is loaded. All return 0 or a negative errno. */
int fixture_open(struct fixture *f, const struct bpf_object *object,
		 const struct sluice_rodata *ro);
void fixture_close(struct fixture *f);

/* The only next hop, number 1, that all members use: out of this interface. */
void fixture_nexthop(struct fixture *f, uint32_t ifindex);
/* A service with FIXTURE_MEMBERS members of equal weight. */
int fixture_service(struct fixture *f, const struct fixture_service *service);

struct fixture_limit {
	uint32_t index, k, inc, tau;
	uint32_t sets_log2;
	uint32_t len4; /* prefix length; 0: 32 */
	uint32_t base; /* set where its region begins */
};
int fixture_limit(struct fixture *f, const struct fixture_limit *limit);
/* Forgets every source. */
void fixture_limit_clear(struct fixture *f, const struct fixture_limit *limit);

/* Bans so many prefixes of the limit from this address on, for ever. Packets ask once the flag in the
 * control line is set, too. */
int fixture_bans(struct fixture *f, const struct fixture_limit *limit, uint32_t first,
		 uint32_t count);

/* SLUICE_CONTROL_F_*: whether lists and bans are asked. */
void fixture_switch(struct fixture *f, uint64_t flags);

/* Packets that left with each verdict so far, over all CPUs. */
int fixture_verdicts(const struct fixture *f, uint64_t ret_packets[SLUICE_V_MAX]);

/* Packets that found their flow's entry so far. */
int fixture_flow_hits(const struct fixture *f, uint64_t *ret_hits);

struct sluice_addr fixture_v4(uint32_t host_order);
struct sluice_addr fixture_v6(uint32_t last); /* fd00::/96 */
