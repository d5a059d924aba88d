/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/pinger.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/icmp.h>

#include <uthash.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"

#define READS_MAX 64 /* in a turn; others' replies come here, too */

/* ICMP and ICMPv6 alike, but for the type. */
struct echo {
	uint8_t type, code;
	uint16_t checksum;
	uint16_t id, sequence;
	uint64_t nonce; /* only who got the request can answer */
};

struct ping {
	struct probe probe;
	struct pinger *pinger;
	uint16_t sequence;
	uint64_t nonce, start_ns;
	struct sluice_addr addr;
	uv_timer_t timer;
	int error; /* of sending, told at the first turn */
	uint32_t timeout_ms;
	probe_fn fn;
	void *arg;
	UT_hash_handle hh;
};

struct family {
	struct pinger *pinger;
	int fd; /* negative: errno */
	uv_poll_t poll;
	bool is_v6;
};

struct pinger {
	uv_loop_t *loop;
	struct family v4, v6;
	int handles; /* not yet closed */
	uint16_t id, sequence;
	struct ping *pings;
};

/* ---- probes ---------------------------------------------------------------------------------- */

static void on_ping_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void release(struct ping *ping)
{
	HASH_DEL(ping->pinger->pings, ping);
	uv_close((uv_handle_t *)&ping->timer, on_ping_closed);
}

static void cancel(struct probe *probe)
{
	release((struct ping *)probe);
}

static void finish(struct ping *ping, struct check_answer *answer)
{
	probe_fn fn = ping->fn;
	void *arg = ping->arg;

	release(ping);
	fn(arg, answer);
}

static void on_timer(uv_timer_t *timer)
{
	struct ping *ping = timer->data;
	struct check_answer answer = {.result = PROBE_FAIL, .cause = HEALTH_SILENT};
	const char *text;

	if (ping->error) {
		answer.result = check_errno_result(ping->error, &text);
		answer.cause = check_errno_cause(ping->error);
		util_copy(answer.text, sizeof(answer.text), text);
	} else {
		snprintf(answer.text, sizeof(answer.text), "no echo reply within %u ms",
			 ping->timeout_ms);
	}
	finish(ping, &answer);
}

static void take(struct pinger *pinger, const struct sluice_addr *from, const struct echo *echo)
{
	struct check_answer answer = {.result = PROBE_PASS};
	struct ping *ping;

	if (echo->id != pinger->id)
		return;
	HASH_FIND(hh, pinger->pings, &echo->sequence, sizeof(echo->sequence), ping);
	if (!ping || ping->nonce != echo->nonce || !addr_equal(&ping->addr, from))
		return;
	answer.times.total_us = (uint32_t)MAX((clock_now_ns() - ping->start_ns) / 1000, 1);
	finish(ping, &answer);
}

/* A raw socket of IPv4 gets the IP header, too. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct family *family = poll->data;
	int i;

	(void)status;
	(void)events;
	for (i = 0; i < READS_MAX; i++) {
		struct sockaddr_storage sa;
		socklen_t sa_length = sizeof(sa);
		uint8_t data[256];
		struct sluice_addr from = {0};
		struct echo echo;
		size_t at = 0;
		ssize_t n = recvfrom(family->fd, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC,
				     (struct sockaddr *)&sa, &sa_length);

		if (n <= 0)
			return;
		n = MIN(n, (ssize_t)sizeof(data));
		if (!family->is_v6)
			at = (size_t)(data[0] & 15) * 4;
		if ((size_t)n < at + sizeof(echo))
			continue;
		memcpy(&echo, data + at, sizeof(echo));
		if (echo.type != (family->is_v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY))
			continue;
		if (family->is_v6) {
			memcpy(&from, &((struct sockaddr_in6 *)&sa)->sin6_addr, sizeof(from));
		} else {
			from.w_be[2] = htonl(0xffff);
			from.w_be[3] = ((struct sockaddr_in *)&sa)->sin_addr.s_addr;
		}
		take(family->pinger, &from, &echo);
	}
}

static uint16_t checksum(const struct echo *echo)
{
	uint16_t words[sizeof(*echo) / 2];
	uint32_t sum = 0;
	size_t i;

	memcpy(words, echo, sizeof(words));
	for (i = 0; i < ARRAY_SIZE(words); i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* 0 or an errno. */
static int send_echo(const struct family *family, const struct ping *ping)
{
	struct echo echo = {
		.type = family->is_v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
		.id = family->pinger->id,
		.sequence = ping->sequence,
		.nonce = ping->nonce,
	};
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(&ping->addr, 0, &sa);

	if (family->fd < 0)
		return -family->fd;
	echo.checksum = checksum(&echo); /* of ICMPv6 the kernel makes it anew */
	return sendto(family->fd, &echo, sizeof(echo), MSG_DONTWAIT, (struct sockaddr *)&sa,
		      length) < 0
		       ? errno
		       : 0;
}

static struct family *family_of(struct pinger *pinger, const struct sluice_addr *addr)
{
	return addr_family(addr) == SLUICE_FAMILY_V6 ? &pinger->v6 : &pinger->v4;
}

struct probe *pinger_probe(struct pinger *pinger, const struct sluice_addr *addr,
			   uint32_t timeout_ms, probe_fn fn, void *arg)
{
	struct family *family = family_of(pinger, addr);
	struct ping *ping = util_alloc(sizeof(*ping)), *other;

	do {
		pinger->sequence++;
		HASH_FIND(hh, pinger->pings, &pinger->sequence, sizeof(pinger->sequence), other);
	} while (other && HASH_COUNT(pinger->pings) < UINT16_MAX);
	ping->probe.cancel = cancel;
	ping->pinger = pinger;
	ping->sequence = pinger->sequence;
	ping->addr = *addr;
	ping->timeout_ms = timeout_ms;
	ping->fn = fn;
	ping->arg = arg;
	ping->start_ns = clock_now_ns();
	if (getrandom(&ping->nonce, sizeof(ping->nonce), 0) != sizeof(ping->nonce))
		ping->nonce = ping->start_ns;
	uv_timer_init(pinger->loop, &ping->timer);
	ping->timer.data = ping;
	HASH_ADD(hh, pinger->pings, sequence, sizeof(ping->sequence), ping);
	ping->error = send_echo(family, ping);
	if (!ping->error && !uv_is_active((uv_handle_t *)&family->poll))
		uv_poll_start(&family->poll, UV_READABLE, on_readable);
	uv_timer_start(&ping->timer, on_timer, ping->error ? 0 : timeout_ms, 0);
	return &ping->probe;
}

/* ---- sockets --------------------------------------------------------------------------------- */

/* Only echo replies get in. Nothing is read before the first probe. */
static void open_family(struct pinger *pinger, struct family *family, bool is_v6)
{
	struct icmp_filter filter = {.data = ~(1U << ICMP_ECHOREPLY)};
	struct icmp6_filter filter6;
	int type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, r;

	family->pinger = pinger;
	family->is_v6 = is_v6;
	family->fd = is_v6 ? socket(AF_INET6, type, IPPROTO_ICMPV6)
			   : socket(AF_INET, type, IPPROTO_ICMP);
	if (family->fd < 0) {
		family->fd = -errno;
		return;
	}
	ICMP6_FILTER_SETBLOCKALL(&filter6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter6);
	r = is_v6 ? setsockopt(family->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter6, sizeof(filter6))
		  : setsockopt(family->fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
	if (r || uv_poll_init(pinger->loop, &family->poll, family->fd)) {
		close(family->fd);
		family->fd = -EIO;
		return;
	}
	family->poll.data = family;
	pinger->handles++;
}

struct pinger *pinger_new(uv_loop_t *loop)
{
	struct pinger *pinger = util_alloc(sizeof(*pinger));

	pinger->loop = loop;
	pinger->id = (uint16_t)(clock_now_ns() ^ (uint64_t)getpid());
	open_family(pinger, &pinger->v4, false);
	open_family(pinger, &pinger->v6, true);
	return pinger;
}

static void on_family_closed(uv_handle_t *handle)
{
	struct family *family = handle->data;

	if (!--family->pinger->handles)
		free(family->pinger);
}

static void close_family(struct family *family)
{
	if (family->fd < 0)
		return;
	uv_poll_stop(&family->poll);
	uv_close((uv_handle_t *)&family->poll, on_family_closed);
	close(family->fd);
}

void pinger_free(struct pinger *pinger)
{
	bool has_handles = pinger->handles > 0;

	close_family(&pinger->v4);
	close_family(&pinger->v6);
	if (!has_handles)
		free(pinger);
}

const char *pinger_problem(const struct pinger *pinger, enum sluice_family family)
{
	int fd = family == SLUICE_FAMILY_V6 ? pinger->v6.fd : pinger->v4.fd;

	return fd < 0 ? strerror(-fd) : NULL;
}
