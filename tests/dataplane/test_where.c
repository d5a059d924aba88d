/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A described packet on a real interface: what the loaded program says, and what its tables add. */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"
#include "dataplane/instance.h"
#include "dataplane/space.h"

#define INSTANCE "sld-where"
#define BASE 4096
#define LOG2 12
#define K 24 /* a limit's unit: 2^20 ns */

static struct dp_bpf *dp;
static uint32_t ifindex;

static struct sluice_addr address(const char *text)
{
	struct sluice_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* Two members: 7 by the attached interface, 8 dead. Slots belong to 7 and 8 in turn. */
static void fill(void)
{
	struct dataplane port = dp_bpf_port(dp);
	struct sluice_nexthop hop = {.ifindex = ifindex,
				     .flags = SLUICE_NEXTHOP_F_USED,
				     .dmac = {2, 0, 0, 0, 0, 7},
				     .src4_be = htonl(0x0a000001)};
	struct sluice_member member = {.word = SLUICE_MEMBER(9, SLUICE_MODE_IPIP, 0, 1400),
				       .addr = address("10.0.0.2"),
				       .service = 3,
				       .family = SLUICE_FAMILY_V4};
	struct sluice_limit limit = {.word = SLUICE_LIMIT_F_USED | 4ULL << 32 | (uint64_t)K << 38 |
					     (uint64_t)SLUICE_COUNT_PACKETS << 44 |
					     (uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 |
					     63ULL << 56,
				     .id = 5,
				     .rate = SLUICE_LIMIT_RATE(1000, 20000)};
	struct dp_service service = {.id = 3,
				     .addr = address("192.0.2.10"),
				     .port = 80,
				     .proto = IPPROTO_TCP,
				     .slots_base = BASE,
				     .slots_log2 = LOG2,
				     .limits = {5}};
	static uint64_t words[1 << LOG2];
	static uint32_t runner[1 << LOG2];
	uint32_t i;

	for (i = 0; i < 1 << LOG2; i++) {
		words[i] = SLUICE_SLOT(7 + i % 2, 7 + i % 2);
		runner[i] = 8 - i % 2;
	}
	assert_int_equal(port.ops->nexthop_set(port.dp, 9, &hop), 0);
	assert_int_equal(port.ops->member_set(port.dp, 7, &member), 0);
	member.word |= SLUICE_MEMBER_F_DEAD;
	assert_int_equal(port.ops->member_set(port.dp, 8, &member), 0);
	assert_int_equal(port.ops->slots_write(port.dp, BASE, LOG2, words, runner), 0);
	assert_int_equal(port.ops->limit_set(port.dp, 5, &limit), 0);
	assert_int_equal(port.ops->service_set(port.dp, &service), 0);
}

static struct where_answer ask(const char *text, uint32_t bytes, uint32_t on)
{
	struct where_packet packet = {.is_syn = true};
	struct where_answer answer;
	struct err e = {0};

	assert_int_equal(where_parse(text, &packet, &e), 0);
	packet.bytes = bytes ? bytes : where_bytes_min(&packet);
	assert_int_equal(dp_bpf_where(dp, &packet, on, &answer), 0);
	return answer;
}

static void test_forwarded(void **state)
{
	unsigned int port, owners = 0, runners = 0;

	(void)state;
	for (port = 1024; port < 1088; port++) {
		char text[80];
		struct where_answer answer;

		snprintf(text, sizeof(text), "tcp 198.51.100.7:%u > 192.0.2.10:80", port);
		answer = ask(text, 0, ifindex);
		assert_int_equal(answer.found.verdict, SLUICE_V_forwarded);
		assert_int_equal(answer.found.service, 3);
		assert_int_equal(answer.found.member, 7);
		assert_int_equal(answer.table_log2, LOG2);
		assert_int_equal(SLUICE_SLOT_CUR(answer.slot_word), 7 + answer.table_slot % 2);
		assert_int_equal(answer.bytes_sent, 60); /* 40 in a tunnel of 20 */
		assert_int_equal(SLUICE_MEMBER_MTU(answer.member_word), 1400);
		assert_int_equal(answer.nexthop.ifindex, ifindex);
		assert_int_equal(answer.nexthop.dmac[5], 7);
		owners += SLUICE_SLOT_CUR(answer.slot_word) == 7;
		runners += SLUICE_SLOT_CUR(answer.slot_word) == 8;
	}
	assert_true(owners > 0 && runners > 0);
}

/* The port is the member's, and no matter of other modes. */
static void test_gue(void **state)
{
	struct dataplane port = dp_bpf_port(dp);
	uint64_t word = SLUICE_MEMBER(9, SLUICE_MODE_IPIP, 0, 1400);
	const char *text = "tcp 198.51.100.7:4711 > 192.0.2.10:80";
	struct where_answer answer;

	(void)state;
	assert_int_equal(port.ops->member_set_gue_port(port.dp, 7, 7000), 0);
	assert_int_equal(ask(text, 0, ifindex).gue_port, 0);
	word = SLUICE_MEMBER(9, SLUICE_MODE_GUE, 0, 1400);
	assert_int_equal(port.ops->member_set_word(port.dp, 7, word), 0);
	answer = ask(text, 1372, ifindex);
	assert_int_equal(answer.found.verdict, SLUICE_V_forwarded);
	assert_int_equal(answer.bytes_sent, 1400);
	assert_int_equal(answer.gue_port, 7000);
	assert_int_equal(ask(text, 1373, ifindex).found.verdict, SLUICE_V_too_big);
	word = SLUICE_MEMBER(9, SLUICE_MODE_IPIP, 0, 1400);
	assert_int_equal(port.ops->member_set_word(port.dp, 7, word), 0);
	assert_int_equal(port.ops->member_set_gue_port(port.dp, 0, 7000), -EINVAL);
	assert_int_equal(port.ops->member_set_gue_port(port.dp, instance_capacity.members, 7000),
			 -EINVAL);
}

static void test_other_verdicts(void **state)
{
	struct where_answer answer;

	(void)state;
	answer = ask("tcp 198.51.100.7:4711 > 192.0.2.10:81", 0, ifindex);
	assert_int_equal(answer.found.verdict, SLUICE_V_unknown_port);
	assert_int_equal(answer.table_log2 | answer.slot_word | answer.nexthop.flags, 0);
	answer = ask("udp 198.51.100.7:4711 > 192.0.2.99:80", 0, ifindex);
	assert_int_equal(answer.found.verdict, SLUICE_V_not_service);
	answer = ask("udp [2001:db8::7]:4711 > [2001:db8::10]:80", 0, ifindex);
	assert_int_equal(answer.found.verdict, SLUICE_V_not_service);
	assert_int_equal(answer.found.tuple.family, SLUICE_FAMILY_V6);
	answer = ask("tcp 198.51.100.7:4711 > 192.0.2.10:80", 1380, ifindex);
	assert_int_equal(answer.found.verdict, SLUICE_V_forwarded);
	assert_int_equal(answer.bytes_sent, 1400);
	answer = ask("tcp 198.51.100.7:4711 > 192.0.2.10:80", 1381, ifindex);
	assert_int_equal(answer.found.verdict, SLUICE_V_too_big);
	answer = ask("tcp 198.51.100.7:4711 > 192.0.2.10:80", WHERE_BYTES_MAX, ifindex);
	assert_int_equal(answer.found.verdict, SLUICE_V_too_big);
	/* From elsewhere it would have to be redirected to our interface, which nobody opened. */
	answer = ask("tcp 198.51.100.7:4711 > 192.0.2.10:80", 0, 0);
	assert_int_equal(answer.found.verdict, SLUICE_V_no_nexthop);
}

static void test_unknown_interface(void **state)
{
	struct where_packet packet = {.bytes = 40};
	struct where_answer answer;
	struct err e = {0};

	(void)state;
	assert_int_equal(where_parse("tcp 198.51.100.7:4711 > 192.0.2.10:80", &packet, &e), 0);
	assert_true(dp_bpf_where(dp, &packet, 4711, &answer) < 0);
}

/* Packets of one source are charged by the attached program; tokens follow. */
static void test_tokens(void **state)
{
	struct where_tokens tokens;
	struct where_answer answer = ask("icmp 198.51.100.7 > 192.0.2.10", 0, ifindex);

	(void)state;
	assert_int_equal(dp_bpf_tokens(dp, 5, &answer.found.tuple, &tokens), 0);
	assert_int_equal(tokens.burst, 20);
	assert_int_equal(tokens.left, 20);
	assert_int_equal(dp_bpf_tokens(dp, 6, &answer.found.tuple, &tokens), -ENOENT);
	assert_int_equal(dp_bpf_tokens(dp, 0, &answer.found.tuple, &tokens), -EINVAL);
	assert_int_equal(dp_bpf_tokens(dp, 4711, &answer.found.tuple, &tokens), -EINVAL);
}

static int set_up(void **state)
{
	struct dp_attachment attachment;
	struct err e = {0};

	(void)state;
	space_enter();
	space_veth("dp0");
	ifindex = if_nametoindex("dp0");
	dp = instance_open(INSTANCE);
	if (dp_bpf_attach(dp, "dp0", XDP_ATTACH_NATIVE, &attachment, &e))
		fail_msg("%s", e.text);
	fill();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forwarded),      cmocka_unit_test(test_gue),
		cmocka_unit_test(test_other_verdicts), cmocka_unit_test(test_unknown_interface),
		cmocka_unit_test(test_tokens),
	};

	space_require_root();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
