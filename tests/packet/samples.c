/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "samples.h"

#include <netinet/in.h>

#define TO4(transport) .src = "198.51.100.7", .dst = "192.0.2.1", .proto = transport, .sport = 40000
#define TO6(transport)                                                                             \
	.src = "2001:db8:c::7", .dst = "2001:db8::1", .proto = transport, .sport = 40000
#define TCP4 TO4(IPPROTO_TCP), .dport = 80
#define TCP6 TO6(IPPROTO_TCP), .dport = 80
#define UDP4 TO4(IPPROTO_UDP), .dport = 53
#define UDP6 TO6(IPPROTO_UDP), .dport = 53

const struct packet samples[] = {
	{TCP4, .payload_len = 20},
	{UDP4, .payload_len = 20},
	{TCP6, .payload_len = 20},
	{UDP6, .payload_len = 20},
	{TCP4, .options = 24, .payload_len = 3},
	{UDP4, .options = 40, .payload_len = 1},
	{TCP6, .extensions = {EXT_HOP_BY_HOP, 60, 43}, .payload_len = 3},
	{UDP6, .extensions = {51, 60, 135, 60, 60, 60}, .payload_len = 3},
	{.tags = {{0x8100, 100}}, TCP4, .payload_len = 5},
	{.tags = {{0x88a8, 100}, {0x8100, 200}}, TCP4, .payload_len = 5},
	{.tags = {{0x88a8, 100}, {0x8100, 200}}, UDP6, .extensions = {60}, .payload_len = 5},
	{TCP4, .payload_len = 10, .trailer = 30},
	{TCP6, .payload_len = 10, .trailer = 30},
};

const unsigned int sample_count = sizeof(samples) / sizeof(samples[0]);

static unsigned int next(unsigned long long *seed, unsigned int below)
{
	/* Knuth's MMIX generator: repeatable, and good enough to pick bytes. */
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(*seed >> 33) % below;
}

void sample_mangle(struct frame *frame, unsigned long long *seed)
{
	static const unsigned char values[] = {0,  1,  4,  6,	 17,   41,  43,
					       44, 51, 60, 0x45, 0x60, 0xff};
	unsigned int changes = 1 + next(seed, 4);
	unsigned int reach = next(seed, 2) ? frame->len : 70;

	if (reach > frame->len)
		reach = frame->len;
	while (changes--) {
		unsigned int at = 12 + next(seed, reach - 12);

		switch (next(seed, 4)) {
		case 0:
			frame->data[at] ^= (unsigned char)(1U << next(seed, 8));
			break;
		case 1:
			frame->data[at] = (unsigned char)next(seed, 256);
			break;
		case 2:
			frame->data[at] = values[next(seed, sizeof(values))];
			break;
		default:
			if (!next(seed, 4))
				frame->len = 14 + next(seed, frame->len - 13);
			if (reach > frame->len)
				reach = frame->len;
			if (reach < 13)
				return;
		}
	}
}
