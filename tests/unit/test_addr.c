/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/addr.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

static struct sluice_addr parsed(const char *text)
{
	struct sluice_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void test_parse_and_format(void **state)
{
	static const struct {
		const char *text, *out;
		enum sluice_family family;
	} ROWS[] = {
		{"192.0.2.1", "192.0.2.1", SLUICE_FAMILY_V4},
		{"0.0.0.0", "0.0.0.0", SLUICE_FAMILY_V4},
		{"255.255.255.255", "255.255.255.255", SLUICE_FAMILY_V4},
		{"2001:db8::1", "2001:db8::1", SLUICE_FAMILY_V6},
		{"2001:0DB8:0:0:0:0:0:A", "2001:db8::a", SLUICE_FAMILY_V6},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", SLUICE_FAMILY_V6},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", SLUICE_FAMILY_V6},
		{"::", "::", SLUICE_FAMILY_V6},
		{"::1", "::1", SLUICE_FAMILY_V6},
	};
	char buffer[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		struct sluice_addr addr = parsed(ROWS[i].text);

		assert_int_equal(addr_family(&addr), ROWS[i].family);
		assert_string_equal(addr_format(&addr, buffer), ROWS[i].out);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const ROWS[] = {
		"",	      "192.0.2",	"192.0.2.256",	  "192.0.2.01", "192.0.2.1 ",
		" 192.0.2.1", "192.0.2.1/24",	"2001:db8::1::",  ":::",	"2001:db8::g",
		"localhost",  "::ffff:1.2.3.4", "::ffff:102:304", "fe80::1%lo", "0x7f.0.0.1",
		"[::1]",
	};
	struct sluice_addr addr, before;

	(void)state;
	memset(&addr, 0x5a, sizeof(addr));
	before = addr;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		assert_int_equal(addr_parse(ROWS[i], &addr), -EINVAL);
		assert_memory_equal(&addr, &before, sizeof(addr));
	}
}

static void test_endpoints(void **state)
{
	static const struct {
		const char *text;
		uint16_t port;
	} GOOD[] = {
		{"192.0.2.1", 0},   {"192.0.2.1:80", 80},     {"192.0.2.1:65535", 65535},
		{"2001:db8::1", 0}, {"[2001:db8::1]:53", 53}, {"::1", 0},
	};
	static const char *const BAD[] = {
		"192.0.2.1:",
		"192.0.2.1:0",
		"192.0.2.1:080",
		"192.0.2.1:65536",
		"192.0.2.1:-1",
		"192.0.2.1:80x",
		"[192.0.2.1]:80",
		"[2001:db8::1",
		"[2001:db8::1]x",
		"[2001:db8::1]:",
		"[]:80",
		":80",
		"",
		"[::ffff:1.2.3.4]:80",
		"192.0.2.1:123456",
	};
	char buffer[ENDPOINT_TEXT_MAX];
	struct sluice_addr addr;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(GOOD); i++) {
		assert_int_equal(addr_parse_endpoint(GOOD[i].text, &addr, &port), 0);
		assert_int_equal(port, GOOD[i].port);
		assert_string_equal(addr_format_endpoint(&addr, port, buffer), GOOD[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(BAD); i++)
		assert_int_equal(addr_parse_endpoint(BAD[i], &addr, &port), -EINVAL);
	assert_int_equal(addr_parse_endpoint("[2001:db8::1]", &addr, &port), 0);
	assert_int_equal(port, 0);
}

static void test_routable_unicast(void **state)
{
	static const char *const GOOD[] = {"10.0.0.1",	  "192.0.2.1", "223.255.255.255",
					   "2001:db8::1", "fd00::1",   "64:ff9b::1",
					   "169.253.0.1", "fec0::1"};
	static const char *const BAD[] = {
		"0.0.0.0",   "0.1.2.3",		"127.0.0.1",   "127.255.0.9", "224.0.0.1",
		"239.1.2.3", "255.255.255.255", "169.254.1.1", "::",	      "::1",
		"ff02::1",   "fe80::1",		"febf::1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(GOOD); i++) {
		struct sluice_addr addr = parsed(GOOD[i]);

		assert_true(addr_is_routable_unicast(&addr));
	}
	for (size_t i = 0; i < ARRAY_SIZE(BAD); i++) {
		struct sluice_addr addr = parsed(BAD[i]);

		assert_false(addr_is_routable_unicast(&addr));
	}
}

static void test_mask(void **state)
{
	static const struct {
		const char *text, *out;
		unsigned int length;
	} ROWS[] = {
		{"192.0.2.255", "192.0.2.255", 32},
		{"192.0.2.255", "192.0.2.254", 31},
		{"192.0.2.255", "192.0.2.0", 24},
		{"192.0.2.255", "192.0.0.0", 22},
		{"192.0.2.255", "0.0.0.0", 0},
		{"192.0.2.255", "192.0.2.255", 40},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", 64},
		{"2001:db8:1:2:3:4:5:7", "2001:db8:1:2:3:4:5:6", 127},
		{"2001:db8:1:2:3:4:5:7", "2001:db8:1:2:3:4:5:7", 128},
		{"2001:db8:ffff::", "2001:db8:8000::", 33},
		{"2001:db8::1", "::", 0},
	};
	char buffer[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		struct sluice_addr addr = parsed(ROWS[i].text);

		addr_mask(&addr, ROWS[i].length);
		assert_string_equal(addr_format(&addr, buffer), ROWS[i].out);
	}
}

static void test_compare_and_sockaddr(void **state)
{
	struct sluice_addr a = parsed("192.0.2.1"), b = parsed("192.0.2.2"),
			   c = parsed("2001:db8::1");
	struct sockaddr_storage sa;
	const struct sockaddr_in *sin = (const void *)&sa;
	const struct sockaddr_in6 *sin6 = (const void *)&sa;

	(void)state;
	assert_true(addr_equal(&a, &a));
	assert_false(addr_equal(&a, &b));
	assert_true(addr_compare(&a, &b) < 0);
	assert_true(addr_compare(&c, &a) > 0);
	assert_int_equal(addr_to_sockaddr(&a, 80, &sa), sizeof(*sin));
	assert_int_equal(sin->sin_family, AF_INET);
	assert_int_equal(ntohs(sin->sin_port), 80);
	assert_int_equal(ntohl(sin->sin_addr.s_addr), 0xc0000201);
	assert_int_equal(addr_to_sockaddr(&c, 443, &sa), sizeof(*sin6));
	assert_int_equal(sin6->sin6_family, AF_INET6);
	assert_int_equal(ntohs(sin6->sin6_port), 443);
	assert_memory_equal(&sin6->sin6_addr, &c, sizeof(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_and_format),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_routable_unicast),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_compare_and_sockaddr),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
