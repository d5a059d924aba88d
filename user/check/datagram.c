/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* udp, and what dns is sent by. */
#include "check/datagram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"

#define ANSWER_MAX 65536
#define READS_MAX 16 /* of one socket in a turn */

static void on_closed(uv_handle_t *handle)
{
	struct datagram *datagram = handle->data;

	if (!--datagram->handles)
		free(datagram);
}

static void finish(struct datagram *datagram, struct check_answer *answer)
{
	struct job *job = datagram->job;

	uv_poll_stop(&datagram->poll); /* it must leave epoll before its descriptor is closed */
	uv_close((uv_handle_t *)&datagram->poll, on_closed);
	uv_close((uv_handle_t *)&datagram->timer, on_closed);
	close(datagram->fd);
	answer->times.total_us = answer->times.first_byte_us = job_us(job);
	job_answer(job, answer);
}

/* is_told: after it was sent. */
static void finish_error(struct datagram *datagram, int error, bool is_told)
{
	struct check_answer answer = {.cause = check_errno_cause(error)};
	const char *text;

	answer.result = is_told ? check_told_result(error, &text)
				: check_errno_result(error, &text);
	/* Of a datagram that is what a port without a listener says. */
	util_copy(answer.text, sizeof(answer.text),
		  error == ECONNREFUSED ? "port unreachable" : text);
	finish(datagram, &answer);
}

static void on_timer(uv_timer_t *timer)
{
	struct datagram *datagram = timer->data;
	struct check_answer answer = {.result = PROBE_FAIL, .cause = HEALTH_SILENT};

	snprintf(answer.text, sizeof(answer.text), "no answer within %u ms",
		 datagram->job->request.timeout_ms);
	finish(datagram, &answer);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	static uint8_t data[ANSWER_MAX];
	struct datagram *datagram = poll->data;
	int i;

	(void)status;
	(void)events;
	for (i = 0; i < READS_MAX; i++) {
		struct check_answer answer = {.cause = HEALTH_ANSWERED};
		ssize_t n = recv(datagram->fd, data, sizeof(data), MSG_DONTWAIT);

		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				finish_error(datagram, errno, true);
			return;
		}
		if (datagram->judge(datagram, data, (size_t)n, &answer)) {
			finish(datagram, &answer);
			return;
		}
	}
}

static int open_socket(struct job *job)
{
	const struct check_request *request = &job->request;
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(&request->addr, request->port, &sa);
	int fd = request->has_socket
			 ? job_take_socket(job)
			 : socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&sa, length))
		return fd;
	length = (socklen_t)errno;
	close(fd);
	return -(int)length;
}

void datagram_begin(struct job *job, const uint8_t *data, size_t length, datagram_judge_fn judge)
{
	uv_loop_t *loop = &job->worker->loop;
	int fd = open_socket(job);
	struct datagram *datagram;
	const char *text;

	if (fd < 0) {
		enum probe_result result = check_errno_result(-fd, &text);

		job_fail(job, result, check_errno_cause(-fd), "%s", text);
		return;
	}
	datagram = util_alloc(sizeof(*datagram));
	datagram->job = job;
	datagram->judge = judge;
	datagram->fd = fd;
	datagram->sent_length = MIN(length, sizeof(datagram->sent));
	memcpy(datagram->sent, data, datagram->sent_length);
	uv_poll_init(loop, &datagram->poll, fd);
	uv_timer_init(loop, &datagram->timer);
	datagram->poll.data = datagram->timer.data = datagram;
	datagram->handles = 2;
	if (send(fd, datagram->sent, datagram->sent_length, MSG_DONTWAIT) < 0) {
		finish_error(datagram, errno, false);
		return;
	}
	uv_poll_start(&datagram->poll, UV_READABLE, on_readable);
	uv_timer_start(&datagram->timer, on_timer, job->request.timeout_ms, 0);
}

static bool judge(const struct datagram *datagram, const uint8_t *data, size_t length,
		  struct check_answer *answer)
{
	const struct check_bytes *wanted = &datagram->job->request.details.answer;

	answer->result = PROBE_PASS;
	if (!memmem(data, length, wanted->bytes, wanted->length)) {
		answer->result = PROBE_FAIL;
		snprintf(answer->text, sizeof(answer->text),
			 "the answer, %zu bytes, lacks what it should contain", length);
	}
	return true;
}

void udp_begin(struct job *job)
{
	const struct check_bytes *out = &job->request.details.send;

	datagram_begin(job, out->bytes, out->length, judge);
}
