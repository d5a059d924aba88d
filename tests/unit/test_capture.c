/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a capture is asked for, in words; TCP flags out of kept bytes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "core/capture.h"

static void verdicts_by_name_and_action(void **state)
{
	uint64_t found = 0, drops = 0, passes = 0, forwards = 0, answers = 0;
	struct err e = {0};

	(void)state;
	assert_int_equal(capture_parse_verdict("limit", &found, &e), 0);
	assert_true(found == 1ULL << SLUICE_V_limit);
	assert_int_equal(capture_parse_verdict("drop", &drops, &e), 0);
	assert_int_equal(capture_parse_verdict("pass", &passes, &e), 0);
	assert_int_equal(capture_parse_verdict("forward", &forwards, &e), 0);
	assert_true(drops >> SLUICE_V_limit & 1 && drops >> SLUICE_V_too_big & 1);
	assert_true(passes >> SLUICE_V_local & 1 && passes >> SLUICE_V_not_service & 1);
	assert_true(forwards == 1ULL << SLUICE_V_forwarded);
	/* Every verdict but `none` has one action. */
	assert_int_equal(capture_parse_verdict("answer", &answers, &e), 0);
	assert_true(answers >> SLUICE_V_neighbor_answered & 1);
	assert_true((drops | passes | forwards | answers) == (1ULL << SLUICE_V_MAX) - 2);
	assert_false(drops & passes || answers & (drops | passes));

	assert_int_not_equal(capture_parse_verdict("limits", &found, &e), 0);
	assert_string_equal(e.hint, "did you mean limit?");
	assert_string_equal(e.path, "/verdict");
	assert_int_not_equal(capture_parse_verdict("none", &found, &e), 0);
	assert_int_not_equal(capture_parse_verdict("", &found, &e), 0);
	assert_true(found == 1ULL << SLUICE_V_limit);
}

static void sources_are_prefixes(void **state)
{
	static const struct {
		const char *text, *inside, *outside;
	} good[] = {
		{"198.51.100.7", "198.51.100.7", "198.51.100.6"},
		{"198.51.100.0/24", "198.51.100.255", "198.51.101.0"},
		{"198.51.100.128/25", "198.51.100.129", "198.51.100.127"},
		{"0.0.0.0/0", "203.0.113.1", "2001:db8::1"},
		{"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"},
		{"2001:db8::7", "2001:db8::7", "2001:db8::6"},
		{"2001:db8::8/125", "2001:db8::f", "2001:db8::10"},
	};
	static const struct {
		const char *text, *part;
	} bad[] = {
		{"198.51.100", "not a prefix"}, {"198.51.100.0/33", "0 to 32"},
		{"198.51.100.0/", "0 to 32"},	{"198.51.100.0/-1", "0 to 32"},
		{"2001:db8::/129", "0 to 128"}, {"198.51.100.7/24", "bits behind"},
		{"/24", "not a prefix"},	{"", "not a prefix"},
	};
	struct sluice_capture_filter filter;
	struct sluice_addr addr;
	struct err e = {0};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		memset(&filter, 0, sizeof(filter));
		assert_int_equal(capture_parse_source(good[i].text, &filter, &e), 0);
		addr_parse(good[i].inside, &addr);
		assert_true((addr.d[0] & filter.mask.d[0]) == filter.source.d[0] &&
			    (addr.d[1] & filter.mask.d[1]) == filter.source.d[1]);
		addr_parse(good[i].outside, &addr);
		assert_false((addr.d[0] & filter.mask.d[0]) == filter.source.d[0] &&
			     (addr.d[1] & filter.mask.d[1]) == filter.source.d[1]);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!capture_parse_source(bad[i].text, &filter, &e))
			fail_msg("'%s' is taken", bad[i].text);
		if (!strstr(e.text, bad[i].part))
			fail_msg("'%s': %s", bad[i].text, e.text);
	}
	capture_parse_source("198.51.100.7/24", &filter, &e);
	assert_string_equal(e.hint, "the prefix is 198.51.100.0/24");
}

static void tcp_flags_are_found(void **state)
{
	struct sluice_capture packet = {.l3_off = 14, .taken = 200};
	uint8_t flags = 0;

	(void)state;
	packet.tuple.proto = IPPROTO_TCP;
	packet.tuple.dport_be = htons(80);
	packet.tuple.family = SLUICE_FAMILY_V4;
	packet.data[14] = 0x46; /* 24 bytes of header */
	packet.data[14 + 24 + 13] = 0x12;
	assert_true(capture_tcp_flags(&packet, &flags));
	assert_int_equal(flags, 0x12);

	packet.tuple.family = SLUICE_FAMILY_V6;
	packet.data[14 + 6] = IPPROTO_HOPOPTS;
	packet.data[14 + 40] = IPPROTO_TCP;
	packet.data[14 + 41] = 1; /* 16 bytes */
	packet.data[14 + 40 + 16 + 13] = 0x02;
	assert_true(capture_tcp_flags(&packet, &flags));
	assert_int_equal(flags, 0x02);

	packet.taken = 14 + 40 + 16 + 13; /* one byte too few */
	assert_false(capture_tcp_flags(&packet, &flags));
	packet.taken = 200;
	packet.data[14 + 41] = 255; /* points past the data */
	assert_false(capture_tcp_flags(&packet, &flags));
	packet.tuple.dport_be = 0;
	assert_false(capture_tcp_flags(&packet, &flags));
	packet.tuple.dport_be = htons(80);
	packet.tuple.proto = IPPROTO_UDP;
	assert_false(capture_tcp_flags(&packet, &flags));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_by_name_and_action),
		cmocka_unit_test(sources_are_prefixes),
		cmocka_unit_test(tcp_flags_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
