/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "check/multi.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/util.h"

#define EVENTS_MAX 64 /* at a time */
#define ROUNDS_MAX 16 /* in a turn */
#define IDLE_MAX 64   /* handles that are kept */

/* libuv's own handles for sockets would take eight system calls a transfer, these take three. */
struct multi {
	CURLM *curl;
	struct multi_calls calls;
	int epoll_fd;
	uv_poll_t poll;
	uv_timer_t timer;
	CURL *idle[IDLE_MAX];
	size_t idle_count;
};

static void tell_done(struct multi *multi)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi->curl, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		multi_end(multi, easy);
		multi->calls.done(easy, code);
	}
}

/* Returns how many there were. What is wrong with a socket the next call of it says better. One that an event
 * before it had closed is nobody's, or another's, whom libcurl asks itself. */
static int take_events(struct multi *multi)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(multi->epoll_fd, events, EVENTS_MAX, 0), running, i;

	for (i = 0; i < count; i++) {
		int flags = 0;

		if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			flags |= CURL_CSELECT_IN;
		if (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			flags |= CURL_CSELECT_OUT;
		curl_multi_socket_action(multi->curl, events[i].data.fd, flags, &running);
	}
	return count;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct multi *multi = poll->data;
	int round;

	(void)status;
	(void)events;
	for (round = 0; round < ROUNDS_MAX && take_events(multi) == EVENTS_MAX; round++)
		;
	tell_done(multi);
}

void multi_look(struct multi *multi)
{
	int round;

	for (round = 0; round < ROUNDS_MAX && take_events(multi) > 0; round++)
		;
	tell_done(multi);
}

static void on_timer(uv_timer_t *timer)
{
	struct multi *multi = timer->data;
	int running;

	curl_multi_socket_action(multi->curl, CURL_SOCKET_TIMEOUT, 0, &running);
	tell_done(multi);
}

static int set_timer(CURLM *curl, long ms, void *arg)
{
	struct multi *multi = arg;

	(void)curl;
	if (ms < 0)
		uv_timer_stop(&multi->timer);
	else
		uv_timer_start(&multi->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

/* known: this socket is in epoll already. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *known)
{
	struct multi *multi = arg;
	struct epoll_event event = {.data.fd = socket};

	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(multi->epoll_fd, EPOLL_CTL_DEL, socket, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN) {
		event.events |= EPOLLIN;
		multi->calls.reads(easy);
	}
	if (what & CURL_POLL_OUT) {
		event.events |= EPOLLOUT;
		multi->calls.writes(easy);
	}
	if (epoll_ctl(multi->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event))
		return -1;
	if (!known)
		curl_multi_assign(multi->curl, socket, multi);
	return 0;
}

CURL *multi_take(struct multi *multi)
{
	return multi->idle_count ? multi->idle[--multi->idle_count] : curl_easy_init();
}

/* What is left in it are buffers: connections are not kept, and names are those of the multi handle. */
void multi_give(struct multi *multi, CURL *easy)
{
	if (multi->idle_count == IDLE_MAX) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy);
	multi->idle[multi->idle_count++] = easy;
}

bool multi_begin(struct multi *multi, CURL *easy)
{
	return !curl_multi_add_handle(multi->curl, easy);
}

void multi_end(struct multi *multi, CURL *easy)
{
	curl_multi_remove_handle(multi->curl, easy);
}

struct multi *multi_new(uv_loop_t *loop, const struct multi_calls *calls)
{
	struct multi *multi = util_alloc(sizeof(*multi));

	multi->calls = *calls;
	multi->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	multi->curl = curl_global_init(CURL_GLOBAL_DEFAULT) ? NULL : curl_multi_init();
	if (!multi->curl || multi->epoll_fd < 0 ||
	    uv_poll_init(loop, &multi->poll, multi->epoll_fd)) {
		curl_multi_cleanup(multi->curl);
		util_close_p(&multi->epoll_fd);
		free(multi);
		return NULL;
	}
	multi->poll.data = multi->timer.data = multi;
	uv_poll_start(&multi->poll, UV_READABLE, on_ready);
	uv_timer_init(loop, &multi->timer);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	return multi;
}
