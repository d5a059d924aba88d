/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fragments: dropped where packets are balanced, this host's business where the address is its own;
 * limits are not evaded by cutting a packet in two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "packet/world.h"

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"
#define CLIENT4 "198.51.100.7"
#define CLIENT6 "2001:db8:c::7"

#define TCP4 .src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .sport = 40000, .dport = 80
#define UDP4 .src = CLIENT4, .dst = V4, .proto = IPPROTO_UDP, .sport = 40000, .dport = 53
#define UDP6 .src = CLIENT6, .dst = V6, .proto = IPPROTO_UDP, .sport = 40000, .dport = 53
#define EXT(...) .extensions = {__VA_ARGS__}

static struct world *world;

struct row {
	const char *name;
	void (*set_up)(void);
	struct packet packet;
	enum sluice_verdict verdict;
};

/* TCP 80 and UDP 53, one member by tunnel. */
static void set_up_balanced(void)
{
	struct sluice_nexthop nexthop = {.ifindex = WORLD_IFINDEX, .src4_be = htonl(0x0a000002)};

	world_clear(world);
	world_nexthop(world, 1, &nexthop);
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_IPIP, 1, 1500);
	world_slots(world, 0, 1, 0);
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0);
	world_service(world, 2, V4, 53, IPPROTO_UDP, 0);
	world_service(world, 4, V6, 53, IPPROTO_UDP, 0);
}

static void set_up_pass_unknown(void)
{
	world_address(world, V4, SLUICE_SVC_F_PASS_UNKNOWN);
}

/* A web server of this host, as the daemon writes its cells. */
static struct sluice_service *local_web(void)
{
	struct sluice_service *cell;

	world_clear(world);
	cell = world_service(world, 1, V4, 80, IPPROTO_TCP, 0);
	cell->word |= SLUICE_SVC_F_LOCAL;
	world_service(world, 3, V6, 80, IPPROTO_TCP, 0)->word |= SLUICE_SVC_F_LOCAL;
	world_address(world, V4, SLUICE_SVC_F_LOCAL | SLUICE_SVC_F_PASS_UNKNOWN);
	world_address(world, V6, SLUICE_SVC_F_LOCAL | SLUICE_SVC_F_PASS_UNKNOWN);
	return cell;
}

static void set_up_local_host(void)
{
	local_web();
}

static void set_up_local_refusing(void)
{
	local_web();
	world_address(world, V4, SLUICE_SVC_F_LOCAL);
}

/* A burst of one that the clock never gives back, used up. */
static void set_up_local_limit(void)
{
	struct world_run run;

	local_web()->limits = 1;
	world->limits[1].rate = SLUICE_LIMIT_RATE(1000, 1000);
	world->limits[1].word = SLUICE_LIMIT_F_USED | 4ULL << 32 | 32ULL << 38 |
				(uint64_t)SLUICE_COUNT_PACKETS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 | 63ULL << 56;
	world_run_packet(world, &(struct packet){TCP4}, &run);
	assert_int_equal(run.verdict, SLUICE_V_local);
}

static const struct row rows[] = {
	{"IPv4 first fragment",
	 NULL,
	 {UDP4, .fragment = 0x2000, .payload_len = 64},
	 SLUICE_V_fragment},
	{"IPv4 last fragment", NULL, {UDP4, .fragment = 100, .payload_len = 64}, SLUICE_V_fragment},
	{"IPv6 first fragment",
	 NULL,
	 {UDP6, EXT(44), .fragment = 0x0001, .payload_len = 64},
	 SLUICE_V_fragment},
	{"IPv6 last fragment",
	 NULL,
	 {UDP6, EXT(44), .fragment = 0x0008, .payload_len = 64},
	 SLUICE_V_fragment},
	{"IPv6 fragment behind options",
	 NULL,
	 {UDP6, EXT(60, 44), .fragment = 0x0009, .payload_len = 64},
	 SLUICE_V_fragment},
	{"IPv6 fragment header of a whole packet",
	 NULL,
	 {UDP6, EXT(44, 60), .payload_len = 64},
	 SLUICE_V_forwarded},
	{"IPv6 fragment header cut short",
	 NULL,
	 {UDP6, EXT(44), .cut = 12},
	 SLUICE_V_bad_ext_header},
	{"first fragment of TCP, cut short",
	 NULL,
	 {TCP4, .fragment = 0x2000, .cut = 12},
	 SLUICE_V_truncated_l4},
	{"this host's: first fragment to a service",
	 set_up_local_host,
	 {TCP4, .fragment = 0x2000, .tcp_flags = TCP_SYN, .payload_len = 64},
	 SLUICE_V_local},
	{"this host's: the same, beyond its limit",
	 set_up_local_limit,
	 {TCP4, .fragment = 0x2000, .payload_len = 64},
	 SLUICE_V_limit},
	{"this host's: too short to tell what it opens",
	 set_up_local_host,
	 {TCP4, .fragment = 0x2000, .cut = 12},
	 SLUICE_V_truncated_l4},
	{"this host's: first fragment to another port",
	 set_up_local_host,
	 {.src = CLIENT4,
	  .dst = V4,
	  .proto = IPPROTO_UDP,
	  .dport = 9,
	  .fragment = 0x2000,
	  .payload_len = 64},
	 SLUICE_V_unknown_port_passed},
	{"this host's: last fragment",
	 set_up_local_host,
	 {TCP4, .fragment = 100, .payload_len = 64},
	 SLUICE_V_unknown_port_passed},
	{"this host's: fragment of ICMP",
	 set_up_local_host,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_ICMP, .fragment = 0x2000, .payload_len = 64},
	 SLUICE_V_unknown_port_passed},
	{"this host's: IPv6 first fragment to another port",
	 set_up_local_host,
	 {.src = CLIENT6,
	  .dst = V6,
	  .proto = IPPROTO_UDP,
	  .dport = 9,
	  EXT(44),
	  .fragment = 1,
	  .payload_len = 64},
	 SLUICE_V_unknown_port_passed},
	{"this host's: IPv6 last fragment",
	 set_up_local_host,
	 {UDP6, EXT(44), .fragment = 0x0008, .payload_len = 64},
	 SLUICE_V_unknown_port_passed},
	{"this host's: broken all the same",
	 set_up_local_host,
	 {TCP4, .ihl = 3},
	 SLUICE_V_bad_ip_header},
	{"this host's, but other ports are refused: last fragment",
	 set_up_local_refusing,
	 {TCP4, .fragment = 100, .payload_len = 64},
	 SLUICE_V_fragment},
	{"balanced, and other ports are passed: last fragment",
	 set_up_pass_unknown,
	 {TCP4, .fragment = 100, .payload_len = 64},
	 SLUICE_V_fragment},
};

static void test_rows(void **state)
{
	struct world_run run, explained;
	struct frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up_balanced();
		if (rows[i].set_up)
			rows[i].set_up();
		frame_build(&frame, &rows[i].packet);
		world_run_explain(world, &frame, &explained);
		world_run(world, &frame, &run);
		if (run.verdict != rows[i].verdict || explained.verdict != rows[i].verdict)
			fail_msg("%s: %s, explained as %s, expected %s", rows[i].name,
				 world_verdict_name(run.verdict),
				 world_verdict_name(explained.verdict),
				 world_verdict_name(rows[i].verdict));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("fragment", tests, NULL, NULL);
	world_free(world);
	return failed;
}
