/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Damaged packets through the real program: nothing malformed is forwarded, and what is not ours
 * is passed as it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "packet/samples.h"
#include "packet/world.h"

#define MTU 1500

static struct world *world;

static void set_up(enum sluice_mode mode, const char *member)
{
	struct sluice_nexthop nexthop = {.ifindex = WORLD_IFINDEX, .src4_be = htonl(0x0a000002)};

	world_clear(world);
	memcpy(nexthop.dmac, BALANCER_MAC, 6);
	nexthop.src6 = world_addr("2001:db8:f::2");
	world_nexthop(world, 1, &nexthop);
	world_member(world, 1, member, mode, 1, MTU);
	world_slots(world, 0, 1, 0);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	world_service(world, 2, "192.0.2.1", 53, IPPROTO_UDP, 0);
	world_service(world, 3, "2001:db8::1", 80, IPPROTO_TCP, 0);
	world_service(world, 4, "2001:db8::1", 53, IPPROTO_UDP, 0);
}

static const struct {
	enum sluice_mode mode;
	const char *member;
} targets[] = {
	{SLUICE_MODE_L2, "10.0.0.11"},	      {SLUICE_MODE_IPIP, "10.0.0.11"},
	{SLUICE_MODE_IPIP, "2001:db8:b::11"}, {SLUICE_MODE_GUE, "10.0.0.11"},
	{SLUICE_MODE_GUE, "2001:db8:b::11"},
};

static void check_untouched(const struct frame *frame, const struct world_run *run)
{
	assert_int_equal(run->out_len, frame->len);
	assert_memory_equal(run->out, frame->data, frame->len);
}

static uint32_t read_u16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* A frame that left is well-formed: its outermost IP header spans it, but for minimum padding. */
static void check_forwarded(const struct world_run *run)
{
	uint32_t l3 = 14, len;
	uint32_t proto = read_u16(run->out + 12);

	while (proto == 0x8100 || proto == 0x88a8) {
		proto = read_u16(run->out + l3 + 2);
		l3 += 4;
	}
	assert_true(proto == 0x0800 || proto == 0x86dd);
	len = proto == 0x0800 ? read_u16(run->out + l3 + 2) : 40 + read_u16(run->out + l3 + 4);
	assert_true(len <= MTU);
	assert_int_equal(run->out_len, l3 + len > 60 ? l3 + len : run->out_len);
	assert_true(l3 + len <= run->out_len);
	assert_true(run->out_len <= 60 || run->out_len == l3 + len);
}

static void check_any(const struct frame *frame, const struct world_run *run)
{
	if (run->action == XDP_PASS)
		check_untouched(frame, run);
	else if (run->verdict == SLUICE_V_forwarded)
		check_forwarded(run);
	else
		assert_int_equal(run->action, XDP_DROP);
}

static void test_cut_ours(void **state)
{
	(void)state;
	for (size_t t = 0; t < sizeof(targets) / sizeof(targets[0]); t++) {
		set_up(targets[t].mode, targets[t].member);
		for (unsigned int i = 0; i < sample_count; i++) {
			struct frame frame;
			uint32_t whole;

			frame_build(&frame, &samples[i]);
			whole = frame.len - samples[i].trailer;
			for (uint32_t len = frame.len; len >= 14; len--) {
				struct world_run run;

				frame.len = len;
				world_run(world, &frame, &run);
				check_any(&frame, &run);
				assert_int_equal(run.verdict == SLUICE_V_forwarded, len >= whole);
			}
		}
	}
}

/* Cut packets whose length field is right: TCP and UDP headers that end early. */
static void test_cut_with_length(void **state)
{
	(void)state;
	set_up(SLUICE_MODE_IPIP, "10.0.0.11");
	for (unsigned int i = 0; i < sample_count; i++) {
		struct packet packet = samples[i];
		uint32_t l4 = packet.proto == IPPROTO_TCP ? 20 : 8;
		uint32_t rest = packet.payload_len + l4;

		for (packet.cut = 0; packet.cut <= rest; packet.cut++) {
			bool is_whole = packet.proto == IPPROTO_TCP ? packet.cut + l4 <= rest
								    : packet.cut == 0;
			struct world_run run;
			struct frame frame;

			packet.trailer = 0;
			frame_build(&frame, &packet);
			world_run(world, &frame, &run);
			check_any(&frame, &run);
			assert_int_equal(run.verdict == SLUICE_V_forwarded, is_whole);
		}
	}
}

static void test_cut_not_ours(void **state)
{
	(void)state;
	set_up(SLUICE_MODE_IPIP, "10.0.0.11");
	for (unsigned int i = 0; i < sample_count; i++) {
		struct packet packet = samples[i];
		struct frame frame;

		packet.dst = strchr(packet.dst, ':') ? "2001:db8::2" : "192.0.2.2";
		frame_build(&frame, &packet);
		for (uint32_t len = frame.len; len >= 14; len--) {
			struct world_run run;

			frame.len = len;
			world_run(world, &frame, &run);
			assert_int_equal(run.action, XDP_PASS);
			check_untouched(&frame, &run);
		}
	}
}

static void test_mangled(void **state)
{
	unsigned long long seed = 7;
	int forwarded = 0;

	(void)state;
	for (size_t t = 0; t < sizeof(targets) / sizeof(targets[0]); t++) {
		set_up(targets[t].mode, targets[t].member);
		for (int round = 0; round < 3000; round++) {
			struct world_run run;
			struct frame frame;

			frame_build(&frame, &samples[round % (int)sample_count]);
			sample_mangle(&frame, &seed);
			if (frame.len < 14)
				continue;
			world_run(world, &frame, &run);
			check_any(&frame, &run);
			forwarded += run.verdict == SLUICE_V_forwarded;
		}
	}
	assert_true(forwarded > 100); /* else the mangling proves nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_ours),
		cmocka_unit_test(test_cut_with_length),
		cmocka_unit_test(test_cut_not_ours),
		cmocka_unit_test(test_mangled),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("cut", tests, NULL, NULL);
	world_free(world);
	return failed;
}
