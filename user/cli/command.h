/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command line as data: one row a command, one row an option, one row a kind of argument.
 * Parsing, help, completion and the check of the manual page are driven by these rows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct cli;

enum option_id {
	OPTION_INSTANCE,
	OPTION_SOCKET,
	OPTION_JSON,
	OPTION_TIMEOUT,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_VERBOSE,
	OPTION_POOL,
	OPTION_WEIGHT,
	OPTION_SINCE,
	OPTION_FOLLOW,
	OPTION_FORCE,
	OPTION_PRINT,
	OPTION_SYN,
	OPTION_ACK,
	OPTION_BYTES,
	OPTION_INTERFACE,
	OPTION_CONFIG,
	OPTION_TTL,
	OPTION_COMMENT,
	OPTION_FOR,
	OPTION_SERVICE,
	OPTION_VERDICT,
	OPTION_SOURCE,
	OPTION_MAX_PACKETS,
	OPTION_WRITE,
	OPTION_STOP,
	OPTION_WAIT,
	OPTION_CONFIRM_WITHIN,
	OPTION_SLUICED,
	OPTION_QUIET,
	OPTION_PREFIX,
	OPTION_PREFIX4,
	OPTION_PREFIX6,
	OPTION_REASON,
	OPTION_ALL_PACKETS,
	OPTION_ALL,
	OPTION_TO,
	OPTION_STEPS,
	OPTION_HOLD,
	OPTION_SET,
	OPTION_MAX
};

enum arg_kind {
	ARG_NONE, /* ends the list */
	ARG_SERVICE,
	ARG_POOL,
	ARG_MEMBER,
	ARG_ADDRESS,
	ARG_WEIGHT,
	ARG_LIMIT,
	ARG_LIST,
	ARG_PREFIXES,
	ARG_PREFIX_FILE,
	ARG_COMMENT,
	ARG_MODE,
	ARG_FILE, /* may be absent */
	ARG_INSTANCE,
	ARG_PATH,
	ARG_NUMBER,
	ARG_PACKET,
	ARG_INTERFACE,
	ARG_SECONDS,
	ARG_INTERFACES, /* may be absent */
	ARG_REPEAT,	/* as many more of the kind before as there are */
	ARG_DURATION,
	ARG_BYPASS,
	ARG_VERDICT,
	ARG_PREFIX,
	ARG_DISCOVERY,
	ARG_DRAINED,
	ARG_LIMIT_OR_ALL, /* may be absent */
	ARG_LIMIT_SOURCE,
	ARG_LIMIT_SOURCE_OR_ALL, /* may be absent */
	ARG_SHIFT_ACTION,	 /* may be absent */
	ARG_STEPS,
	ARG_KIND_MAX
};

struct option_def {
	const char *name; /* without the dashes */
	char letter;	  /* 0: none */
	bool is_global;
	enum arg_kind value; /* ARG_NONE: takes none */
	const char *help;
};

struct arg_def {
	const char *name; /* as usage shows it */
	bool is_optional;
	const char *const *choices; /* NULL: any that pass the check */
	/* NULL when the text is fine, else what it should be. */
	const char *(*problem)(const char *text);
};

#define COMMAND_ARGS_MAX 3 /* kinds */
#define COMMAND_WORDS_MAX 16

struct command {
	const char *path; /* "member weight" */
	enum arg_kind args[COMMAND_ARGS_MAX + 1];
	unsigned long long options; /* bits 1 << option_id, besides the global ones */
	const char *help;
	const char *detail;	  /* more sentences for --help, or NULL */
	int (*run)(struct cli *); /* returns enum cli_exit */
};

struct command_group {
	const char *name;
	const char *help;
};

struct invocation {
	const struct command *command; /* NULL: only help or version was asked for */
	const struct command_group *group;
	const char *args[COMMAND_WORDS_MAX];
	int arg_count;
	const char *options[OPTION_MAX];
};

extern const struct command commands[];
extern const size_t command_count;
extern const struct command_group command_groups[];
extern const size_t command_group_count;
extern const struct option_def option_defs[OPTION_MAX];
extern const struct arg_def arg_defs[ARG_KIND_MAX];

/* Fills *ret_call from the words after the program's name; texts stay owned by argv. Returns 0, or
 * -EINVAL with a message (and a hint, may be "") of what is wrong. */
int command_parse(int argc, char *const *argv, struct invocation *ret_call, char *message,
		  char *hint, size_t size);
bool command_has_option(const struct command *command, enum option_id id);
/* The kind of the argument at a position; ARG_NONE when the command takes none there. */
enum arg_kind command_arg(const struct command *command, int position);
/* Words of a command's path that argv starts with: 0 (none), 1 (its group), 2. */
int command_match(int argc, char *const *argv, const struct command **ret_command,
		  const struct command_group **ret_group);

/* Help of the command, of the group, or of the program when both are NULL. */
void command_help(FILE *out, const struct command *command, const struct command_group *group);
/* "member add SERVICE ADDRESS [--pool POOL]"; returns the length it has in full. */
size_t command_usage(const struct command *command, char *buffer, size_t size);
