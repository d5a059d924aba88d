/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sluiced believes of sluice-check, which is played by this very program: answers that are right,
 * doubled, late, of nobody's, and spoilt. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "health/apart.h"

/* What the process makes of a request, by its port. */
enum way_of { PASSES = 1, TWICE, SPOILT, ADDRESSES, LATE };

/* ---- the process ----------------------------------------------------------------------------- */

static void say(uint64_t id, enum probe_result result, size_t addresses)
{
	struct check_answer out = {.id = id, .result = result, .times = {.total_us = 5}};
	uint8_t message[CHECK_MESSAGE_MAX];

	if (result == PROBE_FAIL)
		util_copy(out.text, sizeof(out.text), "late");
	if (addresses)
		addr_parse("192.0.2.1", &out.addresses.list[0]);
	out.addresses.count = addresses;
	send(CHECK_WORK_FD, message, check_answer_write(message, &out), 0);
}

static void do_as_asked(const struct check_request *request)
{
	static uint64_t held;

	switch (request->port) {
	case TWICE:
		say(request->id, PROBE_PASS, 0);
		say(request->id, PROBE_FAIL, 0);
		say(request->id + 1000, PROBE_PASS, 0);
		break;
	case SPOILT:
		send(CHECK_WORK_FD, "nonsense", 8, 0);
		say(request->id, PROBE_PASS, 0);
		break;
	case ADDRESSES:
		say(request->id, PROBE_PASS, 1);
		break;
	case LATE:
		held = request->id;
		break;
	default:
		if (held)
			say(held, PROBE_FAIL, 0);
		held = 0;
		say(request->id, PROBE_PASS, 0);
		break;
	}
}

/* Until its sockets are closed. Told to end its worker it does so, as it were. */
static int be_sluice_check(void)
{
	struct pollfd fds[] = {{.fd = CHECK_WORK_FD, .events = POLLIN},
			       {.fd = CHECK_CONTROL_FD, .events = POLLIN}};
	static const char died[] = {CHECK_CONTROL_DIED, 'e', 'n', 'd', 'e', 'd'};
	struct check_request request;
	uint8_t message[CHECK_MESSAGE_MAX];

	for (;;) {
		ssize_t length;

		if (poll(fds, 2, -1) < 0)
			return 1;
		if (fds[1].revents) {
			if (recv(CHECK_CONTROL_FD, message, sizeof(message), 0) <= 0)
				return 0;
			send(CHECK_CONTROL_FD, died, sizeof(died), 0);
		}
		if (!fds[0].revents)
			continue;
		length = recv(CHECK_WORK_FD, message, sizeof(message), 0);
		if (length <= 0)
			return 0;
		if (check_request_read(message, (size_t)length, &request))
			do_as_asked(&request);
	}
}

/* ---- who asks -------------------------------------------------------------------------------- */

static uv_loop_t loop;
static struct apart *apart;
static struct check_answer answer;
static unsigned int answers;

static int set_up(void **state)
{
	(void)state;
	uv_loop_init(&loop);
	apart = apart_new(&loop, "/proc/self/exe");
	answers = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	apart_free(apart);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return 0;
}

static void on_answer(void *arg, const struct check_answer *got)
{
	(void)arg;
	answer = *got;
	answers++;
}

static struct probe *ask(enum way_of way)
{
	AUTO_FREE struct check_details *details = util_alloc(sizeof(*details));
	AUTO_FREE struct check_spec *spec = check_spec_encode(CHECK_UDP, details);
	const struct check_config check = {.type = CHECK_UDP, .timeout_ms = 9000, .spec = spec};
	struct way to = {.port = way};

	assert_int_equal(addr_parse("192.0.2.9", &to.addr), 0);
	return apart_probe(apart, &to, &check, on_answer, NULL);
}

static void wait_for(unsigned int count)
{
	while (answers < count)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(answers, count);
}

static struct check_totals totals(void)
{
	struct check_totals all = {0};

	apart_describe(apart, &all);
	return all;
}

/* One answer for each, and none of what nobody asked for. */
static void each_once(void **state)
{
	(void)state;
	ask(TWICE);
	wait_for(1);
	assert_int_equal(answer.result, PROBE_PASS);
	ask(PASSES);
	wait_for(2);
	assert_int_equal(answer.result, PROBE_PASS);
	assert_int_equal(totals().apart.refused, 0);
	assert_int_equal(totals().apart.deaths, 0);
}

/* The answer to a probe that was given up comes while the next one is on its way. */
static void too_late(void **state)
{
	(void)state;
	probe_cancel(ask(LATE));
	ask(PASSES);
	wait_for(1);
	assert_int_equal(answer.result, PROBE_PASS);
	assert_int_equal(totals().apart.refused, 0);
}

/* Of a worker that says what it never should nothing more is believed; the next one is. */
static void spoilt(void **state)
{
	static const enum way_of ways[] = {SPOILT, ADDRESSES};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		unsigned int before = answers;

		ask(ways[i]);
		wait_for(before + 1);
		assert_int_equal(answer.result, PROBE_UNDECIDED);
		assert_string_equal(answer.text, "sluice-check died");
		assert_int_equal(totals().apart.refused, i + 1);
		assert_int_equal(totals().apart.deaths, i + 1);
		ask(PASSES);
		wait_for(before + 2);
		assert_int_equal(answer.result, PROBE_PASS);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_once),
		TEST(too_late),
		TEST(spoilt),
	};
	socklen_t length = sizeof(int);
	int type = 0;

	if (!getsockopt(CHECK_WORK_FD, SOL_SOCKET, SO_TYPE, &type, &length) &&
	    type == SOCK_SEQPACKET)
		return be_sluice_check();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
