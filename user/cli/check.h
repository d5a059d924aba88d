/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A configuration file under the daemon's rules, without the daemon. */
#pragma once

struct cli;
struct config;
struct sources;

/* The FILE of the command line; without one what the running daemon reads, or the usual one when none
 * answers. Owned by the caller. */
char *check_file(const struct cli *cli);
/* Reads and checks FILE and its drop-ins. CLI_OK with texts and configuration, owned by the caller; or
 * an exit code after printing every mistake. */
int check_load(const struct cli *cli, const char *file, struct sources *ret_sources,
	       struct config **ret_config);
