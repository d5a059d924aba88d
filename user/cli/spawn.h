/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Starting other programs: a daemon that outlives us, or one to ask something. */
#pragma once

#include <stddef.h>

struct cli;

/* A file with this text beside the daemon's socket, for it to read; the path is the caller's. NULL
 * after saying why there is none. */
char *spawn_keep_config(const struct cli *cli, const char *text, size_t length);

/* Removes that file, if there is one: nobody will read it again. */
void spawn_drop_config(const struct cli *cli);

/* Starts `sluiced --config FILE --try SECONDS` in a session of its own, with its log beside its
 * socket, and waits until it is ready. 0, or -1 after printing what it had to say. */
int spawn_daemon(const struct cli *cli, const char *file, const char *seconds);

/* The sluiced that was installed with us, else its name, for the path. The caller frees it. */
char *spawn_find_daemon(void);
#define SPAWN_READ_S 10
#define SPAWN_TOO_SLOW 124 /* as timeout(1) has it */

/* Runs argv[0] and waits for its end, SPAWN_READ_S seconds at most. What it printed, on both outputs, is in
 * *ret_text, which the caller frees; never NULL. Returns its exit status, 127 when it cannot be
 * started, SPAWN_TOO_SLOW when it took too long. */
int spawn_read(const char *const *argv, char **ret_text);
