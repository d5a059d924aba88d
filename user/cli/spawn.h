/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Starting a daemon that outlives us. */
#pragma once

#include <stddef.h>

struct cli;

/* A file with this text beside the daemon's socket, for it to read; the path is the caller's. NULL
 * after saying why there is none. */
char *spawn_keep_config(const struct cli *cli, const char *text, size_t length);

/* Starts `sluiced --config FILE --try SECONDS` in a session of its own, with its log beside its
 * socket, and waits until it is ready. 0, or -1 after printing what it had to say. */
int spawn_daemon(const struct cli *cli, const char *file, const char *seconds);
