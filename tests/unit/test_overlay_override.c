/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A person's word on members over a restart: through JSON, with its time, and undone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "core/overlay.h"
#include "fake/sync_world.h"
#include "state/changes.h"

#define TEXT                                                                                       \
	"version: 1\ninterfaces: [eth0]\nservices:\n"                                              \
	"  web: {listen: tcp 192.0.2.10:80, mode: l2, members: [10.0.0.1, 10.0.0.2]}\n"

static struct world *world(void)
{
	struct world *w = world_new(1);

	world_load_text(w, TEXT);
	return w;
}

static struct model_member *member(const struct world *w, size_t m)
{
	return &model_service_at(w->model, 0)->pools[0].members[m];
}

static void override(struct world *w, size_t m, enum override_state to, uint64_t until_s)
{
	const struct change change = {.type = CHANGE_MEMBER_OVERRIDE,
				      .owner = OWNER_API,
				      .service = "web",
				      .addr = member(w, m)->addr,
				      .override = to,
				      .override_until_s = until_s,
				      .since_s = 1000,
				      .text = "bad \"disk\"",
				      .who = "alice"};

	world_apply(w, &change);
}

static size_t dropped;

static void count_dropped(void *arg, const struct overlay_entry *entry, const char *why)
{
	(void)arg;
	(void)entry;
	assert_true(*why);
	dropped++;
}

/* What is kept of w, put onto a new model of the same file. */
static struct world *restarted(const struct world *w)
{
	struct world *again = world();
	struct overlay overlay = {0}, read = {0};
	struct err e = {0};
	json_t *json;

	overlay_collect(w->model, &overlay);
	json = changes_to_json(&overlay);
	assert_int_equal(changes_from_json(json, &read, &e), 0);
	assert_true(overlay_equal(&overlay, &read));
	json_decref(json);
	dropped = 0;
	overlay_restore(again->model, &read, 0, count_dropped, NULL);
	overlay_done(&overlay);
	overlay_done(&read);
	return again;
}

static void over_a_restart(void **state)
{
	uint64_t until_s = clock_wall_s() + 3600;
	struct world *w = world(), *again;
	const struct model_override *why;

	(void)state;
	override(w, 0, OVERRIDE_EJECTED, 0);
	override(w, 1, OVERRIDE_FORCED, until_s);
	assert_int_equal(overlay_count(w->model), 2);
	again = restarted(w);
	assert_int_equal(dropped, 0);
	assert_int_equal(member(again, 0)->override, OVERRIDE_EJECTED);
	assert_int_equal(member(again, 0)->override_until_s, 0);
	assert_int_equal(member(again, 1)->override, OVERRIDE_FORCED);
	assert_int_equal(member(again, 1)->override_until_s, until_s);
	why = model_override_of(again->model, member(again, 0));
	assert_string_equal(why->reason, "bad \"disk\"");
	assert_string_equal(why->who, "alice");
	assert_int_equal(why->since_s, 1000);
	world_free(again);
	/* Its time was over while nobody was there. */
	override(w, 1, OVERRIDE_FORCED, 2000);
	again = restarted(w);
	assert_int_equal(dropped, 1);
	assert_int_equal(member(again, 0)->override, OVERRIDE_EJECTED);
	assert_int_equal(member(again, 1)->override, OVERRIDE_NONE);
	world_free(again);
	override(w, 0, OVERRIDE_NONE, 0);
	override(w, 1, OVERRIDE_NONE, 0);
	assert_int_equal(overlay_count(w->model), 0);
	world_free(w);
}

static void undone(void **state)
{
	struct world *w = world(), *other = world();
	struct overlay keep = {0};
	struct errs errors = {0};

	(void)state;
	override(w, 0, OVERRIDE_EJECTED, 0);
	assert_int_equal(overlay_undo(w->model, &keep, 0, &errors), 0);
	assert_int_equal(member(w, 0)->override, OVERRIDE_NONE);
	override(other, 1, OVERRIDE_FORCED, 0);
	override(w, 1, OVERRIDE_EJECTED, 0);
	overlay_collect(other->model, &keep);
	assert_int_equal(overlay_undo(w->model, &keep, 0, &errors), 0);
	overlay_restore(w->model, &keep, 0, count_dropped, NULL);
	assert_int_equal(member(w, 0)->override, OVERRIDE_NONE);
	assert_int_equal(member(w, 1)->override, OVERRIDE_FORCED);
	overlay_done(&keep);
	world_free(w);
	world_free(other);
}

static void in_words(void **state)
{
	struct overlay overlay = {0};
	struct world *w = world();
	char text[200];

	(void)state;
	override(w, 0, OVERRIDE_EJECTED, 0);
	override(w, 1, OVERRIDE_FORCED, 1795696205);
	overlay_collect(w->model, &overlay);
	assert_string_equal(overlay_change(&overlay.list[0], text, sizeof(text)),
			    "ejected by alice");
	assert_string_equal(overlay_change(&overlay.list[1], text, sizeof(text)),
			    "forced until 2026-11-26T12:30:05Z by alice");
	overlay_done(&overlay);
	world_free(w);
}

static void nonsense(void **state)
{
	static const char *const texts[] = {
		"{}",
		"7",
		"{\"state\":\"ejected\"}",
		"{\"state\":\"none\",\"until_s\":0,\"since_s\":1,\"reason\":\"\",\"who\":\"\"}",
		"{\"state\":\"ejected\",\"until_s\":-1,\"since_s\":1,\"reason\":\"\",\"who\":\"\"}",
		"{\"state\":\"ejected\",\"until_s\":\"x\",\"since_s\":1,\"reason\":\"\",\"who\":"
		"\"\"}",
		"{\"state\":\"gone\",\"until_s\":0,\"since_s\":1,\"reason\":\"\",\"who\":\"\"}",
		"{\"state\":\"forced\",\"until_s\":0,\"since_s\":1,\"reason\":5,\"who\":\"\"}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct overlay overlay = {0}, read = {0};
		struct world *w = world();
		struct err e = {0};
		json_t *json;

		override(w, 0, OVERRIDE_EJECTED, 0);
		overlay_collect(w->model, &overlay);
		json = changes_to_json(&overlay);
		json_object_set_new(json_array_get(json_object_get(json, "members"), 0), "override",
				    json_loads(texts[i], JSON_DECODE_ANY, NULL));
		assert_int_not_equal(changes_from_json(json, &read, &e), 0);
		assert_int_equal(read.count, 0);
		json_decref(json);
		overlay_done(&overlay);
		overlay_done(&read);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_a_restart),
		cmocka_unit_test(undone),
		cmocka_unit_test(in_words),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
