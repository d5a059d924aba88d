/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `save` writes makes the files say what runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "core/overlay.h"
#include "fake/model_oracle.h"
#include "state/dropin.h"
#include "unit/config_texts.h"

#define TICK_NS 4000000U

static struct model *load(const struct config *config, struct event_log *log)
{
	struct change change = {.type = CHANGE_CONFIG, .config = config, .is_forced = true};
	struct model *model = model_new(log, TICK_NS);
	struct errs errors = {0};

	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
	return model;
}

static void change_at_random(struct model *model, unsigned int *seed)
{
	struct model_service *service =
		model_service_at(model, (size_t)rand_r(seed) % model_service_count(model));
	struct model_pool *pool = &service->pools[(size_t)rand_r(seed) % service->pool_count];
	struct change change = {
		.type = (enum change_type)(CHANGE_MEMBER_ADD + rand_r(seed) % 4),
		.owner = OWNER_API,
		.service = service->name,
		.pool = pool->name,
		.weight = (uint32_t)rand_r(seed) % 200,
		.admin = rand_r(seed) % 2 ? ADMIN_MAINT : ADMIN_READY,
		.limit = "all",
		.limit_mode = (enum sluice_limit_mode)(rand_r(seed) % SLUICE_LIMIT_MODE_MAX),
	};
	struct errs errors = {0};

	if (rand_r(seed) % 10 == 0)
		change.type = CHANGE_LIMIT_MODE;
	if (change.type != CHANGE_MEMBER_ADD && pool->member_count)
		change.addr = pool->members[(size_t)rand_r(seed) % pool->member_count].addr;
	else
		addr_parse(rand_r(seed) % 2 ? "10.0.9.1" : "10.0.9.2", &change.addr);
	model_apply(model, &change, 1, 0, &errors);
	errs_done(&errors);
}

/* Files and drop-in together say what runs: a reload of them leaves no runtime change, and what was
 * written before is part of the next. */
static void test_saved_changes(void **state)
{
	struct event_log *log = event_log_new(16);
	size_t said = 0;
	unsigned int seed;

	(void)state;
	for (seed = 1; seed <= 60; seed++) {
		const char *texts[] = {MAIN, NULL, NULL};
		struct config *base = parsed(texts);
		struct model *model = load(base, log);
		unsigned int random = seed, round, i;
		AUTO_FREE char *dropin = NULL;

		for (round = 0; round < 3; round++) {
			struct change change = {.type = CHANGE_CONFIG, .owner = OWNER_FILE};
			struct config *config;
			struct errs errors = {0};
			size_t count;

			for (i = 0; i < 12; i++)
				change_at_random(model, &random);
			free(dropin);
			dropin = dropin_render(model, true, base, &count);
			said += count;
			texts[1] = dropin;
			config = parsed(texts);
			change.config = config;
			change.is_forced = true;
			assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
			assert_int_equal(overlay_count(model), 0);
			free(dropin_render(model, true, config, &count));
			assert_int_equal(count, 0);
			config_free(config);
		}
		model_free(model);
		config_free(base);
	}
	assert_true(said > 500);
	event_log_free(log);
}

static void test_names_that_yaml_would_read_otherwise(void **state)
{
	static const char *const texts[] = {
		"version: 1\ninterfaces: [eth0]\nservices:\n"
		"  \"null\": {listen: tcp 192.0.2.10:80, mode: l2, pools: {\"true\": {members: "
		"[10.0.0.1]}}}\n",
		NULL, NULL};
	const char *both[3] = {texts[0]};
	struct event_log *log = event_log_new(16);
	struct config *config = parsed(texts);
	struct model *model = load(config, log);
	struct change change = {.type = CHANGE_MEMBER_WEIGHT, .service = "null", .weight = 3};
	struct errs errors = {0};
	AUTO_FREE char *dropin = NULL;
	size_t count;

	(void)state;
	addr_parse("10.0.0.1", &change.addr);
	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
	dropin = dropin_render(model, true, config, &count);
	assert_int_equal(count, 1);
	config_free(config);
	both[1] = dropin;
	config = parsed(both);
	assert_int_equal(config->services[0].pools[0].members[0].weight, 3);
	config_free(config);
	model_free(model);
	event_log_free(log);
}

/* What of the model's only entry no drop-in says. */
static const char *rest(const struct model *model, char buffer[160])
{
	struct overlay overlay = {0};

	overlay_collect(model, &overlay);
	assert_int_equal(overlay.count, 1);
	dropin_rest(model, &overlay.list[0], buffer, 160);
	overlay_done(&overlay);
	return buffer;
}

/* What a file has no words for is named, and nothing else is. */
static void test_what_is_left_out(void **state)
{
	const char *texts[] = {
		"version: 1\ninterfaces: [eth0]\nservices:\n"
		"  web: {listen: tcp 192.0.2.10:80, mode: l2, members: [10.0.0.1]}\n",
		NULL, NULL};
	struct event_log *log = event_log_new(16);
	struct config *config = parsed(texts);
	struct model *model = load(config, log);
	struct change change = {.owner = OWNER_API, .service = "web", .who = "alice"};
	struct model_service *service;
	struct errs errors = {0};
	char buffer[160];

	(void)state;
	addr_parse("10.0.0.1", &change.addr);
	change.type = CHANGE_MEMBER_WEIGHT;
	change.weight = 7;
	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
	assert_string_equal(rest(model, buffer), "");
	change.type = CHANGE_MEMBER_OVERRIDE;
	change.override = OVERRIDE_EJECTED;
	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
	assert_string_equal(rest(model, buffer), "ejected by alice");
	change.type = CHANGE_MEMBER_DISCOVERY;
	change.discovery = DISCOVERY_NOT_READY;
	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
	assert_string_equal(rest(model, buffer), "discovery not-ready, ejected by alice");
	change.type = CHANGE_MEMBER_ADMIN;
	change.admin = ADMIN_DRAIN;
	change.drain_until_s = 4000000000U;
	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
	assert_string_equal(rest(model, buffer),
			    "drain until 2096-10-02T07:06:40Z (drain in the file), "
			    "discovery not-ready, ejected by alice");
	/* No file has a line for one of the addresses of a host name, whose answers are its discovery. */
	service = model_find_service(model, "web");
	model_find_member(&service->pools[0], &change.addr)->name = 1;
	assert_string_equal(
		rest(model, buffer),
		"weight 7 (100 in the file), drain until 2096-10-02T07:06:40Z (ready in the "
		"file), ejected by alice");
	model_free(model);
	config_free(config);
	event_log_free(log);
}

static void change_list(struct model *model, enum change_type type, const char *list,
			const char *prefix, const char *comment, uint32_t expires_s)
{
	struct prefix_set *set = NULL;
	struct errs errors = {0};
	struct change change = {.type = type, .owner = OWNER_API, .list = list};

	assert_int_equal(
		prefix_set_parse(prefix, strlen(prefix), comment, expires_s, &set, &errors), 0);
	change.prefixes = set;
	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
	prefix_set_unref(set);
}

/* Loads the files into the model, and returns what they say. */
static struct config *reload(struct model *model, const char *const *texts)
{
	struct config *config = parsed(texts);
	struct change change = {.type = CHANGE_CONFIG, .owner = OWNER_FILE, .config = config};
	struct errs errors = {0};

	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
	return config;
}

static size_t added(const struct model *model, const char *list, size_t *ret_expiring)
{
	size_t count;

	model_list_added(model_find_list(model, list), &count, ret_expiring);
	return count;
}

/* Entries that stay are written and are the file's from then on; those that expire stay what they
 * are; what an earlier save wrote is part of the next. */
static void test_saved_lists(void **state)
{
	const char *texts[] = {"version: 1\ninterfaces: [eth0]\nservices: {}\n" LISTS, NULL, NULL};
	struct event_log *log = event_log_new(16);
	struct config *base = parsed(texts), *config;
	struct model *model = load(base, log);
	AUTO_FREE char *first = NULL;
	AUTO_FREE char *second = NULL;
	size_t count, expiring;

	(void)state;
	change_list(model, CHANGE_LIST_ADD, "bad", "198.51.100.7", "evil\xe2\x80\xa8x: [1]", 0);
	change_list(model, CHANGE_LIST_ADD, "bad", "2001:db8::/32", "a\nb # c", 0);
	change_list(model, CHANGE_LIST_ADD, "bad", "198.51.100.8", "soon over", 4000000000U);
	change_list(model, CHANGE_LIST_ADD, "bad", "203.0.113.0/24", "said by the file", 0);
	assert_int_equal(added(model, "bad", &expiring), 2);
	assert_int_equal(expiring, 1);
	assert_int_equal(overlay_count(model), 1);
	first = dropin_render(model, true, base, &count);
	assert_int_equal(count, 1);
	assert_non_null(strstr(first, "\"198.51.100.7/32\" # evil   x: [1]\n"));
	assert_non_null(strstr(first, "\"2001:db8::/32\" # a b # c\n"));
	assert_null(strstr(first, "198.51.100.8"));
	assert_null(strstr(first, "203.0.113.0"));
	assert_null(strstr(first, "node"));

	texts[1] = first;
	config = reload(model, texts);
	assert_int_equal(prefix_set_count(config->lists[0].prefixes), 3);
	assert_int_equal(model_find_list(model, "bad")->runtime->count, 1);
	assert_int_equal(added(model, "bad", &expiring), 0);
	assert_int_equal(expiring, 1);
	config_free(config);

	change_list(model, CHANGE_LIST_ADD, "good", "192.0.2.1", NULL, 0);
	second = dropin_render(model, false, base, &count);
	assert_int_equal(count, 3); /* both lists and the role */
	assert_non_null(strstr(second, "198.51.100.7/32"));
	assert_non_null(strstr(second, "192.0.2.1/32"));
	texts[1] = second;
	config = reload(model, texts);
	assert_true(config->is_standby_first);
	free(dropin_render(model, false, config, &count));
	assert_int_equal(count, 0);
	free(dropin_render(model, true, config, &count)); /* active is never written */
	assert_int_equal(count, 0);
	config_free(config);
	config_free(base);
	model_free(model);
	event_log_free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved_changes),
		cmocka_unit_test(test_what_is_left_out),
		cmocka_unit_test(test_saved_lists),
		cmocka_unit_test(test_names_that_yaml_would_read_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
