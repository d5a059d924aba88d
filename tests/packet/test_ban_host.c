/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bans of limits of all packets: where they stand, and whom they spare. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/prefix.h"
#include "base/util.h"
#include "packet/limits.h"
#include "packet/lists.h"
#include "packet/sockets.h"

#define S 1000000000ULL
#define HOST "203.0.113.1" /* no service's address */
#define CLIENT "198.51.100.7"

static struct world *world;
static const struct limits_rule roomy = {.rate = 1, .burst = 1000};

/* Limit 1 is of all packets, limit 2 of the services. */
static int set_up(void **state)
{
	(void)state;
	world_clear(world);
	*world->clock_ns = 1000 * S;
	*world->flow_settings = (struct sluice_flow_settings){.refresh_s = 4, .closing_life_s = 60};
	world->control->host_limits = 1;
	limits_set(world, 1, &roomy);
	limits_set(world, 2, &roomy);
	world_one_member(world);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 2;
	return 0;
}

static enum sluice_verdict send_packet(const struct packet *packet)
{
	struct world_run told, done;
	struct frame frame;

	frame_build(&frame, packet);
	world_run_explain(world, &frame, &told);
	world_run(world, &frame, &done);
	assert_int_equal(told.verdict, done.verdict);
	return done.verdict;
}

static enum sluice_verdict send_tcp(const char *src, const char *dst, uint16_t dport, uint8_t flags)
{
	return send_packet(&(struct packet){.src = src,
					    .dst = dst,
					    .proto = IPPROTO_TCP,
					    .sport = 40000,
					    .dport = dport,
					    .tcp_flags = flags});
}

static enum sluice_verdict send_udp(const char *src, const char *dst, uint16_t sport,
				    uint16_t dport)
{
	return send_packet(&(struct packet){
		.src = src, .dst = dst, .proto = IPPROTO_UDP, .sport = sport, .dport = dport});
}

static void test_to_the_host_and_to_services(void **state)
{
	struct sluice_limit_stats own = world_limit_stats(world, 2);

	(void)state;
	world_ban(world, 1, CLIENT, *world->clock_ns + S, 0);
	assert_int_equal(send_tcp(CLIENT, HOST, 22, TCP_SYN), SLUICE_V_ban);
	assert_int_equal(world->explain->limit, 1);
	assert_int_equal(send_udp(CLIENT, HOST, 5000, 22), SLUICE_V_ban);
	assert_int_equal(send_tcp(CLIENT, "192.0.2.1", 80, TCP_SYN), SLUICE_V_ban);
	assert_int_equal(send_tcp(CLIENT, "192.0.2.1", 81, TCP_SYN), SLUICE_V_ban);
	assert_int_equal(world_limit_stats(world, 2).passed, own.passed);
	assert_int_equal(world_ban_of(world, 1, CLIENT).hits, 4);
	/* What opens nothing goes on, and so do others. */
	assert_int_equal(send_tcp(CLIENT, HOST, 22, TCP_ACK), SLUICE_V_not_service);
	assert_int_equal(send_tcp(CLIENT, "192.0.2.1", 80, TCP_ACK), SLUICE_V_forwarded);
	assert_int_equal(send_tcp("198.51.100.8", HOST, 22, TCP_SYN), SLUICE_V_not_service);
	world_ban(world, 1, CLIENT, *world->clock_ns + S, SLUICE_BAN_F_ALL);
	assert_int_equal(send_tcp(CLIENT, HOST, 22, TCP_ACK), SLUICE_V_ban);
	assert_int_equal(send_tcp(CLIENT, "192.0.2.1", 80, TCP_ACK), SLUICE_V_ban);
	*world->clock_ns += S;
	assert_int_equal(send_tcp(CLIENT, HOST, 22, TCP_SYN), SLUICE_V_not_service);
	/* A ban of a limit that the host does not have concerns only services. */
	world_ban(world, 2, CLIENT, UINT64_MAX, SLUICE_BAN_F_ALL);
	assert_int_equal(send_tcp(CLIENT, HOST, 22, TCP_SYN), SLUICE_V_not_service);
	assert_int_equal(send_tcp(CLIENT, "192.0.2.1", 80, TCP_SYN), SLUICE_V_ban);
}

/* Management, exempt, deny, ban: in this order; vital protocols are never banned. */
static void test_precedence(void **state)
{
	static const struct {
		const char *src;
		uint8_t proto;
		uint16_t sport, dport;
		enum sluice_verdict verdict;
	} rows[] = {
		{CLIENT, IPPROTO_TCP, 40000, 179, SLUICE_V_not_service},  /* BGP */
		{CLIENT, IPPROTO_UDP, 40000, 3784, SLUICE_V_not_service}, /* BFD */
		{CLIENT, 89, 0, 0, SLUICE_V_not_service},		  /* OSPF */
		{CLIENT, 112, 0, 0, SLUICE_V_not_service},		  /* VRRP */
		{CLIENT, IPPROTO_UDP, 67, 68, SLUICE_V_not_service},	  /* DHCP */
		{CLIENT, IPPROTO_UDP, 67, 69, SLUICE_V_ban},
		{CLIENT, IPPROTO_ICMP, 0, 0, SLUICE_V_ban},
		{"203.0.113.7", IPPROTO_TCP, 40000, 22, SLUICE_V_not_service}, /* management */
		{"203.0.113.8", IPPROTO_TCP, 40000, 22, SLUICE_V_not_service}, /* exempt */
		{"203.0.113.9", IPPROTO_TCP, 40000, 22, SLUICE_V_list_deny},
		{"203.0.113.10", IPPROTO_TCP, 40000, 22, SLUICE_V_ban},
	};
	struct prefix_set *management = lists_set("203.0.113.7/32\n");
	struct prefix_set *exempt = lists_set("203.0.113.8/32\n");
	struct prefix_set *deny = lists_set("203.0.113.9/32\n");
	const struct access_source sources[] = {
		{management, ACCESS_KIND_MANAGEMENT, 0},
		{exempt, ACCESS_KIND_EXEMPT, 7},
		{deny, ACCESS_KIND_DENY, 8},
	};

	(void)state;
	lists_write(world, sources, ARRAY_SIZE(sources));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet packet = {.src = rows[i].src,
					.dst = HOST,
					.proto = rows[i].proto,
					.sport = rows[i].sport,
					.dport = rows[i].dport,
					.tcp_flags = rows[i].proto == IPPROTO_TCP ? TCP_SYN : 0};

		world_ban(world, 1, rows[i].src, UINT64_MAX, SLUICE_BAN_F_ALL);
		if (send_packet(&packet) != rows[i].verdict)
			fail_msg("row %zu", i);
	}
	lists_write(world, NULL, 0);
	prefix_set_unref(management);
	prefix_set_unref(exempt);
	prefix_set_unref(deny);
}

/* Whatever the limit counts; unless it counts replies. */
static void test_replies(void **state)
{
	static const enum sluice_limit_count counts[] = {SLUICE_COUNT_PACKETS,
							 SLUICE_COUNT_NEW_CONNECTIONS};
	int udp_server = sockets_bound("127.0.0.1", SOCK_DGRAM, 7001);
	int udp = sockets_connected("127.0.0.1", SOCK_DGRAM, 7002, 7001);
	int listener = sockets_bound("127.0.0.1", SOCK_STREAM, 7001), tcp;
	struct packet reply = {.src = "127.0.0.1",
			       .dst = "127.0.0.1",
			       .proto = IPPROTO_TCP,
			       .sport = 7001,
			       .dport = 7002,
			       .tcp_flags = TCP_ACK};

	(void)state;
	assert_int_equal(listen(listener, 5), 0);
	tcp = sockets_connected("127.0.0.1", SOCK_STREAM, 7002, 7001);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		set_up(NULL);
		limits_set(world, 1,
			   &(struct limits_rule){.rate = 1, .burst = 1000, .count = counts[i]});
		world_ban(world, 1, "127.0.0.1", UINT64_MAX, SLUICE_BAN_F_ALL);
		assert_int_equal(send_packet(&reply), SLUICE_V_not_service);
		assert_int_equal(send_udp("127.0.0.1", "127.0.0.1", 7001, 7002),
				 SLUICE_V_not_service);
		assert_int_equal(send_udp("127.0.0.1", "127.0.0.1", 7003, 7002), SLUICE_V_ban);
		reply.dport = 7004;
		assert_int_equal(send_packet(&reply), SLUICE_V_ban);
		reply.dport = 7002;
		world->limits[1].flags |= SLUICE_LIMIT_F_REPLIES;
		assert_int_equal(send_packet(&reply), SLUICE_V_ban);
		assert_int_equal(send_udp("127.0.0.1", "127.0.0.1", 7001, 7002), SLUICE_V_ban);
	}
	close(tcp);
	close(listener);
	close(udp);
	close(udp_server);
}

/* What goes on but for the bypass leaves all limits as they are; shadow ones ban nobody. */
static void test_bypass_and_shadow(void **state)
{
	struct sluice_limit_stats host = world_limit_stats(world, 1), now;
	struct sluice_limit_stats own = world_limit_stats(world, 2);

	(void)state;
	world_ban(world, 1, CLIENT, UINT64_MAX, 0);
	world->control->bypass_limits_until_ns = *world->clock_ns + S;
	assert_int_equal(send_tcp(CLIENT, "192.0.2.1", 80, TCP_SYN), SLUICE_V_forwarded);
	now = world_limit_stats(world, 1);
	assert_int_equal(now.would_refuse - host.would_refuse, 1);
	assert_int_equal(now.passed, host.passed);
	assert_int_equal(world_limit_stats(world, 2).passed, own.passed);
	*world->clock_ns += S;
	assert_int_equal(send_tcp(CLIENT, "192.0.2.1", 80, TCP_SYN), SLUICE_V_ban);

	limits_set(world, 1,
		   &(struct limits_rule){.rate = 1, .burst = 1000, .mode = SLUICE_LIMIT_SHADOW});
	world_ban(world, 1, CLIENT, UINT64_MAX, 0);
	host = world_limit_stats(world, 1);
	assert_int_equal(send_tcp(CLIENT, "192.0.2.1", 80, TCP_SYN), SLUICE_V_forwarded);
	now = world_limit_stats(world, 1);
	assert_int_equal(now.would_refuse - host.would_refuse, 1);
	assert_int_equal(now.passed, host.passed);
	assert_int_equal(world_limit_stats(world, 2).passed - own.passed, 1);
}

/* A known flow of a service that tracks them opens nothing, here as for the service's own limits. */
static void test_tracked_udp(void **state)
{
	struct sluice_limit_stats before;

	(void)state;
	limits_set(world, 1,
		   &(struct limits_rule){
			   .rate = 1, .burst = 1000, .count = SLUICE_COUNT_NEW_CONNECTIONS});
	world_service(world, 3, "192.0.2.1", 53, IPPROTO_UDP, 0)->word |= SLUICE_SVC_F_TRACK;
	before = world_limit_stats(world, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_udp(CLIENT, "192.0.2.1", 5000, 53), SLUICE_V_forwarded);
	assert_int_equal(world_limit_stats(world, 1).passed - before.passed, 1);
	world_ban(world, 1, CLIENT, UINT64_MAX, 0);
	assert_int_equal(send_udp(CLIENT, "192.0.2.1", 5000, 53), SLUICE_V_forwarded);
	assert_int_equal(send_udp(CLIENT, "192.0.2.1", 5001, 53), SLUICE_V_ban);
	world_ban(world, 1, CLIENT, UINT64_MAX, SLUICE_BAN_F_ALL);
	assert_int_equal(send_udp(CLIENT, "192.0.2.1", 5000, 53), SLUICE_V_ban);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_to_the_host_and_to_services, set_up),
		cmocka_unit_test_setup(test_precedence, set_up),
		cmocka_unit_test_setup(test_replies, set_up),
		cmocka_unit_test_setup(test_bypass_and_shadow, set_up),
		cmocka_unit_test_setup(test_tracked_udp, set_up),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	sockets_enter_namespace();
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("ban_host", tests, NULL, NULL);
	world_free(world);
	return failed;
}
