/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "health/alarms.h"

#define EVENTS_MAX 64 /* at a time */
#define ROUNDS_MAX 16 /* in a turn */

struct dial {
	struct probe probe;
	struct tcp *tcp;
	struct alarm alarm; /* timeout, or the next turn when it could not begin */
	int fd;
	int error; /* of the start */
	uint64_t start_ns;
	probe_fn fn;
	void *arg;
};

struct tcp {
	int epoll_fd; /* negative: errno */
	uv_poll_t poll;
	struct alarms *alarms;
	struct epoll_event events[EVENTS_MAX]; /* that are gone through */
	int event_count;
};

static void release(struct dial *dial)
{
	struct tcp *tcp = dial->tcp;
	int i;

	for (i = 0; i < tcp->event_count; i++)
		if (tcp->events[i].data.ptr == dial)
			tcp->events[i].data.ptr = NULL;
	if (dial->fd >= 0)
		epoll_ctl(tcp->epoll_fd, EPOLL_CTL_DEL, dial->fd, NULL);
	util_close_p(&dial->fd);
	alarm_clear(tcp->alarms, &dial->alarm);
	free(dial);
}

static void cancel(struct probe *probe)
{
	release((struct dial *)probe);
}

/* error is of the start if there is one, else what came of it. */
static void answer(struct dial *dial, int error)
{
	uint32_t us = (uint32_t)MAX((clock_now_ns() - dial->start_ns) / 1000, 1);
	struct check_answer answer = {.cause = check_errno_cause(error)};
	probe_fn fn = dial->fn;
	void *arg = dial->arg;
	const char *text;

	answer.result = dial->error ? check_errno_result(error, &text)
				    : check_told_result(error, &text);
	util_copy(answer.text, sizeof(answer.text), text);
	if (answer.result == PROBE_PASS)
		answer.times.connect_us = answer.times.total_us = us;
	release(dial);
	fn(arg, &answer);
}

static bool is_prohibited(const struct sock_extended_err *error)
{
	return error->ee_origin == SO_EE_ORIGIN_ICMP && error->ee_type == ICMP_DEST_UNREACH &&
	       (error->ee_code == ICMP_NET_ANO || error->ee_code == ICMP_HOST_ANO ||
		error->ee_code == ICMP_PKT_FILTERED);
}

/* "Prohibited" (RFC 1812, 5.2.7.1) is an errno of its own over IPv6 only. Over IPv4 the ICMP error itself
 * tells it from an unreachable host, where the kernel keeps that of a connection (Linux 5.11). */
static int name_prohibited(int fd, int error)
{
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *part;
	struct sock_extended_err told;

	if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return error;
	for (part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
		if (part->cmsg_level != IPPROTO_IP || part->cmsg_type != IP_RECVERR ||
		    part->cmsg_len < CMSG_LEN(sizeof(told)))
			continue;
		memcpy(&told, CMSG_DATA(part), sizeof(told));
		if (is_prohibited(&told))
			return EACCES;
	}
	return error;
}

static void on_connected(struct dial *dial)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &length))
		error = errno;
	if (error == EHOSTUNREACH || error == ENETUNREACH)
		error = name_prohibited(dial->fd, error);
	answer(dial, error);
}

/* An answer that is there has come in time: it is we who are late. */
static void on_alarm(struct alarm *alarm)
{
	struct dial *dial = (struct dial *)((char *)alarm - offsetof(struct dial, alarm));
	struct pollfd ready = {.fd = dial->fd, .events = POLLOUT};

	if (!dial->error && poll(&ready, 1, 0) > 0)
		on_connected(dial);
	else
		answer(dial, dial->error ? dial->error : ETIMEDOUT);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct tcp *tcp = poll->data;
	int count = EVENTS_MAX, round, i;

	(void)status;
	(void)events;
	for (round = 0; round < ROUNDS_MAX && count == EVENTS_MAX; round++) {
		count = epoll_wait(tcp->epoll_fd, tcp->events, EVENTS_MAX, 0);
		tcp->event_count = MAX(count, 0);
		/* An answer may have another probe cancelled. */
		for (i = 0; i < tcp->event_count; i++)
			if (tcp->events[i].data.ptr)
				on_connected(tcp->events[i].data.ptr);
	}
	tcp->event_count = 0;
}

/* Opens the socket and starts to connect. 0 or a positive errno. */
static int begin(struct dial *dial, const struct way *way)
{
	/* Close with a reset: a connection per probe and member must not pile up in TIME_WAIT. */
	static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	static const int on = 1;
	struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = dial};
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(&way->addr, way->port, &sa);

	if (dial->tcp->epoll_fd < 0)
		return -dial->tcp->epoll_fd;
	dial->fd = way_socket(way, SOCK_STREAM);
	if (dial->fd < 0)
		return -dial->fd;
	if (setsockopt(dial->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		return errno;
	if (sa.ss_family == AF_INET &&
	    setsockopt(dial->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)))
		return errno;
	if (connect(dial->fd, (struct sockaddr *)&sa, length) && errno != EINPROGRESS)
		return errno;
	return epoll_ctl(dial->tcp->epoll_fd, EPOLL_CTL_ADD, dial->fd, &event) ? errno : 0;
}

struct probe *tcp_probe(struct tcp *tcp, const struct way *way, uint32_t timeout_ms, probe_fn fn,
			void *arg)
{
	struct dial *dial = util_alloc(sizeof(*dial));

	dial->probe.cancel = cancel;
	dial->tcp = tcp;
	dial->fn = fn;
	dial->arg = arg;
	dial->fd = -1;
	dial->start_ns = clock_now_ns();
	dial->error = begin(dial, way);
	alarm_set(tcp->alarms, &dial->alarm,
		  dial->start_ns / 1000 + (dial->error ? 0 : timeout_ms * 1000ULL));
	return &dial->probe;
}

struct tcp *tcp_new(uv_loop_t *loop)
{
	struct tcp *tcp = util_alloc(sizeof(*tcp));
	int r;

	tcp->alarms = alarms_new(loop, 0, on_alarm);
	tcp->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (tcp->epoll_fd < 0) {
		tcp->epoll_fd = -errno;
		return tcp;
	}
	r = uv_poll_init(loop, &tcp->poll, tcp->epoll_fd);
	if (r) { /* libuv's errors are negative errnos */
		close(tcp->epoll_fd);
		tcp->epoll_fd = r;
		return tcp;
	}
	tcp->poll.data = tcp;
	uv_poll_start(&tcp->poll, UV_READABLE, on_ready);
	return tcp;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void tcp_free(struct tcp *tcp)
{
	alarms_free(tcp->alarms);
	if (tcp->epoll_fd < 0) {
		free(tcp);
		return;
	}
	uv_poll_stop(&tcp->poll);
	uv_close((uv_handle_t *)&tcp->poll, on_closed);
	close(tcp->epoll_fd);
}
