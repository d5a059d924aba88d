/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The model's rules one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "core/model.h"
#include "core/overlay.h"
#include "core/weights.h"
#include "fake/fake_config.h"

#define TICK_NS 4000000U

struct world {
	struct event_log *log;
	struct model *model;
	struct errs errors;
};

static struct world world_new(void)
{
	struct world w = {.log = event_log_new(1024)};

	w.model = model_new(w.log, TICK_NS);
	return w;
}

static void world_done(struct world *w)
{
	model_free(w->model);
	event_log_free(w->log);
	errs_done(&w->errors);
}

static int apply(struct world *w, const struct change *change)
{
	errs_done(&w->errors);
	return model_apply(w->model, change, 1, 0, &w->errors);
}

static int load(struct world *w, const struct config *config, bool is_forced)
{
	struct change change = {.type = CHANGE_CONFIG, .config = config, .is_forced = is_forced};

	return apply(w, &change);
}

static struct config *config_web(unsigned int members)
{
	struct config *config = fake_config_new();
	struct service_config *service =
		fake_config_service(config, "web", "192.0.2.10", 80, SLUICE_MODE_IPIP);
	unsigned int i;
	char text[32];

	fake_config_pool(service, "default", 100, CHECK_TCP);
	for (i = 1; i <= members; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		fake_config_member(service, &service->pools[0], text, 100);
	}
	fake_config_limit(config, "per-client", 50, 32, SLUICE_LIMIT_ENFORCE);
	fake_config_limit(config, "per-network", 500, 24, SLUICE_LIMIT_SHADOW);
	fake_config_use_limit(service, "per-network");
	fake_config_use_limit(service, "per-client");
	return config;
}

static struct world world_web(unsigned int members)
{
	struct world w = world_new();
	struct config *config = config_web(members);

	assert_int_equal(load(&w, config, false), 0);
	config_free(config);
	return w;
}

static struct model_member *web_member(struct world *w, unsigned int number)
{
	struct model_pool *pool = &model_find_service(w->model, "web")->pools[0];
	char text[32];
	struct sluice_addr addr;

	snprintf(text, sizeof(text), "10.0.0.%u", number);
	addr_parse(text, &addr);
	return model_find_member(pool, &addr);
}

static struct change on_member(enum change_type type, const char *addr)
{
	struct change change = {.type = type, .owner = OWNER_API, .service = "web", .weight = 100};

	assert_int_equal(addr_parse(addr, &change.addr), 0);
	return change;
}

static void assert_event(struct world *w, enum event_type type, const char *text)
{
	bool is_gap;
	const struct event *e = NULL, *next = NULL;
	uint64_t seq = event_log_last(w->log) > 8 ? event_log_last(w->log) - 8 : 0;

	while ((next = event_log_next(w->log, seq, &is_gap))) {
		seq = next->seq;
		if (next->type == type && strstr(next->text, text))
			e = next;
	}
	if (!e) {
		print_error("no event %s with \"%s\"\n", event_type_name(type), text);
		fail();
	}
}

/* ---- configuration ------------------------------------------------------------------------- */

static void test_reload_keeps_runtime_changes(void **state)
{
	struct world w = world_web(4);
	struct config *config = config_web(4);
	struct change weight = on_member(CHANGE_MEMBER_WEIGHT, "10.0.0.1");
	struct change admin = on_member(CHANGE_MEMBER_ADMIN, "10.0.0.2");
	struct change add = on_member(CHANGE_MEMBER_ADD, "10.0.0.77");
	struct change mode = {.type = CHANGE_LIMIT_MODE,
			      .limit = "per-client",
			      .limit_mode = SLUICE_LIMIT_DISABLED};
	uint64_t id = web_member(&w, 1)->id;

	(void)state;
	assert_int_equal(overlay_count(w.model), 0);
	weight.weight = 7;
	admin.admin = ADMIN_MAINT;
	assert_int_equal(apply(&w, &weight), 0);
	assert_event(&w, EVENT_member_weight, "100 -> 7");
	assert_int_equal(apply(&w, &admin), 0);
	assert_int_equal(apply(&w, &add), 0);
	assert_int_equal(apply(&w, &mode), 0);
	assert_int_equal(overlay_count(w.model), 4);
	assert_int_equal(model_revision(w.model), 5);
	assert_int_equal(load(&w, config, false), 0);
	assert_int_equal(web_member(&w, 1)->weight, 7);
	assert_int_equal(web_member(&w, 1)->weight_file, 100);
	assert_int_equal(web_member(&w, 1)->id, id);
	assert_int_equal(web_member(&w, 2)->admin, ADMIN_MAINT);
	assert_int_equal(web_member(&w, 77)->owner, OWNER_API);
	assert_int_equal(model_find_limit(w.model, "per-client")->config.mode,
			 SLUICE_LIMIT_DISABLED);
	/* The file's own value for it changes: then the file holds. */
	config->services[0].pools[0].members[0].weight = 50;
	config->limits[0].mode = SLUICE_LIMIT_SHADOW;
	assert_int_equal(load(&w, config, false), 0);
	assert_int_equal(web_member(&w, 1)->weight, 50);
	assert_int_equal(model_find_limit(w.model, "per-client")->config.mode, SLUICE_LIMIT_SHADOW);
	config_free(config);
	world_done(&w);
}

static void test_reload_guard(void **state)
{
	struct world w = world_web(6);
	struct config *fewer = config_web(3), *none = config_web(0), *four = config_web(4);

	(void)state;
	assert_int_equal(load(&w, fewer, false), -EEXIST);
	assert_int_equal(w.errors.count, 1);
	assert_int_equal(w.errors.list[0].code, ERR_CONFLICT);
	assert_non_null(strstr(w.errors.list[0].hint, "--force"));
	assert_int_equal(load(&w, none, false), -EEXIST);
	assert_int_equal(w.errors.count, 2);
	assert_string_equal(w.errors.list[0].path, "services.web.members");
	assert_non_null(web_member(&w, 6));
	assert_int_equal(model_revision(w.model), 1);
	assert_int_equal(load(&w, four, false), 0);
	assert_int_equal(load(&w, none, true), 0);
	assert_null(web_member(&w, 1));
	config_free(fewer);
	config_free(none);
	config_free(four);
	world_done(&w);
}

/* What keeps flows where they are is not exchanged under them unasked. */
static void test_affinity_guard(void **state)
{
	/* rows: what it was, by enum affinity; columns: what it becomes */
	static const bool breaks[AFFINITY_MAX][AFFINITY_MAX] = {
		[AFFINITY_HASH] = {[AFFINITY_SOURCE] = true},
		[AFFINITY_SOURCE] = {true, false, true, true},
		[AFFINITY_TRACK] = {true, true, false, true},
		[AFFINITY_WINDOW] = {true, true, true, false},
	};
	struct world w = world_web(3);
	struct config *config = config_web(3);
	struct service_config *service = &config->services[0];
	unsigned int was, is;

	(void)state;
	service->proto = IPPROTO_UDP;
	for (was = 0; was < AFFINITY_MAX; was++) {
		for (is = 0; is < AFFINITY_MAX; is++) {
			service->affinity = (enum affinity)was;
			assert_int_equal(load(&w, config, true), 0);
			service->affinity = (enum affinity)is;
			assert_int_equal(load(&w, config, false), breaks[was][is] ? -EEXIST : 0);
			assert_int_equal(w.errors.count, breaks[was][is]);
			assert_int_equal(model_find_service(w.model, "web")->affinity,
					 breaks[was][is] ? was : is);
			if (!breaks[was][is])
				continue;
			assert_string_equal(w.errors.list[0].path, "services.web.affinity");
			assert_non_null(strstr(w.errors.list[0].hint, "reload --force"));
		}
	}
	/* Where it listens elsewhere nobody is yet. */
	service->affinity = AFFINITY_HASH;
	assert_int_equal(load(&w, config, true), 0);
	service->affinity = AFFINITY_SOURCE;
	service->port = 81;
	for (is = 0; is < 3; is++)
		service->pools[0].members[is].port = 81;
	assert_int_equal(load(&w, config, false), 0);
	assert_event(&w, EVENT_service_removed, "3 members");
	service->affinity = AFFINITY_TRACK;
	assert_int_equal(load(&w, config, true), 0);
	assert_event(&w, EVENT_service_changed, "changed");
	config_free(config);
	world_done(&w);
}

/* Another address to listen on is another service; the same one keeps its id. */
static void test_identity(void **state)
{
	struct world w = world_web(3);
	struct config *config = config_web(3);
	uint32_t id = model_find_service(w.model, "web")->id;
	uint32_t limit = model_find_limit(w.model, "per-client")->id;
	uint64_t member = web_member(&w, 1)->id;

	(void)state;
	config->services[0].slots = 8192;
	assert_int_equal(load(&w, config, false), 0);
	assert_int_equal(model_find_service(w.model, "web")->id, id);
	config->services[0].port = 81;
	config->services[0].pools[0].members[0].port = 81;
	config->services[0].pools[0].members[1].port = 81;
	config->services[0].pools[0].members[2].port = 81;
	assert_int_equal(load(&w, config, false), 0);
	assert_int_not_equal(model_find_service(w.model, "web")->id, id);
	assert_int_not_equal(web_member(&w, 1)->id, member);
	assert_null(model_member_by_id(w.model, member, NULL, NULL));
	assert_int_equal(model_find_limit(w.model, "per-client")->id, limit);
	assert_event(&w, EVENT_service_removed, "3 members");
	config_free(config);
	world_done(&w);
}

static void test_limits_are_narrowest_first(void **state)
{
	struct world w = world_web(3);
	const struct model_service *service = model_find_service(w.model, "web");

	(void)state;
	assert_int_equal(service->limits[0], model_find_limit(w.model, "per-client")->id);
	assert_int_equal(service->limits[1], model_find_limit(w.model, "per-network")->id);
	assert_int_equal(service->limits[2], 0);
	assert_int_equal(model_find_limit(w.model, "per-client")->config.burst.n, 50);
	world_done(&w);
}

/* Every mistake at once, each with its place; the model stays as it was. */
static void test_all_errors_at_once(void **state)
{
	struct world w = world_web(3);
	struct config *config = config_web(3);
	struct service_config *dns, *two;
	const char *wanted[] = {
		"no limit is named per-clint",
		"burst 1 is too small",
		"1 s is above",
	};
	const char *wanted_next[] = {
		"weight out of range",
		"l2 needs a member of the service's address family",
		"already in this service",
		"a service has this address",
		"listens where service web listens",
		"unknown_port differs",
	};
	size_t i, j;

	(void)state;
	util_copy(config->services[0].limits[1], 64, "per-clint");
	config->limits[0].burst.n = 1;
	config->limits[1].rate.n = 1ULL << 40;
	assert_int_equal(load(&w, config, false), -EINVAL);
	assert_int_equal(w.errors.count, ARRAY_SIZE(wanted));
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		for (j = 0; j < w.errors.count && !strstr(w.errors.list[j].text, wanted[i]); j++)
			;
		if (j == w.errors.count)
			fail_msg("no error says: %s", wanted[i]);
	}
	config_free(config);

	config = config_web(3);
	dns = fake_config_service(config, "dns", "192.0.2.10", 53, SLUICE_MODE_L2);
	dns->is_unknown_port_passed = true;
	fake_config_pool(dns, "default", 100, CHECK_NONE);
	fake_config_member(dns, &dns->pools[0], "2001:db8::1", 100);
	fake_config_member(dns, &dns->pools[0], "10.9.0.1", 65536);
	fake_config_member(dns, &dns->pools[0], "10.9.0.1", 1);
	fake_config_member(dns, &dns->pools[0], "192.0.2.10", 1);
	two = fake_config_service(config, "two", "192.0.2.10", 80, SLUICE_MODE_LOCAL);
	two->is_unknown_port_passed = false;
	assert_true(load(&w, config, false) < 0);
	for (i = 0; i < ARRAY_SIZE(wanted_next); i++) {
		for (j = 0; j < w.errors.count; j++) {
			if (strstr(w.errors.list[j].text, wanted_next[i])) {
				assert_int_not_equal(w.errors.list[j].line, 0);
				assert_true(w.errors.list[j].path[0]);
				break;
			}
		}
		if (j == w.errors.count)
			fail_msg("no error says: %s", wanted_next[i]);
	}
	assert_int_equal(model_service_count(w.model), 1);
	assert_int_equal(model_revision(w.model), 1);
	config_free(config);
	world_done(&w);
}

static void test_capacity(void **state)
{
	struct world w = world_new();
	struct config *config = config_web(3);

	(void)state;
	config->capacity.members = 3;
	config->capacity.slots = 2048;
	config->capacity.service_cells = 2;
	config->capacity.limit_sources = 1024;
	assert_int_equal(load(&w, config, false), -ENOSPC);
	assert_int_equal(w.errors.count, 4);
	config->capacity = (struct capacity_config){
		.service_cells = 4, .slots = 4096, .members = 4, .limit_sources = 2048};
	assert_int_equal(load(&w, config, false), 0);
	config_free(config);
	world_done(&w);
}

/* ---- commands ------------------------------------------------------------------------------ */

static void test_not_found(void **state)
{
	struct world w = world_web(3);
	struct change change = on_member(CHANGE_MEMBER_WEIGHT, "10.0.0.9");
	struct change limit = {.type = CHANGE_LIMIT_MODE, .limit = "per-clients"};

	(void)state;
	assert_int_equal(apply(&w, &change), -ENOENT);
	assert_string_equal(w.errors.list[0].path, "/member");
	assert_non_null(strstr(w.errors.list[0].text, "no member 10.0.0.9 in web"));
	assert_non_null(strstr(w.errors.list[0].hint, "did you mean 10.0.0."));
	change.pool = "defualt";
	assert_int_equal(apply(&w, &change), -ENOENT);
	assert_string_equal(w.errors.list[0].hint, "did you mean default?");
	change.service = "wep";
	assert_int_equal(apply(&w, &change), -ENOENT);
	assert_string_equal(w.errors.list[0].hint, "did you mean web?");
	assert_int_equal(apply(&w, &limit), -ENOENT);
	assert_string_equal(w.errors.list[0].hint, "did you mean per-client?");
	assert_int_equal(model_revision(w.model), 1);
	world_done(&w);
}

static void test_transaction_is_all_or_nothing(void **state)
{
	struct world w = world_web(3);
	struct change changes[2] = {on_member(CHANGE_MEMBER_REMOVE, "10.0.0.1"),
				    on_member(CHANGE_MEMBER_WEIGHT, "10.0.0.2")};

	(void)state;
	changes[1].weight = 70000;
	assert_int_equal(model_apply(w.model, changes, 2, 0, &w.errors), -EINVAL);
	assert_non_null(web_member(&w, 1));
	assert_int_equal(web_member(&w, 2)->weight, 100);
	changes[1].weight = 65535;
	errs_done(&w.errors);
	assert_int_equal(model_apply(w.model, changes, 2, 0, &w.errors), 0);
	assert_null(web_member(&w, 1));
	assert_int_equal(model_revision(w.model), 2);
	assert_int_equal(overlay_count(w.model), 2);
	world_done(&w);
}

static void observe(struct world *w, unsigned int number, enum health_state health,
		    enum nexthop_state nexthop)
{
	struct change changes[2] = {{.type = CHANGE_MEMBER_HEALTH, .text = "timeout"},
				    {.type = CHANGE_MEMBER_NEXTHOP, .text = "no route to host"}};

	changes[0].member_id = changes[1].member_id = web_member(w, number)->id;
	changes[0].health = health;
	changes[1].nexthop_state = nexthop;
	assert_int_equal(model_apply(w->model, changes, 2, 0, &w->errors), 0);
}

static void test_dead_and_panic(void **state)
{
	struct world w = world_web(3);
	const struct model_service *service = model_find_service(w.model, "web");

	(void)state;
	assert_false(web_member(&w, 1)->is_dead); /* pending: no share, but nothing is known */
	observe(&w, 1, HEALTH_UP, NEXTHOP_RESOLVED);
	observe(&w, 2, HEALTH_DOWN, NEXTHOP_RESOLVED);
	observe(&w, 3, HEALTH_UP, NEXTHOP_FAILED);
	assert_event(&w, EVENT_member_down, "timeout");
	assert_event(&w, EVENT_member_nexthop, "no route");
	assert_false(web_member(&w, 1)->is_dead);
	assert_true(web_member(&w, 2)->is_dead && web_member(&w, 3)->is_dead);
	assert_int_equal(service->panic, PANIC_NONE);
	/* The last one goes: whoever only fails its check is let back in. */
	observe(&w, 1, HEALTH_DOWN, NEXTHOP_RESOLVED);
	assert_int_equal(service->panic, PANIC_READMIT);
	assert_event(&w, EVENT_service_changed, "panic: no member");
	assert_false(web_member(&w, 1)->is_dead || web_member(&w, 2)->is_dead);
	assert_true(web_member(&w, 3)->is_dead);
	assert_int_equal(member_state_of(web_member(&w, 1)), MEMBER_EJECTED);
	assert_int_equal(weights_member_share(web_member(&w, 1)), 65536);
	observe(&w, 2, HEALTH_UP, NEXTHOP_RESOLVED);
	assert_int_equal(service->panic, PANIC_NONE);
	assert_event(&w, EVENT_service_changed, "panic is over");
	assert_true(web_member(&w, 1)->is_dead);
	assert_int_equal(model_revision(w.model), 1);
	world_done(&w);
}

static void test_unknown_member_id(void **state)
{
	struct world w = world_web(3);
	struct change change = {.type = CHANGE_MEMBER_HEALTH, .member_id = 4711};
	struct change mixed[2] = {{.type = CHANGE_MEMBER_HEALTH},
				  on_member(CHANGE_MEMBER_REMOVE, "10.0.0.1")};

	(void)state;
	assert_int_equal(apply(&w, &change), -ENOENT);
	mixed[0].member_id = web_member(&w, 1)->id;
	assert_int_equal(model_apply(w.model, mixed, 2, 0, &w.errors), -EINVAL);
	assert_non_null(web_member(&w, 1));
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reload_keeps_runtime_changes),
		cmocka_unit_test(test_reload_guard),
		cmocka_unit_test(test_affinity_guard),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_limits_are_narrowest_first),
		cmocka_unit_test(test_all_errors_at_once),
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_transaction_is_all_or_nothing),
		cmocka_unit_test(test_dead_and_panic),
		cmocka_unit_test(test_unknown_member_id),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
