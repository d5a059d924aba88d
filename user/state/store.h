/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files of the state directory on the disk: whole or not at all, whenever the power fails. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

#define STORE_BYTES_MAX (64U << 20)

/* As mkdir -p; the last level is only for us (0700), for it may hold secrets. 0, or negative
 * errno. */
int store_make_directory(const char *directory);
/* Replaces DIRECTORY/NAME: a new file, of the old one's owner where we may give it away, fsync, rename,
 * fsync of the directory. Blocks as long as the disk does; safe to call from any thread. 0, or negative errno:
 * then the old one is as it was. */
int store_write(const char *directory, const char *name, mode_t mode, const char *text,
		size_t length);
/* The same for a file that another process has to read, which may be another user's: -EPERM when we may not
 * give it to the old one's owner. */
int store_write_others(const char *directory, const char *name, mode_t mode, const char *text,
		       size_t length);
/* Text owned by the caller. 0, -ENOENT, or another negative errno. */
int store_read(const char *directory, const char *name, char **ret_text, size_t *ret_length);
/* NAME becomes NAME.corrupt, in place of an older one. 0, or negative errno. */
int store_set_aside(const char *directory, const char *name);
bool store_is_aside(const char *directory, const char *name);
