/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define LEVELS_MAX 32
#define ENVIRONMENT_MAX (8U << 20)
#define STAT_MAX 4096

static const char *const names[] = {"SSH_CONNECTION", "SSH_CLIENT"};

/* "198.51.100.7 40000 192.0.2.1 22": the first word, without an interface. */
static bool take_address(const char *value, char ret_text[ADDR_TEXT_MAX])
{
	struct sluice_addr addr;

	snprintf(ret_text, ADDR_TEXT_MAX, "%.*s",
		 (int)MIN(strcspn(value, " %"), (size_t)ADDR_TEXT_MAX - 1), value);
	return addr_parse(ret_text, &addr) == 0;
}

static bool find_own(char ret_text[ADDR_TEXT_MAX])
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && take_address(value, ret_text))
			return true;
	}
	return false;
}

/* NAME=VALUE strings, each with its zero. */
static const char *find_variable(const char *block, size_t length, const char *name)
{
	size_t name_length = strlen(name);
	const char *at;

	for (at = block; at < block + length; at += strlen(at) + 1)
		if (strncmp(at, name, name_length) == 0 && at[name_length] == '=')
			return at + name_length + 1;
	return NULL;
}

static bool find_of(int pid, char ret_text[ADDR_TEXT_MAX])
{
	AUTO_FREE char *path = util_printf("/proc/%d/environ", pid);
	AUTO_FREE char *block = NULL;
	size_t length, i;

	if (util_read_file(path, ENVIRONMENT_MAX, &block, &length) < 0)
		return false; /* somebody else's, or just gone */
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = find_variable(block, length, names[i]);

		if (value && take_address(value, ret_text))
			return true;
	}
	return false;
}

/* 0: there is none, or it cannot be told. */
static int parent_of(int pid)
{
	AUTO_FREE char *path = util_printf("/proc/%d/stat", pid);
	AUTO_FREE char *text = NULL;
	const char *name_end;
	size_t length;
	int parent;

	if (util_read_file(path, STAT_MAX, &text, &length) < 0)
		return 0;
	name_end = strrchr(text, ')'); /* a name may hold anything, but what follows does not */
	if (!name_end || sscanf(name_end + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

bool caller_find(char ret_text[ADDR_TEXT_MAX])
{
	int pid = getppid();
	int level;

	if (find_own(ret_text))
		return true;
	for (level = 0; level < LEVELS_MAX && pid > 0; level++, pid = parent_of(pid))
		if (find_of(pid, ret_text))
			return true;
	return false;
}
