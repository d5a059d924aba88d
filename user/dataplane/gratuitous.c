/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/gratuitous.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"

#define NA_LEN 32 /* an advertisement with its one option */

int gratuitous_open(void)
{
	/* Protocol 0: nothing is received. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static uint8_t *put(uint8_t *at, const void *data, size_t length)
{
	memcpy(at, data, length);
	return at + length;
}

static size_t build_arp(const struct sluice_addr *addr, const uint8_t mac[6], uint8_t *frame)
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, nobody[6];
	uint8_t *at = frame;

	at = put(at, everybody, 6);
	at = put(at, mac, 6);
	at = put(at, "\x08\x06\0\1\x08\0\6\4\0\1", 10); /* ARP: Ethernet, IPv4, request */
	at = put(at, mac, 6);
	at = put(at, addr->b + 12, 4);
	at = put(at, nobody, 6);
	at = put(at, addr->b + 12, 4);
	return (size_t)(at - frame);
}

static uint16_t checksum(const uint8_t *from, size_t length, uint32_t sum)
{
	size_t i;

	for (i = 0; i < length; i += 2)
		sum += (uint32_t)from[i] << 8 | from[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t build_nd(const struct sluice_addr *addr, const uint8_t mac[6], uint8_t *frame)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	uint8_t *at = frame, *addresses, *icmp;
	uint16_t sum;

	at = put(at, "\x33\x33\0\0\0\1", 6);
	at = put(at, mac, 6);
	at = put(at, "\x86\xdd\x60\0\0\0\0\x20\x3a\xff",
		 10); /* 32 bytes of ICMPv6, hop limit 255 */
	addresses = at;
	at = put(at, addr->b, 16);
	at = put(at, all_nodes, 16);
	icmp = at;
	at = put(at, "\x88\0\0\0\x20\0\0\0", 8); /* an advertisement that overrides */
	at = put(at, addr->b, 16);
	at = put(at, "\2\1", 2);
	at = put(at, mac, 6);
	sum = checksum(addresses, 32 + NA_LEN, NA_LEN + IPPROTO_ICMPV6);
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
	return (size_t)(at - frame);
}

size_t gratuitous_build(const struct sluice_addr *addr, const uint8_t mac[6],
			uint8_t frame[GRATUITOUS_FRAME_MAX])
{
	return addr_family(addr) == SLUICE_FAMILY_V4 ? build_arp(addr, mac, frame)
						     : build_nd(addr, mac, frame);
}

int gratuitous_send(int fd, uint32_t ifindex, const struct sluice_addr *addr, const uint8_t mac[6])
{
	bool is_v4 = addr_family(addr) == SLUICE_FAMILY_V4;
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(is_v4 ? ETH_P_ARP : ETH_P_IPV6),
		.sll_ifindex = (int)ifindex,
		.sll_halen = 6,
	};
	uint8_t frame[GRATUITOUS_FRAME_MAX];
	size_t length = gratuitous_build(addr, mac, frame);

	memcpy(to.sll_addr, frame, 6);
	if (sendto(fd, frame, length, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}
