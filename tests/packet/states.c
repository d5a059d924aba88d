/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "packet/states.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "packet/lists.h"

/* Both families, TCP 80 and UDP 53, one member by tunnel. */
void state_base(struct world *world)
{
	struct sluice_nexthop nexthop = {.ifindex = WORLD_IFINDEX, .src4_be = htonl(0x0a000002)};

	world_clear(world);
	nexthop.src6 = world_addr("2001:db8:f::2");
	world_nexthop(world, 1, &nexthop);
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, 1, 1500);
	world_member(world, 2, "10.0.0.12", SLUICE_MODE_L2, 1, 1500);
	world_slots(world, 0, 1, 2);
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0);
	world_service(world, 2, V4, 53, IPPROTO_UDP, 0);
	world_service(world, 3, V6, 80, IPPROTO_TCP, 0);
	world_service(world, 4, V6, 53, IPPROTO_UDP, 0);
}

void state_all_ports(struct world *world)
{
	world_clear(world);
	state_base(world);
	memset(world->services, 0, WORLD_CELLS * sizeof(*world->services));
	world_service(world, 5, V4, 0, IPPROTO_TCP, 0);
}

void state_pass_unknown(struct world *world)
{
	world_address(world, V4, SLUICE_SVC_F_PASS_UNKNOWN);
	world_address(world, V6, SLUICE_SVC_F_PASS_UNKNOWN);
}

void state_local(struct world *world)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->word |= SLUICE_SVC_F_LOCAL;
	world_slots(world, 0, 0, 0);
}

/* A burst of one that the clock never gives back. */
void state_limit(struct world *world)
{
	struct sluice_service *cell = world_service(world, 1, V4, 80, IPPROTO_TCP, 0);
	struct world_run run;

	world->limits[1].rate = SLUICE_LIMIT_RATE(1000, 1000);
	world->limits[1].word = SLUICE_LIMIT_F_USED | 4ULL << 32 | 32ULL << 38 |
				(uint64_t)SLUICE_COUNT_PACKETS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 | 63ULL << 56;
	cell->limits = 1;
	world_run_packet(world, &(struct packet){TCP4}, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
}

void state_host_limit(struct world *world)
{
	state_limit(world);
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->limits = 0;
	world->control->host_limits = 1;
}

void state_limit_bypassed(struct world *world)
{
	state_limit(world);
	*world->clock_ns = 1000;
	world->control->bypass_limits_until_ns = 1001;
}

void state_limit_bypass_over(struct world *world)
{
	state_limit_bypassed(world);
	*world->clock_ns = 1001;
}

void state_trial(struct world *world)
{
	*world->clock_ns = 999;
	world->control->deadline_ns = 1000;
}

void state_trial_over(struct world *world)
{
	*world->clock_ns = 1000;
	world->control->deadline_ns = 1000;
}

void state_limit_trial_over(struct world *world)
{
	state_limit(world);
	state_trial_over(world);
}

void state_denied(struct world *world)
{
	lists_deny(world, 7, "198.51.100.0/24\n2001:db8:c::/48\n");
}

void state_ban(struct world *world)
{
	state_limit(world);
	world_ban(world, 1, CLIENT4, UINT64_MAX, SLUICE_BAN_F_ALL);
}

void state_allow_only(struct world *world)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->allow = 9;
}

void state_service_ceiling(struct world *world)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->word |= SLUICE_SVC_F_CEILING;
	world->ceilings[1].rate = SLUICE_LIMIT_RATE(1000, 0);
}

void state_member_ceiling(struct world *world)
{
	world->members[1].ceiling = WORLD_CEILINGS - 1;
	world->ceilings[WORLD_CEILINGS - 1].rate = SLUICE_LIMIT_RATE(1000, 0);
}

void state_nobody(struct world *world)
{
	world_slots(world, 0, SLUICE_MEMBER_NONE, SLUICE_MEMBER_NONE);
}

void state_dead_owner(struct world *world)
{
	world->members[1].word |= SLUICE_MEMBER_F_DEAD;
}

void state_freed_owner(struct world *world)
{
	world->members[1].word = 0;
}

void state_dead_both(struct world *world)
{
	world->members[1].word |= SLUICE_MEMBER_F_DEAD;
	world->members[2].word |= SLUICE_MEMBER_F_DEAD;
}

void state_dead_alone(struct world *world)
{
	world_slots(world, 0, 1, SLUICE_MEMBER_NONE);
	world->members[1].word |= SLUICE_MEMBER_F_DEAD;
}

void state_unresolved(struct world *world)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, SLUICE_NEXTHOP_NONE, 1500);
}

void state_no_source(struct world *world)
{
	world->nexthops[1].src4_be = 0;
}

void state_no_source6(struct world *world)
{
	world_member(world, 1, "2001:db8:b::1", SLUICE_MODE_IPIP, 1, 1500);
	memset(&world->nexthops[1].src6, 0, sizeof(world->nexthops[1].src6));
}

void state_closed_port(struct world *world)
{
	world->nexthops[1].ifindex = 4711;
}

void state_small_mtu(struct world *world)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, 1, 159);
}

void state_exact_mtu(struct world *world)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, 1, 160);
}

void state_small_mtu_l2(struct world *world)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_L2, 1, 139);
}

void state_exact_mtu_l2(struct world *world)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_L2, 1, 140);
}

void state_bad_log2(struct world *world)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->word |= 63ULL << 32;
}

void state_bad_base(struct world *world)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 1 << 15);
}

void state_bad_member(struct world *world)
{
	world_slots(world, 0, WORLD_MEMBERS, 0);
}

void state_bad_runner(struct world *world)
{
	world_slots(world, 0, 1, WORLD_MEMBERS);
	state_dead_owner(world);
}

void state_bad_nexthop(struct world *world)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, WORLD_NEXTHOPS, 1500);
}

void state_free_nexthop(struct world *world)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, 2, 1500);
}

void state_bad_mode(struct world *world)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_MAX, 1, 1500);
}

void state_bad_limit(struct world *world)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->limits = WORLD_LIMITS;
}

void state_bad_limit_region(struct world *world)
{
	state_limit(world);
	world->limits[1].word |= WORLD_LIMIT_SETS;
}

static void set_macs(struct world *world, uint16_t mark)
{
	static const char own[] = BALANCER_MAC, master[] = "\x02\x00\x00\x00\xbb\x01";
	uint8_t cell[2][8] = {{[6] = mark >> 8, [7] = mark & 0xff}};

	memcpy(cell[0], own, 6);
	memcpy(cell[1], master, 6);
	memcpy(&world->interfaces[WORLD_IFINDEX], cell, sizeof(cell));
}

void state_macs(struct world *world)
{
	set_macs(world, SLUICE_INTERFACE_MARK(WORLD_IFINDEX));
}

void state_foreign_macs(struct world *world)
{
	set_macs(world, SLUICE_INTERFACE_MARK(WORLD_IFINDEX + SLUICE_INTERFACES));
}

void state_arp(struct world *world)
{
	state_macs(world);
	world_address(world, V4, SLUICE_SVC_F_ARP);
	world->control->flags = SLUICE_CONTROL_F_ACTIVE;
	*world->clock_ns += 1ULL << 31; /* a fresh second for the gate */
}

void state_arp_flood(struct world *world)
{
	struct world_run run;

	state_arp(world);
	for (int i = 0; i < SLUICE_NEIGHBOR_PER_S; i++)
		world_run_packet(world, &(struct packet){ARP}, &run);
	assert_int_equal(run.verdict, SLUICE_V_neighbor_answered);
}
