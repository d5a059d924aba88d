/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Per-source limits on the real program, with a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <sluice/gcra.h>

#include "packet/limits.h"

#define MS 1000000ULL
#define S 1000000000ULL
#define START (1000 * S)

static struct world *world;

static void set_limit(uint32_t index, const struct limits_rule *rule)
{
	limits_set(world, index, rule);
}

static void set_up(uint64_t limits)
{
	world_clear(world);
	*world->clock_ns = START;
	world_one_member(world);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = limits;
	world_service(world, 2, "192.0.2.1", 53, IPPROTO_UDP, 0)->limits = limits;
	world_service(world, 3, "2001:db8::1", 80, IPPROTO_TCP, 0)->limits = limits;
}

static const char *destination(const char *src)
{
	return strchr(src, ':') ? "2001:db8::1" : "192.0.2.1";
}

static bool is_admitted(const char *src, uint8_t tcp_flags)
{
	struct packet packet = {.src = src,
				.dst = destination(src),
				.proto = IPPROTO_TCP,
				.sport = 40000,
				.dport = 80,
				.tcp_flags = tcp_flags};
	struct world_run run;

	world_run_packet(world, &packet, &run);
	assert_true(run.verdict == SLUICE_V_forwarded || run.verdict == SLUICE_V_limit);
	return run.verdict == SLUICE_V_forwarded;
}

/* How many of so many packets at this instant pass. */
static int admitted(const char *src, int packets)
{
	int count = 0;

	while (packets--)
		count += is_admitted(src, TCP_ACK);
	return count;
}

static void test_exact_burst(void **state)
{
	static const uint32_t bursts[] = {1, 2, 10, 100};

	(void)state;
	for (size_t i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++) {
		set_up(1);
		set_limit(1, &(struct limits_rule){.rate = 10, .burst = bursts[i]});
		assert_int_equal(admitted("198.51.100.1", 150), bursts[i]);
		/* One more for each increment of time, and none before. */
		*world->clock_ns += 99 * MS;
		assert_int_equal(admitted("198.51.100.1", 5), 0);
		*world->clock_ns += 2 * MS;
		assert_int_equal(admitted("198.51.100.1", 5), 1);
		/* The whole burst after a pause, never more. */
		*world->clock_ns += 100 * S;
		assert_int_equal(admitted("198.51.100.1", 150), bursts[i]);
	}
}

/* What a clock of this tick needs to lose no rate. */
static uint32_t burst_min(uint64_t rate, uint64_t tick_ns)
{
	return (uint32_t)((2 * rate * tick_ns + S - 1) / S) + 1;
}

/* Ten times the limit for a while, with clocks from coarse to fine: it gets its rate within 1 %. */
static void test_rate(void **state)
{
	static const uint64_t ticks_ns[] = {10 * MS, 4 * MS, 1 * MS, 333333};
	static const uint32_t rates[] = {100, 2500};

	(void)state;
	for (size_t t = 0; t < sizeof(ticks_ns) / sizeof(ticks_ns[0]); t++)
		for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
			uint32_t rate = rates[r], burst = burst_min(rate, ticks_ns[t]);
			uint64_t true_ns = 0, span_ns = 20000ULL * S / (10 * rate);
			uint32_t passed = 0, expected;

			set_up(1);
			set_limit(1, &(struct limits_rule){.rate = rate, .burst = burst});
			for (int i = 0; i < 20000; i++) {
				true_ns += S / (10 * rate);
				*world->clock_ns = START + true_ns / ticks_ns[t] * ticks_ns[t];
				passed += is_admitted("198.51.100.1", TCP_ACK);
			}
			expected = (uint32_t)(span_ns * rate / S) + burst;
			if (passed * 100ULL < (expected - burst) * 99ULL ||
			    passed * 100ULL > expected * 101ULL)
				fail_msg("tick %llu ns, %u/s: %u passed, expected %u",
					 (unsigned long long)ticks_ns[t], rate, passed, expected);
		}
}

static void test_sources_are_apart(void **state)
{
	char src[32];

	(void)state;
	set_up(1);
	set_limit(1, &(struct limits_rule){.rate = 10, .burst = 3, .sets_log2 = 5});
	for (int i = 1; i <= 60; i++) {
		snprintf(src, sizeof(src), "198.51.100.%d", i);
		assert_int_equal(admitted(src, 5), 3);
	}
	assert_int_equal(admitted("2001:db8:c::1", 5), 3);
}

static void test_prefixes(void **state)
{
	(void)state;
	set_up(1);
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 2});
	assert_int_equal(admitted("198.51.100.1", 5), 2);
	assert_int_equal(admitted("198.51.100.0", 5), 2);
	/* An IPv6 host has a /64. */
	assert_int_equal(admitted("2001:db8:c:1::1", 5), 2);
	assert_int_equal(admitted("2001:db8:c:1:ffff::2", 5), 0);
	assert_int_equal(admitted("2001:db8:c:2::1", 5), 2);

	set_up(1);
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 2, .len4 = 24, .len6 = 128});
	assert_int_equal(admitted("198.51.100.1", 5), 2);
	assert_int_equal(admitted("198.51.100.255", 5), 0);
	assert_int_equal(admitted("198.51.101.1", 5), 2);
	assert_int_equal(admitted("2001:db8:c::1", 5), 2);
	assert_int_equal(admitted("2001:db8:c::2", 5), 2);

	set_up(1);
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 2, .len4 = 1, .len6 = 1});
	assert_int_equal(admitted("198.51.100.1", 5), 2);
	assert_int_equal(admitted("203.0.113.1", 5), 0);
	assert_int_equal(admitted("127.0.113.1", 5), 2);
	assert_int_equal(admitted("2001:db8:c::1", 5), 2);
	assert_int_equal(admitted("7fff::1", 5), 0);
	assert_int_equal(admitted("8000::1", 5), 2);

	set_up(1);
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 2, .len4 = 31, .len6 = 65});
	assert_int_equal(admitted("198.51.100.2", 5), 2);
	assert_int_equal(admitted("198.51.100.3", 5), 0);
	assert_int_equal(admitted("198.51.100.4", 5), 2);
	assert_int_equal(admitted("2001:db8:c:0:8000::1", 5), 2);
	assert_int_equal(admitted("2001:db8:c:0:ffff::1", 5), 0);
	assert_int_equal(admitted("2001:db8:c:0:7fff::1", 5), 2);
}

static void test_new_connections(void **state)
{
	struct packet udp = {.src = "198.51.100.1",
			     .dst = "192.0.2.1",
			     .proto = IPPROTO_UDP,
			     .sport = 1,
			     .dport = 53};
	struct world_run run;

	(void)state;
	set_up(1);
	set_limit(1, &(struct limits_rule){
			     .count = SLUICE_COUNT_NEW_CONNECTIONS, .rate = 1, .burst = 2});
	assert_int_equal(admitted("198.51.100.1", 20), 20); /* ACKs are not counted */
	assert_true(is_admitted("198.51.100.1", TCP_SYN));
	assert_true(is_admitted("198.51.100.1", TCP_SYN | TCP_ACK));
	assert_true(is_admitted("198.51.100.1", TCP_SYN));
	assert_false(is_admitted("198.51.100.1", TCP_SYN));
	assert_int_equal(admitted("198.51.100.1", 20), 20);
	/* Every UDP packet counts as one: the same source has no debt to spare. */
	world_run_packet(world, &udp, &run);
	assert_int_equal(run.verdict, SLUICE_V_limit);
	udp.src = "198.51.100.2";
	for (int i = 0; i < 3; i++) {
		world_run_packet(world, &udp, &run);
		assert_int_equal(run.verdict, i < 2 ? SLUICE_V_forwarded : SLUICE_V_limit);
	}
}

static void test_shadow_and_disabled(void **state)
{
	struct sluice_limit_stats before = world_limit_stats(world, 1), after;

	(void)state;
	set_up(1);
	set_limit(1, &(struct limits_rule){.mode = SLUICE_LIMIT_SHADOW, .rate = 1, .burst = 2});
	assert_int_equal(admitted("198.51.100.1", 10), 10);
	after = world_limit_stats(world, 1);
	assert_int_equal(after.passed - before.passed, 2);
	assert_int_equal(after.would_refuse - before.would_refuse, 8);
	assert_int_equal(after.refused, before.refused);

	before = after;
	set_up(1);
	set_limit(1, &(struct limits_rule){.is_disabled = true, .rate = 1, .burst = 2});
	assert_int_equal(admitted("198.51.100.1", 10), 10);
	after = world_limit_stats(world, 1);
	assert_memory_equal(&after, &before, sizeof(after));

	/* A limit that user space has taken away. */
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 2});
	world->limits[1].word = 0;
	assert_int_equal(admitted("198.51.100.1", 10), 10);
}

/* If one of several refuses, none is charged; shadow limits go their own way. */
static void test_stacked(void **state)
{
	struct sluice_limit_stats host, net, shadow;

	(void)state;
	set_up(1 | 2ULL << 16 | 3ULL << 32);
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 3});
	set_limit(2, &(struct limits_rule){.rate = 1, .burst = 5, .len4 = 24});
	set_limit(3, &(struct limits_rule){
			     .mode = SLUICE_LIMIT_SHADOW, .rate = 1, .burst = 4, .len4 = 16});
	host = world_limit_stats(world, 1);
	net = world_limit_stats(world, 2);
	shadow = world_limit_stats(world, 3);
	assert_int_equal(admitted("198.51.100.1", 10), 3);
	/* Its seven refusals left the network's budget alone: two are left, then the network
	 * refuses, and does not charge the host. */
	assert_int_equal(admitted("198.51.100.2", 10), 2);
	assert_int_equal(world_limit_stats(world, 1).passed - host.passed, 5);
	assert_int_equal(world_limit_stats(world, 1).refused - host.refused, 7);
	assert_int_equal(world_limit_stats(world, 2).passed - net.passed, 5);
	assert_int_equal(world_limit_stats(world, 2).refused - net.refused, 8);
	/* The shadow limit saw all twenty. */
	assert_int_equal(world_limit_stats(world, 3).passed - shadow.passed, 4);
	assert_int_equal(world_limit_stats(world, 3).would_refuse - shadow.would_refuse, 16);

	*world->clock_ns += 1001 * MS;
	/* One came back for the network, two of three were spent by the second host. */
	assert_int_equal(admitted("198.51.100.2", 10), 1);
	assert_int_equal(admitted("198.51.100.1", 10), 0);
}

static void test_four_stacked(void **state)
{
	(void)state;
	set_up(1 | 2ULL << 16 | 3ULL << 32 | 4ULL << 48);
	for (uint32_t i = 1; i <= 4; i++)
		set_limit(i, &(struct limits_rule){.rate = 1, .burst = 10 - i, .len4 = 33 - i});
	assert_int_equal(admitted("198.51.100.1", 20), 6);
}

/* More sources at once than words: the limit lets newcomers in and says so. */
static void test_replaced_debt(void **state)
{
	struct sluice_limit_stats before = world_limit_stats(world, 1);
	char src[32];

	(void)state;
	set_up(1);
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 10}); /* one set: eight words */
	assert_int_equal(admitted("198.51.100.1", 10), 10);	     /* a large debt */
	*world->clock_ns += 100 * MS;
	for (int i = 2; i <= 8; i++) {
		snprintf(src, sizeof(src), "198.51.100.%d", i);
		assert_int_equal(admitted(src, 1), 1);
	}
	assert_int_equal(world_limit_stats(world, 1).replaced_debt, before.replaced_debt);
	*world->clock_ns += 100 * MS;
	assert_int_equal(admitted("198.51.100.9", 1), 1);
	assert_int_equal(world_limit_stats(world, 1).replaced_debt - before.replaced_debt, 1);
	/* The one with the large debt kept its word. */
	assert_int_equal(admitted("198.51.100.1", 1), 0);
	/* Idle means free: later, newcomers replace nobody. */
	*world->clock_ns += 5 * S;
	assert_int_equal(admitted("198.51.100.10", 1), 1);
	assert_int_equal(world_limit_stats(world, 1).replaced_debt - before.replaced_debt, 1);
}

/* Its word wraps about every four seconds at this rate. A source that comes back at the worst
 * moment, nobody having swept, is still a stranger. */
static void test_wrap_without_sweep(void **state)
{
	(void)state;
	for (uint64_t pause_ms = 3000; pause_ms < 10000; pause_ms += 50) {
		set_up(1);
		set_limit(1, &(struct limits_rule){.rate = 200000, .burst = 50});
		assert_int_equal(admitted("198.51.100.1", 60), 50);
		*world->clock_ns += pause_ms * MS;
		assert_int_equal(admitted("198.51.100.1", 60), 50);
	}
}

/* A word of zeros is nobody's, also when its time field would read as a debt. */
static void test_empty_word_at_wrap(void **state)
{
	(void)state;
	set_up(1);
	set_limit(1, &(struct limits_rule){.rate = 200000, .burst = 50});
	*world->clock_ns = (1ULL << 40) - 100000;
	for (int i = 0; i < 40; i++) {
		char src[32];

		snprintf(src, sizeof(src), "198.51.100.%d", i);
		memset(world->limit_sets, 0, WORLD_LIMIT_SETS * sizeof(*world->limit_sets));
		assert_int_equal(admitted(src, 60), 50);
	}
}

/* Refusals write at most once a tick of `seen`. */
static void test_refusal_writes(void **state)
{
	__u64 word = 0, *words;

	(void)state;
	set_up(1);
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 1});
	words = world->limit_sets[64].source;
	assert_int_equal(admitted("198.51.100.1", 2), 1);
	word = words[0];
	assert_true(word != 0);
	assert_int_equal(SLUICE_SRC_SEEN(word), sluice_gcra_seen(START));
	*world->clock_ns += 50 * MS;
	assert_int_equal(admitted("198.51.100.1", 1), 0);
	assert_int_equal(SLUICE_SRC_SEEN(words[0]), sluice_gcra_seen(START + 50 * MS));
	assert_int_equal(SLUICE_SRC_TAT(words[0]), SLUICE_SRC_TAT(word));
	assert_int_equal(SLUICE_SRC_TAG(words[0]), SLUICE_SRC_TAG(word));
	for (int i = 1; i < 8; i++)
		assert_true(words[i] == 0);
}

/* Where user space expects a source: the shared hash, its set and its tag. */
static void test_placement(void **state)
{
	struct sluice_addr addr = world_addr("198.51.100.0");
	uint64_t hash = sluice_hash_addr(&addr, &world->key);
	struct sluice_limit_set *set;

	(void)state;
	set_up(1);
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 1, .len4 = 24, .sets_log2 = 6});
	set = &world->limit_sets[64 + sluice_source_set(hash, 6)];
	assert_int_equal(admitted("198.51.100.77", 1), 1);
	assert_int_equal(SLUICE_SRC_TAG(set->source[0]), sluice_source_tag(hash));
}

/* Explaining a packet says what would happen, and charges nobody. */
static void test_explain(void **state)
{
	struct packet packet = {.src = "198.51.100.1",
				.dst = "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 1,
				.dport = 80};
	struct sluice_limit_set before[WORLD_LIMIT_SETS / 8];
	struct sluice_limit_stats stats;
	struct world_run run;
	struct frame frame;

	(void)state;
	set_up(1 | 2ULL << 16);
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 5});
	set_limit(2, &(struct limits_rule){.rate = 1, .burst = 2, .len4 = 24});
	stats = world_limit_stats(world, 2);
	frame_build(&frame, &packet);
	memcpy(before, world->limit_sets + 64, sizeof(before));
	for (int i = 0; i < 10; i++) {
		world_run_explain(world, &frame, &run);
		assert_int_equal(run.verdict, SLUICE_V_forwarded);
	}
	assert_memory_equal(before, world->limit_sets + 64, sizeof(before));

	assert_int_equal(admitted("198.51.100.1", 3), 2);
	memcpy(before, world->limit_sets + 64, sizeof(before));
	*world->clock_ns += 100 * MS;
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_limit);
	assert_int_equal(run.action, XDP_DROP);
	assert_int_equal(world->explain->limit, 2);
	assert_memory_equal(before, world->limit_sets + 64, sizeof(before));
	assert_int_equal(world_limit_stats(world, 2).passed - stats.passed, 2);
	assert_int_equal(world_limit_stats(world, 2).refused - stats.refused, 1);

	/* A shadow limit that would refuse is named too. */
	set_limit(2, &(struct limits_rule){
			     .mode = SLUICE_LIMIT_SHADOW, .rate = 1, .burst = 2, .len4 = 24});
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
	assert_int_equal(world->explain->limit, 2);
}

/* A service of this host is limited too. */
static void test_local(void **state)
{
	struct packet packet = {.src = "198.51.100.1",
				.dst = "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 1,
				.dport = 80,
				.tcp_flags = 0x02};
	struct sluice_member_stats before, after;
	struct sluice_service *cell;
	struct world_run run;

	(void)state;
	set_up(1);
	cell = world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	cell->word = (cell->word & ~0xffffffffULL) | SLUICE_SVC_F_LOCAL | 7; /* counts as 7 */
	before = world_member_stats(world, 7);
	cell->limits = 1;
	set_limit(1, &(struct limits_rule){.rate = 1, .burst = 1});
	world_run_packet(world, &packet, &run);
	assert_int_equal(run.verdict, SLUICE_V_local);
	world_run_packet(world, &packet, &run);
	assert_int_equal(run.verdict, SLUICE_V_limit);
	after = world_member_stats(world, 7);
	assert_int_equal(after.packets - before.packets, 1);
	assert_int_equal(after.new_connections - before.new_connections, 1);
	assert_true(after.bytes - before.bytes >= 54);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_burst),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_sources_are_apart),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_new_connections),
		cmocka_unit_test(test_shadow_and_disabled),
		cmocka_unit_test(test_stacked),
		cmocka_unit_test(test_four_stacked),
		cmocka_unit_test(test_replaced_debt),
		cmocka_unit_test(test_wrap_without_sweep),
		cmocka_unit_test(test_empty_word_at_wrap),
		cmocka_unit_test(test_refusal_writes),
		cmocka_unit_test(test_placement),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_local),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("limit", tests, NULL, NULL);
	world_free(world);
	return failed;
}
