/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <sluice/abi.h>

#include "base/util.h"
#include "dataplane/kernel.h"
#include "dataplane/pins.h"

#define PATH_BYTES 192
#define TRIES 10 /* somebody may remove the empty directory between two steps */

static bool is_same(int fd, const char *path)
{
	struct stat ours, there;

	return !fstat(fd, &ours) && !stat(path, &there) && ours.st_dev == there.st_dev &&
	       ours.st_ino == there.st_ino;
}

/* 0: nobody that this process could see. */
static int find_holder(int fd)
{
	AUTO_FCLOSE FILE *locks = fopen("/proc/locks", "re");
	char line[128];
	struct stat st;

	if (!locks || fstat(fd, &st))
		return 0;
	while (fgets(line, sizeof(line), locks)) {
		unsigned int major_number, minor_number;
		uint64_t inode;
		int pid;

		if (sscanf(line, "%*s FLOCK %*s %*s %d %x:%x:%" SCNu64, &pid, &major_number,
			   &minor_number, &inode) == 4 &&
		    major_number == major(st.st_dev) && minor_number == minor(st.st_dev) &&
		    inode == st.st_ino)
			return pid > 0 ? pid : 0;
	}
	return 0;
}

static int refuse(int fd, const char *instance, struct err *e)
{
	int pid = find_holder(fd);
	char who[24] = "unknown";

	if (pid)
		snprintf(who, sizeof(who), "%d", pid);
	err_set(e, ERR_CONFLICT, "", "another sluiced (pid %s) runs instance %s", who, instance);
	err_hint(e, "its run directory is another one, its pins are the same: stop it first, or "
		    "choose another --instance");
	return -EBUSY;
}

static int refuse_system(const char *path, struct err *e)
{
	int code = errno;

	err_set(e, code == EACCES ? ERR_FORBIDDEN : ERR_SYSTEM, "", "cannot lock %s: %s", path,
		strerror(code));
	return -code;
}

int claim_take(const char *instance, struct err *e)
{
	char path[PATH_BYTES];
	int ret, i;

	ret = pins_path(instance, path, sizeof(path), e);
	if (!ret)
		ret = kernel_check_bpffs(e);
	if (ret)
		return ret;
	for (i = 0; i < TRIES; i++) {
		AUTO_CLOSE int fd = -1;

		ret = pins_make_dir(path, e);
		if (ret)
			return ret;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return refuse_system(path, e);
		if (flock(fd, LOCK_EX | LOCK_NB))
			return errno == EWOULDBLOCK ? refuse(fd, instance, e)
						    : refuse_system(path, e);
		if (is_same(fd, path))
			return TAKE_FD(fd);
	}
	err_set(e, ERR_SYSTEM, "", "%s comes and goes: it cannot be locked", path);
	return -EAGAIN;
}

void claim_end(int fd, const char *instance)
{
	char path[PATH_BYTES];

	if (fd < 0)
		return;
	/* The lock is held, so an empty directory is nobody's. */
	if (!pins_path(instance, path, sizeof(path), NULL) && is_same(fd, path) && !rmdir(path))
		rmdir(SLUICE_PIN_ROOT);
	close(fd);
}
