/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define LOCK_OFFER "offered\n" /* after the process id: a successor may have the place */
#define TAKE_OVER_MS 5000
#define TAKE_OVER_STEP_MS 50

/* As mkdir -p, each level 0755. */
static int make_directories(const char *path)
{
	char part[256];
	char *slash;

	if (strlen(path) >= sizeof(part))
		return -ENAMETOOLONG;
	util_copy(part, sizeof(part), path);
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(part, 0755) && errno != EEXIST ? -errno : 0;
}

static int refuse_second(int fd, const char *instance, struct err *e)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
	err_set(e, ERR_CONFLICT, "", "another sluiced (pid %s) runs instance %s",
		text[0] ? text : "unknown", instance);
	err_hint(e, "stop that one first, or choose another --instance");
	return -EBUSY;
}

void lock_offer(int fd)
{
	static const char word[] = LOCK_OFFER;
	struct stat st;

	/* What cannot be written costs the successor a refusal that names us, nothing else. */
	if (fstat(fd, &st) || pwrite(fd, word, strlen(word), st.st_size) < 0)
		log_warning("daemon", "cannot write to the lock: %s", strerror(errno));
}

/* The holder has offered its place: asks it to end, and waits. 0 when the lock is ours. */
static int take_over(int fd)
{
	char text[64] = "";
	int tries;
	long pid;

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0 || !strstr(text, LOCK_OFFER))
		return -EBUSY;
	pid = strtol(text, NULL, 10);
	if (pid <= 1 || kill((pid_t)pid, SIGTERM))
		return -EBUSY;
	log_info("daemon", "taking over from the daemon that was on trial (pid %ld)", pid);
	for (tries = 0; tries < TAKE_OVER_MS / TAKE_OVER_STEP_MS; tries++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return 0;
		usleep(TAKE_OVER_STEP_MS * 1000);
	}
	return -EBUSY;
}

int lock_take(const char *directory, const char *instance, bool may_take_over, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	char path[280], text[16];
	int r = make_directories(directory);

	snprintf(path, sizeof(path), "%s/lock", directory);
	if (!r) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		r = fd < 0 ? -errno : 0;
	}
	if (r) {
		err_set(e, ERR_SYSTEM, "", "cannot use the run directory %s: %s", directory,
			strerror(-r));
		err_hint(e, "create it for this user, or choose another with --run-dir");
		return r;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		r = -errno;
		if (r == -EWOULDBLOCK && (!may_take_over || take_over(fd)))
			return refuse_second(fd, instance, e);
		if (r != -EWOULDBLOCK) {
			err_set(e, ERR_SYSTEM, "", "cannot lock %s: %s", path, strerror(-r));
			return r;
		}
	}
	snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0) {
		r = -errno;
		err_set(e, ERR_SYSTEM, "", "cannot write %s: %s", path, strerror(-r));
		return r;
	}
	return TAKE_FD(fd);
}
