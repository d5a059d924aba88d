/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A program of the operator's: its exit status is the answer. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/close_range.h>

#include "base/addr.h"
#include "check/worker.h"

#define OUTPUT_MAX (64U << 10) /* more is a mistake of the program */

struct run {
	struct job *job;
	uv_process_t process;
	uv_timer_t timer;
	uv_pipe_t output;
	int handles; /* not yet closed */
	bool is_late, is_loud;
	size_t length; /* of all output */
	char first[CHECK_TEXT_MAX], buffer[4096];
};

static void on_closed(uv_handle_t *handle)
{
	struct run *run = handle->data;

	if (!--run->handles)
		free(run);
}

static void close_all(struct run *run)
{
	uv_close((uv_handle_t *)&run->process, on_closed);
	uv_close((uv_handle_t *)&run->timer, on_closed);
	uv_close((uv_handle_t *)&run->output, on_closed);
}

/* What it started, too. */
static void kill_group(const struct run *run)
{
	if (run->process.pid > 1)
		kill(-run->process.pid, SIGKILL);
}

/* Its last words come through the pipe, maybe after its end: what is there is read at the end. */
static void keep(struct run *run, const char *data, size_t length)
{
	size_t used = strlen(run->first);
	size_t line = strcspn(run->first, "\n");

	run->length += length;
	if (run->first[line] == '\n' || used + 1 >= sizeof(run->first))
		return;
	length = MIN(length, sizeof(run->first) - 1 - used);
	memcpy(run->first + used, data, length);
	run->first[used + length] = '\0';
}

static void answer(struct run *run, int64_t status, int signal)
{
	struct check_answer answer = {.result = PROBE_FAIL, .cause = HEALTH_ANSWERED};
	struct job *job = run->job;
	char text[256];

	run->first[strcspn(run->first, "\n")] = '\0';
	answer.times.total_us = job_us(job);
	if (run->is_loud) {
		answer.result = PROBE_UNDECIDED;
		snprintf(text, sizeof(text), "the program printed more than %u bytes", OUTPUT_MAX);
	} else if (run->is_late) {
		snprintf(text, sizeof(text), "the program did not end within %u ms",
			 job->request.timeout_ms);
	} else if (signal) {
		answer.result = PROBE_UNDECIDED;
		snprintf(text, sizeof(text), "the program was ended by signal %d", signal);
	} else if (status) {
		snprintf(text, sizeof(text), "exit status %d%s%s", (int)status,
			 run->first[0] ? ": " : "", run->first);
	} else {
		answer.result = PROBE_PASS;
		text[0] = '\0';
	}
	check_text_clean(answer.text, text);
	job->worker->programs--;
	job_answer(job, &answer);
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal)
{
	struct run *run = process->data;
	int fd;

	/* libuv reads without waiting, so does this. */
	if (!uv_fileno((uv_handle_t *)&run->output, &fd)) {
		ssize_t n = read(fd, run->buffer, sizeof(run->buffer));

		if (n > 0)
			keep(run, run->buffer, (size_t)n);
	}
	kill_group(run);
	answer(run, status, signal);
	close_all(run);
}

static void on_timer(uv_timer_t *timer)
{
	struct run *run = timer->data;

	run->is_late = !run->is_loud;
	kill_group(run);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct run *run = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(run->buffer, sizeof(run->buffer));
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct run *run = stream->data;

	if (n < 0) {
		uv_read_stop(stream);
		return;
	}
	keep(run, buffer->base, (size_t)n);
	if (run->length <= OUTPUT_MAX || run->is_loud)
		return;
	run->is_loud = true;
	uv_read_stop(stream);
	kill_group(run);
}

struct environment {
	char address[64], port[32], family[32], timeout[48];
	char *list[8];
};

static void fill_environment(const struct check_request *request, struct environment *env)
{
	char address[ADDR_TEXT_MAX];
	size_t i = 0;

	snprintf(env->address, sizeof(env->address), "SLUICE_ADDRESS=%s",
		 addr_format(&request->addr, address));
	snprintf(env->port, sizeof(env->port), "SLUICE_PORT=%u", request->port);
	snprintf(env->family, sizeof(env->family), "SLUICE_FAMILY=%s",
		 addr_family(&request->addr) == SLUICE_FAMILY_V6 ? "ipv6" : "ipv4");
	snprintf(env->timeout, sizeof(env->timeout), "SLUICE_TIMEOUT_MS=%u", request->timeout_ms);
	env->list[i++] = (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	env->list[i++] = (char *)"LC_ALL=C";
	env->list[i++] = env->address;
	env->list[i++] = env->port;
	env->list[i++] = env->family;
	env->list[i++] = env->timeout;
	env->list[i] = NULL;
}

/* In a session, so a group, of its own. */
static int spawn(struct run *run, int output)
{
	const struct check_request *request = &run->job->request;
	char *words[CHECK_COMMAND_MAX + 1] = {NULL};
	struct environment env;
	uv_stdio_container_t stdio[] = {
		{.flags = UV_IGNORE},
		{.flags = UV_INHERIT_FD, .data.fd = output},
		{.flags = UV_INHERIT_FD, .data.fd = output},
	};
	uv_process_options_t options = {
		.exit_cb = on_exit_of,
		.args = words,
		.env = env.list,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = ARRAY_SIZE(stdio),
		.stdio = stdio,
	};
	size_t i;

	for (i = 0; i < request->details.command.count; i++)
		words[i] = (char *)check_command_word(&request->details, i);
	/* Not all that this process has open is closed on exec by those who opened it. */
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC))
		return uv_translate_sys_error(errno);
	options.file = words[0];
	fill_environment(request, &env);
	return uv_spawn(&run->job->worker->loop, &run->process, &options);
}

static struct run *make_run(struct job *job, int input)
{
	struct run *run = util_alloc(sizeof(*run));

	run->job = job;
	uv_timer_init(&job->worker->loop, &run->timer);
	uv_pipe_init(&job->worker->loop, &run->output, 0);
	uv_pipe_open(&run->output, input);
	run->timer.data = run->output.data = run->process.data = run;
	run->handles = 3;
	return run;
}

void exec_begin(struct job *job)
{
	const char *program = check_command_word(&job->request.details, 0);
	struct run *run;
	int ends[2], r;

	if (job->worker->programs >= CHECK_PROGRAMS_MAX) {
		job_fail(job, PROBE_UNDECIDED, 0, "%d programs run already", CHECK_PROGRAMS_MAX);
		return;
	}
	if (pipe2(ends, O_CLOEXEC)) {
		job_fail(job, PROBE_UNDECIDED, 0, "no pipe: %s", strerror(errno));
		return;
	}
	run = make_run(job, ends[0]);
	r = spawn(run, ends[1]);
	run->process.data = run;
	close(ends[1]);
	if (r) {
		job_fail(job, PROBE_UNDECIDED, 0, "%.60s: %s", program, uv_strerror(r));
		close_all(run);
		return;
	}
	job->worker->programs++;
	uv_read_start((uv_stream_t *)&run->output, give_buffer, on_output);
	uv_timer_start(&run->timer, on_timer, job->request.timeout_ms, 0);
}
