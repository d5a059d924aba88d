/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sync against the packet path in memory, one situation at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "fake/sync_world.h"

static struct config *three_members(void)
{
	struct config *config = fake_config_new();
	struct service_config *service =
		fake_config_service(config, "web", "192.0.2.10", 80, SLUICE_MODE_IPIP);
	struct pool_config *pool;

	fake_config_limit(config, "per-client", 50, 32, SLUICE_LIMIT_ENFORCE);
	fake_config_use_limit(service, "per-client");
	pool = fake_config_pool(service, "default", 100, CHECK_TCP);
	fake_config_member(service, pool, "10.0.0.1", 100);
	fake_config_member(service, pool, "10.0.0.2", 100);
	fake_config_member(service, pool, "10.0.0.3", 50);
	return config;
}

static struct world *world_of_three(void)
{
	struct world *w = world_new(1);

	world_load(w, three_members());
	world_resolve_all(w);
	world_settle(w);
	world_assert_as_model(w);
	return w;
}

static const struct model_member *member_at(struct world *w, size_t i)
{
	return &model_service_at(w->model, 0)->pools[0].members[i];
}

static uint64_t word_of(struct world *w, const struct model_member *m)
{
	return w->fake->members[sync_member_index(w->sync, m->id)].word;
}

/* The mark comes with the next turn, before any table is built, and slots go to their runner-ups, as
 * packets do; epochs tell flows apart. */
static void test_dead_at_once(void **state)
{
	struct world *w = world_of_three();
	uint64_t word = word_of(w, member_at(w, 0)), moved = sync_slots_moved_total(w->sync);

	(void)state;
	world_set_health(w, member_at(w, 0), HEALTH_DOWN);
	world_run(w);
	assert_true(word_of(w, member_at(w, 0)) & SLUICE_MEMBER_F_DEAD);
	assert_int_equal(SLUICE_MEMBER_EPOCH(word_of(w, member_at(w, 0))),
			 SLUICE_MEMBER_EPOCH(word) + 1);
	assert_false(sync_is_idle(w->sync));
	assert_in_range(sync_slots_moved_total(w->sync) - moved, 4096 * 38 / 100, 4096 * 42 / 100);
	world_assert_sound(w, true);
	world_settle(w);
	world_assert_as_model(w);
	assert_in_range(sync_slots_moved_total(w->sync) - moved, 4096 * 38 / 100, 4096 * 43 / 100);
	assert_int_equal(sync_member_slot_share(w->sync, member_at(w, 0)->id), 0);
	world_set_health(w, member_at(w, 0), HEALTH_UP);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(SLUICE_MEMBER_EPOCH(word_of(w, member_at(w, 0))),
			 SLUICE_MEMBER_EPOCH(word) + 1);
	world_free(w);
}

/* A neighbour changes its MAC: a new next hop, the word is swapped, no table is touched. */
static void test_mac_change(void **state)
{
	struct world *w = world_of_three();
	uint32_t before = SLUICE_MEMBER_NEXTHOP(word_of(w, member_at(w, 1)));
	uint64_t moved = sync_slots_moved_total(w->sync);

	(void)state;
	world_set_nexthop(w, member_at(w, 1), NEXTHOP_RESOLVED, 2);
	world_run(w);
	assert_int_not_equal(SLUICE_MEMBER_NEXTHOP(word_of(w, member_at(w, 1))), before);
	assert_true(w->fake->nexthops[before].flags != 0);
	assert_null(sync_take_job(w->sync));
	world_assert_as_model(w);
	w->fake->now_ms += SLUICE_REUSE_AFTER_MS;
	world_run(w);
	assert_int_equal(w->fake->nexthops[before].flags, 0);
	assert_int_equal(sync_slots_moved_total(w->sync), moved);
	world_free(w);
}

static void test_nothing_changes_nothing(void **state)
{
	struct world *w = world_of_three();
	uint64_t writes;

	(void)state;
	w->fake->now_ms += 2 * SLUICE_REUSE_AFTER_MS;
	world_run(w);
	writes = w->fake->writes;
	world_load(w, three_members());
	world_run(w);
	assert_null(sync_take_job(w->sync));
	assert_true(sync_is_idle(w->sync));
	assert_int_equal(w->fake->writes, writes);
	world_free(w);
}

static void set_limit(struct world *w, uint64_t rate_n, uint32_t sources)
{
	struct config *config = three_members();

	config->limits[0].rate.n = rate_n;
	config->limits[0].burst.n = 100;
	config->limits[0].sources = sources;
	world_load(w, config);
	world_settle(w);
	world_assert_as_model(w);
}

/* Sources keep their state while they can: the region changes only with the unit or the size, or when
 * they may owe less; and only another size makes them begin anew. */
static void test_limit_regions(void **state)
{
	struct world *w = world_of_three();
	uint32_t id = model_limit_at(w->model, 0)->id, base;
	unsigned int moved;
	struct change shadow = {.type = CHANGE_LIMIT_MODE,
				.owner = OWNER_API,
				.limit = "per-client",
				.limit_mode = SLUICE_LIMIT_SHADOW};

	(void)state;
	set_limit(w, 50, 1024);
	base = SLUICE_LIMIT_BASE(w->fake->limits[id].word);
	moved = w->fake->limits_moved;
	set_limit(w, 49, 1024);
	assert_int_equal(SLUICE_LIMIT_BASE(w->fake->limits[id].word), base);
	world_apply(w, &shadow);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(SLUICE_LIMIT_BASE(w->fake->limits[id].word), base);
	assert_int_equal(w->fake->limits_moved, moved);
	set_limit(w, 500, 1024);
	assert_int_not_equal(SLUICE_LIMIT_BASE(w->fake->limits[id].word), base);
	assert_int_equal(w->fake->limits_moved, moved + 1);
	base = SLUICE_LIMIT_BASE(w->fake->limits[id].word);
	set_limit(w, 510, 1024);
	assert_int_not_equal(SLUICE_LIMIT_BASE(w->fake->limits[id].word), base);
	assert_int_equal(w->fake->limits_moved, moved + 2);
	base = SLUICE_LIMIT_BASE(w->fake->limits[id].word);
	set_limit(w, 505, 1024);
	assert_int_equal(SLUICE_LIMIT_BASE(w->fake->limits[id].word), base);
	set_limit(w, 500, 4096);
	assert_int_equal(w->fake->limits_moved, moved + 2);
	assert_int_not_equal(SLUICE_LIMIT_BASE(w->fake->limits[id].word), base);
	assert_int_equal(w->fake->limit_cleared_ms[SLUICE_LIMIT_BASE(w->fake->limits[id].word)] > 0,
			 1);
	world_free(w);
}

/* Growth takes a new region, and removal does not shrink it. */
static void test_growth(void **state)
{
	struct world *w = world_of_three();
	uint32_t id = model_service_at(w->model, 0)->id, i;
	struct change change = {.type = CHANGE_MEMBER_ADD, .owner = OWNER_API, .service = "web"};
	const struct dp_service *cell;

	(void)state;
	assert_int_equal(sync_table_log2(w->sync, id), 12);
	change.weight = 100;
	for (i = 10; i < 30; i++) {
		change.addr = member_at(w, 0)->addr;
		change.addr.b[15] = (uint8_t)i;
		world_apply(w, &change);
	}
	world_resolve_all(w);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(sync_table_log2(w->sync, id), 14);
	change.type = CHANGE_MEMBER_REMOVE;
	for (i = 10; i < 30; i++) {
		change.addr.b[15] = (uint8_t)i;
		world_apply(w, &change);
	}
	world_settle(w);
	world_assert_as_model(w);
	cell = fake_dataplane_service(w->fake, &model_service_at(w->model, 0)->addr, 80, 6);
	assert_int_equal(cell->slots_log2, 14);
	world_free(w);
}

/* A refused write is reported, retried, and done in the end, wherever it happened. */
static void test_failing_writes(void **state)
{
	int nth;

	(void)state;
	for (nth = 1; nth < 40; nth++) {
		struct world *w = world_of_three();
		struct config *config = three_members();
		struct errs errors = {0};
		struct build_job *job;
		int turn;

		world_set_nexthop(w, member_at(w, 0), NEXTHOP_RESOLVED, 3);
		world_set_health(w, member_at(w, 1), HEALTH_DOWN);
		config->services[0].pools[0].members[2].addr.b[15] = 9;
		config->limits[0].rate.n = 7;
		fake_config_service(config, "local", "192.0.2.11", 53, SLUICE_MODE_LOCAL);
		world_load(w, config);
		w->fake->fail_in = nth;
		for (turn = 0; turn < 6; turn++) {
			sync_run(w->sync, w->fake->now_ms, &errors);
			while ((job = sync_take_job(w->sync))) {
				struct err e = {0};

				build_job_run(job);
				if (sync_finish_job(w->sync, job, w->fake->now_ms, &e))
					errs_add_err(&errors, &e);
			}
			w->fake->now_ms += 1100;
		}
		if (w->fake->fail_in == 0 && errors.count)
			assert_true(errors.list[0].text[0] && errors.count == 1);
		errs_done(&errors);
		w->fake->fail_in = 0;
		world_resolve_all(w);
		world_settle(w);
		world_assert_as_model(w);
		world_free(w);
	}
}

/* Restarted with another file: what it no longer has is removed, who was out stays out. */
static void test_adoption_of_another_file(void **state)
{
	struct world *w = world_of_three();
	struct config *config = three_members();
	struct err e;

	(void)state;
	world_set_health(w, member_at(w, 0), HEALTH_DOWN);
	world_settle(w);
	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	config->services[0].pools[0].members[1].addr.b[15] = 9;
	util_copy(config->limits[0].name, sizeof(config->limits[0].name), "renamed");
	util_copy(config->services[0].limits[0], sizeof(config->limits[0].name), "renamed");
	world_load(w, config);
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
	assert_int_equal(member_at(w, 0)->health, HEALTH_DOWN);
	assert_string_equal(member_at(w, 0)->health_text, "was out before the restart");
	assert_int_equal(member_at(w, 1)->nexthop_state, NEXTHOP_PENDING);
	assert_int_equal(member_at(w, 2)->nexthop_state, NEXTHOP_RESOLVED);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(sync_member_slot_share(w->sync, member_at(w, 2)->id), UINT32_MAX);
	w->fake->now_ms += SLUICE_REUSE_AFTER_MS;
	world_run(w);
	world_free(w);
}

static void mark(struct world *w, const struct model_member *member, uint64_t set, uint64_t cleared)
{
	__u64 *word = &w->fake->members[sync_member_index(w->sync, member->id)].word;

	*word = (*word & ~cleared) | set;
}

/* What somebody did to members while there was no daemon holds, and is told; it is no illness. */
static void test_adoption_of_changes_without_a_daemon(void **state)
{
	const uint64_t maint = SLUICE_MEMBER_F_MAINT | SLUICE_MEMBER_F_OFFLINE;
	struct world *w = world_of_three();
	struct change change = {.type = CHANGE_MEMBER_ADMIN,
				.owner = OWNER_API,
				.service = "web",
				.addr = member_at(w, 2)->addr,
				.admin = ADMIN_MAINT};
	struct err e;

	(void)state;
	world_set_health(w, member_at(w, 1), HEALTH_DOWN);
	world_apply(w, &change);
	world_settle(w);
	mark(w, member_at(w, 0), maint | SLUICE_MEMBER_F_DEAD, 0);
	mark(w, member_at(w, 1), maint | SLUICE_MEMBER_F_WAS_DEAD, 0);
	mark(w, member_at(w, 2), SLUICE_MEMBER_F_OFFLINE, SLUICE_MEMBER_F_MAINT);
	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	world_load(w, three_members());
	/* As the state that was kept says, from before. */
	change.addr = member_at(w, 2)->addr;
	world_apply(w, &change);
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
	assert_int_equal(member_at(w, 0)->admin, ADMIN_MAINT);
	assert_int_equal(member_at(w, 0)->health, HEALTH_UNKNOWN);
	assert_int_equal(member_at(w, 1)->admin, ADMIN_MAINT);
	assert_int_equal(member_at(w, 1)->health, HEALTH_DOWN);
	assert_int_equal(member_at(w, 2)->admin, ADMIN_READY);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(w->fake->members[sync_member_index(w->sync, member_at(w, 0)->id)].word &
				 (maint | SLUICE_MEMBER_F_DEAD),
			 SLUICE_MEMBER_F_MAINT | SLUICE_MEMBER_F_DEAD);
	world_free(w);
}

static void restart(struct world *w)
{
	struct err e;

	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	world_load(w, three_members());
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
}

/* Who serves only because nobody is well is not taken for well after a restart; and no flow moves. */
static void test_adoption_in_a_panic(void **state)
{
	struct world *w = world_of_three();
	uint64_t words[3];
	size_t m;

	(void)state;
	for (m = 0; m < 3; m++)
		world_set_health(w, member_at(w, m), HEALTH_DOWN);
	world_settle(w);
	for (m = 0; m < 3; m++) {
		assert_true(member_at(w, m)->is_readmitted);
		words[m] = sync_member_slot_share(w->sync, member_at(w, m)->id);
	}
	restart(w);
	for (m = 0; m < 3; m++) {
		assert_int_equal(member_at(w, m)->health, HEALTH_DOWN);
		assert_true(member_at(w, m)->is_readmitted);
		assert_false(member_at(w, m)->is_dead);
	}
	assert_int_equal(model_service_at(w->model, 0)->panic, PANIC_READMIT);
	world_settle(w);
	world_assert_as_model(w);
	for (m = 0; m < 3; m++)
		assert_int_equal(sync_member_slot_share(w->sync, member_at(w, m)->id), words[m]);
	/* One is well: the others are out, and so they stay. */
	world_set_health(w, member_at(w, 0), HEALTH_UP);
	world_settle(w);
	restart(w);
	assert_int_equal(member_at(w, 0)->health, HEALTH_UNKNOWN);
	assert_int_equal(member_at(w, 1)->health, HEALTH_DOWN);
	assert_false(member_at(w, 1)->is_readmitted);
	world_settle(w);
	world_assert_as_model(w);
	world_free(w);
}

/* One in maintenance stays so, and is not taken for ill: before its maintenance is known again, too. */
static void test_adoption_of_maintenance(void **state)
{
	struct world *w = world_of_three();
	struct change change = {.type = CHANGE_MEMBER_ADMIN,
				.owner = OWNER_API,
				.service = "web",
				.addr = member_at(w, 1)->addr,
				.admin = ADMIN_MAINT};
	uint64_t word;

	(void)state;
	world_apply(w, &change);
	world_settle(w);
	word = word_of(w, member_at(w, 1));
	assert_int_equal(word & (SLUICE_MEMBER_F_MAINT | SLUICE_MEMBER_F_DEAD),
			 SLUICE_MEMBER_F_MAINT | SLUICE_MEMBER_F_DEAD);
	restart(w);
	assert_int_equal(member_at(w, 1)->health, HEALTH_UNKNOWN);
	assert_int_equal(member_at(w, 1)->nexthop_state, NEXTHOP_RESOLVED);
	change.addr = member_at(w, 1)->addr; /* as the state that was kept says */
	world_apply(w, &change);
	assert_true(member_at(w, 1)->is_dead);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(word_of(w, member_at(w, 1)), word);
	assert_int_equal(sync_member_slot_share(w->sync, member_at(w, 1)->id), 0);
	world_free(w);
}

static void test_adoption_of_damaged_maps(void **state)
{
	int what;

	(void)state;
	for (what = 0; what < 5; what++) {
		struct world *w = world_of_three();
		struct err e = {0};

		sync_free(w->sync);
		model_free(w->model);
		w->model = model_new(w->log, TICK_NS);
		w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
		world_load(w, three_members());
		if (what == 0) {
			w->fake->services[5] = w->fake->services[0];
			w->fake->services[5].service.port = 81;
		} else if (what == 1) {
			w->fake->services[0].service.slots_base = 77;
		} else if (what == 2) { /* its slots are of another service then, or of none */
			w->fake->members[1].service = w->fake->members[2].service + 1;
		} else if (what == 3) {
			w->fake->services[0].service.id = 0;
		} else {
			w->fake->limits[9] = w->fake->limits[1];
		}
		assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), -EUCLEAN);
		assert_true(e.text[0] && e.hint[0]);
		world_free(w);
	}
}

static void test_maps_too_small(void **state)
{
	struct dp_capacity capacity = fake_dataplane_capacity();
	struct world *w = world_new(1);
	struct errs errors = {0};
	struct build_job *job;
	struct err e = {0};

	(void)state;
	capacity.members = 3;
	capacity.slots = 1024;
	sync_free(w->sync);
	fake_dataplane_free(w->fake);
	w->fake = fake_dataplane_new(&capacity);
	w->port = fake_dataplane_port(w->fake);
	/* A model that nobody asked for room. */
	world_load(w, three_members());
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	assert_true(sync_run(w->sync, 1, &errors) < 0);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.list[0].code, ERR_CAPACITY);
	job = sync_take_job(w->sync);
	assert_non_null(job);
	build_job_run(job);
	assert_int_equal(sync_finish_job(w->sync, job, 1, &e), -ENOSPC);
	assert_non_null(strstr(e.hint, "capacity.slots"));
	assert_null(sync_take_job(w->sync)); /* not before a second has passed */
	errs_done(&errors);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dead_at_once),
		cmocka_unit_test(test_mac_change),
		cmocka_unit_test(test_nothing_changes_nothing),
		cmocka_unit_test(test_limit_regions),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_failing_writes),
		cmocka_unit_test(test_maps_too_small),
		cmocka_unit_test(test_adoption_of_another_file),
		cmocka_unit_test(test_adoption_of_changes_without_a_daemon),
		cmocka_unit_test(test_adoption_in_a_panic),
		cmocka_unit_test(test_adoption_of_maintenance),
		cmocka_unit_test(test_adoption_of_damaged_maps),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
