/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "packet/neighbors.h"

#include <string.h>

#include <netinet/in.h>

#define EVERYBODY "\xff\xff\xff\xff\xff\xff"
#define ARP_LEN 28

void neighbors_arp(struct frame *frame, const struct tag *tags)
{
	uint8_t arp[ARP_LEN] = {0, 1, 8, 0, 6, 4, 0, 1};
	struct packet packet = {
		.dmac = EVERYBODY, .ethertype = 0x0806, .payload = arp, .payload_len = sizeof(arp)};

	memcpy(arp + 8, ASKER_MAC, 6);
	memcpy(arp + 14, "\xc0\x00\x02\x09", 4);
	memcpy(arp + 24, "\xc0\x00\x02\x01", 4);
	for (int i = 0; tags && i < 2; i++)
		packet.tags[i] = tags[i];
	frame_build(frame, &packet);
}

void neighbors_sum(uint8_t *ip)
{
	uint32_t len = (uint32_t)ip[4] << 8 | ip[5], sum = len + IPPROTO_ICMPV6;

	ip[42] = ip[43] = 0;
	for (uint32_t i = 8; i < 40 + len; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[42] = (uint8_t)(~sum >> 8);
	ip[43] = (uint8_t)~sum;
}

void neighbors_nd(struct frame *frame, const char *src, const char *dst, const char *dmac,
		  uint32_t options, const struct tag *tags)
{
	uint8_t icmp[24 + 256] = {135};
	struct packet packet = {.dmac = dmac,
				.src = src,
				.dst = dst,
				.ttl = 255,
				.proto = IPPROTO_ICMPV6,
				.payload = icmp,
				.payload_len = (uint16_t)(24 + options)};
	struct sluice_addr target = world_addr(V6);

	memcpy(icmp + 8, target.b, 16);
	for (uint32_t i = 24; i < 24 + options; i += 8) {
		icmp[i] = i == 24 ? 1 : 14;
		icmp[i + 1] = 1;
		memcpy(icmp + i + 2, ASKER_MAC, 6);
	}
	for (int i = 0; tags && i < 2; i++)
		packet.tags[i] = tags[i];
	frame_build(frame, &packet);
	neighbors_sum(frame->data + frame_l3_offset(&packet));
}

void neighbors_solicit(struct frame *frame, const struct tag *tags)
{
	neighbors_nd(frame, "2001:db8::9", "ff02::1:ff00:1", GROUP_MAC, 8, tags);
}

void neighbors_probe(struct frame *frame, bool has_nonce)
{
	neighbors_nd(frame, "::", "ff02::1:ff00:1", GROUP_MAC, has_nonce ? 8 : 0, NULL);
	if (!has_nonce)
		return;
	frame->data[ICMP + 24] = 14;
	neighbors_sum(frame->data + L3);
}
