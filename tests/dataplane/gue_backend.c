/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/gue_backend.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_NO_CHECK6_RX
#define UDP_NO_CHECK6_RX 102
#endif

static int open_receiver(uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), yes = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_UDP, UDP_NO_CHECK6_RX, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)))
		return -1;
	return fd;
}

static void send_on(int raw4, int raw6, const void *packet, size_t length)
{
	const struct ip *ip4 = packet;
	const struct ip6_hdr *ip6 = packet;
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};

	if (length >= sizeof(*ip6) && ip4->ip_v == 6) {
		to6.sin6_addr = ip6->ip6_dst;
		sendto(raw6, packet, length, 0, (struct sockaddr *)&to6, sizeof(to6));
	} else if (length >= sizeof(*ip4) && ip4->ip_v == 4) {
		to4.sin_addr = ip4->ip_dst;
		sendto(raw4, packet, length, 0, (struct sockaddr *)&to4, sizeof(to4));
	}
}

void gue_backend_run(uint16_t port)
{
	int receiver = open_receiver(port);
	/* Both take whole packets, header included. */
	int raw4 = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	int raw6 = socket(AF_INET6, SOCK_RAW, IPPROTO_RAW);
	_Alignas(8) char packet[2048];
	ssize_t length;

	if (receiver < 0 || raw4 < 0 || raw6 < 0)
		return;
	while ((length = recv(receiver, packet, sizeof(packet), 0)) >= 0)
		send_on(raw4, raw6, packet, (size_t)length);
}
