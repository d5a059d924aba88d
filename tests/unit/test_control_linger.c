/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets that are read to their end after the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/linger.h"

#define LINGER_MS 10000

struct pair {
	int ours, theirs;
};

static struct linger_set linger;
static int epoll_fd;

static struct pair make_pair(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	return (struct pair){.ours = fds[0], .theirs = fds[1]};
}

/* What a server does: answer, say that nothing more comes, close. */
static struct pair answer_and_close(uint64_t now_ms)
{
	struct pair pair = make_pair();

	assert_int_equal(send(pair.theirs, "request", 7, 0), 7);
	assert_int_equal(send(pair.ours, "answer", 6, 0), 6);
	assert_int_equal(shutdown(pair.ours, SHUT_WR), 0);
	linger_add(&linger, pair.ours, now_ms);
	close(pair.ours);
	return pair;
}

static bool is_ready(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_fd, &event, 1, 0) == 1;
}

static bool is_open_for_sending(int fd)
{
	return send(fd, "more", 4, MSG_NOSIGNAL | MSG_DONTWAIT) == 4;
}

static void test_answer_survives_what_comes_after_it(void **state)
{
	static const char part[4096];
	struct pair pair = answer_and_close(0);
	char text[16];
	size_t sent = 0;

	(void)state;
	while (sent < 4U << 20) { /* far more than a socket holds */
		ssize_t n = send(pair.theirs, part, sizeof(part), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		assert_true(n > 0 || is_ready());
		linger_read(&linger);
	}
	assert_int_equal(recv(pair.theirs, text, sizeof(text), 0), 6);
	assert_memory_equal(text, "answer", 6);
	assert_int_equal(recv(pair.theirs, text, sizeof(text), 0), 0);
	assert_int_equal(linger.count, 1);
	close(pair.theirs);
	assert_true(is_ready());
	linger_read(&linger);
	assert_int_equal(linger.count, 0);
	assert_false(is_ready());
}

static void test_ends_after_ten_seconds(void **state)
{
	struct pair first = answer_and_close(1000), second = answer_and_close(2000);

	(void)state;
	linger_tick(&linger, 1000 + LINGER_MS - 1);
	assert_int_equal(linger.count, 2);
	assert_true(is_open_for_sending(first.theirs));
	linger_tick(&linger, 1000 + LINGER_MS);
	assert_int_equal(linger.count, 1);
	assert_false(is_open_for_sending(first.theirs));
	assert_true(is_open_for_sending(second.theirs));
	linger_done(&linger);
	assert_false(is_open_for_sending(second.theirs));
	close(first.theirs);
	close(second.theirs);
}

static void test_the_oldest_makes_room(void **state)
{
	struct pair pairs[LINGER_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i <= LINGER_MAX; i++)
		pairs[i] = answer_and_close(i);
	assert_int_equal(linger.count, LINGER_MAX);
	assert_false(is_open_for_sending(pairs[0].theirs));
	for (i = 1; i <= LINGER_MAX; i++) {
		assert_true(is_open_for_sending(pairs[i].theirs));
		close(pairs[i].theirs);
	}
	linger_read(&linger);
	assert_int_equal(linger.count, 0);
	close(pairs[0].theirs);
}

static int set_up(void **state)
{
	(void)state;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	linger_init(&linger, epoll_fd);
	return epoll_fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	linger_done(&linger);
	return close(epoll_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answer_survives_what_comes_after_it, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_ends_after_ten_seconds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_oldest_makes_room, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
