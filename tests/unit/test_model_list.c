/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists in the model and on their way into the packet path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/sync_world.h"

#define HEAD                                                                                       \
	"version: 1\ninterfaces: [eth0]\n"                                                         \
	"management: {prefixes: [10.0.0.0/24]}\n"                                                  \
	"services:\n"                                                                              \
	"  web: {listen: 'tcp 192.0.2.10:80', mode: ipip, members: [10.1.0.11], allow: [in]}\n"

#define LISTS                                                                                      \
	HEAD "lists:\n"                                                                            \
	     "  bad: {action: deny, prefixes: [203.0.113.0/24]}\n"                                 \
	     "  good: {action: exempt, prefixes: [203.0.113.7]}\n"                                 \
	     "  in: {action: allow, prefixes: [198.51.100.0/24]}\n"

static struct errs errors;

static int load(struct model *model, const char *yaml, bool is_forced)
{
	struct change change = {.type = CHANGE_CONFIG, .is_forced = is_forced};
	struct config *config = NULL;
	int r;

	errs_done(&errors);
	if (config_parse(yaml, strlen(yaml), &config, &errors))
		fail_msg("%s: %s", errors.list[0].path, errors.list[0].text);
	change.config = config;
	r = model_apply(model, &change, 1, 0, &errors);
	config_free(config);
	return r;
}

static struct prefix_set *set_of(const char *text, uint32_t expires_s)
{
	struct prefix_set *set = NULL;

	assert_int_equal(prefix_set_parse(text, strlen(text), NULL, expires_s, &set, &errors), 0);
	return set;
}

static int change_list(struct model *model, enum change_type type, const char *list,
		       const char *prefixes, const struct change *more)
{
	struct change change = *more;
	int r;

	errs_done(&errors);
	change.prefixes = set_of(prefixes, (uint32_t)more->now_s);
	change.type = type;
	change.owner = OWNER_API;
	change.list = list;
	r = model_apply(model, &change, 1, 0, &errors);
	prefix_set_unref((struct prefix_set *)change.prefixes);
	return r;
}

#define CHANGE(model, type, list, prefixes, ...)                                                   \
	change_list(model, CHANGE_LIST_##type, list, prefixes, &(struct change){__VA_ARGS__})

static struct model *model_with(const char *yaml, struct event_log **ret_log)
{
	struct model *model;

	*ret_log = event_log_new(64);
	model = model_new(*ret_log, TICK_NS);
	assert_int_equal(load(model, yaml, false), 0);
	return model;
}

static void model_done(struct model *model, struct event_log *log)
{
	errs_done(&errors);
	model_free(model);
	event_log_free(log);
}

static void assert_one_error(enum err_code code, const char *text)
{
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.list[0].code, code);
	if (!strstr(errors.list[0].text, text))
		fail_msg("\"%s\" does not say \"%s\"", errors.list[0].text, text);
	assert_true(*errors.list[0].hint);
}

static void test_guard_of_config(void **state)
{
	static const struct {
		const char *prefix, *why; /* NULL: accepted */
	} ROWS[] = {
		{"0.0.0.0/0", "management prefix 10.0.0.0/24"},
		{"10.0.0.0/8", "management prefix 10.0.0.0/24"},
		{"10.0.0.7", "management prefix 10.0.0.0/24"},
		{"10.1.0.0/16", "a member, 10.1.0.11"},
		{"10.1.0.11", "a member, 10.1.0.11"},
		{"64.0.0.0/7", "shorter than /8"},
		{"'2000::/15'", "shorter than /16"},
		{"172.16.0.0/16", "this host's own address 172.16.0.1"},
		{"172.17.0.1", "a gateway of this host, 172.17.0.1"},
		{"64.0.0.0/8", NULL},
		{"10.2.0.0/16", NULL},
		{"'2000::/16'", NULL},
	};
	struct prefix_set *own = set_of("172.16.0.1\n", 0), *gateways = set_of("172.17.0.1\n", 0);
	struct event_log *log;
	struct model *model = model_with(LISTS, &log);
	uint64_t revision = model_revision(model);

	(void)state;
	model_set_host(model, own, gateways);
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		AUTO_FREE char *yaml = util_printf(HEAD "lists:\n  in: {action: allow}\n"
							"  bad: {action: %s, prefixes: [%s]}\n",
						   "deny", ROWS[i].prefix);
		AUTO_FREE char *forced =
			util_printf(HEAD "lists:\n  in: {action: allow}\n"
					 "  bad: {action: deny, prefixes: [%s], guard: disabled}\n",
				    ROWS[i].prefix);
		AUTO_FREE char *exempt = util_printf(HEAD
						     "lists:\n  in: {action: allow}\n"
						     "  bad: {action: exempt, prefixes: [%s]}\n",
						     ROWS[i].prefix);

		if (ROWS[i].why) {
			assert_true(load(model, yaml, true) < 0);
			assert_one_error(ERR_CONFLICT, ROWS[i].why);
			assert_int_equal(errors.list[0].line, 8);
			assert_int_equal(model_revision(model), revision);
		} else {
			assert_int_equal(load(model, yaml, false), 0);
		}
		assert_int_equal(load(model, forced, false), 0);
		assert_int_equal(load(model, exempt, false), 0);
		revision = model_revision(model);
	}
	prefix_set_unref(own);
	prefix_set_unref(gateways);
	model_done(model, log);
}

static void test_commands(void **state)
{
	struct event_log *log;
	struct model *model = model_with(LISTS, &log);
	struct model_list *list;
	struct sluice_addr caller;
	uint32_t id;

	(void)state;
	addr_parse("192.168.7.7", &caller);
	assert_true(CHANGE(model, ADD, "bda", "192.0.2.0/24") < 0);
	assert_one_error(ERR_NOT_FOUND, "bda");
	assert_string_equal(errors.list[0].hint, "did you mean bad?");
	assert_true(CHANGE(model, ADD, "bad", "192.168.0.0/16", .caller = caller) < 0);
	assert_one_error(ERR_CONFLICT, "192.168.7.7, where you are");
	assert_true(CHANGE(model, ADD, "bad", "0.0.0.0/0") < 0);
	assert_true(CHANGE(model, REPLACE, "bad", "192.0.2.1\n10.1.0.11\n") < 0);
	assert_one_error(ERR_CONFLICT, "10.1.0.11");
	assert_int_equal(model_find_list(model, "bad")->runtime->count, 0);
	/* Exempting the whole world locks nobody out. */
	assert_int_equal(CHANGE(model, ADD, "good", "0.0.0.0/0"), 0);
	assert_int_equal(CHANGE(model, ADD, "bad", "0.0.0.0/0", .is_forced = true), 0);
	assert_int_equal(CHANGE(model, ADD, "bad", "192.0.2.0/24\n192.0.3.0/24\n"), 0);
	assert_int_equal(model_find_list(model, "bad")->runtime->count, 3);

	/* What commands added survives a reload, and the list keeps its number. */
	id = model_find_list(model, "bad")->id;
	assert_int_equal(load(model, LISTS, false), 0);
	list = model_find_list(model, "bad");
	assert_int_equal(list->runtime->count, 3);
	assert_int_equal(list->id, id);

	assert_true(CHANGE(model, REMOVE, "bad", "192.0.2.0/24\n192.0.9.0/24\n") < 0);
	assert_one_error(ERR_NOT_FOUND, "192.0.9.0/24");
	assert_true(CHANGE(model, REMOVE, "bad", "203.0.113.0/24") < 0);
	assert_one_error(ERR_CONFLICT, "in the configuration");
	assert_int_equal(CHANGE(model, REMOVE, "bad", "192.0.2.0/24\n"), 0);
	assert_int_equal(model_find_list(model, "bad")->runtime->count, 2);
	assert_int_equal(CHANGE(model, REPLACE, "bad", "192.0.9.0/24\n"), 0);
	assert_int_equal(model_find_list(model, "bad")->runtime->count, 1);
	model_done(model, log);
}

static void test_expiry(void **state)
{
	struct event_log *log;
	struct model *model = model_with(LISTS, &log);
	struct change expire = {.type = CHANGE_LIST_EXPIRE, .now_s = 999};

	(void)state;
	assert_int_equal(model_lists_expire_s(model), 0);
	assert_int_equal(CHANGE(model, ADD, "bad", "192.0.2.0/24", .now_s = 1000), 0);
	assert_int_equal(CHANGE(model, ADD, "good", "192.0.3.0/24", .now_s = 2000), 0);
	assert_int_equal(CHANGE(model, ADD, "bad", "192.0.4.0/24"), 0);
	assert_int_equal(model_lists_expire_s(model), 1000);
	model_set_access_clean(model);
	assert_int_equal(model_apply(model, &expire, 1, 0, &errors), 0);
	assert_false(model_is_access_dirty(model));
	expire.now_s = 1000;
	assert_int_equal(model_apply(model, &expire, 1, 0, &errors), 0);
	assert_true(model_is_access_dirty(model));
	assert_int_equal(model_find_list(model, "bad")->runtime->count, 1);
	assert_int_equal(model_lists_expire_s(model), 2000);
	model_done(model, log);
}

/* A list of the same name with another meaning does not take entries along. */
static void test_action_changes(void **state)
{
	struct event_log *log;
	struct model *model = model_with(LISTS, &log);

	(void)state;
	assert_int_equal(CHANGE(model, ADD, "bad", "192.0.2.0/24"), 0);
	assert_int_equal(
		load(model, HEAD "lists:\n  in: {action: allow}\n  bad: {action: exempt}\n", false),
		0);
	assert_int_equal(model_find_list(model, "bad")->runtime->count, 0);
	assert_null(model_find_list(model, "good"));
	model_done(model, log);
}

/* The ids of lists depend on nothing but their names. */
static void test_ids(void **state)
{
	struct event_log *log, *other_log;
	struct model *model = model_with(LISTS, &log);
	struct model *other = model_with(HEAD
					 "lists:\n  zz: {action: allow}\n  in: {action: allow}\n"
					 "  good: {action: exempt}\n  bad: {action: deny}\n",
					 &other_log);

	(void)state;
	assert_int_equal(model_find_list(model, "bad")->id, model_find_list(other, "bad")->id);
	assert_int_equal(model_find_list(model, "in")->id, model_find_list(other, "in")->id);
	assert_true(model_find_list(model, "bad")->id != model_find_list(model, "in")->id);
	model_done(model, log);
	model_done(other, other_log);
}

/* ---- sync ----------------------------------------------------------------------------------- */

static uint64_t look_up(const struct world *w, uint32_t list, const char *text)
{
	const struct dp_access_entry *best = NULL;
	struct sluice_addr addr;
	struct prefix one;

	assert_int_equal(addr_parse(text, &addr), 0);
	one = prefix_of_addr(&addr);
	for (size_t i = 0; i < w->fake->access_count; i++) {
		const struct dp_access_entry *entry = &w->fake->access[i];

		if (entry->list == list && prefix_covers(&entry->prefix, &one) &&
		    (!best || entry->prefix.length > best->prefix.length))
			best = entry;
	}
	return best ? SLUICE_ACCESS_CLASS(best->word) : SLUICE_ACCESS_NOTHING;
}

static uint16_t allow_of(const struct world *w)
{
	struct sluice_addr addr;
	const struct dp_service *service;

	addr_parse("192.0.2.10", &addr);
	service = fake_dataplane_service(w->fake, &addr, 80, 6);
	assert_non_null(service);
	return service->allow[0];
}

static void test_sync(void **state)
{
	struct world *w = world_new(1);
	struct prefix_set *gateways = set_of("10.9.9.9\n", 0);
	uint32_t in;

	(void)state;
	assert_int_equal(load(w->model, LISTS, false), 0);
	world_resolve_all(w);
	world_settle(w);
	in = model_find_list(w->model, "in")->id;
	assert_int_equal(allow_of(w), in);
	assert_int_equal(look_up(w, 0, "203.0.113.1"), SLUICE_ACCESS_DENY);
	assert_int_equal(look_up(w, 0, "203.0.113.7"), SLUICE_ACCESS_EXEMPT);
	assert_int_equal(look_up(w, in, "198.51.100.1"), SLUICE_ACCESS_ALLOW);
	assert_int_equal(look_up(w, in, "203.0.113.1"), SLUICE_ACCESS_NOTHING);

	/* Whatever is denied, some are not. */
	model_set_host(w->model, NULL, gateways);
	assert_int_equal(CHANGE(w->model, ADD, "bad", "0.0.0.0/0\n::/0\n", .is_forced = true), 0);
	world_settle(w);
	assert_int_equal(look_up(w, 0, "8.8.8.8"), SLUICE_ACCESS_DENY);
	assert_int_equal(look_up(w, 0, "2001:db8::1"), SLUICE_ACCESS_DENY);
	assert_int_equal(look_up(w, 0, "10.0.0.1"), SLUICE_ACCESS_MANAGEMENT);
	assert_int_equal(look_up(w, 0, "10.1.0.11"), SLUICE_ACCESS_INFRA);
	assert_int_equal(look_up(w, 0, "10.9.9.9"), SLUICE_ACCESS_INFRA);
	prefix_set_unref(gateways);
	errs_done(&errors);
	world_free(w);
}

/* While a service still names an allow list, its sources find themselves in it. */
static void test_allow_leaves_last(void **state)
{
	struct world *w = world_new(1);
	uint32_t in;

	(void)state;
	assert_int_equal(load(w->model, LISTS, false), 0);
	world_resolve_all(w);
	world_settle(w);
	in = model_find_list(w->model, "in")->id;
	assert_int_equal(load(w->model,
			      "version: 1\ninterfaces: [eth0]\nservices:\n"
			      "  web: {listen: 'tcp 192.0.2.10:80', mode: ipip, members: "
			      "[10.1.0.11]}\n",
			      false),
			 0);
	for (int fail_in = 1; fail_in <= 3; fail_in++) {
		w->fake->fail_in = fail_in;
		errs_done(&errors);
		sync_run(w->sync, w->fake->now_ms, &errors);
		if (allow_of(w) == in)
			assert_int_equal(look_up(w, in, "198.51.100.1"), SLUICE_ACCESS_ALLOW);
	}
	w->fake->fail_in = 0;
	world_settle(w);
	assert_int_equal(allow_of(w), 0);
	assert_int_equal(w->fake->access_count, 0);
	errs_done(&errors);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guard_of_config),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_action_changes),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_allow_leaves_last),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
