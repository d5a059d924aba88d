/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet in words: parsed, refused with the place, and built as a frame. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/where.h"
#include "dataplane/frame.h"

static void texts_are_understood(void **state)
{
	static const struct {
		const char *text, *out;
		uint8_t proto, family;
	} rows[] = {
		{"tcp 198.51.100.7:4711 > 192.0.2.10:443", NULL, IPPROTO_TCP, SLUICE_FAMILY_V4},
		{"udp 198.51.100.7:53 > 192.0.2.10:53", NULL, IPPROTO_UDP, SLUICE_FAMILY_V4},
		{"tcp [2001:db8::7]:4711 > [2001:db8::10]:443", NULL, IPPROTO_TCP,
		 SLUICE_FAMILY_V6},
		{"icmp 198.51.100.7 > 192.0.2.10", NULL, IPPROTO_ICMP, SLUICE_FAMILY_V4},
		{"icmpv6 2001:db8::7 > 2001:db8::10", NULL, IPPROTO_ICMPV6, SLUICE_FAMILY_V6},
		{"icmp 2001:db8::7 > 2001:db8::10", "icmpv6 2001:db8::7 > 2001:db8::10",
		 IPPROTO_ICMPV6, SLUICE_FAMILY_V6},
		{"  TCP\t198.51.100.7:4711->192.0.2.10:443 ",
		 "tcp 198.51.100.7:4711 > 192.0.2.10:443", IPPROTO_TCP, SLUICE_FAMILY_V4},
		{"tcp 198.51.100.7:4711>192.0.2.10:443", "tcp 198.51.100.7:4711 > 192.0.2.10:443",
		 IPPROTO_TCP, SLUICE_FAMILY_V4},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct where_packet packet = {.bytes = 77, .is_ack = true};
		char text[WHERE_TEXT_MAX];
		struct err e = {0};

		if (where_parse(rows[i].text, &packet, &e))
			fail_msg("%s: %s", rows[i].text, e.text);
		assert_int_equal(packet.tuple.proto, rows[i].proto);
		assert_int_equal(packet.tuple.family, rows[i].family);
		assert_int_equal(packet.bytes, 77);
		assert_true(packet.is_ack);
		assert_string_equal(where_format(&packet.tuple, text),
				    rows[i].out ? rows[i].out : rows[i].text);
	}
}

static void mistakes_are_placed(void **state)
{
	static const struct {
		const char *text;
		int column;
		const char *part;
	} rows[] = {
		{"", 1, "a protocol is missing"},
		{"tcp", 4, "a source is missing"},
		{"tcp 198.51.100.7:4711", 22, "'>' is missing"},
		{"tcp 198.51.100.7:4711 >", 24, "a destination is missing"},
		{"sctp 198.51.100.7:4711 > 192.0.2.10:443", 1, "'sctp' is not a protocol"},
		{"tcp 198.51.100.700:4711 > 192.0.2.10:443", 5, "source '198.51.100.700:4711'"},
		{"tcp 198.51.100.7:4711 > 192.0.2:443", 25, "destination '192.0.2:443'"},
		{"tcp 198.51.100.7:4711 > 192.0.2.10:70000", 25, "192.0.2.10:70000"},
		{"tcp 198.51.100.7 > 192.0.2.10:443", 5, "has no port, on which the member"},
		{"tcp 198.51.100.7:4711 > 192.0.2.10", 25, "destination '192.0.2.10' has no port"},
		{"icmp 198.51.100.7:1 > 192.0.2.10", 6, "ICMP has none"},
		{"icmpv6 198.51.100.7 > 192.0.2.10", 1, "belongs to IPv6"},
		{"tcp 198.51.100.7:4711 > [2001:db8::10]:443", 25, "one family"},
		{"tcp 198.51.100.7:4711 to 192.0.2.10:443", 23, "instead of 'to'"},
		{"tcp 198.51.100.7:4711 > 192.0.2.10:443 SYN", 40, "'SYN' is more than"},
		{"tcp 2001:db8::7:4711 > [2001:db8::10]:443", 5, "has no port"},
	};
	char huge[400];
	struct where_packet packet = {.bytes = 77};
	struct err e = {0};
	char place[32];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!where_parse(rows[i].text, &packet, &e))
			fail_msg("'%s' is taken", rows[i].text);
		snprintf(place, sizeof(place), "column %d ", rows[i].column);
		if (!strstr(e.text, rows[i].part) || !strstr(e.text, place))
			fail_msg("'%s': %s", rows[i].text, e.text);
		assert_int_equal(e.code, ERR_INVALID);
		assert_non_null(strstr(e.hint, "tcp 198.51.100.7:4711 > 192.0.2.10:443"));
		assert_int_equal(packet.tuple.family, 0);
	}
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_int_not_equal(where_parse(huge, &packet, &e), 0);
}

/* RFC 1071: the sum over what a checksum covers, itself included, is all ones. */
static uint32_t sum(const uint8_t *data, size_t length, uint32_t start)
{
	uint32_t total = start;
	size_t i;

	for (i = 0; i < length; i++)
		total += (uint32_t)data[i] << (i & 1 ? 0 : 8);
	while (total > 0xffff)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

static void check_frame(const char *text, uint32_t bytes)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	static uint8_t frame[FRAME_BYTES_MAX];
	struct where_packet packet = {.is_syn = true};
	uint32_t length, header, pseudo;
	uint8_t *ip = frame + FRAME_LINK_BYTES;
	struct err e = {0};
	bool is_v4;

	assert_int_equal(where_parse(text, &packet, &e), 0);
	packet.bytes = bytes ? bytes : where_bytes_min(&packet);
	is_v4 = packet.tuple.family == SLUICE_FAMILY_V4;
	header = is_v4 ? 20 : 40;
	length = frame_build(&packet, mac, frame);
	assert_int_equal(length, FRAME_LINK_BYTES + packet.bytes);
	assert_memory_equal(frame, mac, 6);
	assert_int_equal(frame[12] << 8 | frame[13], is_v4 ? 0x0800 : 0x86dd);
	assert_int_equal(ip[0] >> 4, is_v4 ? 4 : 6);
	assert_int_equal(is_v4 ? ip[2] << 8 | ip[3] : 40 + (ip[4] << 8 | ip[5]), packet.bytes);
	assert_int_equal(ip[is_v4 ? 9 : 6], packet.tuple.proto);
	if (is_v4)
		assert_int_equal(sum(ip, 20, 0), 0xffff);
	pseudo = packet.tuple.proto + packet.bytes - header +
		 sum(ip + (is_v4 ? 12 : 8), is_v4 ? 8 : 32, 0);
	if (packet.tuple.proto == IPPROTO_ICMP)
		pseudo = 0;
	assert_int_equal(sum(ip + header, packet.bytes - header, pseudo), 0xffff);
	if (packet.tuple.proto == IPPROTO_TCP)
		assert_int_equal(ip[header + 13], 0x02);
	if (packet.tuple.sport_be) {
		assert_memory_equal(ip + header, &packet.tuple.sport_be, 2);
		assert_memory_equal(ip + header + 2, &packet.tuple.dport_be, 2);
	}
}

static void frames_are_correct(void **state)
{
	static const char *const texts[] = {
		"tcp 198.51.100.7:4711 > 192.0.2.10:443",
		"udp 198.51.100.7:4711 > 192.0.2.10:53",
		"icmp 198.51.100.7 > 192.0.2.10",
		"tcp [2001:db8::7]:4711 > [2001:db8::10]:443",
		"udp [2001:db8::7]:4711 > [2001:db8::10]:53",
		"icmp 2001:db8::7 > 2001:db8::10",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		check_frame(texts[i], 0);
		check_frame(texts[i], 1499);
		check_frame(texts[i], WHERE_BYTES_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_understood),
		cmocka_unit_test(mistakes_are_placed),
		cmocka_unit_test(frames_are_correct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
