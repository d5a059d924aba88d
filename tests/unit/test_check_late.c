/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sluice-check itself does not get to run for longer than a probe may take: what came in time counts. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "core/check_spec.h"
#include "health/prober.h"

#define TIMEOUT_MS 300
#define STALL_MS 600

static uv_loop_t loop;
static uv_poll_t accepting, reading;
static uv_timer_t stall;
static struct prober *prober;
static int listen_fd, peer_fd;
static bool is_answering, is_over;
static struct check_answer answer;

/* The last child of a process: those before it may not be waited for yet. */
static pid_t child_of(pid_t pid)
{
	int child = 0, next;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fscanf(f, "%d", &next) == 1)
		child = next;
	fclose(f);
	assert_true(child > 1);
	return child;
}

static void signal_worker(int number)
{
	assert_int_equal(kill(child_of(child_of(getpid())), number), 0);
}

static void on_stalled(uv_timer_t *timer)
{
	(void)timer;
	signal_worker(SIGCONT);
}

/* The request is there: its sender stops, and finds an answer when it goes on. */
static void on_request(uv_poll_t *poll, int status, int events)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	char request[1024];

	(void)status;
	(void)events;
	assert_true(recv(peer_fd, request, sizeof(request), 0) > 0);
	uv_poll_stop(poll);
	signal_worker(SIGSTOP);
	if (is_answering)
		assert_int_equal(send(peer_fd, text, sizeof(text) - 1, MSG_NOSIGNAL),
				 sizeof(text) - 1);
	uv_timer_start(&stall, on_stalled, STALL_MS, 0);
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	uv_poll_stop(poll);
	peer_fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(peer_fd >= 0);
	uv_poll_init(&loop, &reading, peer_fd);
	uv_poll_start(&reading, UV_READABLE, on_request);
}

static void on_answer(void *arg, const struct check_answer *got)
{
	(void)arg;
	answer = *got;
	is_over = true;
}

static int set_up(void **state)
{
	AUTO_FREE char *program = realpath("build/bin/sluice-check", NULL);

	(void)state;
	assert_non_null(program);
	uv_loop_init(&loop);
	uv_timer_init(&loop, &stall);
	prober = prober_new(&loop, program, NULL);
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(listen(listen_fd, 4), 0); /* at a port that the kernel chooses */
	uv_poll_init(&loop, &accepting, listen_fd);
	uv_poll_start(&accepting, UV_READABLE, on_accept);
	is_over = false;
	return 0;
}

static void on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle) && handle->type == UV_PROCESS)
		uv_unref(handle);
}

static int tear_down(void **state)
{
	(void)state;
	prober_free(prober);
	uv_close((uv_handle_t *)&stall, NULL);
	uv_close((uv_handle_t *)&accepting, NULL);
	uv_close((uv_handle_t *)&reading, NULL);
	uv_walk(&loop, on_walk, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	close(peer_fd);
	close(listen_fd);
	return 0;
}

static void probe(void)
{
	static const struct check_details details = {
		.path = "/", .expect = {.count = 1, .list = {{200, 200}}}, .read_max = 4096};
	AUTO_FREE struct check_spec *spec = check_spec_encode(CHECK_HTTP, &details);
	struct check_config check = {.type = CHECK_HTTP, .timeout_ms = TIMEOUT_MS, .spec = spec};
	struct sockaddr_in sa;
	struct sluice_addr addr;
	socklen_t length = sizeof(sa);

	assert_int_equal(getsockname(listen_fd, (struct sockaddr *)&sa, &length), 0);
	assert_int_equal(addr_parse("127.0.0.1", &addr), 0);
	prober_direct(prober, &addr, ntohs(sa.sin_port), &check, on_answer, NULL);
	while (!is_over)
		uv_run(&loop, UV_RUN_ONCE);
}

static void an_answer_in_time_counts(void **state)
{
	(void)state;
	is_answering = true;
	probe();
	assert_string_equal(answer.text, "");
	assert_int_equal(answer.result, PROBE_PASS);
}

static void silence_is_silence(void **state)
{
	(void)state;
	is_answering = false;
	probe();
	assert_string_equal(answer.text, "no answer within 300 ms");
	assert_int_equal(answer.result, PROBE_FAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_in_time_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(silence_is_silence, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
