/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parser of the packet path, compiled natively: every length down to nothing, in memory that
 * ends where the frame ends. Needs no privileges; sanitizers see every byte it reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../bpf/parse.h"
#include "packet/builder.h"
#include "packet/samples.h"

/* Parses a copy that ends with its memory; as in a driver's buffer, the IP header is aligned. */
static enum sluice_verdict parse_copy(const uint8_t *data, uint32_t len, struct pkt *p)
{
	uint8_t *memory = malloc(len + 2), *copy = memory + 2;
	enum sluice_verdict verdict;

	assert_non_null(memory);
	memcpy(copy, data, len);
	memset(p, 0xa5, sizeof(*p)); /* what pkt_init() leaves alone may hold anything */
	pkt_init(p);
	verdict = parse(copy, copy + len, p);
	free(memory);
	return verdict;
}

static bool is_parse_defect(uint8_t defect)
{
	return defect >= SLUICE_V_bad_ip_header && defect <= SLUICE_V_bad_udp_length;
}

/* What must hold of any input. */
static void check_invariants(const uint8_t *data, uint32_t len)
{
	enum sluice_verdict verdict;
	struct pkt p;

	verdict = parse_copy(data, len, &p);
	assert_int_equal(p.frame_len, len);
	assert_true(p.tags <= SLUICE_VLAN_TAGS_MAX);
	if (verdict != V_NEXT) {
		assert_true(verdict == SLUICE_V_not_ip || verdict == SLUICE_V_not_service ||
			    verdict == V_NEIGHBOR);
		return;
	}
	assert_true(p.l3_off == 14 + 4 * p.tags);
	assert_true(p.tuple.family == SLUICE_FAMILY_V4 || p.tuple.family == SLUICE_FAMILY_V6);
	if (p.defect) {
		assert_true(is_parse_defect(p.defect));
		return;
	}
	assert_true(p.l3_off + p.ip_len <= len);
	assert_true(p.ip_len >= (p.tuple.family == SLUICE_FAMILY_V4 ? 20 : 40));
}

static void test_fields(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sample_count; i++) {
		struct frame frame;
		struct pkt p;

		frame_build(&frame, &samples[i]);
		assert_int_equal(parse_copy(frame.data, frame.len, &p), V_NEXT);
		assert_int_equal(p.defect, 0);
		assert_int_equal(bpf_ntohs(p.tuple.sport_be), samples[i].sport);
		assert_int_equal(bpf_ntohs(p.tuple.dport_be), samples[i].dport);
		assert_int_equal(p.tuple.proto, samples[i].proto);
		assert_int_equal(p.l3_off, frame_l3_offset(&samples[i]));
		assert_int_equal(p.l3_off + p.ip_len + samples[i].trailer, frame.len);
		assert_int_equal(p.tuple.pad[0] | p.tuple.pad[1], 0);
		if (p.tags)
			assert_int_equal(bpf_ntohl(p.tag_be[0]),
					 (uint32_t)samples[i].tags[0].protocol << 16 |
						 samples[i].tags[0].tci);
		if (p.tuple.family == SLUICE_FAMILY_V4)
			assert_memory_equal(p.tuple.daddr.b,
					    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
		else
			assert_memory_equal(p.tuple.daddr.b,
					    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	}
}

/* Whatever is missing, it is noticed: no cut into the IP packet goes without a defect. */
static void test_every_length(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sample_count; i++) {
		struct frame frame;

		frame_build(&frame, &samples[i]);
		for (uint32_t len = 0; len <= frame.len; len++) {
			enum sluice_verdict verdict;
			struct pkt p;

			check_invariants(frame.data, len);
			verdict = parse_copy(frame.data, len, &p);
			if (len >= frame.len - samples[i].trailer)
				assert_true(verdict == V_NEXT && !p.defect);
			else if (len < frame_l3_offset(&samples[i]))
				assert_int_equal(verdict, SLUICE_V_not_ip);
			else
				assert_true(verdict == SLUICE_V_not_service || p.defect);
		}
	}
}

static void test_mangled(void **state)
{
	unsigned long long seed = 20240601;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		struct frame frame;

		frame_build(&frame, &samples[round % (int)sample_count]);
		sample_mangle(&frame, &seed);
		check_invariants(frame.data, frame.len);
	}
}

static void test_connection_flags(void **state)
{
	struct packet packet = samples[0];
	struct frame frame;
	struct pkt p;

	(void)state;
	for (int flags = 0; flags < 256; flags++) {
		packet.tcp_flags = (uint8_t)flags;
		frame_build(&frame, &packet);
		parse_copy(frame.data, frame.len, &p);
		assert_int_equal(p.flags, (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN
						  ? PKT_F_SYN | PKT_F_NEW
						  : 0);
	}
	frame_build(&frame, &samples[1]);
	parse_copy(frame.data, frame.len, &p);
	assert_int_equal(p.flags, PKT_F_NEW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_mangled),
		cmocka_unit_test(test_connection_flags),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
