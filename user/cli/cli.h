/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every command of sluicectl sees: exit codes, the parsed command line, how to print. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"

enum cli_exit {
	CLI_OK,
	CLI_FALSE, /* refused by a rule, or the answer to the question is no */
	CLI_USAGE,
	CLI_NOT_FOUND,
	CLI_UNREACHABLE,
	CLI_FORBIDDEN,
	CLI_CONFLICT,
	CLI_TIMEOUT,
	CLI_EXIT_MAX
};

#define CLI_SOCKET_MAX 108 /* sizeof(sockaddr_un.sun_path) */
#define CLI_STATUS_WIDTH 100
#define CLI_SOCKET_FORMAT "/run/sluice/%s/control.sock"
#define CLI_TIMEOUT_S 30
#define CLI_CONFIG_FILE "/etc/sluice/sluice.yaml"

/* How to print: filled once from the terminal, invented by tests. */
struct view {
	FILE *out;
	int width; /* columns, 0: no limit */
	bool has_colour;
	bool is_verbose;
	unsigned long long now_s; /* wall clock, for "4 min ago" */
};

struct cli {
	const struct invocation *call;
	const char *instance;
	char instance_of_file[64]; /* see cli_use_instance() */
	char socket[CLI_SOCKET_MAX];
	long timeout_s;
	bool is_json;
	struct view view;
};

/* The value of an option, NULL when it was not given; options without a value give "". */
const char *cli_option(const struct cli *cli, enum option_id id);
/* A positional argument, NULL when it is optional and absent. */
const char *cli_arg(const struct cli *cli, int position);
/* The instance that a configuration names, unless --instance or --socket name another: then its socket
 * is the one to talk to. */
void cli_use_instance(struct cli *cli, const char *instance);
/* From now on errors and hints name this instance in the commands that they tell. */
void cli_tell_instance(const char *instance);
/* "sluicectl confirm keeps it" as that instance needs it; the caller's. */
char *cli_as_told(const char *text);
/* One line to standard error: "sluicectl: TEXT"; cli_hint: an indented line below it. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
