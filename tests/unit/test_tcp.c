/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP connections as probes: what they answer, and that none answers twice or after its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/util.h"
#include "health/tcp.h"

#define MANY 200

static struct {
	uv_loop_t loop;
	struct tcp *tcp;
	int listener;
	struct way open, closed;
	struct probe *probes[MANY];
	struct check_answer last;
	size_t answers, passes, failures;
	bool is_cancelling;
} w;

static int begin(void **state)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(sa);
	int other;

	(void)state;
	memset(&w, 0, sizeof(w));
	uv_loop_init(&w.loop);
	w.tcp = tcp_new(&w.loop);
	addr_parse("127.0.0.1", &w.open.addr);
	w.closed = w.open;
	w.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(w.listener, (struct sockaddr *)&sa, length), 0);
	assert_int_equal(listen(w.listener, 2 * MANY), 0);
	getsockname(w.listener, (struct sockaddr *)&sa, &length);
	w.open.port = ntohs(sa.sin_port);
	/* Bound, so that nobody else listens there. */
	sa.sin_port = 0;
	other = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(other, (struct sockaddr *)&sa, length), 0);
	getsockname(other, (struct sockaddr *)&sa, &length);
	w.closed.port = ntohs(sa.sin_port);
	*state = (void *)(intptr_t)other;
	return 0;
}

static int end(void **state)
{
	close((int)(intptr_t)*state);
	close(w.listener);
	tcp_free(w.tcp);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&w.loop);
}

static void on_answer(void *arg, const struct check_answer *answer)
{
	struct probe **probe = arg;
	size_t i;

	assert_non_null(*probe);
	*probe = NULL;
	w.last = *answer;
	w.answers++;
	w.passes += answer->result == PROBE_PASS;
	w.failures += answer->result == PROBE_FAIL;
	uv_stop(&w.loop); /* or it would wait for another one */
	for (i = 0; w.is_cancelling && i < MANY; i++)
		probe_cancel(TAKE_PTR(w.probes[i]));
}

static void probe(size_t i, const struct way *way, uint32_t timeout_ms)
{
	w.probes[i] = tcp_probe(w.tcp, way, timeout_ms, on_answer, &w.probes[i]);
}

static void run_until(size_t answers)
{
	while (w.answers < answers)
		uv_run(&w.loop, UV_RUN_ONCE);
}

static void open_and_closed(void **state)
{
	size_t i;

	(void)state;
	probe(0, &w.open, 60000);
	assert_int_equal(w.answers, 0);
	run_until(1);
	assert_int_equal(w.last.result, PROBE_PASS);
	assert_true(w.last.times.total_us > 0);
	assert_int_equal(w.last.times.connect_us, w.last.times.total_us);
	probe(0, &w.closed, 60000);
	run_until(2);
	assert_int_equal(w.last.result, PROBE_FAIL);
	assert_int_equal(w.last.cause, HEALTH_ANSWERED);
	assert_string_equal(w.last.text, "connection refused");
	for (i = 0; i < MANY; i++)
		probe(i, i % 4 ? &w.open : &w.closed, 60000);
	run_until(2 + MANY);
	assert_int_equal(w.passes, 1 + MANY * 3 / 4);
	assert_int_equal(w.failures, 1 + MANY / 4);
}

/* 192.0.2.1 is nobody's: no answer, or no route at all. */
static void nobody(void **state)
{
	struct way way = {.port = 80};

	(void)state;
	addr_parse("192.0.2.1", &way.addr);
	probe(0, &way, 50);
	run_until(1);
	assert_int_not_equal(w.last.result, PROBE_PASS);
}

/* No TCP connection goes to a broadcast address: this host does not even ask. */
static void not_asked(void **state)
{
	struct way way = {.port = 80};

	(void)state;
	addr_parse("255.255.255.255", &way.addr);
	probe(0, &way, 60000);
	run_until(1);
	assert_int_equal(w.last.result, PROBE_UNDECIDED);
	assert_string_equal(w.last.text, "Network is unreachable");
}

/* The loop was busy until after the timeout: what came in meanwhile counts. */
static void answers_that_are_read_late(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		probe(i, i % 4 ? &w.open : &w.closed, 1);
	usleep(100000);
	run_until(MANY);
	assert_int_equal(w.passes, MANY * 3 / 4);
	assert_int_equal(w.failures, MANY / 4);
	assert_int_equal(w.last.cause, HEALTH_ANSWERED);
}

static void cancelled(void **state)
{
	size_t i;

	(void)state;
	w.is_cancelling = true; /* by the first answer: those that are read with it, too */
	for (i = 0; i < MANY; i++)
		probe(i, &w.open, 60000);
	usleep(10000);
	run_until(1);
	for (i = 0; i < 10; i++)
		uv_run(&w.loop, UV_RUN_NOWAIT);
	assert_int_equal(w.answers, 1);
}

/* What the loop watches by takes nothing more: that says nothing of members. */
static void no_place_in_the_loop(void **state)
{
	int backend = uv_backend_fd(&w.loop), kept = dup(backend);

	(void)state;
	tcp_free(w.tcp);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	assert_int_equal(dup2(w.listener, backend), backend);
	w.tcp = tcp_new(&w.loop);
	assert_int_equal(dup2(kept, backend), backend);
	close(kept);
	probe(0, &w.open, 60000);
	run_until(1);
	assert_int_equal(w.last.result, PROBE_UNDECIDED);
	assert_string_equal(w.last.text, "Invalid argument");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(open_and_closed, begin, end),
		cmocka_unit_test_setup_teardown(nobody, begin, end),
		cmocka_unit_test_setup_teardown(not_asked, begin, end),
		cmocka_unit_test_setup_teardown(answers_that_are_read_late, begin, end),
		cmocka_unit_test_setup_teardown(cancelled, begin, end),
		cmocka_unit_test_setup_teardown(no_place_in_the_loop, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
