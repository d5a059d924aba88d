/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runtime changes: what is collected from one model makes another one equal, also through JSON;
 * what the file changed in between wins, and what has lost its object is dropped with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "core/overlay.h"
#include "fake/fake_config.h"
#include "fake/model_oracle.h"
#include "state/changes.h"

#define TICK_NS 4000000U

static struct event_log *nobody; /* reads it */

static int setup(void **state)
{
	(void)state;
	nobody = event_log_new(16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	event_log_free(nobody);
	return 0;
}

static struct model *load(const struct config *config)
{
	struct change change = {.type = CHANGE_CONFIG, .config = config, .is_forced = true};
	struct model *model = model_new(nobody, TICK_NS);
	struct errs errors = {0};

	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
	return model;
}

static void apply(struct model *model, struct change change)
{
	struct errs errors = {0};

	change.owner = OWNER_API;
	assert_int_equal(model_apply(model, &change, 1, 0, &errors), 0);
}

/* ---- against a naive account of the whole model -------------------------------------------- */

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything that commands can change, a line an object, sorted. */
static char *account(const struct model *model)
{
	char **lines = NULL, *text, address[ADDR_TEXT_MAX];
	size_t capacity = 0, count = 0, s, p, m, i, size;
	FILE *f = open_memstream(&text, &size);

	for (s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct model_pool *pool = &service->pools[p];

			for (m = 0; m < pool->member_count; m++) {
				const struct model_member *member = &pool->members[m];

				lines = util_grow(lines, &capacity, count + 1, sizeof(*lines));
				lines[count++] = util_printf(
					"%s/%s/%s owner %d weight %u/%u admin %d/%d", service->name,
					pool->name, addr_format(&member->addr, address),
					member->owner, member->weight, member->weight_file,
					member->admin, member->admin_file);
			}
		}
	}
	for (i = 0; i < model_removed_count(model); i++) {
		const struct model_removed *removed = model_removed_at(model, i);

		lines = util_grow(lines, &capacity, count + 1, sizeof(*lines));
		lines[count++] = util_printf("%s/%s/%s removed %u %d", removed->service,
					     removed->pool, addr_format(&removed->addr, address),
					     removed->weight_file, removed->admin_file);
	}
	for (i = 0; i < model_limit_count(model); i++) {
		const struct model_limit *limit = model_limit_at(model, i);

		lines = util_grow(lines, &capacity, count + 1, sizeof(*lines));
		lines[count++] = util_printf("limit %s %d/%d", limit->config.name,
					     limit->config.mode, limit->mode_file);
	}
	qsort(lines, count, sizeof(*lines), compare_lines);
	for (i = 0; i < count; i++) {
		fprintf(f, "%s\n", lines[i]);
		free(lines[i]);
	}
	free(lines);
	fclose(f);
	return text;
}

static void never_dropped(void *arg, const struct overlay_entry *entry, const char *why)
{
	char object[200];

	(void)arg;
	fail_msg("%s was dropped: %s", overlay_object(entry, object, sizeof(object)), why);
}

/* The model again from its configuration and its overlay, once through JSON. */
static void assert_restorable(const struct model *model, const struct config *config)
{
	struct model *again = load(config);
	struct overlay overlay = {0}, read = {0}, collected = {0};
	AUTO_FREE char *want = account(model);
	AUTO_FREE char *got = NULL;
	struct err e = {0};
	json_t *json;

	overlay_collect(model, &overlay);
	assert_int_equal(overlay.count, overlay_count(model));
	json = changes_to_json(&overlay);
	assert_int_equal(changes_from_json(json, &read, &e), 0);
	json_decref(json);
	assert_true(overlay_equal(&overlay, &read));
	assert_int_equal(overlay_restore(again, &read, 0, never_dropped, NULL), overlay.count);
	got = account(again);
	assert_string_equal(got, want);
	overlay_collect(again, &collected);
	assert_int_equal(collected.count, overlay.count);
	overlay_done(&overlay);
	overlay_done(&read);
	overlay_done(&collected);
	model_free(again);
}

/* Another model of the same file, after other changes, becomes equal to the one that keep is of. */
static void assert_returns(struct model *model, const struct overlay *keep, const char *want)
{
	AUTO_FREE char *got = NULL;
	struct errs errors = {0};

	assert_int_equal(overlay_undo(model, keep, 0, &errors), 0);
	overlay_restore(model, keep, 0, never_dropped, NULL);
	got = account(model);
	assert_string_equal(got, want);
}

/* A model of the configuration after random commands. */
static struct model *grow(const struct config *config, unsigned int seed)
{
	struct change load_it = {.type = CHANGE_CONFIG, .config = config, .is_forced = true};
	struct oracle *oracle = oracle_new(seed);
	struct model *model = load(config);
	int step;

	oracle_apply(oracle, &load_it);
	for (step = 0; step < 60; step++) {
		struct config *other = NULL;
		struct errs errors = {0};
		struct change change;

		oracle_random_change(oracle, model, &change, &other);
		config_free(other);
		if (change.type == CHANGE_CONFIG)
			continue;
		oracle_apply(oracle, &change);
		model_apply(model, &change, 1, 0, &errors);
		errs_done(&errors);
	}
	oracle_free(oracle);
	return model;
}

/* Each of two leads to the other, whatever commands made of them. */
static void test_undo_random(void **state)
{
	size_t differing = 0, entries = 0;
	unsigned int seed;

	(void)state;
	for (seed = 1; seed <= 60; seed++) {
		unsigned int config_seed = seed;
		struct config *config = fake_config_random(&config_seed);
		struct model *models[2] = {grow(config, 2 * seed), grow(config, 2 * seed + 1)};
		struct overlay keep[2] = {0};
		char *want[2];
		int i;

		for (i = 0; i < 2; i++) {
			overlay_collect(models[i], &keep[i]);
			want[i] = account(models[i]);
			entries += keep[i].count;
		}
		differing += strcmp(want[0], want[1]) != 0;
		assert_returns(models[0], &keep[1], want[1]);
		assert_returns(models[1], &keep[0], want[0]);
		for (i = 0; i < 2; i++) {
			overlay_done(&keep[i]);
			free(want[i]);
			model_free(models[i]);
		}
		config_free(config);
	}
	assert_true(differing > 40 && entries > 600);
}

static void test_random_changes(void **state)
{
	size_t compared = 0, entries = 0;
	unsigned int seed;
	int step;

	(void)state;
	for (seed = 1; seed <= 12; seed++) {
		struct oracle *oracle = oracle_new(seed);
		struct model *model = model_new(nobody, TICK_NS);
		struct config *now = NULL;

		for (step = 0; step < 300; step++) {
			struct change change;
			struct config *config = NULL;
			struct errs errors = {0};

			oracle_random_change(oracle, model, &change, &config);
			oracle_apply(oracle, &change);
			if (model_apply(model, &change, 1, 0, &errors) || !config) {
				config_free(config);
			} else {
				config_free(now);
				now = config;
			}
			errs_done(&errors);
			if (!now || step % 3)
				continue;
			assert_restorable(model, now);
			compared++;
			entries += overlay_count(model);
		}
		config_free(now);
		oracle_free(oracle);
		model_free(model);
	}
	assert_true(compared > 1000 && entries > 10 * compared);
}

/* ---- the file changed in between ----------------------------------------------------------- */

static struct config *config_web(unsigned int members)
{
	struct config *config = fake_config_new();
	struct service_config *service =
		fake_config_service(config, "web", "192.0.2.10", 80, SLUICE_MODE_L2);
	char text[32];
	unsigned int i;

	fake_config_pool(service, "default", 100, CHECK_TCP);
	for (i = 1; i <= members; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		fake_config_member(service, &service->pools[0], text, 100);
	}
	fake_config_limit(config, "per-client", 50, 32, SLUICE_LIMIT_ENFORCE);
	return config;
}

static struct change on_member(enum change_type type, const char *addr)
{
	struct change change = {.type = type, .service = "web", .pool = "default", .weight = 30};

	assert_int_equal(addr_parse(addr, &change.addr), 0);
	return change;
}

/* Weight of .1, maintenance of .2, .3 removed, .9 added and in maintenance, the limit's mode. */
static struct overlay changes_of_five(void)
{
	struct config *config = config_web(4);
	struct model *model = load(config);
	struct change maint = on_member(CHANGE_MEMBER_ADMIN, "10.0.0.2");
	struct overlay overlay = {0};

	maint.admin = ADMIN_MAINT;
	apply(model, on_member(CHANGE_MEMBER_WEIGHT, "10.0.0.1"));
	apply(model, maint);
	apply(model, on_member(CHANGE_MEMBER_REMOVE, "10.0.0.3"));
	apply(model, on_member(CHANGE_MEMBER_ADD, "10.0.0.9"));
	assert_int_equal(addr_parse("10.0.0.9", &maint.addr), 0);
	apply(model, maint);
	apply(model, (struct change){.type = CHANGE_LIMIT_MODE,
				     .limit = "per-client",
				     .limit_mode = SLUICE_LIMIT_SHADOW});
	overlay_collect(model, &overlay);
	assert_int_equal(overlay.count, 5);
	model_free(model);
	config_free(config);
	return overlay;
}

struct dropped {
	char text[8][400];
	size_t count;
};

static void note_dropped(void *arg, const struct overlay_entry *entry, const char *why)
{
	struct dropped *dropped = arg;
	char object[200];

	assert_true(dropped->count < 8);
	snprintf(dropped->text[dropped->count++], 400, "%s: %s",
		 overlay_object(entry, object, sizeof(object)), why);
}

/* Loads the configuration, restores the five, and compares how many held and what was dropped. */
static struct model *restore_into(struct config *config, size_t effective,
				  const char *const *dropped_texts)
{
	struct overlay overlay = changes_of_five();
	struct model *model = load(config);
	struct dropped dropped = {0};
	size_t i;

	assert_int_equal(overlay_restore(model, &overlay, 0, note_dropped, &dropped), effective);
	for (i = 0; dropped_texts[i]; i++) {
		assert_true(i < dropped.count);
		if (!strstr(dropped.text[i], dropped_texts[i]))
			fail_msg("dropped \"%s\", not \"%s\"", dropped.text[i], dropped_texts[i]);
	}
	assert_int_equal(dropped.count, i);
	overlay_done(&overlay);
	config_free(config);
	return model;
}

static void test_unchanged_file(void **state)
{
	static const char *const none[] = {NULL};
	struct model *model = restore_into(config_web(4), 5, none);

	(void)state;
	assert_int_equal(model_removed_count(model), 1);
	assert_int_equal(model_find_limit(model, "per-client")->config.mode, SLUICE_LIMIT_SHADOW);
	model_free(model);
}

static void test_file_agrees(void **state)
{
	static const char *const none[] = {NULL};
	struct config *config = config_web(2);
	struct service_config *service = &config->services[0];
	struct model *model;

	(void)state;
	service->pools[0].members[0].weight = 30;
	service->pools[0].members[1].admin = ADMIN_MAINT;
	fake_config_member(service, &service->pools[0], "10.0.0.9", 30)->admin = ADMIN_MAINT;
	config->limits[0].mode = SLUICE_LIMIT_SHADOW;
	model = restore_into(config, 0, none);
	assert_int_equal(overlay_count(model), 0);
	model_free(model);
}

static void test_file_changed(void **state)
{
	static const char *const dropped[] = {
		"member web/default/10.0.0.1:80: the file's weight is 70 now, it was 100",
		"member web/default/10.0.0.9:80: the file lists it now, with weight 40",
		"limit per-client: the file's mode is disabled now, it was enforce",
		NULL,
	};
	struct config *config = config_web(4);
	struct service_config *service = &config->services[0];
	struct model *model;

	(void)state;
	service->pools[0].members[0].weight = 70;
	fake_config_member(service, &service->pools[0], "10.0.0.9", 40);
	config->limits[0].mode = SLUICE_LIMIT_DISABLED;
	model = restore_into(config, 3, dropped); /* .2 and .9 in maintenance, .3 removed */
	assert_int_equal(overlay_count(model), 3);
	model_free(model);
}

static void test_objects_gone(void **state)
{
	static const char *const dropped[] = {
		"10.0.0.1:80: service web is not in the file",
		"10.0.0.2:80: service web is not in the file",
		"10.0.0.9:80: service web is not in the file",
		"limit per-client: the limit is no longer in the file",
		NULL,
	};
	struct config *config = config_web(4);
	struct model *model;

	(void)state;
	util_copy(config->services[0].name, NAME_MAX_LENGTH, "other");
	util_copy(config->limits[0].name, NAME_MAX_LENGTH, "other");
	model = restore_into(config, 0, dropped);
	assert_int_equal(overlay_count(model), 0);
	model_free(model);
}

/* One change that the model refuses does not take the others with it. */
static void test_one_refused(void **state)
{
	static const char *const dropped[] = {"10.0.0.9:80: ", NULL};
	struct config *config = config_web(4);
	struct service_config *other;
	struct model *model;

	(void)state;
	other = fake_config_service(config, "other", "10.0.0.9", 80, SLUICE_MODE_L2);
	fake_config_pool(other, "default", 100, CHECK_TCP);
	fake_config_member(other, &other->pools[0], "10.1.0.1", 1);
	model = restore_into(config, 4, dropped);
	assert_int_equal(overlay_count(model), 4);
	model_free(model);
}

/* ---- words and JSON ------------------------------------------------------------------------ */

static void test_words(void **state)
{
	static const char *const wanted[] = {
		"member web/default/10.0.0.1:80: weight 30 (100 in the file)",
		"member web/default/10.0.0.2:80: maint (ready in the file)",
		"member web/default/10.0.0.9:80: added with weight 30, maint",
		"member web/default/10.0.0.3:80: removed (the file lists it)",
		"limit per-client: mode shadow (enforce in the file)",
	};
	struct overlay overlay = changes_of_five();
	char object[200], change[200], text[402];
	size_t i;

	(void)state;
	for (i = 0; i < overlay.count; i++) {
		snprintf(text, sizeof(text), "%s: %s",
			 overlay_object(&overlay.list[i], object, sizeof(object)),
			 overlay_change(&overlay.list[i], change, sizeof(change)));
		assert_string_equal(text, wanted[i]);
	}
	overlay_done(&overlay);
}

/* Each entry with one field taken out, or made wrong: refused by name, the others are kept. */
static void test_bad_entries(void **state)
{
	struct overlay overlay = changes_of_five();
	json_t *json = changes_to_json(&overlay);
	static const char *const lists[] = {"members", "limits"};
	size_t l, i, tried = 0;

	(void)state;
	for (l = 0; l < ARRAY_SIZE(lists); l++) {
		for (i = 0; i < json_array_size(json_object_get(json, lists[l])); i++) {
			json_t *item = json_array_get(json_object_get(json, lists[l]), i);
			json_t *fields = json_copy(item);
			const char *key;
			json_t *value;

			json_object_foreach (fields, key, value) {
				json_t *bad[] = {NULL, json_string("/"), json_integer(-1),
						 json_array()};

				for (size_t b = 0; b < ARRAY_SIZE(bad); b++, tried++) {
					struct overlay read = {0};
					struct err e = {0};

					if (bad[b])
						json_object_set_new(item, key, bad[b]);
					else
						json_object_del(item, key);
					assert_int_equal(changes_from_json(json, &read, &e), -22);
					assert_true(strstr(e.text, lists[l]) && e.text[0]);
					assert_int_equal(read.count, overlay.count - 1);
					overlay_done(&read);
				}
				json_object_set(item, key, value);
			}
			json_decref(fields);
		}
	}
	assert_true(tried > 100);
	json_decref(json);
	overlay_done(&overlay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes), cmocka_unit_test(test_undo_random),
		cmocka_unit_test(test_unchanged_file), cmocka_unit_test(test_file_agrees),
		cmocka_unit_test(test_file_changed),   cmocka_unit_test(test_objects_gone),
		cmocka_unit_test(test_one_refused),    cmocka_unit_test(test_words),
		cmocka_unit_test(test_bad_entries),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
