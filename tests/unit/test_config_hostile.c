/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Configurations that want to hurt: too big, too deep, cut, mutated; and the fuzzer's seeds. */
#include <dirent.h>
#include <errno.h>

#include "fuzz/fuzz_config.c"

#include "core/config_read.h"
#include "core/config_yaml.h"
#include "unit/config_errors.h"

static void test_too_big(void **state)
{
	AUTO_FREE char *text = util_alloc(CONFIG_BYTES_MAX + 2);
	AUTO_FREE char *big = NULL, *nodes = NULL, *deep = NULL;

	(void)state;
	memset(text, '#', CONFIG_BYTES_MAX + 1);
	big = errors_of(text, CONFIG_BYTES_MAX + 1, false);
	assert_string_equal(big, "0 too_large\n");
	text[0] = '[';
	for (size_t i = 1; i < 2 * CONFIG_NODES_MAX + 10; i += 2)
		memcpy(text + i, "a,", 2);
	nodes = errors_of(text, 2 * CONFIG_NODES_MAX + 10, false);
	assert_string_equal(nodes, "1 too_large\n");
	memset(text, '[', 1 << 20);
	deep = errors_of(text, 1 << 20, false);
	assert_string_equal(deep, "1 too_large\n");
}

/* Each alias is one word in the text, and a thousand members in memory. */
static void test_alias_bomb(void **state)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *errors = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	fprintf(f, HEAD "capacity: {service_cells: 65536, members: 1Mi}\nservices:\n");
	for (int i = 0; i < 3000; i++) {
		fprintf(f, "  s%d: {listen: tcp 198.18.%d.%d:1, mode: ipip, members: ", i, i / 250,
			i % 250 + 1);
		for (int j = 0; i == 0 && j < 1000; j++)
			fprintf(f, "%s10.1.%d.%d", j ? ", " : "&m [", j / 250, j % 250 + 1);
		fprintf(f, "%s}\n", i ? "*m" : "]");
	}
	fclose(f);
	errors = errors_of(text, size, false);
	assert_non_null(strstr(errors, "capacity services.s1048.members\n"));
}

static void test_many_errors(void **state)
{
	AUTO_FREE char *text = NULL;
	struct config *config = NULL;
	struct errs errors = {};
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	fprintf(f, NONE);
	for (int i = 0; i < 5000; i++)
		fprintf(f, "bogus%d: 1\n", i);
	fclose(f);
	assert_int_equal(config_parse(text, size, &config, &errors), -EINVAL);
	assert_int_equal(errors.count, CONFIG_ERRORS_MAX + 1);
	assert_string_equal(errors.list[CONFIG_ERRORS_MAX].text,
			    "4000 more mistakes are not listed");
	errs_done(&errors);
}

/* Cut anywhere, a configuration is refused, or still whole as far as it goes. */
static void test_truncated(void **state)
{
	static const char YAML[] = FULL "    limits: [a]\nlimits:\n"
					"  a: {count: packets, rate: 10/s, mode: shadow}\n";
	size_t accepted = 0;

	(void)state;
	for (size_t length = 0; length < sizeof(YAML) - 1; length++) {
		AUTO_FREE char *errors = errors_of(YAML, length, false);

		accepted += strcmp(errors, "none\n") == 0;
	}
	/* after the members in [] of line 7 up to the key of line 8, and the last line break */
	assert_in_range(accepted, 1, 10);
}

/* Any single byte replaced: an answer, and no crash (run with the sanitizers). */
static void test_mutated(void **state)
{
	static const char YAML[] = WEB
		"    check: {type: tcp, port: 5}\n    members: [192.0.2.21]\n";
	static const char BYTES[] = "\0\t\n :-[]{}&*!|>'\"%@`,#?0\xff";
	char text[sizeof(YAML)];

	(void)state;
	for (size_t i = 0; i < sizeof(YAML) - 1; i++) {
		for (size_t j = 0; j < sizeof(BYTES) - 1; j++) {
			memcpy(text, YAML, sizeof(YAML));
			text[i] = BYTES[j];
			free(errors_of(text, sizeof(YAML) - 1, false));
		}
	}
}

/* What the fuzzer starts from, and what it found. */
static void test_fuzz_seeds(void **state)
{
	DIR *dir = opendir("tests/fuzz/seeds/config");
	struct dirent *entry;
	size_t seeds = 0;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		AUTO_FREE char *path = util_printf("tests/fuzz/seeds/config/%s", entry->d_name);
		AUTO_FREE char *text = NULL;
		size_t length;

		if (*entry->d_name == '.')
			continue;
		assert_int_equal(util_read_file(path, CONFIG_BYTES_MAX, &text, &length), 0);
		LLVMFuzzerTestOneInput((const uint8_t *)text, length);
		seeds++;
	}
	closedir(dir);
	assert_true(seeds >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_too_big),	    cmocka_unit_test(test_alias_bomb),
		cmocka_unit_test(test_many_errors), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_mutated),	    cmocka_unit_test(test_fuzz_seeds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
