/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists on the real program: the precedence in every combination, what is never denied, and
 * counters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "packet/lists.h"

#define S 1000000000ULL
#define START (1000 * S)
#define DENY 5
#define EXEMPT 6
#define ALLOW 7

static struct world *world;

/* One service in both families, whose limit refuses everything. */
static void set_up(void)
{
	world_clear(world);
	*world->clock_ns = START;
	world_one_member(world);
	world->limits[1].rate = SLUICE_LIMIT_RATE(1000, 0);
	world->limits[1].word = SLUICE_LIMIT_F_USED | 4ULL << 32 | 32ULL << 38 |
				(uint64_t)SLUICE_COUNT_PACKETS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 | 63ULL << 56;
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	world_service(world, 2, "2001:db8::1", 80, IPPROTO_TCP, 0);
}

static void set_service(uint64_t allow, uint64_t limits)
{
	struct sluice_service *cells[] = {
		world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0),
		world_service(world, 2, "2001:db8::1", 80, IPPROTO_TCP, 0),
	};

	for (int i = 0; i < 2; i++) {
		cells[i]->allow = allow;
		cells[i]->limits = limits;
	}
}

static enum sluice_verdict run(const struct packet *packet)
{
	struct world_run explained, result;
	struct frame frame;

	frame_build(&frame, packet);
	world_run_explain(world, &frame, &explained);
	world_run(world, &frame, &result);
	if (explained.verdict != result.verdict)
		fail_msg("explained as %s, is %s", world_verdict_name(explained.verdict),
			 world_verdict_name(result.verdict));
	return result.verdict;
}

static enum sluice_verdict send_tcp(const char *src, const char *dst, uint16_t dport)
{
	return run(&(struct packet){.src = src,
				    .dst = dst,
				    .proto = IPPROTO_TCP,
				    .sport = 40000,
				    .dport = dport,
				    .tcp_flags = TCP_SYN});
}

/* ---- precedence ----------------------------------------------------------------------------- */

struct combination {
	bool is_management, is_exempt, is_infra, is_denied;
	unsigned int allow; /* 0: the service has no list; 1: the source is in it; 2: it is not */
	unsigned int limit; /* 0: none; 1: the service's refuses; 2: and has banned the source */
	bool is_service;    /* the packet is for the service */
};

/* The table of sluice.yaml(5), row by row. */
static enum sluice_verdict oracle(const struct combination *c)
{
	if (c->is_management || c->is_exempt)
		return c->is_service ? SLUICE_V_forwarded : SLUICE_V_not_service;
	if (c->is_denied && !c->is_infra)
		return SLUICE_V_list_deny;
	if (!c->is_service)
		return SLUICE_V_not_service;
	if (c->limit == 2)
		return SLUICE_V_ban;
	if (c->allow == 2)
		return SLUICE_V_list_not_allowed;
	return c->limit ? SLUICE_V_limit : SLUICE_V_forwarded;
}

/* Sets around the clients with different lengths, so that each kind is once the longest. */
static void write_lists(const struct combination *c, unsigned int turn)
{
	static const char *const TEXTS[] = {
		"198.51.100.7\n2001:db8:c::7\n",
		"198.51.100.0/24\n2001:db8:c::/48\n",
		"198.51.0.0/16\n2001:db8::/32\n",
		"0.0.0.0/0\n::/0\n",
	};
	struct prefix_set *sets[4], *other = lists_set("203.0.113.0/24\n2001:db8:d::/48\n");
	struct access_source sources[5];
	size_t count = 0;

	for (unsigned int i = 0; i < 4; i++)
		sets[i] = lists_set(TEXTS[(i + turn) % 4]);
	if (c->is_management)
		sources[count++] = (struct access_source){sets[0], ACCESS_KIND_MANAGEMENT, 0};
	if (c->is_exempt)
		sources[count++] = (struct access_source){sets[1], ACCESS_KIND_EXEMPT, EXEMPT};
	if (c->is_infra)
		sources[count++] = (struct access_source){sets[2], ACCESS_KIND_INFRA, 0};
	if (c->is_denied)
		sources[count++] = (struct access_source){sets[3], ACCESS_KIND_DENY, DENY};
	if (c->allow)
		sources[count++] = (struct access_source){c->allow == 1 ? sets[turn] : other,
							  ACCESS_KIND_ALLOW, ALLOW};
	lists_write(world, sources, count);
	for (unsigned int i = 0; i < 4; i++)
		prefix_set_unref(sets[i]);
	prefix_set_unref(other);
}

static void check_combination(const struct combination *c, unsigned int turn)
{
	static const struct {
		const char *client, *service, *other;
	} FAMILIES[] = {
		{"198.51.100.7", "192.0.2.1", "192.0.2.77"},
		{"2001:db8:c::7", "2001:db8::1", "2001:db8::77"},
	};

	set_up();
	set_service(c->allow ? ALLOW : 0, c->limit ? 1 : 0);
	write_lists(c, turn);
	for (int f = 0; c->limit == 2 && f < 2; f++)
		world_ban(world, 1, f ? "2001:db8:c::" : "198.51.100.7", UINT64_MAX, 0);
	for (int f = 0; f < 2; f++) {
		enum sluice_verdict verdict =
			send_tcp(FAMILIES[f].client,
				 c->is_service ? FAMILIES[f].service : FAMILIES[f].other, 80);

		if (verdict != oracle(c))
			fail_msg("IPv%c management=%d exempt=%d infra=%d denied=%d allow=%u "
				 "limit=%u service=%d turn=%u: %s, not %s",
				 f ? '6' : '4', c->is_management, c->is_exempt, c->is_infra,
				 c->is_denied, c->allow, c->limit, c->is_service, turn,
				 world_verdict_name(verdict), world_verdict_name(oracle(c)));
	}
}

static void test_precedence(void **state)
{
	unsigned int checked = 0;

	(void)state;
	for (unsigned int bits = 0; bits < 32; bits++) {
		for (unsigned int other = 0; other < 9; other++) {
			for (unsigned int turn = 0; turn < 4; turn++, checked++)
				check_combination(
					&(struct combination){
						.is_management = bits & 1,
						.is_exempt = bits & 2,
						.is_infra = bits & 4,
						.is_denied = bits & 8,
						.is_service = bits & 16,
						.allow = other % 3,
						.limit = other / 3,
					},
					turn);
		}
	}
	printf("# %u combinations, two families each\n", checked);
}

/* ---- what is never denied ------------------------------------------------------------------- */

#define TO4 .src = "198.51.100.7", .dst = "192.0.2.77"
#define TO6 .src = "2001:db8:c::7", .dst = "2001:db8::77"

struct vital_row {
	const char *name;
	struct packet packet;
	bool is_vital;
};

static void check_vital(const struct vital_row *rows, size_t count)
{
	set_up();
	lists_deny(world, DENY, "0.0.0.0/0\n::/0\n");
	for (size_t i = 0; i < count; i++) {
		enum sluice_verdict verdict = run(&rows[i].packet);
		bool is_passed = verdict == SLUICE_V_not_service ||
				 verdict == SLUICE_V_neighbor_passed;

		if (rows[i].is_vital ? !is_passed : verdict != SLUICE_V_list_deny)
			fail_msg("%s: %s", rows[i].name, world_verdict_name(verdict));
	}
}

static void test_vital(void **state)
{
	static const uint8_t NEIGHBOUR[24] = {135}, ROUTER[16] = {134}, ECHO[8] = {128},
			     EARLY[8] = {132}, LATE[8] = {138};
	static const struct vital_row ROWS[] = {
		{"BGP to us", {TO4, .proto = IPPROTO_TCP, .sport = 4000, .dport = 179}, true},
		{"BGP from us", {TO6, .proto = IPPROTO_TCP, .sport = 179, .dport = 4000}, true},
		{"not BGP", {TO4, .proto = IPPROTO_TCP, .sport = 178, .dport = 180}, false},
		{"BGP's port of UDP", {TO4, .proto = IPPROTO_UDP, .dport = 179}, false},
		{"BFD", {TO4, .proto = IPPROTO_UDP, .sport = 49152, .dport = 3784}, true},
		{"BFD echo", {TO6, .proto = IPPROTO_UDP, .dport = 3785}, true},
		{"BFD multihop", {TO4, .proto = IPPROTO_UDP, .dport = 4784}, true},
		{"not BFD", {TO4, .proto = IPPROTO_UDP, .sport = 3784, .dport = 3786}, false},
		{"BFD's port of TCP", {TO4, .proto = IPPROTO_TCP, .dport = 3784}, false},
		{"OSPF", {TO4, .proto = 89, .payload_len = 24}, true},
		{"OSPFv3", {TO6, .proto = 89, .payload_len = 16}, true},
		{"VRRP", {TO4, .proto = 112, .payload_len = 8}, true},
		{"ESP", {TO4, .proto = 50, .payload_len = 32}, false},
		{"DHCP offer", {TO4, .proto = IPPROTO_UDP, .sport = 67, .dport = 68}, true},
		{"DHCP request", {TO4, .proto = IPPROTO_UDP, .sport = 68, .dport = 67}, true},
		{"not DHCP", {TO4, .proto = IPPROTO_UDP, .sport = 67, .dport = 53}, false},
		{"DHCPv6", {TO6, .proto = IPPROTO_UDP, .sport = 547, .dport = 546}, true},
		{"DHCPv6 relay", {TO6, .proto = IPPROTO_UDP, .sport = 547, .dport = 547}, true},
		{"DHCP over IPv6", {TO6, .proto = IPPROTO_UDP, .sport = 67, .dport = 68}, false},
		{"neighbour solicitation",
		 {TO6, .ttl = 255, .proto = IPPROTO_ICMPV6, .payload = NEIGHBOUR,
		  .payload_len = 24},
		 true},
		{"neighbour solicitation from afar",
		 {TO6, .ttl = 254, .proto = IPPROTO_ICMPV6, .payload = NEIGHBOUR,
		  .payload_len = 24},
		 false},
		{"router advertisement, tagged",
		 {TO6, .tags = {{0x8100, 5}}, .ttl = 255, .proto = IPPROTO_ICMPV6,
		  .payload = ROUTER, .payload_len = 16},
		 true},
		{"echo",
		 {TO6, .ttl = 255, .proto = IPPROTO_ICMPV6, .payload = ECHO, .payload_len = 8},
		 false},
		{"below neighbour discovery",
		 {TO6, .ttl = 255, .proto = IPPROTO_ICMPV6, .payload = EARLY, .payload_len = 8},
		 false},
		{"above neighbour discovery",
		 {TO6, .ttl = 255, .proto = IPPROTO_ICMPV6, .payload = LATE, .payload_len = 8},
		 false},
		{"no room for a type", {TO6, .ttl = 255, .proto = IPPROTO_ICMPV6}, false},
		{"ICMPv6 in IPv4",
		 {TO4, .ttl = 255, .proto = IPPROTO_ICMPV6, .payload = NEIGHBOUR,
		  .payload_len = 24},
		 false},
	};

	(void)state;
	check_vital(ROWS, ARRAY_SIZE(ROWS));
	/* ARP is not asked. */
	assert_int_equal(run(&(struct packet){.ethertype = 0x0806, .payload_len = 28}),
			 SLUICE_V_neighbor_passed);
}

/* Nor does a port that everybody can choose make a packet vital. */
static void test_source_ports(void **state)
{
	static const struct vital_row ROWS[] = {
		{"SYN from BGP's port",
		 {TO4, .proto = IPPROTO_TCP, .sport = 179, .dport = 2222, .tcp_flags = TCP_SYN},
		 false},
		{"SYN from BGP's port, IPv6",
		 {TO6, .proto = IPPROTO_TCP, .sport = 179, .dport = 22, .tcp_flags = TCP_SYN},
		 false},
		{"SYN and RST from BGP's port",
		 {TO4, .proto = IPPROTO_TCP, .sport = 179, .dport = 22,
		  .tcp_flags = TCP_SYN | TCP_RST},
		 false},
		{"the answer to our SYN",
		 {TO4, .proto = IPPROTO_TCP, .sport = 179, .dport = 4000,
		  .tcp_flags = TCP_SYN | TCP_ACK},
		 true},
		{"BGP opens a connection",
		 {TO4, .proto = IPPROTO_TCP, .sport = 4000, .dport = 179, .tcp_flags = TCP_SYN},
		 true},
		{"SYN from BGP's port, no header behind the flags",
		 {TO4, .proto = IPPROTO_TCP, .sport = 179, .dport = 22, .tcp_flags = TCP_SYN,
		  .doff = 4},
		 false},
		{"from BFD's port", {TO6, .proto = IPPROTO_UDP, .sport = 4784, .dport = 53}, false},
		{"from DHCP's other port",
		 {TO4, .proto = IPPROTO_UDP, .sport = 68, .dport = 123},
		 false},
		{"to DHCP's port", {TO4, .proto = IPPROTO_UDP, .sport = 4000, .dport = 67}, false},
		{"DHCP's ports of TCP",
		 {TO4, .proto = IPPROTO_TCP, .sport = 67, .dport = 68},
		 false},
		{"from DHCPv6's port",
		 {TO6, .proto = IPPROTO_UDP, .sport = 547, .dport = 53},
		 false},
		{"DHCPv6's ports over IPv4",
		 {TO4, .proto = IPPROTO_UDP, .sport = 547, .dport = 546},
		 false},
	};

	(void)state;
	check_vital(ROWS, ARRAY_SIZE(ROWS));
}

/* A clever source port opens no way to a service. */
static void test_not_to_services(void **state)
{
	struct packet packet = {.src = "198.51.100.7",
				.dst = "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 179,
				.dport = 80};
	uint64_t refused = lists_stats(world, DENY).refused;

	(void)state;
	set_up();
	assert_int_equal(run(&packet), SLUICE_V_forwarded);
	lists_deny(world, DENY, "198.51.100.0/24\n");
	assert_int_equal(run(&packet), SLUICE_V_list_deny);
	assert_int_equal(lists_stats(world, DENY).refused, refused + 1);
	/* Nor does it where the address is ours and the port is nobody's. */
	packet.dport = 179;
	assert_int_equal(run(&packet), SLUICE_V_unknown_port);
}

/* ---- counters, bypass, explain -------------------------------------------------------------- */

static void test_counters(void **state)
{
	struct prefix_set *deny = lists_set("198.51.100.0/24\n"),
			  *exempt = lists_set("198.51.100.7\n"),
			  *allow = lists_set("203.0.113.0/24\n");
	const struct access_source sources[] = {
		{deny, ACCESS_KIND_DENY, 11},
		{exempt, ACCESS_KIND_EXEMPT, 12},
		{allow, ACCESS_KIND_ALLOW, 13},
	};

	(void)state;
	set_up();
	lists_write(world, sources, 3);
	set_service(14 | 13 << 16, 0); /* the second of two lists has the source */
	assert_int_equal(send_tcp("198.51.100.8", "192.0.2.1", 80), SLUICE_V_list_deny);
	assert_int_equal(world->explain->list, 11);
	assert_int_equal(send_tcp("198.51.100.7", "192.0.2.1", 80), SLUICE_V_forwarded);
	assert_int_equal(world->explain->list, 12);
	assert_int_equal(send_tcp("203.0.113.1", "192.0.2.1", 80), SLUICE_V_forwarded);
	assert_int_equal(world->explain->list, 13);
	assert_int_equal(send_tcp("192.0.2.200", "192.0.2.1", 80), SLUICE_V_list_not_allowed);
	assert_int_equal(world->explain->list, 14);
	/* Explaining counts nothing. */
	assert_int_equal(lists_stats(world, 11).refused, 1);
	assert_int_equal(lists_stats(world, 12).matched, 1);
	assert_int_equal(lists_stats(world, 13).matched, 1);
	assert_int_equal(lists_stats(world, 14).refused, 1);

	world->control->bypass_lists_until_ns = START + S;
	assert_int_equal(send_tcp("198.51.100.8", "192.0.2.1", 80), SLUICE_V_forwarded);
	assert_int_equal(send_tcp("192.0.2.200", "192.0.2.1", 80), SLUICE_V_forwarded);
	assert_int_equal(send_tcp("198.51.100.8", "192.0.2.77", 80), SLUICE_V_not_service);
	assert_int_equal(lists_stats(world, 11).refused, 1);
	assert_int_equal(lists_stats(world, 11).would_refuse, 2);
	assert_int_equal(lists_stats(world, 14).would_refuse, 2);
	*world->clock_ns = START + S; /* it ends by itself */
	assert_int_equal(send_tcp("198.51.100.8", "192.0.2.1", 80), SLUICE_V_list_deny);
	assert_int_equal(send_tcp("192.0.2.200", "192.0.2.1", 80), SLUICE_V_list_not_allowed);
	prefix_set_unref(deny);
	prefix_set_unref(exempt);
	prefix_set_unref(allow);
}

/* Edges of prefixes and of what the bits can tell apart. */
static void test_edges(void **state)
{
	static const struct {
		const char *src;
		bool is_denied;
	} ROWS[] = {
		{"198.51.100.0", true},
		{"198.51.100.255", true},
		{"198.51.99.255", false},
		{"198.51.101.0", false},
		{"203.0.112.255", false},
		{"203.0.113.9", true},
		{"203.0.113.8", false},
		{"100.64.0.0", true},
		{"100.127.255.255", true},
		{"100.63.255.255", false},
		{"100.128.0.0", false},
		{"2001:db8:1::", true},
		{"2001:db8:1:ffff:ffff:ffff:ffff:ffff", true},
		{"2001:db8:2::", false},
		{"2001:db8:9::1", true},
		{"2001:db8:9::2", false},
		{"2001:db8:9:1::1", false},
		{"::ffff:198.51.100.1", false}, /* on the wire it is no IPv4 address */
	};

	(void)state;
	set_up();
	lists_deny(world, DENY,
		   "198.51.100.0/24\n203.0.113.9\n100.64.0.0/10\n2001:db8:1::/48\n2001:db8:9::1\n");
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		bool is_v6 = strchr(ROWS[i].src, ':');
		enum sluice_verdict verdict =
			send_tcp(ROWS[i].src, is_v6 ? "2001:db8::1" : "192.0.2.1", 80);

		if (verdict != (ROWS[i].is_denied ? SLUICE_V_list_deny : SLUICE_V_forwarded))
			fail_msg("%s: %s", ROWS[i].src, world_verdict_name(verdict));
	}
	/* Nothing is asked while no list has entries, whatever the trie says. */
	world->control->flags = 0;
	assert_int_equal(send_tcp("198.51.100.0", "192.0.2.1", 80), SLUICE_V_forwarded);
}

static int open_world(void **state)
{
	(void)state;
	world = world_new(&(struct world_options){0});
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	world_free(world);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_precedence),   cmocka_unit_test(test_vital),
		cmocka_unit_test(test_source_ports), cmocka_unit_test(test_not_to_services),
		cmocka_unit_test(test_counters),     cmocka_unit_test(test_edges),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	return cmocka_run_group_tests_name("access", tests, open_world, close_world);
}
