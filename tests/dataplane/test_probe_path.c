/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What probes through the path need on a host: made once, mended, taken over, refused, removed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/instance.h"
#include "dataplane/probe_path.h"
#include "dataplane/space.h"

#define INSTANCE "slpk-path"
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

static void open_path(void)
{
	struct err e = {};

	if (probe_path_open(dp, INSTANCE, TARGETS, &path, &e))
		fail_msg("%s (%s)", e.text, e.hint);
}

static void refresh(void)
{
	struct err e = {};

	if (probe_path_refresh(path, &e))
		fail_msg("%s (%s)", e.text, e.hint);
}

/* How many lines of what the command prints have the pattern. */
static void expect_lines(int count, const char *command, const char *pattern)
{
	if (!space_try("test \"$({ %s; } 2>/dev/null | grep -cE -- '%s')\" = %d", command, pattern,
		       count)) {
		space_run("(%s) >&2; true", command);
		fail_msg("%s: not %d lines like %s", command, count, pattern);
	}
}

/* Everything is there, and once. */
static void expect_whole(const char *source4, const char *source6)
{
	char command[128], pattern[160];

	snprintf(pattern, sizeof(pattern), "^%u:.*fwmark 0x%x/0xfff00000 lookup %u proto 202",
		 place.preference, place.mark, place.table);
	expect_lines(1, "ip rule show", pattern);
	expect_lines(1, "ip -6 rule show", pattern);
	snprintf(pattern, sizeof(pattern), "^%u:", place.preference);
	expect_lines(1, "ip rule show", pattern);
	expect_lines(1, "ip -6 rule show", pattern);

	snprintf(command, sizeof(command), "ip route show table %u", place.table);
	snprintf(pattern, sizeof(pattern), "^default dev %s proto 202.* src %s .*mtu 1280",
		 place.device, source4);
	expect_lines(1, command, pattern);
	expect_lines(1, command, "^unreachable default proto 202");
	expect_lines(2, command, "");
	snprintf(command, sizeof(command), "ip -6 route show table %u", place.table);
	snprintf(pattern, sizeof(pattern), "^default dev %s proto 202 src %s .*mtu 1280",
		 place.device, source6);
	expect_lines(1, command, pattern);
	expect_lines(1, command, "^unreachable default .*proto 202");
	expect_lines(2, command, "");

	snprintf(command, sizeof(command), "ip -d link show %s", place.device);
	expect_lines(1, command, "NOARP,UP");
	expect_lines(1, command, "alias sluice instance " INSTANCE ": health checks");
	snprintf(command, sizeof(command), "ip -d link show %s", place.peer);
	expect_lines(1, command, "NOARP,UP");
	snprintf(command, sizeof(command), "ip address show dev %s", place.device);
	expect_lines(0, command, "inet");
	snprintf(command, sizeof(command), "ip address show dev %s", place.peer);
	expect_lines(0, command, "inet");
	snprintf(command, sizeof(command), "ethtool -k %s", place.device);
	expect_lines(1, command, "^tx-checksumming: off");
	expect_lines(1, command, "tx-tcp-segmentation: off");
	snprintf(command, sizeof(command), "tc filter show dev %s ingress", place.peer);
	expect_lines(1, command, "sluice_probe");
}

static void expect_nothing(void)
{
	char command[128], pattern[64];

	snprintf(pattern, sizeof(pattern), "fwmark 0x%x", place.mark);
	expect_lines(0, "ip rule show", pattern);
	expect_lines(0, "ip -6 rule show", pattern);
	snprintf(command, sizeof(command), "ip route show table %u; ip -6 route show table %u",
		 place.table, place.table);
	expect_lines(0, command, "proto 202");
	expect_lines(0, "ip -d link show type veth", "health checks");
}

static int set_up(void **state)
{
	(void)state;
	space_try("ip address add 10.9.0.1/24 dev slpk0");
	space_try("ip address add 2001:db8:9::1/64 dev slpk0 nodad");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	probe_path_close(path);
	path = NULL;
	return probe_path_cleanup(INSTANCE, NULL, NULL);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_place(void **state)
{
	struct probe_path_place other;

	(void)state;
	probe_path_place("default", &other);
	assert_string_equal(other.device, "sluice0");
	assert_int_equal(other.preference, 260);
	assert_int_equal(other.table, 51000);
	assert_int_equal(other.mark, 0x50000000);
	assert_int_equal(strlen(place.device), 15);
	assert_int_equal(strlen(place.peer), 15);
	assert_string_not_equal(place.device, place.peer);
	assert_in_range(place.preference, 261, 509);
	probe_path_place("slpk-other", &other);
	assert_string_not_equal(place.device, other.device);
	assert_int_not_equal(place.mark, other.mark);
	assert_int_equal(place.mark & ~SLUICE_PROBE_MARK_MASK, 0);
}

static void test_make(void **state)
{
	(void)state;
	expect_nothing();
	open_path();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	assert_null(probe_path_problem(path, SLUICE_FAMILY_V4));
	assert_null(probe_path_problem(path, SLUICE_FAMILY_V6));
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	assert_int_equal(probe_path_mark(path, 7), place.mark | 7);
}

/* Nothing that is right is touched: whoever listens to the kernel hears
 * nothing. */
static void test_silent(void **state)
{
	(void)state;
	open_path();
	space_run("rm -f /tmp/slpk-monitor; timeout 30 ip monitor link route rule "
		  ">/tmp/slpk-monitor 2>&1 & for i in $(seq 100); do ip link set "
		  "slpk0 mtu $((1300 "
		  "+ i)); "
		  "grep -q slpk0 /tmp/slpk-monitor && break; sleep 0.05; done");
	refresh();
	refresh();
	space_run("ip link set slpk0 mtu 1500; for i in $(seq 100); do grep -q "
		  "'slpk0.*mtu 1500' "
		  "/tmp/slpk-monitor && break; sleep 0.05; done");
	expect_lines(0, "cat /tmp/slpk-monitor", "proto 202|sluice");
	space_run("grep -q 'slpk0.*mtu 1500' /tmp/slpk-monitor");
}

/* The next daemon takes over what the first one left, and its program is in
 * force. */
static void test_take_over(void **state)
{
	(void)state;
	open_path();
	space_run("tc filter show dev %s ingress | grep -o 'id [0-9]*' >/tmp/slpk-id", place.peer);
	space_run("ip -o link show %s | cut -d: -f1 >>/tmp/slpk-id", place.device);
	probe_path_close(path);
	open_path();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	/* The device is the same, the program is another one. */
	expect_lines(1, "cat /tmp/slpk-id", "^id [0-9]+$");
	space_run("grep -qx \"$(ip -o link show %s | cut -d: -f1)\" /tmp/slpk-id", place.device);
	assert_false(
		space_try("grep -qx \"$(tc filter show dev %s ingress | grep -o 'id [0-9]*')\" "
			  "/tmp/slpk-id",
			  place.peer));
}

static void test_mend(void **state)
{
	(void)state;
	open_path();
	space_run("ip rule del preference %u && ip -6 rule del preference %u", place.preference,
		  place.preference);
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	space_run("ip route flush table %u && ip -6 route flush table %u", place.table,
		  place.table);
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	space_run("tc qdisc del dev %s clsact", place.peer);
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	space_run("ip link set %s down && ip link set %s down", place.device, place.peer);
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	space_run("ip link del %s", place.device);
	/* Without the device probes go nowhere, and not another way. */
	assert_false(space_try("ip route get " SERVICE4 " mark %u", place.mark | 1));
	assert_false(space_try("ip route get " SERVICE6 " mark %u", place.mark | 1));
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	/* Linux before 6.2 renames only what is down. */
	space_run("ip link set %s down && ip link set %s name slpk-far", place.peer, place.peer);
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	space_run("ethtool -K %s tx on", place.device);
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	/* One of ours from an earlier version, or of nobody. */
	space_run("ip route add default dev %s table %u metric 5 proto 202", place.device,
		  place.table);
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
}

static void test_sources(void **state)
{
	struct sluice_addr v4 = addr("10.9.0.7"), v6 = addr("2001:db8:9::7"), none = {};

	(void)state;
	open_path();
	space_run("ip address add 10.9.0.7/24 dev slpk0");
	space_run("ip address add 2001:db8:9::7/64 dev slpk0 nodad");
	probe_path_set_sources(path, &v4, &v6);
	refresh();
	expect_whole("10.9.0.7", "2001:db8:9::7");
	/* The kernel takes routes away with their source. */
	space_run("ip address del 10.9.0.7/24 dev slpk0");
	space_run("ip address del 2001:db8:9::7/64 dev slpk0");
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	probe_path_set_sources(path, &none, &none);
	space_run("ip address flush dev slpk0");
	refresh();
	assert_string_equal(probe_path_problem(path, SLUICE_FAMILY_V4),
			    "this host has no IPv4 address to probe from");
	assert_string_equal(probe_path_problem(path, SLUICE_FAMILY_V6),
			    "this host has no IPv6 address to probe from");
	assert_false(space_try("ip route get " SERVICE4 " mark %u", place.mark | 1));
	/* As on hosts whose interfaces have none, and which others reach by routes. */
	space_run("ip address add 10.9.1.1/32 dev lo");
	space_add_to_loopback("2001:db8:9:1::1");
	refresh();
	expect_whole("10.9.1.1", "2001:db8:9:1::1");
	set_up(NULL);
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	space_run("ip address del 10.9.1.1/32 dev lo");
	space_run("ip address del 2001:db8:9:1::1/128 dev lo");
}

/* What is somebody else's stays, and nothing of ours is left beside it. */
static void test_foreign(void **state)
{
	static const struct {
		const char *add, *del, *text;
	} rows[] = {
		{"ip rule add from 10.0.0.0/8 preference %u lookup 77",
		 "ip rule del from 10.0.0.0/8 preference %u lookup 77", "is in its place"},
		{"ip -6 rule add from 2001:db8::/32 preference %u lookup 77",
		 "ip -6 rule del from 2001:db8::/32 preference %u lookup 77", "is in its place"},
	};
	struct err e = {};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		char command[160];

		snprintf(command, sizeof(command), rows[i].add, place.preference);
		space_run("%s", command);
		assert_int_equal(probe_path_open(dp, INSTANCE, TARGETS, &path, &e), -EEXIST);
		assert_int_equal(e.code, ERR_CONFLICT);
		if (!strstr(e.text, rows[i].text) || !e.hint[0])
			fail_msg("%s (%s)", e.text, e.hint);
		expect_nothing();
		snprintf(command, sizeof(command), rows[i].del, place.preference);
		space_run("%s", command); /* it was there */
	}
}

static void expect_conflict(const char *words)
{
	struct err e = {};

	assert_int_equal(probe_path_open(dp, INSTANCE, TARGETS, &path, &e), -EEXIST);
	assert_int_equal(e.code, ERR_CONFLICT);
	if (!strstr(e.text, words) || !e.hint[0])
		fail_msg("%s (%s)", e.text, e.hint);
	expect_nothing();
	assert_int_equal(probe_path_cleanup(INSTANCE, NULL, &e), 0);
}

static void test_foreign_numbers(void **state)
{
	(void)state;
	space_run("ip rule add preference 7000 lookup %u", place.table);
	expect_conflict("points at table");
	space_run("ip rule del preference 7000 lookup %u", place.table);

	space_run("ip -6 rule add preference 7000 fwmark %u lookup 77", place.mark | 5);
	expect_conflict("marks of ours");
	space_run("ip -6 rule del preference 7000 lookup 77");

	space_run("ip route add 203.0.113.0/24 dev slpk0 table %u", place.table);
	expect_conflict("routing table");
	space_run("ip route del 203.0.113.0/24 dev slpk0 table %u", place.table);

	space_run("ip link add %s type veth peer name slpk-far", place.device);
	expect_conflict(place.device);
	space_run("ip link del %s", place.device);
	space_run("ip link add slpk-far type veth peer name %s", place.peer);
	expect_conflict(place.peer);
	space_run("ip link del slpk-far");

	/* Others' marks are not in the way. */
	space_run("ip rule add preference 7000 fwmark 0x200/0xf00 lookup 77");
	open_path();
	expect_whole("10.9.0.1", "2001:db8:9::1");
	space_run("ip rule del preference 7000 lookup 77");
	/* Somebody comes later: no probe can be trusted, and says so. */
	space_run("ip rule add preference 7000 lookup %u", place.table);
	assert_int_equal(probe_path_refresh(path, NULL), -EEXIST);
	assert_non_null(strstr(probe_path_problem(path, SLUICE_FAMILY_V6), "points at table"));
	space_run("ip rule del preference 7000 lookup %u", place.table);
	refresh();
	assert_null(probe_path_problem(path, SLUICE_FAMILY_V6));
}

static void test_cleanup(void **state)
{
	char device[16];
	struct err e = {};

	(void)state;
	open_path();
	probe_path_close(path);
	path = NULL;
	/* A second one of ours, and others' in other places. */
	space_run("ip rule add preference 7000 fwmark 0x200/0xf00 lookup 77");
	assert_int_equal(probe_path_cleanup(INSTANCE, device, &e), 0);
	assert_string_equal(device, place.device);
	expect_nothing();
	space_run("ip rule del preference 7000 lookup 77");
	assert_int_equal(probe_path_cleanup(INSTANCE, device, &e), 0);
	assert_string_equal(device, "");
	/* Without its device, too; and with an instance's pins. */
	open_path();
	space_run("ip link del %s", place.device);
	assert_int_equal(probe_path_cleanup(INSTANCE, device, &e), 0);
	expect_nothing();
}

/* IPv4 goes on; and IPv6 when it is there again. */
static void test_without_ipv6(void **state)
{
	struct sluice_addr service4 = addr(SERVICE4), service6 = addr(SERVICE6);
	struct err e = {};

	(void)state;
	space_run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 "
		  "net.ipv6.conf.default.disable_ipv6=1");
	open_path();
	assert_null(probe_path_problem(path, SLUICE_FAMILY_V4));
	assert_non_null(probe_path_problem(path, SLUICE_FAMILY_V6));
	assert_int_equal(probe_path_check(path, &service4, &any, &e), 0);
	assert_int_not_equal(probe_path_check(path, &service6, &any, &e), 0);
	assert_non_null(strstr(e.text, "IPv6"));
	space_run("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 "
		  "net.ipv6.conf.default.disable_ipv6=0");
	set_up(NULL);
	refresh();
	expect_whole("10.9.0.1", "2001:db8:9::1");
}

static void test_sizes(void **state)
{
	struct err e = {};

	(void)state;
	assert_int_not_equal(probe_path_open(dp, INSTANCE, 0, &path, &e), 0);
	assert_int_equal(e.code, ERR_CAPACITY);
	assert_int_not_equal(probe_path_open(dp, INSTANCE, SLUICE_PROBE_TARGETS_MAX, &path, &e), 0);
	assert_int_equal(e.code, ERR_CAPACITY);
	expect_nothing();
}

/* Whoever detaches an instance takes that along, pins or not. */
static void test_detach(void **state)
{
	(void)state;
	open_path();
	instance_clean(INSTANCE);
	expect_nothing();
	probe_path_close(path);
	open_path();
	instance_clean(INSTANCE);
	expect_nothing();
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_place),   TEST(test_make),
		TEST(test_silent),  TEST(test_take_over),
		TEST(test_mend),    TEST(test_sources),
		TEST(test_foreign), TEST(test_foreign_numbers),
		TEST(test_cleanup), TEST(test_without_ipv6),
		TEST(test_sizes),   TEST(test_detach),
	};
	int failed;

	space_require_root();
	space_enter();
	space_veth("slpk0");
	probe_path_place(INSTANCE, &place);
	instance_clean(INSTANCE);
	dp = instance_open(INSTANCE);
	failed = cmocka_run_group_tests_name("probe_path", tests, NULL, NULL);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
	return failed;
}
