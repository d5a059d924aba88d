/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* New maps take over from those in force: refused, allowed, interrupted at every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "base/util.h"
#include "dataplane/instance.h"
#include "dataplane/layout.h"
#include "dataplane/pinned.h"
#include "dataplane/space.h"

#define INSTANCE "sld-cold"
#define DIR SLUICE_PIN_ROOT "/" INSTANCE
#define PLAIN DIR "/" SLUICE_PIN_ABI
#define BESIDE PLAIN "-2"
#define OTHER_ABI 77
#define OTHER DIR "/abi77"

/* The options of a start whose hash_seed is `seed`; 0: none is configured. */
static struct dp_bpf_options options_of(uint8_t seed, bool may_start_cold)
{
	struct dp_bpf_options options = {.instance = INSTANCE,
					 .capacity = instance_capacity,
					 .has_key = seed,
					 .may_start_cold = may_start_cold};
	const uint8_t bytes[32] = {seed};

	dp_bpf_key_from_seed(bytes, &options.key);
	return options;
}

static struct dp_bpf *open_as(const struct dp_bpf_options *options)
{
	struct dp_bpf *dp = NULL;
	struct err e = {};

	if (dp_bpf_open(options, &dp, &e))
		fail_msg("%s (%s)", e.text, e.hint);
	return dp;
}

static struct dp_bpf *open_with(uint8_t seed, bool may_start_cold)
{
	struct dp_bpf_options options = options_of(seed, may_start_cold);

	return open_as(&options);
}

/* A start that is refused, with this in the reason, and changes nothing. */
static void assert_refused(const struct dp_bpf_options *options, const char *text, const char *hint)
{
	struct dp_bpf *dp = NULL;
	struct err e = {};

	space_run("find " DIR " | sort > build/cold.before");
	assert_int_not_equal(dp_bpf_open(options, &dp, &e), 0);
	assert_int_equal(e.code, ERR_CONFLICT);
	if (!strstr(e.text, text) || !strstr(e.hint, hint))
		fail_msg("%s (%s)", e.text, e.hint);
	space_run("find " DIR " | sort | diff build/cold.before - && rm build/cold.before");
}

static uint32_t attach(struct dp_bpf *dp, const char *interface, bool is_adopted)
{
	struct dp_attachment attachment;
	struct err e = {};

	if (dp_bpf_attach(dp, interface, XDP_ATTACH_NATIVE, &attachment, &e))
		fail_msg("%s (%s)", e.text, e.hint);
	assert_int_equal(attachment.is_adopted, is_adopted);
	return attachment.program_id;
}

static void settle(struct dp_bpf *dp)
{
	struct err e = {};

	if (dp_bpf_settle(dp, &e))
		fail_msg("%s (%s)", e.text, e.hint);
}

/* Nothing but one set of maps is left, at its usual place. */
static void assert_only_plain(void)
{
	space_run("test \"$(ls " DIR ")\" = " SLUICE_PIN_ABI);
	space_run("test $(ls " PLAIN " | grep -c program-) = 1");
}

/* What took over is all that is left; then that goes, too. */
static void finish(struct dp_bpf *dp)
{
	settle(dp);
	assert_only_plain();
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void *program_of(uint32_t id)
{
	static char text[64];

	snprintf(text, sizeof(text), "prog/xdp id %u ", id);
	return text;
}

static void assert_runs(const char *interface, uint32_t id)
{
	space_run("ip -d link show %s | grep -q '%s'", interface, (char *)program_of(id));
}

static void change_meta(const char *dir, void (*fn)(struct sluice_meta *meta))
{
	AUTO_FREE char *path = util_printf("%s/meta", dir);
	AUTO_CLOSE int fd = bpf_obj_get(path);
	struct sluice_meta meta;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &meta), 0);
	fn(&meta);
	assert_int_equal(bpf_map_update_elem(fd, &zero, &meta, 0), 0);
}

static void set_other_abi(struct sluice_meta *meta)
{
	meta->abi = OTHER_ABI;
}

static void clear_generation(struct sluice_meta *meta)
{
	meta->generation = 0;
}

static void test_refused_unless_allowed(void **state)
{
	struct dp_bpf_options seed = options_of(2, false), larger = options_of(0, false);
	struct dp_bpf *dp = open_with(1, false);
	uint32_t id = attach(dp, "dp0", false);

	(void)state;
	dp_bpf_close(dp);
	assert_refused(&seed, "hash_seed is not the one", "--cold-start: ");
	larger.capacity.slots *= 2;
	assert_refused(&larger, "slots has 16384 entries", "--cold-start: ");
	assert_runs("dp0", id);
	/* The flag is a leave, not an order. */
	dp = open_with(1, true);
	assert_null(dp_bpf_cold_reason(dp));
	assert_true(dp_bpf_is_adopted(dp));
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void test_takes_over(void **state)
{
	struct dp_bpf_options larger = options_of(0, true);
	struct dp_bpf *dp = open_with(0, false);
	struct sluice_meta meta = *dp_bpf_meta(dp);
	uint32_t first = attach(dp, "dp0", false), second;
	struct dp_bypass_state bypass;
	const uint16_t host_limits[SLUICE_SERVICE_LIMITS_MAX] = {3};
	struct routes_place routes = {201, 202};
	const struct sluice_control *control;
	struct dp_pinned *pinned;
	struct dataplane port;
	struct dp_node node;
	struct err e = {};

	(void)state;
	assert_int_equal(dp_bpf_node(dp, &node), 0);
	dp_node_bypass_set(&node, DP_BYPASS_LISTS, 3600, "alice");
	dp_bpf_note_routes(dp, &routes);
	dp_bpf_set_active(dp, false);
	port = dp_bpf_port(dp);
	assert_int_equal(port.ops->host_limits_set(port.dp, host_limits), 0);
	dp_bpf_close(dp);

	larger.capacity.slots *= 2;
	dp = open_as(&larger);
	assert_non_null(strstr(dp_bpf_cold_reason(dp), "slots has 16384 entries"));
	assert_false(dp_bpf_is_adopted(dp));
	/* Until it takes over, others see what is in force. */
	assert_int_equal(dp_pinned_open(INSTANCE, &pinned, &e), 0);
	assert_int_equal(pinned->slots.count, instance_capacity.slots);
	dp_pinned_close(pinned);
	assert_runs("dp0", first);

	dp_bpf_take_over(dp);
	dp_bpf_discard(dp);				/* too late */
	assert_int_not_equal(dp_bpf_settle(dp, &e), 0); /* too early */
	assert_non_null(strstr(e.text, "still runs"));
	second = attach(dp, "dp0", true);
	assert_int_not_equal(first, second);
	settle(dp);
	assert_only_plain();

	/* The key goes over, and what is about the node; the sizes are the new ones. */
	assert_memory_equal(&dp_bpf_meta(dp)->key, &meta.key, sizeof(meta.key));
	assert_false(dp_bpf_is_active(dp));
	assert_int_equal(dp_bpf_node(dp, &node), 0);
	dp_node_bypass_get(&node, DP_BYPASS_LISTS, &bypass);
	assert_in_range(bypass.left_s, 3000, 3600);
	assert_string_equal(bypass.by, "alice");
	dp_bpf_noted_routes(dp, &routes);
	assert_int_equal(routes.table, 201);
	assert_int_equal(routes.protocol, 202);
	/* What names entries of the old maps does not, nor that they had lists or bans. */
	control = instance_map(INSTANCE, "control", sizeof(*control));
	assert_true(control->host_limits == 0);
	assert_true((control->flags & ~SLUICE_CONTROL_F_ACTIVE) == 0);
	dp_bpf_close(dp);
	larger.may_start_cold = false;
	dp = open_as(&larger);
	assert_true(dp_bpf_is_adopted(dp));
	assert_int_equal(attach(dp, "dp0", true) == second, false);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

/* Before it took over: what is in force stays so, and the remains are in nobody's way. */
static void test_interrupted_before(void **state)
{
	struct dp_bpf_options seed = options_of(2, false);
	struct dp_bpf *dp = open_with(1, false);
	uint32_t first = attach(dp, "dp0", false);

	(void)state;
	dp_bpf_close(dp);
	/* It gives up by itself. */
	dp = open_with(2, true);
	assert_int_equal(access(BESIDE, F_OK), 0);
	dp_bpf_discard(dp);
	dp_bpf_close(dp);
	assert_only_plain();
	/* It is killed. */
	dp_bpf_close(open_with(2, true));
	assert_int_equal(access(BESIDE "/slots", F_OK), 0);
	assert_refused(&seed, "hash_seed", "--cold-start");
	assert_runs("dp0", first);
	/* It is killed while it pins: a map is missing. */
	assert_int_equal(unlink(BESIDE "/slots"), 0);
	dp = open_with(2, true);
	assert_string_equal(dp_bpf_cold_reason(dp) ? "cold" : "", "cold");
	dp_bpf_close(dp);
	/* The old one comes again, and clears up. */
	dp = open_with(1, false);
	assert_true(dp_bpf_is_adopted(dp));
	attach(dp, "dp0", true);
	finish(dp);
}

/* After it took over: the next start goes on where it ended, without being asked again. */
static void test_interrupted_after(void **state)
{
	struct dp_bpf_options old = options_of(1, false);
	struct dp_bpf *dp = open_with(1, false);
	uint32_t first[2] = {attach(dp, "dp0", false), attach(dp, "dp1", false)}, second;

	(void)state;
	dp_bpf_close(dp);
	dp = open_with(2, true);
	dp_bpf_take_over(dp);
	second = attach(dp, "dp0", true);
	dp_bpf_close(dp);
	assert_runs("dp0", second);
	assert_runs("dp1", first[1]);
	/* The old build, or the old seed, is the other one now. */
	assert_refused(&old, "hash_seed", "--cold-start");

	dp = open_with(2, false);
	assert_true(dp_bpf_is_adopted(dp));
	attach(dp, "dp0", true);
	attach(dp, "dp1", true);
	dp_bpf_close(dp); /* killed before it settled */
	assert_int_equal(access(BESIDE, F_OK), 0);
	dp = open_with(2, false);
	attach(dp, "dp0", true);
	attach(dp, "dp1", true);
	finish(dp);
}

/* And going back from the middle is one more of the same. */
static void test_back_from_the_middle(void **state)
{
	struct dp_bpf *dp = open_with(1, false);

	(void)state;
	attach(dp, "dp0", false);
	attach(dp, "dp1", false);
	dp_bpf_close(dp);
	dp = open_with(2, true);
	dp_bpf_take_over(dp);
	attach(dp, "dp0", true);
	dp_bpf_close(dp);
	dp = open_with(1, true);
	assert_non_null(dp_bpf_cold_reason(dp));
	assert_int_equal(access(PLAIN "-3", F_OK), 0);
	dp_bpf_take_over(dp);
	attach(dp, "dp0", true);
	attach(dp, "dp1", true);
	finish(dp);
}

/* What a build with another SLUICE_ABI leaves: its maps may look like anything. */
static void make_other(uint32_t *ret_program_id)
{
	struct dp_bpf *dp = open_with(0, false);
	struct dp_node node;

	*ret_program_id = attach(dp, "dp0", false);
	assert_int_equal(dp_bpf_node(dp, &node), 0);
	util_copy(node.notes->version, sizeof(node.notes->version), "7.7.7");
	dp_bpf_close(dp);
	change_meta(PLAIN, set_other_abi);
	space_run("mv " PLAIN " " OTHER " && rm " OTHER "/members " OTHER "/slots");
}

static void test_another_abi(void **state)
{
	struct dp_bpf_options options = options_of(0, false);
	struct sluice_hash_key key;
	struct dp_pinned *pinned;
	struct dp_bpf *dp;
	struct err e = {};
	uint32_t id;

	(void)state;
	make_other(&id);
	assert_refused(&options, "are of ABI 77, sluiced knows only ABI", "sluiced 7.7.7");
	assert_refused(&options, "ABI 77", "--cold-start: new maps take over without a gap");
	assert_true(dp_pinned_open(INSTANCE, &pinned, &e) < 0);
	assert_non_null(strstr(e.text, "another ABI"));
	assert_runs("dp0", id);

	dp = open_with(0, true);
	key = dp_bpf_meta(dp)->key;
	assert_non_null(strstr(dp_bpf_cold_reason(dp), "ABI 77"));
	dp_bpf_take_over(dp);
	attach(dp, "dp0", true);
	settle(dp);
	assert_only_plain();
	dp_bpf_close(dp);
	dp = open_with(0, false);
	assert_memory_equal(&dp_bpf_meta(dp)->key, &key, sizeof(key));
	dp_bpf_close(dp);
	instance_clean(INSTANCE);

	/* A cleanup knows the other's programs, too. */
	make_other(&id);
	instance_clean(INSTANCE);
	assert_false(space_try("ip link show dp0 | grep -q xdp"));
}

static void test_damaged(void **state)
{
	struct dp_bpf_options options = options_of(0, false);
	struct sluice_hash_key key;
	struct dp_bpf *dp = open_with(0, false);

	(void)state;
	key = dp_bpf_meta(dp)->key;
	attach(dp, "dp0", false);
	dp_bpf_close(dp);
	assert_int_equal(unlink(PLAIN "/flows"), 0);
	assert_refused(&options, "the pinned map flows is missing", "--cold-start");
	dp = open_with(0, true);
	assert_memory_equal(&dp_bpf_meta(dp)->key, &key, sizeof(key));
	dp_bpf_take_over(dp);
	attach(dp, "dp0", true);
	settle(dp);
	dp_bpf_close(dp);

	/* Without its description the key is lost: that is said. */
	assert_int_equal(unlink(PLAIN "/meta"), 0);
	assert_refused(&options, "meta is missing", "so is their key");
	dp = open_with(0, true);
	assert_memory_not_equal(&dp_bpf_meta(dp)->key, &key, sizeof(key));
	dp_bpf_take_over(dp);
	attach(dp, "dp0", true);
	finish(dp);
}

/* Maps that say that nobody uses them, whose program an interface runs: never cleared away. */
static void test_unfinished_but_attached(void **state)
{
	struct dp_bpf_options seed = options_of(2, true);
	struct dp_bpf *dp = open_with(1, false);
	uint32_t id;

	(void)state;
	attach(dp, "dp0", false);
	dp_bpf_close(dp);
	dp = open_with(2, true);
	id = attach(dp, "dp0", true);
	dp_bpf_close(dp);
	change_meta(BESIDE, clear_generation);
	assert_refused(&seed, "an interface runs its program", "sluiced --cleanup");
	assert_runs("dp0", id);
	instance_clean(INSTANCE);
}

static void test_not_on_trial(void **state)
{
	struct dp_bpf_options seed = options_of(2, true);
	struct dp_bpf *dp = open_with(1, false);
	struct dp_node node;

	(void)state;
	attach(dp, "dp0", false);
	assert_int_equal(dp_bpf_node(dp, &node), 0);
	dp_node_trial_begin(&node, SLUICE_TRIAL_RELOAD, 60);
	dp_bpf_close(dp);
	assert_refused(&seed, "on trial", "sluicectl confirm");
	instance_clean(INSTANCE);
}

static int set_up(void **state)
{
	(void)state;
	space_enter();
	space_veth("dp0");
	space_veth("dp1");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	instance_clean(INSTANCE);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_unless_allowed),
		cmocka_unit_test(test_takes_over),
		cmocka_unit_test(test_interrupted_before),
		cmocka_unit_test(test_interrupted_after),
		cmocka_unit_test(test_back_from_the_middle),
		cmocka_unit_test(test_another_abi),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_unfinished_but_attached),
		cmocka_unit_test(test_not_on_trial),
	};

	space_require_root();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
