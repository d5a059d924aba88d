/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Configurations of several files: what wins, what stays, and which file a mistake is in. */
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
#include "core/model.h"
#include "state/sources.h"
#include "unit/config_texts.h"

#define TICK_NS 4000000U
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
		"services: {web: {limits: [more], slow_start: 60s}, extra: {slow_start: 60s}}\n",
		"services: {web: {slow_start: 0s}}\n",
		NULL,
	};
	struct config *config = parsed(texts);

	(void)state;
	assert_int_equal(config->interface_count, 2);
	assert_string_equal(config->interfaces[1], "eth2");
	assert_int_equal(config->limit_count, 2);
	assert_int_equal(config->limits[0].mode, SLUICE_LIMIT_SHADOW);
	assert_int_equal(config->limits[0].rate.n, 1000);
	assert_int_equal(config->service_count, 3);
	assert_string_equal(config->services[2].name, "extra");
	assert_string_equal(config->services[0].limits[0], "more");
	assert_string_equal(config->services[0].limits[1], "");
	assert_int_equal(config->services[0].slow_start_s, 0);
	assert_int_equal(config->services[2].slow_start_s, 60);
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
		cmocka_unit_test(test_prefixes_are_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
