/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/apart.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

/* Room for a message about each probe that may run; the kernel doubles it, for what it needs besides. */
#define ROOM_BYTES (CHECK_JOBS_MAX * 2048)
#define GRACE_MS 1000 /* for an answer to get here after the probe's own timeout */
#define HANG_MS 5000  /* so long without any answer, though some are due: it is ended */
#define RETRY_MS 1000 /* to the next start; doubled each time, up to the longest */
#define RETRY_MAX_MS 60000
#define STEADY_MS 60000	 /* after so long a failure begins a new series */
#define PROBLEM_MS 60000 /* how long what happened is worth telling */
#define TELL_MS 1000	 /* between lines of the log */

struct ask {
	struct probe probe;
	struct apart *apart;
	uint64_t id;
	uv_timer_t timer;
	const char *failure; /* it could not even be asked */
	bool is_lookup;
	probe_fn fn;
	void *arg;
	UT_hash_handle hh;
};

/* From one start to the end that it comes to. */
struct life {
	struct apart *apart; /* NULL: nobody cares any more */
	int work_fd, control_fd;
	uv_poll_t work, control;
	uv_process_t process;
	int handles;	   /* not yet closed */
	bool is_condemned; /* nothing is believed until its worker is another */
};

struct apart {
	uv_loop_t *loop;
	char *program;
	struct life *life; /* NULL: it does not run */
	uv_timer_t retry;
	uint32_t retry_ms;
	bool is_asked, is_resting; /* since the last start; until somebody asks */
	uint64_t started_ms, heard_ms, problem_ms;
	uint64_t
		silent_ms; /* when an ask got no answer for the first time since one did; 0: none */
	uint64_t next_id;
	struct ask *asks;
	struct check_totals totals; /* its part */
};

/* ---- answers --------------------------------------------------------------------------------- */

static void on_ask_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void release(struct ask *ask)
{
	HASH_DEL(ask->apart->asks, ask);
	uv_close((uv_handle_t *)&ask->timer, on_ask_closed);
}

static void cancel(struct probe *probe)
{
	release((struct ask *)probe);
}

static void answer(struct ask *ask, const struct check_answer *answer)
{
	probe_fn fn = ask->fn;
	void *arg = ask->arg;

	release(ask);
	fn(arg, answer);
}

static void give_up(struct ask *ask, const char *why, bool is_lost)
{
	struct check_answer undecided = {.result = PROBE_UNDECIDED, .is_lost = is_lost};

	util_copy(undecided.text, sizeof(undecided.text), why);
	answer(ask, &undecided);
}

/* At the end of a process. Asks that are begun meanwhile stay. */
static void give_up_all(struct apart *apart, const char *why)
{
	uint64_t last = apart->next_id;
	struct ask *ask, *tmp;

	HASH_ITER (hh, apart->asks, ask, tmp)
		if (ask->id <= last)
			give_up(ask, why, !ask->failure);
}

static void say_problem(struct apart *apart, const char *text)
{
	uint64_t now_ms = clock_now_ms();
	bool is_told = now_ms - apart->problem_ms < TELL_MS;

	util_copy(apart->totals.apart.problem, sizeof(apart->totals.apart.problem), text);
	if (is_told) /* what it says must not fill the log */
		return;
	apart->problem_ms = now_ms;
	log_line(apart->is_asked ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "check", "%s", text);
}

/* The one that works is ended; its parent begins another. */
static void end_worker(struct apart *apart)
{
	static const char order = CHECK_CONTROL_KILL;

	if (!apart->life || apart->life->is_condemned)
		return;
	apart->life->is_condemned = true;
	(void)!send(apart->life->control_fd, &order, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_ask_timer(uv_timer_t *timer)
{
	struct ask *ask = timer->data;
	struct apart *apart = ask->apart;
	uint64_t now_ms = clock_now_ms();

	if (ask->failure) {
		give_up(ask, ask->failure, false);
		return;
	}
	apart->totals.apart.unanswered++;
	if (!apart->silent_ms)
		apart->silent_ms = now_ms;
	/* Asks may be rare, and never two at once. */
	if (now_ms - apart->heard_ms > HANG_MS || now_ms - apart->silent_ms > HANG_MS) {
		say_problem(apart, "sluice-check does not answer: it is started again");
		apart->heard_ms = now_ms;
		apart->silent_ms = 0;
		end_worker(apart);
	}
	give_up(ask, "sluice-check does not answer", false);
}

static void refuse(struct apart *apart)
{
	apart->totals.apart.refused++;
	say_problem(apart, "sluice-check said what it never should: it is started again");
	end_worker(apart);
}

/* Addresses are for those who asked for them, and they get some. */
static bool fits(const struct ask *ask, const struct check_answer *answer)
{
	return (answer->addresses.count > 0) == (ask->is_lookup && answer->result == PROBE_PASS);
}

static void take(struct apart *apart, const uint8_t *message, size_t length)
{
	struct check_answer in;
	struct ask *ask;

	if (!check_answer_read(message, length, &in)) {
		refuse(apart);
		return;
	}
	HASH_FIND(hh, apart->asks, &in.id, sizeof(in.id), ask);
	if (ask && !fits(ask, &in)) {
		refuse(apart);
		return;
	}
	apart->heard_ms = clock_now_ms();
	apart->silent_ms = 0;
	if (ask) /* else it was given up */
		answer(ask, &in);
}

static void on_work(uv_poll_t *poll, int status, int events)
{
	struct life *life = poll->data;
	uint8_t message[CHECK_MESSAGE_MAX];
	int i;

	(void)events;
	/* At most so many in a turn: other work waits. */
	for (i = 0; i < 256 && status >= 0 && life->apart && life->work_fd >= 0; i++) {
		ssize_t n = recv(life->work_fd, message, sizeof(message), MSG_DONTWAIT);

		if (!n) /* its end follows; until then there is nothing to be read */
			uv_poll_stop(poll);
		if (n <= 0)
			return;
		if (!life->is_condemned)
			take(life->apart, message, (size_t)n);
	}
}

/* What a worker said before it died is of no use: all that it was asked is given up. */
static void drop_messages(struct life *life)
{
	uint8_t message[CHECK_MESSAGE_MAX];

	while (recv(life->work_fd, message, sizeof(message), MSG_DONTWAIT) > 0)
		;
	life->is_condemned = false;
}

/* ---- the process ----------------------------------------------------------------------------- */

static void start(struct apart *apart);

/* What nobody needs is not tried again and again. */
static void on_retry(uv_timer_t *timer)
{
	struct apart *apart = timer->data;

	apart->is_resting = !apart->is_asked;
	if (!apart->is_resting)
		start(apart);
}

static void retry_later(struct apart *apart)
{
	if (clock_now_ms() - apart->started_ms > STEADY_MS || !apart->retry_ms)
		apart->retry_ms = RETRY_MS;
	uv_timer_start(&apart->retry, on_retry, apart->retry_ms, 0);
	apart->retry_ms = MIN(2 * apart->retry_ms, RETRY_MAX_MS);
}

static void on_life_closed(uv_handle_t *handle)
{
	struct life *life = handle->data;

	if (!--life->handles)
		free(life);
}

/* Its sockets are closed: then it ends by itself. */
static void end_life(struct life *life)
{
	if (life->apart) {
		life->apart->life = NULL;
		life->apart->totals.apart.is_up = false;
	}
	life->apart = NULL;
	if (life->work_fd >= 0) { /* handles must leave epoll before their descriptors go */
		uv_poll_stop(&life->work);
		uv_poll_stop(&life->control);
		uv_close((uv_handle_t *)&life->work, on_life_closed);
		uv_close((uv_handle_t *)&life->control, on_life_closed);
	}
	uv_close((uv_handle_t *)&life->process, on_life_closed);
	util_close_p(&life->work_fd);
	util_close_p(&life->control_fd);
	life->work_fd = life->control_fd = -1;
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal)
{
	struct life *life = process->data;
	struct apart *apart = life->apart;
	char text[CHECK_CONTROL_MAX];

	if (!apart)
		return;
	if (signal)
		snprintf(text, sizeof(text), "sluice-check was ended by signal %d", signal);
	else
		snprintf(text, sizeof(text), "sluice-check ended with status %d", (int)status);
	end_life(life);
	apart->totals.apart.deaths++;
	say_problem(apart, text);
	retry_later(apart);
	give_up_all(apart, "sluice-check does not run");
}

static void on_control(uv_poll_t *poll, int status, int events)
{
	struct life *life = poll->data;
	char note[CHECK_CONTROL_MAX], words[CHECK_TEXT_MAX], text[CHECK_CONTROL_MAX];
	ssize_t n;

	(void)events;
	if (status < 0 || !life->apart)
		return;
	n = recv(life->control_fd, note, sizeof(note) - 1, MSG_DONTWAIT);
	if (!n) /* its end follows; until then there is nothing to be read */
		uv_poll_stop(poll);
	if (n <= 0)
		return;
	note[n] = '\0';
	if (note[0] != CHECK_CONTROL_DIED)
		return;
	check_text_clean(words, note + 1);
	snprintf(text, sizeof(text), "sluice-check %s", words);
	drop_messages(life);
	life->apart->totals.apart.deaths++;
	life->apart->totals.apart.starts++;
	say_problem(life->apart, text);
	give_up_all(life->apart, "sluice-check died");
}

/* After a standstill all probes may be due in one turn, or have ended. Without the right to more there is as
 * much room as the kernel gives to anybody. */
static void make_room(int fd)
{
	const int bytes = ROOM_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

/* Both ends of a pair each; all are closed on exec but what is passed on by number. */
static int make_pairs(int work[2], int control[2])
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;

	if (socketpair(AF_UNIX, type, 0, work))
		return -errno;
	make_room(work[0]);
	make_room(work[1]);
	if (!socketpair(AF_UNIX, type, 0, control))
		return 0;
	close(work[0]);
	close(work[1]);
	return -errno;
}

static int spawn(struct life *life, char *program, int work_fd, int control_fd)
{
	char *args[] = {program, NULL};
	char *env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	uv_stdio_container_t stdio[] = {
		{.flags = UV_IGNORE},
		{.flags = UV_IGNORE},
		{.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
		{.flags = UV_INHERIT_FD, .data.fd = work_fd},
		{.flags = UV_INHERIT_FD, .data.fd = control_fd},
	};
	const uv_process_options_t options = {
		.exit_cb = on_exit_of,
		.file = program,
		.args = args,
		.env = env,
		.cwd = "/",
		.stdio_count = ARRAY_SIZE(stdio),
		.stdio = stdio,
	};

	_Static_assert(CHECK_WORK_FD == 3 && CHECK_CONTROL_FD == 4, "the order above");
	return uv_spawn(life->apart->loop, &life->process, &options);
}

static void listen_to(struct life *life)
{
	uv_loop_t *loop = life->apart->loop;

	uv_poll_init(loop, &life->work, life->work_fd);
	uv_poll_init(loop, &life->control, life->control_fd);
	life->work.data = life->control.data = life;
	life->handles += 2;
	uv_poll_start(&life->work, UV_READABLE, on_work);
	uv_poll_start(&life->control, UV_READABLE, on_control);
}

static void start(struct apart *apart)
{
	int work[2], control[2], r = make_pairs(work, control);
	char text[CHECK_CONTROL_MAX];
	struct life *life;

	apart->started_ms = apart->heard_ms = clock_now_ms();
	apart->is_asked = apart->is_resting = false;
	if (r) {
		snprintf(text, sizeof(text), "no sockets for sluice-check: %s", strerror(-r));
		say_problem(apart, text);
		retry_later(apart);
		return;
	}
	apart->life = life = util_alloc(sizeof(*life));
	*life = (struct life){.apart = apart, .work_fd = -1, .control_fd = -1, .handles = 1};
	r = spawn(life, apart->program, work[1], control[1]);
	life->process.data = life;
	close(work[1]);
	close(control[1]);
	if (r) {
		snprintf(text, sizeof(text), "%.80s does not start: %s", apart->program,
			 uv_strerror(r));
		close(work[0]);
		close(control[0]);
		end_life(life);
		say_problem(apart, text);
		retry_later(apart);
		return;
	}
	apart->totals.apart.is_up = true;
	apart->totals.apart.starts++;
	life->work_fd = work[0];
	life->control_fd = control[0];
	listen_to(life);
}

/* ---- for others ------------------------------------------------------------------------------ */

struct apart *apart_new(uv_loop_t *loop, const char *program)
{
	struct apart *apart = util_alloc(sizeof(*apart));

	apart->loop = loop;
	apart->program = util_strdup(program);
	uv_timer_init(loop, &apart->retry);
	apart->retry.data = apart;
	start(apart);
	return apart;
}

static void on_apart_closed(uv_handle_t *handle)
{
	struct apart *apart = handle->data;

	free(apart->program);
	free(apart);
}

void apart_free(struct apart *apart)
{
	if (apart->life)
		end_life(apart->life);
	uv_close((uv_handle_t *)&apart->retry, on_apart_closed);
}

/* socket_fd: goes with the message, -1: none; it stays the caller's. */
static bool send_message(int fd, uint8_t *message, size_t length, int socket_fd)
{
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS}};
	struct iovec part = {.iov_base = message, .iov_len = length};
	struct msghdr out = {.msg_iov = &part, .msg_iovlen = 1};

	if (socket_fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &socket_fd, sizeof(socket_fd));
		out.msg_control = control.bytes;
		out.msg_controllen = sizeof(control.bytes);
	}
	return sendmsg(fd, &out, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* Why the request did not get out, NULL when it did. */
static const char *send_request(struct apart *apart, struct check_request *request,
				const struct way *way, const struct check_config *check)
{
	bool is_stream = check->type == CHECK_HTTP || check->type == CHECK_HTTPS;
	uint8_t message[CHECK_MESSAGE_MAX];
	AUTO_CLOSE int fd = -1;

	if (!apart->life)
		return "sluice-check does not run";
	if (way->mark) {
		fd = way_socket(way, is_stream ? SOCK_STREAM : SOCK_DGRAM);
		if (fd < 0)
			return "no socket for it";
		request->has_socket = true;
	}
	if (send_message(apart->life->work_fd, message,
			 check_request_write(message, request, check->spec), fd))
		return NULL;
	/* ETOOMANYREFS: so many sockets are on their way already. */
	return errno == EAGAIN || errno == ETOOMANYREFS ? "sluice-check is too busy"
							: "sluice-check does not run";
}

struct probe *apart_probe(struct apart *apart, const struct way *way,
			  const struct check_config *check, probe_fn fn, void *arg)
{
	struct ask *ask = util_alloc(sizeof(*ask));
	uint64_t now_ms = clock_now_ms();
	struct check_request request = {
		.id = ++apart->next_id,
		.sent_ms = now_ms,
		.timeout_ms = check->timeout_ms,
		.addr = way->addr,
		.port = way->port,
	};

	apart->is_asked = true;
	if (apart->is_resting)
		start(apart);
	if (!apart->asks) /* what was silent had nothing to say */
		apart->heard_ms = now_ms;
	ask->probe.cancel = cancel;
	ask->apart = apart;
	ask->is_lookup = check->type == CHECK_LOOKUP;
	ask->id = request.id;
	ask->fn = fn;
	ask->arg = arg;
	uv_timer_init(apart->loop, &ask->timer);
	ask->timer.data = ask;
	HASH_ADD(hh, apart->asks, id, sizeof(ask->id), ask);
	ask->failure = send_request(apart, &request, way, check);
	uv_timer_start(&ask->timer, on_ask_timer,
		       ask->failure ? 0 : (uint64_t)check->timeout_ms + GRACE_MS, 0);
	return &ask->probe;
}

void apart_describe(const struct apart *apart, struct check_totals *totals)
{
	bool is_old = apart->totals.apart.is_up && clock_now_ms() - apart->problem_ms > PROBLEM_MS;

	totals->apart = apart->totals.apart;
	if (is_old)
		totals->apart.problem[0] = '\0';
}
