/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers, sentences and tables as sluicectl prints them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "cli/text.h"

static char buffer[TEXT_MAX];

static void numbers_have_three_digits_and_a_prefix(void **state)
{
	(void)state;
	assert_string_equal(text_si(0, buffer), "0");
	assert_string_equal(text_si(-3, buffer), "0");
	assert_string_equal(text_si(0.01, buffer), "<0.1");
	assert_string_equal(text_si(4.25, buffer), "4.2");
	assert_string_equal(text_si(212, buffer), "212");
	assert_string_equal(text_si(999, buffer), "999");
	assert_string_equal(text_si(999.6, buffer), "1.00 k");
	assert_string_equal(text_si(1000, buffer), "1.00 k");
	assert_string_equal(text_si(12400, buffer), "12.4 k");
	assert_string_equal(text_si(99960, buffer), "100 k");
	assert_string_equal(text_si(999500, buffer), "1.00 M");
	assert_string_equal(text_si(1.29e6, buffer), "1.29 M");
	assert_string_equal(text_si(3.1e9, buffer), "3.10 G");
	assert_string_equal(text_si(1e30, buffer), "1000000000000 E");
}

static void told(const char *instance, const char *text, const char *wanted)
{
	AUTO_FREE char *as_told = NULL;

	cli_tell_instance(instance);
	as_told = cli_as_told(text);
	assert_string_equal(as_told, wanted);
	cli_tell_instance("default");
}

/* Commands in errors and hints are for the instance that was asked. */
static void commands_name_the_instance(void **state)
{
	(void)state;
	told("default", "sluicectl confirm keeps it", "sluicectl confirm keeps it");
	told("edge", "sluicectl confirm keeps it, sluicectl undo goes back",
	     "sluicectl --instance edge confirm keeps it, sluicectl --instance edge undo goes "
	     "back");
	told("edge", "if that is meant: sluicectl reload --force",
	     "if that is meant: sluicectl --instance edge reload --force");
	told("edge", "(sluicectl detach)", "(sluicectl --instance edge detach)");
	told("edge", "sudo sluicectl --instance edge detach",
	     "sudo sluicectl --instance edge detach");
	told("edge", "use the sluicectl that came with it", "use the sluicectl that came with it");
	told("edge", "sluicectl memb", "sluicectl memb");
	told("edge", "", "");
}

static void numbers_carry_units(void **state)
{
	(void)state;
	assert_string_equal(text_rate(41, buffer), "41/s");
	assert_string_equal(text_rate(12400, buffer), "12.4 k/s");
	assert_string_equal(text_pps(41, buffer), "41 pps");
	assert_string_equal(text_pps(1.42e6, buffer), "1.42 Mpps");
	assert_string_equal(text_bytes(41, buffer), "41 B");
	assert_string_equal(text_bytes(3.1e9, buffer), "3.10 GB");
	assert_string_equal(text_count(7, buffer), "7");
	assert_string_equal(text_count(999, buffer), "999");
	assert_string_equal(text_count(1000, buffer), "1,000");
	assert_string_equal(text_count(262144, buffer), "262,144");
	assert_string_equal(text_count(UINT64_MAX, buffer), "18,446,744,073,709,551,615");
	assert_string_equal(text_percent(100, buffer), "100%");
	assert_string_equal(text_percent(39.24, buffer), "39.2%");
	assert_string_equal(text_percent(0.01, buffer), "<0.1%");
}

static void times_are_short(void **state)
{
	(void)state;
	assert_string_equal(text_duration(59, buffer), "59 s");
	assert_string_equal(text_duration(60, buffer), "1 min");
	assert_string_equal(text_duration(3600, buffer), "1 h");
	assert_string_equal(text_duration(48 * 3600, buffer), "2 d");
	assert_string_equal(text_ms(500, buffer), "500 ms");
	assert_string_equal(text_ms(2500, buffer), "2.5 s");
	assert_string_equal(text_latency(85, buffer), "85 us");
	assert_string_equal(text_latency(1800, buffer), "1.8 ms");
	assert_string_equal(text_latency(1500000, buffer), "1500 ms");
	setenv("TZ", "UTC", 1);
	assert_string_equal(text_time(1700000000, 1700000100, buffer), "22:13");
	assert_string_equal(text_time(1700000000, 1700086400, buffer), "2023-11-14 22:13");
}

static void durations_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds; /* 0: refused */
	} rows[] = {{"1s", 1},	   {"90s", 90}, {"15m", 900}, {"15min", 900}, {"2h", 7200},
		    {"1d", 86400}, {"15", 0},	{"m", 0},     {"", 0},	      {"-5s", 0},
		    {"1.5h", 0},   {"5 s", 0},	{"5x", 0},    {"5ss", 0},     {"9999999999s", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t seconds = 7;
		int r = text_parse_duration(rows[i].text, &seconds);

		if (r != (rows[i].seconds ? 0 : -EINVAL) ||
		    seconds != (rows[i].seconds ? rows[i].seconds : 7))
			fail_msg("'%s' gives %d and %d", rows[i].text, r, (int)seconds);
	}
}

static char *wrapped(const char *label, int indent, const char *text, int width)
{
	char *result = NULL;
	size_t length;
	FILE *out = open_memstream(&result, &length);

	text_wrap(out, label, indent, text, width);
	fclose(out);
	return result;
}

static void sentences_wrap_at_spaces(void **state)
{
	AUTO_FREE char *narrow = wrapped("why  ", 5, "one two three", 12);
	AUTO_FREE char *wide = wrapped("why  ", 5, "one two three", 0);
	AUTO_FREE char *word = wrapped("", 2, "unbreakable x", 4);
	AUTO_FREE char *umlauts = wrapped("", 0, "\xc3\xa4\xc3\xa4\xc3\xa4 \xc3\xb6", 5);

	(void)state;
	assert_string_equal(narrow, "why  one two\n     three\n");
	assert_string_equal(wide, "why  one two three\n");
	assert_string_equal(word, "unbreakable\n  x\n");
	assert_string_equal(umlauts, "\xc3\xa4\xc3\xa4\xc3\xa4 \xc3\xb6\n");
}

static char *tabled(int width, bool has_colour)
{
	static const struct table_column columns[] = {
		{"NAME", false, 0, 8}, {"COUNT", true, 0, 0}, {"EXTRA", false, 1, 0}};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	char *result = NULL;
	size_t length;
	struct view view = {.width = width, .has_colour = has_colour};

	view.out = open_memstream(&result, &length);
	table_row(table);
	table_text(table, "a-very-long-name");
	table_text(table, "7");
	table_text(table, "");
	table_row(table);
	table_text(table, "b");
	table_colour(table, "red");
	table_textf(table, "%d", 12345);
	table_text(table, "seen");
	table_print(table, &view);
	fclose(view.out);
	return result;
}

static void tables_align_and_fit(void **state)
{
	AUTO_FREE char *full = tabled(0, false);
	AUTO_FREE char *without_extra = tabled(25, false);
	AUTO_FREE char *cut = tabled(16, false);

	(void)state;
	assert_string_equal(full, "NAME              COUNT  EXTRA\n"
				  "a-very-long-name      7  -\n"
				  "b                 12345  seen\n");
	assert_string_equal(without_extra, "NAME              COUNT\n"
					   "a-very-long-name      7\n"
					   "b                 12345\n");
	assert_string_equal(cut, "NAME       COUNT\n"
				 "a-very...      7\n"
				 "b          12345\n");
}

static void prose_is_cut_first(void **state)
{
	static const struct table_column columns[] = {
		{"NAME", false, 0, 4}, {"WEIGHT", true, 1, 0}, {"STATE", false, TABLE_PROSE, 8}};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	AUTO_FREE char *result = NULL;
	size_t length;
	struct view view = {.width = 26};

	(void)state;
	view.out = open_memstream(&result, &length);
	table_row(table);
	table_text(table, "a-name");
	table_text(table, "100");
	table_text(table, "unreachable: no route");
	table_print(table, &view);
	fclose(view.out);
	assert_string_equal(result, "NAME    WEIGHT  STATE\n"
				    "a-name     100  unreach...\n");
}

static void colours_only_when_wanted(void **state)
{
	AUTO_FREE char *plain = tabled(0, false);
	AUTO_FREE char *coloured = tabled(0, true);

	(void)state;
	assert_null(strchr(plain, '\033'));
	assert_non_null(strstr(coloured, "\033[31m"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_three_digits_and_a_prefix),
		cmocka_unit_test(numbers_carry_units),
		cmocka_unit_test(commands_name_the_instance),
		cmocka_unit_test(times_are_short),
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(sentences_wrap_at_spaces),
		cmocka_unit_test(tables_align_and_fit),
		cmocka_unit_test(prose_is_cut_first),
		cmocka_unit_test(colours_only_when_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
