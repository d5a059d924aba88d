/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a controller that finds members says of them, end to end in the model. */
#include "unit/circuit_world.h"

#include "core/overlay.h"
#include "core/share_text.h"
#include "state/changes.h"

#define TWO "    members: [10.0.0.1, 10.0.0.2]\n"

static void discovery(struct world *w, const struct model_member *m, enum discovery_state to)
{
	const struct change change = {.type = CHANGE_MEMBER_DISCOVERY,
				      .owner = OWNER_API,
				      .service = "web",
				      .addr = m->addr,
				      .discovery = to,
				      .text = "by request"};

	world_apply(w, &change);
}

static struct model_member *two(const struct world *w)
{
	return member(w, 1);
}

static uint32_t weight(const struct world *w, size_t p, size_t m)
{
	return weights_effective(web(w), &web(w)->pools[p], in_pool(w, p, m));
}

static void not_ready_gets_nothing(void **state)
{
	struct world *w = world(TWO);

	(void)state;
	passes(w, member(w, 0));
	passes(w, two(w));
	discovery(w, two(w), DISCOVERY_NOT_READY);
	assert_int_equal(share(two(w)), 0);
	assert_int_equal(weights_member_rule(two(w)), SHARE_NOT_READY);
	assert_false(two(w)->is_dead); /* its connections stay */
	assert_int_equal(weight(w, 0, 0), 1U << 31);
	/* Not even when nobody else serves: it said itself that it cannot. */
	fails(w, member(w, 0), HEALTH_ANSWERED);
	assert_int_equal(share(two(w)), 0);
	passes(w, member(w, 0));
	discovery(w, two(w), DISCOVERY_READY);
	assert_int_equal(share(two(w)), ALL);
	world_free(w);
}

static void terminating_serves_while_nobody_else_does(void **state)
{
	struct world *w = world(TWO "    circuit: {mode: disabled}\n");

	(void)state;
	passes(w, member(w, 0));
	passes(w, two(w));
	discovery(w, two(w), DISCOVERY_TERMINATING);
	assert_int_equal(share(two(w)), 0);
	assert_int_equal(member_state_of(two(w)), MEMBER_DRAINING);
	assert_false(two(w)->is_dead);
	web(w)->is_dirty = false;
	fails(w, member(w, 0), HEALTH_SILENT);
	assert_int_equal(share(two(w)), ALL);
	assert_true(web(w)->is_dirty);
	assert_int_equal(web(w)->panic, PANIC_NONE); /* somebody serves, and is well */
	assert_int_equal(member_state_of(two(w)), MEMBER_SERVING);
	passes(w, member(w, 0));
	assert_int_equal(share(two(w)), 0);
	/* All of them terminate: all serve. */
	discovery(w, member(w, 0), DISCOVERY_TERMINATING);
	assert_int_equal(share(member(w, 0)), ALL);
	assert_int_equal(share(two(w)), ALL);
	world_free(w);
}

/* A pool whose members are being replaced keeps its share beside another. */
static void others_in_the_pool_get_its_weight(void **state)
{
	struct world *w = world("    pools:\n"
				"      a: {members: [10.0.0.1, 10.0.0.2]}\n"
				"      b: {members: [10.0.0.3]}\n");

	(void)state;
	assert_int_equal(weight(w, 0, 0), 1U << 29);
	discovery(w, two(w), DISCOVERY_TERMINATING);
	assert_int_equal(weight(w, 0, 0), 1U << 30);
	assert_int_equal(weight(w, 0, 1), 0);
	assert_int_equal(weight(w, 1, 0), 1U << 30);
	discovery(w, two(w), DISCOVERY_NOT_READY);
	assert_int_equal(weight(w, 0, 0), 1U << 30);
	world_free(w);
}

/* A fallback that is well is no reason not to use who terminates; to its own members it is. */
static void a_fallback_is_nobody_else(void **state)
{
	struct world *w = world("    fallback: spare\n"
				"    pools:\n"
				"      a: {members: [10.0.0.1]}\n"
				"      spare: {members: [10.0.0.3, 10.0.0.4]}\n");

	(void)state;
	discovery(w, member(w, 0), DISCOVERY_TERMINATING);
	assert_int_equal(share(member(w, 0)), ALL);
	assert_int_equal(web(w)->panic, PANIC_NONE);
	discovery(w, in_pool(w, 1, 0), DISCOVERY_TERMINATING);
	discovery(w, member(w, 0), DISCOVERY_NOT_READY);
	assert_int_equal(web(w)->panic, PANIC_FALLBACK);
	assert_int_equal(share(in_pool(w, 1, 0)), 0);
	assert_int_equal(share(in_pool(w, 1, 1)), ALL);
	discovery(w, in_pool(w, 1, 1), DISCOVERY_NOT_READY);
	assert_int_equal(share(in_pool(w, 1, 0)), ALL);
	world_free(w);
}

static void people_go_before(void **state)
{
	struct world *w = world(TWO);

	(void)state;
	discovery(w, two(w), DISCOVERY_TERMINATING);
	override(w, two(w), OVERRIDE_FORCED, 0);
	assert_int_equal(share(two(w)), ALL);
	override(w, two(w), OVERRIDE_EJECTED, 0);
	assert_int_equal(weights_member_rule(two(w)), SHARE_EJECTED);
	assert_int_equal(two(w)->discovery, DISCOVERY_TERMINATING);
	world_free(w);
}

static void in_words(void **state)
{
	struct world *w = world(TWO);
	char text[SHARE_TEXT_MAX];

	(void)state;
	discovery(w, two(w), DISCOVERY_TERMINATING);
	share_text(w->model, web(w), &web(w)->pools[0], two(w), 1, 1, text);
	assert_string_equal(
		text,
		"draining: nothing new, for its discovery says terminating, and others serve");
	discovery(w, two(w), DISCOVERY_NOT_READY);
	share_text(w->model, web(w), &web(w)->pools[0], two(w), 1, 1, text);
	assert_string_equal(text, "draining: nothing new, for its discovery says not ready");
	assert_string_equal(model_discovery_name(DISCOVERY_STATE_MAX), "?");
	world_free(w);
}

static void ignore(void *arg, const struct overlay_entry *entry, const char *why)
{
	(void)arg;
	fail_msg("%s dropped: %s", entry->service, why);
}

/* Through the state file to another daemon; a reload changes nothing of it. */
static void outlives_the_daemon(void **state)
{
	struct world *w = world(TWO), *next = world(TWO);
	struct overlay overlay = {0}, read = {0}, none = {0};
	struct errs errors = {0};
	struct err e = {0};
	char words[160];
	json_t *json;

	(void)state;
	discovery(w, two(w), DISCOVERY_TERMINATING);
	world_load_text(w, HEAD TWO "    learn: 300s\n");
	assert_int_equal(two(w)->discovery, DISCOVERY_TERMINATING);
	overlay_collect(w->model, &overlay);
	assert_int_equal(overlay.count, 1);
	assert_string_equal(overlay_change(&overlay.list[0], words, sizeof(words)),
			    "discovery terminating");
	json = changes_to_json(&overlay);
	assert_int_equal(changes_from_json(json, &read, &e), 0);
	assert_true(overlay_equal(&overlay, &read));
	assert_int_equal(overlay_restore(next->model, &read, 1, ignore, NULL), 1);
	assert_int_equal(two(next)->discovery, DISCOVERY_TERMINATING);
	/* A trial that began without it ends without it. */
	assert_int_equal(overlay_undo(next->model, &none, 1, &errors), 0);
	assert_int_equal(two(next)->discovery, DISCOVERY_READY);
	/* A word that is none spoils the entry. */
	json_object_set_new(json_array_get(json_object_get(json, "members"), 0), "discovery",
			    json_string("gone"));
	overlay_done(&read);
	assert_true(changes_from_json(json, &read, &e) < 0);
	json_decref(json);
	overlay_done(&overlay);
	overlay_done(&read);
	world_free(w);
	world_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_ready_gets_nothing),
		cmocka_unit_test(terminating_serves_while_nobody_else_does),
		cmocka_unit_test(others_in_the_pool_get_its_weight),
		cmocka_unit_test(a_fallback_is_nobody_else),
		cmocka_unit_test(people_go_before),
		cmocka_unit_test(in_words),
		cmocka_unit_test(outlives_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
