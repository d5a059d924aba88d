/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sources measured: who is counted, how much, and until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <sluice/hash.h>

#include "packet/crowd.h"
#include "packet/lists.h"
#include "packet/world.h"

#define S 1000000000ULL
#define CLIENT CROWD_CLIENT
#define FRAME 60

static struct world *world;

static int set_up(void **state)
{
	(void)state;
	world_clear(world);
	lists_write(world, NULL, 0);
	memset(world->measures, 0, SLUICE_MEASURES * sizeof(*world->measures));
	*world->measure_filter = (struct sluice_measure_filter){.prefix4 = 32, .prefix6 = 64};
	*world->clock_ns += 1000 * S;
	world->control->measure_until_ns = *world->clock_ns + S;
	world_one_member(world);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	world_service(world, 2, "2001:db8::1", 80, IPPROTO_TCP, 0);
	return 0;
}

static enum sluice_verdict send_from(const char *src, uint8_t tcp_flags)
{
	struct packet packet = {.src = src,
				.dst = strchr(src, ':') ? "2001:db8::1" : "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 40000,
				.dport = 80,
				.tcp_flags = tcp_flags,
				.payload_len = FRAME - 54};
	struct world_run run;
	struct frame frame;

	frame_build(&frame, &packet);
	world_run_explain(world, &frame, &run); /* counts nothing */
	world_run(world, &frame, &run);
	return run.verdict;
}

/* The entry of a source, all zero if it has none. */
static struct sluice_measure of(const char *source)
{
	struct sluice_measure found = {0};
	struct sluice_addr addr = world_addr(source);

	for (uint32_t i = 0; i < SLUICE_MEASURES; i++) {
		const struct sluice_measure *entry = &world->measures[i];

		if (entry->mark != SLUICE_MEASURE_USED ||
		    memcmp(&entry->source, &addr, sizeof(addr)))
			continue;
		assert_int_equal(found.mark, 0); /* only once */
		found = *entry;
	}
	return found;
}

static uint32_t sources(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < SLUICE_MEASURES; i++)
		count += world->measures[i].mark != SLUICE_MEASURE_FREE;
	return count;
}

static void test_counts(void **state)
{
	(void)state;
	send_from(CLIENT, TCP_SYN);
	send_from(CLIENT, TCP_ACK);
	send_from(CLIENT, TCP_ACK);
	send_from("198.51.100.8", TCP_SYN);
	send_from("2001:db8:c::1", TCP_SYN);
	send_from("2001:db8:c::2", TCP_SYN);
	assert_int_equal(sources(), 3);
	assert_int_equal(of(CLIENT).packets, 3);
	assert_int_equal(of(CLIENT).bytes, 3 * FRAME);
	assert_int_equal(of(CLIENT).new_connections, 1);
	assert_int_equal(of("198.51.100.8").packets, 1);
	assert_int_equal(of("2001:db8:c::").new_connections, 2);
	assert_int_equal(of("2001:db8:c::").bytes, 2 * (FRAME + 20));
}

static void test_off(void **state)
{
	(void)state;
	world->control->measure_until_ns = 0;
	send_from(CLIENT, TCP_SYN);
	assert_int_equal(sources(), 0);
	world->control->measure_until_ns = *world->clock_ns + S;
	*world->clock_ns += S - 1;
	send_from(CLIENT, TCP_SYN);
	*world->clock_ns += 1;
	send_from(CLIENT, TCP_SYN);
	assert_int_equal(of(CLIENT).packets, 1);
}

/* Of a service, in its prefixes. */
static void test_filter(void **state)
{
	(void)state;
	*world->measure_filter =
		(struct sluice_measure_filter){.service = 2, .prefix4 = 24, .prefix6 = 40};
	send_from(CLIENT, TCP_SYN);
	send_from("2001:db8:c::1", TCP_SYN);
	send_from("2001:db8:ff::1", TCP_SYN);
	send_from("2001:db8:100::1", TCP_SYN);
	assert_int_equal(sources(), 2);
	assert_int_equal(of("2001:db8::").packets, 2);
	assert_int_equal(of("2001:db8:100::").packets, 1);
	world->measure_filter->service = 1;
	send_from(CLIENT, TCP_SYN);
	send_from("198.51.100.200", TCP_SYN);
	send_from("198.51.101.7", TCP_SYN);
	assert_int_equal(of("198.51.100.0").packets, 2);
	assert_int_equal(of("198.51.101.0").packets, 1);
}

/* Before limits, after all who decide that a source has no business here, or any business. */
static void test_who(void **state)
{
	struct prefix_set *denied = lists_set("198.51.100.1\n");
	struct prefix_set *exempt = lists_set("198.51.100.2\n");
	struct access_source access[] = {{denied, ACCESS_KIND_DENY, 5},
					 {exempt, ACCESS_KIND_EXEMPT, 6}};

	(void)state;
	lists_write(world, access, 2);
	prefix_set_unref(denied);
	prefix_set_unref(exempt);
	world->limits[1].rate = SLUICE_LIMIT_RATE(1000, 0); /* refuses everything */
	world->limits[1].word = SLUICE_LIMIT_F_USED | 4ULL << 32 | 32ULL << 38 |
				(uint64_t)SLUICE_COUNT_PACKETS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 | 63ULL << 56;
	world_ban(world, 1, "198.51.100.3", UINT64_MAX, 0);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 1;
	assert_int_equal(send_from("198.51.100.1", TCP_SYN), SLUICE_V_list_deny);
	assert_int_equal(send_from("198.51.100.2", TCP_SYN), SLUICE_V_forwarded);
	assert_int_equal(send_from("198.51.100.3", TCP_SYN), SLUICE_V_ban);
	assert_int_equal(send_from("198.51.100.4", TCP_SYN), SLUICE_V_limit);
	assert_int_equal(sources(), 1);
	assert_int_equal(of("198.51.100.4").packets, 1);
}

/* A sample is of sources, not of packets. */
static void test_sample(void **state)
{
	char src[24];

	(void)state;
	world->measure_filter->sample_log2 = 2;
	for (int i = 0; i < 2 * 400; i++) {
		snprintf(src, sizeof(src), "198.51.%d.%d", 100 + i % 400 / 200, i % 200);
		send_from(src, TCP_ACK);
	}
	assert_in_range(sources(), 70, 130);
	for (uint32_t i = 0; i < SLUICE_MEASURES; i++)
		assert_true(world->measures[i].packets == 0 || world->measures[i].packets == 2);
}

static uint32_t home(const char *source)
{
	struct sluice_addr addr = world_addr(source);

	return (uint32_t)(sluice_hash_addr(&addr, &world->key) >> 51);
}

/* What finds no room is counted as such, also where it begins near the table's end. */
static void test_no_room(void **state)
{
	char src[24] = CLIENT;
	uint32_t first;

	(void)state;
	for (int i = 0; home(src) < SLUICE_MEASURES - 4; i++)
		snprintf(src, sizeof(src), "198.51.%d.%d", 100 + i / 250, i % 250);
	first = home(src);
	for (uint32_t i = 0; i < 8; i++) {
		world->measures[(first + i) % SLUICE_MEASURES] = (struct sluice_measure){
			.mark = SLUICE_MEASURE_USED, .source = world_addr("203.0.113.1")};
	}
	send_from(src, TCP_ACK);
	send_from(src, TCP_ACK);
	assert_int_equal(world->measures[first].missed, 2);
	world->measures[(first + 7) % SLUICE_MEASURES].mark = SLUICE_MEASURE_BUSY;
	send_from(src, TCP_ACK);
	assert_int_equal(world->measures[first].missed, 3);
	world->measures[(first + 7) % SLUICE_MEASURES].mark = SLUICE_MEASURE_FREE;
	send_from(src, TCP_ACK);
	assert_int_equal(world->measures[first].missed, 3);
	assert_int_equal(of(src).packets, 1);
}

/* ---- several CPUs --------------------------------------------------------------------------- */

/* One source on several CPUs has one entry, and nothing is lost once it is there. */
static void test_cpus(void **state)
{
	const int each = 20000;

	(void)state;
	send_from(CLIENT, TCP_SYN);
	crowd_open(world, each);
	assert_int_equal(of(CLIENT).packets, 1 + CROWD * each);
	assert_int_equal(of(CLIENT).new_connections, 1 + CROWD * each);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_counts, set_up),
		cmocka_unit_test_setup(test_off, set_up),
		cmocka_unit_test_setup(test_filter, set_up),
		cmocka_unit_test_setup(test_who, set_up),
		cmocka_unit_test_setup(test_sample, set_up),
		cmocka_unit_test_setup(test_no_room, set_up),
		cmocka_unit_test_setup(test_cpus, set_up),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("measure", tests, NULL, NULL);
	world_free(world);
	return failed;
}
