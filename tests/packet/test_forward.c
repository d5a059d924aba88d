/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What leaves, byte for byte: modes, families, tags, where it goes, what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>

#include "packet/world.h"

#define ROUTER_MAC "\x02\x00\x00\x00\xaa\x01"
#define EGRESS_MAC "\x02\x00\x00\x00\xba\x02"
#define SOURCE4 "10.0.0.2"
#define SOURCE6 "2001:db8:f::2"
#define MEMBER4 "10.0.0.11"
#define MEMBER6 "2001:db8:b::11"

#define TO4(transport) .src = "198.51.100.7", .dst = "192.0.2.1", .proto = transport, .sport = 40000
#define TO6(transport)                                                                             \
	.src = "2001:db8:c::7", .dst = "2001:db8::1", .proto = transport, .sport = 40000
#define TCP4 TO4(IPPROTO_TCP), .dport = 80
#define TCP6 TO6(IPPROTO_TCP), .dport = 80
#define UDP4 TO4(IPPROTO_UDP), .dport = 53

static struct world *world;

enum link { LINK_KEEP, LINK_VLAN };

struct row {
	const char *name;
	struct packet in;
	enum sluice_mode mode;
	const char *member;
	enum link link;
	struct tag tags[3]; /* expected on the way out */
};

static void set_up(enum sluice_mode mode, const char *member, enum link link)
{
	struct sluice_nexthop nexthop = {.ifindex = WORLD_IFINDEX};

	world_clear(world);
	memcpy(nexthop.dmac, ROUTER_MAC, 6);
	memcpy(nexthop.smac, EGRESS_MAC, 6);
	memcpy(&nexthop.src4_be, world_addr(SOURCE4).b + 12, 4);
	nexthop.src6 = world_addr(SOURCE6);
	if (link == LINK_VLAN) {
		nexthop.flags = SLUICE_NEXTHOP_F_VLAN;
		nexthop.vlan_tci_be = htons(0x2000 | 300);
	}
	world_nexthop(world, 1, &nexthop);
	world_member(world, 1, member, mode, 1, 1500);
	world_slots(world, 0, 1, 0);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	world_service(world, 2, "192.0.2.1", 53, IPPROTO_UDP, 0);
	world_service(world, 3, "2001:db8::1", 80, IPPROTO_TCP, 0);
}

static struct sluice_addr packet_addr(const char *text)
{
	return world_addr(text);
}

/* The keyed hash of a described packet, as user space computes it. */
static uint64_t flow_hash(const struct packet *packet)
{
	struct sluice_tuple tuple = {
		.saddr = packet_addr(packet->src),
		.daddr = packet_addr(packet->dst),
		.sport_be = htons(packet->sport),
		.dport_be = htons(packet->dport),
		.proto = packet->proto,
		.family = strchr(packet->dst, ':') ? SLUICE_FAMILY_V6 : SLUICE_FAMILY_V4,
	};

	return sluice_hash_flow(&tuple, &world->key);
}

/* The frame that must leave, from the rules in docs/packet-path.md. */
static void expect(struct frame *frame, const struct row *row)
{
	bool is_inner_v6 = strchr(row->in.dst, ':');
	struct packet outer = {
		.dmac = ROUTER_MAC,
		.smac = EGRESS_MAC,
		.proto = is_inner_v6 ? IPPROTO_IPV6 : IPPROTO_IPIP,
		.tos = row->in.tos,
		.dst = row->member,
	};
	struct packet rewritten = row->in;

	if (row->mode == SLUICE_MODE_L2) {
		uint32_t end;

		rewritten.dmac = ROUTER_MAC;
		rewritten.smac = EGRESS_MAC;
		memcpy(rewritten.tags, row->tags, sizeof(rewritten.tags));
		rewritten.trailer = 0;
		frame_build(frame, &rewritten);
		/* Of a trailer only the minimum padding stays. */
		end = frame->len;
		rewritten.trailer = row->in.trailer;
		frame_build(frame, &rewritten);
		if (frame->len > 60)
			frame->len = end > 60 ? end : 60;
		return;
	}
	memcpy(outer.tags, row->tags, sizeof(outer.tags));
	if (strchr(row->member, ':')) {
		outer.src = SOURCE6;
		outer.flow_label = (flow_hash(&row->in) >> 20) & 0xfffff;
	} else {
		outer.src = SOURCE4;
		outer.fragment = 0x4000;
	}
	if (row->mode == SLUICE_MODE_GUE) {
		outer.proto = IPPROTO_UDP;
		outer.sport = (uint16_t)(49152 + (flow_hash(&row->in) >> 4) % 16384);
		outer.dport = WORLD_GUE_PORT;
		outer.is_unchecked = true;
	}
	frame_wrap(frame, &outer, &row->in);
}

#define L2 .mode = SLUICE_MODE_L2, .member = MEMBER4
#define V4 .mode = SLUICE_MODE_IPIP, .member = MEMBER4
#define V6 .mode = SLUICE_MODE_IPIP, .member = MEMBER6
#define GUE4 .mode = SLUICE_MODE_GUE, .member = MEMBER4
#define GUE6 .mode = SLUICE_MODE_GUE, .member = MEMBER6
#define ONE_TAG                                                                                    \
	{                                                                                          \
		0x8100, 100                                                                        \
	}
#define TWO_TAGS                                                                                   \
	{0x88a8, 500},                                                                             \
	{                                                                                          \
		0x8100, 600                                                                        \
	}
#define SET_TAG                                                                                    \
	{                                                                                          \
		0x8100, 0x2000 | 300                                                               \
	}

static const struct row rows[] = {
	{"v4, l2", {TCP4, .payload_len = 100}, L2},
	{"v6, l2", {TCP6, .payload_len = 100}, L2},
	{"v4 in v4", {TCP4, .payload_len = 100}, V4},
	{"v4 in v6", {TCP4, .payload_len = 100}, V6},
	{"v6 in v4", {TCP6, .payload_len = 100}, V4},
	{"v6 in v6", {TCP6, .payload_len = 100}, V6},
	{"udp in v4", {UDP4, .payload_len = 100}, V4},

	/* TOS and ECN are copied, each of the four ECN values too. */
	{"tos, v4 in v4", {TCP4, .tos = 0xb8}, V4},
	{"not-ECT with tos, v6 in v6", {TCP6, .tos = 0xfc}, V6},
	{"ECT(1), v4 in v6", {TCP4, .tos = 0xb9}, V6},
	{"ECT(0), v6 in v4", {TCP6, .tos = 0x02}, V4},
	{"CE, v4 in v4", {TCP4, .tos = 0x03}, V4},
	{"CE, v6 in v6", {TCP6, .tos = 0xff}, V6},
	{"inner ttl 1, id and DF stay", {TCP4, .ttl = 1, .id = 7, .fragment = 0x4000}, V4},

	/* Options and extension headers travel inside. */
	{"options", {TCP4, .options = 12, .payload_len = 5}, V4},
	{"options, l2", {TCP4, .options = 40, .payload_len = 5}, L2},
	{"extensions", {TCP6, .extensions = {EXT_HOP_BY_HOP, 60}, .payload_len = 5}, V6},
	{"odd length", {TCP4, .payload_len = 3}, V4},
	{"largest", {TCP4, .payload_len = 1440}, V4},
	{"largest, v6 in v6", {TCP6, .payload_len = 1400}, V6},

	/* Padding and what hides behind the packet stay here. */
	{"padding, tunnel", {TCP4, .trailer = 6}, V4},
	{"padding, l2", {TCP4, .trailer = 6}, L2},
	{"trailer, tunnel", {TCP4, .payload_len = 10, .trailer = 700}, V4},
	{"trailer, l2", {TCP4, .payload_len = 10, .trailer = 700}, L2},
	{"trailer, short, l2", {TCP4, .trailer = 700}, L2},
	{"trailer, v6 in v6", {TCP6, .trailer = 700}, V6},

	/* Tags are kept unless the next hop has one; then it is exactly that one. */
	{"tag kept, l2", {.tags = {ONE_TAG}, TCP4}, L2, .tags = {ONE_TAG}},
	{"tag kept, tunnel", {.tags = {ONE_TAG}, TCP4}, V4, .tags = {ONE_TAG}},
	{"QinQ kept, l2", {.tags = {TWO_TAGS}, TCP6}, L2, .tags = {TWO_TAGS}},
	{"QinQ kept, tunnel", {.tags = {TWO_TAGS}, TCP6}, V4, .tags = {TWO_TAGS}},
	{"QinQ kept, v6", {.tags = {TWO_TAGS}, TCP4}, V6, .tags = {TWO_TAGS}},
	{"tag pushed, l2", {TCP4, .payload_len = 9}, L2, LINK_VLAN, {SET_TAG}},
	{"tag pushed, short, l2", {TCP4}, L2, LINK_VLAN, {SET_TAG}},
	{"tag pushed, tunnel", {TCP4}, V4, LINK_VLAN, {SET_TAG}},
	{"tag pushed, v6", {TCP4}, V6, LINK_VLAN, {SET_TAG}},
	{"tag replaced, l2", {.tags = {ONE_TAG}, TCP4}, L2, LINK_VLAN, {SET_TAG}},
	{"tag replaced, tunnel", {.tags = {ONE_TAG}, TCP6}, V6, LINK_VLAN, {SET_TAG}},
	{"tag stripped, l2",
	 {.tags = {TWO_TAGS}, TCP4, .payload_len = 9},
	 L2,
	 LINK_VLAN,
	 {SET_TAG}},
	{"tag stripped, tunnel", {.tags = {TWO_TAGS}, TCP4}, V4, LINK_VLAN, {SET_TAG}},

	/* The same in UDP. */
	{"v4 in v4, gue", {TCP4, .payload_len = 100}, GUE4},
	{"v4 in v6, gue", {TCP4, .payload_len = 100}, GUE6},
	{"v6 in v4, gue", {TCP6, .payload_len = 100}, GUE4},
	{"v6 in v6, gue", {TCP6, .payload_len = 100}, GUE6},
	{"udp, gue", {UDP4, .payload_len = 100}, GUE4},
	{"smallest, gue", {TCP4, .trailer = 6}, GUE4},
	{"odd length, gue", {TCP6, .payload_len = 3}, GUE6},
	{"CE, v4 in v4, gue", {TCP4, .tos = 0x03}, GUE4},
	{"ECT(1) with tos, v6 in v6, gue", {TCP6, .tos = 0xfd}, GUE6},
	{"inner ttl 1, id and DF stay, gue", {TCP4, .ttl = 1, .id = 7, .fragment = 0x4000}, GUE4},
	{"options, gue", {TCP4, .options = 12, .payload_len = 5}, GUE6},
	{"extensions, gue", {TCP6, .extensions = {EXT_HOP_BY_HOP, 60}, .payload_len = 5}, GUE4},
	{"largest, gue", {TCP4, .payload_len = 1432}, GUE4},
	{"largest, v6 in v6, gue", {TCP6, .payload_len = 1392}, GUE6},
	{"trailer, gue", {TCP4, .payload_len = 10, .trailer = 700}, GUE4},
	{"QinQ kept, gue", {.tags = {TWO_TAGS}, TCP6}, GUE6, .tags = {TWO_TAGS}},
	{"tag pushed, gue", {TCP4}, GUE4, LINK_VLAN, {SET_TAG}},
	{"tag pushed, v6, gue", {TCP6}, GUE6, LINK_VLAN, {SET_TAG}},
	{"tag stripped, gue", {.tags = {TWO_TAGS}, TCP4}, GUE4, LINK_VLAN, {SET_TAG}},
};

static void check_row(const struct row *row)
{
	struct frame in, expected;
	struct world_run run;

	set_up(row->mode, row->member, row->link);
	frame_build(&in, &row->in);
	expect(&expected, row);
	world_run(world, &in, &run);
	if (run.verdict != SLUICE_V_forwarded || run.action != XDP_TX)
		fail_msg("%s: %s", row->name, world_verdict_name(run.verdict));
	if (run.out_len == expected.len && !memcmp(run.out, expected.data, expected.len))
		return;
	frame_print("expected", expected.data, expected.len);
	frame_print("got", run.out, run.out_len);
	fail_msg("%s: another frame than expected", row->name);
}

static void test_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

/* The test's own oracle: a checksummed header of RFC 1071 practice sums to zero. */
static void test_outer_checksum(void **state)
{
	struct world_run run;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, LINK_KEEP);
	for (uint16_t len = 0; len < 600; len += 7) {
		uint32_t sum = 0;

		world_run_packet(
			world, &(struct packet){TCP4, .payload_len = len, .tos = len & 0xff}, &run);
		assert_int_equal(run.verdict, SLUICE_V_forwarded);
		for (int i = 14; i < 34; i += 2)
			sum += (uint32_t)run.out[i] << 8 | run.out[i + 1];
		assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
		assert_int_equal((uint32_t)run.out[16] << 8 | run.out[17], 20 + 20 + 20 + len);
	}
}

/* Source and destination port of what left for the member. */
static void ports_of(const char *member, const struct packet *packet, uint16_t ret_ports[2])
{
	uint32_t l4 = 14 + (strchr(member, ':') ? 40 : 20);
	struct world_run run;

	world_run_packet(world, packet, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
	for (int i = 0; i < 2; i++)
		ret_ports[i] = (uint16_t)(run.out[l4 + 2 * i] << 8 | run.out[l4 + 2 * i + 1]);
}

/* Flows spread over the source ports, a flow keeps its own whatever its packets are; and a new
 * destination port is followed at once. */
static void check_ports(const char *member)
{
	static bool is_seen[65536];
	struct packet packet = {TCP4, .tcp_flags = TCP_SYN};
	uint16_t ports[2], again[2], different = 0;

	set_up(SLUICE_MODE_GUE, member, LINK_KEEP);
	memset(is_seen, 0, sizeof(is_seen));
	for (uint16_t i = 0; i < 512; i++) {
		packet = (struct packet){TCP4, .tcp_flags = TCP_SYN};
		packet.sport = (uint16_t)(1024 + i);
		ports_of(member, &packet, ports);
		assert_in_range(ports[0], 49152, 65535);
		assert_int_equal(ports[1], WORLD_GUE_PORT);
		different += !is_seen[ports[0]];
		is_seen[ports[0]] = true;
		packet.tcp_flags = TCP_ACK;
		packet.payload_len = i;
		packet.tos = i & 0xff;
		ports_of(member, &packet, again);
		assert_int_equal(again[0], ports[0]);
	}
	/* Of 512 thrown at random into 16384 about 8 meet another. */
	assert_in_range(different, 470, 512);
	world->members[1].gue_port_be = htons(65535);
	ports_of(member, &packet, again);
	assert_int_equal(again[0], ports[0]);
	assert_int_equal(again[1], 65535);
}

static void test_ports(void **state)
{
	(void)state;
	check_ports(MEMBER4);
	check_ports(MEMBER6);
}

static void test_redirect(void **state)
{
	int fd = bpf_map__fd(world->skel->maps.tx_ports);
	struct sluice_nexthop nexthop;
	struct world_run run;
	uint32_t port = 2;

	(void)state;
	set_up(SLUICE_MODE_L2, MEMBER4, LINK_KEEP);
	nexthop = world->nexthops[1];
	nexthop.ifindex = port;
	world_nexthop(world, 1, &nexthop);
	world_run_packet(world, &(struct packet){TCP4}, &run);
	assert_int_equal(run.verdict, SLUICE_V_no_nexthop);
	assert_int_equal(run.action, XDP_DROP);

	/* Any interface but the one that packets arrive on; without a second one, the key of a
	 * port may differ from its interface. */
	if (bpf_map_update_elem(fd, &port, &(uint32_t){WORLD_IFINDEX}, BPF_ANY))
		fail_msg("cannot open a port");
	world_run_packet(world, &(struct packet){TCP4}, &run);
	bpf_map_delete_elem(fd, &port);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
	assert_int_equal(run.action, XDP_REDIRECT);
	assert_memory_equal(run.out, ROUTER_MAC EGRESS_MAC, 12);
}

static void test_counters(void **state)
{
	struct sluice_member_stats before = world_member_stats(world, 1), after;
	struct sluice_verdict_stats verdict = world_verdict_stats(world, SLUICE_V_forwarded);
	struct world_run run;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, LINK_KEEP);
	world_run_packet(world, &(struct packet){TCP4, .tcp_flags = TCP_SYN}, &run);
	world_run_packet(world, &(struct packet){TCP4, .tcp_flags = TCP_SYN | TCP_ACK}, &run);
	world_run_packet(world, &(struct packet){TCP4, .tcp_flags = TCP_ACK}, &run);
	world_run_packet(world, &(struct packet){UDP4, .payload_len = 100}, &run);
	after = world_member_stats(world, 1);
	assert_int_equal(after.packets - before.packets, 4);
	assert_int_equal(after.bytes - before.bytes, 3 * 54 + 142);
	assert_int_equal(after.new_connections - before.new_connections, 1);
	assert_int_equal(world_verdict_stats(world, SLUICE_V_forwarded).bytes - verdict.bytes,
			 3 * 54 + 142);
}

/* Each slot's own member gets its flows: the program and user space agree on hash and slot. */
static void test_slots(void **state)
{
	struct frame frame;
	struct world_run run;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, LINK_KEEP);
	for (int i = 0; i < 256; i++) {
		struct packet packet = {TCP4, .payload_len = 10};
		uint32_t slot, owner = 10 + (uint32_t)i % 40;
		char text[32];

		packet.sport = (uint16_t)(1024 + i * 37);
		slot = sluice_flow_slot(flow_hash(&packet), 12);
		snprintf(text, sizeof(text), "10.1.0.%u", owner);
		world_member(world, owner, text, SLUICE_MODE_IPIP, 1, 1500);
		world_slots(world, 0, 1, 0);
		world->slots[slot] = SLUICE_SLOT(owner, owner);
		frame_build(&frame, &packet);
		world_run(world, &frame, &run);
		assert_int_equal(run.verdict, SLUICE_V_forwarded);
		assert_int_equal(run.out[33], owner);
		/* Its owner dead, the runner-up of this very slot takes it. */
		world->runners[slot / 2] = slot % 2 ? 1ULL << 32 | 63 : 63ULL << 32 | 1;
		world->members[owner].word |= SLUICE_MEMBER_F_DEAD;
		world_run(world, &frame, &run);
		assert_int_equal(run.verdict, SLUICE_V_forwarded);
		assert_int_equal(run.out[33], 11);
	}
}

/* The explain entry says the same and changes nothing. */
static void test_explain(void **state)
{
	struct packet packet = {TCP4, .tcp_flags = TCP_SYN, .payload_len = 10};
	struct sluice_member_stats before;
	uint64_t forwarded;
	struct world_run run;
	struct frame frame;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, LINK_KEEP);
	before = world_member_stats(world, 1);
	forwarded = world_verdict_stats(world, SLUICE_V_forwarded).packets;
	frame_build(&frame, &packet);
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
	assert_int_equal(run.action, XDP_TX);
	assert_int_equal(world->explain->service, 1);
	assert_int_equal(world->explain->member, 1);
	assert_int_equal(world->explain->slot, sluice_flow_slot(flow_hash(&packet), 12));
	assert_int_equal(world->explain->limit, 0);
	assert_int_equal(world->explain->tuple.dport_be, htons(80));
	assert_int_equal(world->explain->tuple.family, SLUICE_FAMILY_V4);
	assert_int_equal(world_member_stats(world, 1).packets, before.packets);
	assert_int_equal(world_verdict_stats(world, SLUICE_V_forwarded).packets, forwarded);

	packet.dst = "192.0.2.9";
	frame_build(&frame, &packet);
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_not_service);
	assert_int_equal(world->explain->service, 0);
	assert_int_equal(world->explain->member, 0);
	assert_true(world->explain->slot == ~0U);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	 cmocka_unit_test(test_outer_checksum),
		cmocka_unit_test(test_redirect), cmocka_unit_test(test_counters),
		cmocka_unit_test(test_slots),	 cmocka_unit_test(test_explain),
		cmocka_unit_test(test_ports),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("forward", tests, NULL, NULL);
	world_free(world);
	return failed;
}
