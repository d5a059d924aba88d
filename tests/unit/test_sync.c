/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sync against the packet path in memory: after any changes the maps say what the model says, and
 * on the way there no packet could have met a slot that leads nowhere. */
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
#include "core/gcra_config.h"
#include "core/slots.h"
#include "core/sync.h"
#include "core/weights.h"
#include "fake/fake_config.h"
#include "fake/fake_dataplane.h"

#define TICK_NS 4000000U
#define SEED 4711ULL
#define JOBS_MAX 4

struct world {
	struct event_log *log;
	struct model *model;
	struct fake_dataplane *fake;
	struct dataplane port;
	struct sync *sync;
	struct build_job *jobs[JOBS_MAX]; /* out */
	unsigned int seed;
};

static struct world *world_new(unsigned int seed)
{
	struct dp_capacity capacity = fake_dataplane_capacity();
	struct world *w = util_alloc(sizeof(*w));

	w->seed = seed;
	w->log = event_log_new(64);
	w->model = model_new(w->log, TICK_NS);
	w->fake = fake_dataplane_new(&capacity);
	w->fake->now_ms = 1000000;
	w->port = fake_dataplane_port(w->fake);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	return w;
}

static void world_free(struct world *w)
{
	size_t i;

	for (i = 0; i < JOBS_MAX; i++) {
		if (w->jobs[i])
			sync_finish_job(w->sync, w->jobs[i], w->fake->now_ms, NULL);
	}
	sync_free(w->sync);
	model_free(w->model);
	event_log_free(w->log);
	fake_dataplane_free(w->fake);
	free(w);
}

static unsigned int pick(struct world *w, unsigned int n)
{
	return ((unsigned int)rand_r(&w->seed) >> 4) % n;
}

static void apply(struct world *w, const struct change *change)
{
	struct errs errors = {0};

	if (model_apply(w->model, change, 1, w->fake->now_ms, &errors)) {
		print_error("%s: %s\n", errors.list[0].path, errors.list[0].text);
		fail();
	}
	errs_done(&errors);
}

static void load(struct world *w, struct config *config)
{
	struct change change = {.type = CHANGE_CONFIG, .config = config, .is_forced = true};

	apply(w, &change);
	config_free(config);
}

static void run(struct world *w)
{
	struct errs errors = {0};

	assert_int_equal(sync_run(w->sync, w->fake->now_ms, &errors), 0);
	assert_int_equal(errors.count, 0);
}

static void assert_sound(struct world *w, bool is_strict)
{
	const char *what = fake_dataplane_check(w->fake, is_strict);

	if (what) {
		print_error("%s\n", what);
		fail();
	}
}

/* Turns until nothing is left to do; time passes so that indices may rest. */
static void settle(struct world *w)
{
	struct build_job *job;
	int turns = 0;

	run(w);
	while (!sync_is_idle(w->sync)) {
		size_t i;

		assert_true(++turns < 20);
		for (i = 0; i < JOBS_MAX; i++) {
			if (w->jobs[i])
				assert_int_equal(
					sync_finish_job(w->sync, w->jobs[i], w->fake->now_ms, NULL),
					0);
			w->jobs[i] = NULL;
		}
		while ((job = sync_take_job(w->sync))) {
			build_job_run(job);
			assert_int_equal(sync_finish_job(w->sync, job, w->fake->now_ms, NULL), 0);
		}
		assert_sound(w, false);
		w->fake->now_ms += 600;
		run(w);
	}
}

static struct nexthop way(const struct sluice_addr *addr, unsigned int variant)
{
	struct nexthop nexthop = {.ifindex = 2 + variant % 2,
				  .has_vlan = variant % 3 == 1,
				  .vlan_tci = 7,
				  .dmac = {2, 0, 0, (uint8_t)variant, addr->b[14], addr->b[15] & 3},
				  .smac = {2, 0, 0, 0, 0, 1},
				  .mtu = 1500 - variant % 2 * 20};

	addr_parse("10.255.0.1", &nexthop.src4);
	addr_parse("2001:db8:ffff::1", &nexthop.src6);
	return nexthop;
}

static void set_nexthop(struct world *w, const struct model_member *m, enum nexthop_state state,
			unsigned int variant)
{
	struct change change = {.type = CHANGE_MEMBER_NEXTHOP,
				.member_id = m->id,
				.nexthop_state = state,
				.nexthop = way(&m->addr, variant)};

	apply(w, &change);
}

static void set_health(struct world *w, const struct model_member *m, enum health_state health)
{
	struct change change = {
		.type = CHANGE_MEMBER_HEALTH, .member_id = m->id, .health = health, .text = "test"};

	apply(w, &change);
}

static void resolve_all(struct world *w)
{
	size_t s, p, m;

	for (s = 0; s < model_service_count(w->model); s++) {
		const struct model_service *service = model_service_at(w->model, s);

		for (p = 0; p < service->pool_count; p++) {
			for (m = 0; m < service->pools[p].member_count; m++)
				set_nexthop(w, &service->pools[p].members[m], NEXTHOP_RESOLVED, 0);
		}
	}
}

/* ---- what the maps should say, worked out directly from the model -------------------------- */

static void assert_member_entry(struct world *w, const struct model_service *service,
				const struct model_pool *pool, const struct model_member *member)
{
	uint32_t index = sync_member_index(w->sync, member->id);
	const struct sluice_member *entry = &w->fake->members[index];
	const struct sluice_nexthop *nexthop =
		&w->fake->nexthops[SLUICE_MEMBER_NEXTHOP(entry->word)];

	assert_int_not_equal(index, 0);
	assert_int_equal(sync_member_by_index(w->sync, index), member->id);
	assert_memory_equal(&entry->addr, &member->addr, sizeof(entry->addr));
	assert_int_equal(entry->service, service->id);
	assert_int_equal(entry->port_be, __builtin_bswap16(member->port));
	assert_int_equal(entry->family, addr_family(&member->addr));
	assert_int_equal(SLUICE_MEMBER_MODE(entry->word), pool->mode);
	assert_int_equal(!!(entry->word & SLUICE_MEMBER_F_DEAD), member->is_dead);
	if (member->nexthop_state != NEXTHOP_RESOLVED)
		return;
	assert_int_equal(SLUICE_MEMBER_MTU(entry->word), member->nexthop.mtu);
	assert_int_equal(nexthop->ifindex, member->nexthop.ifindex);
	assert_memory_equal(nexthop->dmac, member->nexthop.dmac, 6);
	assert_memory_equal(nexthop->smac, member->nexthop.smac, 6);
	assert_int_equal(nexthop->vlan_tci_be, member->nexthop.has_vlan ? 0x0700 : 0);
	assert_int_equal(nexthop->src4_be, member->nexthop.src4.w_be[3]);
	assert_memory_equal(&nexthop->src6, &member->nexthop.src6, 16);
}

static void assert_table(struct world *w, const struct model_service *service,
			 const struct dp_service *cell)
{
	size_t total = 0, p, m;
	struct slots_member *members = util_alloc_array(64, sizeof(*members));
	uint32_t size = 1U << cell->slots_log2, i;
	uint32_t *owner = util_alloc_array(size, 4), *runner = util_alloc_array(size, 4);

	for (p = 0; p < service->pool_count; p++) {
		for (m = 0; m < service->pools[p].member_count; m++) {
			const struct model_member *member = &service->pools[p].members[m];

			assert_member_entry(w, service, &service->pools[p], member);
			members[total].addr = member->addr;
			members[total].port = member->port;
			members[total].weight =
				weights_effective(service, &service->pools[p], member);
			members[total++].index = sync_member_index(w->sync, member->id);
		}
	}
	assert_int_equal(
		slots_build(members, (uint32_t)total, SEED, cell->slots_log2, owner, runner), 0);
	for (i = 0; i < size; i++) {
		if (owner[i] != w->fake->owner[cell->slots_base + i] ||
		    runner[i] != w->fake->runner[cell->slots_base + i]) {
			print_error("service %s slot %u\n", service->name, i);
			fail();
		}
	}
	assert_int_equal(sync_table_fingerprint(w->sync, service->id),
			 slots_fingerprint(members, (uint32_t)total, owner, cell->slots_log2));
	for (m = 0; m < total; m++) {
		uint64_t owned = 0, share, id = sync_member_by_index(w->sync, members[m].index);

		for (i = 0; i < size; i++)
			owned += owner[i] == members[m].index;
		share = (owned << 32) / size;
		assert_int_equal(sync_member_slot_share(w->sync, id), MIN(share, UINT32_MAX));
	}
	free(members);
	free(owner);
	free(runner);
}

static void assert_limit(struct world *w, const struct model_limit *limit)
{
	const struct sluice_limit *entry = &w->fake->limits[limit->id];
	const struct limit_config *c = &limit->config;
	struct gcra_params p;

	assert_int_equal(gcra_params_make(c->rate_n, c->rate_s, c->burst, TICK_NS, &p, NULL), 0);
	assert_true(entry->word & SLUICE_LIMIT_F_USED);
	assert_int_equal(entry->id, limit->id);
	assert_int_equal(SLUICE_LIMIT_K(entry->word), p.k);
	assert_int_equal(SLUICE_LIMIT_INC(entry->rate), p.inc);
	assert_int_equal(SLUICE_LIMIT_TAU(entry->rate), p.tau);
	assert_int_equal(SLUICE_LIMIT_COUNT(entry->word), c->count);
	assert_int_equal(SLUICE_LIMIT_MODE(entry->word), c->mode);
	assert_int_equal(SLUICE_LIMIT_PLEN4(entry->word), c->prefix4);
	assert_int_equal(SLUICE_LIMIT_PLEN6(entry->word), c->prefix6);
	assert_int_equal(8U << SLUICE_LIMIT_LOG2(entry->word), c->sources);
}

static void assert_as_model(struct world *w)
{
	size_t s, l, cells = 0, limits = 0;
	uint32_t i;

	assert_sound(w, true);
	for (s = 0; s < model_service_count(w->model); s++) {
		const struct model_service *service = model_service_at(w->model, s);
		const struct dp_service *cell = fake_dataplane_service(
			w->fake, &service->addr, service->port, service->proto);

		assert_non_null(cell);
		assert_int_equal(cell->id, service->id);
		assert_int_equal(cell->is_local, service->mode == SLUICE_MODE_LOCAL);
		for (l = 0; l < SLUICE_SERVICE_LIMITS_MAX; l++)
			assert_int_equal(cell->limits[l], service->limits[l]);
		if (!cell->is_local)
			assert_table(w, service, cell);
	}
	for (i = 0; i < w->fake->capacity.service_cells; i++)
		cells += w->fake->services[i].is_used;
	assert_int_equal(cells, model_service_count(w->model));
	for (l = 0; l < model_limit_count(w->model); l++)
		assert_limit(w, model_limit_at(w->model, l));
	for (i = 0; i < w->fake->capacity.limits; i++)
		limits += w->fake->limits[i].word != 0;
	assert_int_equal(limits, model_limit_count(w->model));
}

/* ---- random changes ------------------------------------------------------------------------ */

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
		service = model_service_at(w->model, pick(w, (unsigned int)count));
		if (!service->pool_count)
			continue;
		pool = &service->pools[pick(w, (unsigned int)service->pool_count)];
		if (!pool->member_count)
			continue;
		*ret_service = service;
		*ret_pool = pool;
		return &pool->members[pick(w, (unsigned int)pool->member_count)];
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
	struct change change = {.type = types[pick(w, 4)], .owner = OWNER_API};

	if (!member)
		return;
	change.service = service->name;
	change.pool = pool->name;
	change.addr = member->addr;
	change.weight = pick(w, 3) * 50;
	change.admin = (enum admin_state)pick(w, ADMIN_STATE_MAX);
	if (change.type == CHANGE_MEMBER_ADD)
		change.addr.b[15] = (uint8_t)(100 + pick(w, 20));
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
	if (pick(w, 2) == 0)
		set_health(w, member, (enum health_state)pick(w, HEALTH_STATE_MAX));
	else
		set_nexthop(w, member,
			    pick(w, 3) ? NEXTHOP_RESOLVED
				       : (enum nexthop_state)pick(w, NEXTHOP_STATE_MAX),
			    pick(w, 4));
}

static void random_jobs(struct world *w)
{
	unsigned int i = pick(w, JOBS_MAX);

	if (!w->jobs[i]) {
		w->jobs[i] = sync_take_job(w->sync);
		if (w->jobs[i])
			build_job_run(w->jobs[i]);
		return;
	}
	assert_int_equal(sync_finish_job(w->sync, w->jobs[i], w->fake->now_ms, NULL), 0);
	w->jobs[i] = NULL;
	assert_sound(w, false);
}

static void test_random_changes(void **state)
{
	unsigned int seed;
	int step;

	(void)state;
	for (seed = 1; seed <= 6; seed++) {
		struct world *w = world_new(seed);

		load(w, fake_config_random(&w->seed));
		resolve_all(w);
		for (step = 0; step < 400; step++) {
			unsigned int what = pick(w, 100);

			if (what < 2) {
				load(w, fake_config_random(&w->seed));
				if (pick(w, 2))
					resolve_all(w);
			} else if (what < 20) {
				random_intent(w);
			} else if (what < 60) {
				random_observation(w);
			} else {
				random_jobs(w);
			}
			w->fake->now_ms += pick(w, 300);
			run(w);
			assert_sound(w, false);
			if (step % 80 == 79) {
				settle(w);
				assert_as_model(w);
			}
		}
		world_free(w);
	}
}

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

	load(w, three_members());
	resolve_all(w);
	settle(w);
	assert_as_model(w);
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

/* The mark comes with the next turn, before any table is built; epochs tell flows apart. */
static void test_dead_at_once(void **state)
{
	struct world *w = world_of_three();
	uint64_t word = word_of(w, member_at(w, 0)), moved = sync_slots_moved_total(w->sync);

	(void)state;
	set_health(w, member_at(w, 0), HEALTH_DOWN);
	run(w);
	assert_true(word_of(w, member_at(w, 0)) & SLUICE_MEMBER_F_DEAD);
	assert_int_equal(SLUICE_MEMBER_EPOCH(word_of(w, member_at(w, 0))),
			 SLUICE_MEMBER_EPOCH(word) + 1);
	assert_false(sync_is_idle(w->sync));
	assert_int_equal(sync_slots_moved_total(w->sync), moved);
	settle(w);
	assert_as_model(w);
	assert_in_range(sync_slots_moved_total(w->sync) - moved, 4096 * 38 / 100, 4096 * 42 / 100);
	assert_int_equal(sync_member_slot_share(w->sync, member_at(w, 0)->id), 0);
	set_health(w, member_at(w, 0), HEALTH_UP);
	settle(w);
	assert_as_model(w);
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
	set_nexthop(w, member_at(w, 1), NEXTHOP_RESOLVED, 2);
	run(w);
	assert_int_not_equal(SLUICE_MEMBER_NEXTHOP(word_of(w, member_at(w, 1))), before);
	assert_true(w->fake->nexthops[before].flags != 0);
	assert_null(sync_take_job(w->sync));
	assert_as_model(w);
	w->fake->now_ms += SLUICE_REUSE_AFTER_MS;
	run(w);
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
	run(w);
	writes = w->fake->writes;
	load(w, three_members());
	run(w);
	assert_null(sync_take_job(w->sync));
	assert_true(sync_is_idle(w->sync));
	assert_int_equal(w->fake->writes, writes);
	world_free(w);
}

static void set_limit(struct world *w, uint64_t rate_n, uint32_t sources)
{
	struct config *config = three_members();

	config->limits[0].rate_n = rate_n;
	config->limits[0].burst = 100;
	config->limits[0].sources = sources;
	load(w, config);
	settle(w);
	assert_as_model(w);
}

/* Sources keep their state while they can: the region changes only with the unit or the size. */
static void test_limit_regions(void **state)
{
	struct world *w = world_of_three();
	uint32_t id = model_limit_at(w->model, 0)->id, base;
	struct change shadow = {.type = CHANGE_LIMIT_MODE,
				.owner = OWNER_API,
				.limit = "per-client",
				.limit_mode = SLUICE_LIMIT_SHADOW};

	(void)state;
	set_limit(w, 50, 1024);
	base = SLUICE_LIMIT_BASE(w->fake->limits[id].word);
	set_limit(w, 51, 1024);
	assert_int_equal(SLUICE_LIMIT_BASE(w->fake->limits[id].word), base);
	apply(w, &shadow);
	settle(w);
	assert_as_model(w);
	assert_int_equal(SLUICE_LIMIT_BASE(w->fake->limits[id].word), base);
	set_limit(w, 500, 1024);
	assert_int_not_equal(SLUICE_LIMIT_BASE(w->fake->limits[id].word), base);
	base = SLUICE_LIMIT_BASE(w->fake->limits[id].word);
	set_limit(w, 500, 4096);
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
		apply(w, &change);
	}
	resolve_all(w);
	settle(w);
	assert_as_model(w);
	assert_int_equal(sync_table_log2(w->sync, id), 14);
	change.type = CHANGE_MEMBER_REMOVE;
	for (i = 10; i < 30; i++) {
		change.addr.b[15] = (uint8_t)i;
		apply(w, &change);
	}
	settle(w);
	assert_as_model(w);
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

		set_nexthop(w, member_at(w, 0), NEXTHOP_RESOLVED, 3);
		set_health(w, member_at(w, 1), HEALTH_DOWN);
		config->services[0].pools[0].members[2].addr.b[15] = 9;
		config->limits[0].rate_n = 7;
		fake_config_service(config, "local", "192.0.2.11", 53, SLUICE_MODE_LOCAL);
		load(w, config);
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
		resolve_all(w);
		settle(w);
		assert_as_model(w);
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
		uint32_t *owner = util_alloc_array(w->fake->capacity.slots, 4);
		unsigned int replay = seed + 100;
		struct err e;

		load(w, fake_config_random(&replay));
		load(w, (replay = seed, fake_config_random(&replay)));
		resolve_all(w);
		settle(w);
		if (random_member(w, &(const struct model_service *){NULL},
				  &(const struct model_pool *){NULL}))
			set_health(w,
				   random_member(w, &(const struct model_service *){NULL},
						 &(const struct model_pool *){NULL}),
				   HEALTH_UP);
		settle(w);
		assert_as_model(w);
		memcpy(owner, w->fake->owner, 4 * (size_t)w->fake->capacity.slots);

		sync_free(w->sync);
		model_free(w->model);
		w->model = model_new(w->log, TICK_NS);
		w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
		replay = seed;
		load(w, fake_config_random(&replay));
		assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
		settle(w);
		assert_as_model(w);
		assert_int_equal(sync_slots_moved_total(w->sync), 0);
		assert_memory_equal(owner, w->fake->owner, 4 * (size_t)w->fake->capacity.slots);
		/* And life goes on with the ids and indices that were taken over. */
		load(w, fake_config_random(&w->seed));
		resolve_all(w);
		settle(w);
		assert_as_model(w);
		free(owner);
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
	set_health(w, member_at(w, 0), HEALTH_DOWN);
	settle(w);
	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	config->services[0].pools[0].members[1].addr.b[15] = 9;
	util_copy(config->limits[0].name, sizeof(config->limits[0].name), "renamed");
	util_copy(config->services[0].limits[0], sizeof(config->limits[0].name), "renamed");
	load(w, config);
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
	assert_int_equal(member_at(w, 0)->health, HEALTH_DOWN);
	assert_string_equal(member_at(w, 0)->health_text, "was out before the restart");
	assert_int_equal(member_at(w, 1)->nexthop_state, NEXTHOP_PENDING);
	assert_int_equal(member_at(w, 2)->nexthop_state, NEXTHOP_RESOLVED);
	settle(w);
	assert_as_model(w);
	assert_int_equal(sync_member_slot_share(w->sync, member_at(w, 2)->id), UINT32_MAX);
	w->fake->now_ms += SLUICE_REUSE_AFTER_MS;
	run(w);
	world_free(w);
}

static void test_adoption_of_damaged_maps(void **state)
{
	int what;

	(void)state;
	for (what = 0; what < 3; what++) {
		struct world *w = world_of_three();
		struct err e = {0};

		sync_free(w->sync);
		model_free(w->model);
		w->model = model_new(w->log, TICK_NS);
		w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
		load(w, three_members());
		if (what == 0) {
			w->fake->services[5] = w->fake->services[0];
			w->fake->services[5].service.port = 81;
		} else if (what == 1) {
			w->fake->services[0].service.slots_base = 77;
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
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	load(w, three_members());
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
		cmocka_unit_test(test_adoption_of_damaged_maps),
		cmocka_unit_test(test_adoption_moves_nothing),
		cmocka_unit_test(test_random_changes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
