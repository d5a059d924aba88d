/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the port knows of sources, on real maps: ceilings, measurements, refusals. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include <sluice/gcra.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/fixture.h"
#include "dataplane/space.h"

#define INSTANCE "sld-test-sources"
#define DIR SLUICE_PIN_ROOT "/" INSTANCE
#define RING SLUICE_REFUSALS_PER_CPU

/* ---- ceilings ------------------------------------------------------------------------------- */

/* As if a packet had passed, and another been refused, on each CPU. */
static void count_at_ceiling(uint32_t index)
{
	struct sluice_ceiling_stats counts[512];
	int fd = bpf_obj_get(SLUICE_PIN_ROOT "/" INSTANCE "/" SLUICE_PIN_ABI "/ceiling_stats");

	assert_true(fd >= 0 && libbpf_num_possible_cpus() <= (int)ARRAY_SIZE(counts));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		counts[i] = (struct sluice_ceiling_stats){.passed = 1, .refused = 1};
	assert_int_equal(bpf_map_update_elem(fd, &index, counts, BPF_ANY), 0);
	close(fd);
}

static void test_ceilings(void **state)
{
	const uint32_t count = instance_capacity.service_cells + instance_capacity.member_ceilings;
	const size_t bytes = count * sizeof(struct sluice_ceiling);
	struct sluice_ceiling *ceilings = instance_map(INSTANCE, "ceilings", bytes);
	struct sluice_ceiling_stats stats;
	struct sluice_member member = {.word = SLUICE_MEMBER(1, SLUICE_MODE_L2, 0, 1500)};
	struct sluice_member *members =
		instance_map(INSTANCE, "members", instance_capacity.members * sizeof(*members));
	struct dp_node node;
	uint32_t now, debt;

	(void)state;
	assert_int_equal(port.ops->ceiling_set(port.dp, 0, 1, 1), -EINVAL);
	assert_int_equal(port.ops->ceiling_set(port.dp, count, 1, 1), -EINVAL);
	assert_int_equal(port.ops->ceiling_stats(port.dp, count, &stats), -EINVAL);
	/* Units of 1024 ns. */
	assert_int_equal(port.ops->ceiling_set(port.dp, 3, SLUICE_LIMIT_RATE(1U << 20, 1U << 29),
					       20 + SLUICE_GCRA_NS_LOG2),
			 0);
	assert_int_equal(dp_bpf_node(dp, &node), 0);
	now = sluice_gcra_now(node.now_ns, 20 + SLUICE_GCRA_NS_LOG2);
	ceilings[3].state = SLUICE_SRC(0, sluice_gcra_seen(node.now_ns), now + (1U << 20));
	/* Another rate leaves it, another unit keeps what is owed as time. */
	assert_int_equal(port.ops->ceiling_set(port.dp, 3, SLUICE_LIMIT_RATE(1U << 19, 1U << 29),
					       20 + SLUICE_GCRA_NS_LOG2),
			 0);
	assert_true(SLUICE_SRC_TAT(ceilings[3].state) == now + (1U << 20));
	assert_true(ceilings[3].rate == SLUICE_LIMIT_RATE(1U << 19, 1U << 29));
	assert_int_equal(port.ops->ceiling_set(port.dp, 3, SLUICE_LIMIT_RATE(1U << 15, 1U << 29),
					       24 + SLUICE_GCRA_NS_LOG2),
			 0);
	assert_true(ceilings[3].k == 24 + SLUICE_GCRA_NS_LOG2);
	assert_true(ceilings[3].rate == SLUICE_LIMIT_RATE(1U << 15, 1U << 29));
	debt = SLUICE_SRC_TAT(ceilings[3].state) -
	       sluice_gcra_now(node.now_ns, 24 + SLUICE_GCRA_NS_LOG2);
	assert_in_range(debt, (1U << 16) - 1, (1U << 16) + 1);
	count_at_ceiling(3);
	assert_int_equal(port.ops->ceiling_stats(port.dp, 3, &stats), 0);
	assert_true(stats.passed > 0 && stats.refused > 0);
	assert_int_equal(port.ops->ceiling_set(port.dp, 3, 0, 0), 0);
	assert_true(ceilings[3].rate == 0);

	assert_int_equal(port.ops->member_set(port.dp, 5, &member), 0);
	assert_int_equal(port.ops->member_set_ceiling(port.dp, 5, count - 1), 0);
	assert_true(members[5].ceiling == count - 1 && members[5].word == member.word);
	assert_int_equal(port.ops->member_set_ceiling(port.dp, 5, count), -EINVAL);
	assert_int_equal(port.ops->member_set_ceiling(port.dp, 0, 1), -EINVAL);
	assert_int_equal(port.ops->member_set_ceiling(port.dp, instance_capacity.members, 1),
			 -EINVAL);
	assert_int_equal(port.ops->ceiling_stats(port.dp, 3, &stats), 0);
	assert_true(stats.passed == 0 && stats.refused == 0);
	munmap(ceilings, bytes);
	munmap(members, instance_capacity.members * sizeof(*members));
}

/* A ceiling owes nothing for longer than its time field says: of the past nothing is kept. */
static void test_ceilings_are_swept(void **state)
{
	const uint32_t count = instance_capacity.service_cells + instance_capacity.member_ceilings;
	const size_t bytes = count * sizeof(struct sluice_ceiling);
	struct sluice_ceiling *ceilings = instance_map(INSTANCE, "ceilings", bytes);
	const uint32_t k = 20 + SLUICE_GCRA_NS_LOG2;
	struct dp_node node;
	uint32_t now;

	(void)state;
	for (uint32_t i = count - 2; i < count; i++)
		assert_int_equal(
			port.ops->ceiling_set(port.dp, i, SLUICE_LIMIT_RATE(1U << 20, 1U << 29), k),
			0);
	assert_int_equal(dp_bpf_node(dp, &node), 0);
	now = sluice_gcra_now(node.now_ns, k);
	ceilings[count - 2].state = SLUICE_SRC(0, sluice_gcra_seen(node.now_ns) - 3000, now - 1000);
	ceilings[count - 1].state =
		SLUICE_SRC(0, sluice_gcra_seen(node.now_ns) - 3000, now + (1U << 28));
	dp_bpf_sweep_limits(dp);
	assert_true(ceilings[count - 2].state == 0);
	assert_true(ceilings[count - 1].state != 0);
	munmap(ceilings, bytes);
}

/* ---- measured sources ----------------------------------------------------------------------- */

static struct dp_measured latest;

static void on_measured(void *arg, const struct dp_measured *measured)
{
	++*(uint32_t *)arg;
	latest = *measured;
}

static uint32_t read_measured(uint64_t *ret_missed)
{
	uint32_t count = 0;

	assert_int_equal(port.ops->measure_read(port.dp, on_measured, &count, ret_missed), 0);
	return count;
}

static void test_measures(void **state)
{
	static const struct sluice_measure_filter bad[] = {
		{.prefix4 = 0, .prefix6 = 64},
		{.prefix4 = 33, .prefix6 = 64},
		{.prefix4 = 24, .prefix6 = 0},
		{.prefix4 = 24, .prefix6 = 129},
		{.prefix4 = 24, .prefix6 = 48, .sample_log2 = 32},
	};
	const struct sluice_measure_filter good = {.service = 3, .prefix4 = 24, .prefix6 = 48};
	struct sluice_measure *measures =
		instance_map(INSTANCE, "measures", SLUICE_MEASURES * sizeof(*measures));
	struct sluice_measure_filter *filter =
		instance_map(INSTANCE, "measure_filter", sizeof(*filter));
	struct sluice_control *control = fixture_control();
	struct dp_node node;
	uint64_t missed;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(port.ops->measure_start(port.dp, &bad[i], 1000), -EINVAL);
	assert_int_equal(port.ops->measure_start(port.dp, &good, 0), -EINVAL);
	assert_true(control->measure_until_ns == 0);
	measures[7] = (struct sluice_measure){.mark = SLUICE_MEASURE_USED, .missed = 4};
	assert_int_equal(port.ops->measure_start(port.dp, &good, 60000), 0);
	assert_int_equal(dp_bpf_node(dp, &node), 0);
	assert_in_range(control->measure_until_ns, node.now_ns + 50000 * 1000000ULL,
			node.now_ns + 60000 * 1000000ULL);
	assert_memory_equal(filter, &good, sizeof(good));
	assert_int_equal(read_measured(&missed), 0);
	assert_true(missed == 0);

	measures[7] = (struct sluice_measure){.mark = SLUICE_MEASURE_USED,
					      .source = fixture_source("2001:db8:1::/48").addr,
					      .packets = 5,
					      .bytes = 600,
					      .new_connections = 2,
					      .missed = 4};
	measures[8] = (struct sluice_measure){.mark = SLUICE_MEASURE_BUSY, .missed = 3};
	assert_int_equal(read_measured(&missed), 1);
	assert_true(missed == 7);
	assert_true(latest.packets == 5 && latest.bytes == 600 && latest.new_connections == 2);
	assert_int_equal(latest.source.length, 48);
	measures[8].mark = SLUICE_MEASURE_USED;
	measures[8].source = fixture_source("192.0.2.0/24").addr;
	assert_int_equal(read_measured(&missed), 2);
	assert_int_equal(latest.source.length, 24);

	/* Whoever asked is gone. */
	fixture_reopen();
	assert_true(control->measure_until_ns == 0);
	assert_int_equal(port.ops->measure_start(port.dp, &good, 60000), 0);
	assert_int_equal(port.ops->measure_stop(port.dp), 0);
	assert_true(control->measure_until_ns == 0);
	munmap(control, sizeof(*control));
	munmap(filter, sizeof(*filter));
	munmap(measures, SLUICE_MEASURES * sizeof(*measures));
}

/* ---- samples of refusals -------------------------------------------------------------------- */

static struct sluice_refusal *rings;
static struct dp_refusal refusals[2 * RING];
static uint32_t refusal_count;
static uint64_t lost;

static size_t rings_bytes(void)
{
	return (size_t)libbpf_num_possible_cpus() * RING * sizeof(*rings);
}

static int set_up_rings(void **state)
{
	fixture_set_up(state);
	rings = instance_map(INSTANCE, "refusals", rings_bytes());
	lost = 0;
	return 0;
}

static int tear_down_rings(void **state)
{
	munmap(rings, rings_bytes());
	return fixture_tear_down(state);
}

static void refuse(int cpu, uint32_t number)
{
	struct sluice_refusal *entry = &rings[(uint32_t)cpu * RING + (number & (RING - 1))];

	entry->time_ns = 1000ULL + number;
	entry->source = fixture_source("192.0.2.1").addr;
	entry->word = SLUICE_REFUSAL(number, 7, 4, SLUICE_REFUSAL_WOULD);
}

static void on_refusal(void *arg, const struct dp_refusal *refusal)
{
	(void)arg;
	assert_true(refusal_count < ARRAY_SIZE(refusals));
	refusals[refusal_count++] = *refusal;
}

static uint32_t read_refusals(void)
{
	refusal_count = 0;
	assert_int_equal(port.ops->refusals_read(port.dp, on_refusal, NULL, &lost), 0);
	return refusal_count;
}

static void test_refusals(void **state)
{
	int last = libbpf_num_possible_cpus() - 1;
	struct prefix source = fixture_source("192.0.2.1");

	(void)state;
	assert_int_equal(read_refusals(), 0);
	refuse(0, 1);
	refuse(0, 2);
	refuse(last, last ? 1 : 3);
	assert_int_equal(read_refusals(), 3);
	assert_int_equal(refusals[0].limit, 7);
	assert_int_equal(refusals[0].kind, SLUICE_REFUSAL_WOULD);
	assert_int_equal(refusals[0].packets, 16);
	assert_true(addr_equal(&refusals[0].source, &source.addr));
	assert_int_equal(refusals[0].time_ns, 1001);
	assert_int_equal(refusals[1].time_ns, 1002);
	assert_int_equal(read_refusals(), 0);
	refuse(0, last ? 3 : 4);
	assert_int_equal(read_refusals(), 1);
	assert_true(lost == 0);
}

/* More than the ring holds: the oldest are lost, and counted. */
static void test_refusals_lost(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 1; i <= RING; i++)
		refuse(0, i);
	assert_int_equal(read_refusals(), RING);
	assert_true(lost == 0);
	for (; i <= 2 * RING + 100; i++)
		refuse(0, i);
	assert_int_equal(read_refusals(), RING);
	assert_true(lost == 100);
	assert_int_equal(refusals[0].time_ns, 1000 + RING + 101);
	assert_int_equal(refusals[RING - 1].time_ns, 1000 + 2 * RING + 100);
	for (; i <= 10 * RING; i++)
		refuse(0, i);
	assert_int_equal(read_refusals(), RING);
	assert_true(lost == 100 + 7 * RING - 100);
}

/* An entry that is being written waits for the next time, and so do those behind it. */
static void test_refusal_being_written(void **state)
{
	(void)state;
	refuse(0, 1);
	refuse(0, 2);
	refuse(0, 3);
	rings[2].word = 0;
	assert_int_equal(read_refusals(), 1);
	assert_int_equal(read_refusals(), 0);
	refuse(0, 2);
	assert_int_equal(read_refusals(), 2);
	assert_true(lost == 0);
}

/* A daemon that comes later begins with what is refused then. */
static void test_refusals_from_now_on(void **state)
{
	struct sluice_refusal_gate gates[1024] = {0};
	uint32_t zero = 0;
	int fd;

	(void)state;
	refuse(0, UINT32_MAX - 2);
	gates[0].number = UINT32_MAX - 2;
	fd = bpf_obj_get(DIR "/" SLUICE_PIN_ABI "/refusal_gate");
	assert_int_equal(bpf_map_update_elem(fd, &zero, gates, BPF_ANY), 0);
	close(fd);
	fixture_reopen();
	assert_int_equal(read_refusals(), 0);
	refuse(0, UINT32_MAX - 1);
	refuse(0, UINT32_MAX);
	refuse(0, 1); /* 0 is no number */
	assert_int_equal(read_refusals(), 3);
	assert_true(lost == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ceilings, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_ceilings_are_swept, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_measures, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up_rings, tear_down_rings),
		cmocka_unit_test_setup_teardown(test_refusals_lost, set_up_rings, tear_down_rings),
		cmocka_unit_test_setup_teardown(test_refusal_being_written, set_up_rings,
						tear_down_rings),
		cmocka_unit_test_setup_teardown(test_refusals_from_now_on, set_up_rings,
						tear_down_rings),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	space_require_root();
	fixture_name(INSTANCE);
	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
