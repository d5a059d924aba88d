/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bans through the port, on real maps. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "base/util.h"
#include "dataplane/fixture.h"
#include "dataplane/space.h"

#define INSTANCE "sld-test-bans"

static uint64_t limit_flags(uint32_t index)
{
	struct sluice_limit *limits =
		instance_map(INSTANCE, "limits", instance_capacity.limits * sizeof(*limits));
	uint64_t flags = limits[index].flags;

	munmap(limits, instance_capacity.limits * sizeof(*limits));
	return flags;
}

static bool is_set(uint64_t flag)
{
	struct sluice_control *control = fixture_control();
	bool ret = control->flags & flag;

	munmap(control, sizeof(*control));
	return ret;
}

static bool has_bans(void)
{
	return is_set(SLUICE_CONTROL_F_BANS);
}

static bool has_bans_of_all(void)
{
	return is_set(SLUICE_CONTROL_F_BANS_ALL);
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

static int ban(uint32_t limit, const char *source, uint64_t for_ms, bool is_all)
{
	return port.ops->ban_set(port.dp, &(struct dp_ban){.limit = limit,
							   .source = fixture_source(source),
							   .left_ms = for_ms,
							   .is_all = is_all});
}

static int lift(uint32_t limit, const char *source)
{
	struct prefix prefix = fixture_source(source);

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
	struct wanted wanted = {.limit = limit, .source = fixture_source(source)};

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
	assert_true(has_bans_of_all());
	assert_in_range(look_for(4, "192.0.2.0/32").found.left_ms, 110000, 120000);

	/* Again: another time, no second one. */
	assert_int_equal(ban(3, "2001:db8:1:2::/64", 500000, false), 0);
	wanted = look_for(3, "2001:db8:1:2::/64");
	assert_int_equal(wanted.all, 3);
	assert_in_range(wanted.found.left_ms, 490000, 500000);
	assert_false(wanted.found.is_all);
	assert_true(limit_flags(3) == SLUICE_LIMIT_F_BANS);
	assert_false(has_bans_of_all());

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

/* Also when the next daemon has given the number to another limit: it says which one banned. */
static void test_bans_know_their_limit(void **state)
{
	const struct sluice_name_key key = {.kind = SLUICE_NAME_LIMIT, .id = 3};

	(void)state;
	set_limit(3, limit_of(32, 64));
	assert_int_equal(dp_bpf_name_set(dp, &key, "gone"), 0);
	assert_int_equal(ban(3, "192.0.2.1/32", 60000, false), 0);
	fixture_reopen();
	assert_int_equal(dp_bpf_name_set(dp, &key, "new"), 0);
	assert_string_equal(look_for(3, "192.0.2.1/32").found.limit_name, "gone");
}

/* Bans of no limit, as no daemon writes them, are nobody's. */
static void test_tampered(void **state)
{
	static const uint32_t limits[] = {SLUICE_LIMIT_NONE, 64, UINT32_MAX};
	const struct sluice_ban value = {.until_ns = UINT64_MAX};
	struct sluice_ban_key key = {.family = SLUICE_FAMILY_V4,
				     .addr = fixture_source("192.0.2.9/32").addr};
	AUTO_CLOSE int fd =
		bpf_obj_get(SLUICE_PIN_ROOT "/" INSTANCE "/" SLUICE_PIN_ABI "/" SLUICE_MAP_BANS);

	(void)state;
	assert_int_equal(instance_capacity.limits, 64);
	set_limit(3, limit_of(32, 64));
	assert_int_equal(ban(3, "192.0.2.1/32", 60000, false), 0);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		key.limit = limits[i];
		assert_int_equal(bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
	}
	assert_int_equal(look_for(3, "192.0.2.1/32").all, 1);
	fixture_reopen();
	assert_int_equal(look_for(3, "192.0.2.1/32").all, 1);
	assert_int_equal(look_for(3, "192.0.2.1/32").count, 1);
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
	control = fixture_control();
	control->flags &= ~(SLUICE_CONTROL_F_BANS | SLUICE_CONTROL_F_BANS_ALL);
	munmap(control, sizeof(*control));
	fixture_reopen();
	assert_true(has_bans() && has_bans_of_all());
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bans, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_ban_refused, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_ban_over, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_bans_follow_their_limit, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_bans_know_their_limit, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_tampered, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_bans_survive, fixture_set_up,
						fixture_tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	space_require_root();
	fixture_name(INSTANCE);
	return cmocka_run_group_tests_name("bans", tests, NULL, NULL);
}
