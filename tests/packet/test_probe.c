/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Probes through the path leave as traffic to the same member does, byte for byte; or they are
 * dropped, with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>

#include "packet/prober.h"
#include "packet/samples.h"
#include "packet/world.h"

#define MEMBER4 "10.0.0.11"
#define MEMBER6 "2001:db8:b::11"
#define SERVICE4 "192.0.2.1"
#define SERVICE6 "2001:db8::1"
#define TARGET 5
#define MEMBER 7
#define MARK (PROBER_MARK | TARGET)

#define TO4(transport, port)                                                                       \
	.src = "198.51.100.7", .dst = SERVICE4, .proto = transport, .sport = 40000, .dport = port
#define TO6(transport, port)                                                                       \
	.src = "2001:db8:c::7", .dst = SERVICE6, .proto = transport, .sport = 40000, .dport = port
#define TCP4 TO4(IPPROTO_TCP, 80)
#define TCP6 TO6(IPPROTO_TCP, 80)
#define UDP4 TO4(IPPROTO_UDP, 53)
#define UDP6 TO6(IPPROTO_UDP, 53)

static struct world *world;
static struct prober *prober;

/* One member, in the way of all traffic, and of the probes of one target for `service`. */
static void set_up(enum sluice_mode mode, const char *member, bool has_vlan, const char *service)
{
	struct sluice_nexthop nexthop = {.ifindex = WORLD_IFINDEX};
	uint32_t id;

	world_clear(world);
	memcpy(nexthop.dmac, "\x02\x00\x00\x00\xaa\x01", 6);
	memcpy(nexthop.smac, "\x02\x00\x00\x00\xba\x02", 6);
	nexthop.src4_be = htonl(0x0a000002);
	nexthop.src6 = world_addr("2001:db8:f::2");
	if (has_vlan) {
		nexthop.flags = SLUICE_NEXTHOP_F_VLAN;
		nexthop.vlan_tci_be = htons(0x2000 | 300);
	}
	world_nexthop(world, 2, &nexthop);
	world_member(world, MEMBER, member, mode, 2, 1500);
	world_slots(world, 0, MEMBER, 0);
	for (id = 0; id < 4; id++)
		world_service(world, id + 1, id & 2 ? SERVICE6 : SERVICE4, id & 1 ? 53 : 80,
			      id & 1 ? IPPROTO_UDP : IPPROTO_TCP, 0);
	memset(prober->targets, 0, PROBER_TARGETS * sizeof(*prober->targets));
	prober_set(prober, TARGET, MEMBER, service);
}

static void probe(uint32_t mark, const struct packet *packet, struct world_run *run)
{
	struct frame frame;

	frame_build(&frame, packet);
	assert_true(prober_run(prober, mark, &frame, run));
}

static const struct packet packets[] = {
	{TCP4, .tcp_flags = TCP_SYN},
	{TCP4, .payload_len = 100},
	{TCP4, .payload_len = 1, .options = 12, .tos = 0xb8},
	{TCP4, .payload_len = 1440}, /* with an outer IPv4 header all that fits */
	{TCP4, .payload_len = 1432}, /* with UDP behind it */
	{TCP6, .payload_len = 1392},
	{TCP4, .ttl = 1, .id = 7, .fragment = 0x4000, .tos = 0x03},
	{UDP4, .payload_len = 33},
	{TCP6, .tcp_flags = TCP_SYN},
	{TCP6, .payload_len = 100, .tos = 0xfd},
	{TCP6, .payload_len = 1400},
	{TCP6, .payload_len = 5, .extensions = {EXT_HOP_BY_HOP, 60}},
	{UDP6, .payload_len = 33, .flow_label = 0x12345},
};

static const struct way {
	const char *name;
	enum sluice_mode mode;
	const char *member;
	bool has_vlan;
} ways[] = {
	{"l2", SLUICE_MODE_L2, MEMBER4, false},
	{"l2, tagged", SLUICE_MODE_L2, MEMBER6, true},
	{"in IPv4", SLUICE_MODE_IPIP, MEMBER4, false},
	{"in IPv4, tagged", SLUICE_MODE_IPIP, MEMBER4, true},
	{"in IPv6", SLUICE_MODE_IPIP, MEMBER6, false},
	{"in IPv6, tagged", SLUICE_MODE_IPIP, MEMBER6, true},
	{"in GUE over IPv4", SLUICE_MODE_GUE, MEMBER4, false},
	{"in GUE over IPv4, tagged", SLUICE_MODE_GUE, MEMBER4, true},
	{"in GUE over IPv6", SLUICE_MODE_GUE, MEMBER6, false},
	{"in GUE over IPv6, tagged", SLUICE_MODE_GUE, MEMBER6, true},
};

/* Traffic is the oracle: the packet program's own output for the same packet. */
static void check_same(const struct way *way, const struct packet *packet, uint64_t service_flags)
{
	struct world_run traffic, probed;
	uint32_t i;

	set_up(way->mode, way->member, way->has_vlan, packet->dst);
	for (i = 0; i < WORLD_CELLS; i++)
		if (world->services[i].word && !(world->services[i].word & SLUICE_SVC_F_ADDRESS))
			world->services[i].word |= service_flags;
	world_run_packet(world, packet, &traffic);
	assert_int_equal(traffic.verdict, SLUICE_V_forwarded);
	probe(MARK, packet, &probed);
	if (probed.action != TC_ACT_REDIRECT)
		fail_msg("%s: action %d, reason %u", way->name, probed.action,
			 prober->targets[TARGET].drop);
	assert_int_equal(prober->targets[TARGET].sent, 1);
	assert_int_equal(prober->targets[TARGET].dropped, 0);
	if (probed.out_len == traffic.out_len && !memcmp(probed.out, traffic.out, traffic.out_len))
		return;
	frame_print("traffic", traffic.out, traffic.out_len);
	frame_print("probe", probed.out, probed.out_len);
	fail_msg("%s: a probe to %s leaves otherwise than traffic", way->name, packet->dst);
}

static bool fits(const struct way *way, const struct packet *packet)
{
	uint32_t bytes = packet->payload_len + (strchr(packet->dst, ':') ? 60 : 40);

	if (way->mode != SLUICE_MODE_L2)
		bytes += strchr(way->member, ':') ? 40 : 20;
	if (way->mode == SLUICE_MODE_GUE)
		bytes += 8;
	return bytes <= 1500;
}

static void test_same(void **state)
{
	size_t w, p;

	(void)state;
	for (w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)
		for (p = 0; p < sizeof(packets) / sizeof(packets[0]); p++)
			if (fits(&ways[w], &packets[p]))
				check_same(&ways[w], &packets[p], 0);
}

/* Where the slot follows from the source, flow label and outer port follow from the flow all the same. */
static void test_by_source(void **state)
{
	(void)state;
	check_same(&ways[4], &(struct packet){TCP4, .payload_len = 10}, SLUICE_SVC_F_SOURCE);
	check_same(&ways[5], &(struct packet){UDP6, .payload_len = 10}, SLUICE_SVC_F_SOURCE);
	check_same(&ways[6], &(struct packet){TCP4, .payload_len = 10}, SLUICE_SVC_F_SOURCE);
	check_same(&ways[9], &(struct packet){UDP6, .payload_len = 10}, SLUICE_SVC_F_SOURCE);
}

/* A next hop that changes, and a member that gets another one, are followed at once. */
static void test_follows(void **state)
{
	struct world_run run;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, false, SERVICE4);
	world->nexthops[3] = world->nexthops[2];
	world->nexthops[3].dmac[5] = 0x99;
	probe(MARK, &(struct packet){TCP4}, &run);
	assert_int_equal(run.out[5], 0x01);
	world_member(world, MEMBER, MEMBER4, SLUICE_MODE_IPIP, 3, 1500);
	probe(MARK, &(struct packet){TCP4}, &run);
	assert_int_equal(run.out[5], 0x99);
	/* One that failed its check, or is in maintenance, is probed all the same. */
	world->members[MEMBER].word |= SLUICE_MEMBER_F_DEAD | SLUICE_MEMBER_F_DOWN;
	probe(MARK, &(struct packet){TCP4}, &run);
	assert_int_equal(run.action, TC_ACT_REDIRECT);
	prober_set(prober, TARGET, MEMBER + 1, SERVICE4);
	world_member(world, MEMBER + 1, "10.0.0.44", SLUICE_MODE_IPIP, 2, 1500);
	probe(MARK, &(struct packet){TCP4}, &run);
	assert_int_equal(run.out[33], 44);
}

static void expect_drop(const struct packet *packet, enum sluice_probe_drop drop)
{
	struct sluice_probe_target before = prober->targets[TARGET];
	struct world_run run;

	probe(MARK, packet, &run);
	assert_int_equal(run.action, TC_ACT_SHOT);
	assert_int_equal(prober->targets[TARGET].drop, drop);
	assert_int_equal(prober->targets[TARGET].dropped, before.dropped + 1);
	assert_int_equal(prober->targets[TARGET].sent, before.sent);
}

static void test_drops(void **state)
{
	const struct packet syn = {TCP4, .tcp_flags = TCP_SYN};

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, false, SERVICE4);
	prober->targets[TARGET].word = 0;
	expect_drop(&syn, SLUICE_PROBE_DROP_no_target);

	set_up(SLUICE_MODE_IPIP, MEMBER4, false, "192.0.2.2");
	expect_drop(&syn, SLUICE_PROBE_DROP_other_address);
	set_up(SLUICE_MODE_IPIP, MEMBER4, false, SERVICE6);
	expect_drop(&syn, SLUICE_PROBE_DROP_other_address);
	/* One differs in the first half, one in the second. */
	set_up(SLUICE_MODE_IPIP, MEMBER4, false, "2001:db8:0:1::1");
	expect_drop(&(struct packet){TCP6}, SLUICE_PROBE_DROP_other_address);
	set_up(SLUICE_MODE_IPIP, MEMBER4, false, "2001:db8::2");
	expect_drop(&(struct packet){TCP6}, SLUICE_PROBE_DROP_other_address);

	set_up(SLUICE_MODE_IPIP, MEMBER4, false, SERVICE4);
	prober_set(prober, TARGET, SLUICE_MEMBER_NONE, SERVICE4);
	world_member(world, SLUICE_MEMBER_NONE, MEMBER4, SLUICE_MODE_IPIP, 2, 1500);
	expect_drop(&syn, SLUICE_PROBE_DROP_no_member);
	prober_set(prober, TARGET, MEMBER + 1, SERVICE4);
	expect_drop(&syn, SLUICE_PROBE_DROP_no_member);
	prober_set(prober, TARGET, WORLD_MEMBERS, SERVICE4);
	expect_drop(&syn, SLUICE_PROBE_DROP_no_member);

	set_up(SLUICE_MODE_IPIP, MEMBER4, false, SERVICE4);
	world_member(world, MEMBER, MEMBER4, SLUICE_MODE_IPIP, SLUICE_NEXTHOP_NONE, 1500);
	world->nexthops[SLUICE_NEXTHOP_NONE] = world->nexthops[2];
	expect_drop(&syn, SLUICE_PROBE_DROP_no_nexthop);
	world_member(world, MEMBER, MEMBER4, SLUICE_MODE_IPIP, WORLD_NEXTHOPS, 1500);
	expect_drop(&syn, SLUICE_PROBE_DROP_no_nexthop);
	world_member(world, MEMBER, MEMBER4, SLUICE_MODE_IPIP, 2, 1500);
	world->nexthops[2].flags = 0;
	expect_drop(&syn, SLUICE_PROBE_DROP_no_nexthop);

	set_up(SLUICE_MODE_IPIP, MEMBER4, false, SERVICE4);
	world->nexthops[2].src4_be = 0;
	expect_drop(&syn, SLUICE_PROBE_DROP_no_source);
	set_up(SLUICE_MODE_IPIP, MEMBER6, false, SERVICE4);
	memset(&world->nexthops[2].src6, 0, sizeof(world->nexthops[2].src6));
	expect_drop(&syn, SLUICE_PROBE_DROP_no_source);

	set_up(SLUICE_MODE_GUE, MEMBER4, false, SERVICE4);
	world->nexthops[2].src4_be = 0;
	expect_drop(&syn, SLUICE_PROBE_DROP_no_source);

	set_up(SLUICE_MODE_LOCAL, MEMBER4, false, SERVICE4);
	expect_drop(&syn, SLUICE_PROBE_DROP_bad_mode);
	set_up(SLUICE_MODE_NONE, MEMBER4, false, SERVICE4);
	expect_drop(&syn, SLUICE_PROBE_DROP_bad_mode);
	set_up(SLUICE_MODE_MAX, MEMBER4, false, SERVICE4);
	expect_drop(&syn, SLUICE_PROBE_DROP_bad_mode);
}

/* Without a source for tunnels l2 members are probed all the same. */
static void test_l2_without_source(void **state)
{
	struct world_run run;

	(void)state;
	set_up(SLUICE_MODE_L2, MEMBER4, false, SERVICE4);
	world->nexthops[2].src4_be = 0;
	probe(MARK, &(struct packet){TCP4}, &run);
	assert_int_equal(run.action, TC_ACT_REDIRECT);
}

static void check_room(enum sluice_mode mode, const char *member, uint16_t payload_max)
{
	struct world_run run;

	set_up(mode, member, false, SERVICE4);
	probe(MARK, &(struct packet){TCP4, .payload_len = payload_max}, &run);
	assert_int_equal(run.action, TC_ACT_REDIRECT);
	expect_drop(&(struct packet){TCP4, .payload_len = payload_max + 1},
		    SLUICE_PROBE_DROP_too_big);
}

static void test_too_big(void **state)
{
	(void)state;
	check_room(SLUICE_MODE_L2, MEMBER4, 1460);
	check_room(SLUICE_MODE_IPIP, MEMBER4, 1440);
	check_room(SLUICE_MODE_IPIP, MEMBER6, 1420);
	check_room(SLUICE_MODE_GUE, MEMBER4, 1432);
	check_room(SLUICE_MODE_GUE, MEMBER6, 1412);
}

/* Not ours, or of no target: dropped, and nothing is counted. */
static void test_marks(void **state)
{
	static const uint32_t marks[] = {
		0,
		TARGET,
		MARK ^ 1U << 20,
		MARK ^ 1U << 31,
		PROBER_MARK | PROBER_TARGETS,
		PROBER_MARK | (SLUICE_PROBE_TARGETS_MAX - 1),
	};
	struct sluice_probe_target before[PROBER_TARGETS];
	struct world_run run;
	size_t i;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, false, SERVICE4);
	memcpy(before, prober->targets, sizeof(before));
	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		probe(marks[i], &(struct packet){TCP4}, &run);
		assert_int_equal(run.action, TC_ACT_SHOT);
	}
	assert_memory_equal(before, prober->targets, sizeof(before));
}

/* Whatever is no whole, plain IP packet: what the stack would never send. */
static void test_malformed(void **state)
{
	static const struct packet bad[] = {
		{TCP4, .ethertype = 0x0806},
		{.tags = {{0x8100, 5}}, TCP4},
		{TCP4, .trailer = 1},
		{TCP4, .version = 5},
		{TCP4, .ihl = 4},
		{TCP4, .ip_len_add = 1},
		{TCP4, .ip_len_add = -1},
		{TCP4, .doff = 4},
		{TCP4, .fragment = 0x2000, .payload_len = 8},
		{TCP4, .fragment = 1, .payload_len = 8},
		{UDP4, .udp_len_add = 1},
		{TCP6, .ip_len_add = 8},
		{TCP6, .extensions = {44}, .fragment = 1, .payload_len = 8},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_up(SLUICE_MODE_IPIP, MEMBER4, false, bad[i].dst);
		expect_drop(&bad[i], SLUICE_PROBE_DROP_malformed);
	}
}

/* Cut at any length, mangled anyhow: sent only if it is what it says it is. */
static void test_cut(void **state)
{
	struct world_run run;
	struct frame frame;
	unsigned int i;
	uint32_t whole;

	(void)state;
	for (i = 0; i < sample_count; i++) {
		set_up(i & 1   ? SLUICE_MODE_L2
		       : i & 8 ? SLUICE_MODE_GUE
			       : SLUICE_MODE_IPIP,
		       i & 2 ? MEMBER6 : MEMBER4, i & 4, samples[i].dst);
		frame_build(&frame, &samples[i]);
		whole = frame.len;
		for (frame.len = 14; frame.len < whole; frame.len++) {
			bool is_plain = frame.len == whole - samples[i].trailer &&
					!samples[i].tags[0].protocol;

			if (!prober_run(prober, MARK, &frame, &run))
				continue;
			assert_int_equal(run.action, is_plain ? TC_ACT_REDIRECT : TC_ACT_SHOT);
		}
	}
}

static void test_mangled(void **state)
{
	unsigned long long seed = 11;
	struct world_run run;
	struct frame frame;
	unsigned int i, sent = 0;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, false, SERVICE4);
	for (i = 0; i < 20000; i++) {
		unsigned int sample = i % sample_count;

		prober_set(prober, TARGET, MEMBER, samples[sample].dst);
		frame_build(&frame, &samples[sample]);
		sample_mangle(&frame, &seed);
		if (!prober_run(prober, MARK, &frame, &run) || run.action == TC_ACT_SHOT)
			continue;
		assert_int_equal(run.action, TC_ACT_REDIRECT);
		/* What was sent carries the packet as it came, behind one outer header. */
		assert_int_equal(run.out_len, frame.len + 20);
		assert_memory_equal(run.out + 34, frame.data + 14, frame.len - 14);
		sent++;
	}
	assert_in_range(sent, 1, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),	cmocka_unit_test(test_by_source),
		cmocka_unit_test(test_follows), cmocka_unit_test(test_drops),
		cmocka_unit_test(test_too_big), cmocka_unit_test(test_l2_without_source),
		cmocka_unit_test(test_marks),	cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_cut),	cmocka_unit_test(test_mangled),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	prober = prober_new(world);
	failed = cmocka_run_group_tests_name("probe", tests, NULL, NULL);
	prober_free(prober);
	world_free(world);
	return failed;
}
