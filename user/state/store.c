/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "state/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 512

int store_make_directory(const char *directory)
{
	char part[PATH_SIZE];
	char *slash;

	if (strlen(directory) >= sizeof(part))
		return -ENAMETOOLONG;
	util_copy(part, sizeof(part), directory);
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	if (mkdir(part, 0700) && errno != EEXIST)
		return -errno;
	return access(part, R_OK | W_OK | X_OK) ? -errno : 0;
}

static int make_path(char path[PATH_SIZE], const char *directory, const char *name,
		     const char *suffix)
{
	return snprintf(path, PATH_SIZE, "%s/%s%s", directory, name, suffix) < PATH_SIZE
		       ? 0
		       : -ENAMETOOLONG;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

static int sync_directory(const char *directory)
{
	AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

/* Another user's daemon must be able to read what root wrote. 0 or negative errno. */
static int keep_owner(int fd, const char *path)
{
	struct stat old;

	if (stat(path, &old) || (old.st_uid == geteuid() && old.st_gid == getegid()))
		return 0;
	return fchown(fd, old.st_uid, old.st_gid) ? -errno : 0;
}

static int replace(const char *directory, const char *name, mode_t mode, const char *text,
		   size_t length, bool is_others)
{
	char path[PATH_SIZE], fresh[PATH_SIZE];
	AUTO_CLOSE int fd = -1;
	int r = make_path(path, directory, name, "");

	if (!r)
		r = make_path(fresh, directory, name, ".new");
	if (r)
		return r;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	r = keep_owner(fd, path);
	if (!r || !is_others)
		r = write_all(fd, text, length);
	if (!r && rename(fresh, path))
		r = -errno;
	if (r) {
		unlink(fresh);
		return r;
	}
	return sync_directory(directory);
}

int store_write(const char *directory, const char *name, mode_t mode, const char *text,
		size_t length)
{
	return replace(directory, name, mode, text, length, false);
}

int store_write_others(const char *directory, const char *name, mode_t mode, const char *text,
		       size_t length)
{
	return replace(directory, name, mode, text, length, true);
}

int store_read(const char *directory, const char *name, char **ret_text, size_t *ret_length)
{
	char path[PATH_SIZE];
	int r = make_path(path, directory, name, "");

	return r ? r : util_read_file(path, STORE_BYTES_MAX, ret_text, ret_length);
}

int store_set_aside(const char *directory, const char *name)
{
	char path[PATH_SIZE], aside[PATH_SIZE];
	int r = make_path(path, directory, name, "");

	if (!r)
		r = make_path(aside, directory, name, ".corrupt");
	if (r)
		return r;
	return rename(path, aside) ? -errno : sync_directory(directory);
}

bool store_is_aside(const char *directory, const char *name)
{
	char path[PATH_SIZE];

	return !make_path(path, directory, name, ".corrupt") && !access(path, F_OK);
}
