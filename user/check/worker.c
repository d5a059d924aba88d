/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "check/worker.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

#define TURN_MAX 64 /* requests taken before others' events are looked at */

uint32_t job_us(const struct job *job)
{
	return (uint32_t)MAX((clock_now_ns() - job->start_ns) / 1000, 1);
}

int job_take_socket(struct job *job)
{
	int fd = job->socket_fd;

	job->socket_fd = -1;
	return fd;
}

static void job_free(struct job *job)
{
	util_close_p(&job->socket_fd);
	free(job);
}

void job_answer(struct job *job, struct check_answer *answer)
{
	uint8_t message[CHECK_MESSAGE_MAX];
	size_t length;

	answer->id = job->request.id;
	length = check_answer_write(message, answer);
	/* No room: it is not listening, and counts the probe as not answered. */
	(void)!send(job->worker->fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	job->worker->running--;
	job_free(job);
}

void job_fail(struct job *job, enum probe_result result, enum health_cause cause, const char *fmt,
	      ...)
{
	struct check_answer answer = {.result = result, .cause = cause};
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	check_text_clean(answer.text, text);
	job_answer(job, &answer);
}

static void begin(struct job *job)
{
	if (job->worker->running > CHECK_JOBS_MAX) { /* with this one */
		job_fail(job, PROBE_UNDECIDED, 0, "%d probes run already", CHECK_JOBS_MAX);
		return;
	}
	switch (job->request.type) {
	case CHECK_HTTP:
	case CHECK_HTTPS:
		http_begin(job);
		break;
	case CHECK_UDP:
		udp_begin(job);
		break;
	case CHECK_DNS:
		dns_begin(job);
		break;
	case CHECK_EXEC:
		exec_begin(job);
		break;
	case CHECK_LOOKUP:
		lookup_begin(job);
		break;
	default:
		job_fail(job, PROBE_UNDECIDED, 0, "no such check");
	}
}

/* What waited too long has been given up by who asked. socket_fd becomes the job's. */
static void take(struct worker *worker, const uint8_t *message, size_t length, int socket_fd)
{
	struct job *job = util_alloc(sizeof(*job));
	uint64_t now_ms = clock_now_ms();

	job->socket_fd = socket_fd;
	if (!check_request_read(message, length, &job->request) ||
	    job->request.has_socket != (socket_fd >= 0)) {
		log_error("sluice-check", "a request that makes no sense was left out");
		job_free(job);
		return;
	}
	if (now_ms - job->request.sent_ms > job->request.timeout_ms) {
		job_free(job);
		return;
	}
	job->worker = worker;
	job->start_ns = clock_now_ns();
	worker->running++;
	begin(job);
}

/* One message and the descriptor that came with it, -1: none. There is room for one; the kernel
 * closes what does not fit. */
static ssize_t receive(int fd, uint8_t *message, int *ret_socket_fd)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {.iov_base = message, .iov_len = CHECK_MESSAGE_MAX};
	struct msghdr in = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(fd, &in, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&in) : NULL;

	*ret_socket_fd = -1;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len >= CMSG_LEN(sizeof(int)))
		memcpy(ret_socket_fd, CMSG_DATA(head), sizeof(int));
	return n;
}

static void on_requests(uv_poll_t *poll, int status, int events)
{
	struct worker *worker = poll->data;
	uint8_t message[CHECK_MESSAGE_MAX];
	int i, socket_fd;

	(void)events;
	for (i = 0; i < TURN_MAX; i++) {
		ssize_t n = status < 0 ? 0 : receive(worker->fd, message, &socket_fd);

		if (!n) {
			uv_stop(&worker->loop);
			return;
		}
		if (n < 0)
			return;
		take(worker, message, (size_t)n, socket_fd);
	}
}

int worker_run(int fd)
{
	struct worker worker = {.fd = fd};

	uv_loop_init(&worker.loop);
	uv_poll_init(&worker.loop, &worker.requests, fd);
	worker.requests.data = &worker;
	worker.http = http_new(&worker.loop);
	if (!worker.http)
		return 1;
	uv_poll_start(&worker.requests, UV_READABLE, on_requests);
	uv_run(&worker.loop, UV_RUN_DEFAULT);
	return 0;
}
