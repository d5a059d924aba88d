/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits of all services and of all packets, and exceptions, in the maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/util.h"
#include "core/limit_params.h"
#include "fake/sync_world.h"

static void add_management(struct config *config)
{
	struct prefix_entry entry = {0};

	assert_int_equal(prefix_parse("10.9.0.0/16", 11, &entry.prefix, NULL), 0);
	config->management = prefix_set_new(&entry, 1, NULL, 0);
}

/* Two services, the first with a limit of its own. */
static struct config *two_services(void)
{
	struct config *config = fake_config_web(3, 600);
	struct service_config *dns =
		fake_config_service(config, "dns", "192.0.2.11", 53, SLUICE_MODE_IPIP);

	fake_config_pool(dns, "default", 100, CHECK_NONE);
	fake_config_member(dns, &dns->pools[0], "10.0.1.1", 100);
	fake_config_limit(config, "own", 50, 32, SLUICE_LIMIT_ENFORCE);
	fake_config_use_limit(&config->services[0], "own");
	add_management(config);
	return config;
}

static struct world *world_of(struct config *config)
{
	struct world *w = world_new(1);

	world_load(w, config);
	world_resolve_all(w);
	world_settle(w);
	world_assert_as_model(w);
	return w;
}

static void reload(struct world *w, struct config *config)
{
	world_load(w, config);
	world_resolve_all(w);
	world_settle(w);
	world_assert_as_model(w);
}

static struct sluice_limit *entry_of(struct world *w, const char *name)
{
	return &w->fake->limits[model_find_limit(w->model, name)->id];
}

static void test_scope_services(void **state)
{
	struct config *config = two_services();
	const struct model_service *web, *dns;
	struct world *w;

	(void)state;
	fake_config_limit(config, "wide", 500, 24, SLUICE_LIMIT_ENFORCE)->scope =
		LIMIT_SCOPE_SERVICES;
	w = world_of(config);
	web = model_find_service(w->model, "web");
	dns = model_find_service(w->model, "dns");
	assert_int_equal(web->limits[0], model_find_limit(w->model, "own")->id);
	assert_int_equal(web->limits[1], model_find_limit(w->model, "wide")->id);
	assert_int_equal(dns->limits[0], model_find_limit(w->model, "wide")->id);
	assert_int_equal(dns->limits[1], 0);
	reload(w, two_services());
	assert_int_equal(model_find_service(w->model, "dns")->limits[0], 0);
	world_free(w);
}

static const struct dp_access_entry *find_access(const struct world *w, const char *text,
						 uint16_t list)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix, NULL), 0);
	for (size_t i = 0; i < w->fake->access_count; i++) {
		if (w->fake->access[i].list == list &&
		    !prefix_compare(&w->fake->access[i].prefix, &prefix))
			return &w->fake->access[i];
	}
	return NULL;
}

/* What serves is not counted by limits of all packets; without them it is not in the table. */
static void test_scope_everything(void **state)
{
	struct config *config = two_services();
	struct limit_config *limit;
	struct world *w;
	struct change add = {
		.type = CHANGE_MEMBER_ADD, .owner = OWNER_API, .service = "dns", .weight = 100};

	(void)state;
	limit = fake_config_limit(config, "host", 500, 24, SLUICE_LIMIT_ENFORCE);
	limit->scope = LIMIT_SCOPE_EVERYTHING;
	limit->counts_replies = true;
	w = world_of(config);
	assert_int_equal(w->fake->host_limits[0], model_find_limit(w->model, "host")->id);
	assert_int_equal(entry_of(w, "host")->flags, SLUICE_LIMIT_F_REPLIES);
	assert_int_equal(find_access(w, "10.0.0.1", 0)->word,
			 SLUICE_ACCESS(SLUICE_ACCESS_INFRA, 0));
	assert_int_equal(find_access(w, "10.9.0.0/16", 0)->word,
			 SLUICE_ACCESS(SLUICE_ACCESS_MANAGEMENT, 0));
	add.addr = model_find_service(w->model, "dns")->pools[0].members[0].addr;
	add.addr.b[15] = 77;
	world_apply(w, &add);
	world_settle(w);
	assert_non_null(find_access(w, "10.0.1.77", 0));
	reload(w, two_services());
	assert_int_equal(w->fake->host_limits[0], 0);
	assert_null(find_access(w, "10.0.0.1", 0));
	assert_non_null(find_access(w, "10.9.0.0/16", 0));
	world_free(w);
}

/* A limit is there before packets ask it, and goes after; so are members before it. */
static void test_order_with_failures(void **state)
{
	int nth;

	(void)state;
	for (nth = 1; nth < 12; nth++) {
		struct world *w = world_of(two_services());
		struct config *config = two_services();
		struct errs errors = {0};
		int turn;

		fake_config_limit(config, "host", 500, 24, SLUICE_LIMIT_ENFORCE)->scope =
			LIMIT_SCOPE_EVERYTHING;
		fake_config_except(&config->limits[0], "198.51.100.0/24", 500, 0);
		world_load(w, config);
		w->fake->fail_in = nth;
		for (turn = 0; turn < 4; turn++) {
			sync_run(w->sync, w->fake->now_ms, &errors);
			assert_string_equal(w->fake->breach, "");
			if (w->fake->host_limits[0])
				assert_non_null(find_access(w, "10.0.0.1", 0));
		}
		errs_done(&errors);
		world_settle(w);
		world_assert_as_model(w);
		world_load(w, two_services());
		w->fake->fail_in = nth;
		for (turn = 0; turn < 4; turn++) {
			sync_run(w->sync, w->fake->now_ms, &errors);
			assert_string_equal(w->fake->breach, "");
			if (w->fake->host_limits[0])
				assert_non_null(find_access(w, "10.0.0.1", 0));
		}
		errs_done(&errors);
		w->fake->fail_in = 0;
		world_settle(w);
		world_assert_as_model(w);
		world_free(w);
	}
}

static struct config *with_exception(uint64_t rate_n, uint64_t excepted_n)
{
	struct config *config = two_services();

	config->limits[0].rate.n = rate_n;
	config->limits[0].burst.n = 100;
	if (excepted_n) {
		fake_config_except(&config->limits[0], "198.51.100.0/24", excepted_n, 1000);
		fake_config_except(&config->limits[0], "198.51.0.0/16", 5 * excepted_n, 1000);
	}
	return config;
}

/* world_assert_as_model() holds each entry of the table against the configuration. */
static void test_exceptions(void **state)
{
	struct world *w = world_of(with_exception(50, 500));
	uint32_t id = model_find_limit(w->model, "own")->id;
	uint16_t list = (uint16_t)SLUICE_LIMIT_LIST(id);
	unsigned int moved = w->fake->limits_moved;
	uint32_t k = SLUICE_LIMIT_K(entry_of(w, "own")->word);

	(void)state;
	assert_non_null(find_access(w, "198.51.100.0/24", list));
	assert_non_null(find_access(w, "198.51.0.0/16", list));
	/* Another rate, same unit: what sources owe stays where it is. */
	reload(w, with_exception(50, 510));
	assert_int_equal(SLUICE_LIMIT_K(entry_of(w, "own")->word), k);
	/* A coarser unit for all. */
	reload(w, with_exception(1, 510));
	assert_int_not_equal(SLUICE_LIMIT_K(entry_of(w, "own")->word), k);
	assert_true(w->fake->limits_moved > moved);
	reload(w, with_exception(50, 0));
	assert_null(find_access(w, "198.51.100.0/24", list));
	assert_int_equal(entry_of(w, "own")->flags, 0);
	world_free(w);
}

/* Maps of a daemon that could not note names in them. */
static void restart_unnamed(struct world *w, struct config *config)
{
	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	world_load(w, config);
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, NULL), 0);
}

/* The daemon ends, and starts with another file. */
static void restart(struct world *w, struct config *config)
{
	world_note_names(w);
	restart_unnamed(w, config);
}

/* One that the maps have still, and services may name, is nobody's number before it is cleared. */
static void test_new_limit_after_a_restart(void **state)
{
	struct config *config = two_services();
	struct world *w;
	uint32_t gone;

	(void)state;
	fake_config_limit(config, "gone", 500, 24, SLUICE_LIMIT_ENFORCE)->scope =
		LIMIT_SCOPE_SERVICES;
	w = world_of(config);
	gone = model_find_limit(w->model, "gone")->id;
	restart(w, two_services());
	config = two_services();
	fake_config_limit(config, "fresh", 70, 24, SLUICE_LIMIT_SHADOW);
	world_load(w, config);
	assert_int_not_equal(w->fake->limits[gone].word, 0);
	assert_true(model_find_limit(w->model, "fresh")->id > gone);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(w->fake->limits[gone].word, 0);
	world_free(w);
}

/* Without a change of the file: no region moves, nothing is cleared, nothing is lost. */
static void check_restart(void (*restart_fn)(struct world *w, struct config *config))
{
	struct config *config = with_exception(50, 500);
	struct sluice_limit before[2];
	unsigned int moved;
	struct world *w;

	fake_config_limit(config, "host", 500, 24, SLUICE_LIMIT_ENFORCE)->scope =
		LIMIT_SCOPE_EVERYTHING;
	w = world_of(config);
	before[0] = *entry_of(w, "own");
	before[1] = *entry_of(w, "host");
	moved = w->fake->limits_moved;
	memset(w->fake->limit_cleared_ms, 0, w->fake->capacity.limit_sets * sizeof(uint64_t));
	w->fake->now_ms += 5000;
	config = two_services();
	/* In another place of the file. */
	config->limit_count = 0;
	fake_config_limit(config, "new", 7, 16, SLUICE_LIMIT_SHADOW);
	fake_config_limit(config, "host", 500, 24, SLUICE_LIMIT_ENFORCE)->scope =
		LIMIT_SCOPE_EVERYTHING;
	fake_config_limit(config, "own", 50, 32, SLUICE_LIMIT_ENFORCE)->burst.n = 100;
	fake_config_except(&config->limits[2], "198.51.100.0/24", 500, 1000);
	fake_config_except(&config->limits[2], "198.51.0.0/16", 2500, 1000);
	restart_fn(w, config);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(entry_of(w, "own")->word, before[0].word);
	assert_int_equal(entry_of(w, "host")->word, before[1].word);
	assert_int_equal(w->fake->limits_moved, moved);
	for (int i = 0; i < 2; i++) {
		uint32_t base = SLUICE_LIMIT_BASE(before[i].word);

		for (uint32_t set = 0; set < 1U << SLUICE_LIMIT_LOG2(before[i].word); set++)
			assert_int_equal(w->fake->limit_cleared_ms[base + set], 0);
	}
	world_free(w);
}

static void test_restart(void **state)
{
	(void)state;
	check_restart(restart);
	check_restart(restart_unnamed);
}

/* Another limit of the same shape, in its place, and it behind: what its sources owe stays its own. */
static void test_restart_with_another(void **state)
{
	struct world *w = world_of(two_services());
	const struct sluice_limit before = *entry_of(w, "own");
	struct config *config = two_services();

	(void)state;
	fake_config_limit(config, "strict", 50, 32, SLUICE_LIMIT_ENFORCE);
	util_copy(config->services[0].limits[0], sizeof(config->services[0].limits[0]), "strict");
	fake_config_use_limit(&config->services[0], "own");
	restart(w, config);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(entry_of(w, "own")->id, before.id);
	assert_int_equal(entry_of(w, "own")->word, before.word);
	assert_int_not_equal(SLUICE_LIMIT_BASE(entry_of(w, "strict")->word),
			     SLUICE_LIMIT_BASE(before.word));
	world_free(w);
}

/* In its place, and it gone: the new one knows nothing of the old one's sources. */
static void test_restart_with_other_name(void **state)
{
	struct world *w = world_of(two_services());
	const struct sluice_limit before = *entry_of(w, "own");
	struct config *config = two_services();

	(void)state;
	util_copy(config->limits[0].name, sizeof(config->limits[0].name), "other");
	util_copy(config->services[0].limits[0], sizeof(config->services[0].limits[0]), "other");
	restart(w, config);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_not_equal(entry_of(w, "other")->id, before.id);
	assert_int_not_equal(SLUICE_LIMIT_BASE(entry_of(w, "other")->word),
			     SLUICE_LIMIT_BASE(before.word));
	assert_int_equal(w->fake->limits[before.id].word, 0);
	world_free(w);
}

/* Some seconds in which not all can be written. */
static void struggle(struct world *w)
{
	struct errs errors = {0};

	for (int turn = 0; turn < 10; turn++) {
		sync_run(w->sync, w->fake->now_ms, &errors);
		assert_string_equal(w->fake->breach, "");
		w->fake->now_ms += 600;
	}
	assert_true(errors.count > 0);
	errs_done(&errors);
}

static void set_mode(struct world *w, enum sluice_limit_mode mode)
{
	const struct change change = {
		.type = CHANGE_LIMIT_MODE, .owner = OWNER_API, .limit = "own", .limit_mode = mode};

	world_apply(w, &change);
	struggle(w);
}

/* With so many sets, of which the limit has DP_LIMIT_SETS_MIN_LOG2. */
static struct world *small_world(uint32_t limit_sets)
{
	struct dp_capacity capacity = fake_dataplane_capacity();
	struct world *w;

	capacity.limit_sets = limit_sets;
	w = world_new_sized(1, &capacity);
	world_load(w, with_exception(50, 500));
	world_resolve_all(w);
	world_settle(w);
	world_assert_as_model(w);
	return w;
}

/* Another unit, and no second region: the limit stays as it was, with those that it excepts, and can be
 * switched off; what is not the limit that was meant is not switched on. */
static void test_restart_without_room(void **state)
{
	struct world *w = small_world(1U << DP_LIMIT_SETS_MIN_LOG2);
	const struct dp_access_entry *access;
	struct sluice_limit before = *entry_of(w, "own");
	uint16_t list = (uint16_t)SLUICE_LIMIT_LIST(model_find_limit(w->model, "own")->id);
	struct sync_problem problem = {0};
	struct gcra_params p;

	(void)state;
	restart(w, with_exception(5000, 5000));
	struggle(w);
	assert_int_equal(sync_problem_count(w->sync), 1);
	assert_int_equal(entry_of(w, "own")->word, before.word);
	assert_int_equal(entry_of(w, "own")->rate, before.rate);
	access = find_access(w, "198.51.100.0/24", list);
	assert_non_null(access);
	assert_int_equal(SLUICE_EXCEPTION_K(access->word), SLUICE_LIMIT_K(before.word));
	assert_int_equal(gcra_params_make_from(SLUICE_COUNT_NEW_CONNECTIONS, 5000, 1, 1000, TICK_NS,
					       SLUICE_LIMIT_K(before.word), &p, NULL),
			 0);
	assert_int_equal(SLUICE_EXCEPTION_INC(access->word), p.inc);
	set_mode(w, SLUICE_LIMIT_SHADOW);
	assert_int_equal(SLUICE_LIMIT_MODE(entry_of(w, "own")->word), SLUICE_LIMIT_SHADOW);
	set_mode(w, SLUICE_LIMIT_DISABLED);
	assert_int_equal(SLUICE_LIMIT_MODE(entry_of(w, "own")->word), SLUICE_LIMIT_DISABLED);
	set_mode(w, SLUICE_LIMIT_ENFORCE);
	assert_int_equal(SLUICE_LIMIT_MODE(entry_of(w, "own")->word), SLUICE_LIMIT_DISABLED);
	assert_int_equal(sync_problems(w->sync, &problem, 1), 1);
	assert_string_equal(problem.text, "limit own: still as it was before it changed, in mode "
					  "disabled: no room in the maps for its sources");
	reload(w, with_exception(50, 500));
	assert_int_equal(entry_of(w, "own")->word, before.word);
	world_free(w);
}

/* So it does where it asks for more sources than there is room for. */
static void test_restart_larger_without_room(void **state)
{
	struct world *w = small_world(2U << DP_LIMIT_SETS_MIN_LOG2);
	const struct sluice_limit before = *entry_of(w, "own");
	struct config *config = with_exception(50, 500);

	(void)state;
	config->limits[0].sources = 2048;
	restart(w, config);
	struggle(w);
	assert_int_equal(w->fake->limits[before.id].word, before.word);
	assert_non_null(find_access(w, "198.51.100.0/24", (uint16_t)SLUICE_LIMIT_LIST(before.id)));
	set_mode(w, SLUICE_LIMIT_DISABLED);
	assert_int_equal(SLUICE_LIMIT_MODE(w->fake->limits[before.id].word), SLUICE_LIMIT_DISABLED);
	world_free(w);
}

/* One that is not known any more, or counts something else, and has no room for what is to come after
 * it: whom it excepted nobody knows, so it refuses nobody. */
static void test_restart_unknown_without_room(void **state)
{
	struct world *w = small_world(1U << DP_LIMIT_SETS_MIN_LOG2);
	struct config *config = with_exception(50, 500);
	uint32_t id = entry_of(w, "own")->id;

	(void)state;
	util_copy(config->limits[0].name, sizeof(config->limits[0].name), "other");
	util_copy(config->services[0].limits[0], sizeof(config->services[0].limits[0]), "other");
	restart(w, config);
	/* What is found alone changes nothing: the start may fail yet. */
	assert_int_equal(SLUICE_LIMIT_MODE(w->fake->limits[id].word), SLUICE_LIMIT_ENFORCE);
	struggle(w);
	assert_int_equal(SLUICE_LIMIT_MODE(w->fake->limits[id].word), SLUICE_LIMIT_SHADOW);
	world_free(w);
	w = small_world(1U << DP_LIMIT_SETS_MIN_LOG2);
	config = with_exception(50, 500);
	config->limits[0].count = SLUICE_COUNT_PACKETS;
	restart(w, config);
	struggle(w);
	assert_int_equal(SLUICE_LIMIT_MODE(entry_of(w, "own")->word), SLUICE_LIMIT_SHADOW);
	world_free(w);
}

/* Of its sources none may owe more than the limit allows now, whatever it allowed some of them before. */
static void test_restart_with_shorter_burst(void **state)
{
	struct config *config = two_services();
	struct world *w;
	unsigned int moved;
	uint32_t k;

	(void)state;
	config->limits[0].burst.n = 60;
	fake_config_except(&config->limits[0], "198.51.100.0/24", 500, 1000);
	w = world_of(config);
	moved = w->fake->limits_moved;
	k = SLUICE_LIMIT_K(entry_of(w, "own")->word);
	config = two_services();
	config->limits[0].burst.n = 60;
	restart(w, config);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(SLUICE_LIMIT_K(entry_of(w, "own")->word), k);
	assert_int_equal(w->fake->limits_moved, moved + 1);
	world_free(w);
}

/* ---- ceilings --------------------------------------------------------------------------------- */

static struct config *with_ceilings(uint64_t service_n, uint64_t member_n)
{
	struct config *config = two_services();
	struct pool_config *pool = &config->services[0].pools[0];

	config->services[0].max_new = (struct rate){service_n, 1, RATE_PLAIN};
	pool->max_new_per_member = (struct rate){member_n, 1, RATE_PLAIN};
	for (size_t i = 0; i < pool->member_count; i++)
		pool->members[i].max_new = pool->max_new_per_member;
	return config;
}

static const struct sluice_member *entry_of_member(const struct world *w, size_t position)
{
	const struct model_service *web = model_find_service(w->model, "web");
	uint64_t id = web->pools[0].members[position].id;

	return &w->fake->members[sync_member_index(w->sync, id)];
}

static void assert_ceiling(const struct world *w, uint32_t index, uint64_t rate_n)
{
	const struct rate rate = {rate_n, 1, RATE_PLAIN};
	struct gcra_params p;

	assert_int_equal(limit_ceiling_params(&rate, TICK_NS, &p, NULL), 0);
	assert_int_equal(w->fake->ceilings[index].rate, SLUICE_LIMIT_RATE(p.inc, p.tau));
	assert_int_equal(w->fake->ceilings[index].k, p.k);
}

static const struct dp_service *web_cell(const struct world *w)
{
	return fake_dataplane_service(w->fake, &model_find_service(w->model, "web")->addr, 80, 6);
}

static void test_ceilings(void **state)
{
	struct world *w = world_of(with_ceilings(10000, 3000));
	uint32_t id = model_find_service(w->model, "web")->id, index, other;
	struct change add = {
		.type = CHANGE_MEMBER_ADD, .owner = OWNER_API, .service = "web", .weight = 100};

	(void)state;
	assert_true(web_cell(w)->has_ceiling);
	assert_ceiling(w, id, 10000);
	index = entry_of_member(w, 0)->ceiling;
	other = entry_of_member(w, 1)->ceiling;
	assert_true(index > w->fake->capacity.service_cells);
	assert_int_not_equal(index, other);
	assert_ceiling(w, index, 3000);
	/* One that is added gets what the pool says. */
	add.addr = model_find_service(w->model, "web")->pools[0].members[0].addr;
	add.addr.b[15] = 77;
	world_apply(w, &add);
	world_resolve_all(w);
	world_settle(w);
	assert_ceiling(w, entry_of_member(w, 3)->ceiling, 3000);
	/* Other rates, same entries. */
	reload(w, with_ceilings(100, 7));
	assert_ceiling(w, id, 100);
	assert_int_equal(entry_of_member(w, 0)->ceiling, index);
	assert_ceiling(w, index, 7);
	reload(w, with_ceilings(0, 0));
	assert_false(web_cell(w)->has_ceiling);
	assert_int_equal(entry_of_member(w, 0)->ceiling, 0);
	w->fake->now_ms += 2 * SLUICE_REUSE_AFTER_MS;
	world_run(w);
	assert_int_equal(w->fake->ceilings[index].rate, 0);
	world_free(w);
}

/* Entries are found again; those of members that are gone come free. */
static void test_ceilings_restart(void **state)
{
	struct world *w = world_of(with_ceilings(10000, 3000));
	uint32_t first = entry_of_member(w, 0)->ceiling, last = entry_of_member(w, 2)->ceiling;
	struct config *config = with_ceilings(10000, 3000);

	(void)state;
	config->services[0].pools[0].member_count = 2;
	restart(w, config);
	world_settle(w);
	world_assert_as_model(w);
	assert_true(web_cell(w)->has_ceiling);
	assert_int_equal(entry_of_member(w, 0)->ceiling, first);
	assert_ceiling(w, first, 3000);
	for (int i = 0; i < 40; i++) {
		w->fake->now_ms += SLUICE_REUSE_AFTER_MS;
		world_turn(w);
	}
	assert_int_equal(w->fake->ceilings[last].rate, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_limit_after_a_restart),
		cmocka_unit_test(test_scope_services),
		cmocka_unit_test(test_scope_everything),
		cmocka_unit_test(test_order_with_failures),
		cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_with_another),
		cmocka_unit_test(test_restart_with_other_name),
		cmocka_unit_test(test_restart_larger_without_room),
		cmocka_unit_test(test_restart_unknown_without_room),
		cmocka_unit_test(test_restart_without_room),
		cmocka_unit_test(test_restart_with_shorter_burst),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_ceilings_restart),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
