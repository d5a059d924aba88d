/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What modes add to packets, by hand-computed numbers. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/overhead.h"
#include "fake/fake_config.h"

static const char yaml[] =
	"version: 1\n"
	"interfaces: [eth0]\n"
	"services:\n"
	"  a: {listen: tcp 192.0.2.1:80, mode: ipip, members: [10.0.0.1, 10.0.0.2]}\n"
	"  b: {listen: tcp 192.0.2.2:80, mode: ipip, members: [10.0.0.1, \"2001:db8::1\"]}\n"
	"  c: {listen: \"tcp [2001:db8:1::1]:80\", mode: ipip, members: [10.0.0.1]}\n"
	"  d: {listen: tcp 192.0.2.3:80, mode: l2, members: [10.0.0.1]}\n"
	"  e: {listen: tcp 192.0.2.4:80, mode: l2, members: [10.0.0.1]}\n"
	"  f: {listen: tcp 192.0.2.5:80, mode: local}\n"
	"  g:\n"
	"    listen: tcp 192.0.2.6:80\n"
	"    mode: l2\n"
	"    pools:\n"
	"      near: {members: [10.0.0.1]}\n"
	"      far: {mode: ipip, members: [10.0.0.2]}\n"
	"  h: {listen: tcp 192.0.2.7:80, mode: gue, members: [10.0.0.1, \"2001:db8::1\"]}\n"
	"  i: {listen: \"tcp [2001:db8:1::2]:80\", mode: gue, members: [10.0.0.1]}\n";

static void headers_are_counted(void **state)
{
	(void)state;
	assert_int_equal(overhead_bytes(SLUICE_MODE_L2, SLUICE_FAMILY_V6), 0);
	assert_int_equal(overhead_bytes(SLUICE_MODE_LOCAL, SLUICE_FAMILY_V4), 0);
	assert_int_equal(overhead_bytes(SLUICE_MODE_IPIP, SLUICE_FAMILY_V4), 20);
	assert_int_equal(overhead_bytes(SLUICE_MODE_IPIP, SLUICE_FAMILY_V6), 40);
	assert_int_equal(overhead_bytes(SLUICE_MODE_GUE, SLUICE_FAMILY_V4), 28);
	assert_int_equal(overhead_bytes(SLUICE_MODE_GUE, SLUICE_FAMILY_V6), 48);
	assert_int_equal(overhead_mss(1500, SLUICE_FAMILY_V4), 1460);
	assert_int_equal(overhead_mss(1480, SLUICE_FAMILY_V4), 1440);
	assert_int_equal(overhead_mss(1480, SLUICE_FAMILY_V6), 1420);
	assert_int_equal(overhead_mss(40, SLUICE_FAMILY_V4), 0);
	assert_int_equal(overhead_mss(0, SLUICE_FAMILY_V6), 0);
}

static void uses_are_grouped(void **state)
{
	static const struct {
		const char *first;
		size_t services;
		uint32_t bytes;
		const char *text;
	} rows[] = {
		{"a", 3, 20,
		 "a and 2 more: ipip over IPv4 adds 20 bytes: with MTU 1500 clients may send 1480 "
		 "(advmss 1440)"},
		{"b", 1, 40,
		 "b: ipip over IPv6 adds 40 bytes: with MTU 1500 clients may send 1460 "
		 "(advmss 1420)"},
		{"c", 1, 20,
		 "c: ipip over IPv4 adds 20 bytes: with MTU 1500 clients may send 1480 "
		 "(advmss 1420)"},
		{"d", 3, 0, "d and 2 more: l2 adds nothing: clients may send what the MTU allows"},
		{"f", 1, 0, "f: local adds nothing: clients may send what the MTU allows"},
		{"h", 1, 28,
		 "h: gue over IPv4 adds 28 bytes: with MTU 1500 clients may send 1472 "
		 "(advmss 1432)"},
		{"h", 1, 48,
		 "h: gue over IPv6 adds 48 bytes: with MTU 1500 clients may send 1452 "
		 "(advmss 1412)"},
		{"i", 1, 28,
		 "i: gue over IPv4 adds 28 bytes: with MTU 1500 clients may send 1472 "
		 "(advmss 1412)"},
	};
	struct overhead_use uses[OVERHEAD_USES_MAX];
	struct config *config = fake_config_parsed(yaml);
	char text[256];
	size_t i;

	(void)state;
	assert_int_equal(overhead_collect(config, uses), ARRAY_SIZE(rows));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		overhead_describe(&uses[i], OVERHEAD_MTU, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
		assert_string_equal(uses[i].first->name, rows[i].first);
		assert_int_equal(uses[i].services, rows[i].services);
		assert_int_equal(uses[i].bytes, rows[i].bytes);
	}
	overhead_describe(&uses[0], 9000, text, sizeof(text));
	assert_non_null(strstr(text, "may send 8980 (advmss 8940)"));
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_counted),
		cmocka_unit_test(uses_are_grouped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
