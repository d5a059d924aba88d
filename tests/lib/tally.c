/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts UDP packets by source as they arrive on an interface, over a window of time that the kernel's
 * time stamps measure. For the lab only.
 *
 *	tally [-w WARM_SECONDS] [-t SECONDS] INTERFACE SOURCE PORT
 *
 * SOURCE stands for the 65,536 addresses of its /16, PORT is the destination's. The window begins so many
 * seconds after the first packet. Prints {"seconds":S,"lost":N,"sources":{"ADDRESS":N}}; what the
 * socket lost makes the figures worthless.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BYTES (16 << 20)
#define SILENCE_S 10 /* without any packet: the end */
#define SOURCES 65536
#define SADDR_AT (ETH_HLEN + 12)

struct tally {
	double warm_s, span_s;
	uint32_t base; /* of the /16 */
	uint16_t port;
	uint64_t counts[SOURCES];
};

/* IPv4 without options, UDP, from the /16, to the port. */
static int set_filter(int fd, const struct tally *t)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ETH_HLEN - 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 8),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SADDR_AT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, t->base >> 16, 0, 6),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 4),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ETH_HLEN + 20 + 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, t->port, 0, 2),
		BPF_STMT(BPF_RET | BPF_K, SADDR_AT + 4),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* A socket that gets the packets of this interface only once it is bound: the filter comes first. */
static int open_socket(const struct tally *t, const char *interface)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
				      .sll_protocol = htons(ETH_P_ALL),
				      .sll_ifindex = (int)if_nametoindex(interface)};
	struct timeval silence = {.tv_sec = SILENCE_S};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), size = RECEIVE_BYTES, on = 1;

	if (fd < 0 || !address.sll_ifindex || set_filter(fd, t) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return fd;
}

/* One packet; its source's low 16 bits, or -1. */
static int receive(int fd, double *ret_time_s)
{
	char control[256];
	uint8_t frame[SADDR_AT + 4];
	struct iovec vector = {frame, sizeof(frame)};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	struct timespec time;

	if (recvmsg(fd, &message, 0) < (ssize_t)sizeof(frame))
		return -1;
	for (c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&time, CMSG_DATA(c), sizeof(time));
		*ret_time_s = (double)time.tv_sec + (double)time.tv_nsec / 1e9;
		return frame[SADDR_AT + 2] << 8 | frame[SADDR_AT + 3];
	}
	return -1;
}

static int count(struct tally *t, int fd)
{
	double begin_s = 0, now_s = 0;
	int source = receive(fd, &begin_s);

	if (source < 0)
		return -1;
	while (now_s < begin_s + t->warm_s + t->span_s) {
		source = receive(fd, &now_s);
		if (source < 0)
			return -1;
		if (now_s >= begin_s + t->warm_s && now_s < begin_s + t->warm_s + t->span_s)
			t->counts[source]++;
	}
	return 0;
}

static void print(const struct tally *t, unsigned int lost)
{
	const char *comma = "";

	printf("{\"seconds\":%.3f,\"lost\":%u,\"sources\":{", t->span_s, lost);
	for (uint32_t i = 0; i < SOURCES; i++) {
		struct in_addr addr = {htonl(t->base | i)};

		if (!t->counts[i])
			continue;
		printf("%s\"%s\":%llu", comma, inet_ntoa(addr), (unsigned long long)t->counts[i]);
		comma = ",";
	}
	printf("}}\n");
}

int main(int argc, char **argv)
{
	static struct tally t = {.span_s = 1};
	struct tpacket_stats stats;
	socklen_t size = sizeof(stats);
	struct in_addr base;
	int option, fd;

	while ((option = getopt(argc, argv, "w:t:")) != -1) {
		if (option == 'w')
			t.warm_s = strtod(optarg, NULL);
		else if (option == 't')
			t.span_s = strtod(optarg, NULL);
		else
			return 2;
	}
	if (argc - optind != 3 || inet_pton(AF_INET, argv[optind + 1], &base) != 1) {
		fprintf(stderr, "usage: tally [-w SECONDS] [-t SECONDS] INTERFACE SOURCE PORT\n");
		return 2;
	}
	t.base = ntohl(base.s_addr) & 0xffff0000;
	t.port = (uint16_t)strtoul(argv[optind + 2], NULL, 10);
	fd = open_socket(&t, argv[optind]);
	if (fd < 0) {
		fprintf(stderr, "tally: no socket on %s: %s\n", argv[optind], strerror(errno));
		return 1;
	}
	fprintf(stderr, "tally: ready\n");
	if (count(&t, fd) || getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size)) {
		fprintf(stderr, "tally: no packets\n");
		return 1;
	}
	print(&t, stats.tp_drops);
	return 0;
}
