/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "check/worker.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

#define JOBS_MAX 4000
#define TURN_MAX 64 /* requests taken before others' events are looked at */

uint32_t job_us(const struct job *job)
{
	return (uint32_t)MAX((clock_now_ns() - job->start_ns) / 1000, 1);
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
	free(job);
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
	if (job->worker->running > JOBS_MAX) {
		job_fail(job, PROBE_UNDECIDED, 0, "%d probes run already", JOBS_MAX);
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
	default:
		job_fail(job, PROBE_UNDECIDED, 0, "no such check");
	}
}

/* What waited too long has been given up by who asked. */
static void take(struct worker *worker, const uint8_t *message, size_t length)
{
	struct job *job = util_alloc(sizeof(*job));
	uint64_t now_ms = clock_now_ms();

	if (!check_request_read(message, length, &job->request)) {
		log_error("sluice-check", "a request that makes no sense was left out");
		free(job);
		return;
	}
	if (now_ms - job->request.sent_ms > job->request.timeout_ms) {
		free(job);
		return;
	}
	job->worker = worker;
	job->start_ns = clock_now_ns();
	worker->running++;
	begin(job);
}

static void on_requests(uv_poll_t *poll, int status, int events)
{
	struct worker *worker = poll->data;
	uint8_t message[CHECK_MESSAGE_MAX];
	int i;

	(void)events;
	for (i = 0; i < TURN_MAX; i++) {
		ssize_t n = status < 0 ? 0
				       : recv(worker->fd, message, sizeof(message), MSG_DONTWAIT);

		if (!n) {
			uv_stop(&worker->loop);
			return;
		}
		if (n < 0)
			return;
		take(worker, message, (size_t)n);
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
