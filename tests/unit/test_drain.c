/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Deadlines of members that drain: in the model, in what is kept of it, and in the maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "core/overlay.h"
#include "fake/sync_world.h"
#include "state/changes.h"

#define UNTIL_S 1700000000

static void load(struct world *w, const char *first, const char *second)
{
	AUTO_FREE char *text =
		util_printf("version: 1\n"
			    "interfaces: [eth0]\n"
			    "services:\n"
			    "  web: {listen: tcp 192.0.2.10:80, mode: l2, check: tcp, members:"
			    " [{address: 10.0.0.1%s}, {address: 10.0.0.2%s}]}\n",
			    first, second);

	world_load_text(w, text);
}

static struct world *world(void)
{
	struct world *w = world_new(1);

	load(w, "", "");
	world_resolve_all(w);
	world_settle(w);
	return w;
}

static struct model_member *first(const struct world *w)
{
	return &model_service_at(w->model, 0)->pools[0].members[0];
}

static void set_admin(struct world *w, enum admin_state admin, uint64_t until_s)
{
	const struct change change = {.type = CHANGE_MEMBER_ADMIN,
				      .owner = OWNER_API,
				      .service = "web",
				      .pool = "default",
				      .addr = first(w)->addr,
				      .admin = admin,
				      .drain_until_s = until_s};

	world_apply(w, &change);
}

static void cut(struct world *w, uint64_t until_s)
{
	const struct change change = {.type = CHANGE_MEMBER_CUT,
				      .member_id = first(w)->id,
				      .drain_until_s = until_s,
				      .text = "7 known flows cut"};

	world_apply(w, &change);
}

static unsigned int epoch(const struct world *w)
{
	return SLUICE_MEMBER_EPOCH(w->fake->members[sync_member_index(w->sync, first(w)->id)].word);
}

static uint64_t word(const struct world *w)
{
	return w->fake->members[sync_member_index(w->sync, first(w)->id)].word;
}

static size_t count_events(const struct world *w, enum event_type type)
{
	const struct event *event;
	uint64_t seq = 0;
	size_t count = 0;
	bool is_gap;

	while ((event = event_log_next(w->log, seq, &is_gap))) {
		count += event->type == type;
		seq = event->seq;
	}
	return count;
}

/* Every admin state, with a deadline or without, before and after: what holds, and whether the
 * deadline of before can still cut. */
static void every_change(void **state)
{
	static const struct {
		enum admin_state admin;
		uint64_t until_s;
	} states[] = {{ADMIN_READY, 0},
		      {ADMIN_DRAIN, 0},
		      {ADMIN_DRAIN, UNTIL_S},
		      {ADMIN_DRAIN, UNTIL_S + 1},
		      {ADMIN_MAINT, 0}};
	size_t from, to;
	int was_cut;

	(void)state;
	for (from = 0; from < ARRAY_SIZE(states); from++) {
		for (to = 0; to < ARRAY_SIZE(states); to++) {
			for (was_cut = 0; was_cut < 2; was_cut++) {
				struct world *w = world();
				uint64_t until_s = states[from].until_s;
				bool is_same = from == to && until_s;

				set_admin(w, states[from].admin, until_s);
				if (was_cut)
					cut(w, until_s);
				assert_int_equal(first(w)->is_cut, was_cut && until_s);
				set_admin(w, states[to].admin, states[to].until_s);
				assert_int_equal(first(w)->admin, states[to].admin);
				assert_int_equal(first(w)->drain_until_s, states[to].until_s);
				assert_int_equal(first(w)->is_cut, was_cut && is_same);
				cut(w, until_s);
				assert_int_equal(first(w)->is_cut, is_same);
				assert_int_equal(first(w)->is_dead,
						 is_same || states[to].admin == ADMIN_MAINT);
				world_free(w);
			}
		}
	}
}

static void a_deadline_is_for_drain(void **state)
{
	struct world *w = world();

	(void)state;
	set_admin(w, ADMIN_MAINT, UNTIL_S);
	assert_int_equal(first(w)->drain_until_s, 0);
	world_free(w);
}

/* Its flows are stale at once, told once; ready again it begins with new ones. */
static void cut_in_the_maps(void **state)
{
	struct world *w = world();
	unsigned int before = epoch(w);

	(void)state;
	set_admin(w, ADMIN_DRAIN, UNTIL_S);
	world_settle(w);
	assert_true(word(w) & SLUICE_MEMBER_F_DRAIN);
	assert_false(word(w) & SLUICE_MEMBER_F_DEAD);
	assert_int_equal(epoch(w), before);
	cut(w, UNTIL_S);
	cut(w, UNTIL_S);
	assert_int_equal(count_events(w, EVENT_member_cut), 1);
	world_settle(w);
	assert_true(word(w) & SLUICE_MEMBER_F_DEAD);
	assert_int_equal(epoch(w), before + 1);
	set_admin(w, ADMIN_READY, 0);
	world_settle(w);
	assert_false(word(w) & (SLUICE_MEMBER_F_DEAD | SLUICE_MEMBER_F_DRAIN));
	assert_int_equal(epoch(w), before + 1);
	world_free(w);
}

/* The next daemon's world: the same maps, and a model that knows the file and what is kept. */
static void restart(struct world *w, const struct overlay *kept)
{
	struct err e = {0};

	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	load(w, "", "");
	assert_int_equal(overlay_restore(w->model, kept, 0, NULL, NULL), kept->count);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
}

/* What was cut is not cut, and told, again; what was not is known by its deadline. */
static void over_a_restart(void **state)
{
	uint64_t now_s = clock_wall_s();
	const uint64_t deadlines[] = {now_s - 10, now_s + 1000};
	int was_cut;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(deadlines); i++) {
		for (was_cut = 0; was_cut < 2; was_cut++) {
			struct overlay overlay = {0};
			struct world *w = world();
			unsigned int before;
			bool is_cut = was_cut && deadlines[i] < now_s;

			set_admin(w, ADMIN_DRAIN, deadlines[i]);
			if (was_cut)
				cut(w, deadlines[i]);
			world_settle(w);
			before = epoch(w);
			overlay_collect(w->model, &overlay);
			restart(w, &overlay);
			assert_int_equal(first(w)->admin, ADMIN_DRAIN);
			assert_int_equal(first(w)->drain_until_s, deadlines[i]);
			assert_int_equal(first(w)->is_cut, is_cut);
			assert_int_equal(count_events(w, EVENT_member_cut), was_cut);
			world_settle(w);
			if (is_cut)
				assert_int_equal(epoch(w), before);
			overlay_done(&overlay);
			world_free(w);
		}
	}
}

/* ---- what is kept -------------------------------------------------------------------------- */

static size_t drops;

static void dropped(void *arg, const struct overlay_entry *entry, const char *why)
{
	(void)arg;
	(void)entry;
	(void)why;
	drops++;
}

/* Through JSON, onto a file that says something else by now: the deadline goes with drain. */
static void restored(void **state)
{
	static const struct {
		const char *before, *file; /* of the member */
		enum admin_state want;
		bool has_deadline, is_dropped;
	} rows[] = {
		{"", "", ADMIN_DRAIN, true, false},
		{"", ", admin: drain", ADMIN_DRAIN, true, false},
		{"", ", admin: maint", ADMIN_MAINT, false, true},
		{", admin: drain", ", admin: drain", ADMIN_DRAIN, true, false},
		{", admin: drain", "", ADMIN_READY, false, true},
		{", admin: maint", ", admin: maint", ADMIN_DRAIN, true, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world *w = world_new(1), *next = world_new(2), *reloaded = world_new(3);
		struct overlay overlay = {0}, read = {0};
		struct err e = {0};
		json_t *json;

		load(w, rows[i].before, "");
		set_admin(w, ADMIN_DRAIN, UNTIL_S);
		overlay_collect(w->model, &overlay);
		assert_int_equal(overlay.count, 1);
		assert_int_equal(overlay_count(w->model), 1);
		json = changes_to_json(&overlay);
		assert_int_equal(changes_from_json(json, &read, &e), 0);
		json_decref(json);
		assert_true(overlay_equal(&overlay, &read));
		read.list[0].drain_until_s++;
		assert_false(overlay_equal(&overlay, &read));
		read.list[0].drain_until_s--;

		load(next, rows[i].file, "");
		drops = 0;
		overlay_restore(next->model, &read, 0, dropped, NULL);
		assert_int_equal(drops, rows[i].is_dropped);
		assert_int_equal(first(next)->admin, rows[i].want);
		assert_int_equal(first(next)->drain_until_s, rows[i].has_deadline ? UNTIL_S : 0);

		/* A reload of the same file comes to the same. */
		load(reloaded, rows[i].before, "");
		set_admin(reloaded, ADMIN_DRAIN, UNTIL_S);
		load(reloaded, rows[i].file, "");
		assert_int_equal(first(reloaded)->admin, rows[i].want);
		assert_int_equal(first(reloaded)->drain_until_s,
				 rows[i].has_deadline ? UNTIL_S : 0);
		overlay_done(&overlay);
		overlay_done(&read);
		world_free(w);
		world_free(next);
		world_free(reloaded);
	}
}

/* From any deadline of a member of the file, or of an added one, to any other one, as undo does. */
static void undone(void **state)
{
	static const uint64_t deadlines[] = {0, UNTIL_S, UNTIL_S + 1};
	size_t from, to;
	int is_added;

	(void)state;
	for (from = 0; from < 3; from++) {
		for (to = 0; to < 3; to++) {
			for (is_added = 0; is_added < 2; is_added++) {
				struct overlay keep = {0}, is = {0};
				struct errs errors = {0};
				struct world *w = world_new(1);

				load(w, is_added ? ", admin: absent" : "",
				     is_added ? ", admin: absent" : "");
				if (is_added) {
					struct change add = {.type = CHANGE_MEMBER_ADD,
							     .owner = OWNER_API,
							     .service = "web",
							     .weight = 5};

					assert_int_equal(addr_parse("10.0.0.3", &add.addr), 0);
					world_apply(w, &add);
				}
				set_admin(w, ADMIN_DRAIN, deadlines[to]);
				overlay_collect(w->model, &keep);
				set_admin(w, ADMIN_DRAIN, deadlines[from]);
				assert_int_equal(overlay_undo(w->model, &keep, 0, &errors), 0);
				overlay_restore(w->model, &keep, 0, dropped, NULL);
				overlay_collect(w->model, &is);
				assert_true(overlay_equal(&keep, &is));
				overlay_done(&keep);
				overlay_done(&is);
				world_free(w);
			}
		}
	}
}

static void in_words(void **state)
{
	struct overlay_entry entry = {.kind = OVERLAY_MEMBER_SET,
				      .weight = 5,
				      .weight_file = 5,
				      .admin = ADMIN_DRAIN,
				      .drain_until_s = UNTIL_S};
	char text[160];

	(void)state;
	assert_string_equal(overlay_change(&entry, text, sizeof(text)),
			    "drain until 2023-11-14T22:13:20Z (ready in the file)");
	entry.admin_file = ADMIN_DRAIN;
	assert_string_equal(overlay_change(&entry, text, sizeof(text)),
			    "drain until 2023-11-14T22:13:20Z (drain in the file)");
	entry.kind = OVERLAY_MEMBER_ADDED;
	assert_string_equal(overlay_change(&entry, text, sizeof(text)),
			    "added with weight 5, drain until 2023-11-14T22:13:20Z");
	model_admin_text(ADMIN_DRAIN, UINT64_MAX, text);
	assert_memory_equal(text, "drain", 5);
}

/* A file that somebody wrote into. */
static void nonsense_is_refused(void **state)
{
	static const struct {
		const char *admin, *deadline;
		bool is_fine;
	} rows[] = {
		{"drain", "1700000000", true},	{"drain", "0", false},
		{"drain", "-1", false},		{"drain", "\"soon\"", false},
		{"drain", "1.5", false},	{"ready", "1700000000", false},
		{"maint", "1700000000", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = util_printf(
			"{\"members\":[{\"service\":\"web\",\"pool\":\"default\",\"address\":"
			"\"10.0.0.1\",\"change\":\"set\",\"weight\":1,\"weight_file\":1,\"admin\":"
			"\"%s\",\"admin_file\":\"ready\",\"drain_until_s\":%s}],\"limits\":[]}",
			rows[i].admin, rows[i].deadline);
		json_t *json = json_loads(text, 0, NULL);
		struct overlay overlay = {0};
		struct err e = {0};

		assert_non_null(json);
		assert_int_equal(changes_from_json(json, &overlay, &e) == 0, rows[i].is_fine);
		assert_int_equal(overlay.count, rows[i].is_fine);
		json_decref(json);
		overlay_done(&overlay);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change),	   cmocka_unit_test(a_deadline_is_for_drain),
		cmocka_unit_test(cut_in_the_maps), cmocka_unit_test(over_a_restart),
		cmocka_unit_test(restored),	   cmocka_unit_test(undone),
		cmocka_unit_test(in_words),	   cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
