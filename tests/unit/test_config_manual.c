/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The schema keeps its own promises, and sluice.yaml(5) says the same as the schema. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/config.h"
#include "core/config_probe.h"
#include "core/config_schema.h"

static const char *const HEADINGS[CONFIG_SECTION_MAX] = {
	[CONFIG_SECTION_ROOT] = "FILE",		[CONFIG_SECTION_METRICS] = "METRICS",
	[CONFIG_SECTION_ACCESS] = "ACCESS",	[CONFIG_SECTION_OUTER_SOURCE] = "OUTER SOURCE",
	[CONFIG_SECTION_CAPACITY] = "CAPACITY", [CONFIG_SECTION_SERVICE] = "SERVICE",
	[CONFIG_SECTION_POOL] = "POOL",		[CONFIG_SECTION_MEMBER] = "MEMBER",
	[CONFIG_SECTION_CHECK] = "CHECK",	[CONFIG_SECTION_LIMIT] = "LIMIT",
	[CONFIG_SECTION_PER] = "PER",		[CONFIG_SECTION_NODE] = "NODE",
	[CONFIG_SECTION_ROUTES] = "ROUTES",	[CONFIG_SECTION_MANAGEMENT] = "MANAGEMENT",
	[CONFIG_SECTION_BAN] = "BAN",		[CONFIG_SECTION_EXCEPTION] = "EXCEPTION",
	[CONFIG_SECTION_LIST] = "LIST",		[CONFIG_SECTION_FLOWS] = "FLOWS",
	[CONFIG_SECTION_CIRCUIT] = "CIRCUIT",
};

/* All lines "*key* (rule; default)" of the page, as "HEADING: *key* (…)\n". */
static char *read_page_keys(void)
{
	AUTO_FREE char *page = NULL;
	char *keys = NULL, *save = NULL, heading[64] = "";
	size_t length, size;
	FILE *f = open_memstream(&keys, &size);

	assert_int_equal(util_read_file("docs/man/sluice.yaml.5.scd", 1 << 20, &page, &length), 0);
	for (char *line = strtok_r(page, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "# ", 2) == 0)
			util_copy(heading, sizeof(heading), line + 2);
		if (*line != '*' || !strstr(line, "* ("))
			continue;
		fprintf(f, "%s: ", heading);
		for (; *line; line++) {
			if (*line != '\\') /* scdoc's escape */
				fputc(*line, f);
		}
		fputc('\n', f);
	}
	fclose(f);
	return keys;
}

static void test_page_has_every_key(void **state)
{
	AUTO_FREE char *keys = read_page_keys();
	size_t lines = 0, documented = 0, wrong = 0;

	(void)state;
	for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
		const struct config_field *field = &CONFIG_FIELDS[i];
		AUTO_FREE char *want = NULL;
		char text[320];

		if (field->type == CONFIG_TYPE_REFUSED)
			continue;
		documented++;
		want = util_printf("%s: *%s* (%s)\n", HEADINGS[field->section], field->key,
				   config_schema_describe(field, text, sizeof(text)));
		if (!strstr(keys, want)) {
			print_error("sluice.yaml(5) lacks the line: %s", want);
			wrong++;
		}
	}
	for (const char *c = keys; *c; c++)
		lines += *c == '\n';
	assert_int_equal(wrong, 0);
	assert_int_equal(lines, documented); /* nor does it know more keys */
}

static void test_rows_are_sound(void **state)
{
	char text[320];

	(void)state;
	for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
		const struct config_field *field = &CONFIG_FIELDS[i];

		assert_ptr_equal(config_schema_find(field->section, field->key), field);
		assert_true(strlen(config_schema_describe(field, text, sizeof(text))) < 200);
		assert_true(*field->help);
		assert_true(field->min <= field->max);
		assert_false(field->fallback && field->flags & CONFIG_REQUIRED);
		assert_int_equal(field->type == CONFIG_TYPE_WORD, field->words != NULL);
		if (field->type == CONFIG_TYPE_NUMBER || field->type == CONFIG_TYPE_DURATION)
			assert_true(field->size == 8 || field->size == 0 ||
				    field->max / (field->flags & CONFIG_SECONDS ? 1000 : 1) <
					    1ULL << (8 * field->size));
		if (field->type == CONFIG_TYPE_SECTION)
			assert_true(field->child > field->section); /* so there is no cycle */
	}
	for (int section = 0; section < CONFIG_SECTION_MAX; section++) {
		size_t count;

		config_schema_section((enum config_section)section, &count);
		assert_in_range(count, 1, 32); /* the reader keeps a bit a key */
	}
}

static void test_every_word(void **state)
{
	union {
		struct service_config service;
		struct pool_config pool;
		struct limit_config limit;
		struct limit_ban ban;
		struct check_reading check;
		struct list_config list;
		struct config config;
	} base;
	struct err e;

	(void)state;
	for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
		const struct config_field *field = &CONFIG_FIELDS[i];

		for (const struct config_word *word = field->words; word && word->text; word++) {
			int r = config_value_parse(field, word->text, &base, &e);

			assert_int_equal(r < 0, word->refused != NULL);
			if (r < 0)
				assert_int_equal(e.code, ERR_UNSUPPORTED);
			/* words that YAML 1.1 reads as booleans are no words */
			assert_null(strstr(" on off yes no true false y n ", word->text));
		}
	}
}

/* Parses each block of a file between the fence and ```; returns their number. */
static size_t parse_examples(const char *path, const char *fence)
{
	AUTO_FREE char *page = NULL;
	size_t length, examples = 0;
	char *start, *end;

	assert_int_equal(util_read_file(path, 1 << 20, &page, &length), 0);
	for (start = strstr(page, fence); start; start = strstr(end + 4, fence)) {
		struct config *config = NULL;
		struct errs errors = {};

		start += strlen(fence);
		end = strstr(start, "```\n");
		assert_non_null(end);
		if (config_parse(start, (size_t)(end - start), &config, &errors) < 0)
			fail_msg("%s, example %zu, line %d: %s: %s", path, examples + 1,
				 errors.list[0].line, errors.list[0].path, errors.list[0].text);
		config_free(config);
		examples++;
	}
	return examples;
}

static void test_examples(void **state)
{
	(void)state;
	assert_int_equal(parse_examples("docs/man/sluice.yaml.5.scd", "```\n"), 4);
	assert_int_equal(parse_examples("README.md", "```yaml\n"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page_has_every_key),
		cmocka_unit_test(test_rows_are_sound),
		cmocka_unit_test(test_every_word),
		cmocka_unit_test(test_examples),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
