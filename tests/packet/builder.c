/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "builder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void put(struct frame *frame, const void *data, uint32_t len)
{
	if (frame->len + len > FRAME_MAX)
		len = FRAME_MAX - frame->len;
	memcpy(frame->data + frame->len, data, len);
	frame->len += len;
}

static void put_u8(struct frame *frame, uint8_t v)
{
	put(frame, &v, 1);
}

static void put_u16(struct frame *frame, uint16_t v)
{
	put_u8(frame, v >> 8);
	put_u8(frame, v & 0xff);
}

static void put_u32(struct frame *frame, uint32_t v)
{
	put_u16(frame, v >> 16);
	put_u16(frame, v & 0xffff);
}

static void set_u16(uint8_t *at, uint16_t v)
{
	at[0] = v >> 8;
	at[1] = v & 0xff;
}

/* RFC 1071, byte by byte: on purpose not how the packet path does it. */
static uint16_t checksum(const uint8_t *data, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static bool is_v6(const struct packet *packet)
{
	return packet->dst && strchr(packet->dst, ':');
}

static void put_address(struct frame *frame, const char *text, bool v6)
{
	uint8_t addr[16] = {0};

	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, addr) != 1)
		fprintf(stderr, "# builder: bad address %s\n", text);
	put(frame, addr, v6 ? 16 : 4);
}

uint32_t frame_l3_offset(const struct packet *packet)
{
	uint32_t offset = 14;

	for (int i = 0; i < 3 && packet->tags[i].protocol; i++)
		offset += 4;
	return offset;
}

static void put_ethernet(struct frame *frame, const struct packet *packet)
{
	put(frame, packet->dmac ? packet->dmac : BALANCER_MAC, 6);
	put(frame, packet->smac ? packet->smac : CLIENT_MAC, 6);
	for (int i = 0; i < 3 && packet->tags[i].protocol; i++) {
		put_u16(frame, packet->tags[i].protocol);
		put_u16(frame, packet->tags[i].tci);
	}
	put_u16(frame, packet->ethertype ? packet->ethertype : is_v6(packet) ? 0x86dd : 0x0800);
}

static void put_ipv4(struct frame *frame, const struct packet *packet)
{
	uint32_t header = 20 + packet->options;
	uint8_t version = packet->version ? packet->version : 4;
	uint8_t ihl = packet->ihl ? packet->ihl : header / 4;

	put_u8(frame, version << 4 | ihl);
	put_u8(frame, packet->tos);
	put_u16(frame, 0); /* length: frame_build() */
	put_u16(frame, packet->id);
	put_u16(frame, packet->fragment);
	put_u8(frame, packet->ttl ? packet->ttl : 64);
	put_u8(frame, packet->proto);
	put_u16(frame, 0); /* checksum: likewise */
	put_address(frame, packet->src, false);
	put_address(frame, packet->dst, false);
	for (int i = 0; i < packet->options; i++)
		put_u8(frame, 1); /* no operation */
}

/* The number of extension i, or of the transport protocol behind the last one. */
static uint8_t next_header(const struct packet *packet, unsigned int i)
{
	uint8_t number = i < sizeof(packet->extensions) ? packet->extensions[i] : 0;

	if (!number)
		return packet->proto;
	return number == EXT_HOP_BY_HOP ? 0 : number;
}

static void put_ipv6(struct frame *frame, const struct packet *packet)
{
	uint32_t version = packet->version ? packet->version : 6;

	put_u32(frame, version << 28 | (uint32_t)packet->tos << 20 | packet->flow_label);
	put_u16(frame, 0); /* length */
	put_u8(frame, next_header(packet, 0));
	put_u8(frame, packet->ttl ? packet->ttl : 64);
	put_address(frame, packet->src, true);
	put_address(frame, packet->dst, true);
	for (unsigned int i = 0; i < sizeof(packet->extensions) && packet->extensions[i]; i++) {
		put_u8(frame, next_header(packet, i + 1));
		/* Eight bytes each; the authentication header counts in fours, less two. */
		put_u8(frame, 0);
		put_u16(frame, packet->extensions[i] == IPPROTO_FRAGMENT ? packet->fragment : 0);
		if (packet->extensions[i] != IPPROTO_AH)
			put_u32(frame, 0x01020000); /* PadN */
		else
			put_u32(frame, 1);
	}
}

static void put_payload(struct frame *frame, const struct packet *packet)
{
	for (int i = 0; !packet->payload && i < packet->payload_len; i++)
		put_u8(frame, (uint8_t)i);
	if (packet->payload)
		put(frame, packet->payload, packet->payload_len);
}

static void put_transport(struct frame *frame, const struct packet *packet)
{
	uint32_t l4 = frame->len;
	uint32_t len, pseudo = packet->proto;

	if (packet->proto == IPPROTO_TCP) {
		put_u16(frame, packet->sport);
		put_u16(frame, packet->dport);
		put_u32(frame, 1000);
		put_u32(frame, packet->tcp_flags & TCP_ACK ? 2000 : 0);
		put_u16(frame, (packet->doff ? packet->doff : 5) << 12 | packet->tcp_flags);
		put_u16(frame, 65535);
		put_u32(frame, 0);
	} else if (packet->proto == IPPROTO_UDP) {
		put_u16(frame, packet->sport);
		put_u16(frame, packet->dport);
		put_u16(frame, 8 + packet->payload_len + packet->udp_len_add);
		put_u16(frame, 0);
	}
	put_payload(frame, packet);
	len = frame->len - l4;
	if ((packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP) || packet->is_unchecked)
		return;
	/* Addresses and length of the pseudo header; the addresses end where options begin. */
	for (uint32_t i = 0; i < (is_v6(packet) ? 32U : 8U); i += 2) {
		const uint8_t *at = frame->data + frame_l3_offset(packet);

		at += (is_v6(packet) ? 8 : 12) + i;
		pseudo += (uint32_t)at[0] << 8 | at[1];
	}
	set_u16(frame->data + l4 + (packet->proto == IPPROTO_TCP ? 16 : 6),
		checksum(frame->data + l4, len, pseudo + len));
}

void frame_build(struct frame *frame, const struct packet *packet)
{
	uint32_t l3 = frame_l3_offset(packet);
	uint32_t len;

	memset(frame, 0, sizeof(*frame));
	put_ethernet(frame, packet);
	if (!packet->dst) {
		put_payload(frame, packet);
		return;
	}
	if (is_v6(packet))
		put_ipv6(frame, packet);
	else
		put_ipv4(frame, packet);
	put_transport(frame, packet);
	frame->len -= packet->cut;
	len = frame->len - l3 + packet->ip_len_add;
	if (is_v6(packet)) {
		set_u16(frame->data + l3 + 4, len - 40);
	} else {
		set_u16(frame->data + l3 + 2, len);
		set_u16(frame->data + l3 + 10, checksum(frame->data + l3, 20 + packet->options, 0));
	}
	for (int i = 0; i < packet->trailer; i++)
		put_u8(frame, 0xee);
}

void frame_wrap(struct frame *frame, const struct packet *outer, const struct packet *inner)
{
	struct packet bare = *inner, packet = *outer;
	struct frame in;

	bare.trailer = 0;
	frame_build(&in, &bare);
	packet.payload = in.data + frame_l3_offset(inner);
	packet.payload_len = in.len - frame_l3_offset(inner);
	frame_build(frame, &packet);
}

void frame_print(const char *title, const uint8_t *data, uint32_t len)
{
	fprintf(stderr, "# %s, %u bytes\n", title, len);
	for (uint32_t i = 0; i < len; i++)
		fprintf(stderr, "%s%02x%s", i % 16 ? " " : "# ", data[i],
			i % 16 == 15 || i + 1 == len ? "\n" : "");
}
