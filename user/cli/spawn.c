/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/client.h"

#define READY_WAIT_MS 90000 /* as the service's: next hops, then tables */
#define POLL_MS 100
#define READ_MAX (64U << 10)
#define LOG_SHOWN_MAX (64U << 10)

char *spawn_find_daemon(void)
{
	char self[512];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *path;

	if (length > 0) {
		self[length] = '\0';
		path = util_printf("%s/sluiced", dirname(self));
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return util_strdup("sluiced");
}

/* /run/sluice/INSTANCE/NAME */
static char *make_path(const struct cli *cli, const char *name)
{
	AUTO_FREE char *directory = util_printf("/run/sluice/%s", cli->instance);

	mkdir("/run/sluice", 0755);
	mkdir(directory, 0755); /* what fails here fails again when the file is opened */
	return util_printf("%s/%s", directory, name);
}

char *spawn_keep_config(const struct cli *cli, const char *text, size_t length)
{
	AUTO_FREE char *path = make_path(cli, "try.yaml");
	AUTO_CLOSE int fd = -1;
	ssize_t n;

	/* A new one, whatever somebody put there: it may hold secrets. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	for (; fd >= 0 && length > 0; text += n, length -= (size_t)n) {
		n = write(fd, text, length);
		if (n < 0)
			break;
	}
	if (fd >= 0 && length == 0)
		return TAKE_PTR(path);
	cli_error("cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		unlink(path);
	return NULL;
}

void spawn_drop_config(const struct cli *cli)
{
	AUTO_FREE char *path = util_printf("/run/sluice/%s/try.yaml", cli->instance);

	unlink(path);
}

static void print_log(const char *path)
{
	AUTO_FREE char *text = NULL;
	size_t length;

	if (util_read_file(path, LOG_SHOWN_MAX, &text, &length) == 0)
		fputs(text, stderr);
	else
		cli_hint("its log is in %s", path);
}

/* Whoever may write to that directory shall not choose which file we empty. */
static int open_log(const char *path)
{
	int log =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (log < 0 && errno == ELOOP) {
		cli_error("%s is a symbolic link, and the log does not go where it points", path);
		cli_hint("remove it: sudo rm %s", path);
	} else if (log < 0) {
		cli_error("cannot write %s: %s", path, strerror(errno));
	}
	return log;
}

/* In the child: nothing of ours stays open or is waited for. */
static void become(const char *program, int out, char *const *argv)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	setsid(); /* a terminal that goes away must not take it along */
	execvp(program, argv);
	fprintf(stderr, "%s cannot be started: %s\n", program, strerror(errno));
	_exit(127);
}

static bool is_ready(const struct cli *cli)
{
	AUTO_ANSWER struct answer answer = {0};

	return client_request(cli, "GET", "/v1/ready", NULL, &answer) == CLIENT_ANSWERED &&
	       answer.status == 200;
}

int spawn_daemon(const struct cli *cli, const char *file, const char *seconds)
{
	AUTO_FREE char *program = spawn_find_daemon();
	AUTO_FREE char *log = make_path(cli, "try.log");
	char *const argv[] = {
		"sluiced", "--config",	    (char *)file, "--instance", (char *)cli->instance,
		"--try",   (char *)seconds, NULL};
	uint64_t end_ms = clock_now_ms() + READY_WAIT_MS;
	AUTO_CLOSE int out = open_log(log);
	pid_t pid;
	int status;

	if (out < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		become(program, out, argv);
	if (pid < 0) {
		cli_error("cannot start %s: %s", program, strerror(errno));
		return -1;
	}
	while (clock_now_ms() < end_ms) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			cli_error("sluiced did not start; it says:");
			print_log(log);
			return -1;
		}
		if (is_ready(cli))
			return 0;
		usleep(POLL_MS * 1000);
	}
	cli_error("sluiced (pid %d) is not ready after %d s; its log is in %s", (int)pid,
		  READY_WAIT_MS / 1000, log);
	return -1;
}

/* All that comes until the other end is closed, READ_MAX at most; false when that takes too long. */
static bool collect(int fd, char **ret_text)
{
	uint64_t end_ms = clock_now_ms() + SPAWN_READ_S * 1000;
	char *text = util_alloc(READ_MAX + 1), *rest = util_alloc(READ_MAX);
	size_t used = 0;
	ssize_t got = 1;

	while (got > 0) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		uint64_t now_ms = clock_now_ms();

		if (now_ms >= end_ms || poll(&poll_fd, 1, (int)(end_ms - now_ms)) <= 0)
			break;
		/* What is more is thrown away, so that the program can end. */
		got = used < READ_MAX ? read(fd, text + used, READ_MAX - used)
				      : read(fd, rest, READ_MAX);
		if (got > 0 && used < READ_MAX)
			used += (size_t)got;
	}
	free(rest);
	*ret_text = text;
	return got <= 0;
}

int spawn_read(const char *const *argv, char **ret_text)
{
	AUTO_CLOSE int in = -1;
	int ends[2], status;
	pid_t pid;

	*ret_text = util_strdup("");
	if (pipe2(ends, O_CLOEXEC))
		return 127;
	in = ends[0];
	pid = fork();
	if (pid == 0)
		become(argv[0], ends[1], (char *const *)argv);
	close(ends[1]);
	if (pid < 0)
		return 127;
	free(*ret_text);
	if (!collect(in, ret_text)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return SPAWN_TOO_SLOW;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 128;
	return WEXITSTATUS(status);
}
