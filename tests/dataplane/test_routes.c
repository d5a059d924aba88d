/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Announced addresses as routes of the real kernel, and as frames on a real segment. */
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/gratuitous.h"
#include "dataplane/instance.h"
#include "dataplane/routes.h"
#include "dataplane/space.h"

#define INSTANCE "sld-routes"
#define TABLE "201"

static const struct routes_place place = {.table = 201, .protocol = 201};

/* Text addresses, sorted as routes_set() wants them. */
static int compare(const void *a, const void *b)
{
	return addr_compare(a, b);
}

static int set(const struct routes_place *where, const char *const *texts,
	       struct routes_result *ret_result, struct err *e)
{
	struct sluice_addr addrs[8];
	size_t count = 0;

	for (; texts && texts[count]; count++)
		assert_int_equal(addr_parse(texts[count], &addrs[count]), 0);
	qsort(addrs, count, sizeof(*addrs), compare);
	return routes_set(where, addrs, count, ret_result, e);
}

static void expect(const char *const *texts, size_t added, size_t removed)
{
	struct routes_result result;
	struct err e = {0};
	size_t count = 0;

	while (texts[count])
		count++;
	if (set(&place, texts, &result, &e))
		fail_msg("%s", e.text);
	assert_int_equal(result.present, count);
	assert_int_equal(result.added, added);
	assert_int_equal(result.removed, removed);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING ((const char *const[]){NULL})

/* The table is empty again for each test. */
static int set_up(void **state)
{
	struct routes_result result;

	(void)state;
	space_try("ip route flush table " TABLE);
	space_try("ip -6 route flush table " TABLE);
	return set(&place, NULL, &result, NULL);
}

static void test_set(void **state)
{
	(void)state;
	expect(NOTHING, 0, 0);
	expect(LIST("192.0.2.1"), 1, 0);
	space_run("ip -json route show table " TABLE " | grep -q 'blackhole.*192.0.2.1'");
	space_run("test \"$(ip route show table " TABLE ")\" = "
		  "'blackhole 192.0.2.1 proto 201 '");
	expect(LIST("192.0.2.1"), 0, 0);
	expect(LIST("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"), 3, 0);
	space_run("ip -6 route show table " TABLE " | grep -q 'blackhole 2001:db8::2 .*proto 201'");
	expect(LIST("192.0.2.3", "2001:db8::2"), 1, 3);
	expect(NOTHING, 0, 2);
	space_run("test -z \"$(ip route show table " TABLE "; ip -6 route show table " TABLE ")\"");
}

/* Somebody flushes the table, or adds what looks like ours: the next call makes it right. */
static void test_repair(void **state)
{
	(void)state;
	expect(LIST("192.0.2.1", "2001:db8::1"), 2, 0);
	space_run("ip route flush table " TABLE);
	expect(LIST("192.0.2.1", "2001:db8::1"), 1, 0);
	space_run("ip route add blackhole 192.0.2.77 table " TABLE " proto 201");
	expect(LIST("192.0.2.1", "2001:db8::1"), 0, 1);
}

/* Other protocols, kinds, lengths and tables are not ours. */
static void test_foreign_routes(void **state)
{
	static const char *const foreign[] = {
		"blackhole 192.0.2.50 table " TABLE " proto static",
		"blackhole 192.0.2.0/24 table " TABLE " proto 201",
		"unreachable 192.0.2.51 table " TABLE " proto 201",
		"blackhole 192.0.2.52 table 202 proto 201",
		"blackhole 2001:db8::50 table " TABLE " proto static",
		"blackhole 2001:db8:1::/48 table " TABLE " proto 201",
		"blackhole 2001:db8::52 table 202 proto 201",
	};
	struct routes_result result;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		space_run("ip %sroute add %s", strchr(foreign[i], ':') ? "-6 " : "", foreign[i]);
	expect(LIST("192.0.2.1", "2001:db8::1"), 2, 0);
	expect(NOTHING, 0, 2);
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		space_run("ip %sroute show table all | grep -q '%.*s'",
			  strchr(foreign[i], ':') ? "-6 " : "",
			  (int)(strstr(foreign[i], " table") - foreign[i]), foreign[i]);
	/* In the way of ours: said so, the others are installed. */
	assert_int_equal(set(&place, LIST("192.0.2.50", "192.0.2.60"), &result, &e), -EEXIST);
	assert_non_null(strstr(e.text, "192.0.2.50"));
	assert_non_null(strstr(e.hint, "ip route show table 201"));
	assert_int_equal(result.present, 1);
	space_run("ip route show table " TABLE " | grep -q 'blackhole 192.0.2.60 proto 201'");
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		space_run("ip %sroute del %s", strchr(foreign[i], ':') ? "-6 " : "", foreign[i]);
}

static void test_high_table(void **state)
{
	static const struct routes_place high = {.table = 4000000000U, .protocol = 5};
	struct routes_result result;

	(void)state;
	assert_int_equal(set(&high, LIST("192.0.2.1", "2001:db8::1"), &result, NULL), 0);
	space_run("ip route show table 4000000000 | grep -q 192.0.2.1");
	assert_int_equal(set(&high, NULL, &result, NULL), 0);
	assert_int_equal(result.removed, 2);
}

static void test_rules(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(routes_check_rules(201, &e), 0);
	space_run("ip rule add priority 77 to 192.0.2.0/24 table " TABLE);
	assert_int_equal(routes_check_rules(202, &e), 0);
	assert_int_equal(routes_check_rules(201, &e), -EEXIST);
	assert_non_null(strstr(e.hint, "ip rule del priority 77"));
	space_run("ip rule del priority 77");
	assert_int_equal(routes_check_rules(201, &e), 0);
	space_run("ip -6 rule add priority 78 to 2001:db8::/32 table " TABLE);
	assert_int_equal(routes_check_rules(201, &e), -EEXIST);
	assert_non_null(strstr(e.hint, "ip -6 rule del priority 78"));
	space_run("ip -6 rule del priority 78");
}

/* A cleanup without a daemon finds the routes by what is pinned. */
static void test_cleanup(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct routes_place noted;

	(void)state;
	dp_bpf_note_routes(dp, &place);
	expect(LIST("192.0.2.1", "2001:db8::1"), 2, 0);
	dp_bpf_close(dp);
	dp = instance_open(INSTANCE);
	dp_bpf_noted_routes(dp, &noted);
	assert_int_equal(noted.table, 201);
	assert_int_equal(noted.protocol, 201);
	dp_bpf_close(dp);
	space_run("ip route add blackhole 192.0.2.50 table " TABLE " proto static");
	instance_clean(INSTANCE);
	space_run("test -z \"$(ip route show table " TABLE " proto 201; "
		  "ip -6 route show table " TABLE ")\"");
	space_run("ip route del blackhole 192.0.2.50 table " TABLE " proto static");
}

/* ---- role ----------------------------------------------------------------------------------- */

static void test_role(void **state)
{
	struct dp_bpf_options options = {
		.instance = INSTANCE, .capacity = instance_capacity, .is_standby = true};
	struct dp_bpf *dp;
	struct err e = {0};

	(void)state;
	if (dp_bpf_open(&options, &dp, &e))
		fail_msg("%s", e.text);
	assert_false(dp_bpf_is_active(dp));
	dp_bpf_set_active(dp, true);
	assert_true(dp_bpf_is_active(dp));
	dp_bpf_close(dp);
	/* The next daemon keeps the role, whatever its own start is. */
	assert_int_equal(dp_bpf_open(&options, &dp, &e), 0);
	assert_true(dp_bpf_is_active(dp));
	dp_bpf_set_active(dp, false);
	dp_bpf_close(dp);
	dp = instance_open(INSTANCE);
	assert_false(dp_bpf_is_active(dp));
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
	dp = instance_open(INSTANCE);
	assert_true(dp_bpf_is_active(dp));
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

/* ---- frames --------------------------------------------------------------------------------- */

static void test_frames(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0xba, 1};
	static const uint8_t arp[42] =
		"\xff\xff\xff\xff\xff\xff\2\0\0\0\xba\1\x08\x06\0\1\x08\0\6\4\0\1"
		"\2\0\0\0\xba\1\xc0\0\2\1\0\0\0\0\0\0\xc0\0\2\1";
	struct sluice_addr addr;
	uint8_t frame[GRATUITOUS_FRAME_MAX];
	uint32_t sum = 32 + 58;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", &addr), 0);
	assert_int_equal(gratuitous_build(&addr, mac, frame), 42);
	assert_memory_equal(frame, arp, 42);
	assert_int_equal(addr_parse("2001:db8::1", &addr), 0);
	assert_int_equal(gratuitous_build(&addr, mac, frame), 86);
	assert_memory_equal(frame, "\x33\x33\0\0\0\1\2\0\0\0\xba\1\x86\xdd\x60\0\0\0\0\x20\x3a\xff",
			    22);
	assert_memory_equal(frame + 22, addr.b, 16);
	assert_memory_equal(frame + 54, "\x88\0", 2);
	assert_memory_equal(frame + 58, "\x20\0\0\0", 4);
	assert_memory_equal(frame + 62, addr.b, 16);
	assert_memory_equal(frame + 78, "\2\1\2\0\0\0\xba\1", 8);
	for (int i = 22; i < 86; i += 2)
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

static bool peer_has(const char *what)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "nsenter --net=/proc/%d/ns/net ip neigh show | grep -q '%s'", space_peer(), what);
	return space_try("%s", command);
}

/* Neighbours that know the addresses learn the new MAC, on the interface and, where the kernel has
 * VLANs, on those. */
static void test_announce(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8::1", "198.51.100.1"};
	struct sluice_addr addrs[ARRAY_SIZE(texts)];
	struct dp_attachment attachment;
	struct err e = {0};
	struct dp_bpf *dp;
	bool has_vlan;
	int fd;

	(void)state;
	space_veth("an0");
	has_vlan = space_try("ip link add link an0 name an0.7 type vlan id 7");
	if (has_vlan) {
		space_run("ip link set an0.7 up");
		space_run_peer("ip link add link an0 name an0.7 type vlan id 7");
		space_run_peer("ip link set an0.7 up");
	} else {
		printf("# this kernel has no VLAN devices: tried without\n");
	}
	space_run_peer("ip address add 192.0.2.9/24 dev an0");
	space_run_peer("ip address add 198.51.100.9/24 dev an0%s", has_vlan ? ".7" : "");
	space_run_peer("ip address add 2001:db8::9/64 dev an0 nodad");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(addr_parse(texts[i], &addrs[i]), 0);
		space_run_peer("ip neigh replace %s lladdr 02:00:00:00:00:99 dev %s nud stale",
			       texts[i], i == 2 && has_vlan ? "an0.7" : "an0");
	}
	space_run("ip link set an0 address 02:00:00:00:ba:07");
	dp = instance_open(INSTANCE);
	if (dp_bpf_attach(dp, "an0", XDP_ATTACH_NATIVE, &attachment, &e))
		fail_msg("%s", e.text);
	fd = gratuitous_open();
	assert_true(fd >= 0);
	assert_int_equal(dp_bpf_announce(dp, -1, addrs, ARRAY_SIZE(addrs)), 0);
	assert_int_equal(dp_bpf_announce(dp, fd, addrs, ARRAY_SIZE(addrs)),
			 (has_vlan ? 2 : 1) * ARRAY_SIZE(addrs));
	for (int i = 0; i < 50 && !peer_has("198.51.100.1 .*ba:07"); i++)
		usleep(20000);
	assert_true(peer_has("192.0.2.1 .*02:00:00:00:ba:07"));
	assert_true(peer_has("2001:db8::1 .*02:00:00:00:ba:07"));
	assert_true(peer_has("198.51.100.1 .*02:00:00:00:ba:07"));
	close(fd);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_set, set_up),
		cmocka_unit_test_setup(test_repair, set_up),
		cmocka_unit_test_setup(test_foreign_routes, set_up),
		cmocka_unit_test_setup(test_high_table, set_up),
		cmocka_unit_test_setup(test_rules, set_up),
		cmocka_unit_test_setup(test_cleanup, set_up),
		cmocka_unit_test(test_role),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_announce),
	};

	space_require_root();
	space_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
