/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Gateways against the kernel's own: which ones count, whether they answer, when they are given up. */
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

#define WAIT_MS 15000
#define ASK_MS 300

static struct resolver *resolver;

static void take(void *arg, const struct sluice_addr *addr, bool is_on_link_only,
		 enum nexthop_state state, const struct nexthop *nexthop, const char *text)
{
	(void)arg, (void)addr, (void)is_on_link_only, (void)state, (void)nexthop, (void)text;
}

static struct sluice_addr address(const char *text)
{
	struct sluice_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static int set_up(void **state)
{
	struct err e = {};

	(void)state;
	space_enter();
	space_veth("gw0");
	space_run("ip addr add 10.7.0.1/24 dev gw0");
	space_run_peer("ip addr add 10.7.0.2/24 dev gw0");
	space_run_peer("ip addr add 10.7.0.3/24 dev gw0");
	space_run("ip route add 10.8.0.0/24 via 10.7.0.2");
	space_run("ip route add 10.9.0.0/24 via 10.7.0.3");
	/* One lost answer is enough for the kernel, so that nobody waits for long. */
	space_run("sysctl -qw net.ipv4.neigh.gw0.ucast_solicit=1");
	space_run("sysctl -qw net.ipv4.neigh.gw0.mcast_solicit=1");
	if (resolver_new(take, NULL, &resolver, &e))
		fail_msg("%s", e.text);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	resolver_free(resolver);
	return 0;
}

static void want(const char *text)
{
	struct sluice_addr addr = address(text);

	resolver_want(resolver, &addr, false);
}

static void drop(const char *text)
{
	struct sluice_addr addr = address(text);

	resolver_drop(resolver, &addr, false);
}

/* A turn of the loop, a tick included. */
static void turn(void)
{
	struct pollfd pfd = {.fd = resolver_fd(resolver), .events = POLLIN};

	poll(&pfd, 1, 20);
	resolver_read(resolver);
	resolver_tick(resolver, clock_now_ms());
}

/* "10.7.0.2 10.7.0.3", as they are found. */
static const char *gateways(uint32_t attached)
{
	static char text[200];
	struct resolver_gateway gateway;
	char address[ADDR_TEXT_MAX];
	size_t used = 0, i;
	int turns;

	for (turns = 0; turns < 5; turns++)
		turn();
	resolver_follow_gateways(resolver, &attached, 1);
	text[0] = '\0';
	for (i = 0; resolver_gateway_at(resolver, i, &gateway); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 addr_format(&gateway.addr, address));
	return text;
}

static struct resolver_gateway first(void)
{
	struct resolver_gateway gateway;

	assert_true(resolver_gateway_at(resolver, 0, &gateway));
	return gateway;
}

static bool is_given_up(void)
{
	return first().has_failed;
}

static bool is_well(void)
{
	return !first().has_failed && !first().unanswered_ms;
}

static bool is_unanswered(void)
{
	return first().unanswered_ms;
}

/* Asks again and again, as the daemon does, while it is so, or is not. False: time is up. */
static bool ask_while_is(bool (*is_so)(void), bool wanted, uint32_t for_ms)
{
	uint64_t end_ms = clock_now_ms() + for_ms, asked_ms = 0, now_ms;

	while ((now_ms = clock_now_ms()) < end_ms) {
		if (now_ms - asked_ms >= ASK_MS) {
			asked_ms = now_ms;
			resolver_question_gateways(resolver, now_ms);
		}
		turn();
		if (is_so() != wanted)
			return true;
	}
	return false;
}

static bool ask_until(bool (*is_so)(void))
{
	return ask_while_is(is_so, false, WAIT_MS);
}

/* Those on the way to what is wanted; with nothing behind one, where the default route leads. */
static void test_who_counts(void **state)
{
	uint32_t here = if_nametoindex("gw0");

	(void)state;
	assert_string_equal(gateways(here), "");
	assert_false(resolver_has_only_gateways(resolver));
	want("10.8.0.5");
	want("10.8.0.6");
	assert_string_equal(gateways(here), "10.7.0.2");
	assert_true(resolver_has_only_gateways(resolver));
	assert_int_equal(first().ifindex, here);
	want("10.9.0.5");
	want("10.7.0.50");
	assert_int_equal(strlen(gateways(here)), strlen("10.7.0.2 10.7.0.3"));
	assert_false(resolver_has_only_gateways(resolver)); /* one is on the segment */
	drop("10.8.0.5");
	drop("10.8.0.6");
	assert_string_equal(gateways(here), "10.7.0.3");
	drop("10.9.0.5");
	assert_string_equal(gateways(here), "");
	space_run("ip route add default via 10.7.0.2");
	assert_string_equal(gateways(here), "10.7.0.2");
	assert_false(resolver_has_only_gateways(resolver));
	assert_string_equal(gateways(here + 1000), ""); /* not by an interface of ours */
	space_run("ip route del default");
	assert_string_equal(gateways(here), "");
	drop("10.7.0.50");
}

/* An answer ends the question. Silence is given up by the kernel, and stays so while it asks anew. */
static void test_whether_it_answers(void **state)
{
	uint64_t since_ms;

	(void)state;
	want("10.8.0.5");
	assert_string_equal(gateways(if_nametoindex("gw0")), "10.7.0.2");
	assert_true(ask_until(is_well));
	space_run_peer("sysctl -qw net.ipv4.conf.gw0.arp_ignore=8");
	assert_true(ask_until(is_unanswered));
	since_ms = first().unanswered_ms;
	assert_true(ask_until(is_given_up));
	assert_false(ask_while_is(is_given_up, true, 2500)); /* it is asked anew meanwhile */
	assert_int_equal(first().unanswered_ms, since_ms);   /* of the first question */
	space_run_peer("sysctl -qw net.ipv4.conf.gw0.arp_ignore=0");
	assert_true(ask_until(is_well));
	drop("10.8.0.5");
	assert_string_equal(gateways(if_nametoindex("gw0")), "");
}

/* A static entry is never asked, and is there. */
static void test_static(void **state)
{
	(void)state;
	space_run("ip neigh replace 10.7.0.2 dev gw0 lladdr 02:00:00:00:00:77 nud permanent");
	want("10.8.0.5");
	assert_string_equal(gateways(if_nametoindex("gw0")), "10.7.0.2");
	resolver_question_gateways(resolver, clock_now_ms());
	assert_int_equal(first().unanswered_ms, 0);
	assert_false(first().has_failed);
	assert_true(space_try("ip neigh show 10.7.0.2 | grep -q PERMANENT"));
	drop("10.8.0.5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_counts),
		cmocka_unit_test(test_whether_it_answers),
		cmocka_unit_test(test_static),
	};

	space_require_root();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
