/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What checks cost at the very least: no more than their system calls, one probe after another at a steady
 * pace, to a thousand addresses of 10.128.0.0/16. Prints a line of JSON.
 *
 * usage: bench_dial tcp|http SECONDS
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"

#define TARGETS 1000
#define PACE_US 2000
#define DRAIN_MS 500
#define FILES_MAX 1024

static struct {
	int epoll_fd;
	bool is_http, is_asked[FILES_MAX];
	unsigned int begun, passed;
} dial;

static void begin(void)
{
	static const struct linger reset = {.l_onoff = 1};
	unsigned int target = dial.begun++ % TARGETS;
	const struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_port = htons(80),
		.sin_addr.s_addr = htonl(0x0a800000U | target / 250 << 8 | (1 + target % 250))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event event = {.events = EPOLLOUT, .data.fd = fd};

	if (fd < 0 || fd >= FILES_MAX) {
		fprintf(stderr, "bench_dial: no socket, or too many\n");
		exit(1);
	}
	dial.is_asked[fd] = false;
	if (!dial.is_http)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if ((connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) && errno != EINPROGRESS) ||
	    epoll_ctl(dial.epoll_fd, EPOLL_CTL_ADD, fd, &event))
		close(fd);
}

static void on_ready(int fd)
{
	static const char request[] =
		"GET / HTTP/1.1\r\nHost: 10.128.0.1\r\nConnection: close\r\n\r\n";
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	socklen_t length = sizeof(int);
	int error = 0;
	char text[16384];
	ssize_t n;

	if (dial.is_asked[fd]) {
		n = recv(fd, text, sizeof(text), 0);
		dial.passed += n > 12 && !memcmp(text + 9, "200", 3);
		close(fd);
		return;
	}
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error || !dial.is_http) {
		dial.passed += !error;
		close(fd);
		return;
	}
	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0 ||
	    epoll_ctl(dial.epoll_fd, EPOLL_CTL_MOD, fd, &event)) {
		close(fd);
		return;
	}
	dial.is_asked[fd] = true;
}

static void wait_until(uint64_t until_us)
{
	struct epoll_event events[64];
	uint64_t now_us = clock_now_ns() / 1000;
	int wait_ms = now_us < until_us ? (int)((until_us - now_us + 999) / 1000) : 0, count, i;

	count = epoll_wait(dial.epoll_fd, events, ARRAY_SIZE(events), wait_ms);
	for (i = 0; i < count; i++)
		on_ready(events[i].data.fd);
}

static double cpu_ms(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	return (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	uint64_t start_us = clock_now_ns() / 1000, next_us = start_us, end_us, last_us;
	double begin_ms = cpu_ms();

	if (argc != 3 || (strcmp(argv[1], "tcp") && strcmp(argv[1], "http"))) {
		fprintf(stderr, "usage: %s tcp|http SECONDS\n", argv[0]);
		return 2;
	}
	dial.is_http = !strcmp(argv[1], "http");
	dial.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	end_us = start_us + 1000000ULL * strtoul(argv[2], NULL, 10);
	while ((last_us = clock_now_ns() / 1000) < end_us) {
		for (; next_us <= last_us; next_us += PACE_US)
			begin();
		wait_until(next_us);
	}
	begin_ms = cpu_ms() - begin_ms;
	while (clock_now_ns() / 1000 < last_us + DRAIN_MS * 1000ULL)
		wait_until(last_us + DRAIN_MS * 1000ULL);
	printf("{\"cpu_percent\": %.3f, \"probes_per_s\": %.1f, \"not_passed\": %u}\n",
	       100 * begin_ms / ((double)(last_us - start_us) / 1000),
	       1e6 * dial.begun / (double)(last_us - start_us), dial.begun - dial.passed);
	return dial.begun == dial.passed ? 0 : 1;
}
