/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sluiced and sluice-check say to each other: there and back, and what must not be believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "core/check_message.h"

static const struct check_details full = {
	.method = CHECK_OPTIONS,
	.path = "/healthz?deep=1",
	.host = "www.example.net",
	.expect = {.count = 2, .list = {{200, 299}, {404, 404}}},
	.body = "fine",
	.read_max = 4096,
	.sni = "sni.example.net",
	.is_unverified = true,
	.ca = "/etc/ssl/ca.pem",
	.expiry_s = 86400,
	.send = {.length = 3, .bytes = {0, 255, 'x'}},
	.answer = {.length = 2, .bytes = {'o', 'k'}},
	.name = "example.net",
	.record = 28,
	.rcode = 3,
	.command = {.count = 2, .length = 14, .words = "/bin/true\0-ab\0"},
};

static void test_specs(void **state)
{
	struct check_details details;
	enum check_type type, found;
	size_t length;

	(void)state;
	for (type = 0; type < CHECK_TYPE_MAX; type++) {
		AUTO_FREE struct check_spec *spec = check_spec_encode(type, &full);
		AUTO_FREE struct check_spec *again = NULL;

		assert_int_equal(spec != NULL, check_type_is_apart(type));
		if (!spec)
			continue;
		assert_true(check_spec_decode(spec->bytes, spec->length, &found, &details));
		assert_int_equal(found, type);
		again = check_spec_encode(type, &details);
		assert_int_equal(again->length, spec->length);
		assert_memory_equal(again->bytes, spec->bytes, spec->length);
		for (length = 0; length < spec->length; length++)
			assert_false(check_spec_decode(spec->bytes, length, &found, &details));
	}
}

/* Whatever bytes come, the reader ends within its bounds (the sanitizers look), and what it takes is
 * whole: texts end, counts fit. */
static void test_spoilt_specs(void **state)
{
	static const enum check_type types[] = {CHECK_HTTP, CHECK_HTTPS, CHECK_UDP,
						CHECK_DNS,  CHECK_EXEC,	 CHECK_LOOKUP};
	struct check_details details;
	enum check_type found;
	size_t t, i, taken = 0, refused = 0;
	int value;

	(void)state;
	for (t = 0; t < ARRAY_SIZE(types); t++) {
		AUTO_FREE struct check_spec *spec = check_spec_encode(types[t], &full);

		for (i = 0; i < spec->length; i++) {
			uint8_t good = spec->bytes[i];

			for (value = 0; value < 256; value += 5) {
				spec->bytes[i] = (uint8_t)value;
				if (!check_spec_decode(spec->bytes, spec->length, &found,
						       &details)) {
					refused++;
					continue;
				}
				taken++;
				assert_true(check_type_is_apart(found));
				assert_true(memchr(details.path, 0, sizeof(details.path)));
				assert_true(details.expect.count <= CHECK_STATUSES_MAX);
				assert_true(details.command.count <= CHECK_COMMAND_MAX);
				if (found == CHECK_EXEC)
					assert_non_null(check_command_word(
						&details, details.command.count - 1U));
			}
			spec->bytes[i] = good;
		}
	}
	assert_true(taken > 1000);
	assert_true(refused > 1000);
}

static void test_requests(void **state)
{
	AUTO_FREE struct check_spec *spec = check_spec_encode(CHECK_HTTPS, &full);
	struct check_request request = {.id = 7, .sent_ms = 12345, .timeout_ms = 900, .port = 8443};
	AUTO_FREE struct check_request *found = util_alloc(sizeof(*found));
	uint8_t message[CHECK_MESSAGE_MAX];
	size_t length, i;

	(void)state;
	request.addr.w_be[3] = 0x01020304;
	length = check_request_write(message, &request, spec);
	assert_true(check_request_read(message, length, found));
	assert_int_equal(found->id, 7);
	assert_int_equal(found->sent_ms, 12345);
	assert_int_equal(found->timeout_ms, 900);
	assert_int_equal(found->port, 8443);
	assert_int_equal(found->type, CHECK_HTTPS);
	assert_memory_equal(&found->addr, &request.addr, sizeof(found->addr));
	assert_string_equal(found->details.sni, "sni.example.net");
	assert_false(found->has_socket);
	for (i = 0; i < length; i++)
		assert_false(check_request_read(message, i, found));
	assert_false(check_request_read(message, length + 1, found));
	request.has_socket = true;
	assert_int_equal(check_request_write(message, &request, spec), length);
	assert_true(check_request_read(message, length, found));
	assert_true(found->has_socket);
}

static const struct check_answer good = {
	.id = 99,
	.result = PROBE_FAIL,
	.cause = HEALTH_ANSWERED,
	.text = "status 500",
	.times = {1, 2, 3, 4},
	.expires_s = 1800000000,
};

static void test_answers(void **state)
{
	struct check_answer found;
	uint8_t message[CHECK_MESSAGE_MAX];
	size_t length = check_answer_write(message, &good), i;

	(void)state;
	assert_true(check_answer_read(message, length, &found));
	assert_int_equal(found.id, good.id);
	assert_int_equal(found.result, good.result);
	assert_int_equal(found.cause, good.cause);
	assert_string_equal(found.text, good.text);
	assert_memory_equal(&found.times, &good.times, sizeof(good.times));
	assert_int_equal(found.expires_s, good.expires_s);
	for (i = 0; i < length; i++)
		assert_false(check_answer_read(message, i, &found));
	assert_false(check_answer_read(message, length + 1, &found));
}

/* Offsets of the fields as they are sent. */
enum { MAGIC = 0, RESULT = 4, CAUSE = 5, ADDRESSES = 6, EXPIRES = 16, TEXT = 40, END = 136 };

static void test_hostile_answers(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
		{MAGIC, 0},	     {RESULT, PROBE_RESULT_MAX},
		{RESULT, 255},	     {CAUSE, HEALTH_CAUSE_MAX},
		{ADDRESSES, 1},	     {EXPIRES + 7, 0x80}, /* negative */
		{EXPIRES + 7, 0x7f},			  /* after the year 9999 */
		{TEXT, 27},				  /* escapes of a terminal */
		{TEXT, '\n'},	     {TEXT, 0xff},	  /* no UTF-8 */
		{END - 1, 'x'},				  /* no end */
		{END - 2, 'x'},				  /* something behind the end */
	};
	struct check_answer found = {.id = 4711};
	uint8_t message[CHECK_MESSAGE_MAX];
	size_t length, i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		length = check_answer_write(message, &good);
		assert_int_equal(length, END);
		message[rows[i].at] = rows[i].value;
		if (check_answer_read(message, length, &found))
			fail_msg("row %zu was believed", i);
		assert_int_equal(found.id, 4711); /* untouched */
	}
}

static struct check_answer looked_up(size_t count)
{
	struct check_answer answer = {.id = 5, .result = PROBE_PASS};

	for (; answer.addresses.count < count; answer.addresses.count++)
		answer.addresses.list[answer.addresses.count].b[15] =
			(uint8_t)answer.addresses.count;
	return answer;
}

static void test_addresses(void **state)
{
	static const size_t counts[] = {0, 1, 2, CHECK_ADDRESSES_MAX};
	uint8_t message[CHECK_MESSAGE_MAX] = {0};
	struct check_answer found;
	size_t i, length;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		const struct check_answer answer = looked_up(counts[i]);

		length = check_answer_write(message, &answer);
		assert_true(check_answer_read(message, length, &found));
		assert_int_equal(found.addresses.count, counts[i]);
		assert_memory_equal(&found.addresses, &answer.addresses, sizeof(found.addresses));
		assert_false(check_answer_read(message, length - 1, &found));
		assert_false(check_answer_read(message, length + 16, &found));
	}
}

/* More than there can be, more or fewer than follow, twice the same, in disorder, with a failure. */
static void test_hostile_addresses(void **state)
{
	struct check_answer answer = looked_up(3), found = {.id = 4711};
	uint8_t message[CHECK_MESSAGE_MAX + 1024] = {0};
	size_t length = check_answer_write(message, &answer), count;

	(void)state;
	for (count = 0; count < 300; count++) {
		message[ADDRESSES] = (uint8_t)count;
		message[ADDRESSES + 1] = (uint8_t)(count >> 8);
		if (count != 3)
			assert_false(check_answer_read(message, length, &found));
		if (count > CHECK_ADDRESSES_MAX)
			assert_false(check_answer_read(message, END + 16 * count, &found));
	}
	answer.addresses.list[2] = answer.addresses.list[1];
	length = check_answer_write(message, &answer);
	assert_false(check_answer_read(message, length, &found));
	answer.addresses.list[2] = answer.addresses.list[0];
	length = check_answer_write(message, &answer);
	assert_false(check_answer_read(message, length, &found));
	answer = looked_up(3);
	answer.result = PROBE_FAIL;
	length = check_answer_write(message, &answer);
	assert_false(check_answer_read(message, length, &found));
	assert_int_equal(found.id, 4711);
}

static void test_texts(void **state)
{
	static const char *const froms[] = {
		"",
		"plain",
		"a\x1b[31mb",
		"caf\xc3\xa9",
		"\xff\xfe",
		/* cut in the middle of a character */
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"012345678901234567890123\xc3\xa9",
	};
	struct check_answer answer = good, found;
	uint8_t message[CHECK_MESSAGE_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(froms); i++) {
		check_text_clean(answer.text, froms[i]);
		assert_true(
			check_answer_read(message, check_answer_write(message, &answer), &found));
		assert_string_equal(found.text, answer.text);
		assert_null(strchr(found.text, 27));
	}
}

static void test_errnos(void **state)
{
	const char *text;

	(void)state;
	assert_int_equal(check_errno_result(0, &text), PROBE_PASS);
	assert_int_equal(check_errno_result(ECONNREFUSED, &text), PROBE_FAIL);
	assert_int_equal(check_errno_cause(ECONNREFUSED), HEALTH_ANSWERED);
	assert_int_equal(check_errno_result(ETIMEDOUT, &text), PROBE_FAIL);
	assert_int_equal(check_errno_cause(ETIMEDOUT), HEALTH_SILENT);
	assert_int_equal(check_errno_result(EMFILE, &text), PROBE_UNDECIDED);
	assert_int_equal(check_errno_result(ENETUNREACH, &text), PROBE_UNDECIDED);
	assert_int_equal(check_errno_result(EACCES, &text), PROBE_UNDECIDED);
}

/* What this host's own call would mean nothing with is a failure when the network says it. */
static void test_told_errnos(void **state)
{
	static const struct {
		int error;
		enum probe_result result;
		enum health_cause cause;
		const char *text;
	} rows[] = {
		{0, PROBE_PASS, HEALTH_ANSWERED, ""},
		{ECONNREFUSED, PROBE_FAIL, HEALTH_ANSWERED, "connection refused"},
		{EACCES, PROBE_FAIL, HEALTH_ANSWERED,
		 "rejected by a firewall: administratively prohibited"},
		{ENETUNREACH, PROBE_FAIL, HEALTH_SILENT, "network unreachable, says a router"},
		{EHOSTDOWN, PROBE_FAIL, HEALTH_SILENT, "host unknown, says a router"},
		{ENONET, PROBE_FAIL, HEALTH_SILENT, "host isolated, says a router"},
		{EHOSTUNREACH, PROBE_FAIL, HEALTH_SILENT, "host unreachable"},
		{ETIMEDOUT, PROBE_FAIL, HEALTH_SILENT, "connect timeout"},
		{EPERM, PROBE_UNDECIDED, HEALTH_ANSWERED, "Operation not permitted"},
		{ENOBUFS, PROBE_UNDECIDED, HEALTH_ANSWERED, "No buffer space available"},
	};
	const char *text;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(check_told_result(rows[i].error, &text), rows[i].result);
		assert_int_equal(check_errno_cause(rows[i].error), rows[i].cause);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_specs),		cmocka_unit_test(test_spoilt_specs),
		cmocka_unit_test(test_requests),	cmocka_unit_test(test_answers),
		cmocka_unit_test(test_hostile_answers), cmocka_unit_test(test_texts),
		cmocka_unit_test(test_addresses),	cmocka_unit_test(test_hostile_addresses),
		cmocka_unit_test(test_errnos),		cmocka_unit_test(test_told_errnos),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
