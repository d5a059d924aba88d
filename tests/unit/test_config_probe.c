/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks that cannot be: each row has every error that must be reported, as "LINE CODE PATH". */
#include "unit/config_errors.h"

#include "core/check_spec.h"
#include "fake/fake_config.h"

#define HTTP(keys) FULL "    check: {type: http, " keys "}\n"
#define HTTPS(keys) FULL "    check: {type: https, " keys "}\n"

static void test_http_checks(void **state)
{
	static const struct row ROWS[] = {
		{HTTPS("path: /x?y=1, host: a.example, expect: [200, 300-399], body: ok, sni: "
		       "b.example"),
		 "none\n"},
		{HTTPS("ca: /etc/ca.pem, expiry: 0s, read: 1Ki, method: OPTIONS"), "none\n"},
		{HTTP("expect: \"200, 204 ,500-599\""), "none\n"},
		{HTTP("path: x"), "8 invalid services.web.check.path\n"},
		{HTTP("path: \"/a b\""), "8 invalid services.web.check.path\n"},
		{HTTP("path: \"/a\\r\\nX: y\""), "8 invalid services.web.check.path\n"},
		{HTTP("host: \"a\\r\\nX: y\""), "8 invalid services.web.check.host\n"},
		{HTTP("host: a@b"), "8 invalid services.web.check.host\n"},
		{HTTP("expect: 99"), "8 invalid services.web.check.expect\n"},
		{HTTP("expect: 300-200"), "8 invalid services.web.check.expect\n"},
		{HTTP("expect: 200-"), "8 invalid services.web.check.expect\n"},
		{HTTP("expect: 600"), "8 invalid services.web.check.expect\n"},
		{HTTP("expect: ok"), "8 invalid services.web.check.expect\n"},
		{HTTP("expect: []"), "8 invalid services.web.check.expect\n"},
		{HTTP("expect: [200, 2x]"), "8 invalid services.web.check.expect[1]\n"},
		{HTTP("expect: "
		      "[200,201,202,203,204,205,206,207,208,209,210,211,212,213,214,215,216]"),
		 "8 invalid services.web.check.expect\n"},
		{HTTP("body: ''"), "8 invalid services.web.check.body\n"},
		{HTTP("body: \"\\0\""), "8 invalid services.web.check.body\n"},
		{HTTP("body: longer, read: 5"), "8 invalid services.web.check.body\n"},
		{HTTP("body: x, method: HEAD"), "8 invalid services.web.check.body\n"},
		{HTTP("method: POST"), "8 invalid services.web.check.method\n"},
		{HTTP("sni: a, verify: disabled"),
		 "8 invalid services.web.check.sni\n8 invalid services.web.check.verify\n"},
		{HTTPS("verify: off"), "8 invalid services.web.check.verify\n"},
		{HTTPS("verify: disabled, ca: /ca"), "8 invalid services.web.check.ca\n"},
		{HTTPS("ca: ca.pem"), "8 invalid services.web.check.ca\n"},
		{HTTPS("expiry: 9000h"), "8 invalid services.web.check.expiry\n"},
		{HEAD "services:\n  all:\n    listen: tcp 192.0.2.10\n    mode: l2\n"
		      "    check: none\n"
		      "    members: [{address: 192.0.2.21, check: https}]\n",
		 "4 invalid services.all\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

#define CHECK(keys) FULL "    check: {" keys "}\n"
#define LABEL "0123456789012345678901234567890123456789012345678901234567890123" /* 64 */

static void test_other_checks(void **state)
{
	static const struct row ROWS[] = {
		{FULL "    check: icmp\n", "none\n"},
		{CHECK("type: icmp, via: member"), "none\n"},
		{CHECK("type: icmp, via: path"), "8 invalid services.web.check.via\n"},
		{CHECK("type: exec, command: [/bin/true], via: path"),
		 "8 invalid services.web.check.via\n"},
		{CHECK("type: none, via: path"), "8 invalid services.web.check.via\n"},
		{CHECK("type: dns, name: a, via: path"), "none\n"},
		{CHECK("type: tcp, port: 0"), "8 invalid services.web.check.port\n"},
		{CHECK("type: tcp, port: 65536"), "8 invalid services.web.check.port\n"},
		{CHECK("type: tcp, port: -1"), "8 invalid services.web.check.port\n"},
		{CHECK("type: tcp, port: http"), "8 invalid services.web.check.port\n"},
		{CHECK("type: tcp, interval: 500ms"), "8 invalid services.web.check\n"},
		{CHECK("type: tcp, interval: 1s, timeout: 2s"), "8 invalid services.web.check\n"},
		{CHECK("type: tcp, fall: 0, rise: 101, jitter: 51"),
		 "8 invalid services.web.check.fall\n8 invalid services.web.check.rise\n"
		 "8 invalid services.web.check.jitter\n"},
		{CHECK("type: tcp, body: x, expect: 200"),
		 "8 invalid services.web.check.body\n8 invalid services.web.check.expect\n"},
		{CHECK("type: icmp, port: 7"), "8 invalid services.web.check.port\n"},
		{CHECK("type: none, port: 7"), "8 invalid services.web.check.port\n"},
		{FULL "    check: udp\n", "8 invalid services.web.check.send\n"},
		{CHECK("type: udp, send: \"ping\\n\", answer: hex:00Ff"), "none\n"},
		{CHECK("type: udp, send: hex:0"), "8 invalid services.web.check.send\n"},
		{CHECK("type: udp, send: hex:0g"), "8 invalid services.web.check.send\n"},
		{CHECK("type: udp, send: 'hex:'"), "8 invalid services.web.check.send\n"},
		{CHECK("type: udp, send: ''"), "8 invalid services.web.check.send\n"},
		{CHECK("type: udp, send: x, name: a"), "8 invalid services.web.check.name\n"},
		{FULL "    check: dns\n", "8 invalid services.web.check.name\n"},
		{CHECK("type: dns, name: example.net., record: AAAA, answer: \"2001:db8::1\""),
		 "none\n"},
		{CHECK("type: dns, name: ., record: NS"), "none\n"},
		{CHECK("type: dns, name: a..b"), "8 invalid services.web.check.name\n"},
		{CHECK("type: dns, name: " LABEL), "8 invalid services.web.check.name\n"},
		{CHECK("type: dns, name: a, record: X"), "8 invalid services.web.check.record\n"},
		{CHECK("type: dns, name: a, rcode: OK"), "8 invalid services.web.check.rcode\n"},
		{CHECK("type: dns, name: a, answer: a.example"),
		 "8 invalid services.web.check.answer\n"},
		{CHECK("type: dns, name: a, record: AAAA, answer: 192.0.2.1"),
		 "8 invalid services.web.check.answer\n"},
		{CHECK("type: dns, name: a, rcode: NXDOMAIN, answer: 192.0.2.1"),
		 "8 invalid services.web.check.answer\n"},
		{FULL "    check: exec\n", "8 invalid services.web.check.command\n"},
		{CHECK("type: exec, command: [/bin/true, -x, 'a b']"), "none\n"},
		{CHECK("type: exec, command: []"), "8 invalid services.web.check.command\n"},
		{CHECK("type: exec, command: [bin/true]"),
		 "8 invalid services.web.check.command[0]\n"},
		{CHECK("type: exec, command: /bin/true"), "8 invalid services.web.check.command\n"},
		{CHECK("type: exec, command: [/bin/true, [x]]"),
		 "8 invalid services.web.check.command[1]\n"},
		{CHECK("type: tcp, command: [/bin/true]"),
		 "8 invalid services.web.check.command\n"},
		{HEAD "services:\n  all:\n    listen: udp 192.0.2.10\n    mode: l2\n"
		      "    check: icmp\n    members: [192.0.2.21]\n",
		 "none\n"},
		{HEAD "services:\n  all:\n    listen: udp 192.0.2.10\n    mode: l2\n"
		      "    check: {type: dns, name: a}\n    members: [192.0.2.21]\n",
		 "4 invalid services.all\n"},
	};

	(void)state;
	check_rows(ROWS, ARRAY_SIZE(ROWS));
}

static bool looked_at;

static bool refuse(const char *path, bool is_program, char text[200], char hint[200])
{
	looked_at = true;
	assert_int_equal(is_program, strcmp(path, "/x") == 0);
	snprintf(text, 200, "%.100s: no", path);
	snprintf(hint, 200, "yes");
	return false;
}

static void test_programs(void **state)
{
	static const char text[] = HEAD
		"services:\n  web:\n    listen: tcp 192.0.2.10:80\n    mode: l2\n    pools:\n"
		"      a: {members: [192.0.2.21], check: tcp}\n"
		"      b:\n        members: [{address: 192.0.2.22, check: {type: exec, command: "
		"[/x]}}]\n"
		"      c: {members: [192.0.2.23], check: {type: https, ca: /c.pem}}\n"
		"      d: {members: [192.0.2.24], check: https}\n";
	struct config *config = fake_config_parsed(text);
	struct errs errors = {0};

	(void)state;
	assert_true(config_check_files(config, refuse, &errors) < 0);
	assert_true(looked_at);
	assert_int_equal(errors.count, 2);
	assert_string_equal(errors.list[1].path, "services.web.pools.c.check.ca");
	assert_string_equal(errors.list[1].text, "/c.pem: no");
	assert_int_equal(errors.list[1].line, 11);
	assert_string_equal(errors.list[0].path, "services.web.pools.b.check.command");
	assert_string_equal(errors.list[0].text, "/x: no");
	assert_int_equal(errors.list[0].line, 9);
	errs_done(&errors);
	config_free(config);
}

/* Every member has its own check, its pool's, or its service's. */
static void test_inheritance(void **state)
{
	static const char text[] = HEAD
		"services:\n  web:\n    listen: tcp 192.0.2.10:80\n    mode: l2\n"
		"    check: {type: http, path: /service}\n    pools:\n"
		"      a: {members: [192.0.2.21, {address: 192.0.2.22, check: none}]}\n"
		"      b: {check: tcp, members: [{address: 192.0.2.23, check: icmp}, "
		"192.0.2.24]}\n";
	struct config *config = fake_config_parsed(text);
	const struct pool_config *pools = config->services[0].pools;

	(void)state;
	assert_int_equal(pools[0].check.type, CHECK_HTTP);
	assert_int_equal(pools[0].members[0].check, 0);
	assert_int_equal(pools[0].checks->list[pools[0].members[1].check].type, CHECK_NONE);
	assert_int_equal(pools[1].check.type, CHECK_TCP);
	assert_int_equal(pools[1].checks->list[pools[1].members[0].check].type, CHECK_ICMP);
	assert_int_equal(pools[1].members[1].check, 0);
	config_free(config);
}

/* Without a word the way follows the pool's mode and the check's type. */
static void test_ways(void **state)
{
	static const char text[] = HEAD
		"services:\n  web:\n    listen: tcp 192.0.2.10:80\n    mode: ipip\n    pools:\n"
		"      a: {members: [192.0.2.21, {address: 192.0.2.22, check: icmp}, {address: "
		"192.0.2.23, check: {via: member}}, {address: 192.0.2.24, check: {type: exec, "
		"command: [/bin/true]}}]}\n"
		"      b: {mode: l2, check: {type: https, via: member}, members: [{address: "
		"192.0.2.25, check: {type: udp, send: x}}]}\n"
		"      c: {check: none, members: [192.0.2.26]}\n";
	struct config *config = fake_config_parsed(text);
	const struct pool_config *pools = config->services[0].pools;

	(void)state;
	assert_int_equal(pools[0].check.via, CHECK_VIA_PATH);
	assert_int_equal(pools[0].checks->list[0].via, CHECK_VIA_PATH);
	assert_int_equal(pools[0].checks->list[pools[0].members[1].check].via, CHECK_VIA_MEMBER);
	assert_int_equal(pools[0].checks->list[pools[0].members[2].check].via, CHECK_VIA_MEMBER);
	assert_int_equal(pools[0].checks->list[pools[0].members[3].check].via, CHECK_VIA_MEMBER);
	assert_int_equal(pools[1].check.via, CHECK_VIA_MEMBER);
	assert_int_equal(pools[1].checks->list[pools[1].members[0].check].via, CHECK_VIA_PATH);
	assert_int_equal(pools[2].check.via, CHECK_VIA_MEMBER);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_checks), cmocka_unit_test(test_other_checks),
		cmocka_unit_test(test_programs),    cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_ways),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
