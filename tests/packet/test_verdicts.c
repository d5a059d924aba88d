/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Each verdict, by a packet that deserves it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "packet/states.h"

static struct world *world;

struct row {
	const char *name;
	void (*set_up)(struct world *world);
	struct packet packet;
	enum sluice_verdict verdict;
};

#define EXT(...) .extensions = {__VA_ARGS__}

static const struct row rows[] = {
	/* Not for us. */
	{"ARP", NULL, {.ethertype = 0x0806, .payload_len = 28}, SLUICE_V_neighbor_passed},
	{"ARP for a service", state_arp, {ARP}, SLUICE_V_neighbor_answered},
	{"ARP for a service, too often", state_arp_flood, {ARP}, SLUICE_V_neighbor_limited},
	{"unknown protocol", NULL, {.ethertype = 0x88cc, .payload_len = 46}, SLUICE_V_not_ip},
	{"three tags",
	 NULL,
	 {.tags = {{0x88a8, 1}, {0x8100, 2}, {0x8100, 3}}, TCP4},
	 SLUICE_V_not_ip},
	{"another host's MAC",
	 state_macs,
	 {TCP4, .dmac = "\x02\x00\x00\x00\xba\x02"},
	 SLUICE_V_other_host},
	{"a broadcast",
	 state_macs,
	 {TCP4, .dmac = "\xff\xff\xff\xff\xff\xff"},
	 SLUICE_V_other_host},
	{"a VRRP-like MAC",
	 state_macs,
	 {TCP4, .dmac = "\x00\x00\x5e\x00\x03\x07"},
	 SLUICE_V_other_host},
	{"our MAC", state_macs, {TCP4}, SLUICE_V_forwarded},
	{"our master's MAC",
	 state_macs,
	 {TCP4, .dmac = "\x02\x00\x00\x00\xbb\x01"},
	 SLUICE_V_forwarded},
	{"a VRRP MAC", state_macs, {TCP4, .dmac = "\x00\x00\x5e\x00\x01\x07"}, SLUICE_V_forwarded},
	{"the MACs of another interface in the same cell",
	 state_foreign_macs,
	 {TCP4, .dmac = "\x02\x00\x00\x00\xba\x02"},
	 SLUICE_V_forwarded},
	{"IPv4 elsewhere",
	 NULL,
	 {.src = CLIENT4, .dst = "192.0.2.2", .proto = IPPROTO_TCP, .dport = 80},
	 SLUICE_V_not_service},
	{"IPv6 elsewhere",
	 NULL,
	 {.src = CLIENT6, .dst = "2001:db8::2", .proto = IPPROTO_TCP, .dport = 80},
	 SLUICE_V_not_service},
	{"a fragment elsewhere",
	 NULL,
	 {.src = CLIENT4,
	  .dst = "192.0.2.2",
	  .proto = IPPROTO_UDP,
	  .fragment = 0x2000,
	  .payload_len = 64},
	 SLUICE_V_not_service},
	{"a broken header elsewhere",
	 NULL,
	 {.src = CLIENT4, .dst = "192.0.2.2", .proto = IPPROTO_TCP, .ihl = 3},
	 SLUICE_V_not_service},
	{"a tunnel elsewhere",
	 NULL,
	 {.src = CLIENT4, .dst = "192.0.2.2", .proto = IPPROTO_IPIP, .payload_len = 40},
	 SLUICE_V_not_service},
	{"IPv4 service address in IPv6",
	 NULL,
	 {.src = CLIENT6, .dst = "::ffff:192.0.2.1", .proto = IPPROTO_TCP, .dport = 80},
	 SLUICE_V_not_service},
	{"IPv4 header cut short", NULL, {TCP4, .cut = 21}, SLUICE_V_not_service},

	/* For us, and fine. */
	{"TCP over IPv4", NULL, {TCP4}, SLUICE_V_forwarded},
	{"TCP over IPv4, SYN", NULL, {TCP4, .tcp_flags = TCP_SYN}, SLUICE_V_forwarded},
	{"UDP over IPv4", NULL, {UDP4, .payload_len = 10}, SLUICE_V_forwarded},
	{"UDP over IPv4, empty", NULL, {UDP4}, SLUICE_V_forwarded},
	{"UDP over IPv4, surplus",
	 NULL,
	 {UDP4, .payload_len = 10, .udp_len_add = -4},
	 SLUICE_V_forwarded},
	{"TCP over IPv6", NULL, {TCP6}, SLUICE_V_forwarded},
	{"UDP over IPv6", NULL, {UDP6, .payload_len = 10}, SLUICE_V_forwarded},
	{"IPv4 options", NULL, {TCP4, .options = 40}, SLUICE_V_forwarded},
	{"don't fragment", NULL, {TCP4, .fragment = 0x4000}, SLUICE_V_forwarded},
	{"one tag", NULL, {.tags = {{0x8100, 100}}, TCP4}, SLUICE_V_forwarded},
	{"two tags", NULL, {.tags = {{0x88a8, 100}, {0x8100, 200}}, TCP6}, SLUICE_V_forwarded},
	{"six extension headers",
	 NULL,
	 {TCP6, EXT(EXT_HOP_BY_HOP, 60, 43, 51, 135, 60)},
	 SLUICE_V_forwarded},
	{"all ports", state_all_ports, {TCP4}, SLUICE_V_forwarded},
	{"all ports, another one",
	 state_all_ports,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .dport = 9999},
	 SLUICE_V_forwarded},
	{"dead owner, runner-up alive", state_dead_owner, {TCP4}, SLUICE_V_forwarded},
	{"owner just freed", state_freed_owner, {TCP4}, SLUICE_V_forwarded},
	{"tunnel as large as the path",
	 state_exact_mtu,
	 {TCP4, .payload_len = 100},
	 SLUICE_V_forwarded},
	{"l2 as large as the path",
	 state_exact_mtu_l2,
	 {TCP4, .payload_len = 100},
	 SLUICE_V_forwarded},
	{"mode local", state_local, {TCP4}, SLUICE_V_local},

	/* Our address, nobody's port. */
	{"TCP port",
	 NULL,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .dport = 81},
	 SLUICE_V_unknown_port},
	{"UDP on TCP's port",
	 NULL,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_UDP, .dport = 80},
	 SLUICE_V_unknown_port},
	{"UDP, all TCP ports",
	 state_all_ports,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_UDP, .dport = 80},
	 SLUICE_V_unknown_port},
	{"ICMP",
	 NULL,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_ICMP, .payload_len = 8},
	 SLUICE_V_unknown_port},
	{"ICMPv6",
	 NULL,
	 {.src = CLIENT6, .dst = V6, .proto = IPPROTO_ICMPV6, .payload_len = 8},
	 SLUICE_V_unknown_port},
	{"ESP",
	 NULL,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_ESP, .payload_len = 32},
	 SLUICE_V_unknown_port},
	{"passed by policy",
	 state_pass_unknown,
	 {.src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .dport = 81},
	 SLUICE_V_unknown_port_passed},
	{"ICMPv6 passed by policy",
	 state_pass_unknown,
	 {.src = CLIENT6, .dst = V6, .proto = IPPROTO_ICMPV6, .payload_len = 8},
	 SLUICE_V_unknown_port_passed},

	/* For us, and broken. */
	{"IPv4 version", NULL, {TCP4, .version = 5}, SLUICE_V_bad_ip_header},
	{"IPv4 header length 16", NULL, {TCP4, .ihl = 4}, SLUICE_V_bad_ip_header},
	{"IPv4 header past the end", NULL, {TCP4, .ihl = 15}, SLUICE_V_bad_ip_header},
	{"IPv6 version", NULL, {TCP6, .version = 4}, SLUICE_V_bad_ip_header},
	{"IPv4 length past the end", NULL, {TCP4, .ip_len_add = 1}, SLUICE_V_bad_ip_length},
	{"IPv4 length below the header", NULL, {TCP4, .ip_len_add = -21}, SLUICE_V_bad_ip_length},
	{"IPv6 length past the end", NULL, {TCP6, .ip_len_add = 1}, SLUICE_V_bad_ip_length},
	{"IPv6 jumbo length", NULL, {TCP6, .ip_len_add = 65500}, SLUICE_V_bad_ip_length},
	{"seven extension headers",
	 NULL,
	 {TCP6, EXT(EXT_HOP_BY_HOP, 60, 43, 51, 135, 60, 60)},
	 SLUICE_V_bad_ext_header},
	{"extension past the end", NULL, {TCP6, EXT(60), .cut = 24}, SLUICE_V_bad_ext_header},
	{"extension past the length",
	 NULL,
	 {TCP6, EXT(60), .ip_len_add = -21},
	 SLUICE_V_bad_ext_header},
	{"IPv4 first fragment",
	 NULL,
	 {UDP4, .fragment = 0x2000, .payload_len = 64},
	 SLUICE_V_fragment},
	{"TCP cut short", NULL, {TCP4, .cut = 1}, SLUICE_V_truncated_l4},
	{"TCP cut short by the length", NULL, {TCP4, .ip_len_add = -1}, SLUICE_V_truncated_l4},
	{"UDP cut short", NULL, {UDP6, .cut = 1}, SLUICE_V_truncated_l4},
	{"no payload at all", NULL, {TCP6, .cut = 20}, SLUICE_V_truncated_l4},
	{"TCP offset 16", NULL, {TCP4, .doff = 4}, SLUICE_V_bad_tcp_header},
	{"TCP offset past the end", NULL, {TCP6, .doff = 6}, SLUICE_V_bad_tcp_header},
	{"UDP length 7", NULL, {UDP4, .udp_len_add = -1}, SLUICE_V_bad_udp_length},
	{"UDP length past the end", NULL, {UDP6, .udp_len_add = 1}, SLUICE_V_bad_udp_length},

	/* For us, and refused or stuck. */
	{"limit", state_limit, {TCP4}, SLUICE_V_limit},
	{"limit, bypassed", state_limit_bypassed, {TCP4}, SLUICE_V_forwarded},
	{"limit of all packets", state_host_limit, {TCP4}, SLUICE_V_host_limit},
	{"limit, bypass over", state_limit_bypass_over, {TCP4}, SLUICE_V_limit},
	{"trial not over yet", state_trial, {TCP4}, SLUICE_V_forwarded},
	{"trial over", state_trial_over, {TCP4}, SLUICE_V_expired},
	{"trial over, refused by a limit", state_limit_trial_over, {TCP4}, SLUICE_V_expired},
	{"trial over, damaged", state_trial_over, {TCP4, .cut = 1}, SLUICE_V_expired},
	{"trial over, ARP",
	 state_trial_over,
	 {.ethertype = 0x0806, .payload_len = 28},
	 SLUICE_V_expired},
	{"banned", state_ban, {TCP4}, SLUICE_V_ban},
	{"denied", state_denied, {TCP4}, SLUICE_V_list_deny},
	{"in no allow list", state_allow_only, {TCP4}, SLUICE_V_list_not_allowed},
	{"service full, SYN",
	 state_service_ceiling,
	 {TCP4, .tcp_flags = TCP_SYN},
	 SLUICE_V_service_ceiling},
	{"service full, not a SYN", state_service_ceiling, {TCP4}, SLUICE_V_forwarded},
	{"member full, SYN",
	 state_member_ceiling,
	 {TCP4, .tcp_flags = TCP_SYN},
	 SLUICE_V_member_ceiling},
	{"member full, not a SYN", state_member_ceiling, {TCP4}, SLUICE_V_forwarded},
	{"no owner", state_nobody, {TCP4}, SLUICE_V_no_member},
	{"owner and runner-up dead", state_dead_both, {TCP4}, SLUICE_V_no_member},
	{"owner dead, no runner-up", state_dead_alone, {TCP4}, SLUICE_V_no_member},
	{"next hop unresolved", state_unresolved, {TCP4}, SLUICE_V_no_nexthop},
	{"no IPv4 source for the tunnel", state_no_source, {TCP4}, SLUICE_V_no_nexthop},
	{"no IPv6 source for the tunnel", state_no_source6, {TCP4}, SLUICE_V_no_nexthop},
	{"interface not opened", state_closed_port, {TCP4}, SLUICE_V_no_nexthop},
	{"larger than the path once in the tunnel",
	 state_small_mtu,
	 {TCP4, .payload_len = 100},
	 SLUICE_V_too_big},
	{"larger than the path, l2",
	 state_small_mtu_l2,
	 {TCP4, .payload_len = 100},
	 SLUICE_V_too_big},

	/* Damaged tables. */
	{"table size", state_bad_log2, {TCP4}, SLUICE_V_bad_table},
	{"table base", state_bad_base, {TCP4}, SLUICE_V_bad_table},
	{"member index", state_bad_member, {TCP4}, SLUICE_V_bad_table},
	{"runner-up index", state_bad_runner, {TCP4}, SLUICE_V_bad_table},
	{"next hop index", state_bad_nexthop, {TCP4}, SLUICE_V_bad_table},
	{"next hop not in use", state_free_nexthop, {TCP4}, SLUICE_V_bad_table},
	{"mode", state_bad_mode, {TCP4}, SLUICE_V_bad_table},
	{"limit index", state_bad_limit, {TCP4}, SLUICE_V_bad_table},
	{"limit region", state_bad_limit_region, {TCP4}, SLUICE_V_bad_table},
};

static enum sluice_action action_of(enum sluice_verdict verdict)
{
	static const enum sluice_action actions[] = {
#define X(name, action, help) SLUICE_ACTION_##action,
		SLUICE_VERDICTS(X)
#undef X
	};

	return actions[verdict];
}

static void check_row(const struct row *row)
{
	struct world_run run, explained;
	struct frame frame;
	int expected;

	state_base(world);
	if (row->set_up)
		row->set_up(world);
	frame_build(&frame, &row->packet);
	world_run_explain(world, &frame, &explained);
	world_run(world, &frame, &run);
	/* A described packet takes nothing from the rate of answers, nor is it held to it. */
	if (row->verdict == SLUICE_V_neighbor_limited)
		explained.verdict = run.verdict, explained.action = run.action;
	if (run.verdict != row->verdict)
		fail_msg("%s: %s, expected %s", row->name, world_verdict_name(run.verdict),
			 world_verdict_name(row->verdict));
	if (explained.verdict != row->verdict || explained.action != run.action)
		fail_msg("%s: explained as %s", row->name, world_verdict_name(explained.verdict));

	expected = action_of(run.verdict) == SLUICE_ACTION_FORWARD ||
				   action_of(run.verdict) == SLUICE_ACTION_ANSWER
			   ? XDP_TX
		   : action_of(run.verdict) == SLUICE_ACTION_DROP ? XDP_DROP
								  : XDP_PASS;
	if (run.action != expected)
		fail_msg("%s: XDP action %d, expected %d", row->name, run.action, expected);
	/* What is passed is passed untouched. */
	if (run.action == XDP_PASS &&
	    (run.out_len != frame.len || memcmp(run.out, frame.data, frame.len)))
		fail_msg("%s: passed, but changed", row->name);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static bool is_never_crowded; /* this kernel cannot show what is seen then */

/* Metadata of another program in front of the packet leaves no room for the outer header. */
static void test_no_headroom(void **state)
{
	struct world_run run;
	struct frame frame;

	(void)state;
	state_base(world);
	frame_build(&frame, &(struct packet){TCP4, .payload_len = 20});
	if (!world_run_crowded(world, &frame, 208, &run)) {
		is_never_crowded = true;
		puts("# SKIP this kernel has no test runs with so much metadata");
		skip();
	}
	assert_int_equal(run.verdict, SLUICE_V_no_headroom);
	assert_int_equal(run.action, XDP_DROP);
	/* The same packet fits when there is room. */
	world_run_crowded(world, &frame, 32, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
}

/* Runs last: every verdict of verdict.h was seen above. */
static void test_every_verdict_is_hit(void **state)
{
	(void)state;
	for (int v = 0; v < SLUICE_V_MAX; v++) {
		if (v == SLUICE_V_none)
			assert_int_equal(world_verdicts_seen[v], 0);
		else if (!world_verdicts_seen[v] &&
			 !(v == SLUICE_V_no_headroom && is_never_crowded))
			fail_msg("no packet here gets the verdict %s",
				 world_verdict_name((enum sluice_verdict)v));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_headroom),
		cmocka_unit_test(test_every_verdict_is_hit),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
	world_free(world);
	return failed;
}
