/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends TCP SYNs (or UDP datagrams) from one source or from many spoofed ones, at a bounded rate
 * for a bounded time, with valid checksums. For the lab only: through raw sockets, so that the
 * namespace's own routes carry the packets.
 *
 *	flood [-u] [-n SOURCES] [-b BURST] [-r PACKETS_PER_S] [-t SECONDS] SOURCE TARGET PORT
 *
 * With -n, SOURCES addresses from SOURCE on are used in turn; with -b each sends so many packets in its
 * turn. Source ports vary with every packet. Prints {"sent":N,"failed":N,"seconds":S}.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 64
#define FRAME_MAX 64
#define RATE_MAX 2000000
#define SECONDS_MAX 60

struct flood {
	bool is_udp;
	bool is_v6;
	uint32_t sources;
	uint32_t burst;
	uint32_t rate;
	double seconds;
	uint8_t source[16];
	uint8_t target[16];
	uint16_t port;
	uint64_t sent;
	uint64_t failed;
};

static uint32_t sum_bytes(const void *data, size_t length, uint32_t sum)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? byte[i] : (uint32_t)byte[i] << 8;
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* The pseudo header's part of the sum: addresses, protocol, length. */
static uint32_t sum_pseudo(const struct flood *f, const uint8_t *source, uint8_t proto,
			   size_t length)
{
	size_t size = f->is_v6 ? 16 : 4;

	return sum_bytes(source, size, sum_bytes(f->target, size, proto + (uint32_t)length));
}

static size_t put_l4(const struct flood *f, uint8_t *out, const uint8_t *source, uint64_t number)
{
	uint16_t sport = (uint16_t)(1024 + number * 7919 % 64000);

	if (f->is_udp) {
		struct udphdr udp = {
			.source = htons(sport), .dest = htons(f->port), .len = htons(12)};
		size_t length = sizeof(udp) + 4;

		memset(out + sizeof(udp), 'x', 4);
		memcpy(out, &udp, sizeof(udp));
		udp.check = sum_fold(
			sum_bytes(out, length, sum_pseudo(f, source, IPPROTO_UDP, length)));
		memcpy(out, &udp, sizeof(udp));
		return length;
	}
	struct tcphdr tcp = {.source = htons(sport),
			     .dest = htons(f->port),
			     .seq = htonl((uint32_t)number * 2654435761U),
			     .doff = sizeof(tcp) / 4,
			     .syn = 1,
			     .window = htons(64240)};

	memcpy(out, &tcp, sizeof(tcp));
	tcp.check = sum_fold(
		sum_bytes(out, sizeof(tcp), sum_pseudo(f, source, IPPROTO_TCP, sizeof(tcp))));
	memcpy(out, &tcp, sizeof(tcp));
	return sizeof(tcp);
}

/* The source of packet number: SOURCE and so many more, in the last 32 bits. */
static void pick_source(const struct flood *f, uint64_t number, uint8_t *ret_source)
{
	size_t size = f->is_v6 ? 16 : 4;
	uint32_t low;

	memcpy(ret_source, f->source, size);
	memcpy(&low, ret_source + size - 4, 4);
	low = htonl(ntohl(low) + (uint32_t)(number / f->burst % f->sources));
	memcpy(ret_source + size - 4, &low, 4);
}

static size_t put_packet(const struct flood *f, uint8_t *out, uint64_t number)
{
	uint8_t proto = f->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint8_t source[16];
	size_t length;

	pick_source(f, number, source);
	if (f->is_v6) {
		struct ip6_hdr ip6 = {.ip6_nxt = proto, .ip6_hlim = 64};

		ip6.ip6_vfc = 0x60; /* shares its bytes with the flow label: after the others */
		length = put_l4(f, out + sizeof(ip6), source, number);
		ip6.ip6_plen = htons((uint16_t)length);
		memcpy(&ip6.ip6_src, source, 16);
		memcpy(&ip6.ip6_dst, f->target, 16);
		memcpy(out, &ip6, sizeof(ip6));
		return sizeof(ip6) + length;
	}
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = proto};

	length = sizeof(ip) + put_l4(f, out + sizeof(ip), source, number);
	ip.tot_len = htons((uint16_t)length);
	memcpy(&ip.saddr, source, 4);
	memcpy(&ip.daddr, f->target, 4);
	memcpy(out, &ip, sizeof(ip));
	ip.check = sum_fold(sum_bytes(out, sizeof(ip), 0));
	memcpy(out, &ip, sizeof(ip));
	return length;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void send_batch(struct flood *f, int fd, unsigned int count)
{
	static uint8_t frames[BATCH_MAX][FRAME_MAX];
	struct mmsghdr messages[BATCH_MAX] = {0};
	struct iovec vectors[BATCH_MAX];
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
	int sent;

	memcpy(&to4.sin_addr, f->target, 4);
	memcpy(&to6.sin6_addr, f->target, 16);
	for (unsigned int i = 0; i < count; i++) {
		vectors[i].iov_base = frames[i];
		vectors[i].iov_len = put_packet(f, frames[i], f->sent + f->failed + i);
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = f->is_v6 ? (void *)&to6 : (void *)&to4;
		messages[i].msg_hdr.msg_namelen = f->is_v6 ? sizeof(to6) : sizeof(to4);
	}
	sent = sendmmsg(fd, messages, count, 0);
	if (sent < 0)
		sent = 0;
	f->sent += (uint64_t)sent;
	f->failed += count - (unsigned int)sent;
}

static int flood_run(struct flood *f, int fd)
{
	double start = now_s(), elapsed;

	while ((elapsed = now_s() - start) < f->seconds) {
		uint64_t done = f->sent + f->failed;
		uint64_t due = (uint64_t)(elapsed * f->rate);

		if (due <= done) {
			usleep(500);
			continue;
		}
		send_batch(f, fd, due - done > BATCH_MAX ? BATCH_MAX : (unsigned int)(due - done));
	}
	printf("{\"sent\":%llu,\"failed\":%llu,\"seconds\":%.3f}\n", (unsigned long long)f->sent,
	       (unsigned long long)f->failed, elapsed);
	return f->sent ? 0 : 1;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: flood [-u] [-n SOURCES] [-b BURST] [-r PACKETS_PER_S (at most %d)] "
		"[-t SECONDS (at most %d)] SOURCE TARGET PORT\n",
		RATE_MAX, SECONDS_MAX);
	return 2;
}

static int parse_addresses(struct flood *f, const char *source, const char *target)
{
	f->is_v6 = strchr(target, ':');
	int family = f->is_v6 ? AF_INET6 : AF_INET;

	return inet_pton(family, source, f->source) == 1 &&
	       inet_pton(family, target, f->target) == 1;
}

int main(int argc, char **argv)
{
	struct flood f = {.sources = 1, .burst = 1, .rate = 1000, .seconds = 1};
	int option, fd, on = 1;

	while ((option = getopt(argc, argv, "un:b:r:t:")) != -1) {
		if (option == 'u')
			f.is_udp = true;
		else if (option == 'n')
			f.sources = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'b')
			f.burst = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			f.rate = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 't')
			f.seconds = strtod(optarg, NULL);
		else
			return usage();
	}
	if (argc - optind != 3 || !parse_addresses(&f, argv[optind], argv[optind + 1]))
		return usage();
	f.port = (uint16_t)strtoul(argv[optind + 2], NULL, 10);
	if (!f.sources || !f.burst || !f.rate || f.rate > RATE_MAX || f.seconds <= 0 ||
	    f.seconds > SECONDS_MAX)
		return usage();

	fd = socket(f.is_v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0 ||
	    (f.is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof(on)) < 0)) {
		fprintf(stderr, "flood: no raw socket: %s\n", strerror(errno));
		return 1;
	}
	return flood_run(&f, fd);
}
