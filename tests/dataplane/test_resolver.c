/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The resolver against the kernel's own routing and neighbours, in namespaces. */
#include <net/if.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "dataplane/resolver.h"
#include "dataplane/space.h"

#define WAIT_MS 15000 /* an ARP verdict takes the kernel 3 s, a reachable one's loss about 10 */

struct seen {
	uint32_t calls;
	struct sluice_addr addr;
	bool is_on_link_only;
	enum nexthop_state state;
	struct nexthop nexthop;
	char text[96];
};

static struct seen seen;
static struct resolver *resolver;

static void take(void *arg, const struct sluice_addr *addr, bool is_on_link_only,
		 enum nexthop_state state, const struct nexthop *nexthop, const char *text)
{
	struct seen *s = arg;

	s->calls++;
	s->addr = *addr;
	s->is_on_link_only = is_on_link_only;
	s->state = state;
	s->nexthop = *nexthop;
	util_copy(s->text, sizeof(s->text), text);
}

static struct sluice_addr address(const char *text)
{
	struct sluice_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* Turns as the daemon's loop would, until the state is there or time is up. */
static bool wait_for(enum nexthop_state state)
{
	uint64_t end = clock_now_ms() + WAIT_MS, tick = 0, now;
	struct pollfd pfd = {.fd = resolver_fd(resolver), .events = POLLIN};

	while ((now = clock_now_ms()) < end) {
		if (seen.calls && seen.state == state)
			return true;
		poll(&pfd, 1, 100);
		resolver_read(resolver);
		if (now - tick >= 500) {
			tick = now;
			resolver_tick(resolver, now);
		}
	}
	return seen.calls && seen.state == state;
}

static void settle_for(uint32_t ms)
{
	uint64_t end = clock_now_ms() + ms;
	struct pollfd pfd = {.fd = resolver_fd(resolver), .events = POLLIN};

	while (clock_now_ms() < end) {
		poll(&pfd, 1, 50);
		resolver_read(resolver);
	}
}

static void want(const char *text, bool is_on_link_only)
{
	struct sluice_addr addr = address(text);

	memset(&seen, 0, sizeof(seen));
	resolver_want(resolver, &addr, is_on_link_only);
	assert_int_equal(seen.calls, 0); /* never from within */
}

static void drop(const char *text, bool is_on_link_only)
{
	struct sluice_addr addr = address(text);

	resolver_drop(resolver, &addr, is_on_link_only);
	settle_for(50);
}

static int set_up(void **state)
{
	struct err e = {};

	(void)state;
	space_enter();
	space_veth("re0");
	space_run("ip addr add 10.7.0.1/24 dev re0");
	space_run("ip addr add fd00:7::1/64 dev re0 nodad");
	space_run_peer("ip addr add 10.7.0.2/24 dev re0");
	space_run_peer("ip addr add fd00:7::2/64 dev re0 nodad");
	space_run_peer("ip link set re0 address 02:00:00:00:00:22");
	space_run("ip route add 10.8.0.0/24 via 10.7.0.2 mtu 1400");
	space_run("ip -6 route add fd00:8::/64 via fd00:7::2");
	if (resolver_new(take, &seen, &resolver, &e))
		fail_msg("%s", e.text);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	resolver_free(resolver);
	return 0;
}

static void test_neighbour_on_link(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x22};
	struct sluice_addr source = address("10.7.0.1");

	(void)state;
	want("10.7.0.2", true);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	assert_memory_equal(seen.nexthop.dmac, mac, 6);
	assert_int_equal(seen.nexthop.ifindex, if_nametoindex("re0"));
	assert_int_equal(seen.nexthop.mtu, 1500);
	assert_false(seen.nexthop.has_vlan);
	assert_true(addr_equal(&seen.nexthop.src4, &source));
	assert_true(seen.is_on_link_only);
	assert_string_equal(seen.text, "");
	assert_true(space_try("ip -s neigh show 10.7.0.2 | grep -q managed"));
	/* The last one who wanted it gives it back to the kernel. */
	drop("10.7.0.2", true);
	assert_false(space_try("ip -s neigh show 10.7.0.2 | grep -q managed"));
}

static void test_neighbour_v6(void **state)
{
	struct sluice_addr source = address("fd00:7::1");

	(void)state;
	want("fd00:7::2", false);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	assert_int_equal(seen.nexthop.dmac[5], 0x22);
	assert_true(addr_equal(&seen.nexthop.src6, &source));
	drop("fd00:7::2", false);
}

static void test_second_want_is_answered(void **state)
{
	struct sluice_addr addr = address("10.7.0.2");

	(void)state;
	want("10.7.0.2", false);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	want("10.7.0.2", false);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	drop("10.7.0.2", false);
	memset(&seen, 0, sizeof(seen));
	space_run_peer("ip link set re0 address 02:00:00:00:00:23");
	space_run("ip neigh flush dev re0");
	assert_true(wait_for(NEXTHOP_RESOLVED)); /* still wanted once */
	assert_int_equal(seen.nexthop.dmac[5], 0x23);
	resolver_drop(resolver, &addr, false);
	space_run_peer("ip link set re0 address 02:00:00:00:00:22");
	settle_for(100);
	space_run("ip neigh flush dev re0");
}

static void test_mac_changes(void **state)
{
	(void)state;
	want("10.7.0.2", false);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	memset(&seen, 0, sizeof(seen));
	/* Another machine takes the address over and says so. */
	space_run_peer("ip link set re0 address 02:00:00:00:00:33");
	space_run("ip neigh replace 10.7.0.2 dev re0 lladdr 02:00:00:00:00:33 nud reachable");
	assert_true(wait_for(NEXTHOP_RESOLVED));
	assert_int_equal(seen.nexthop.dmac[5], 0x33);
	drop("10.7.0.2", false);
	space_run_peer("ip link set re0 address 02:00:00:00:00:22");
	space_run("ip neigh flush dev re0");
}

static void test_static_neighbour_stays_static(void **state)
{
	(void)state;
	space_run("ip neigh replace 10.7.0.77 dev re0 lladdr 02:00:00:00:00:77 nud permanent");
	settle_for(100);
	want("10.7.0.77", true);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	assert_int_equal(seen.nexthop.dmac[5], 0x77);
	drop("10.7.0.77", true);
	assert_true(space_try("ip neigh show 10.7.0.77 | grep -q PERMANENT"));
	space_run("ip neigh del 10.7.0.77 dev re0");
}

static void test_nobody_answers(void **state)
{
	(void)state;
	want("10.7.0.99", false);
	assert_true(wait_for(NEXTHOP_FAILED));
	assert_string_equal(seen.text, "10.7.0.99 on re0: neighbour failed (no answer to ARP)");
	/* It comes up later. */
	memset(&seen, 0, sizeof(seen));
	space_run_peer("ip addr add 10.7.0.99/24 dev re0");
	assert_true(wait_for(NEXTHOP_RESOLVED));
	drop("10.7.0.99", false);
}

/* No packet of the stack's own confirms it or not: only the kernel's managed probing notices. */
static void test_neighbour_dies(void **state)
{
	(void)state;
	space_run("sysctl -qw net.ipv4.neigh.re0.base_reachable_time_ms=500");
	space_run("sysctl -qw net.ipv4.neigh.re0.delay_first_probe_time=1");
	space_run("sysctl -qw net.ipv4.neigh.re0.retrans_time_ms=200");
	space_run("sysctl -qw net.ipv4.neigh.re0.interval_probe_time_ms=500");
	space_run_peer("ip addr add 10.7.0.55/24 dev re0");
	want("10.7.0.55", true);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	space_run_peer("ip addr del 10.7.0.55/24 dev re0");
	assert_true(wait_for(NEXTHOP_FAILED));
	assert_non_null(strstr(seen.text, "10.7.0.55 on re0: neighbour failed"));
	assert_int_equal(seen.nexthop.ifindex, 0);
	drop("10.7.0.55", true);
}

static void test_through_a_gateway(void **state)
{
	(void)state;
	want("10.8.0.5", false);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	assert_int_equal(seen.nexthop.dmac[5], 0x22);
	assert_int_equal(seen.nexthop.mtu, 1400); /* the route's */
	drop("10.8.0.5", false);
	want("10.8.0.5", true);
	assert_true(wait_for(NEXTHOP_FAILED));
	assert_non_null(strstr(seen.text, "behind 10.7.0.2 on re0"));
	drop("10.8.0.5", true);
	want("fd00:8::5", false);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	drop("fd00:8::5", false);
}

static void test_route_comes_and_goes(void **state)
{
	(void)state;
	want("10.9.0.5", false);
	assert_true(wait_for(NEXTHOP_FAILED));
	assert_string_equal(seen.text, "no route to host");
	space_run("ip route add 10.9.0.0/24 via 10.7.0.2");
	assert_true(wait_for(NEXTHOP_RESOLVED));
	space_run("ip route replace unreachable 10.9.0.0/24 metric 0");
	assert_true(wait_for(NEXTHOP_FAILED));
	space_run("ip route del 10.9.0.0/24");
	drop("10.9.0.5", false);
}

static void test_link_goes_down(void **state)
{
	(void)state;
	want("10.7.0.2", true);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	space_run_peer("ip link set re0 down");
	assert_true(wait_for(NEXTHOP_FAILED));
	assert_string_equal(seen.text, "re0 has no carrier");
	space_run_peer("ip link set re0 up");
	assert_true(wait_for(NEXTHOP_RESOLVED));
	drop("10.7.0.2", true);
}

static void test_own_address(void **state)
{
	struct sluice_addr own = address("10.7.0.1"), own6 = address("fd00:7::1");
	struct sluice_addr other = address("10.7.0.2"), none = address("203.0.113.1");

	(void)state;
	assert_true(resolver_is_local(resolver, &own));
	assert_true(resolver_is_local(resolver, &own6));
	assert_false(resolver_is_local(resolver, &other));
	assert_false(resolver_is_local(resolver, &none));
	want("10.7.0.1", false);
	assert_true(wait_for(NEXTHOP_FAILED));
	assert_non_null(strstr(seen.text, "this host's own"));
	drop("10.7.0.1", false);
}

static void test_bridge_is_refused(void **state)
{
	(void)state;
	space_run("ip link add br7 type bridge");
	space_run("ip link set br7 up");
	space_run("ip addr add 10.17.0.1/24 dev br7");
	want("10.17.0.2", true);
	assert_true(wait_for(NEXTHOP_FAILED));
	assert_non_null(strstr(seen.text, "br7 is a bridge"));
	drop("10.17.0.2", true);
	space_run("ip link del br7");
}

static void test_vlan_device(void **state)
{
	(void)state;
	if (!space_try("ip link add link re0 name re0.42 type vlan id 42")) {
		print_message("# SKIP no VLAN devices in this kernel (test_links covers them)\n");
		skip();
	}
	space_run_peer("ip link add link re0 name re0.42 type vlan id 42");
	space_run("ip addr add 10.42.0.1/24 dev re0.42");
	space_run("ip link set re0.42 up mtu 1480");
	space_run_peer("ip addr add 10.42.0.2/24 dev re0.42");
	space_run_peer("ip link set re0.42 up");
	want("10.42.0.2", true);
	assert_true(wait_for(NEXTHOP_RESOLVED));
	assert_true(seen.nexthop.has_vlan);
	assert_int_equal(seen.nexthop.vlan_tci, 42);
	assert_int_equal(seen.nexthop.ifindex, if_nametoindex("re0"));
	assert_int_equal(seen.nexthop.mtu, 1480);
	drop("10.42.0.2", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbour_on_link),
		cmocka_unit_test(test_neighbour_v6),
		cmocka_unit_test(test_second_want_is_answered),
		cmocka_unit_test(test_mac_changes),
		cmocka_unit_test(test_static_neighbour_stays_static),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_neighbour_dies),
		cmocka_unit_test(test_through_a_gateway),
		cmocka_unit_test(test_route_comes_and_goes),
		cmocka_unit_test(test_link_goes_down),
		cmocka_unit_test(test_own_address),
		cmocka_unit_test(test_bridge_is_refused),
		cmocka_unit_test(test_vlan_device),
	};

	space_require_root();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
