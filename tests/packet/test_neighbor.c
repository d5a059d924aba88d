/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ARP and neighbour discovery: which questions are answered, with what, and that all others are
 * passed as they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "packet/neighbors.h"
#include "packet/world.h"

#define OTHER_MAC "\x02\x00\x00\x00\xba\x02"

static struct world *world;

/* One byte of a good frame, changed. */
struct patch {
	uint16_t at; /* 0: no more */
	uint8_t value;
};

struct row {
	const char *name;
	struct patch patches[8];
	enum sluice_verdict verdict;
	bool is_sum_kept; /* the ICMPv6 checksum is not made right again */
};

static void set_active(bool is_active)
{
	world->control->flags = is_active ? SLUICE_CONTROL_F_ACTIVE : 0;
}

static void set_mac(uint16_t mark)
{
	uint8_t cell[2][8] = {{0, 0, 0, 0, 0, 0, (uint8_t)(mark >> 8), (uint8_t)mark}};

	memcpy(cell[0], BALANCER_MAC, 6);
	memcpy(&world->interfaces[WORLD_IFINDEX], cell, sizeof(cell));
}

static int set_up(void **state)
{
	(void)state;
	world_clear(world);
	*world->clock_ns += 1ULL << 31; /* a fresh second for the gates */
	set_active(true);
	set_mac(SLUICE_INTERFACE_MARK(WORLD_IFINDEX));
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0);
	world_service(world, 2, V6, 80, IPPROTO_TCP, 0);
	world_service(world, 3, "192.0.2.2", 80, IPPROTO_TCP, 0);
	world_address(world, V4, SLUICE_SVC_F_ARP);
	world_address(world, V6, SLUICE_SVC_F_ARP);
	return 0;
}

/* ---- expectations --------------------------------------------------------------------------- */

static void expect(const char *name, const struct frame *frame, enum sluice_verdict verdict,
		   struct world_run *run)
{
	struct world_run explained;
	int action = verdict == SLUICE_V_neighbor_answered ? XDP_TX
		     : verdict == SLUICE_V_neighbor_limited || verdict == SLUICE_V_unknown_port
			     ? XDP_DROP
			     : XDP_PASS;

	world_run(world, frame, run);
	if (run->verdict != verdict)
		fail_msg("%s: %s, expected %s", name, world_verdict_name(run->verdict),
			 world_verdict_name(verdict));
	if (run->action != action)
		fail_msg("%s: XDP action %d", name, run->action);
	if (action == XDP_PASS &&
	    (run->out_len != frame->len || memcmp(run->out, frame->data, frame->len)))
		fail_msg("%s: passed, but changed", name);
	world_run_explain(world, frame, &explained);
	if (explained.verdict != verdict && verdict != SLUICE_V_neighbor_limited)
		fail_msg("%s: explained as %s", name, world_verdict_name(explained.verdict));
}

static void expect_frame(const struct world_run *run, const uint8_t *data, uint32_t len)
{
	if (run->out_len == len && !memcmp(run->out, data, len))
		return;
	frame_print("expected", data, len);
	frame_print("got", run->out, run->out_len);
	fail_msg("another answer");
}

/* The reply to neighbors_arp(), in front of whatever padding the question had. */
static void expect_reply(const struct frame *frame, const struct world_run *run, uint32_t l3)
{
	uint8_t want[FRAME_MAX];
	uint32_t len = frame->len > 60 ? 60 : frame->len;

	memcpy(want, frame->data, len);
	memcpy(want, ASKER_MAC, 6);
	memcpy(want + 6, BALANCER_MAC, 6);
	want[l3 + 7] = 2;
	memcpy(want + l3 + 8, BALANCER_MAC, 6);
	memcpy(want + l3 + 14, "\xc0\x00\x02\x01", 4);
	memcpy(want + l3 + 18, ASKER_MAC, 6);
	memcpy(want + l3 + 24, frame->data + l3 + 14, 4);
	expect_frame(run, want, len);
}

/* The advertisement to somebody, or to all nodes. */
static void expect_advert(const struct frame *frame, const struct world_run *run, uint32_t l3,
			  const char *asker)
{
	struct sluice_addr to = world_addr(asker ? asker : "ff02::1"), target = world_addr(V6);
	uint8_t want[FRAME_MAX] = {0}, *ip = want + l3, *icmp = ip + 40;

	memcpy(want, frame->data, l3);
	memcpy(want, asker ? ASKER_MAC : "\x33\x33\x00\x00\x00\x01", 6);
	memcpy(want + 6, BALANCER_MAC, 6);
	memcpy(ip, "\x60\0\0\0\0\x20\x3a\xff", 8);
	memcpy(ip + 8, target.b, 16);
	memcpy(ip + 24, to.b, 16);
	icmp[0] = 136;
	icmp[4] = asker ? 0x60 : 0x20;
	memcpy(icmp + 8, target.b, 16);
	icmp[24] = 2;
	icmp[25] = 1;
	memcpy(icmp + 26, BALANCER_MAC, 6);
	neighbors_sum(ip);
	expect_frame(run, want, l3 + 72);
}

static const struct tag tag_lists[][2] = {{{0}}, {{0x8100, 100}}, {{0x88a8, 7}, {0x8100, 300}}};

/* ---- ARP ------------------------------------------------------------------------------------ */

static void test_arp_is_answered(void **state)
{
	(void)state;
	for (uint32_t tags = 0; tags < 3; tags++) {
		struct world_run run;
		struct frame frame;

		neighbors_arp(&frame, tag_lists[tags]);
		expect("a request", &frame, SLUICE_V_neighbor_answered, &run);
		expect_reply(&frame, &run, L3 + 4 * tags);
		frame.len = 60; /* Ethernet's padding */
		expect("with padding", &frame, SLUICE_V_neighbor_answered, &run);
		expect_reply(&frame, &run, L3 + 4 * tags);
		frame.len = 1000;
		expect("with much behind it", &frame, SLUICE_V_neighbor_answered, &run);
		expect_reply(&frame, &run, L3 + 4 * tags);
		memcpy(frame.data, BALANCER_MAC, 6);
		expect("to us alone", &frame, SLUICE_V_neighbor_answered, &run);
		memset(frame.data + L3 + 4 * tags + 14, 0, 4);
		expect("a probe", &frame, SLUICE_V_neighbor_answered, &run);
		expect_reply(&frame, &run, L3 + 4 * tags);
	}
}

static void test_arp_rows(void **state)
{
	static const struct row rows[] = {
		{"as it is", {{0}}, SLUICE_V_neighbor_answered, false},
		{"another hardware type", {{L3 + 1, 6}}, SLUICE_V_neighbor_passed, false},
		{"another protocol type", {{L3 + 2, 0x86}}, SLUICE_V_neighbor_passed, false},
		{"hardware length 8", {{L3 + 4, 8}}, SLUICE_V_neighbor_passed, false},
		{"protocol length 16", {{L3 + 5, 16}}, SLUICE_V_neighbor_passed, false},
		{"operation 0", {{L3 + 7, 0}}, SLUICE_V_neighbor_passed, false},
		{"a reply", {{L3 + 7, 2}}, SLUICE_V_neighbor_passed, false},
		{"reverse ARP", {{L3 + 7, 3}}, SLUICE_V_neighbor_passed, false},
		{"an announcement", {{L3 + 17, 1}}, SLUICE_V_neighbor_passed, false},
		{"a service without the flag", {{L3 + 27, 2}}, SLUICE_V_neighbor_passed, false},
		{"nobody's address", {{L3 + 27, 3}}, SLUICE_V_neighbor_passed, false},
		{"a group asks", {{L3 + 8, 3}}, SLUICE_V_neighbor_passed, false},
		{"everybody asks",
		 {{L3 + 8, 255},
		  {L3 + 9, 255},
		  {L3 + 10, 255},
		  {L3 + 11, 255},
		  {L3 + 12, 255},
		  {L3 + 13, 255}},
		 SLUICE_V_neighbor_passed,
		 false},
		{"nobody asks",
		 {{L3 + 8, 0}, {L3 + 12, 0}, {L3 + 13, 0}},
		 SLUICE_V_neighbor_passed,
		 false},
		{"we ask", {{L3 + 12, 0xba}, {L3 + 13, 1}}, SLUICE_V_neighbor_passed, false},
		{"to another host",
		 {{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 9}},
		 SLUICE_V_neighbor_passed,
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world_run run;
		struct frame frame;

		neighbors_arp(&frame, NULL);
		if (rows[i].patches[0].at == 1)
			frame.data[0] = 2;
		for (size_t p = 0; rows[i].patches[p].at; p++)
			frame.data[rows[i].patches[p].at] = rows[i].patches[p].value;
		expect(rows[i].name, &frame, rows[i].verdict, &run);
	}
}

/* ---- neighbour discovery -------------------------------------------------------------------- */

static void test_nd_is_answered(void **state)
{
	(void)state;
	for (uint32_t tags = 0; tags < 3; tags++) {
		struct world_run run;
		struct frame frame;

		neighbors_solicit(&frame, tag_lists[tags]);
		expect("a solicitation", &frame, SLUICE_V_neighbor_answered, &run);
		expect_advert(&frame, &run, L3 + 4 * tags, "2001:db8::9");
		frame.len += 100;
		expect("with something behind it", &frame, SLUICE_V_neighbor_answered, &run);
		expect_advert(&frame, &run, L3 + 4 * tags, "2001:db8::9");
		memcpy(frame.data, BALANCER_MAC, 6);
		expect("the group, but our MAC", &frame, SLUICE_V_neighbor_answered, &run);
		for (uint32_t options = 0; options <= 64; options += 8) {
			neighbors_nd(&frame, "fe80::9", V6, BALANCER_MAC, options, tag_lists[tags]);
			expect("to us alone", &frame, SLUICE_V_neighbor_answered, &run);
			expect_advert(&frame, &run, L3 + 4 * tags, "fe80::9");
		}
	}
}

static void test_probe_is_answered(void **state)
{
	struct world_run run;
	struct frame frame;

	(void)state;
	neighbors_probe(&frame, false);
	expect("a probe", &frame, SLUICE_V_neighbor_answered, &run);
	expect_advert(&frame, &run, L3, NULL);
	neighbors_probe(&frame, true);
	expect("a probe with a nonce", &frame, SLUICE_V_neighbor_answered, &run);
	expect_advert(&frame, &run, L3, NULL);
	neighbors_nd(&frame, "::", "ff02::1:ff00:1", GROUP_MAC, 8, NULL);
	expect("a probe with a MAC", &frame, SLUICE_V_neighbor_passed, &run);
	neighbors_nd(&frame, "::", V6, BALANCER_MAC, 0, NULL);
	expect("a probe to us alone", &frame, SLUICE_V_neighbor_passed, &run);
}

/* Where it is answered, the asker's MAC is the option's, not the frame's. */
static void test_asker_is_the_option(void **state)
{
	struct world_run run;
	struct frame frame;

	(void)state;
	neighbors_solicit(&frame, NULL);
	frame.data[11] = 0x77;
	expect("another MAC in the frame", &frame, SLUICE_V_neighbor_answered, &run);
	expect_advert(&frame, &run, L3, "2001:db8::9");
}

static void test_nd_rows(void **state)
{
	static const struct row rows[] = {
		{"as it is", {{0}}, SLUICE_V_neighbor_answered, false},
		{"router solicitation", {{ICMP, 133}}, SLUICE_V_neighbor_passed, false},
		{"router advertisement", {{ICMP, 134}}, SLUICE_V_neighbor_passed, false},
		{"an advertisement", {{ICMP, 136}}, SLUICE_V_neighbor_passed, false},
		{"a redirect", {{ICMP, 137}}, SLUICE_V_neighbor_passed, false},
		{"echo", {{ICMP, 128}}, SLUICE_V_other_host, false},
		{"from behind a router", {{L3 + 7, 254}}, SLUICE_V_other_host, false},
		{"code 1", {{ICMP + 1, 1}}, SLUICE_V_neighbor_passed, false},
		{"wrong checksum", {{ICMP + 4, 1}}, SLUICE_V_neighbor_passed, true},
		{"another group", {{L3 + 39, 2}}, SLUICE_V_neighbor_passed, false},
		{"all nodes", {{L3 + 35, 0}, {L3 + 36, 0}}, SLUICE_V_neighbor_passed, false},
		{"nobody's target",
		 {{ICMP + 23, 2}, {L3 + 39, 2}},
		 SLUICE_V_neighbor_passed,
		 false},
		{"the target asks", {{L3 + 23, 1}}, SLUICE_V_neighbor_passed, false},
		{"a group asks", {{L3 + 8, 0xff}}, SLUICE_V_neighbor_passed, false},
		{"option of length 0", {{ICMP + 25, 0}}, SLUICE_V_neighbor_passed, false},
		{"option beyond the end", {{ICMP + 25, 2}}, SLUICE_V_neighbor_passed, false},
		{"another option beyond the end",
		 {{ICMP + 24, 14}, {ICMP + 25, 255}},
		 SLUICE_V_neighbor_passed,
		 false},
		{"a group's MAC in the option", {{ICMP + 26, 3}}, SLUICE_V_neighbor_passed, false},
		{"our MAC in the option",
		 {{ICMP + 30, 0xba}, {ICMP + 31, 1}},
		 SLUICE_V_neighbor_passed,
		 false},
		{"length not in eights", {{L3 + 5, 31}}, SLUICE_V_neighbor_passed, true},
		{"length without the target", {{L3 + 5, 16}}, SLUICE_V_neighbor_passed, false},
		{"another next header", {{L3 + 6, 59}}, SLUICE_V_other_host, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world_run run;
		struct frame frame;

		neighbors_solicit(&frame, NULL);
		for (size_t p = 0; rows[i].patches[p].at; p++)
			frame.data[rows[i].patches[p].at] = rows[i].patches[p].value;
		if (!rows[i].is_sum_kept)
			neighbors_sum(frame.data + L3);
		expect(rows[i].name, &frame, rows[i].verdict, &run);
	}
}

static void test_nd_hostile(void **state)
{
	struct sluice_addr mapped = world_addr(V4);
	struct world_run run;
	struct frame frame;

	(void)state;
	neighbors_nd(&frame, "2001:db8::9", "ff02::1:ff00:1", GROUP_MAC, 72, NULL);
	expect("too many options", &frame, SLUICE_V_neighbor_passed, &run);
	neighbors_nd(&frame, "2001:db8::9", V6, OTHER_MAC, 8, NULL);
	expect("to another host", &frame, SLUICE_V_neighbor_passed, &run);
	neighbors_nd(&frame, "2001:db8::9", V6, BALANCER_MAC, 0, NULL);
	frame.data[6] = 3;
	expect("from a group's MAC", &frame, SLUICE_V_neighbor_passed, &run);
	/* An IPv4 service is nobody's business in neighbour discovery. */
	neighbors_nd(&frame, "2001:db8::9", "ff02::1:ff00:201", GROUP_MAC, 8, NULL);
	memcpy(frame.data + ICMP + 8, mapped.b, 16);
	neighbors_sum(frame.data + L3);
	expect("a v4-mapped target", &frame, SLUICE_V_neighbor_passed, &run);
	frame_build(&frame, &(struct packet){.src = "2001:db8::9",
					     .dst = V6,
					     .ttl = 254,
					     .proto = IPPROTO_ICMPV6,
					     .payload = "\x87",
					     .payload_len = 1});
	expect("a solicitation's type, routed here", &frame, SLUICE_V_unknown_port, &run);
	frame_build(&frame, &(struct packet){.src = "2001:db8::9",
					     .dst = V6,
					     .ttl = 255,
					     .extensions = {60},
					     .proto = IPPROTO_ICMPV6,
					     .payload = "\x87",
					     .payload_len = 1});
	expect("behind an extension header", &frame, SLUICE_V_neighbor_passed, &run);
	frame_build(&frame, &(struct packet){.src = "198.51.100.1",
					     .dst = V4,
					     .ttl = 255,
					     .proto = IPPROTO_ICMPV6,
					     .payload = "\x87",
					     .payload_len = 1});
	expect("in IPv4", &frame, SLUICE_V_unknown_port, &run);
}

/* ---- both ----------------------------------------------------------------------------------- */

/* All lengths that a cut leaves. */
static void test_every_length(void **state)
{
	(void)state;
	for (uint32_t tags = 0; tags < 3; tags++) {
		struct frame arp, nd;
		struct world_run run;
		uint32_t whole;

		neighbors_arp(&arp, tag_lists[tags]);
		whole = arp.len;
		for (; arp.len > L3 + 4 * tags; arp.len--)
			expect("a cut request", &arp,
			       arp.len == whole ? SLUICE_V_neighbor_answered
						: SLUICE_V_neighbor_passed,
			       &run);
		neighbors_solicit(&nd, tag_lists[tags]);
		whole = nd.len;
		for (; nd.len >= L3; nd.len--) {
			world_run(world, &nd, &run);
			assert_int_equal(run.verdict == SLUICE_V_neighbor_answered,
					 nd.len == whole);
			assert_int_equal(run.action, nd.len == whole ? XDP_TX : XDP_PASS);
			if (run.action == XDP_PASS)
				expect_frame(&run, nd.data, nd.len);
		}
	}
}

/* Whoever is not to answer, does not. */
static void test_silence(void **state)
{
	struct frame arp, nd;
	struct world_run run;

	(void)state;
	neighbors_arp(&arp, NULL);
	neighbors_solicit(&nd, NULL);
	set_active(false);
	expect("standby", &arp, SLUICE_V_neighbor_passed, &run);
	expect("standby", &nd, SLUICE_V_neighbor_passed, &run);
	/* Active, and cut off: nobody is attracted; other flags do not matter. */
	world->control->flags = SLUICE_CONTROL_F_ACTIVE | SLUICE_CONTROL_F_CUT_OFF;
	expect("cut off", &arp, SLUICE_V_neighbor_passed, &run);
	expect("cut off", &nd, SLUICE_V_neighbor_passed, &run);
	world->control->flags = SLUICE_CONTROL_F_CUT_OFF;
	expect("cut off on standby", &arp, SLUICE_V_neighbor_passed, &run);
	set_active(true);
	expect("no longer cut off", &arp, SLUICE_V_neighbor_answered, &run);
	expect("no longer cut off", &nd, SLUICE_V_neighbor_answered, &run);
	world_address(world, V4, 0);
	world_address(world, V6, SLUICE_SVC_F_PASS_UNKNOWN);
	expect("not announced by ARP", &arp, SLUICE_V_neighbor_passed, &run);
	expect("not announced by ARP", &nd, SLUICE_V_neighbor_passed, &run);
	set_up(state);
	set_mac(0);
	expect("MAC not known", &arp, SLUICE_V_neighbor_passed, &run);
	expect("MAC not known", &nd, SLUICE_V_neighbor_passed, &run);
	set_mac(SLUICE_INTERFACE_MARK(WORLD_IFINDEX + SLUICE_INTERFACES));
	expect("another interface's MAC", &arp, SLUICE_V_neighbor_passed, &run);
	expect("another interface's MAC", &nd, SLUICE_V_neighbor_passed, &run);
	set_up(state);
	expect("everything in place", &arp, SLUICE_V_neighbor_answered, &run);
	expect("everything in place", &nd, SLUICE_V_neighbor_answered, &run);
}

static void test_rate(void **state)
{
	struct frame arp, nd;
	struct world_run run;
	int answered = 0;

	(void)state;
	neighbors_arp(&arp, NULL);
	neighbors_solicit(&nd, NULL);
	for (int i = 0; i < SLUICE_NEIGHBOR_PER_S + 100; i++) {
		world_run(world, i % 2 ? &arp : &nd, &run);
		answered += run.verdict == SLUICE_V_neighbor_answered;
	}
	assert_int_equal(answered, SLUICE_NEIGHBOR_PER_S);
	expect("beyond the rate", &arp, SLUICE_V_neighbor_limited, &run);
	expect("beyond the rate", &nd, SLUICE_V_neighbor_limited, &run);
	arp.data[L3 + 27] = 77;
	expect("of no concern to the rate", &arp, SLUICE_V_neighbor_passed, &run);
	*world->clock_ns += 1ULL << 30;
	expect("a second later", &nd, SLUICE_V_neighbor_answered, &run);
}

/* Without room for an answer that is longer than the question there is none. */
static void test_no_headroom(void **state)
{
	struct world_run run;
	struct frame frame;

	(void)state;
	neighbors_probe(&frame, false);
	if (!world_run_crowded(world, &frame, 216, &run)) {
		puts("# SKIP this kernel has no test runs with so much metadata");
		skip();
	}
	assert_int_equal(run.verdict, SLUICE_V_no_headroom);
	assert_int_equal(run.action, XDP_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_arp_is_answered, set_up),
		cmocka_unit_test_setup(test_arp_rows, set_up),
		cmocka_unit_test_setup(test_nd_is_answered, set_up),
		cmocka_unit_test_setup(test_probe_is_answered, set_up),
		cmocka_unit_test_setup(test_asker_is_the_option, set_up),
		cmocka_unit_test_setup(test_nd_rows, set_up),
		cmocka_unit_test_setup(test_nd_hostile, set_up),
		cmocka_unit_test_setup(test_every_length, set_up),
		cmocka_unit_test_setup(test_silence, set_up),
		cmocka_unit_test_setup(test_rate, set_up),
		cmocka_unit_test_setup(test_no_headroom, set_up),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("neighbor", tests, NULL, NULL);
	world_free(world);
	return failed;
}
