/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bans, ceilings and samples of refusals through the port, on real maps. */
#include <arpa/inet.h>
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
#include "dataplane/instance.h"
#include "dataplane/space.h"

#define INSTANCE "sld-test-sources"
#define DIR SLUICE_PIN_ROOT "/" INSTANCE
#define RING SLUICE_REFUSALS_PER_CPU

static struct dp_bpf *dp;
static struct dataplane port;

static int set_up(void **state)
{
	(void)state;
	dp = instance_open(INSTANCE);
	port = dp_bpf_port(dp);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
	return 0;
}

static void reopen(void)
{
	dp_bpf_close(dp);
	set_up(NULL);
	assert_true(dp_bpf_is_adopted(dp));
}

/* The pinned map once more, as whoever comes from outside sees it. */
static void *map_pinned(const char *name, size_t bytes)
{
	char path[128];
	void *memory;
	int fd;

	snprintf(path, sizeof(path), DIR "/" SLUICE_PIN_ABI "/%s", name);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static struct sluice_control *map_control(void)
{
	return map_pinned("control", sizeof(struct sluice_control));
}

static uint64_t limit_flags(uint32_t index)
{
	struct sluice_limit *limits =
		map_pinned("limits", instance_capacity.limits * sizeof(*limits));
	uint64_t flags = limits[index].flags;

	munmap(limits, instance_capacity.limits * sizeof(*limits));
	return flags;
}

static bool has_bans(void)
{
	struct sluice_control *control = map_control();
	bool is_set = control->flags & SLUICE_CONTROL_F_BANS;

	munmap(control, sizeof(*control));
	return is_set;
}

/* ---- bans ----------------------------------------------------------------------------------- */

static struct sluice_limit limit_of(uint64_t length4, uint64_t length6)
{
	return (struct sluice_limit){.word = SLUICE_LIMIT_F_USED | (length4 - 1) << 51 |
					     (length6 - 1) << 56,
				     .rate = SLUICE_LIMIT_RATE(100, 1000)};
}

static void set_limit(uint32_t index, struct sluice_limit limit)
{
	assert_int_equal(port.ops->limit_set(port.dp, index, &limit), 0);
}

static struct prefix source_of(const char *text)
{
	struct prefix prefix;
	struct err e = {0};

	assert_int_equal(prefix_parse(text, strlen(text), &prefix, &e), 0);
	return prefix;
}

static int ban(uint32_t limit, const char *source, uint64_t for_ms, bool is_all)
{
	return port.ops->ban_set(port.dp, &(struct dp_ban){.limit = limit,
							   .source = source_of(source),
							   .left_ms = for_ms,
							   .is_all = is_all});
}

static int lift(uint32_t limit, const char *source)
{
	struct prefix prefix = source_of(source);

	return port.ops->ban_delete(port.dp, limit, &prefix);
}

struct wanted {
	uint32_t limit;
	struct prefix source;
	struct dp_ban found;
	unsigned int count, all;
};

static void find(void *arg, const struct dp_ban *found)
{
	struct wanted *wanted = arg;

	wanted->all++;
	if (found->limit != wanted->limit || prefix_compare(&found->source, &wanted->source))
		return;
	wanted->found = *found;
	wanted->count++;
}

static struct wanted look_for(uint32_t limit, const char *source)
{
	struct wanted wanted = {.limit = limit, .source = source_of(source)};

	assert_int_equal(port.ops->ban_each(port.dp, find, &wanted), 0);
	assert_true(wanted.count <= 1);
	return wanted;
}

static void test_bans(void **state)
{
	struct wanted wanted;

	(void)state;
	set_limit(3, limit_of(24, 64));
	set_limit(4, limit_of(32, 128));
	assert_false(has_bans());
	assert_int_equal(look_for(3, "192.0.2.0/24").all, 0);
	assert_int_equal(ban(3, "192.0.2.0/24", 60000, false), 0);
	assert_int_equal(ban(3, "2001:db8:1:2::/64", 60000, true), 0);
	assert_int_equal(ban(4, "192.0.2.0/32", 120000, false), 0);
	assert_true(has_bans());
	assert_true(limit_flags(3) == (SLUICE_LIMIT_F_BANS | SLUICE_LIMIT_F_BANS_ALL));
	assert_true(limit_flags(4) == SLUICE_LIMIT_F_BANS);
	wanted = look_for(3, "192.0.2.0/24");
	assert_int_equal(wanted.all, 3);
	assert_int_equal(wanted.count, 1);
	assert_in_range(wanted.found.left_ms, 50000, 60000);
	assert_false(wanted.found.is_all);
	assert_true(look_for(3, "2001:db8:1:2::/64").found.is_all);
	assert_in_range(look_for(4, "192.0.2.0/32").found.left_ms, 110000, 120000);

	/* Again: another time, no second one. */
	assert_int_equal(ban(3, "2001:db8:1:2::/64", 500000, false), 0);
	wanted = look_for(3, "2001:db8:1:2::/64");
	assert_int_equal(wanted.all, 3);
	assert_in_range(wanted.found.left_ms, 490000, 500000);
	assert_false(wanted.found.is_all);
	assert_true(limit_flags(3) == SLUICE_LIMIT_F_BANS);

	assert_int_equal(lift(3, "192.0.2.0/24"), 0);
	assert_int_equal(lift(3, "192.0.2.0/24"), -ENOENT);
	assert_true(limit_flags(3) == SLUICE_LIMIT_F_BANS);
	assert_int_equal(lift(3, "2001:db8:1:2::/64"), 0);
	assert_true(limit_flags(3) == 0);
	assert_true(has_bans());
	assert_int_equal(lift(4, "192.0.2.0/32"), 0);
	assert_false(has_bans());
}

static void test_ban_refused(void **state)
{
	char source[24];
	uint32_t i;

	(void)state;
	set_limit(3, limit_of(32, 64));
	assert_int_equal(ban(0, "192.0.2.1/32", 1000, false), -ENOENT);
	assert_int_equal(ban(4, "192.0.2.1/32", 1000, false), -ENOENT);
	assert_int_equal(ban(instance_capacity.limits, "192.0.2.1/32", 1000, false), -ENOENT);
	assert_int_equal(ban(3, "192.0.2.0/24", 1000, false), -EINVAL);
	assert_int_equal(ban(3, "2001:db8::1/128", 1000, false), -EINVAL);
	assert_int_equal(ban(3, "192.0.2.1/32", 0, false), -EINVAL);
	assert_int_equal(lift(instance_capacity.limits, "192.0.2.1/32"), -ENOENT);
	assert_false(has_bans());
	for (i = 0; i < instance_capacity.bans; i++) {
		snprintf(source, sizeof(source), "10.0.%u.%u/32", i / 256, i % 256);
		assert_int_equal(ban(3, source, 1000, false), 0);
	}
	assert_int_equal(ban(3, "192.0.2.1/32", 1000, false), -ENOSPC);
	assert_int_equal(look_for(3, "10.0.0.0/32").all, instance_capacity.bans);
}

/* A ban ends by the clock; its entry stays until somebody deletes it, also from within a walk. */
static void lift_each(void *arg, const struct dp_ban *found)
{
	*(unsigned int *)arg += !found->left_ms;
	assert_int_equal(port.ops->ban_delete(port.dp, found->limit, &found->source), 0);
}

static void test_ban_over(void **state)
{
	unsigned int over = 0;

	(void)state;
	set_limit(3, limit_of(32, 64));
	assert_int_equal(ban(3, "192.0.2.1/32", 1, false), 0);
	assert_int_equal(ban(3, "192.0.2.2/32", 60000, false), 0);
	while (look_for(3, "192.0.2.1/32").found.left_ms)
		usleep(1000);
	assert_int_equal(port.ops->ban_each(port.dp, lift_each, &over), 0);
	assert_int_equal(over, 1);
	assert_false(has_bans());
}

static void test_bans_follow_their_limit(void **state)
{
	struct sluice_limit limit = limit_of(32, 64);

	(void)state;
	set_limit(3, limit);
	set_limit(4, limit);
	assert_int_equal(ban(3, "192.0.2.1/32", 60000, true), 0);
	assert_int_equal(ban(4, "192.0.2.1/32", 60000, false), 0);
	/* Another rate, and flags of the caller's: it stays. */
	limit.rate = SLUICE_LIMIT_RATE(200, 1000);
	limit.flags = SLUICE_LIMIT_F_CLOSED;
	set_limit(3, limit);
	assert_int_equal(look_for(3, "192.0.2.1/32").count, 1);
	assert_true(limit_flags(3) ==
		    (SLUICE_LIMIT_F_CLOSED | SLUICE_LIMIT_F_BANS | SLUICE_LIMIT_F_BANS_ALL));
	/* Other sources. */
	set_limit(3, limit_of(24, 64));
	assert_int_equal(look_for(3, "192.0.2.1/32").all, 1);
	assert_true(limit_flags(3) == 0);
	/* No limit any more. */
	set_limit(4, (struct sluice_limit){0});
	assert_int_equal(look_for(4, "192.0.2.1/32").all, 0);
	assert_false(has_bans());
}

static void test_bans_survive(void **state)
{
	struct sluice_control *control;
	struct dp_adopted adopted;

	(void)state;
	set_limit(3, limit_of(32, 64));
	assert_int_equal(ban(3, "192.0.2.1/32", 60000, true), 0);
	assert_int_equal(ban(3, "192.0.2.2/32", 60000, false), 0);
	/* Somebody ended between two steps. */
	control = map_control();
	control->flags &= ~SLUICE_CONTROL_F_BANS;
	munmap(control, sizeof(*control));
	reopen();
	assert_true(has_bans());
	assert_true(limit_flags(3) == (SLUICE_LIMIT_F_BANS | SLUICE_LIMIT_F_BANS_ALL));
	assert_int_equal(look_for(3, "192.0.2.1/32").count, 1);
	/* Whoever compares limits does not stumble over what is not his. */
	assert_int_equal(port.ops->adopt(port.dp, &adopted), 0);
	assert_int_equal(adopted.limit_count, 1);
	assert_true(adopted.limits[0].limit.flags == 0);
	dp_adopted_done(&adopted);
	assert_int_equal(lift(3, "192.0.2.1/32"), 0);
	assert_true(limit_flags(3) == SLUICE_LIMIT_F_BANS);
	assert_int_equal(lift(3, "192.0.2.2/32"), 0);
	assert_false(has_bans());
}

/* ---- ceilings ------------------------------------------------------------------------------- */

static void test_ceilings(void **state)
{
	const uint32_t count = instance_capacity.service_cells + instance_capacity.member_ceilings;
	const size_t bytes = count * sizeof(struct sluice_ceiling);
	struct sluice_ceiling *ceilings = map_pinned("ceilings", bytes);
	struct sluice_ceiling_stats stats;
	struct sluice_member member = {.word = SLUICE_MEMBER(1, SLUICE_MODE_L2, 0, 1500)};
	struct sluice_member *members =
		map_pinned("members", instance_capacity.members * sizeof(*members));
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
	set_up(state);
	rings = map_pinned("refusals", rings_bytes());
	lost = 0;
	return 0;
}

static int tear_down_rings(void **state)
{
	munmap(rings, rings_bytes());
	return tear_down(state);
}

static void refuse(int cpu, uint32_t number)
{
	struct sluice_refusal *entry = &rings[(uint32_t)cpu * RING + (number & (RING - 1))];

	entry->time_ns = 1000ULL + number;
	entry->source = source_of("192.0.2.1").addr;
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
	struct prefix source = source_of("192.0.2.1");

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
	reopen();
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
		cmocka_unit_test_setup_teardown(test_bans, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ban_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ban_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bans_follow_their_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bans_survive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ceilings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up_rings, tear_down_rings),
		cmocka_unit_test_setup_teardown(test_refusals_lost, set_up_rings, tear_down_rings),
		cmocka_unit_test_setup_teardown(test_refusal_being_written, set_up_rings,
						tear_down_rings),
		cmocka_unit_test_setup_teardown(test_refusals_from_now_on, set_up_rings,
						tear_down_rings),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	space_require_root();
	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
