/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Starting a daemon that outlives us. */
#pragma once

struct cli;

/* Starts `sluiced --config FILE --try SECONDS` in a session of its own, with its log beside its
 * socket, and waits until it is ready. 0, or -1 after printing what it had to say. */
int spawn_daemon(const struct cli *cli, const char *file, const char *seconds);
