/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sync under random changes: after them the maps say what the model says, and on the way there no
 * packet could have met a slot that leads nowhere. */
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

static const struct model_member *random_member(struct world *w,
						const struct model_service **ret_service,
						const struct model_pool **ret_pool)
{
	int tries;

	for (tries = 0; tries < 20; tries++) {
		size_t count = model_service_count(w->model);
		const struct model_service *service;
		const struct model_pool *pool;

		if (!count)
			return NULL;
		service = model_service_at(w->model, world_pick(w, (unsigned int)count));
		if (!service->pool_count)
			continue;
		pool = &service->pools[world_pick(w, (unsigned int)service->pool_count)];
		if (!pool->member_count)
			continue;
		*ret_service = service;
		*ret_pool = pool;
		return &pool->members[world_pick(w, (unsigned int)pool->member_count)];
	}
	return NULL;
}

static void random_intent(struct world *w)
{
	static const enum change_type types[] = {CHANGE_MEMBER_WEIGHT, CHANGE_MEMBER_ADMIN,
						 CHANGE_MEMBER_REMOVE, CHANGE_MEMBER_ADD};
	const struct model_service *service;
	const struct model_pool *pool;
	const struct model_member *member = random_member(w, &service, &pool);
	struct errs errors = {0};
	struct change change = {.type = types[world_pick(w, 4)], .owner = OWNER_API};

	if (!member)
		return;
	change.service = service->name;
	change.pool = pool->name;
	change.addr = member->addr;
	change.weight = world_pick(w, 3) * 50;
	change.admin = (enum admin_state)world_pick(w, ADMIN_STATE_MAX);
	if (change.type == CHANGE_MEMBER_ADD)
		change.addr.b[15] = (uint8_t)(100 + world_pick(w, 20));
	/* An address that is there already is refused; then nothing may change. */
	model_apply(w->model, &change, 1, w->fake->now_ms, &errors);
	errs_done(&errors);
}

static void random_observation(struct world *w)
{
	const struct model_service *service;
	const struct model_pool *pool;
	const struct model_member *member = random_member(w, &service, &pool);

	if (!member)
		return;
	if (world_pick(w, 2) == 0)
		world_set_health(w, member, (enum health_state)world_pick(w, HEALTH_STATE_MAX));
	else
		world_set_nexthop(w, member,
				  world_pick(w, 3)
					  ? NEXTHOP_RESOLVED
					  : (enum nexthop_state)world_pick(w, NEXTHOP_STATE_MAX),
				  world_pick(w, 4));
}

/* Members that were added at runtime stay, and may make a new configuration impossible: then
 * nothing changes. */
static void random_config(struct world *w)
{
	struct config *config = fake_config_random(&w->seed);
	struct change change = {.type = CHANGE_CONFIG, .config = config, .is_forced = true};
	struct errs errors = {0};

	if (model_apply(w->model, &change, 1, w->fake->now_ms, &errors))
		assert_non_null(strstr(errors.list[0].text, "address family"));
	errs_done(&errors);
	config_free(config);
}

static void random_jobs(struct world *w)
{
	unsigned int i = world_pick(w, JOBS_MAX);

	if (!w->jobs[i]) {
		w->jobs[i] = sync_take_job(w->sync);
		if (w->jobs[i])
			build_job_run(w->jobs[i]);
		return;
	}
	assert_int_equal(sync_finish_job(w->sync, w->jobs[i], w->fake->now_ms, NULL), 0);
	w->jobs[i] = NULL;
	world_assert_sound(w, false);
}

static void test_random_changes(void **state)
{
	unsigned int seed;
	int step;

	(void)state;
	for (seed = 1; seed <= 12; seed++) {
		struct world *w = world_new(seed);

		world_load(w, fake_config_random(&w->seed));
		world_resolve_all(w);
		for (step = 0; step < 400; step++) {
			unsigned int what = world_pick(w, 100);

			if (what < 2) {
				random_config(w);
				if (world_pick(w, 2))
					world_resolve_all(w);
			} else if (what < 20) {
				random_intent(w);
			} else if (what < 60) {
				random_observation(w);
			} else {
				random_jobs(w);
			}
			w->fake->now_ms += world_pick(w, 300);
			world_run(w);
			world_assert_sound(w, false);
			if (step % 80 == 79) {
				world_settle(w);
				world_assert_as_model(w);
			}
		}
		world_free(w);
	}
}

/* The daemon is restarted with the same file: nothing moves, whatever was going on. */
static void test_adoption_moves_nothing(void **state)
{
	unsigned int seed;

	(void)state;
	for (seed = 1; seed <= 10; seed++) {
		struct world *w = world_new(seed);
		uint64_t *words = util_alloc_array(w->fake->capacity.slots, 8);
		unsigned int replay = seed + 100;
		struct err e;

		world_load(w, fake_config_random(&replay));
		world_load(w, (replay = seed, fake_config_random(&replay)));
		world_resolve_all(w);
		world_settle(w);
		if (random_member(w, &(const struct model_service *){NULL},
				  &(const struct model_pool *){NULL}))
			world_set_health(w,
					 random_member(w, &(const struct model_service *){NULL},
						       &(const struct model_pool *){NULL}),
					 HEALTH_UP);
		world_settle(w);
		world_assert_as_model(w);
		memcpy(words, w->fake->slots, 8 * (size_t)w->fake->capacity.slots);

		sync_free(w->sync);
		model_free(w->model);
		w->model = model_new(w->log, TICK_NS);
		w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
		replay = seed;
		world_load(w, fake_config_random(&replay));
		assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
		world_settle(w);
		world_assert_as_model(w);
		assert_int_equal(sync_slots_moved_total(w->sync), 0);
		assert_memory_equal(words, w->fake->slots, 8 * (size_t)w->fake->capacity.slots);
		/* And life goes on with the ids and indices that were taken over. */
		world_load(w, fake_config_random(&w->seed));
		world_resolve_all(w);
		world_settle(w);
		world_assert_as_model(w);
		free(words);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adoption_moves_nothing),
		cmocka_unit_test(test_random_changes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
