/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists in the configuration: what is read, every mistake, and their files. */
#include <errno.h>

#include "fake/fake_config.h"
#include "unit/config_errors.h"

#define MANAGEMENT NONE "management: {prefixes: [10.0.0.0/24]}\n" /* lines 1 to 4 */
#define LIST MANAGEMENT "lists:\n  a:\n"			  /* lines 1 to 6 */

static void test_mistakes(void **state)
{
	static const struct row ROWS[] = {
		{NONE "management: {}\n", "4 invalid management.prefixes\n"},
		{NONE "management: {prefixes: []}\n", "4 invalid management.prefixes\n"},
		{NONE "management: {prefixes: 10.0.0.0/24}\n", "4 invalid management.prefixes\n"},
		{NONE "management: {prefixes: [10.0.0.1/24, x]}\n",
		 "4 invalid management.prefixes[0]\n4 invalid management.prefixes[1]\n"},
		{NONE "management: {prefix: [10.0.0.0/24]}\n",
		 "4 invalid management.prefixes\n4 unknown_key management.prefix\n"},
		{NONE "lists: []\n", "4 invalid lists\n"},
		{LIST "    prefixes: [192.0.2.0/24]\n", "6 invalid lists.a.action\n"},
		{LIST "    action: block\n", "7 invalid lists.a.action\n"},
		{LIST "    action: deny\n    prefixes: 192.0.2.0/24\n",
		 "8 invalid lists.a.prefixes\n"},
		{LIST "    action: deny\n    prefixes: [192.0.2.0/24, 192.0.2.1/24, [x]]\n",
		 "8 invalid lists.a.prefixes[1]\n8 invalid lists.a.prefixes[2]\n"},
		{LIST "    action: deny\n    file: block.txt\n", "8 invalid lists.a.file\n"},
		{LIST "    action: deny\n    guard: off\n", "8 invalid lists.a.guard\n"},
		{LIST "    action: deny\n    ttl: 1h\n", "8 unknown_key lists.a.ttl\n"},
		/* a host-wide rule needs to know where its administrator sits */
		{NONE "lists:\n  a:\n    action: deny\n", "5 invalid lists.a\n"},
		{NONE "lists:\n  a:\n    action: exempt\n", "none\n"},
		{FULL "    allow: [a]\nlists:\n  b: {action: allow}\n",
		 "4 not_found services.web.allow\n"},
		{FULL "    allow: [a]\nlists:\n  a: {action: exempt}\n",
		 "4 conflict services.web.allow\n"},
		{FULL "    allow: [a, a]\nlists:\n  a: {action: allow}\n",
		 "8 duplicate services.web.allow[1]\n"},
		{FULL "    allow: [a b]\n", "8 invalid services.web.allow[0]\n"},
		/* nobody might reach it: surely a mistake */
		{FULL "    allow: []\n", "8 invalid services.web.allow\n"},
		{FULL
		 "    allow: [a, b, c, d, e]\nlists:\n  a: {action: allow}\n  b: {action: allow}\n"
		 "  c: {action: allow}\n  d: {action: allow}\n  e: {action: allow}\n",
		 "8 invalid services.web.allow\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

static void test_values(void **state)
{
	struct config *config =
		fake_config_parsed(FULL "    allow: [partners, office]\n"
					"management: {prefixes: ['2001:db8::/64', 10.0.0.0/24]}\n"
					"lists:\n"
					"  partners: {action: allow, prefixes: [192.0.2.1]}\n"
					"  office: {action: allow, file: /etc/office}\n"
					"  bad: {action: deny, guard: disabled}\n");

	(void)state;
	assert_int_equal(config->management->count, 2);
	assert_int_equal(config->list_count, 3);
	assert_string_equal(config->services[0].allow[0], "partners");
	assert_string_equal(config->services[0].allow[1], "office");
	assert_int_equal(config->lists[0].action, LIST_ALLOW);
	assert_int_equal(config->lists[0].prefixes->count, 1);
	assert_int_equal(config->lists[0].prefixes->entries[0].line, 11);
	assert_false(config->lists[0].is_unguarded);
	assert_string_equal(config->lists[1].file, "/etc/office");
	assert_int_equal(config->lists[2].action, LIST_DENY);
	assert_true(config->lists[2].is_unguarded);
	config_free(config);
}

static int read_fake(const char *path, size_t max, char **ret_text, size_t *ret_length)
{
	(void)max;
	if (strcmp(path, "/none") == 0)
		return -ENOENT;
	*ret_text = util_strdup(strcmp(path, "/bad") == 0 ? "192.0.2.0/24\n\nwhat?\n192.0.2.1/8\n"
							  : "192.0.2.0/24\n198.51.100.0/24\n");
	*ret_length = strlen(*ret_text);
	return 0;
}

static void test_files(void **state)
{
	struct config *config = fake_config_parsed(MANAGEMENT
						   "lists:\n"
						   "  a: {action: deny, prefixes: [192.0.2.0/24, "
						   "192.0.3.0/24], file: /good}\n"
						   "  b: {action: exempt, file: /good}\n"
						   "  c: {action: exempt}\n");
	struct errs errors = {};

	(void)state;
	assert_int_equal(config_load_lists(config, read_fake, &errors), 0);
	assert_int_equal(config->lists[0].prefixes->count, 3);
	assert_int_equal(config->lists[1].prefixes->count, 2);
	assert_int_equal(prefix_set_count(config->lists[2].prefixes), 0);
	config_free(config);

	config = fake_config_parsed(MANAGEMENT "lists:\n"
					       "  a: {action: deny, file: /none}\n"
					       "  b: {action: deny, file: /bad}\n");
	assert_true(config_load_lists(config, read_fake, &errors) < 0);
	assert_int_equal(errors.count, 3);
	assert_string_equal(errors.list[0].path, "lists.a.file");
	assert_int_equal(errors.list[0].line, 6);
	assert_non_null(strstr(errors.list[0].text, "/none"));
	assert_string_equal(errors.list[1].path, "lists.b.file");
	assert_int_equal(errors.list[1].line, 7);
	assert_non_null(strstr(errors.list[1].text, "/bad line 3: \"what?\""));
	assert_non_null(strstr(errors.list[2].text, "/bad line 4"));
	assert_non_null(strstr(errors.list[2].hint, "192.0.0.0/8"));
	errs_done(&errors);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
