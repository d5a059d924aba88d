/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Echo requests, in a network of their own where the kernel answers none: whose reply counts. */
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/icmp.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "health/pinger.h"

#define LONG_MS 20000 /* nothing waits longer */
#define SHORT_MS 100
#define TARGET "127.0.0.2"

/* As the requests are that come. */
struct echo {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint64_t nonce;
};

static uv_loop_t loop;
static struct pinger *pinger;
static int wire = -1;
static struct check_answer answer;
static bool is_over;

static bool write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	bool is_written = file && fputs(text, file) >= 0;

	return file && !fclose(file) && is_written;
}

/* NULL, or why such a network cannot be had. */
static const char *enter_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return "no network namespace";
	wire = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (wire < 0)
		return "no raw socket";
	if (ioctl(wire, SIOCSIFFLAGS, &lo) ||
	    !write_file("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1"))
		return "the kernel's own answers cannot be switched off";
	return NULL;
}

static int set_up(void **state)
{
	(void)state;
	uv_loop_init(&loop);
	pinger = pinger_new(&loop);
	assert_null(pinger_problem(pinger, SLUICE_FAMILY_V4));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pinger_free(pinger);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return 0;
}

static void on_answer(void *arg, const struct check_answer *got)
{
	(void)arg;
	assert_false(is_over);
	answer = *got;
	is_over = true;
}

static struct probe *ping(uint32_t timeout_ms)
{
	struct sluice_addr addr;

	assert_int_equal(addr_parse(TARGET, &addr), 0);
	is_over = false;
	return pinger_probe(pinger, &addr, timeout_ms, on_answer, NULL);
}

static void wait_for_it(void)
{
	while (!is_over)
		uv_run(&loop, UV_RUN_ONCE);
}

/* The request that went out. */
static struct echo request(void)
{
	struct echo echo = {0};
	uint8_t packet[256];

	/* Replies come by here, too. */
	while (echo.type != ICMP_ECHO) {
		ssize_t length = recv(wire, packet, sizeof(packet), 0);

		assert_true(length > 0);
		if (length >= 20 + (ssize_t)sizeof(echo))
			memcpy(&echo, packet + 20, sizeof(echo));
	}
	return echo;
}

/* Puts a reply to it on the wire, and lets the pinger read that. */
static void reply(struct echo echo, const char *from, size_t length)
{
	struct sockaddr_in sa = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), turns = 20;

	if (echo.type == ICMP_ECHO)
		echo.type = ICMP_ECHOREPLY;
	assert_int_equal(inet_pton(AF_INET, from, &sa.sin_addr), 1);
	assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(sendto(fd, &echo, length, 0, (struct sockaddr *)&to, sizeof(to)), length);
	close(fd);
	while (turns--)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static void whose_reply_counts(void **state)
{
	struct echo sent, forged;

	(void)state;
	ping(LONG_MS);
	assert_false(is_over);
	sent = forged = request();
	forged.nonce ^= 1;
	reply(forged, TARGET, sizeof(forged));
	forged = sent;
	forged.id ^= 1;
	reply(forged, TARGET, sizeof(forged));
	forged = sent;
	forged.sequence ^= 1;
	reply(forged, TARGET, sizeof(forged));
	forged = sent;
	forged.type = ICMP_TIMESTAMPREPLY;
	reply(forged, TARGET, sizeof(forged));
	reply(sent, "127.0.0.3", sizeof(sent));
	reply(sent, TARGET, sizeof(sent) - 1);
	assert_false(is_over);
	reply(sent, TARGET, sizeof(sent));
	wait_for_it();
	assert_int_equal(answer.result, PROBE_PASS);
	assert_true(answer.times.total_us > 0);
	/* Again: there is nobody whom it could be for. */
	is_over = false;
	reply(sent, TARGET, sizeof(sent));
	assert_false(is_over);
}

/* What comes when its time is over is no answer to the next one. */
static void late(void **state)
{
	struct echo first, second;

	(void)state;
	ping(SHORT_MS);
	first = request();
	wait_for_it();
	assert_int_equal(answer.result, PROBE_FAIL);
	assert_int_equal(answer.cause, HEALTH_SILENT);
	assert_string_equal(answer.text, "no echo reply within 100 ms");
	ping(LONG_MS);
	second = request();
	reply(first, TARGET, sizeof(first));
	first.sequence = second.sequence;
	reply(first, TARGET, sizeof(first));
	assert_false(is_over);
	reply(second, TARGET, sizeof(second));
	wait_for_it();
	assert_int_equal(answer.result, PROBE_PASS);
}

static void cancelled(void **state)
{
	struct probe *probe = ping(LONG_MS);

	(void)state;
	probe_cancel(probe);
	reply(request(), TARGET, sizeof(struct echo));
	assert_false(is_over);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whose_reply_counts),
		TEST(late),
		TEST(cancelled),
	};
	const char *problem = enter_network();

	if (problem) {
		printf("1..0 # SKIP %s\n", problem);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
