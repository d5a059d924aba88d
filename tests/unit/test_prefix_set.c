/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prefixes, and sets of them: reading block lists, and what a set is after each operation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/prefix_set.h"

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix, NULL), 0);
	return prefix;
}

static void test_prefix(void **state)
{
	static const char *const GOOD[] = {"0.0.0.0/0",	    "192.0.2.0/24", "192.0.2.1/32", "::/0",
					   "2001:db8::/32", "::1/128",	    "::/80"};
	static const struct {
		const char *text, *hint;
	} BAD[] = {
		{"", "such as"},
		{"x", "such as"},
		{"192.0.2.0/33", "0 to 32"},
		{"2001:db8::/129", "0 to 128"},
		{"192.0.2.0/", "0 to 32"},
		{"192.0.2.0/024", "0 to 32"},
		{"192.0.2.0/-1", "0 to 32"},
		{"192.0.2.0/24/24", "0 to 32"},
		{"192.0.2.1/24", "write 192.0.2.0/24"},
		{"2001:db8::1/64", "write 2001:db8::/64"},
		{"::ffff:192.0.2.0/120", "such as"}, /* one prefix, one text */
		{"192.0.2.0 /24", "such as"},
		{"192.0.2", "such as"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(GOOD); i++) {
		struct prefix prefix = prefix_of(GOOD[i]);
		char text[PREFIX_TEXT_MAX];

		assert_string_equal(prefix_format(&prefix, text), GOOD[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(BAD); i++) {
		struct prefix prefix = {.length = 77};
		struct err e;

		assert_true(prefix_parse(BAD[i].text, strlen(BAD[i].text), &prefix, &e) < 0);
		assert_int_equal(prefix.length, 77);
		if (!strstr(e.hint, BAD[i].hint))
			fail_msg("%s: hint is \"%s\"", BAD[i].text, e.hint);
	}
}

static void test_covers(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool is_covered;
	} ROWS[] = {
		{"0.0.0.0/0", "192.0.2.1/32", true},
		{"192.0.2.0/24", "192.0.2.0/24", true},
		{"192.0.2.0/24", "192.0.2.128/25", true},
		{"192.0.2.0/24", "192.0.3.0/25", false},
		{"192.0.2.128/25", "192.0.2.0/24", false},
		{"::/0", "192.0.2.1/32", false}, /* families are apart */
		{"::/0", "2001:db8::/32", true},
		{"2001:db8::/33", "2001:db8:8000::/34", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		struct prefix outer = prefix_of(ROWS[i].outer), inner = prefix_of(ROWS[i].inner);

		assert_int_equal(prefix_covers(&outer, &inner), ROWS[i].is_covered);
	}
}

static struct prefix_set *parse(const char *text, const char *comment, uint32_t expires_s)
{
	struct errs errors = {};
	struct prefix_set *set = NULL;

	assert_int_equal(prefix_set_parse(text, strlen(text), comment, expires_s, &set, &errors),
			 0);
	assert_int_equal(errors.count, 0);
	return set;
}

/* "PREFIX comment expiry;" for each entry. */
static void assert_set(const struct prefix_set *set, const char *want)
{
	char text[1024] = "", prefix[PREFIX_TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < set->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s %u;",
					 prefix_format(&set->entries[i].prefix, prefix),
					 prefix_set_comment(set, &set->entries[i]),
					 set->entries[i].expires_s);
	assert_string_equal(text, want);
}

static void test_parse(void **state)
{
	struct prefix_set *set = parse("\xef\xbb\xbf# a list\r\n"
				       "198.51.100.0/24 ; SBL1\r\n"
				       "\t 192.0.2.1 # one\n"
				       ";\n\n   \n"
				       "2001:db8::/32\n"
				       "192.0.2.1/32",
				       NULL, 0);

	(void)state;
	assert_set(set, "192.0.2.1/32  0;198.51.100.0/24  0;2001:db8::/32  0;");
	prefix_set_unref(set);
	set = parse("192.0.2.1", "a\x1b[1m\xe2\x80\xaeoff", 7); /* what a terminal would obey */
	assert_set(set, "192.0.2.1/32 a [1m???off 7;");
	prefix_set_unref(set);
	set = parse("", "c", 7);
	assert_set(set, "");
	prefix_set_unref(set);
}

/* Garbage far down names its line, and nothing is loaded. */
static void test_garbage(void **state)
{
	size_t size, lines = 100000;
	struct prefix_set *set = (struct prefix_set *)&size;
	struct errs errors = {};
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	for (size_t i = 1; i <= lines; i++) {
		if (i == 70000)
			fprintf(f, "<html>\n");
		else
			fprintf(f, "%zu.%zu.%zu.0/24\n", i >> 16 & 255, i >> 8 & 255, i & 255);
	}
	fclose(f);
	assert_true(prefix_set_parse(text, size, NULL, 0, &set, &errors) < 0);
	assert_ptr_equal(set, &size);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.list[0].line, 70000);
	assert_non_null(strstr(errors.list[0].text, "<html>"));
	errs_done(&errors);
	/* Many mistakes are counted. */
	assert_true(prefix_set_parse("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n", 24, NULL, 0, &set,
				     &errors) < 0);
	assert_int_equal(errors.count, 11);
	assert_non_null(strstr(errors.list[10].text, "2 more"));
	errs_done(&errors);
	free(text);
}

static void test_operations(void **state)
{
	struct prefix_set *a = parse("192.0.2.1\n192.0.2.2\n192.0.2.3\n", "first", 100);
	struct prefix_set *b = parse("192.0.2.2\n2001:db8::1\n", "second", 0);
	struct prefix_set *c = prefix_set_merge(a, b), *d;
	struct prefix one = prefix_of("192.0.2.2");

	(void)state;
	assert_set(c, "192.0.2.1/32 first 100;192.0.2.2/32 second 0;192.0.2.3/32 first 100;"
		      "2001:db8::1/128 second 0;");
	assert_int_equal(c->soonest_s, 100);
	assert_non_null(prefix_set_find(c, &one));
	d = prefix_set_subtract(c, b);
	assert_set(d, "192.0.2.1/32 first 100;192.0.2.3/32 first 100;");
	assert_null(prefix_set_find(d, &one));
	prefix_set_unref(d);
	d = prefix_set_expire(c, 99);
	assert_int_equal(d->count, 4);
	prefix_set_unref(d);
	d = prefix_set_expire(c, 100);
	assert_set(d, "192.0.2.2/32 second 0;2001:db8::1/128 second 0;");
	assert_int_equal(d->soonest_s, 0);
	prefix_set_unref(d);
	d = prefix_set_merge(NULL, NULL);
	assert_int_equal(d->count, 0);
	prefix_set_unref(d);
	/* A set lives as long as somebody holds it. */
	assert_ptr_equal(prefix_set_ref(c), c);
	prefix_set_unref(c);
	assert_int_equal(c->count, 4);
	prefix_set_unref(a);
	prefix_set_unref(b);
	prefix_set_unref(c);
	prefix_set_unref(prefix_set_ref(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix),	   cmocka_unit_test(test_covers),
		cmocka_unit_test(test_parse),	   cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_operations),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
