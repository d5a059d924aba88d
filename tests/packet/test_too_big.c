/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets that do not fit: who is told what, byte for byte, and who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "packet/world.h"

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"
#define CLIENT4 "198.51.100.7"
#define CLIENT6 "2001:db8:c::7"
#define MEMBER4 "10.0.0.11"
#define MEMBER6 "2001:db8:b::11"
#define QUOTE4 512
#define QUOTE6 1232
#define SECOND_NS (1ULL << 30)

static struct world *world;

struct row {
	const char *name;
	enum sluice_mode mode;
	const char *member;
	uint16_t path_mtu;
	uint32_t fits; /* the largest IP packet that does */
	struct packet packet;
	uint32_t told; /* the size in the answer; 0: no answer */
};

static void set_up(enum sluice_mode mode, const char *member, uint16_t path_mtu)
{
	struct sluice_nexthop nexthop = {.ifindex = WORLD_IFINDEX, .src4_be = htonl(0x0a000002)};

	world_clear(world);
	nexthop.src6 = world_addr("2001:db8:f::2");
	world_nexthop(world, 1, &nexthop);
	world_member(world, 1, member, mode, 1, path_mtu);
	world_slots(world, 0, 1, 0);
	world_service(world, 1, V4, 80, IPPROTO_TCP, 0);
	world_service(world, 2, V6, 80, IPPROTO_TCP, 0);
	*world->clock_ns += 2 * SECOND_NS; /* what was sent before does not count */
}

/* RFC 1071, byte by byte: nothing is shared with the code under test. */
static uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static uint32_t read_be(const uint8_t *at, int bytes)
{
	uint32_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | *at++;
	return value;
}

static void check_link(const struct frame *in, const struct world_run *run, uint32_t l3)
{
	assert_memory_equal(run->out, in->data + 6, 6);
	assert_memory_equal(run->out + 6, in->data, 6);
	assert_memory_equal(run->out + 12, in->data + 12, l3 - 12);
}

static void check_answer4(const struct frame *in, const struct world_run *run, uint32_t l3,
			  uint32_t told)
{
	const uint8_t *ip = run->out + l3, *icmp = ip + 20;

	assert_int_equal(run->out_len, l3 + 28 + QUOTE4);
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(read_be(ip + 2, 2), 28 + QUOTE4);
	assert_int_equal(read_be(ip + 6, 2) & 0x3fff, 0); /* no fragment */
	assert_in_range(ip[8], 1, 255);
	assert_int_equal(ip[9], IPPROTO_ICMP);
	assert_memory_equal(ip + 12, world_addr(V4).b + 12, 4);
	assert_memory_equal(ip + 16, in->data + l3 + 12, 4);
	assert_int_equal(folded(sum_bytes(0, ip, 20)), 0xffff);
	assert_int_equal(read_be(icmp, 2), 3 << 8 | 4);
	assert_int_equal(read_be(icmp + 4, 2), 0);
	assert_int_equal(read_be(icmp + 6, 2), told);
	assert_int_equal(folded(sum_bytes(0, icmp, 8 + QUOTE4)), 0xffff);
	assert_memory_equal(icmp + 8, in->data + l3, QUOTE4);
}

static void check_answer6(const struct frame *in, const struct world_run *run, uint32_t l3,
			  uint32_t told)
{
	const uint8_t *ip = run->out + l3, *icmp = ip + 40;
	uint32_t sum;

	assert_int_equal(run->out_len, l3 + 48 + QUOTE6);
	assert_int_equal(ip[0] >> 4, 6);
	assert_int_equal(read_be(ip + 4, 2), 8 + QUOTE6);
	assert_int_equal(ip[6], IPPROTO_ICMPV6);
	assert_in_range(ip[7], 1, 255);
	assert_memory_equal(ip + 8, world_addr(V6).b, 16);
	assert_memory_equal(ip + 24, in->data + l3 + 8, 16);
	assert_int_equal(read_be(icmp, 2), 2 << 8);
	assert_int_equal(read_be(icmp + 4, 4), told);
	sum = sum_bytes(8 + QUOTE6 + IPPROTO_ICMPV6, ip + 8, 32);
	assert_int_equal(folded(sum_bytes(sum, icmp, 8 + QUOTE6)), 0xffff);
	assert_memory_equal(icmp + 8, in->data + l3, QUOTE6);
}

#define TCP4 .src = CLIENT4, .dst = V4, .proto = IPPROTO_TCP, .sport = 40000, .dport = 80
#define TCP6 .src = CLIENT6, .dst = V6, .proto = IPPROTO_TCP, .sport = 40000, .dport = 80
#define FROM(address, service)                                                                     \
	.src = address, .dst = service, .proto = IPPROTO_TCP, .sport = 40000, .dport = 80
#define TAG                                                                                        \
	{                                                                                          \
		{                                                                                  \
			0x8100, 0x2064                                                             \
		}                                                                                  \
	}
#define TWO_TAGS                                                                                   \
	{                                                                                          \
		{0x88a8, 5},                                                                       \
		{                                                                                  \
			0x8100, 0x2064                                                             \
		}                                                                                  \
	}

static const struct row rows[] = {
	{"v4 in v4", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {TCP4}, 1480},
	{"v4 in v6", SLUICE_MODE_IPIP, MEMBER6, 1500, 1460, {TCP4}, 1460},
	{"v6 in v6", SLUICE_MODE_IPIP, MEMBER6, 1500, 1460, {TCP6}, 1460},
	{"v6 in v4", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {TCP6}, 1480},
	{"v4 in v4, gue", SLUICE_MODE_GUE, MEMBER4, 1500, 1472, {TCP4}, 1472},
	{"v4 in v6, gue", SLUICE_MODE_GUE, MEMBER6, 1500, 1452, {TCP4}, 1452},
	{"v6 in v6, gue", SLUICE_MODE_GUE, MEMBER6, 1500, 1452, {TCP6}, 1452},
	{"v6 in v4, gue", SLUICE_MODE_GUE, MEMBER4, 1500, 1472, {TCP6}, 1472},
	{"l2", SLUICE_MODE_L2, MEMBER4, 1400, 1400, {TCP4}, 1400},
	{"one tag", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {TCP4, .tags = TAG}, 1480},
	{"two tags", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {TCP4, .tags = TWO_TAGS}, 1480},
	{"v6, two tags", SLUICE_MODE_IPIP, MEMBER6, 1500, 1460, {TCP6, .tags = TWO_TAGS}, 1460},
	{"options", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {TCP4, .options = 40}, 1480},
	{"don't fragment", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {TCP4, .fragment = 0x4000}, 1480},
	{"trailer", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {TCP4, .trailer = 7}, 1480},
	{"jumbo", SLUICE_MODE_IPIP, MEMBER4, 3020, 3000, {TCP4}, 3000},
	{"small path", SLUICE_MODE_IPIP, MEMBER4, 576, 556, {TCP4}, 556},
	{"smallest path of v6", SLUICE_MODE_IPIP, MEMBER4, 1280, 1260, {TCP6}, 1280},
	{"absurd path", SLUICE_MODE_IPIP, MEMBER4, 300, 280, {TCP4}, 0},
	{"absurd path of v6", SLUICE_MODE_IPIP, MEMBER4, 900, 880, {TCP6}, 0},
	{"from no host", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {FROM("0.0.0.7", V4)}, 0},
	{"from loopback", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {FROM("127.0.0.1", V4)}, 0},
	{"from multicast", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {FROM("224.0.0.1", V4)}, 0},
	{"from broadcast", SLUICE_MODE_IPIP, MEMBER4, 1500, 1480, {FROM("255.255.255.255", V4)}, 0},
	{"from v6 multicast", SLUICE_MODE_IPIP, MEMBER6, 1500, 1460, {FROM("ff02::1", V6)}, 0},
	{"from ::", SLUICE_MODE_IPIP, MEMBER6, 1500, 1460, {FROM("::", V6)}, 0},
};

/* Of an IP packet of so many bytes. */
static void build(struct frame *frame, const struct packet *packet, uint32_t bytes)
{
	struct packet sized = *packet;
	uint32_t l3 = frame_l3_offset(packet);

	sized.tcp_flags = TCP_ACK;
	sized.trailer = 0;
	frame_build(frame, &sized);
	sized.payload_len = (uint16_t)(bytes - (frame->len - l3));
	sized.trailer = packet->trailer;
	frame_build(frame, &sized);
	assert_int_equal(frame->len, l3 + bytes + packet->trailer);
}

static void check_row(const struct row *row)
{
	uint32_t l3 = frame_l3_offset(&row->packet);
	struct frame frame;
	struct world_run run;

	set_up(row->mode, row->member, row->path_mtu);
	build(&frame, &row->packet, row->fits);
	world_run(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);

	build(&frame, &row->packet, row->fits + 1);
	world_run(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_too_big);
	assert_int_equal(run.action, row->told ? XDP_TX : XDP_DROP);
	if (!row->told)
		return;
	check_link(&frame, &run, l3);
	if (strchr(row->packet.dst, ':'))
		check_answer6(&frame, &run, l3, row->told);
	else
		check_answer4(&frame, &run, l3, row->told);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		printf("# %s\n", rows[i].name);
		check_row(&rows[i]);
	}
}

/* So many a second and CPU, and the next second again; each is counted as dropped. */
static void test_gate(void **state)
{
	const struct packet packet = {TCP4};
	struct frame frame;
	struct world_run run;
	uint64_t before;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, 1500);
	build(&frame, &packet, 1500);
	before = world_verdict_stats(world, SLUICE_V_too_big).packets;
	for (int i = 0; i < SLUICE_ICMP_PER_S + 2; i++) {
		world_run(world, &frame, &run);
		assert_int_equal(run.action, i < SLUICE_ICMP_PER_S ? XDP_TX : XDP_DROP);
	}
	*world->clock_ns += SECOND_NS;
	world_run(world, &frame, &run);
	assert_int_equal(run.action, XDP_TX);
	assert_int_equal(world_verdict_stats(world, SLUICE_V_too_big).packets - before,
			 SLUICE_ICMP_PER_S + 3);
}

/* A packet that is only explained has the same answer, and takes nothing from the others. */
static void test_explain(void **state)
{
	const struct packet packet = {TCP4};
	struct frame frame;
	struct world_run run;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, 1500);
	build(&frame, &packet, 1500);
	for (int i = 0; i < SLUICE_ICMP_PER_S + 1; i++) {
		world_run_explain(world, &frame, &run);
		assert_int_equal(run.verdict, SLUICE_V_too_big);
		assert_int_equal(run.action, XDP_TX);
	}
	check_answer4(&frame, &run, frame_l3_offset(&packet), 1480);
	world_run(world, &frame, &run);
	assert_int_equal(run.action, XDP_TX);
}

/* Without room for the headers the packet is just dropped. */
static void test_no_headroom(void **state)
{
	const struct packet packet = {TCP4};
	struct frame frame;
	struct world_run run;

	(void)state;
	set_up(SLUICE_MODE_IPIP, MEMBER4, 1500);
	build(&frame, &packet, 1500);
	if (!world_run_crowded(world, &frame, 208, &run)) {
		puts("# SKIP this kernel has no test runs with so much metadata");
		skip();
	}
	assert_int_equal(run.verdict, SLUICE_V_too_big);
	assert_int_equal(run.action, XDP_DROP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_no_headroom),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("too_big", tests, NULL, NULL);
	world_free(world);
	return failed;
}
