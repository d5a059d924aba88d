/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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

int lock_take(const char *directory, const char *instance, struct err *e)
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
		if (errno == EWOULDBLOCK)
			return refuse_second(fd, instance, e);
		r = -errno;
		err_set(e, ERR_SYSTEM, "", "cannot lock %s: %s", path, strerror(-r));
		return r;
	}
	snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0) {
		r = -errno;
		err_set(e, ERR_SYSTEM, "", "cannot write %s: %s", path, strerror(-r));
		return r;
	}
	return TAKE_FD(fd);
}
