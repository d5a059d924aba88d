/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sluice-check: makes the probes that read what strangers send. This process gives up all rights and
 * then only watches over another that works, so that the loss of that one costs no more than the
 * probes that were under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "check/sandbox.h"
#include "check/worker.h"

#define PAUSE_MS 100 /* before a dead worker's successor; doubled each time, up to the longest */
#define PAUSE_MAX_MS                                                                               \
	1000 /* what was asked meanwhile is taken at once: little, so little dies of it */
#define ORPHANS_WAIT_US 10000
#define STEADY_MS 5000 /* so long alive: the next pause is short again, for it served others well */

struct watcher {
	int signal_fd;
	pid_t worker; /* 0: none */
	uint64_t started_ms, next_ms, pause_ms;
};

static void start(struct watcher *watcher)
{
	pid_t parent = getpid(), pid = fork();
	sigset_t none;

	watcher->started_ms = clock_now_ms();
	if (pid < 0) {
		log_error("sluice-check", "cannot fork: %s", strerror(errno));
		watcher->next_ms = watcher->started_ms + PAUSE_MAX_MS;
		return;
	}
	if (pid) {
		watcher->worker = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(0);
	close(CHECK_CONTROL_FD);
	close(watcher->signal_fd);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	_exit(worker_run(CHECK_WORK_FD));
}

static void end(const struct watcher *watcher)
{
	if (watcher->worker)
		kill(watcher->worker, SIGKILL);
}

/* Programs of checks outlive the worker that started them: they become our children then, and are
 * ended with all of their group. Returns how many there were. */
static unsigned int end_orphans(const struct watcher *watcher)
{
	char text[4096], *at = text;
	unsigned int count = 0;
	ssize_t length;
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[MAX(length, 0)] = '\0';
	/* Each is followed by a space; one that is cut off would be another's. */
	while (strchr(at, ' ')) {
		pid_t pid = (pid_t)strtol(at, &at, 10);

		at++;
		count++;
		if (pid <= 1 || pid == watcher->worker)
			continue;
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
	return count;
}

/* The worker, and whatever is left of it. */
static void end_all(struct watcher *watcher)
{
	int tries;

	end(watcher);
	if (watcher->worker)
		waitpid(watcher->worker, NULL, 0);
	watcher->worker = 0;
	/* Of those who left their group the children become ours in turn. */
	for (tries = 0; tries < 100 && end_orphans(watcher); tries++) {
		usleep(ORPHANS_WAIT_US);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static void tell_death(int status)
{
	char note[CHECK_CONTROL_MAX] = {CHECK_CONTROL_DIED};

	if (status < 0)
		snprintf(note + 1, sizeof(note) - 1, "had ended already");
	else if (WIFSIGNALED(status))
		snprintf(note + 1, sizeof(note) - 1, "was ended by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(note + 1, sizeof(note) - 1, "ended with status %d", WEXITSTATUS(status));
	(void)!send(CHECK_CONTROL_FD, note, strlen(note), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void reap(struct watcher *watcher)
{
	struct signalfd_siginfo info;
	uint64_t now_ms = clock_now_ms();
	int status = 0, of;
	bool is_worker = false;
	pid_t pid;

	(void)!read(watcher->signal_fd, &info, sizeof(info));
	while ((pid = waitpid(-1, &of, WNOHANG)) > 0) {
		if (pid != watcher->worker)
			continue; /* an orphan */
		is_worker = true;
		status = of;
	}
	if (!is_worker)
		return;
	watcher->worker = 0;
	end_orphans(watcher);
	if (now_ms - watcher->started_ms > STEADY_MS || !watcher->pause_ms)
		watcher->pause_ms = PAUSE_MS;
	watcher->next_ms = now_ms + watcher->pause_ms;
	watcher->pause_ms = MIN(2 * watcher->pause_ms, PAUSE_MAX_MS);
	tell_death(status);
}

/* False: nobody is there any more who would ask for anything. */
static bool obey(const struct watcher *watcher)
{
	char order;
	ssize_t n = recv(CHECK_CONTROL_FD, &order, sizeof(order), MSG_DONTWAIT);

	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	/* sluiced waits for the end of what it condemns, also of what is gone. */
	if (n > 0 && order == CHECK_CONTROL_KILL && !watcher->worker)
		tell_death(-1);
	else if (n > 0 && order == CHECK_CONTROL_KILL)
		end(watcher);
	return true;
}

/* A worker is begun by the first request: without any there is none. */
static int watch(struct watcher *watcher)
{
	for (;;) {
		uint64_t now_ms = clock_now_ms();
		bool may_start = !watcher->worker && now_ms >= watcher->next_ms;
		struct pollfd fds[] = {
			{.fd = CHECK_CONTROL_FD, .events = POLLIN},
			{.fd = watcher->signal_fd, .events = POLLIN},
			{.fd = may_start ? CHECK_WORK_FD : -1, .events = POLLIN},
		};
		int wait_ms = watcher->worker || may_start ? -1 : (int)(watcher->next_ms - now_ms);

		if (poll(fds, ARRAY_SIZE(fds), wait_ms) < 0 && errno != EINTR)
			return 1;
		if (fds[1].revents)
			reap(watcher);
		if (fds[0].revents && !obey(watcher)) {
			end_all(watcher);
			return 0;
		}
		if (fds[2].revents & POLLIN)
			start(watcher);
		else if (fds[2].revents) {
			end_all(watcher);
			return 0;
		}
	}
}

/* What ends a whole group, or all processes of a unit, shall not end this one before sluiced. */
static int catch_signals(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
	sigset_t set;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool is_socket(int fd)
{
	int type;
	socklen_t length = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) && type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
	struct watcher watcher = {0};

	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("sluice-check " SLUICE_VERSION);
		return 0;
	}
	if (argc > 1 || !is_socket(CHECK_WORK_FD) || !is_socket(CHECK_CONTROL_FD)) {
		fputs("sluice-check makes health checks for sluiced, which starts it by itself: "
		      "see sluice-check(8)\n",
		      stderr);
		return 2;
	}
	if (sandbox_enter())
		return 1;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	watcher.signal_fd = catch_signals();
	if (watcher.signal_fd < 0)
		return 1;
	return watch(&watcher);
}
