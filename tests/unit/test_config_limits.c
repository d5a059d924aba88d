/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits in the configuration: what is read, every mistake, and what cannot be represented. */
#include <errno.h>

#include "base/addr.h"
#include "core/config_schema.h"
#include "core/limit_params.h"
#include "core/model.h"
#include "fake/fake_config.h"
#include "unit/config_errors.h"

#define TICK_NS 4000000U

#define MANAGED "management: {prefixes: [10.0.0.0/24]}\n"
#define WIDE(name) "  " name ": {count: packets, rate: 5/s, mode: shadow, scope: services}\n"
#define HOST(name) "  " name ": {count: packets, rate: 5/s, mode: shadow, scope: everything}\n"

static void test_bans(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD
		"services: {}\nlimits:\n"
		"  a: {count: packets, rate: 50 pkt/s, mode: enforce, ban: {after: 100}}\n"
		"  b: {count: packets, rate: 50/s, mode: enforce, ban: {after: 1k, within: 1m,\n"
		"      for: 1h, max: 2h, packets: all, max_per_second: 5}}\n"
		"  c: {count: packets, rate: 50/s, mode: enforce}\n");
	const struct limit_ban *ban = &config->limits[0].ban;

	(void)state;
	assert_int_equal(config->limits[0].rate.unit, RATE_PACKETS);
	assert_int_equal(ban->after, 100);
	assert_int_equal(ban->within_s, 10);
	assert_int_equal(ban->for_s, 600);
	assert_int_equal(ban->max_s, 600);
	assert_int_equal(ban->max_per_s, 100);
	assert_false(ban->is_all);
	ban = &config->limits[1].ban;
	assert_int_equal(ban->after, 1000);
	assert_int_equal(ban->within_s, 60);
	assert_int_equal(ban->for_s, 3600);
	assert_int_equal(ban->max_s, 7200);
	assert_int_equal(ban->max_per_s, 5);
	assert_true(ban->is_all);
	assert_int_equal(config->limits[2].ban.after, 0);
	config_free(config);
}

static void test_ceilings(void **state)
{
	static const struct row ROWS[] = {
		{FULL "    max_new: 5MB/s\n    max_new_per_member: 5 pkt/s\n",
		 "8 conflict services.web.max_new\n9 conflict services.web.max_new_per_member\n"},
		{HEAD
		 "services:\n  web:\n    {listen: tcp 192.0.2.10:80, mode: local, max_new: 5/s,\n"
		 "     max_new_per_member: 5/s}\n",
		 "6 invalid services.web.max_new_per_member\n"},
		{WEB "    pools:\n      a:\n        max_new_per_member: 0/s\n"
		     "        members: [{address: 192.0.2.21, max_new: 5bit/s}]\n",
		 "9 invalid services.web.pools.a.max_new_per_member\n"
		 "10 conflict services.web.pools.a.members[0].max_new\n"},
	};
	struct config *config = fake_config_parsed(
		WEB "    max_new: 10k/s\n    max_new_per_member: 50 conn/min\n    pools:\n"
		    "      a: {members: [192.0.2.21, {address: 192.0.2.22, max_new: 7/s}]}\n"
		    "      b: {members: [192.0.2.23], max_new_per_member: 9/s}\n");
	const struct service_config *service = &config->services[0];

	(void)state;
	assert_int_equal(service->max_new.n, 10000);
	assert_int_equal(service->pools[0].members[0].max_new.n, 50);
	assert_int_equal(service->pools[0].members[0].max_new.s, 60);
	assert_int_equal(service->pools[0].members[1].max_new.n, 7);
	assert_int_equal(service->pools[1].members[0].max_new.n, 9);
	config_free(config);
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

/* What the manual offers as a ceiling is accepted as one. */
static void test_ceiling_examples(void **state)
{
	const struct config_field *field =
		config_schema_find(CONFIG_SECTION_SERVICE, "max_new_per_member");
	char rule[256], *example, *end;
	unsigned int count = 0;

	(void)state;
	config_schema_rule(field, rule, sizeof(rule));
	example = strstr(rule, "such as ");
	assert_non_null(example);
	for (example += strlen("such as "); example; count++) {
		AUTO_FREE char *text = NULL;
		size_t skipped = strlen(", ");

		end = strstr(example, ", ");
		if (!end) {
			end = strstr(example, " or ");
			skipped = strlen(" or ");
		}
		if (end)
			*end = '\0';
		text = util_printf("%s    max_new: %s\n", FULL, example);
		config_free(fake_config_parsed(text));
		example = end ? end + skipped : NULL;
	}
	assert_true(count >= 2);
}

/* What a limit is for, and who is excepted. */
static void test_limit_relations(void **state)
{
	static const struct row ROWS[] = {
		{LIMIT "    {count: packets, rate: 5/s, mode: shadow, scope: all,\n"
		       "     overload: ajar, count_replies: true}\n",
		 "6 invalid limits.a.scope\n7 invalid limits.a.overload\n"
		 "7 invalid limits.a.count_replies\n"},
		{NONE "limits:\n" HOST("a"), "5 invalid limits.a.scope\n"},
		{NONE MANAGED "limits:\n" HOST("a") HOST("b") HOST("c") HOST("d") HOST("e"),
		 "0 capacity limits\n"},
		{LIMIT "    {count: packets, rate: 5/s, mode: shadow, count_replies: enabled}\n",
		 "5 conflict limits.a.count_replies\n"},
		{FULL "    limits: [own]\nlimits:\n"
		      "  own: {count: packets, rate: 5/s, mode: shadow}\n" WIDE("b") WIDE("c")
			      WIDE("d") WIDE("e"),
		 "4 capacity services.web.limits\n"},
		{FULL "    limits: [b, h]\n" MANAGED "limits:\n" WIDE("b") HOST("h"),
		 "4 conflict services.web.limits\n4 conflict services.web.limits\n"},
		{LIMIT "    {count: packets, rate: 5/s, mode: shadow, except: 5}\n",
		 "6 invalid limits.a.except\n"},
		{LIMIT "    {count: packets, rate: 5/s, mode: shadow, except: [192.0.2.1]}\n",
		 "6 invalid limits.a.except[0]\n"},
		{LIMIT "    {count: packets, rate: 5/s, mode: shadow, except: [{}, {rate: 0/s,\n"
		       "     prefixes: [192.0.2.1/24, x]}, {rate: 5/s, prefixes: []}]}\n",
		 "6 invalid limits.a.except[0].prefixes\n6 invalid limits.a.except[0].rate\n"
		 "6 invalid limits.a.except[1].rate\n7 invalid limits.a.except[1].prefixes[0]\n"
		 "7 invalid limits.a.except[1].prefixes[1]\n"
		 "7 invalid limits.a.except[2].prefixes\n"},
		{LIMIT "    count: packets\n    rate: 5/s\n    mode: shadow\n"
		       "    per: {ipv4: 24, ipv6: 48}\n    except:\n"
		       "      - prefixes: [192.0.2.1, '2001:db8::/48', 198.51.100.0/24]\n"
		       "        rate: 50MB/s\n"
		       "      - {rate: 7/s, prefixes: [198.51.0.0/16,\n"
		       "         198.51.100.0/24, '2001:db8:7::/64']}\n",
		 "11 conflict limits.a.except[0].rate\n11 invalid limits.a.except[0].prefixes\n"
		 "14 duplicate limits.a.except[1].prefixes\n"
		 "14 invalid limits.a.except[1].prefixes\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

static void test_limits(void **state)
{
	static const struct row ROWS[] = {
		{LIMIT "    {}\n",
		 "5 invalid limits.a.count\n5 invalid limits.a.rate\n5 invalid limits.a.mode\n"},
		{LIMIT "    count: bytes\n    rate: 5/s\n    mode: off\n",
		 "5 conflict limits.a.rate\n8 invalid limits.a.mode\n"},
		{LIMIT "    count: bytes\n    rate: 5MB/s\n    mode: shadow\n    burst: 5M\n",
		 "5 conflict limits.a.burst\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: 5\n",
		 "8 invalid limits.a.rate\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: 0/s\n",
		 "8 invalid limits.a.rate\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: 5/day\n",
		 "8 invalid limits.a.rate\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: /s\n",
		 "8 invalid limits.a.rate\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: -5/s\n",
		 "8 invalid limits.a.rate\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: 5/s\n    burst: 0\n"
		       "    sources: 10\n",
		 "9 invalid limits.a.burst\n10 invalid limits.a.sources\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: 5/s\n"
		       "    per: {ipv4: 33, ipv6: 0, ipv5: 1}\n",
		 "9 invalid limits.a.per.ipv4\n9 invalid limits.a.per.ipv6\n"
		 "9 unknown_key limits.a.per.ipv5\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: 5 conn/s\n    burst: 4MB\n",
		 "5 conflict limits.a.rate\n5 conflict limits.a.burst\n"},
		{LIMIT "    count: new-connections\n    mode: shadow\n    rate: 25MB/s\n",
		 "5 conflict limits.a.rate\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: 5Mbps\n    burst: 4Mbit\n",
		 "8 invalid limits.a.rate\n9 invalid limits.a.burst\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: 5/s\n"
		       "    ban: {within: 1ms, for: 2d, packets: some, max_per_second: 0}\n",
		 "9 invalid limits.a.ban.after\n9 invalid limits.a.ban.within\n"
		 "9 invalid limits.a.ban.for\n9 invalid limits.a.ban.packets\n"
		 "9 invalid limits.a.ban.max_per_second\n"},
		{LIMIT "    count: packets\n    mode: shadow\n    rate: 5/s\n"
		       "    ban: {after: 100, for: 11m}\n",
		 "5 invalid limits.a.ban.for\n"},
		{FULL "    limits: per-client\n", "8 invalid services.web.limits\n"},
		{FULL "    limits: [a, a, 'x y']\n",
		 "4 not_found services.web.limits\n8 duplicate services.web.limits[1]\n"
		 "8 invalid services.web.limits[2]\n"},
		{FULL
		 "    limits: [a, b, c, d, e]\n"
		 "limits:\n  a: &l {count: packets, rate: 1/s, mode: shadow}\n  b: *l\n  c: *l\n"
		 "  d: *l\n  e: *l\n",
		 "8 invalid services.web.limits\n"},
		{FULL "    limits: [per-cleint]\n"
		      "limits: {per-client: {count: packets, rate: 1/s, mode: shadow}}\n",
		 "4 not_found services.web.limits\n"},
		{LIMIT "    {count: packets, rate: 1/s, mode: shadow, sources: 16M}\n"
		       "capacity: {limit_sources: 1Mi}\n",
		 "0 capacity capacity\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

/* What model_check_config() says, as errors_of() does. */
static char *model_errors_of(const char *yaml)
{
	struct config *config = fake_config_parsed(yaml);
	struct errs errors = {};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	model_check_config(config, TICK_NS, &errors);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(f, "%d %s: %s (%s)\n", errors.list[i].line, errors.list[i].path,
			errors.list[i].text, errors.list[i].hint);
	fclose(f);
	errs_done(&errors);
	config_free(config);
	return text;
}

/* All at once, each with its place and the nearest that can be. */
static void test_not_representable(void **state)
{
	AUTO_FREE char *errors = model_errors_of(
		NONE "limits:\n"
		     "  fast: {count: packets, rate: 11M/s, mode: shadow}\n"
		     "  small: {count: packets, rate: 10k/s, mode: shadow, burst: 5}\n"
		     "  long:\n    {count: packets, rate: 1/h, mode: shadow, "
		     "burst: 1G}\n");

	(void)state;
	assert_non_null(strstr(errors, "5 limits.fast: rate 11000000 in 1 s is above 10000000/s"));
	assert_non_null(strstr(errors, "6 limits.small: burst 5 is too small"));
	assert_non_null(strstr(errors, "the smallest burst for this rate is 81"));
	assert_non_null(strstr(errors, "7 limits.long: burst 1000000000 is longer"));
}

/* Rates that one unit cannot hold: the burst that the hint names can be, and one more cannot. */
static void test_too_far_apart(void **state)
{
	static const char *const PAIRS[][2] = {{"1/h", "600/s"},
					       {"1/h", "1k/s"},
					       {"1/min", "1M/s"},
					       {"600/s", "1/h"},
					       {"7/s", "10M/s"}};

	size_t hinted = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(PAIRS); i++) {
		struct limit_config limit = {.count = SLUICE_COUNT_PACKETS, .burst.n = 5000};
		struct limit_exceptions *exceptions = limit_exceptions_new(1);
		struct limit_exception *exception = exceptions->list;
		struct amount *slow = i == 3 ? &exception->burst : &limit.burst;
		struct gcra_params params;
		struct err e = {};
		char text[RATE_TEXT_MAX];
		const char *hint;

		rate_parse(PAIRS[i][0], &limit.rate);
		rate_parse(PAIRS[i][1], &exception->rate);
		limit.exceptions = exceptions;
		if (i == 3) {
			limit.burst.n = 0;
			exception->burst.n = 5000;
		}
		assert_int_equal(limit_params_make(&limit, TICK_NS, &params, &e), -EINVAL);
		hint = strstr(e.hint, "at most ");
		if (!hint) { /* not with any burst */
			assert_non_null(strstr(e.hint, "a limit of their own"));
			limit_exceptions_unref(exceptions);
			continue;
		}
		hinted++;
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(hint + 8, " "), hint + 8);
		assert_int_equal(rate_parse_number(text, &slow->n), 0);
		assert_int_equal(limit_params_make(&limit, TICK_NS, &params, &e), 0);
		assert_int_equal(limit_exception_params(limit.count, exception, TICK_NS, params.k,
							&params, NULL),
				 0);
		slow->n++;
		assert_int_equal(limit_params_make(&limit, TICK_NS, &params, &e), -EINVAL);
		limit_exceptions_unref(exceptions);
	}
	assert_true(hinted >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bans),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_ceiling_examples),
		cmocka_unit_test(test_limit_relations),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_not_representable),
		cmocka_unit_test(test_too_far_apart),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
