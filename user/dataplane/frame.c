/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/frame.h"

#include <assert.h>
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#define TTL 64
#define WINDOW 65535
#define ECHO_ID 1

static const uint8_t source_mac[6] = {0x02, 0, 0, 0, 0, 0x01}; /* locally administered */

/* RFC 1071: adds big-endian 16-bit words; an odd byte counts as the first of its word. */
static uint32_t add(uint32_t sum, const void *data, size_t length)
{
	const uint8_t *byte = data;
	size_t i;

	for (i = 0; i < length; i++)
		sum += (uint32_t)byte[i] << (i % 2 ? 0 : 8);
	return sum;
}

static uint16_t fold_be(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* The sum of a transport header's pseudo header (RFC 9293, RFC 8200). */
static uint32_t pseudo_sum(const struct sluice_tuple *tuple, uint32_t length)
{
	bool is_v4 = tuple->family == SLUICE_FAMILY_V4;
	size_t skip = is_v4 ? 12 : 0;
	uint32_t sum = add(0, tuple->saddr.b + skip, 16 - skip);

	return add(sum, tuple->daddr.b + skip, 16 - skip) + length + tuple->proto;
}

static void write_tcp(const struct where_packet *packet, uint8_t *at, uint32_t length)
{
	struct tcphdr tcp = {
		.source = packet->tuple.sport_be,
		.dest = packet->tuple.dport_be,
		.seq = htonl(1),
		.ack_seq = packet->is_ack ? htonl(1) : 0,
		.doff = sizeof(tcp) / 4,
		.syn = packet->is_syn,
		.ack = packet->is_ack,
		.window = htons(WINDOW),
	};

	memcpy(at, &tcp, sizeof(tcp));
	tcp.check = fold_be(add(pseudo_sum(&packet->tuple, length), at, length));
	memcpy(at, &tcp, sizeof(tcp));
}

static void write_udp(const struct where_packet *packet, uint8_t *at, uint32_t length)
{
	struct udphdr udp = {
		.source = packet->tuple.sport_be,
		.dest = packet->tuple.dport_be,
		.len = htons((uint16_t)length),
	};

	memcpy(at, &udp, sizeof(udp));
	udp.check = fold_be(add(pseudo_sum(&packet->tuple, length), at, length));
	if (!udp.check)
		udp.check = 0xffff; /* 0 means that there is none */
	memcpy(at, &udp, sizeof(udp));
}

/* An echo request; only ICMPv6 sums a pseudo header. */
static void write_icmp(const struct where_packet *packet, uint8_t *at, uint32_t length)
{
	bool is_v4 = packet->tuple.family == SLUICE_FAMILY_V4;
	struct icmphdr icmp = {
		.type = is_v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
		.un.echo.id = htons(ECHO_ID),
		.un.echo.sequence = htons(1),
	};

	memcpy(at, &icmp, sizeof(icmp));
	icmp.checksum = fold_be(add(is_v4 ? 0 : pseudo_sum(&packet->tuple, length), at, length));
	memcpy(at, &icmp, sizeof(icmp));
}

static uint32_t write_ip(const struct where_packet *packet, uint8_t *at)
{
	const struct sluice_tuple *tuple = &packet->tuple;
	struct ip6_hdr ip6 = {.ip6_hops = TTL, .ip6_nxt = tuple->proto};
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tot_len = htons((uint16_t)packet->bytes),
		.frag_off = htons(IP_DF),
		.ttl = TTL,
		.protocol = tuple->proto,
		.saddr = tuple->saddr.w_be[3],
		.daddr = tuple->daddr.w_be[3],
	};

	if (tuple->family == SLUICE_FAMILY_V4) {
		ip.check = fold_be(add(0, &ip, sizeof(ip)));
		memcpy(at, &ip, sizeof(ip));
		return sizeof(ip);
	}
	ip6.ip6_flow = htonl(6U << 28);
	ip6.ip6_plen = htons((uint16_t)(packet->bytes - sizeof(ip6)));
	memcpy(&ip6.ip6_src, tuple->saddr.b, sizeof(ip6.ip6_src));
	memcpy(&ip6.ip6_dst, tuple->daddr.b, sizeof(ip6.ip6_dst));
	memcpy(at, &ip6, sizeof(ip6));
	return sizeof(ip6);
}

uint32_t frame_build(const struct where_packet *packet, const uint8_t dmac[6],
		     uint8_t frame[FRAME_BYTES_MAX])
{
	bool is_v4 = packet->tuple.family == SLUICE_FAMILY_V4;
	struct ether_header eth = {.ether_type = htons(is_v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6)};
	uint8_t *at = frame + sizeof(eth);
	uint32_t header;

	assert(packet->bytes >= where_bytes_min(packet) && packet->bytes <= WHERE_BYTES_MAX);
	memset(frame, 0, FRAME_BYTES_MAX);
	memcpy(eth.ether_dhost, dmac, sizeof(eth.ether_dhost));
	memcpy(eth.ether_shost, source_mac, sizeof(eth.ether_shost));
	memcpy(frame, &eth, sizeof(eth));
	header = write_ip(packet, at);
	if (packet->tuple.proto == IPPROTO_TCP)
		write_tcp(packet, at + header, packet->bytes - header);
	else if (packet->tuple.proto == IPPROTO_UDP)
		write_udp(packet, at + header, packet->bytes - header);
	else
		write_icmp(packet, at + header, packet->bytes - header);
	return (uint32_t)sizeof(eth) + packet->bytes;
}
