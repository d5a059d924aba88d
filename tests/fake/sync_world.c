/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fake/sync_world.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "core/limit_params.h"
#include "core/slots.h"
#include "core/weights.h"

struct world *world_new(unsigned int seed)
{
	struct dp_capacity capacity = fake_dataplane_capacity();

	return world_new_sized(seed, &capacity);
}

struct world *world_new_sized(unsigned int seed, const struct dp_capacity *capacity)
{
	struct world *w = util_alloc(sizeof(*w));

	w->seed = seed;
	w->log = event_log_new(64);
	w->model = model_new(w->log, TICK_NS);
	w->fake = fake_dataplane_new(capacity);
	w->fake->now_ms = 1000000;
	w->port = fake_dataplane_port(w->fake);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	return w;
}

void world_free(struct world *w)
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

unsigned int world_pick(struct world *w, unsigned int n)
{
	return ((unsigned int)rand_r(&w->seed) >> 4) % n;
}

void world_apply(struct world *w, const struct change *change)
{
	struct errs errors = {0};

	if (model_apply(w->model, change, 1, w->fake->now_ms, &errors)) {
		print_error("%s: %s\n", errors.list[0].path, errors.list[0].text);
		fail();
	}
	errs_done(&errors);
}

void world_load(struct world *w, struct config *config)
{
	struct change change = {.type = CHANGE_CONFIG, .config = config, .is_forced = true};

	world_apply(w, &change);
	config_free(config);
}

void world_load_text(struct world *w, const char *text)
{
	world_load(w, fake_config_parsed(text));
}

void world_run(struct world *w)
{
	struct errs errors = {0};

	assert_int_equal(sync_run(w->sync, w->fake->now_ms, &errors), 0);
	assert_int_equal(errors.count, 0);
}

void world_assert_sound(struct world *w, bool is_strict)
{
	const char *what = fake_dataplane_check(w->fake, is_strict);

	if (what) {
		print_error("%s\n", what);
		fail();
	}
}

void world_finish_jobs(struct world *w)
{
	size_t i;

	for (i = 0; i < JOBS_MAX; i++) {
		if (w->jobs[i])
			assert_int_equal(
				sync_finish_job(w->sync, w->jobs[i], w->fake->now_ms, NULL), 0);
		w->jobs[i] = NULL;
	}
}

static void build_tables(struct world *w)
{
	struct build_job *job;

	while ((job = sync_take_job(w->sync))) {
		build_job_run(job);
		assert_int_equal(sync_finish_job(w->sync, job, w->fake->now_ms, NULL), 0);
	}
}

uint32_t world_turn(struct world *w)
{
	world_run(w);
	build_tables(w);
	return sync_step(w->sync, w->fake->now_ms);
}

void world_note_names(struct world *w)
{
	size_t size = sizeof(w->fake->limit_names[0]);

	memset(w->fake->limit_names, 0, w->fake->capacity.limits * size);
	for (size_t i = 0; i < model_limit_count(w->model); i++) {
		const struct model_limit *limit = model_limit_at(w->model, i);

		util_copy(w->fake->limit_names[limit->id], size, limit->config.name);
	}
}

void world_restart(struct world *w)
{
	size_t i;

	world_finish_jobs(w);
	sync_free(w->sync);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	for (i = 0; i < model_service_count(w->model); i++)
		model_service_at(w->model, i)->is_dirty = true;
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, NULL), 0);
}

/* Turns until nothing is left to do; time passes so that indices may rest. */
void world_settle(struct world *w)
{
	int turns = 0;

	world_run(w);
	sync_step(w->sync, w->fake->now_ms);
	while (!sync_is_idle(w->sync) || sync_is_moving(w->sync)) {
		assert_true(++turns < 100);
		world_finish_jobs(w);
		build_tables(w);
		world_assert_sound(w, false);
		w->fake->now_ms += 600;
		world_run(w);
		sync_step(w->sync, w->fake->now_ms);
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

void world_set_nexthop(struct world *w, const struct model_member *m, enum nexthop_state state,
		       unsigned int variant)
{
	struct change change = {.type = CHANGE_MEMBER_NEXTHOP,
				.member_id = m->id,
				.nexthop_state = state,
				.nexthop = way(&m->addr, variant)};

	world_apply(w, &change);
}

void world_set_health(struct world *w, const struct model_member *m, enum health_state health)
{
	struct change change = {
		.type = CHANGE_MEMBER_HEALTH, .member_id = m->id, .health = health, .text = "test"};

	world_apply(w, &change);
}

void world_resolve_all(struct world *w)
{
	size_t s, p, m;

	for (s = 0; s < model_service_count(w->model); s++) {
		const struct model_service *service = model_service_at(w->model, s);

		for (p = 0; p < service->pool_count; p++) {
			for (m = 0; m < service->pools[p].member_count; m++)
				world_set_nexthop(w, &service->pools[p].members[m],
						  NEXTHOP_RESOLVED, 0);
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
	if (pool->mode == SLUICE_MODE_GUE)
		assert_int_equal(entry->gue_port_be, htons(pool->gue_port));
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
		if (owner[i] != SLUICE_SLOT_CUR(w->fake->slots[cell->slots_base + i]) ||
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

/* In mode local packets are counted under a member of the service's own. */
static void assert_counter(struct world *w, const struct model_service *service,
			   const struct dp_service *cell)
{
	const struct sluice_member *entry = &w->fake->members[cell->slots_base];

	assert_int_not_equal(cell->slots_base, SLUICE_MEMBER_NONE);
	assert_int_equal(cell->slots_base, sync_local_index(w->sync, service->id));
	assert_int_equal(sync_member_by_index(w->sync, cell->slots_base), 0);
	assert_int_equal(entry->service, service->id);
	assert_memory_equal(&entry->addr, &service->addr, sizeof(entry->addr));
	assert_int_equal(SLUICE_MEMBER_MODE(entry->word), SLUICE_MODE_LOCAL);
	assert_true(entry->word & SLUICE_MEMBER_F_USED);
	assert_false(entry->word & SLUICE_MEMBER_F_DEAD);
}

/* Each prefix is in the table with its rate, in the limit's unit, and nothing else is. */
static void assert_exceptions(struct world *w, const struct model_limit *limit, uint32_t k)
{
	const struct limit_exceptions *exceptions = limit->config.exceptions;
	size_t found = 0, wanted = 0, i;
	struct gcra_params p;

	assert_int_equal(!!(w->fake->limits[limit->id].flags & SLUICE_LIMIT_F_EXCEPTIONS),
			 exceptions != NULL);
	for (i = 0; i < limit_exceptions_count(exceptions); i++)
		wanted += prefix_set_count(exceptions->list[i].prefixes);
	for (i = 0; i < w->fake->access_count; i++) {
		const struct dp_access_entry *entry = &w->fake->access[i];
		const struct limit_exception *exception;

		if (entry->list != SLUICE_LIMIT_LIST(limit->id))
			continue;
		found++;
		exception = limit_exceptions_find(exceptions, &entry->prefix.addr);
		assert_non_null(exception);
		assert_int_equal(limit_exception_params(limit->config.count, exception, TICK_NS, k,
							&p, NULL),
				 0);
		assert_int_equal(p.k, k);
		assert_int_equal(SLUICE_EXCEPTION_INC(entry->word), p.inc);
		assert_int_equal(SLUICE_EXCEPTION_TAU(entry->word), (p.tau + 3) & ~3U);
		assert_int_equal(SLUICE_EXCEPTION_K(entry->word), k);
	}
	assert_int_equal(found, wanted);
}

static void assert_limit(struct world *w, const struct model_limit *limit)
{
	const struct sluice_limit *entry = &w->fake->limits[limit->id];
	const struct limit_config *c = &limit->config;
	struct gcra_params p;

	assert_int_equal(limit_params_make(c, TICK_NS, &p, NULL), 0);
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
	assert_int_equal(!!(entry->flags & SLUICE_LIMIT_F_CLOSED), c->is_closed);
	assert_exceptions(w, limit, p.k);
}

void world_assert_as_model(struct world *w)
{
	size_t s, l, cells = 0, limits = 0;
	uint32_t i;

	world_assert_sound(w, true);
	for (s = 0; s < model_service_count(w->model); s++) {
		const struct model_service *service = model_service_at(w->model, s);
		const struct dp_service *cell = fake_dataplane_service(
			w->fake, &service->addr, service->port, service->proto);

		assert_non_null(cell);
		assert_int_equal(cell->id, service->id);
		assert_int_equal(cell->is_local, service->mode == SLUICE_MODE_LOCAL);
		for (l = 0; l < SLUICE_SERVICE_LIMITS_MAX; l++)
			assert_int_equal(cell->limits[l], service->limits[l]);
		if (cell->is_local)
			assert_counter(w, service, cell);
		else
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
	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++)
		assert_int_equal(w->fake->host_limits[i], model_host_limits(w->model)[i]);
}
