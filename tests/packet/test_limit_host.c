/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits of all packets to this host, and what they spare. Replies are those of real sockets, in a
 * network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/prefix.h"
#include "base/util.h"
#include "packet/limits.h"
#include "packet/lists.h"
#include "packet/sockets.h"

#define MS 1000000ULL
#define S 1000000000ULL
#define START (1000 * S)
#define HOST "203.0.113.1" /* no service's address */
#define CLIENT "198.51.100.1"

static struct world *world;

static void set_up(uint64_t host_limits)
{
	world_clear(world);
	*world->clock_ns = START;
	world->control->host_limits = host_limits;
	world_one_member(world);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
}

static enum sluice_verdict send_packet(const struct packet *packet)
{
	struct world_run run;

	world_run_packet(world, packet, &run);
	return run.verdict;
}

/* How many of so many packets are not dropped. */
static int passed(const struct packet *packet, int packets)
{
	enum sluice_verdict verdict;
	int count = 0;

	while (packets--) {
		verdict = send_packet(packet);
		assert_true(verdict == SLUICE_V_not_service || verdict == SLUICE_V_forwarded ||
			    verdict == SLUICE_V_host_limit);
		count += verdict != SLUICE_V_host_limit;
	}
	return count;
}

static struct packet packet_to(const char *src, const char *dst, uint8_t proto, uint16_t sport,
			       uint16_t dport)
{
	return (struct packet){.src = src,
			       .dst = dst,
			       .proto = proto,
			       .sport = sport,
			       .dport = dport,
			       .tcp_flags = proto == IPPROTO_TCP ? TCP_ACK : 0};
}

static const struct limits_rule five = {.rate = 1, .burst = 5};

static void test_everything_counts(void **state)
{
	static const char *const hosts[] = {HOST, "2001:db8:5::1"};
	static const char *const clients[] = {CLIENT, "2001:db8:c::1"};
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, 47};
	struct sluice_limit_stats before;
	struct packet packet;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(protos); j++) {
			packet = packet_to(clients[i], hosts[i], protos[j], 40000, 22);
			set_up(0);
			limits_set(world, 1, &five);
			assert_int_equal(passed(&packet, 20), 20);
			set_up(1);
			limits_set(world, 1, &five);
			before = world_limit_stats(world, 1);
			assert_int_equal(passed(&packet, 20), 5);
			assert_int_equal(world_limit_stats(world, 1).passed - before.passed, 5);
			assert_int_equal(world_limit_stats(world, 1).refused - before.refused, 15);
			*world->clock_ns += S + MS;
			assert_int_equal(passed(&packet, 20), 1);
		}
	}
	/* Fragments and damage are packets like others. */
	packet = packet_to(CLIENT, HOST, IPPROTO_UDP, 40000, 22);
	packet.fragment = 0x2000;
	set_up(1);
	limits_set(world, 1, &five);
	assert_int_equal(passed(&packet, 20), 5);
}

/* Those of a service meet the limits of all packets first, then its own. */
static void test_services(void **state)
{
	struct packet packet = packet_to(CLIENT, "192.0.2.1", IPPROTO_TCP, 40000, 80);
	struct sluice_limit_stats own = world_limit_stats(world, 2);

	(void)state;
	set_up(1);
	limits_set(world, 1, &five);
	limits_set(world, 2, &(struct limits_rule){.rate = 1, .burst = 3});
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 2;
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_packet(&packet), SLUICE_V_forwarded);
	for (int i = 0; i < 2; i++)
		assert_int_equal(send_packet(&packet), SLUICE_V_limit);
	assert_int_equal(send_packet(&packet), SLUICE_V_host_limit);
	assert_int_equal(world_limit_stats(world, 2).refused - own.refused, 2);
	/* Also where it would be dropped for another reason. */
	packet.dport = 81;
	assert_int_equal(send_packet(&packet), SLUICE_V_host_limit);
	*world->clock_ns += S + MS;
	assert_int_equal(send_packet(&packet), SLUICE_V_unknown_port);
}

static void test_several(void **state)
{
	struct packet first = packet_to(CLIENT, HOST, IPPROTO_UDP, 40000, 22);
	struct packet second = packet_to("198.51.100.2", HOST, IPPROTO_UDP, 40000, 22);

	(void)state;
	set_up(1 | 2ULL << 16 | 3ULL << 32 | 4ULL << 48);
	limits_set(world, 1, &five);
	limits_set(world, 2, &(struct limits_rule){.rate = 1, .burst = 7, .len4 = 24});
	limits_set(world, 3, &(struct limits_rule){.rate = 1, .burst = 1, .is_disabled = true});
	limits_set(world, 4,
		   &(struct limits_rule){.rate = 1, .burst = 1, .mode = SLUICE_LIMIT_SHADOW});
	assert_int_equal(passed(&first, 20), 5);
	assert_int_equal(passed(&second, 20), 2);
}

static void test_spared(void **state)
{
	static const struct {
		const char *src;
		uint8_t proto;
		uint16_t sport, dport;
		bool is_spared;
	} rows[] = {
		{CLIENT, IPPROTO_TCP, 40000, 179, true},  /* BGP */
		{CLIENT, IPPROTO_UDP, 40000, 3784, true}, /* BFD */
		{CLIENT, 89, 0, 0, true},		  /* OSPF */
		{CLIENT, 112, 0, 0, true},		  /* VRRP */
		{CLIENT, IPPROTO_UDP, 67, 68, true},	  /* DHCP */
		{CLIENT, IPPROTO_UDP, 67, 69, false},
		{"203.0.113.7", IPPROTO_TCP, 40000, 22, true}, /* management */
		{"203.0.113.8", IPPROTO_TCP, 40000, 22, true}, /* exempt */
		{"203.0.113.9", IPPROTO_TCP, 40000, 22, false},
		{"203.0.113.10", IPPROTO_TCP, 40000, 22, true}, /* a member or gateway */
	};
	struct prefix_set *management = lists_set("203.0.113.7/32\n");
	struct prefix_set *exempt = lists_set("203.0.113.8/32\n");
	struct prefix_set *infra = lists_set("203.0.113.10/32\n");
	const struct access_source sources[] = {
		{management, ACCESS_KIND_MANAGEMENT, 0},
		{exempt, ACCESS_KIND_EXEMPT, 7},
		{infra, ACCESS_KIND_INFRA, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet packet =
			packet_to(rows[i].src, HOST, rows[i].proto, rows[i].sport, rows[i].dport);

		set_up(1);
		limits_set(world, 1, &five);
		lists_write(world, sources, ARRAY_SIZE(sources));
		if (passed(&packet, 20) != (rows[i].is_spared ? 20 : 5))
			fail_msg("row %zu", i);
	}
	set_up(0);
	lists_write(world, NULL, 0);
	prefix_set_unref(management);
	prefix_set_unref(exempt);
	prefix_set_unref(infra);
}

/* Members and gateways are spared by limits of all packets, not by those of a service. */
static void test_infra_and_services(void **state)
{
	struct packet packet = packet_to(CLIENT, "192.0.2.1", IPPROTO_TCP, 40000, 80);
	struct prefix_set *infra = lists_set(CLIENT "\n");

	(void)state;
	set_up(1);
	limits_set(world, 1, &(struct limits_rule){.rate = 1, .burst = 1});
	limits_set(world, 2, &(struct limits_rule){.rate = 1, .burst = 3});
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 2;
	lists_write(world, &(struct access_source){infra, ACCESS_KIND_INFRA, 0}, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_packet(&packet), SLUICE_V_forwarded);
	assert_int_equal(send_packet(&packet), SLUICE_V_limit);
	set_up(0);
	lists_write(world, NULL, 0);
	prefix_set_unref(infra);
}

static void test_bypass_and_shadow(void **state)
{
	struct packet packet = packet_to(CLIENT, "192.0.2.1", IPPROTO_TCP, 40000, 80);
	struct sluice_limit_stats before = world_limit_stats(world, 1), own;

	(void)state;
	set_up(1);
	limits_set(world, 1, &five);
	limits_set(world, 2, &(struct limits_rule){.rate = 1, .burst = 6});
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 2;
	own = world_limit_stats(world, 2);
	world->control->bypass_limits_until_ns = START + S;
	assert_int_equal(passed(&packet, 20), 20);
	assert_int_equal(world_limit_stats(world, 1).would_refuse - before.would_refuse, 15);
	/* When it ends the service's own limit has seen what it would have seen without it. */
	assert_int_equal(world_limit_stats(world, 2).passed - own.passed, 5);
	*world->clock_ns += S;
	assert_int_equal(passed(&packet, 20), 1);

	before = world_limit_stats(world, 1);
	set_up(1);
	limits_set(world, 1,
		   &(struct limits_rule){.rate = 1, .burst = 5, .mode = SLUICE_LIMIT_SHADOW});
	assert_int_equal(passed(&packet, 20), 20);
	assert_int_equal(world_limit_stats(world, 1).would_refuse - before.would_refuse, 15);
	assert_int_equal(world_limit_stats(world, 1).refused, before.refused);
}

static void test_explained(void **state)
{
	struct packet packet = packet_to(CLIENT, HOST, IPPROTO_TCP, 40000, 22);
	struct world_run run;
	struct frame frame;

	(void)state;
	set_up(1 | 2ULL << 16);
	limits_set(world, 1, &(struct limits_rule){.rate = 1, .burst = 9});
	limits_set(world, 2, &five);
	frame_build(&frame, &packet);
	for (int i = 0; i < 10; i++) {
		world_run_explain(world, &frame, &run);
		assert_int_equal(run.verdict, SLUICE_V_not_service);
	}
	assert_int_equal(passed(&packet, 20), 5);
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_host_limit);
	assert_int_equal(world->explain->limit, 2);
}

/* ---- replies ----------------------------------------------------------------------------------- */

/* From port to port of one address: is it neither counted nor refused? */
static bool is_spared(const char *text, uint8_t proto, uint16_t from, uint16_t to)
{
	struct packet packet = packet_to(text, text, proto, from, to);
	struct sluice_limit_stats before, after;
	int count;

	set_up(1);
	limits_set(world, 1, &five);
	before = world_limit_stats(world, 1);
	count = passed(&packet, 20);
	after = world_limit_stats(world, 1);
	assert_int_equal(count + (int)(after.refused - before.refused), 20);
	assert_int_equal(count, after.passed == before.passed ? 20 : 5);
	/* Who asks for all gets all. */
	set_up(1);
	limits_set(world, 1, &five);
	world->limits[1].flags = SLUICE_LIMIT_F_REPLIES;
	assert_int_equal(passed(&packet, 20), 5);
	return count == 20;
}

static void test_tcp_replies(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		const char *at = addresses[i];
		int listener = sockets_bound(at, SOCK_STREAM, 7001), client, server;
		struct packet packet = packet_to(at, at, IPPROTO_TCP, 7001, 7002);

		assert_int_equal(listen(listener, 5), 0);
		client = sockets_connected(at, SOCK_STREAM, 7002, 7001);
		server = accept(listener, NULL, NULL);
		assert_true(server >= 0);
		assert_true(is_spared(at, IPPROTO_TCP, 7001, 7002));
		assert_false(is_spared(at, IPPROTO_TCP, 7002, 7001)); /* opened by the other side */
		assert_false(is_spared(at, IPPROTO_TCP, 7003, 7002)); /* not this connection */
		assert_false(is_spared(at, IPPROTO_TCP, 7003, 7001));
		assert_false(is_spared(at, IPPROTO_TCP, 7003, 7004));
		/* Who opens another one does not reply. */
		packet.tcp_flags = TCP_SYN;
		set_up(1);
		limits_set(world, 1, &five);
		assert_int_equal(passed(&packet, 20), 5);
		/* Nor does what has lost its head. */
		packet.tcp_flags = TCP_ACK;
		packet.doff = 1;
		set_up(1);
		limits_set(world, 1, &five);
		assert_int_equal(passed(&packet, 20), 5);
		close(client);
		close(server);
		close(listener);
	}
}

/* A listener for all addresses, of both families, is one, too. */
static void test_tcp_any_listener(void **state)
{
	int listener = sockets_bound("::", SOCK_STREAM, 7011), client, server;

	(void)state;
	assert_int_equal(listen(listener, 5), 0);
	client = sockets_connected("127.0.0.1", SOCK_STREAM, 7012, 7011);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	assert_true(is_spared("127.0.0.1", IPPROTO_TCP, 7011, 7012));
	assert_false(is_spared("127.0.0.1", IPPROTO_TCP, 7012, 7011));
	close(client);
	close(server);
	close(listener);
}

/* What is still being opened: the answer to our SYN is what we wait for. */
static void test_tcp_opening(void **state)
{
	struct packet packet = packet_to("10.9.0.2", "10.9.0.1", IPPROTO_TCP, 80, 7021);
	int fd = sockets_bound("10.9.0.1", SOCK_STREAM, 7021);
	struct sockaddr_storage addr;
	socklen_t len = sockets_fill(&addr, "10.9.0.2", 80);

	(void)state;
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, len), -1);
	assert_int_equal(errno, EINPROGRESS);
	packet.tcp_flags = TCP_SYN | TCP_ACK;
	set_up(1);
	limits_set(world, 1, &five);
	assert_int_equal(passed(&packet, 20), 20);
	close(fd);
	assert_int_equal(passed(&packet, 20), 5);
}

static void test_udp_replies(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		const char *at = addresses[i];
		int server = sockets_bound(at, SOCK_DGRAM, 7001);
		int client = sockets_connected(at, SOCK_DGRAM, 7002, 7001);

		assert_true(is_spared(at, IPPROTO_UDP, 7001, 7002));
		assert_false(is_spared(at, IPPROTO_UDP, 7002, 7001));
		assert_false(is_spared(at, IPPROTO_UDP, 7003, 7002));
		assert_false(is_spared(at, IPPROTO_UDP, 7001, 7004));
		close(client);
		close(server);
	}
}

/* One limit counts replies, another one does not; of new connections a reply is none anyway. */
static void test_replies_and_several(void **state)
{
	int server = sockets_bound("127.0.0.1", SOCK_DGRAM, 7001);
	int client = sockets_connected("127.0.0.1", SOCK_DGRAM, 7002, 7001);
	struct packet packet = packet_to("127.0.0.1", "127.0.0.1", IPPROTO_UDP, 7001, 7002);
	struct sluice_limit_stats before = world_limit_stats(world, 2);

	(void)state;
	set_up(1 | 2ULL << 16 | 3ULL << 32);
	limits_set(world, 1, &(struct limits_rule){.rate = 1, .burst = 2});
	limits_set(world, 2, &five);
	world->limits[2].flags = SLUICE_LIMIT_F_REPLIES;
	limits_set(world, 3,
		   &(struct limits_rule){
			   .rate = 1, .burst = 2, .count = SLUICE_COUNT_NEW_CONNECTIONS});
	assert_int_equal(passed(&packet, 20), 5);
	assert_int_equal(world_limit_stats(world, 2).passed - before.passed, 5);
	close(client);
	close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_counts),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_infra_and_services),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_spared),
		cmocka_unit_test(test_bypass_and_shadow),
		cmocka_unit_test(test_explained),
		cmocka_unit_test(test_tcp_replies),
		cmocka_unit_test(test_tcp_any_listener),
		cmocka_unit_test(test_tcp_opening),
		cmocka_unit_test(test_udp_replies),
		cmocka_unit_test(test_replies_and_several),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	sockets_enter_namespace();
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("limit_host", tests, NULL, NULL);
	world_free(world);
	return failed;
}
