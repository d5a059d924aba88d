/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"

struct tcp {
	struct probe probe;
	uv_timer_t timer;
	uv_poll_t poll;
	bool has_poll;
	int fd;
	int handles; /* not yet closed */
	int error;   /* of the start, told at the first turn */
	uint64_t start_ns;
	probe_fn fn;
	void *arg;
};

static void on_closed(uv_handle_t *handle)
{
	struct tcp *tcp = handle->data;

	if (--tcp->handles == 0)
		free(tcp);
}

static void release(struct tcp *tcp)
{
	/* The poll handle must leave epoll before its descriptor is closed. */
	if (tcp->has_poll) {
		uv_poll_stop(&tcp->poll);
		uv_close((uv_handle_t *)&tcp->poll, on_closed);
	}
	uv_close((uv_handle_t *)&tcp->timer, on_closed);
	util_close_p(&tcp->fd);
	tcp->fd = -1;
}

static void answer(struct tcp *tcp, int error)
{
	uint32_t us = (uint32_t)MAX((clock_now_ns() - tcp->start_ns) / 1000, 1);
	struct check_answer answer = {.cause = check_errno_cause(error)};
	probe_fn fn = tcp->fn;
	void *arg = tcp->arg;
	const char *text;

	answer.result = check_errno_result(error, &text);
	util_copy(answer.text, sizeof(answer.text), text);
	if (answer.result == PROBE_PASS)
		answer.times.connect_us = answer.times.total_us = us;
	release(tcp);
	fn(arg, &answer);
}

static void on_timer(uv_timer_t *timer)
{
	struct tcp *tcp = timer->data;

	answer(tcp, tcp->error ? tcp->error : ETIMEDOUT);
}

static void on_connected(uv_poll_t *poll, int status, int events)
{
	struct tcp *tcp = poll->data;
	int error = 0;
	socklen_t length = sizeof(error);

	(void)events;
	/* libuv reports EPOLLERR as EBADF; the socket knows the reason. */
	if (getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &error, &length))
		error = errno;
	else if (!error && status < 0)
		error = -status;
	answer(tcp, error);
}

/* Opens the socket and starts to connect. 0, EINPROGRESS or another positive errno. */
static int begin_connect(struct tcp *tcp, const struct way *way)
{
	/* Close with a reset: a connection per probe and member must not pile up in TIME_WAIT. */
	static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(&way->addr, way->port, &sa);

	tcp->fd = way_socket(way, SOCK_STREAM);
	if (tcp->fd < 0)
		return -tcp->fd;
	if (setsockopt(tcp->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		return errno;
	return connect(tcp->fd, (struct sockaddr *)&sa, length) ? errno : 0;
}

static void cancel(struct probe *probe)
{
	release((struct tcp *)probe);
}

struct probe *tcp_probe(uv_loop_t *loop, const struct way *way, uint32_t timeout_ms, probe_fn fn,
			void *arg)
{
	struct tcp *tcp = util_alloc(sizeof(*tcp));
	int error;

	tcp->probe.cancel = cancel;
	tcp->fn = fn;
	tcp->arg = arg;
	tcp->fd = -1;
	tcp->start_ns = clock_now_ns();
	uv_timer_init(loop, &tcp->timer);
	tcp->timer.data = tcp;
	tcp->handles = 1;

	error = begin_connect(tcp, way);
	if (!error || error == EINPROGRESS) {
		error = -uv_poll_init(loop, &tcp->poll, tcp->fd);
		if (!error) {
			tcp->poll.data = tcp;
			tcp->has_poll = true;
			tcp->handles = 2;
			error = -uv_poll_start(&tcp->poll, UV_WRITABLE, on_connected);
		}
	}
	tcp->error = error;
	uv_timer_start(&tcp->timer, on_timer, error ? 0 : timeout_ms, 0);
	return &tcp->probe;
}
