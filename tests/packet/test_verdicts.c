/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Each verdict, by a packet that deserves it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "packet/lists.h"
#include "packet/world.h"

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"
#define CLIENT4 "198.51.100.7"
#define CLIENT6 "2001:db8:c::7"

#define TCP4 .src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .sport = 40000, .dport = 80
#define UDP4 .src = CLIENT4, .dst = V4, .proto = IPPROTO_UDP, .sport = 40000, .dport = 53
#define TCP6 .src = CLIENT6, .dst = V6, .proto = IPPROTO_TCP, .sport = 40000, .dport = 80
#define UDP6 .src = CLIENT6, .dst = V6, .proto = IPPROTO_UDP, .sport = 40000, .dport = 53

static struct world *world;

struct row {
	const char *name;
	void (*set_up)(void);
	struct packet packet;
	enum sluice_verdict verdict;
};

/* Both families, TCP 80 and UDP 53, one member by tunnel. */
static void set_up_base(void)
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

static void set_up_all_ports(void)
{
	world_clear(world);
	set_up_base();
	memset(world->services, 0, WORLD_CELLS * sizeof(*world->services));
	world_service(world, 5, V4, 0, IPPROTO_TCP, 0);
}

static void set_up_pass_unknown(void)
{
	world_address(world, V4, SLUICE_SVC_F_PASS_UNKNOWN);
	world_address(world, V6, SLUICE_SVC_F_PASS_UNKNOWN);
}

static void set_up_local(void)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->word |= SLUICE_SVC_F_LOCAL;
	world_slots(world, 0, 0, 0);
}

/* A burst of one that the clock never gives back. */
static void set_up_limit(void)
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

static void set_up_limit_bypassed(void)
{
	set_up_limit();
	*world->clock_ns = 1000;
	world->control->bypass_limits_until_ns = 1001;
}

static void set_up_limit_bypass_over(void)
{
	set_up_limit_bypassed();
	*world->clock_ns = 1001;
}

static void set_up_trial(void)
{
	*world->clock_ns = 999;
	world->control->deadline_ns = 1000;
}

static void set_up_trial_over(void)
{
	*world->clock_ns = 1000;
	world->control->deadline_ns = 1000;
}

static void set_up_limit_trial_over(void)
{
	set_up_limit();
	set_up_trial_over();
}

static void set_up_denied(void)
{
	lists_deny(world, 7, "198.51.100.0/24\n2001:db8:c::/48\n");
}

static void set_up_ban(void)
{
	set_up_limit();
	world_ban(world, 1, CLIENT4, UINT64_MAX, SLUICE_BAN_F_ALL);
}

static void set_up_allow_only(void)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->allow = 9;
}

static void set_up_service_ceiling(void)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->word |= SLUICE_SVC_F_CEILING;
	world->ceilings[1].rate = SLUICE_LIMIT_RATE(1000, 0);
}

static void set_up_member_ceiling(void)
{
	world->members[1].ceiling = WORLD_CEILINGS - 1;
	world->ceilings[WORLD_CEILINGS - 1].rate = SLUICE_LIMIT_RATE(1000, 0);
}

static void set_up_nobody(void)
{
	world_slots(world, 0, SLUICE_MEMBER_NONE, SLUICE_MEMBER_NONE);
}

static void set_up_dead_owner(void)
{
	world->members[1].word |= SLUICE_MEMBER_F_DEAD;
}

static void set_up_freed_owner(void)
{
	world->members[1].word = 0;
}

static void set_up_dead_both(void)
{
	world->members[1].word |= SLUICE_MEMBER_F_DEAD;
	world->members[2].word |= SLUICE_MEMBER_F_DEAD;
}

static void set_up_dead_alone(void)
{
	world_slots(world, 0, 1, SLUICE_MEMBER_NONE);
	world->members[1].word |= SLUICE_MEMBER_F_DEAD;
}

static void set_up_unresolved(void)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, SLUICE_NEXTHOP_NONE, 1500);
}

static void set_up_no_source(void)
{
	world->nexthops[1].src4_be = 0;
}

static void set_up_no_source6(void)
{
	world_member(world, 1, "2001:db8:b::1", SLUICE_MODE_IPIP, 1, 1500);
	memset(&world->nexthops[1].src6, 0, sizeof(world->nexthops[1].src6));
}

static void set_up_closed_port(void)
{
	world->nexthops[1].ifindex = 4711;
}

static void set_up_small_mtu(void)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, 1, 159);
}

static void set_up_exact_mtu(void)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, 1, 160);
}

static void set_up_small_mtu_l2(void)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_L2, 1, 139);
}

static void set_up_exact_mtu_l2(void)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_L2, 1, 140);
}

static void set_up_bad_log2(void)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->word |= 63ULL << 32;
}

static void set_up_bad_base(void)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 1 << 15);
}

static void set_up_bad_member(void)
{
	world_slots(world, 0, WORLD_MEMBERS, 0);
}

static void set_up_bad_runner(void)
{
	world_slots(world, 0, 1, WORLD_MEMBERS);
	set_up_dead_owner();
}

static void set_up_bad_nexthop(void)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, WORLD_NEXTHOPS, 1500);
}

static void set_up_free_nexthop(void)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, 2, 1500);
}

static void set_up_bad_mode(void)
{
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_MAX, 1, 1500);
}

static void set_up_bad_limit(void)
{
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0)->limits = WORLD_LIMITS;
}

static void set_up_bad_limit_region(void)
{
	set_up_limit();
	world->limits[1].word |= WORLD_LIMIT_SETS;
}

static void set_macs(uint16_t mark)
{
	static const char own[] = BALANCER_MAC, master[] = "\x02\x00\x00\x00\xbb\x01";
	uint8_t cell[2][8] = {{[6] = mark >> 8, [7] = mark & 0xff}};

	memcpy(cell[0], own, 6);
	memcpy(cell[1], master, 6);
	memcpy(&world->interfaces[WORLD_IFINDEX], cell, sizeof(cell));
}

static void set_up_macs(void)
{
	set_macs(SLUICE_INTERFACE_MARK(WORLD_IFINDEX));
}

static void set_up_foreign_macs(void)
{
	set_macs(SLUICE_INTERFACE_MARK(WORLD_IFINDEX + SLUICE_INTERFACES));
}

/* Who has V4? Tell CLIENT4. */
#define ARP                                                                                        \
	.dmac = "\xff\xff\xff\xff\xff\xff", .ethertype = 0x0806, .payload_len = 28,                \
	.payload = "\0\1\x08\0\6\4\0\1" CLIENT_MAC "\xc6\x33\x64\x07\0\0\0\0\0\0\xc0\0\2\1"

static void set_up_arp(void)
{
	set_up_macs();
	world_address(world, V4, SLUICE_SVC_F_ARP);
	world->control->flags = SLUICE_CONTROL_F_ACTIVE;
	*world->clock_ns += 1ULL << 31; /* a fresh second for the gate */
}

static void set_up_arp_flood(void)
{
	struct world_run run;

	set_up_arp();
	for (int i = 0; i < SLUICE_NEIGHBOR_PER_S; i++)
		world_run_packet(world, &(struct packet){ARP}, &run);
	assert_int_equal(run.verdict, SLUICE_V_neighbor_answered);
}

#define EXT(...) .extensions = {__VA_ARGS__}

static const struct row rows[] = {
	/* Not for us. */
	{"ARP", NULL, {.ethertype = 0x0806, .payload_len = 28}, SLUICE_V_neighbor_passed},
	{"ARP for a service", set_up_arp, {ARP}, SLUICE_V_neighbor_answered},
	{"ARP for a service, too often", set_up_arp_flood, {ARP}, SLUICE_V_neighbor_limited},
	{"unknown protocol", NULL, {.ethertype = 0x88cc, .payload_len = 46}, SLUICE_V_not_ip},
	{"three tags",
	 NULL,
	 {.tags = {{0x88a8, 1}, {0x8100, 2}, {0x8100, 3}}, TCP4},
	 SLUICE_V_not_ip},
	{"another host's MAC",
	 set_up_macs,
	 {TCP4, .dmac = "\x02\x00\x00\x00\xba\x02"},
	 SLUICE_V_other_host},
	{"a broadcast",
	 set_up_macs,
	 {TCP4, .dmac = "\xff\xff\xff\xff\xff\xff"},
	 SLUICE_V_other_host},
	{"a VRRP-like MAC",
	 set_up_macs,
	 {TCP4, .dmac = "\x00\x00\x5e\x00\x03\x07"},
	 SLUICE_V_other_host},
	{"our MAC", set_up_macs, {TCP4}, SLUICE_V_forwarded},
	{"our master's MAC",
	 set_up_macs,
	 {TCP4, .dmac = "\x02\x00\x00\x00\xbb\x01"},
	 SLUICE_V_forwarded},
	{"a VRRP MAC", set_up_macs, {TCP4, .dmac = "\x00\x00\x5e\x00\x01\x07"}, SLUICE_V_forwarded},
	{"the MACs of another interface in the same cell",
	 set_up_foreign_macs,
	 {TCP4, .dmac = "\x02\x00\x00\x00\xba\x02"},
	 SLUICE_V_forwarded},
	{"IPv4 elsewhere",
	 NULL,
	 {.src = CLIENT4, .dst = "192.0.2.2", .proto = IPPROTO_TCP, .dport = 80},
	 SLUICE_V_not_service},
	{"IPv6 elsewhere",
	 NULL,
	 {.src = CLIENT6, .dst = "2001:db8::2", .proto = IPPROTO_TCP, .dport = 80},
	 SLUICE_V_not_service},
	{"a fragment elsewhere",
	 NULL,
	 {.src = CLIENT4,
	  .dst = "192.0.2.2",
	  .proto = IPPROTO_UDP,
	  .fragment = 0x2000,
	  .payload_len = 64},
	 SLUICE_V_not_service},
	{"a broken header elsewhere",
	 NULL,
	 {.src = CLIENT4, .dst = "192.0.2.2", .proto = IPPROTO_TCP, .ihl = 3},
	 SLUICE_V_not_service},
	{"a tunnel elsewhere",
	 NULL,
	 {.src = CLIENT4, .dst = "192.0.2.2", .proto = IPPROTO_IPIP, .payload_len = 40},
	 SLUICE_V_not_service},
	{"IPv4 service address in IPv6",
	 NULL,
	 {.src = CLIENT6, .dst = "::ffff:192.0.2.1", .proto = IPPROTO_TCP, .dport = 80},
	 SLUICE_V_not_service},
	{"IPv4 header cut short", NULL, {TCP4, .cut = 21}, SLUICE_V_not_service},

	/* For us, and fine. */
	{"TCP over IPv4", NULL, {TCP4}, SLUICE_V_forwarded},
	{"TCP over IPv4, SYN", NULL, {TCP4, .tcp_flags = TCP_SYN}, SLUICE_V_forwarded},
	{"UDP over IPv4", NULL, {UDP4, .payload_len = 10}, SLUICE_V_forwarded},
	{"UDP over IPv4, empty", NULL, {UDP4}, SLUICE_V_forwarded},
	{"UDP over IPv4, surplus",
	 NULL,
	 {UDP4, .payload_len = 10, .udp_len_add = -4},
	 SLUICE_V_forwarded},
	{"TCP over IPv6", NULL, {TCP6}, SLUICE_V_forwarded},
	{"UDP over IPv6", NULL, {UDP6, .payload_len = 10}, SLUICE_V_forwarded},
	{"IPv4 options", NULL, {TCP4, .options = 40}, SLUICE_V_forwarded},
	{"don't fragment", NULL, {TCP4, .fragment = 0x4000}, SLUICE_V_forwarded},
	{"one tag", NULL, {.tags = {{0x8100, 100}}, TCP4}, SLUICE_V_forwarded},
	{"two tags", NULL, {.tags = {{0x88a8, 100}, {0x8100, 200}}, TCP6}, SLUICE_V_forwarded},
	{"six extension headers",
	 NULL,
	 {TCP6, EXT(EXT_HOP_BY_HOP, 60, 43, 51, 135, 60)},
	 SLUICE_V_forwarded},
	{"all ports", set_up_all_ports, {TCP4}, SLUICE_V_forwarded},
	{"all ports, another one",
	 set_up_all_ports,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .dport = 9999},
	 SLUICE_V_forwarded},
	{"dead owner, runner-up alive", set_up_dead_owner, {TCP4}, SLUICE_V_forwarded},
	{"owner just freed", set_up_freed_owner, {TCP4}, SLUICE_V_forwarded},
	{"tunnel as large as the path",
	 set_up_exact_mtu,
	 {TCP4, .payload_len = 100},
	 SLUICE_V_forwarded},
	{"l2 as large as the path",
	 set_up_exact_mtu_l2,
	 {TCP4, .payload_len = 100},
	 SLUICE_V_forwarded},
	{"mode local", set_up_local, {TCP4}, SLUICE_V_local},

	/* Our address, nobody's port. */
	{"TCP port",
	 NULL,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .dport = 81},
	 SLUICE_V_unknown_port},
	{"UDP on TCP's port",
	 NULL,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_UDP, .dport = 80},
	 SLUICE_V_unknown_port},
	{"UDP, all TCP ports",
	 set_up_all_ports,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_UDP, .dport = 80},
	 SLUICE_V_unknown_port},
	{"ICMP",
	 NULL,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_ICMP, .payload_len = 8},
	 SLUICE_V_unknown_port},
	{"ICMPv6",
	 NULL,
	 {.src = CLIENT6, .dst = V6, .proto = IPPROTO_ICMPV6, .payload_len = 8},
	 SLUICE_V_unknown_port},
	{"ESP",
	 NULL,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_ESP, .payload_len = 32},
	 SLUICE_V_unknown_port},
	{"passed by policy",
	 set_up_pass_unknown,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .dport = 81},
	 SLUICE_V_unknown_port_passed},
	{"ICMPv6 passed by policy",
	 set_up_pass_unknown,
	 {.src = CLIENT6, .dst = V6, .proto = IPPROTO_ICMPV6, .payload_len = 8},
	 SLUICE_V_unknown_port_passed},

	/* For us, and broken. */
	{"IPv4 version", NULL, {TCP4, .version = 5}, SLUICE_V_bad_ip_header},
	{"IPv4 header length 16", NULL, {TCP4, .ihl = 4}, SLUICE_V_bad_ip_header},
	{"IPv4 header past the end", NULL, {TCP4, .ihl = 15}, SLUICE_V_bad_ip_header},
	{"IPv6 version", NULL, {TCP6, .version = 4}, SLUICE_V_bad_ip_header},
	{"IPv4 length past the end", NULL, {TCP4, .ip_len_add = 1}, SLUICE_V_bad_ip_length},
	{"IPv4 length below the header", NULL, {TCP4, .ip_len_add = -21}, SLUICE_V_bad_ip_length},
	{"IPv6 length past the end", NULL, {TCP6, .ip_len_add = 1}, SLUICE_V_bad_ip_length},
	{"IPv6 jumbo length", NULL, {TCP6, .ip_len_add = 65500}, SLUICE_V_bad_ip_length},
	{"seven extension headers",
	 NULL,
	 {TCP6, EXT(EXT_HOP_BY_HOP, 60, 43, 51, 135, 60, 60)},
	 SLUICE_V_bad_ext_header},
	{"extension past the end", NULL, {TCP6, EXT(60), .cut = 24}, SLUICE_V_bad_ext_header},
	{"extension past the length",
	 NULL,
	 {TCP6, EXT(60), .ip_len_add = -21},
	 SLUICE_V_bad_ext_header},
	{"IPv4 first fragment",
	 NULL,
	 {UDP4, .fragment = 0x2000, .payload_len = 64},
	 SLUICE_V_fragment},
	{"TCP cut short", NULL, {TCP4, .cut = 1}, SLUICE_V_truncated_l4},
	{"TCP cut short by the length", NULL, {TCP4, .ip_len_add = -1}, SLUICE_V_truncated_l4},
	{"UDP cut short", NULL, {UDP6, .cut = 1}, SLUICE_V_truncated_l4},
	{"no payload at all", NULL, {TCP6, .cut = 20}, SLUICE_V_truncated_l4},
	{"TCP offset 16", NULL, {TCP4, .doff = 4}, SLUICE_V_bad_tcp_header},
	{"TCP offset past the end", NULL, {TCP6, .doff = 6}, SLUICE_V_bad_tcp_header},
	{"UDP length 7", NULL, {UDP4, .udp_len_add = -1}, SLUICE_V_bad_udp_length},
	{"UDP length past the end", NULL, {UDP6, .udp_len_add = 1}, SLUICE_V_bad_udp_length},

	/* For us, and refused or stuck. */
	{"limit", set_up_limit, {TCP4}, SLUICE_V_limit},
	{"limit, bypassed", set_up_limit_bypassed, {TCP4}, SLUICE_V_forwarded},
	{"limit, bypass over", set_up_limit_bypass_over, {TCP4}, SLUICE_V_limit},
	{"trial not over yet", set_up_trial, {TCP4}, SLUICE_V_forwarded},
	{"trial over", set_up_trial_over, {TCP4}, SLUICE_V_expired},
	{"trial over, refused by a limit", set_up_limit_trial_over, {TCP4}, SLUICE_V_expired},
	{"trial over, damaged", set_up_trial_over, {TCP4, .cut = 1}, SLUICE_V_expired},
	{"trial over, ARP",
	 set_up_trial_over,
	 {.ethertype = 0x0806, .payload_len = 28},
	 SLUICE_V_expired},
	{"banned", set_up_ban, {TCP4}, SLUICE_V_ban},
	{"denied", set_up_denied, {TCP4}, SLUICE_V_list_deny},
	{"in no allow list", set_up_allow_only, {TCP4}, SLUICE_V_list_not_allowed},
	{"service full, SYN",
	 set_up_service_ceiling,
	 {TCP4, .tcp_flags = TCP_SYN},
	 SLUICE_V_service_ceiling},
	{"service full, not a SYN", set_up_service_ceiling, {TCP4}, SLUICE_V_forwarded},
	{"member full, SYN",
	 set_up_member_ceiling,
	 {TCP4, .tcp_flags = TCP_SYN},
	 SLUICE_V_member_ceiling},
	{"member full, not a SYN", set_up_member_ceiling, {TCP4}, SLUICE_V_forwarded},
	{"no owner", set_up_nobody, {TCP4}, SLUICE_V_no_member},
	{"owner and runner-up dead", set_up_dead_both, {TCP4}, SLUICE_V_no_member},
	{"owner dead, no runner-up", set_up_dead_alone, {TCP4}, SLUICE_V_no_member},
	{"next hop unresolved", set_up_unresolved, {TCP4}, SLUICE_V_no_nexthop},
	{"no IPv4 source for the tunnel", set_up_no_source, {TCP4}, SLUICE_V_no_nexthop},
	{"no IPv6 source for the tunnel", set_up_no_source6, {TCP4}, SLUICE_V_no_nexthop},
	{"interface not opened", set_up_closed_port, {TCP4}, SLUICE_V_no_nexthop},
	{"larger than the path once in the tunnel",
	 set_up_small_mtu,
	 {TCP4, .payload_len = 100},
	 SLUICE_V_too_big},
	{"larger than the path, l2",
	 set_up_small_mtu_l2,
	 {TCP4, .payload_len = 100},
	 SLUICE_V_too_big},

	/* Damaged tables. */
	{"table size", set_up_bad_log2, {TCP4}, SLUICE_V_bad_table},
	{"table base", set_up_bad_base, {TCP4}, SLUICE_V_bad_table},
	{"member index", set_up_bad_member, {TCP4}, SLUICE_V_bad_table},
	{"runner-up index", set_up_bad_runner, {TCP4}, SLUICE_V_bad_table},
	{"next hop index", set_up_bad_nexthop, {TCP4}, SLUICE_V_bad_table},
	{"next hop not in use", set_up_free_nexthop, {TCP4}, SLUICE_V_bad_table},
	{"mode", set_up_bad_mode, {TCP4}, SLUICE_V_bad_table},
	{"limit index", set_up_bad_limit, {TCP4}, SLUICE_V_bad_table},
	{"limit region", set_up_bad_limit_region, {TCP4}, SLUICE_V_bad_table},
};

static enum sluice_action action_of(enum sluice_verdict verdict)
{
	static const enum sluice_action actions[] = {
#define X(name, action, help) SLUICE_ACTION_##action,
		SLUICE_VERDICTS(X)
#undef X
	};

	return actions[verdict];
}

static void check_row(const struct row *row)
{
	struct world_run run, explained;
	struct frame frame;
	int expected;

	set_up_base();
	if (row->set_up)
		row->set_up();
	frame_build(&frame, &row->packet);
	world_run_explain(world, &frame, &explained);
	world_run(world, &frame, &run);
	/* A described packet takes nothing from the rate of answers, nor is it held to it. */
	if (row->verdict == SLUICE_V_neighbor_limited)
		explained.verdict = run.verdict, explained.action = run.action;
	if (run.verdict != row->verdict)
		fail_msg("%s: %s, expected %s", row->name, world_verdict_name(run.verdict),
			 world_verdict_name(row->verdict));
	if (explained.verdict != row->verdict || explained.action != run.action)
		fail_msg("%s: explained as %s", row->name, world_verdict_name(explained.verdict));

	expected = action_of(run.verdict) == SLUICE_ACTION_FORWARD ||
				   action_of(run.verdict) == SLUICE_ACTION_ANSWER
			   ? XDP_TX
		   : action_of(run.verdict) == SLUICE_ACTION_DROP ? XDP_DROP
								  : XDP_PASS;
	if (run.action != expected)
		fail_msg("%s: XDP action %d, expected %d", row->name, run.action, expected);
	/* What is passed is passed untouched. */
	if (run.action == XDP_PASS &&
	    (run.out_len != frame.len || memcmp(run.out, frame.data, frame.len)))
		fail_msg("%s: passed, but changed", row->name);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

/* Metadata of another program in front of the packet leaves no room for the outer header. */
static void test_no_headroom(void **state)
{
	struct world_run run;
	struct frame frame;

	(void)state;
	set_up_base();
	frame_build(&frame, &(struct packet){TCP4, .payload_len = 20});
	world_run_crowded(world, &frame, 208, &run);
	assert_int_equal(run.verdict, SLUICE_V_no_headroom);
	assert_int_equal(run.action, XDP_DROP);
	/* The same packet fits when there is room. */
	world_run_crowded(world, &frame, 32, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
}

/* Runs last: every verdict of verdict.h was seen above. */
static void test_every_verdict_is_hit(void **state)
{
	(void)state;
	for (int v = 0; v < SLUICE_V_MAX; v++) {
		if (v == SLUICE_V_none)
			assert_int_equal(world_verdicts_seen[v], 0);
		else if (!world_verdicts_seen[v])
			fail_msg("no packet here gets the verdict %s",
				 world_verdict_name((enum sluice_verdict)v));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_headroom),
		cmocka_unit_test(test_every_verdict_is_hit),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
	world_free(world);
	return failed;
}
