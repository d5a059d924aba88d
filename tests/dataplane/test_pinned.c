/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What those see and do who come to the pinned maps without the daemon. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "dataplane/instance.h"
#include "dataplane/pinned.h"
#include "dataplane/space.h"

#define INSTANCE "sld-test"

static struct dp_pinned *open_pinned(struct dp_node *ret_node)
{
	struct dp_pinned *pinned = NULL;
	struct err e = {0};

	if (dp_pinned_open(INSTANCE, &pinned, &e) || dp_pinned_node(pinned, ret_node, &e))
		fail_msg("%s (%s)", e.text, e.hint);
	return pinned;
}

static void test_nothing_pinned(void **state)
{
	struct dp_pinned *pinned = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(dp_pinned_open("sld-nothing", &pinned, &e), -ENOENT);
	assert_null(pinned);
	assert_true(dp_pinned_open("../etc", &pinned, &e) < 0);
	assert_null(pinned);
}

/* Daemon and visitor see one and the same, and the same time. */
static void test_bypass(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_bypass_state bypass;
	struct dp_node ours, theirs;
	struct dp_pinned *pinned;

	(void)state;
	assert_int_equal(dp_bpf_node(dp, &ours), 0);
	pinned = open_pinned(&theirs);
	assert_in_range(theirs.now_ns - ours.now_ns, 0, 2000000000ULL);
	dp_node_bypass_get(&ours, DP_BYPASS_LIMITS, &bypass);
	assert_false(bypass.is_on);

	dp_node_bypass_set(&theirs, DP_BYPASS_LIMITS, 60, "alice");
	assert_int_equal(ours.control->bypass_limits_until_ns, theirs.now_ns + 60000000000ULL);
	assert_int_equal(ours.control->bypass_lists_until_ns, 0);
	dp_node_bypass_get(&ours, DP_BYPASS_LIMITS, &bypass);
	assert_true(bypass.is_on);
	assert_in_range(bypass.left_s, 60, 63); /* ours looked a moment before */
	assert_string_equal(bypass.by, "alice");
	assert_in_range(bypass.since_s, clock_wall_s() - 2, clock_wall_s());
	dp_node_bypass_get(&ours, DP_BYPASS_LISTS, &bypass);
	assert_false(bypass.is_on);

	/* Later it is over. */
	ours.now_ns = theirs.now_ns + 59500000000ULL;
	dp_node_bypass_get(&ours, DP_BYPASS_LIMITS, &bypass);
	assert_int_equal(bypass.left_s, 1);
	ours.now_ns = theirs.now_ns + 60000000000ULL;
	dp_node_bypass_get(&ours, DP_BYPASS_LIMITS, &bypass);
	assert_false(bypass.is_on);
	assert_int_equal(bypass.left_s, 0);

	dp_node_bypass_set(&theirs, DP_BYPASS_LISTS, 5,
			   "a name that is longer than there is room for in the note of a bypass");
	dp_node_bypass_set(&theirs, DP_BYPASS_LIMITS, 0, "bob");
	dp_node_bypass_get(&theirs, DP_BYPASS_LISTS, &bypass);
	assert_true(bypass.is_on);
	assert_int_equal(strlen(bypass.by), sizeof(bypass.by) - 1);
	assert_int_equal(ours.control->bypass_limits_until_ns, 0);
	dp_pinned_close(pinned);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void test_trial(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_trial_state trial;
	struct dp_node node;

	(void)state;
	assert_int_equal(dp_bpf_node(dp, &node), 0);
	dp_node_trial_get(&node, &trial);
	assert_int_equal(trial.kind, SLUICE_TRIAL_NONE);
	dp_node_trial_begin(&node, SLUICE_TRIAL_RELOAD, 30);
	dp_bpf_close(dp);

	/* It outlives the daemon. */
	dp = instance_open(INSTANCE);
	assert_int_equal(dp_bpf_node(dp, &node), 0);
	dp_node_trial_get(&node, &trial);
	assert_int_equal(trial.kind, SLUICE_TRIAL_RELOAD);
	assert_false(trial.is_over);
	assert_in_range(trial.left_s, 25, 30);
	node.now_ns += 31000000000ULL;
	dp_node_trial_get(&node, &trial);
	assert_true(trial.is_over);
	assert_int_equal(trial.left_s, 0);
	/* Whatever the note says: a deadline is one. */
	node.notes->trial = 77;
	dp_node_trial_get(&node, &trial);
	assert_int_equal(trial.kind, SLUICE_TRIAL_START);
	dp_node_trial_end(&node);
	dp_node_trial_get(&node, &trial);
	assert_int_equal(trial.kind, SLUICE_TRIAL_NONE);
	assert_int_equal(node.control->deadline_ns, 0);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static bool is_kept(void *arg, const struct sluice_name_key *key)
{
	(void)arg;
	return key->id % 3 == 0;
}

static void set_name(struct dp_bpf *dp, enum sluice_name_kind kind, uint32_t id, uint32_t position,
		     const char *text)
{
	struct sluice_name_key key = {.kind = kind, .id = id, .position = position};

	assert_int_equal(dp_bpf_name_set(dp, &key, text), 0);
}

static void check_state_directory(struct dp_bpf *dp, const struct dp_pinned *pinned, size_t length)
{
	char path[200] = "", got[200] = "";

	while (strlen(path) < length)
		path[strlen(path)] = (char)('a' + strlen(path) % 26);
	assert_int_equal(dp_bpf_state_directory_set(dp, path), 0);
	assert_int_equal(dp_pinned_state_directory(pinned, got, sizeof(got)), 0);
	assert_string_equal(got, path);
	assert_int_equal(dp_pinned_state_directory(pinned, got, length + 1), 0);
	assert_int_equal(dp_pinned_state_directory(pinned, got, length), -ENOENT);
}

static void test_names(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_pinned *pinned;
	struct dp_node node;
	char text[64];
	uint32_t id;

	(void)state;
	for (id = 1; id <= 300; id++) {
		snprintf(text, sizeof(text), "service-%u", id);
		set_name(dp, SLUICE_NAME_SERVICE, id, 0, text);
		set_name(dp, SLUICE_NAME_POOL, id, 1, "blue");
	}
	set_name(dp, SLUICE_NAME_SERVICE, 7, 0, "renamed");
	pinned = open_pinned(&node);
	assert_true(dp_pinned_name(pinned, SLUICE_NAME_SERVICE, 7, 0, text));
	assert_string_equal(text, "renamed");
	assert_true(dp_pinned_name(pinned, SLUICE_NAME_POOL, 300, 1, text));
	assert_string_equal(text, "blue");
	assert_false(dp_pinned_name(pinned, SLUICE_NAME_POOL, 300, 0, text));
	assert_string_equal(text, "");
	check_state_directory(dp, pinned, 10);
	check_state_directory(dp, pinned, 130);
	check_state_directory(dp, pinned, 63);
	check_state_directory(dp, pinned, 62);
	dp_bpf_names_prune(dp, is_kept, NULL);
	for (id = 1; id <= 300; id++) {
		assert_int_equal(dp_pinned_name(pinned, SLUICE_NAME_SERVICE, id, 0, text),
				 id % 3 == 0);
		assert_int_equal(dp_pinned_name(pinned, SLUICE_NAME_POOL, id, 1, text),
				 id % 3 == 0);
	}
	dp_pinned_close(pinned);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

/* A limit has its name as long as its entry lives, for a daemon that finds it may not take it for another. */
static void test_names_of_limits(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dataplane port = dp_bpf_port(dp);
	struct sluice_limit limit = {.word = SLUICE_LIMIT_F_USED};
	struct dp_pinned *pinned;
	struct dp_node node;
	char text[64];

	(void)state;
	assert_int_equal(port.ops->limit_set(port.dp, 7, &limit), 0);
	set_name(dp, SLUICE_NAME_LIMIT, 7, 0, "lives");
	set_name(dp, SLUICE_NAME_LIMIT, 8, 0, "gone");
	dp_bpf_names_prune(dp, is_kept, NULL);
	pinned = open_pinned(&node);
	assert_true(dp_pinned_name(pinned, SLUICE_NAME_LIMIT, 7, 0, text));
	assert_string_equal(text, "lives");
	assert_false(dp_pinned_name(pinned, SLUICE_NAME_LIMIT, 8, 0, text));
	limit.word = 0;
	assert_int_equal(port.ops->limit_set(port.dp, 7, &limit), 0);
	dp_bpf_names_prune(dp, is_kept, NULL);
	assert_false(dp_pinned_name(pinned, SLUICE_NAME_LIMIT, 7, 0, text));
	dp_pinned_close(pinned);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

/* A service of 4,096 slots: member 1 owns three quarters, member 2 the rest, each the other's
 * runner-up. */
static void fill(struct dp_bpf *dp)
{
	static uint64_t words[1 << 12];
	static uint32_t runner[1 << 12];
	struct dataplane port = dp_bpf_port(dp);
	struct dp_service service = {.id = 3, .port = 80, .proto = 6, .slots_log2 = 12};
	struct sluice_member member = {.word = SLUICE_MEMBER(0, SLUICE_MODE_L2, 0, 1500),
				       .service = 3,
				       .family = SLUICE_FAMILY_V4};
	uint32_t i;

	assert_int_equal(addr_parse("192.0.2.10", &service.addr), 0);
	assert_int_equal(addr_parse("10.0.0.2", &member.addr), 0);
	for (i = 0; i < 1 << 12; i++) {
		words[i] = i % 4 ? SLUICE_SLOT(1, 1) : SLUICE_SLOT(2, 2);
		runner[i] = i % 4 ? 2 : 1;
	}
	assert_int_equal(port.ops->member_set(port.dp, 1, &member), 0);
	assert_int_equal(port.ops->member_set(port.dp, 2, &member), 0);
	assert_int_equal(port.ops->slots_write(port.dp, 0, 12, words, runner), 0);
	assert_int_equal(port.ops->service_set(port.dp, &service), 0);
}

static const struct sluice_service *find(const struct dp_pinned *pinned)
{
	const struct sluice_service *found = NULL;

	for (uint32_t cell = 0; cell < pinned->services.count; cell++) {
		const struct sluice_service *service = dp_pinned_service(pinned, cell);

		if (!service)
			continue;
		assert_null(found); /* address cells are none */
		found = service;
	}
	return found;
}

static void assert_owned(const struct dp_pinned *pinned, uint32_t one, uint32_t two)
{
	AUTO_FREE uint32_t *owned = NULL;

	assert_int_equal(dp_pinned_owned(pinned, find(pinned), &owned), 1 << 12);
	assert_int_equal(owned[1], one);
	assert_int_equal(owned[2], two);
}

static void test_services(void **state)
{
	struct sluice_verdict_stats verdicts[SLUICE_V_MAX];
	struct sluice_member_stats stats;
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dp_pinned *pinned;
	struct dp_node node;

	(void)state;
	fill(dp);
	dp_bpf_close(dp);
	pinned = open_pinned(&node);
	assert_non_null(find(pinned));
	assert_int_equal(find(pinned)->id, 3);
	assert_null(dp_pinned_member(pinned, 0));
	assert_null(dp_pinned_member(pinned, 3));
	assert_null(dp_pinned_member(pinned, 1 << 30));
	assert_owned(pinned, 3072, 1024);
	dp_pinned_member(pinned, 1)->word |= SLUICE_MEMBER_F_DEAD;
	assert_owned(pinned, 0, 4096);
	dp_pinned_member(pinned, 2)->word |= SLUICE_MEMBER_F_DEAD;
	assert_owned(pinned, 0, 0);
	assert_int_equal(dp_pinned_member_stats(pinned, 1, &stats), 0);
	assert_int_equal(stats.packets, 0);
	assert_int_equal(dp_pinned_verdict_stats(pinned, verdicts), 0);
	assert_int_equal(verdicts[SLUICE_V_forwarded].packets, 0);
	dp_pinned_close(pinned);
	instance_clean(INSTANCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_pinned),	cmocka_unit_test(test_bypass),
		cmocka_unit_test(test_trial),		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_of_limits), cmocka_unit_test(test_services),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	space_require_root();
	space_enter();
	return cmocka_run_group_tests_name("pinned", tests, NULL, NULL);
}
