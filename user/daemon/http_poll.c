/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/http_poll.h"

#include "base/util.h"

struct http_poll {
	uv_poll_t poll;
	uv_timer_t timer;
	int handles;
	http_turn_fn turn;
	http_timeout_fn timeout;
	void *server;
};

static void run_turn(struct http_poll *poll);

static void on_timer(uv_timer_t *timer)
{
	run_turn(timer->data);
}

static void on_ready(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	run_turn(handle->data);
}

static void run_turn(struct http_poll *poll)
{
	int ms;

	poll->turn(poll->server);
	ms = poll->timeout(poll->server);
	if (ms >= 0)
		uv_timer_start(&poll->timer, on_timer, (uint64_t)ms, 0);
	else
		uv_timer_stop(&poll->timer);
}

struct http_poll *http_poll_new(uv_loop_t *loop, int fd, http_turn_fn turn, http_timeout_fn timeout,
				void *server)
{
	struct http_poll *poll = util_alloc(sizeof(*poll));

	poll->turn = turn;
	poll->timeout = timeout;
	poll->server = server;
	poll->handles = 2;
	uv_poll_init(loop, &poll->poll, fd);
	uv_timer_init(loop, &poll->timer);
	poll->poll.data = poll->timer.data = poll;
	uv_poll_start(&poll->poll, UV_READABLE, on_ready);
	return poll;
}

void http_poll_soon(struct http_poll *poll)
{
	uv_timer_start(&poll->timer, on_timer, 0, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct http_poll *poll = handle->data;

	if (--poll->handles == 0)
		free(poll);
}

void http_poll_free(struct http_poll *poll)
{
	if (!poll)
		return;
	uv_poll_stop(&poll->poll);
	uv_close((uv_handle_t *)&poll->poll, on_closed);
	uv_close((uv_handle_t *)&poll->timer, on_closed);
}
