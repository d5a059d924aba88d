/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Configurations of several files: what wins, what stays, which file a mistake is in, and that what
 * `save` writes makes the files say what runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "core/overlay.h"
#include "fake/fake_config.h"
#include "fake/model_oracle.h"
#include "state/dropin.h"
#include "state/sources.h"

#define TICK_NS 4000000U
#define FILES_MAX 8

static const char MAIN[] = "version: 1\n"
			   "interfaces: [eth0]\n"
			   "services:\n"
			   "  web:\n"
			   "    listen: tcp 192.0.2.10:80\n"
			   "    mode: l2\n"
			   "    members: [10.0.0.1, {address: 10.0.0.2, weight: 50}, 10.0.0.3]\n"
			   "  dns:\n"
			   "    listen: udp 192.0.2.53:53\n"
			   "    mode: ipip\n"
			   "    pools:\n"
			   "      blue: {members: [10.1.0.1]}\n"
			   "      green: {share: 0, members: [\"2001:db8::1\"]}\n"
			   "limits:\n"
			   "  all: {count: packets, rate: 1000/s, mode: enforce}\n";

static int parse(const char *const *texts, struct config **ret_config, struct errs *errors)
{
	static const char *const paths[FILES_MAX] = {"/c/main.yaml", "/c/main.d/1.yaml",
						     "/c/main.d/2.yaml", "/c/main.d/3.yaml"};
	struct config_file files[FILES_MAX];
	size_t count;

	for (count = 0; texts[count]; count++)
		files[count] =
			(struct config_file){paths[count], texts[count], strlen(texts[count])};
	return config_parse_files(files, count, ret_config, errors);
}

static struct config *parsed(const char *const *texts)
{
	struct config *config = NULL;
	struct errs errors = {0};

	if (parse(texts, &config, &errors))
		fail_msg("%s:%d: %s: %s", errors.list[0].file, errors.list[0].line,
			 errors.list[0].path, errors.list[0].text);
	return config;
}

/* "10.0.0.1 100 0, …" of a pool. */
static const char *members_text(const struct pool_config *pool)
{
	static char text[512];
	char address[ADDR_TEXT_MAX];
	size_t m, used = 0;

	text[0] = '\0';
	for (m = 0; m < pool->member_count; m++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %u %d",
					 m ? ", " : "",
					 addr_format(&pool->members[m].addr, address),
					 pool->members[m].weight, pool->members[m].admin);
	return text;
}

static void test_members(void **state)
{
	static const char *const texts[] = {
		MAIN,
		"services:\n"
		"  web:\n"
		"    members:\n"
		"    - {address: 10.0.0.1, admin: maint}\n" /* a scalar becomes a section */
		"    - 10.0.0.2\n"			    /* says nothing new */
		"    - {address: \"10.0.0.3:80\", admin: absent}\n"
		"    - {address: 10.0.0.4, weight: 7}\n"
		"  dns: {pools: {green: {share: 5, members: [{address: \"2001:db8:0::1\", "
		"weight: 9}]}}}\n",
		"services: {web: {members: [{address: 10.0.0.2, admin: maint}, "
		"{address: 10.0.0.4, weight: 8}]}}\n",
		NULL,
	};
	struct config *config = parsed(texts);

	(void)state;
	assert_string_equal(members_text(&config->services[0].pools[0]),
			    "10.0.0.1 100 2, 10.0.0.2 50 2, 10.0.0.4 8 0");
	assert_string_equal(members_text(&config->services[1].pools[0]), "10.1.0.1 100 0");
	assert_string_equal(members_text(&config->services[1].pools[1]), "2001:db8::1 9 0");
	assert_int_equal(config->services[1].pools[1].share, 5);
	assert_false(config->services[0].has_pools);
	assert_true(config->services[1].has_pools);
	config_free(config);
}

static void test_sections_values_and_lists(void **state)
{
	static const char *const texts[] = {
		MAIN,
		"interfaces: [eth1, eth2]\n"
		"limits:\n"
		"  all: {mode: shadow}\n"
		"  more: {count: packets, rate: 5/s, burst: 100, mode: disabled}\n"
		"services:\n"
		"  web: {limits: [all]}\n"
		"  extra: {listen: tcp 192.0.2.11:80, mode: l2, members: []}\n",
		"services: {web: {limits: [more]}}\n",
		NULL,
	};
	struct config *config = parsed(texts);

	(void)state;
	assert_int_equal(config->interface_count, 2);
	assert_string_equal(config->interfaces[1], "eth2");
	assert_int_equal(config->limit_count, 2);
	assert_int_equal(config->limits[0].mode, SLUICE_LIMIT_SHADOW);
	assert_int_equal(config->limits[0].rate_n, 1000);
	assert_int_equal(config->service_count, 3);
	assert_string_equal(config->services[2].name, "extra");
	assert_string_equal(config->services[0].limits[0], "more");
	assert_string_equal(config->services[0].limits[1], "");
	config_free(config);
}

/* A value that an alias has in two places is changed in one. */
static void test_aliases(void **state)
{
	static const char *const texts[] = {
		"version: 1\ninterfaces: [eth0]\nservices:\n"
		"  a: {listen: tcp 192.0.2.10:80, mode: l2, members: &m [10.0.0.1, &x {address: "
		"10.0.0.2, weight: 5}]}\n"
		"  b: {listen: tcp 192.0.2.10:81, mode: l2, members: *m}\n",
		"services: {a: {members: [{address: 10.0.0.2, weight: 6}, &y {address: "
		"10.0.0.3}]}, b: {members: [*y]}}\n",
		NULL,
	};
	struct config *config = parsed(texts);

	(void)state;
	assert_string_equal(members_text(&config->services[0].pools[0]),
			    "10.0.0.1 100 0, 10.0.0.2 6 0, 10.0.0.3 100 0");
	assert_string_equal(members_text(&config->services[1].pools[0]),
			    "10.0.0.1 100 0, 10.0.0.2 5 0, 10.0.0.3 100 0");
	config_free(config);
}

struct row {
	const char *texts[4];
	const char *file; /* "" is the main one */
	int line;
	const char *text;
};

static void test_mistakes_name_their_file(void **state)
{
	static const struct row rows[] = {
		{{MAIN, "services: {web: {wieght: 1}}\n"}, "/c/main.d/1.yaml", 1, "unknown key"},
		{{MAIN, "limits: {}\n", "\n\nservices:\n  web: {mode: l3}\n"},
		 "/c/main.d/2.yaml",
		 4,
		 "l3"},
		{{MAIN, "version: 2\n"}, "/c/main.d/1.yaml", 1, "2"},
		{{MAIN, "# nothing\n"}, "/c/main.d/1.yaml", 0, "empty"},
		{{MAIN, "services: [\n"}, "/c/main.d/1.yaml", 1, "not YAML"},
		{{MAIN, "[]\n"}, "/c/main.d/1.yaml", 1, "section"},
		{{MAIN, "services: 5\n"}, "/c/main.d/1.yaml", 1, "one section for each name"},
		{{MAIN, "services:\n  web:\n    members: [{address: 10.0.0.1, weight: 1},"
			" {address: 10.0.0.1, weight: 2}]\n"},
		 "/c/main.d/1.yaml",
		 3,
		 "already"},
		{{MAIN, "services:\n  dns:\n    members: [10.0.0.1]\n"}, "", 11, "both"},
		{{MAIN, "services: {web: {mode: l2, mode: l2}}\n"},
		 "/c/main.d/1.yaml",
		 1,
		 "given twice"},
		{{MAIN, "\nservices:\n  x: {listen: tcp 192.0.2.10:80, mode: l2, members: []}\n"},
		 "/c/main.d/1.yaml",
		 3,
		 "web already"},
		{{"version: 1\nservices: {}\n", "limits: {}\n"}, "", 1, "is missing"},
		{{MAIN, "services:\n  web:\n    members: [\"2001:db8::5\"]\n"},
		 "/c/main.d/1.yaml",
		 3,
		 "family"},
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = NULL;
		struct errs errors = {0};

		assert_true(parse(rows[i].texts, &config, &errors) < 0);
		for (j = 0; j < errors.count; j++)
			if (strcmp(errors.list[j].file, rows[i].file) == 0 &&
			    errors.list[j].line == rows[i].line &&
			    strstr(errors.list[j].text, rows[i].text))
				break;
		if (j == errors.count)
			fail_msg("row %zu: %s:%d: %s: %s", i, errors.list[0].file,
				 errors.list[0].line, errors.list[0].path, errors.list[0].text);
		errs_done(&errors);
	}
}

/* What only the model knows gets its file, too; and so do hints that name another line. */
static void test_places_in_the_model(void **state)
{
	static const char *const burst[] = {
		MAIN, "\nlimits:\n  b: {count: packets, rate: 1000000/s, burst: 1, mode: shadow}\n",
		NULL};
	static const char *const twice[] = {
		MAIN, "\nservices:\n  x: {listen: tcp 192.0.2.10:80, mode: l2, members: []}\n",
		"\n\nservices:\n  y: {listen: tcp 192.0.2.10:80, mode: l2, members: []}\n", NULL};
	struct config *config = parsed(burst);
	struct errs errors = {0};

	(void)state;
	assert_true(model_check_config(config, TICK_NS, &errors) < 0);
	assert_string_equal(errors.list[0].file, "/c/main.d/1.yaml");
	assert_int_equal(errors.list[0].line, 3);
	errs_done(&errors);
	config_free(config);
	assert_true(parse(twice, &config, &errors) < 0);
	assert_int_equal(errors.count, 2);
	assert_string_equal(errors.list[0].hint, "it is in line 4");
	assert_string_equal(errors.list[1].file, "/c/main.d/2.yaml");
	assert_int_equal(errors.list[1].line, 4);
	assert_string_equal(errors.list[1].hint, "it is in line 3 of /c/main.d/1.yaml");
	errs_done(&errors);
}

/* Many references to one large value must not become many large values. */
static void test_aliases_are_bounded(void **state)
{
	char *text, *later, *members = NULL;
	size_t size, i;
	FILE *f = open_memstream(&members, &size);
	const char *texts[3] = {0};
	struct config *config;
	struct errs errors = {0};

	(void)state;
	for (i = 0; i < 2000; i++)
		fprintf(f, "k%zu: 1, ", i);
	fclose(f);
	f = open_memstream(&text, &size);
	fprintf(f, "version: 1\ninterfaces: [eth0]\nservices:\n  s0: &big {%s}\n", members);
	for (i = 1; i < 2000; i++)
		fprintf(f, "  s%zu: *big\n", i);
	fclose(f);
	f = open_memstream(&later, &size);
	fprintf(f, "services:\n  s0: &big {%s}\n", members);
	for (i = 1; i < 2000; i++)
		fprintf(f, "  s%zu: *big\n", i);
	fclose(f);
	texts[0] = text;
	texts[1] = later;
	assert_true(parse(texts, &config, &errors) < 0);
	assert_int_equal(errors.list[0].code, ERR_TOO_LARGE);
	errs_done(&errors);
	free(text);
	free(later);
	free(members);
}

/* ---- the files ----------------------------------------------------------------------------- */

static void put(const char *directory, const char *name, const char *text)
{
	AUTO_FREE char *path = util_printf("%s/%s", directory, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_sources(void **state)
{
	char base[] = "/tmp/sluice-sources-XXXXXX";
	struct sources sources = {0}, again = {0}, copy = {0};
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *folder = NULL;
	AUTO_FREE char *command = NULL;
	struct err e = {0};
	json_t *json;

	(void)state;
	assert_non_null(mkdtemp(base));
	path = util_printf("%s/sluice.yaml", base);
	folder = sources_directory(path);
	assert_true(sources_read(path, util_read_file, &sources, &e) < 0);
	put(base, "sluice.yaml", "main");
	assert_int_equal(sources_read(path, util_read_file, &sources, &e), 0);
	assert_int_equal(sources.count, 1);
	sources_done(&sources);
	assert_int_equal(mkdir(folder, 0755), 0);
	put(folder, "b.yaml", "b");
	put(folder, "a.yaml", "a");
	put(folder, "B.yaml", "B");
	put(folder, "c.yaml~", "no");
	put(folder, ".d.yaml", "no");
	put(folder, "e.yml", "no");
	assert_int_equal(sources_read(path, util_read_file, &sources, &e), 0);
	assert_int_equal(sources.count, 4);
	assert_string_equal(sources.list[0].text, "main");
	assert_string_equal(sources.list[1].text, "B");
	assert_string_equal(sources.list[2].text, "a");
	assert_string_equal(sources.list[3].text, "b");

	json = sources_to_json(&sources);
	assert_int_equal(sources_from_json(json, &again, &e), 0);
	assert_true(sources_equal(&sources, &again));
	json_decref(json);
	sources_copy_without(&sources, sources.list[2].path, &copy);
	assert_int_equal(copy.count, 3);
	assert_false(sources_equal(&sources, &copy));
	sources_insert(&copy, sources.list[2].path, util_strdup("a"));
	assert_true(sources_equal(&sources, &copy));

	/* What cannot be read is an error that names it. */
	AUTO_FREE char *directory = util_printf("%s/z.yaml", folder);

	assert_int_equal(mkdir(directory, 0755), 0);
	assert_true(sources_read(path, util_read_file, &again, &e) < 0);
	assert_string_equal(e.file, directory);
	sources_done(&sources);
	sources_done(&again);
	sources_done(&copy);
	command = util_printf("rm -rf '%s'", base);
	assert_int_equal(system(command), 0);
}

/* ---- what save writes ---------------------------------------------------------------------- */

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

#define LISTS                                                                                      \
	"management: {prefixes: [10.9.0.0/24]}\n"                                                  \
	"lists:\n"                                                                                 \
	"  bad: {action: deny, prefixes: [203.0.113.0/24]}\n"                                      \
	"  good: {action: exempt}\n"

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

/* A list of prefixes gets what a later file adds; what is in both counts once. */
static void test_prefixes_are_added(void **state)
{
	static const char *const texts[] = {"version: 1\ninterfaces: [eth0]\nservices: {}\n" LISTS,
					    "management: {prefixes: [10.8.0.0/24]}\n"
					    "lists:\n"
					    "  bad: {prefixes: [203.0.113.0/24, 198.51.100.7]}\n"
					    "  good: {prefixes: [192.0.2.1]}\n",
					    NULL};
	struct config *config = parsed(texts);

	(void)state;
	assert_int_equal(prefix_set_count(config->management), 2);
	assert_int_equal(prefix_set_count(config->lists[0].prefixes), 2);
	assert_int_equal(prefix_set_count(config->lists[1].prefixes), 1);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_sections_values_and_lists),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_mistakes_name_their_file),
		cmocka_unit_test(test_places_in_the_model),
		cmocka_unit_test(test_aliases_are_bounded),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_saved_changes),
		cmocka_unit_test(test_saved_lists),
		cmocka_unit_test(test_prefixes_are_added),
		cmocka_unit_test(test_names_that_yaml_would_read_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
