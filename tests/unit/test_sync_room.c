/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps that are nearly full: what is accepted is done, what cannot be done is refused, and what
 * was there before this daemon and cannot be mended is told. */
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

#define SERVICES_MAX 4

/* A model and a sync over maps of that size. */
static struct world *small_world(uint32_t slots, uint32_t limit_sets)
{
	struct dp_capacity capacity = fake_dataplane_capacity();

	capacity.slots = slots;
	capacity.limit_sets = limit_sets;
	return world_new_sized(1, &capacity);
}

/* A service for each count of members that is not 0, with names that begin with that letter. */
static struct config *services_of(char letter, const unsigned int *members, size_t count)
{
	struct config *config = fake_config_new();
	size_t i;

	config->capacity.slots = 1U << 20; /* the model's own rule is not what is tested */
	for (i = 0; i < count; i++) {
		struct service_config *service;
		struct pool_config *pool;
		char name[24], addr[48];
		unsigned int m;

		if (!members[i])
			continue;
		snprintf(name, sizeof(name), "%c%zu", letter, i);
		snprintf(addr, sizeof(addr), "192.0.2.%u", (unsigned int)letter + (unsigned int)i);
		service = fake_config_service(config, name, addr, 80, SLUICE_MODE_IPIP);
		pool = fake_config_pool(service, "default", 100, CHECK_NONE);
		for (m = 0; m < members[i]; m++) {
			snprintf(addr, sizeof(addr), "10.%zu.0.%u", i, m + 1);
			fake_config_member(service, pool, addr, 100);
		}
	}
	return config;
}

static int try_load(struct world *w, struct config *config, struct errs *errors)
{
	struct change change = {.type = CHANGE_CONFIG, .config = config, .is_forced = true};
	int ret = model_apply(w->model, &change, 1, w->fake->now_ms, errors);

	config_free(config);
	return ret;
}

static int try_add(struct world *w, const char *service, const char *addr, struct errs *errors)
{
	struct change change = {
		.type = CHANGE_MEMBER_ADD, .owner = OWNER_API, .service = service, .weight = 100};

	addr_parse(addr, &change.addr);
	return model_apply(w->model, &change, 1, w->fake->now_ms, errors);
}

/* Some seconds go by. */
static void turns(struct world *w, unsigned int count)
{
	struct build_job *job;
	struct errs errors = {0};

	while (count--) {
		world_resolve_all(w);
		sync_run(w->sync, w->fake->now_ms, &errors);
		while ((job = sync_take_job(w->sync))) {
			build_job_run(job);
			sync_finish_job(w->sync, job, w->fake->now_ms, NULL);
		}
		sync_step(w->sync, w->fake->now_ms);
		world_assert_sound(w, false);
		w->fake->now_ms += 600;
	}
	sync_run(w->sync, w->fake->now_ms, &errors);
	errs_done(&errors);
}

static void assert_refused(int ret, struct errs *errors, const char *key, const char *text)
{
	assert_true(ret < 0);
	assert_int_equal(errors->count, 1);
	assert_int_equal(errors->list[0].code, ERR_CAPACITY);
	assert_string_equal(errors->list[0].path, key);
	if (!strstr(errors->list[0].text, text))
		fail_msg("%s", errors->list[0].text);
	assert_non_null(strstr(errors->list[0].hint, key));
	errs_done(errors);
	*errors = (struct errs){0};
}

/* The new table is built while the old one still forwards: both must fit. */
static void test_growth_needs_room_for_both(void **state)
{
	const unsigned int eight = 8, nine = 9;
	struct world *w = small_world(8192, 128);
	struct errs errors = {0};
	uint64_t revision;

	(void)state;
	world_load(w, services_of('a', &eight, 1));
	turns(w, 3);
	assert_true(sync_is_idle(w->sync));
	revision = model_revision(w->model);
	assert_refused(try_add(w, "a0", "10.0.0.9", &errors), &errors, "capacity.slots",
		       "a0: its table needs 8192 slots in one piece while it keeps the 4096");
	assert_refused(try_load(w, services_of('a', &nine, 1), &errors), &errors, "capacity.slots",
		       "the largest piece left is 4096, of 8192");
	assert_int_equal(model_revision(w->model), revision);
	world_free(w);
}

/* Half of the map is free, but not in one piece. */
static void test_pieces(void **state)
{
	const unsigned int small[] = {8, 8}, one[] = {9, 8}, both[] = {9, 9};
	struct world *w = small_world(16384, 128);
	struct errs errors = {0};

	(void)state;
	world_load(w, services_of('a', small, 2));
	turns(w, 3);
	assert_refused(try_load(w, services_of('a', both, 2), &errors), &errors, "capacity.slots",
		       "in one piece");
	assert_int_equal(try_load(w, services_of('a', one, 2), &errors), 0);
	turns(w, 4);
	assert_true(sync_is_idle(w->sync));
	assert_refused(try_load(w, services_of('a', both, 2), &errors), &errors, "capacity.slots",
		       "a1: its table needs 8192");
	world_free(w);
}

/* What goes away makes room, a moment later. */
static void test_replaced(void **state)
{
	const unsigned int full[] = {8, 8};
	struct world *w = small_world(8192, 128);
	struct errs errors = {0};

	(void)state;
	world_load(w, services_of('a', full, 2));
	turns(w, 3);
	assert_int_equal(try_load(w, services_of('e', full, 2), &errors), 0);
	turns(w, 6);
	assert_true(sync_is_idle(w->sync));
	world_assert_as_model(w);
	world_free(w);
}

static struct config *limited(const char *name, uint64_t rate_n)
{
	const unsigned int one = 1;
	struct config *config = services_of('a', &one, 1);
	struct limit_config *limit =
		fake_config_limit(config, name, rate_n, 32, SLUICE_LIMIT_ENFORCE);

	limit->sources = 1024;
	limit->burst.n = 100;
	fake_config_use_limit(&config->services[0], name);
	return config;
}

static void test_limits(void **state)
{
	struct world *w = small_world(8192, 128); /* 1024 sources */
	struct errs errors = {0};
	struct config *none;

	(void)state;
	world_load(w, limited("first", 50));
	turns(w, 3);
	assert_true(sync_is_idle(w->sync));
	assert_int_equal(try_load(w, limited("first", 51), &errors), 0); /* stays where it is */
	assert_refused(try_load(w, limited("first", 5000), &errors), &errors,
		       "capacity.limit_sources",
		       "first: its record of sources needs 1024 sources in one piece while it "
		       "keeps the 1024");
	/* Another one instead is there before the first one goes. */
	assert_refused(try_load(w, limited("second", 50), &errors), &errors,
		       "capacity.limit_sources", "second: its record of sources needs 1024");
	none = limited("first", 50);
	none->limit_count = 0;
	none->services[0].limits[0][0] = '\0';
	world_load(w, none);
	turns(w, 4);
	assert_int_equal(try_load(w, limited("second", 50), &errors), 0);
	turns(w, 8);
	assert_true(sync_is_idle(w->sync));
	world_assert_as_model(w);
	world_free(w);
}

/* A daemon starts with another file than the maps were made for. */
static void test_adopted_shortage(void **state)
{
	const unsigned int eight = 8, nine = 9, ten = 10;
	struct world *w = small_world(8192, 128);
	struct sync_problem problem = {0};
	struct errs errors = {0};

	(void)state;
	world_load(w, services_of('a', &eight, 1));
	turns(w, 3);
	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	world_load(w, services_of('a', &nine, 1));
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, NULL), 0);
	turns(w, 2);
	assert_false(sync_is_idle(w->sync) || sync_is_stuck(w->sync));
	assert_int_equal(sync_problem_count(w->sync), 0);
	turns(w, 8);
	assert_true(sync_is_stuck(w->sync));
	assert_int_equal(sync_problem_count(w->sync), 1);
	assert_int_equal(sync_problems(w->sync, &problem, 1), 1);
	assert_true(problem.is_service && problem.is_served);
	assert_string_equal(problem.text, "a0: its table cannot grow from 4096 to 8192 slots: no "
					  "room in the maps; it stays as it was");
	assert_non_null(strstr(problem.fix, "capacity.slots"));
	/* It can be used and mended. */
	assert_int_equal(try_load(w, services_of('a', &ten, 1), &errors), 0);
	assert_int_equal(try_load(w, services_of('a', &eight, 1), &errors), 0);
	turns(w, 4);
	assert_true(sync_is_idle(w->sync));
	assert_int_equal(sync_problem_count(w->sync), 0);
	world_assert_as_model(w);
	world_free(w);
}

/* Whatever the order and the holes: what was accepted comes to an end. */
static void test_accepted_is_done(void **state)
{
	static const unsigned int sizes[] = {0, 1, 8, 9, 16, 17, 40};
	struct world *w = small_world(12 * 4096, 128);
	unsigned int members[SERVICES_MAX] = {1, 1, 1, 1}, round, refused = 0, accepted = 0;
	struct errs errors = {0};

	(void)state;
	world_load(w, services_of('a', members, SERVICES_MAX));
	for (round = 0; round < 150; round++) {
		unsigned int i;

		for (i = 0; i < SERVICES_MAX; i++) {
			if (world_pick(w, 2))
				members[i] = sizes[world_pick(w, ARRAY_SIZE(sizes))];
		}
		if (try_load(w, services_of("ae"[world_pick(w, 4) == 0], members, SERVICES_MAX),
			     &errors)) {
			assert_int_equal(errors.list[0].code, ERR_CAPACITY);
			errs_done(&errors);
			errors = (struct errs){0};
			refused++;
			continue;
		}
		accepted++;
		if (world_pick(w, 3) == 0) { /* the next one comes in between */
			turns(w, 1);
			continue;
		}
		turns(w, 12);
		if (!sync_is_idle(w->sync))
			fail_msg("round %u is not done", round);
		world_assert_as_model(w);
	}
	if (refused < 10 || accepted < 30)
		fail_msg("%u refused, %u accepted", refused, accepted);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth_needs_room_for_both),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_adopted_shortage),
		cmocka_unit_test(test_accepted_is_done),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
