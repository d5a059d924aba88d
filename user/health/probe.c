/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"

struct probe {
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

enum probe_result probe_classify(int error, const char **ret_text)
{
	switch (error) {
	case 0:
		*ret_text = "";
		return PROBE_PASS;
	case ECONNREFUSED:
		*ret_text = "connection refused";
		return PROBE_FAIL;
	case ETIMEDOUT:
		*ret_text = "connect timeout";
		return PROBE_FAIL;
	case ECONNRESET:
		*ret_text = "connection reset";
		return PROBE_FAIL;
	case EHOSTUNREACH:
		*ret_text = "host unreachable";
		return PROBE_FAIL;
	case ENOPROTOOPT:
	case EPROTO:
		*ret_text = "protocol unreachable";
		return PROBE_FAIL;
	default:
		/* EMFILE, ENOBUFS, ENETDOWN, ENETUNREACH, EADDRNOTAVAIL, EPERM, ...: this host
		 * could not even ask. */
		*ret_text = strerror(error);
		return PROBE_UNDECIDED;
	}
}

enum health_cause probe_cause(int error)
{
	return error == ETIMEDOUT || error == EHOSTUNREACH ? HEALTH_SILENT : HEALTH_ANSWERED;
}

static void on_closed(uv_handle_t *handle)
{
	struct probe *probe = handle->data;

	if (--probe->handles == 0)
		free(probe);
}

static void release(struct probe *probe)
{
	/* The poll handle must leave epoll before its descriptor is closed. */
	if (probe->has_poll) {
		uv_poll_stop(&probe->poll);
		uv_close((uv_handle_t *)&probe->poll, on_closed);
	}
	uv_close((uv_handle_t *)&probe->timer, on_closed);
	util_close_p(&probe->fd);
	probe->fd = -1;
}

static void answer(struct probe *probe, int error)
{
	uint64_t ns = clock_now_ns() - probe->start_ns;
	probe_fn fn = probe->fn;
	void *arg = probe->arg;
	const char *text;
	enum probe_result result = probe_classify(error, &text);

	release(probe);
	fn(arg, result, probe_cause(error), text,
	   result == PROBE_PASS ? (uint32_t)MAX(ns / 1000, 1) : 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct probe *probe = timer->data;

	answer(probe, probe->error ? probe->error : ETIMEDOUT);
}

static void on_connected(uv_poll_t *poll, int status, int events)
{
	struct probe *probe = poll->data;
	int error = 0;
	socklen_t length = sizeof(error);

	(void)events;
	/* libuv reports EPOLLERR as EBADF; the socket knows the reason. */
	if (getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &length))
		error = errno;
	else if (!error && status < 0)
		error = -status;
	answer(probe, error);
}

/* Opens the socket and starts to connect. 0, EINPROGRESS or another positive errno. */
static int begin_connect(struct probe *probe, const struct sluice_addr *addr, uint16_t port)
{
	/* Close with a reset: a connection per probe and member must not pile up in TIME_WAIT. */
	static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(addr, port, &sa);

	probe->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe->fd < 0)
		return errno;
	if (setsockopt(probe->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		return errno;
	return connect(probe->fd, (struct sockaddr *)&sa, length) ? errno : 0;
}

struct probe *probe_start(uv_loop_t *loop, const struct sluice_addr *addr, uint16_t port,
			  uint32_t timeout_ms, probe_fn fn, void *arg)
{
	struct probe *probe = util_alloc(sizeof(*probe));
	int error;

	probe->fn = fn;
	probe->arg = arg;
	probe->fd = -1;
	probe->start_ns = clock_now_ns();
	uv_timer_init(loop, &probe->timer);
	probe->timer.data = probe;
	probe->handles = 1;

	error = begin_connect(probe, addr, port);
	if (!error || error == EINPROGRESS) {
		error = -uv_poll_init(loop, &probe->poll, probe->fd);
		if (!error) {
			probe->poll.data = probe;
			probe->has_poll = true;
			probe->handles = 2;
			error = -uv_poll_start(&probe->poll, UV_WRITABLE, on_connected);
		}
	}
	probe->error = error;
	uv_timer_start(&probe->timer, on_timer, error ? 0 : timeout_ms, 0);
	return probe;
}

void probe_cancel(struct probe *probe)
{
	if (probe)
		release(probe);
}
