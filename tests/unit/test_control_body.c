/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bodies of requests against a table of fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "control/body.h"

static const char *const words[] = {"ready", "maint", NULL};
static const struct field fields[] = {
	{"weight", FIELD_INTEGER, false, 0, 65535, NULL, "a share"},
	{"admin", FIELD_WORD, false, 0, 0, words, "a state"},
	{"force", FIELD_BOOLEAN, false, 0, 0, NULL, "a switch"},
	{0},
};
static const struct field required[] = {
	{"weight", FIELD_INTEGER, true, 0, 65535, NULL, "a share"},
	{0},
};

struct row {
	const char *text;
	enum err_code code; /* ERR_OK: accepted */
	const char *pointer;
	const char *part; /* of text or hint */
};

static void check_rows(const struct field *table, const struct row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct errs errors = {0};
		json_t *body = NULL;
		int r = body_parse(rows[i].text, strlen(rows[i].text), table, &body, &errors);

		if (rows[i].code == ERR_OK) {
			if (r || errors.count || !json_is_object(body))
				fail_msg("refused: %s", rows[i].text);
			json_decref(body);
			continue;
		}
		if (!r || errors.count != 1 || body)
			fail_msg("%zu errors: %s", errors.count, rows[i].text);
		assert_int_equal(errors.list[0].code, rows[i].code);
		assert_string_equal(errors.list[0].path, rows[i].pointer);
		if (!strstr(errors.list[0].text, rows[i].part) &&
		    !strstr(errors.list[0].hint, rows[i].part))
			fail_msg("%s | %s lacks %s", errors.list[0].text, errors.list[0].hint,
				 rows[i].part);
		errs_done(&errors);
	}
}

static void fields_are_checked(void **state)
{
	static const struct row rows[] = {
		{"", ERR_OK, NULL, NULL},
		{"{}", ERR_OK, NULL, NULL},
		{"{\"weight\":0}", ERR_OK, NULL, NULL},
		{"{\"weight\":65535,\"admin\":\"maint\",\"force\":true}", ERR_OK, NULL, NULL},
		{"{\"weight\":65536}", ERR_INVALID, "/weight", "0..65535"},
		{"{\"weight\":-1}", ERR_INVALID, "/weight", "-1"},
		{"{\"weight\":1.5}", ERR_INVALID, "/weight", "whole number"},
		{"{\"weight\":\"5\"}", ERR_INVALID, "/weight", "whole number"},
		{"{\"weight\":null}", ERR_INVALID, "/weight", "whole number"},
		{"{\"admin\":\"off\"}", ERR_INVALID, "/admin", "\"ready\", \"maint\""},
		{"{\"admin\":1}", ERR_INVALID, "/admin", "string"},
		{"{\"force\":1}", ERR_INVALID, "/force", "true or false"},
		{"{\"wieght\":1}", ERR_UNKNOWN_KEY, "/wieght", "did you mean \"weight\""},
		{"{\"zzzzzzz\":1}", ERR_UNKNOWN_KEY, "/zzzzzzz", "weight, admin, force"},
		{"{\"weight\":1,\"weight\":2}", ERR_DUPLICATE, "/", "once"},
		{"[]", ERR_INVALID, "/", "object"},
		{"{\"weight\":1", ERR_SYNTAX, "/", "not JSON"},
		{"{\"weight\":1}x", ERR_SYNTAX, "/", "not JSON"},
		{"{\"weight\":99999999999999999999}", ERR_SYNTAX, "/", "not JSON"},
		{"\xff", ERR_SYNTAX, "/", "not JSON"},
	};

	(void)state;
	check_rows(fields, rows, ARRAY_SIZE(rows));
}

static void required_fields(void **state)
{
	static const struct row rows[] = {
		{"", ERR_INVALID, "/weight", "missing"},
		{"{}", ERR_INVALID, "/weight", "a share"},
		{"{\"weight\":7}", ERR_OK, NULL, NULL},
	};

	(void)state;
	check_rows(required, rows, ARRAY_SIZE(rows));
}

static void all_mistakes_at_once(void **state)
{
	static const char text[] = "{\"weight\":-1,\"admin\":\"x\",\"nope\":0}";
	struct errs errors = {0};
	json_t *body = NULL;

	(void)state;
	assert_int_not_equal(body_parse(text, strlen(text), fields, &body, &errors), 0);
	assert_int_equal(errors.count, 3);
	errs_done(&errors);
}

static void no_body_allowed(void **state)
{
	struct errs errors = {0};
	json_t *body = NULL;

	(void)state;
	assert_int_equal(body_parse("", 0, NULL, &body, &errors), 0);
	assert_null(body);
	assert_int_not_equal(body_parse("{}", 2, NULL, &body, &errors), 0);
	assert_int_equal(errors.count, 1);
	errs_done(&errors);
}

static void depth(void **state)
{
	char text[200];
	struct errs errors = {0};
	json_t *body = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < 33; i++)
		text[i] = '[';
	assert_false(body_is_deeper(text, 32, 32));
	assert_true(body_is_deeper(text, 33, 32));
	assert_int_not_equal(body_parse(text, 33, fields, &body, &errors), 0);
	assert_non_null(strstr(errors.list[0].text, "deeper"));
	errs_done(&errors);
	/* Brackets inside strings are no levels; an escaped quote does not end one. */
	assert_false(body_is_deeper("\"[[[[\"", 6, 1));
	assert_false(body_is_deeper("\"\\\"[[[[\"", 8, 1));
	assert_true(body_is_deeper("\"\\\\\"[[", 6, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_checked),
		cmocka_unit_test(required_fields),
		cmocka_unit_test(all_mistakes_at_once),
		cmocka_unit_test(no_body_allowed),
		cmocka_unit_test(depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
