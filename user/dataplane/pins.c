/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/pins.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <sluice/abi.h>

#include "base/util.h"

#define PATH_BYTES 512 /* a directory and any entry of it */
#define PROGRAM_PREFIX "program-"

int pins_path(const char *instance, char *buffer, size_t size, struct err *e)
{
	if (!util_name_is_valid(instance) || !strcmp(instance, "..")) {
		err_set(e, ERR_INVALID, "instance", "\"%s\" cannot name an instance", instance);
		err_hint(e, "use 1 to 63 letters, digits, dots, dashes or underscores");
		return -EINVAL;
	}
	snprintf(buffer, size, SLUICE_PIN_ROOT "/%s", instance);
	return 0;
}

void pins_layout_path(const char *instance_dir, uint32_t abi, uint32_t generation, char *buffer,
		      size_t size)
{
	char suffix[16] = "";

	if (generation)
		snprintf(suffix, sizeof(suffix), "-%" PRIu32, generation);
	snprintf(buffer, size, "%s/abi%" PRIu32 "%s", instance_dir, abi, suffix);
}

int pins_each_layout(const char *instance_dir, pins_layout_fn fn, void *arg)
{
	DIR *stream = opendir(instance_dir);
	char path[PATH_BYTES], expected[PATH_BYTES];
	struct dirent *entry;

	if (!stream)
		return errno == ENOTDIR ? -ENOENT : -errno;
	while ((entry = readdir(stream))) {
		uint32_t abi, generation = 0;

		if (sscanf(entry->d_name, "abi%" SCNu32 "-%" SCNu32, &abi, &generation) < 1)
			continue;
		snprintf(path, sizeof(path), "%s/%s", instance_dir, entry->d_name);
		pins_layout_path(instance_dir, abi, generation, expected, sizeof(expected));
		if (!strcmp(path, expected))
			fn(arg, path, abi, generation);
	}
	closedir(stream);
	return 0;
}

int pins_make_dir(const char *dir, struct err *e)
{
	char path[PATH_BYTES];
	char *slash;
	int code;

	util_copy(path, sizeof(path), dir);
	for (slash = path + strlen(SLUICE_PIN_ROOT); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		/* Instances of other users live beside ours. */
		code = mkdir(path, strcmp(path, SLUICE_PIN_ROOT) ? 0700 : 0755) ? errno : 0;
		if (code && code != EEXIST)
			goto fail;
		*slash = '/';
	}
	if (!mkdir(path, 0700) || errno == EEXIST)
		return 0;
	code = errno;
fail:
	err_set(e, code == EACCES || code == EPERM ? ERR_FORBIDDEN : ERR_SYSTEM, "",
		"cannot create the pin directory %s: %s", path, strerror(code));
	err_hint(e, "without root, create " SLUICE_PIN_ROOT " for the daemon's user first: "
		    "install -d -m 700 -o USER " SLUICE_PIN_ROOT);
	return -code;
}

int pins_open(const char *dir, const char *name)
{
	char path[PATH_BYTES];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

static void program_name(uint32_t program_id, char *buffer, size_t size)
{
	snprintf(buffer, size, PROGRAM_PREFIX "%" PRIu32, program_id);
}

int pins_open_program(const char *dir, uint32_t program_id)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	AUTO_CLOSE int fd = -1;
	char name[32];

	program_name(program_id, name, sizeof(name));
	fd = pins_open(dir, name);
	if (fd < 0)
		return fd;
	/* The name is only a name: the object behind it decides. */
	if (bpf_obj_get_info_by_fd(fd, &info, &length) || info.id != program_id)
		return -ENOENT;
	return TAKE_FD(fd);
}

int pins_add_program(const char *dir, int program_fd, uint32_t program_id)
{
	char path[PATH_BYTES], name[32];

	program_name(program_id, name, sizeof(name));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path); /* ids are used again one day */
	return bpf_obj_pin(program_fd, path) ? -errno : 0;
}

void pins_each_program(const char *dir, void (*fn)(void *arg, uint32_t program_id), void *arg)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	uint32_t id;

	while (stream && (entry = readdir(stream)))
		if (sscanf(entry->d_name, PROGRAM_PREFIX "%" SCNu32, &id) == 1)
			fn(arg, id);
	if (stream)
		closedir(stream);
}

void pins_remove_program(const char *dir, uint32_t program_id)
{
	char path[PATH_BYTES], name[32];

	program_name(program_id, name, sizeof(name));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

int pins_clear(const char *dir)
{
	char path[PATH_BYTES];
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int ret = 0;

	if (!stream)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (unlink(path) && errno != ENOENT)
			ret = -errno;
	}
	closedir(stream);
	if (!ret && rmdir(dir))
		ret = -errno;
	return ret;
}
