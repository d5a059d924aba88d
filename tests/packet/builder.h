/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames for tests, written as what they are: a packet is described by a designated initialiser,
 * frame_build() makes a correct frame of it, the fields at the end break it on purpose.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 4096

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* MACs of frames as they arrive. */
#define CLIENT_MAC "\x02\x00\x00\x00\xc1\x01"
#define BALANCER_MAC "\x02\x00\x00\x00\xba\x01"

struct frame {
	uint8_t data[FRAME_MAX];
	uint32_t len;
};

struct tag {
	uint16_t protocol; /* 0x8100 or 0x88a8; 0 ends the list */
	uint16_t tci;
};

struct packet {
	const char *dmac, *smac; /* six bytes; NULL: the balancer's, the client's */
	struct tag tags[3];
	uint16_t ethertype; /* 0: from the addresses */

	const char *src, *dst; /* text; both of one family */
	uint8_t tos;
	uint8_t ttl;	       /* 0: 64 */
	uint8_t options;       /* IPv4: bytes of options, a multiple of 4 */
	uint16_t fragment;     /* 16 bits of flags and offset; IPv6: of extension 44 */
	uint16_t id;	       /* IPv4 */
	uint32_t flow_label;   /* IPv6 */
	uint8_t extensions[8]; /* IPv6: protocol numbers in their order, 0xff for hop-by-hop */

	uint8_t proto; /* IPPROTO_*; what follows belongs to it */
	uint16_t sport, dport;
	bool is_unchecked; /* UDP: checksum 0 */
	uint8_t tcp_flags;
	const void *payload; /* NULL: bytes that count up */
	uint16_t payload_len;
	uint16_t trailer; /* bytes behind the IP packet */

	/* Damage. */
	uint8_t version; /* 0: right */
	uint8_t ihl;	 /* 0: right */
	int ip_len_add;	 /* to the length field */
	uint8_t doff;	 /* 0: right */
	int udp_len_add;
	uint16_t cut; /* IP packet (length field too) ends so many bytes early */
};

/* 0xff stands for hop-by-hop (whose number is 0) in struct packet.extensions. */
#define EXT_HOP_BY_HOP 0xff

void frame_build(struct frame *frame, const struct packet *packet);
/* An outer packet as described whose payload is the IP packet of inner (from its layer 3 on). */
void frame_wrap(struct frame *frame, const struct packet *outer, const struct packet *inner);
/* Where the IP header of a frame made from this description begins. */
uint32_t frame_l3_offset(const struct packet *packet);
/* One line of hex a 16 bytes, for messages. */
void frame_print(const char *title, const uint8_t *data, uint32_t len);
