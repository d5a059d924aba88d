/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What limits count and whose rate they have: bytes, flows of UDP, sources with a rate of their own,
 * what a newcomer inherits; on the real program with a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <sluice/gcra.h>

#include "base/prefix.h"
#include "base/util.h"
#include "core/gcra_config.h"
#include "packet/limits.h"
#include "packet/lists.h"

#define MS 1000000ULL
#define S 1000000000ULL
#define START (1000 * S)
#define FRAME_HEAD 54 /* Ethernet, IPv4, TCP */

static struct world *world;

static void set_up(uint64_t limits)
{
	struct sluice_nexthop nexthop = {.ifindex = WORLD_IFINDEX};

	world_clear(world);
	*world->clock_ns = START;
	world_nexthop(world, 1, &nexthop);
	world_member(world, 1, "10.0.0.11", SLUICE_MODE_L2, 1, 4000);
	world_slots(world, 0, 1, 0);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = limits;
	world_service(world, 2, "192.0.2.1", 53, IPPROTO_UDP, 0)->limits = limits;
	world_service(world, 3, "2001:db8::1", 80, IPPROTO_TCP, 0)->limits = limits;
}

/* A packet of this frame length (0: as short as it gets); is it admitted? */
static bool is_sized_admitted(const char *src, uint32_t length)
{
	struct packet packet = {.src = src,
				.dst = strchr(src, ':') ? "2001:db8::1" : "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 40000,
				.dport = 80,
				.tcp_flags = TCP_ACK};
	uint32_t head = FRAME_HEAD + (strchr(src, ':') ? 20 : 0);
	struct world_run run;

	packet.payload_len = (uint16_t)(length > head ? length - head : 0);
	world_run_packet(world, &packet, &run);
	assert_true(run.verdict == SLUICE_V_forwarded || run.verdict == SLUICE_V_limit);
	return run.verdict == SLUICE_V_forwarded;
}

static int admitted_sized(const char *src, int packets, uint32_t length)
{
	int count = 0;

	while (packets--)
		count += is_sized_admitted(src, length);
	return count;
}

static int admitted(const char *src, int packets)
{
	return admitted_sized(src, packets, 0);
}

static const struct limits_rule bytes_rule = {
	.count = SLUICE_COUNT_BYTES, .rate = 100000, .burst = 20000};

/* One limit takes the short way through the code, several the general one. */
static void test_bytes(void **state)
{
	static const char *const sources[] = {"198.51.100.1", "2001:db8:c::1"};
	static const uint64_t stacks[] = {1, 1 | 2ULL << 16};
	struct sluice_limit_stats before;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const char *src = sources[i % 2];

		set_up(stacks[i / 2]);
		limits_set(world, 1, &bytes_rule);
		limits_set(world, 2,
			   &(struct limits_rule){.rate = 1000, .burst = 1000, .len4 = 16});
		before = world_limit_stats(world, 1);
		assert_int_equal(admitted_sized(src, 30, 1000), 20);
		assert_false(is_sized_admitted(src, 100));
		/* A hundred bytes are a millisecond: a small packet passes where a large one waits. */
		*world->clock_ns += MS + MS / 100;
		assert_false(is_sized_admitted(src, 1000));
		assert_true(is_sized_admitted(src, 100));
		assert_false(is_sized_admitted(src, 100));
		*world->clock_ns += 10 * MS + MS / 100;
		assert_true(is_sized_admitted(src, 1000));
		assert_false(is_sized_admitted(src, 100));
		assert_int_equal(world_limit_stats(world, 1).passed - before.passed, 22);
		assert_int_equal(world_limit_stats(world, 1).refused - before.refused, 14);
		/* All of it after a pause. */
		*world->clock_ns += 10 * S;
		assert_int_equal(admitted_sized(src, 20, 3000), 6);
		assert_true(is_sized_admitted(src, 1000));
	}
}

/* Frames of all sizes, twice too many, for a while: the rate is met within 1 %. */
static void test_bytes_rate(void **state)
{
	static const uint32_t sizes[] = {60, 64, 71, 590, 1514, 3000};
	uint64_t passed;
	int i;

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		set_up(1);
		limits_set(world, 1,
			   &(struct limits_rule){.count = SLUICE_COUNT_BYTES,
						 .rate = sizes[s] * 1000,
						 .burst = 10000});
		passed = 0;
		for (i = 0; i < 1000; i++) {
			passed += is_sized_admitted("198.51.100.1", sizes[s]);
			*world->clock_ns += MS / 2;
		}
		/* Half a second: 500 of them, and the burst. */
		assert_in_range(passed, 495 + 10000 / sizes[s], 505 + 10000 / sizes[s]);
	}
}

/* What is longer than the burst never passes, is charged nothing, and is in nobody's way: not in that of
 * shorter frames of the source, and not for longer than it is there. As long as the burst passes. */
static void test_frames_beyond_the_burst(void **state)
{
	static const uint64_t stacks[] = {1, 1 | 2ULL << 16};
	static const char src[] = "198.51.100.1";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		set_up(stacks[i]);
		limits_set(world, 1,
			   &(struct limits_rule){
				   .count = SLUICE_COUNT_BYTES, .rate = 100000, .burst = 2000});
		limits_set(world, 2,
			   &(struct limits_rule){.rate = 1000, .burst = 1000, .len4 = 16});
		assert_int_equal(admitted_sized(src, 20, 2001), 0);
		assert_int_equal(world->limit_sets[LIMITS_SETS].source[0], 0);
		assert_int_equal(admitted_sized(src, 3, 1000), 2);
		*world->clock_ns += 10 * S;
		assert_int_equal(admitted_sized(src, 20, 3000), 0);
		assert_int_equal(admitted_sized(src, 2, 2000), 1);
		*world->clock_ns += 5 * MS + MS / 100;
		assert_int_equal(admitted_sized(src, 20, 3000), 0);
		assert_int_equal(admitted_sized(src, 2, 500), 1);
		*world->clock_ns += 100 * S;
		assert_int_equal(admitted_sized(src, 20, 3000), 0);
	}
}

/* 100 Gbit/s: the smallest frame costs what it should, although that is five nanoseconds. */
static void test_bytes_fast(void **state)
{
	uint32_t k, debt;
	uint64_t word;

	(void)state;
	set_up(1);
	limits_set(world, 1,
		   &(struct limits_rule){
			   .count = SLUICE_COUNT_BYTES, .rate = 12500000000, .burst = 100009216});
	assert_true(is_sized_admitted("198.51.100.1", 64));
	word = world->limit_sets[LIMITS_SETS].source[0];
	k = SLUICE_LIMIT_K(world->limits[1].word);
	debt = sluice_gcra_debt(word, sluice_gcra_now(START, k), sluice_gcra_seen(START), k);
	assert_in_range((debt << k) * 1000, 81.92 * 990, 81.92 * 1010); /* sixteenths */
}

/* ---- new connections over UDP ----------------------------------------------------------------- */

static bool is_datagram_admitted(uint16_t sport)
{
	struct packet packet = {.src = "198.51.100.1",
				.dst = "192.0.2.1",
				.proto = IPPROTO_UDP,
				.sport = sport,
				.dport = 53};
	struct world_run run;

	world_run_packet(world, &packet, &run);
	assert_true(run.verdict == SLUICE_V_forwarded || run.verdict == SLUICE_V_limit);
	return run.verdict == SLUICE_V_forwarded;
}

/* Where flows are tracked the first packet of one counts; elsewhere each. */
static void test_udp_flows(void **state)
{
	static const uint64_t stacks[] = {1, 1 | 2ULL << 16};
	struct sluice_service *cell;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		set_up(stacks[i]);
		*world->flow_settings =
			(struct sluice_flow_settings){.refresh_s = 4, .closing_life_s = 60};
		limits_set(world, 1,
			   &(struct limits_rule){
				   .count = SLUICE_COUNT_NEW_CONNECTIONS, .rate = 1, .burst = 3});
		limits_set(world, 2,
			   &(struct limits_rule){.rate = 1000, .burst = 1000, .len4 = 16});
		cell = world_service(world, 2, "192.0.2.1", 53, IPPROTO_UDP, 0);
		cell->limits = stacks[i];
		cell->word |= SLUICE_SVC_F_TRACK;
		for (uint16_t round = 0; round < 10; round++)
			assert_true(is_datagram_admitted(1000));
		assert_true(is_datagram_admitted(1001));
		assert_true(is_datagram_admitted(1002));
		assert_false(is_datagram_admitted(1003));
		assert_false(is_datagram_admitted(1003)); /* what was refused is no flow */
		assert_true(is_datagram_admitted(1002));
		/* Its member has gone: it begins again elsewhere. */
		world->members[1].word |= 5ULL << 28;
		assert_false(is_datagram_admitted(1002));
		cell->word &= ~SLUICE_SVC_F_TRACK;
		*world->clock_ns += S + MS;
		assert_true(is_datagram_admitted(1000));
		assert_false(is_datagram_admitted(1000));
	}
}

/* ---- sources with a rate of their own ---------------------------------------------------------- */

/* For limit number `limit`: of a prefix, the rate of this rule in the limit's unit. */
static struct dp_access_entry exception(uint32_t limit, const char *prefix,
					const struct limits_rule *rule)
{
	uint32_t k = SLUICE_LIMIT_K(world->limits[limit].word);
	uint64_t rate = limits_rate(rule, k);
	struct dp_access_entry entry = {.list = (uint16_t)SLUICE_LIMIT_LIST(limit)};

	assert_int_equal(prefix_parse(prefix, strlen(prefix), &entry.prefix, NULL), 0);
	assert_int_not_equal(rate, 0);
	entry.word = SLUICE_EXCEPTION(SLUICE_LIMIT_INC(rate), SLUICE_LIMIT_TAU(rate), k);
	return entry;
}

static const struct limits_rule base = {.rate = 2, .burst = 4, .flags = SLUICE_LIMIT_F_EXCEPTIONS};
static const struct limits_rule more = {.rate = 20, .burst = 40};
static const struct limits_rule less = {.rate = 1, .burst = 2};

static void set_exceptions(void)
{
	struct dp_access_entry entries[4];

	limits_set(world, 1, &base);
	entries[0] = exception(1, "198.51.100.0/24", &more);
	entries[1] = exception(1, "198.51.100.7/32", &less);
	entries[2] = exception(1, "2001:db8:c::/64", &more);
	entries[3] = exception(1, "2001:db8:d::/48", &less);
	lists_put(world, entries, ARRAY_SIZE(entries));
}

static void test_exceptions(void **state)
{
	static const uint64_t stacks[] = {1, 1 | 2ULL << 16};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		set_up(stacks[i]);
		set_exceptions();
		limits_set(world, 2,
			   &(struct limits_rule){.rate = 1000, .burst = 1000, .len4 = 16});
		assert_int_equal(admitted("198.51.101.1", 50), 4);
		assert_int_equal(admitted("198.51.100.1", 50), 40);
		assert_int_equal(admitted("198.51.100.7", 50), 2); /* the longest prefix */
		assert_int_equal(admitted("2001:db8:e::1", 50), 4);
		assert_int_equal(admitted("2001:db8:c::1", 50), 40);
		assert_int_equal(admitted("2001:db8:d:1::1", 50), 2);
		*world->clock_ns += S + MS;
		assert_int_equal(admitted("198.51.101.1", 50), 2);
		assert_int_equal(admitted("198.51.100.1", 50), 20);
		assert_int_equal(admitted("198.51.100.7", 50), 1);
		/* Another limit has none of it. */
		world->limits[1].word = 0;
		assert_int_equal(admitted("198.51.100.7", 50), 50);
	}
}

/* No bit, no walk; and another limit's exceptions are not this one's. */
static void test_exceptions_are_looked_for(void **state)
{
	struct dp_access_entry other;

	(void)state;
	set_up(1);
	set_exceptions();
	memset(world->access_bits, 0, SLUICE_ACCESS_WORDS * 8);
	assert_int_equal(admitted("198.51.100.1", 50), 4);

	set_up(1);
	limits_set(world, 1, &base);
	limits_set(world, 2, &base);
	other = exception(2, "198.51.100.0/24", &more);
	lists_put(world, &other, 1);
	assert_int_equal(admitted("198.51.100.1", 50), 4);

	set_up(1);
	set_exceptions();
	world->limits[1].flags = 0;
	assert_int_equal(admitted("198.51.100.1", 50), 4);
}

/* While a limit's rate changes: what cannot be compared is let through, and costs nothing. */
static void test_exceptions_in_another_unit(void **state)
{
	struct sluice_limit_stats before = world_limit_stats(world, 1), after;
	struct dp_access_entry entry;

	(void)state;
	for (uint32_t bit = 0; bit < 6; bit++) {
		set_up(1);
		limits_set(world, 1, &base);
		entry = exception(1, "198.51.100.0/24", &less);
		entry.word ^= SLUICE_EXCEPTION(0, 0, 1U << bit);
		lists_put(world, &entry, 1);
		assert_int_equal(admitted("198.51.100.1", 50), 50);
		after = world_limit_stats(world, 1);
		assert_memory_equal(&before, &after, sizeof(after));
		assert_int_equal(world->limit_sets[LIMITS_SETS].source[0], 0);
	}
}

/* Who owes more than the limit's own burst allows keeps its word. */
static void test_exceptions_keep_their_debt(void **state)
{
	char src[32];

	(void)state;
	set_up(1);
	set_exceptions(); /* one set: eight words */
	assert_int_equal(admitted("198.51.100.1", 50), 40);
	for (int i = 1; i <= 20; i++) {
		snprintf(src, sizeof(src), "203.0.113.%d", i);
		assert_int_equal(admitted(src, 1), 1);
	}
	assert_int_equal(admitted("198.51.100.1", 50), 0);
}

/* Explaining a packet knows them, too. */
static void test_exceptions_explained(void **state)
{
	struct packet packet = {.src = "198.51.100.1",
				.dst = "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 1,
				.dport = 80};
	struct world_run run;
	struct frame frame;

	(void)state;
	set_up(1);
	set_exceptions();
	frame_build(&frame, &packet);
	assert_int_equal(admitted("198.51.100.1", 39), 39);
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
	assert_int_equal(admitted("198.51.100.1", 1), 1);
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_limit);
}

/* ---- overload: closed -------------------------------------------------------------------------- */

static const char *source_name(int i)
{
	static char src[32];

	snprintf(src, sizeof(src), "198.51.100.%d", i);
	return src;
}

/* More sources than words. A newcomer begins with the debt of the word that it takes; while that is
 * all that a source may owe, it is refused, and takes none. */
static void test_closed(void **state)
{
	struct sluice_limit_set before, *set = &world->limit_sets[LIMITS_SETS];
	struct sluice_limit_stats stats = world_limit_stats(world, 1);

	(void)state;
	set_up(1);
	limits_set(world, 1,
		   &(struct limits_rule){.rate = 1, .burst = 10, .flags = SLUICE_LIMIT_F_CLOSED});
	for (int i = 1; i <= 8; i++)
		assert_int_equal(admitted(source_name(i), 10), 10);
	before = *set;
	*world->clock_ns += 100 * MS;
	assert_int_equal(admitted(source_name(9), 5), 0);
	assert_memory_equal(set, &before, sizeof(before));
	assert_int_equal(world_limit_stats(world, 1).replaced_debt, stats.replaced_debt);
	*world->clock_ns += S;
	assert_int_equal(admitted(source_name(9), 5), 1);
	assert_int_equal(world_limit_stats(world, 1).replaced_debt - stats.replaced_debt, 1);
	/* Seven sources have theirs, and one that lost it gets what is left by another. */
	*world->clock_ns += 10 * MS;
	for (int i = 1, sum = 0; i <= 8; i++) {
		sum += admitted(source_name(i), 1);
		if (i == 8)
			assert_in_range(sum, 7, 8);
	}
	assert_int_equal(admitted(source_name(10), 5), 0);
	/* Open, it would have had a burst of its own. */
	world->limits[1].flags = 0;
	assert_int_equal(admitted(source_name(10), 15), 10);
	/* Idle means free for this kind, too. */
	world->limits[1].flags = SLUICE_LIMIT_F_CLOSED;
	*world->clock_ns += 60 * S;
	assert_int_equal(admitted(source_name(11), 15), 10);
}

/* ---- another unit ------------------------------------------------------------------------------ */

static struct gcra_params params_of(uint32_t index)
{
	const struct sluice_limit *limit = &world->limits[index];

	return (struct gcra_params){.k = SLUICE_LIMIT_K(limit->word),
				    .inc = SLUICE_LIMIT_INC(limit->rate),
				    .tau = SLUICE_LIMIT_TAU(limit->rate)};
}

/* Rate and burst change so much that the unit does: sources move to another region, and who is in
 * debt there is in debt here. */
static void test_another_unit(void **state)
{
	static const struct limits_rule rules[] = {
		{.rate = 50, .burst = 100}, {.rate = 1000, .burst = 8}, {.rate = 1, .burst = 2000}};
	size_t a, b, i;

	(void)state;
	for (a = 0; a < 3; a++) {
		for (b = 0; b < 3; b++) {
			struct gcra_params from, to;

			set_up(1);
			limits_set(world, 1, &rules[a]);
			limits_set(world, 2, &rules[b]);
			from = params_of(1);
			to = params_of(2);
			assert_true(a == b || from.k != to.k);
			assert_int_equal(admitted("198.51.100.1", (int)rules[a].burst + 10),
					 rules[a].burst);
			assert_true(is_sized_admitted("198.51.100.2", 0));
			for (i = 0; i < 64 * SLUICE_LIMIT_WAYS; i++) {
				size_t set = i / SLUICE_LIMIT_WAYS, way = i % SLUICE_LIMIT_WAYS;

				world->limit_sets[2 * 64 + set].source[way] =
					gcra_convert(world->limit_sets[64 + set].source[way],
						     *world->clock_ns, &from, &to);
			}
			world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 2;
			if ((uint64_t)from.tau << from.k >= (uint64_t)to.tau << to.k)
				assert_int_equal(admitted("198.51.100.1", 5), 0);
			else
				assert_true(admitted("198.51.100.1", (int)rules[b].burst) <
					    (int)rules[b].burst);
			/* Who used one packet owes its time, which may be all of a shorter burst. */
			assert_int_equal(is_sized_admitted("198.51.100.2", 0),
					 ((uint64_t)from.inc << from.k) +
							 ((uint64_t)to.inc << to.k) <=
						 (uint64_t)to.tau << to.k);
			assert_true(is_sized_admitted("198.51.100.3", 0));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_bytes_rate),
		cmocka_unit_test(test_frames_beyond_the_burst),
		cmocka_unit_test(test_bytes_fast),
		cmocka_unit_test(test_udp_flows),
		cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_exceptions_are_looked_for),
		cmocka_unit_test(test_exceptions_in_another_unit),
		cmocka_unit_test(test_exceptions_keep_their_debt),
		cmocka_unit_test(test_exceptions_explained),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_another_unit),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("limit_units", tests, NULL, NULL);
	world_free(world);
	return failed;
}
