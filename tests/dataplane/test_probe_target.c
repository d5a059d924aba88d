/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the packets of marked sockets go, from the host's routing to the program that sends them on: what
 * it counts of each target, and what is to be made of that. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/instance.h"
#include "dataplane/probe_path.h"
#include "dataplane/space.h"

#define INSTANCE "slpt-path"
#define TARGETS 100
#define SERVICE4 "192.0.2.1"
#define SERVICE6 "2001:db8:51::1"

static struct dp_bpf *dp;
static struct probe_path *path;
static struct probe_path_place place;
static const struct sluice_addr any;

static struct sluice_addr addr(const char *text)
{
	struct sluice_addr parsed;

	assert_int_equal(addr_parse(text, &parsed), 0);
	return parsed;
}

static int set_up(void **state)
{
	struct err e = {};

	(void)state;
	space_try("ip address add 10.9.0.1/24 dev slpt0");
	space_try("ip address add 2001:db8:9::1/64 dev slpt0 nodad");
	if (probe_path_open(dp, INSTANCE, TARGETS, &path, &e))
		fail_msg("%s (%s)", e.text, e.hint);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	probe_path_close(path);
	path = NULL;
	return probe_path_cleanup(INSTANCE, NULL, NULL);
}

/* ---- the host's routing ---------------------------------------------------------------------- */

static void test_check(void **state)
{
	struct sluice_addr service4 = addr(SERVICE4), service6 = addr(SERVICE6);
	struct sluice_addr own = addr("10.9.0.1");
	struct err e = {};

	(void)state;
	assert_int_equal(probe_path_check(path, &service4, &any, &e), 0);
	assert_int_equal(probe_path_check(path, &service6, &any, &e), 0);
	space_run("ip address add " SERVICE4 "/32 dev lo");
	space_add_to_loopback(SERVICE6);
	assert_int_equal(probe_path_check(path, &service4, &any, &e), -EHOSTUNREACH);
	assert_non_null(strstr(e.text, SERVICE4 " is an address of this host"));
	assert_int_equal(probe_path_check(path, &service6, &any, &e), -EHOSTUNREACH);
	assert_non_null(strstr(e.text, SERVICE6 " is an address of this host"));
	space_run("ip address del " SERVICE4 "/32 dev lo");
	space_run("ip address del " SERVICE6 "/128 dev lo");

	space_run("ip rule add preference 9 lookup 78 && ip route add default dev "
		  "slpt0 table 78");
	assert_int_equal(probe_path_check(path, &service4, &any, &e), -EHOSTUNREACH);
	assert_non_null(strstr(e.text, "would leave by slpt0: another rule"));
	space_run("ip rule del preference 9 && ip route flush table 78");

	/* A rule for what one address sends. */
	space_run("ip rule add preference 9 from 10.9.0.1 lookup 78 && ip route add default dev "
		  "slpt0 table 78");
	assert_int_equal(probe_path_check(path, &service4, &any, &e), 0);
	assert_int_equal(probe_path_check(path, &service4, &own, &e), -EHOSTUNREACH);
	assert_non_null(strstr(e.text, "would leave by slpt0: another rule"));
	space_run("ip rule del preference 9 && ip route flush table 78");

	space_run("ip link set %s down", place.device);
	assert_int_equal(probe_path_check(path, &service4, &any, &e), -EHOSTUNREACH);
	assert_non_null(strstr(e.text, "nowhere"));
}

/* ---- packets -------------------------------------------------------------------------------- */

static struct probe_path_counts send_bytes(uint32_t index, const char *to, size_t bytes)
{
	int fd = socket(strchr(to, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	uint32_t mark = probe_path_mark(path, index);
	struct sluice_addr target = addr(to);
	struct probe_path_counts counts;
	static const char data[1200];
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(&target, 53, &sa);
	uint64_t before;
	int i;

	probe_path_counts(path, index, &counts);
	before = counts.sent + counts.dropped;
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	if (sendto(fd, data, bytes, 0, (struct sockaddr *)&sa, length) != (ssize_t)bytes)
		fail_msg("cannot send to %s: %s", to, strerror(errno));
	close(fd);
	for (i = 0; i < 500; i++) {
		probe_path_counts(path, index, &counts);
		if (counts.sent + counts.dropped > before)
			break;
		usleep(10000);
	}
	return counts;
}

static struct probe_path_counts send_datagram(uint32_t index, const char *to)
{
	return send_bytes(index, to, 5);
}

static void test_targets(void **state)
{
	struct sluice_addr service4 = addr(SERVICE4), service6 = addr(SERVICE6);
	struct dataplane port = dp_bpf_port(dp);
	struct sluice_member member = {
		.word = SLUICE_MEMBER(SLUICE_NEXTHOP_NONE, SLUICE_MODE_IPIP, 0, 1500),
		.addr = addr("10.9.0.2"),
		.family = SLUICE_FAMILY_V4};
	struct sluice_nexthop nexthop = {.flags = SLUICE_NEXTHOP_F_USED, .ifindex = 1};
	struct sluice_addr own = addr("10.9.0.1");
	struct probe_path_counts counts;

	(void)state;
	nexthop.src4_be = own.w_be[3];
	assert_int_equal(probe_path_set(path, 0, 5, &service4), -EINVAL);
	assert_int_equal(probe_path_set(path, TARGETS + 1, 5, &service4), -EINVAL);
	assert_int_equal(probe_path_set(path, TARGETS, 5, &service4), 0);
	probe_path_counts(path, TARGETS, &counts);
	assert_int_equal(counts.sent + counts.dropped, 0);
	assert_null(counts.reason);

	counts = send_datagram(TARGETS, SERVICE4);
	assert_int_equal(counts.dropped, 1);
	assert_string_equal(counts.reason, "the member is in no table yet");
	assert_int_equal(port.ops->member_set(port.dp, 5, &member), 0);
	counts = send_datagram(TARGETS, SERVICE4);
	assert_int_equal(counts.dropped, 2);
	assert_string_equal(counts.reason, "no next hop");
	assert_int_equal(port.ops->nexthop_set(port.dp, 3, &nexthop), 0);
	assert_int_equal(
		port.ops->member_set_word(port.dp, 5, SLUICE_MEMBER(3, SLUICE_MODE_IPIP, 0, 1500)),
		0);
	counts = send_datagram(TARGETS, SERVICE4);
	assert_int_equal(counts.sent, 1);
	/* The same again keeps the counters, another service does not. */
	assert_int_equal(probe_path_set(path, TARGETS, 5, &service4), 0);
	counts = send_datagram(TARGETS, SERVICE4);
	assert_int_equal(counts.sent, 2);
	assert_int_equal(counts.dropped, 2);
	counts = send_datagram(TARGETS, "192.0.2.2");
	assert_string_equal(counts.reason, "not to the service that this target is of");
	assert_int_equal(probe_path_set(path, TARGETS, 5, &service6), 0);
	probe_path_counts(path, TARGETS, &counts);
	assert_int_equal(counts.sent + counts.dropped, 0);
	counts = send_datagram(TARGETS, SERVICE6);
	assert_int_equal(counts.sent, 1);

	probe_path_clear(path, TARGETS);
	probe_path_counts(path, TARGETS, &counts);
	assert_int_equal(counts.sent + counts.dropped, 0);
	counts = send_datagram(TARGETS, SERVICE6);
	assert_string_equal(counts.reason, "nobody is probed with this mark");
	port.ops->member_set_word(port.dp, 5, 0);
	port.ops->nexthop_clear(port.dp, 3);
}

/* What of a probe could not be sent is no fault of whom it is for, also when the rest could. */
static void test_fate(void **state)
{
	struct sluice_addr service4 = addr(SERVICE4), own = addr("10.9.0.1");
	struct dataplane port = dp_bpf_port(dp);
	struct sluice_member member = {.word = SLUICE_MEMBER(3, SLUICE_MODE_IPIP, 0, 600),
				       .addr = addr("10.9.0.2"),
				       .family = SLUICE_FAMILY_V4};
	struct sluice_nexthop nexthop = {
		.flags = SLUICE_NEXTHOP_F_USED, .ifindex = 1, .src4_be = own.w_be[3]};
	struct probe_path_counts before, after;

	(void)state;
	assert_int_equal(port.ops->nexthop_set(port.dp, 3, &nexthop), 0);
	assert_int_equal(port.ops->member_set(port.dp, 5, &member), 0);
	assert_int_equal(probe_path_set(path, 1, 5, &service4), 0);
	probe_path_counts(path, 1, &before);
	assert_int_equal(probe_path_judge(&before, &before, false), PROBE_PATH_ASTRAY);
	assert_int_equal(probe_path_judge(&before, &before, true), PROBE_PATH_ASTRAY);
	after = send_datagram(1, SERVICE4);
	assert_int_equal(probe_path_judge(&before, &after, false), PROBE_PATH_WENT);
	assert_int_equal(probe_path_judge(&before, &after, true), PROBE_PATH_WENT);
	/* A connection comes about, and what is to be said then is too large for the way. */
	after = send_bytes(1, SERVICE4, 1000);
	assert_int_equal(probe_path_judge(&before, &after, false), PROBE_PATH_DROPPED);
	assert_string_equal(after.reason,
			    "a packet of it is larger than the path to the member allows");
	assert_int_equal(probe_path_judge(&before, &after, true), PROBE_PATH_WENT);
	before = after;
	after = send_bytes(1, SERVICE4, 1000);
	assert_int_equal(probe_path_judge(&before, &after, false), PROBE_PATH_DROPPED);
	/* What an earlier probe still sends is no part of it. */
	before = after;
	send_datagram(1, SERVICE4);
	after = send_datagram(1, "192.0.2.2");
	assert_true(after.dropped > before.dropped);
	assert_int_equal(probe_path_judge(&before, &after, false), PROBE_PATH_WENT);
	port.ops->member_set_word(port.dp, 5, 0);
	port.ops->nexthop_clear(port.dp, 3);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_check),
		TEST(test_targets),
		TEST(test_fate),
	};
	int failed;

	space_require_root();
	space_enter();
	space_veth("slpt0");
	probe_path_place(INSTANCE, &place);
	instance_clean(INSTANCE);
	dp = instance_open(INSTANCE);
	failed = cmocka_run_group_tests_name("probe_target", tests, NULL, NULL);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
	return failed;
}
