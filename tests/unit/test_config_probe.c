/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks that cannot be: each row has every error that must be reported, as "LINE CODE PATH". */
#include "unit/config_errors.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_checks),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
