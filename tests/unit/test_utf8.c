/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text from outside, made fit for JSON and terminals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "base/utf8.h"
#include "base/util.h"
#include "control/reply.h"

static void test_clean(void **state)
{
	static const struct {
		const char *text, *cleaned;
	} rows[] = {
		{"", ""},
		{"plain", "plain"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"\xe2\x82\xac \xf0\x9f\x8c\x8a", "\xe2\x82\xac \xf0\x9f\x8c\x8a"},
		{"a\nb\tc\x7f", "a b c "},
		{"\x1b[31m", " [31m"},
		{"\xc2\x9b"
		 "31m",
		 "??31m"},			 /* CSI in one character */
		{"a\xe2\x80\xaeoff", "a???off"}, /* right to left */
		{"\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9", "?????????"},
		{"\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
		 "\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"}, /* their neighbours */
		{"\xff", "?"},
		{"\x80", "?"},
		{"a\xc3", "a?"},
		{"a\xe2\x82", "a??"},
		{"\xc3g", "?g"},
		{"\xc0\xaf", "??"},	      /* a slash, spelled too long */
		{"\xed\xa0\x80", "???"},      /* a surrogate */
		{"\xf4\x90\x80\x80", "????"}, /* beyond Unicode */
		{"\xf8\x88\x80\x80\x80", "?????"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[64];

		util_copy(text, sizeof(text), rows[i].text);
		utf8_clean(text);
		assert_string_equal(text, rows[i].cleaned);
	}
}

/* Whatever the bytes: JSON takes what comes out, and a second cleaning finds nothing to do. */
static void test_random(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[24], again[24];
		json_t *json;

		for (size_t c = 0; c < sizeof(text) - 1; c++)
			text[c] = (char)(rand_r(&seed) % 3 ? 0x80 + rand_r(&seed) % 128
							   : rand_r(&seed) % 256);
		text[sizeof(text) - 1] = '\0';
		utf8_clean(text);
		util_copy(again, sizeof(again), text);
		utf8_clean(again);
		assert_string_equal(text, again);
		json = json_string(text);
		assert_non_null(json);
		json_decref(json);
	}
}

static void test_copy_keeps_characters_whole(void **state)
{
	char buffer[5];

	(void)state;
	util_copy(buffer, sizeof(buffer), "abc\xc3\xbc");
	assert_string_equal(buffer, "abc");
	util_copy(buffer, sizeof(buffer), "ab\xc3\xbc");
	assert_string_equal(buffer, "ab\xc3\xbc");
	util_copy(buffer, sizeof(buffer), "a\xf0\x9f\x8c\x8a");
	assert_string_equal(buffer, "a");
	util_copy(buffer, sizeof(buffer), "\xf0\x9f\x8c\x8a!");
	assert_string_equal(buffer, "\xf0\x9f\x8c\x8a");
}

/* An error that quotes anything, cut anywhere, still has an answer that says so. */
static void test_errors_are_answered(void **state)
{
	char quoted[64];

	(void)state;
	for (int length = 1; length < 60; length++) {
		struct errs errors = {0};
		struct reply reply = {0};
		const json_t *message;
		json_t *document;

		for (int i = 0; i < length; i++)
			quoted[i] = i % 2 ? '\xa9' : '\xc3';
		quoted[length] = '\0';
		err_hint(errs_add(&errors, ERR_INVALID, quoted, "unknown key %.31s", quoted),
			 "not %s, nor \xff", quoted);
		errs_add(&errors, ERR_SYNTAX, "\xfe", "line")->line = 3;
		reply_errors(&reply, &errors, 0);
		document = json_loads(reply.text, 0, NULL);
		assert_non_null(document);
		assert_int_equal(reply.status, 422);
		message = json_object_get(json_object_get(document, "error"), "message");
		assert_memory_equal(json_string_value(message), "unknown key ", 12);
		assert_int_equal(json_array_size(json_object_get(document, "errors")), 2);
		json_decref(document);
		reply_done(&reply);
		errs_done(&errors);
	}
}

/* Our own mistake: an object that could not be made is an error, not the end of the daemon. */
static void test_no_answer(void **state)
{
	struct reply reply = {.status = 200};

	(void)state;
	reply_render(&reply);
	assert_int_equal(reply.status, 500);
	assert_non_null(strstr(reply.text, "\"code\":\"system\""));
	reply_done(&reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_copy_keeps_characters_whole),
		cmocka_unit_test(test_errors_are_answered),
		cmocka_unit_test(test_no_answer),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
