/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/cli.h"

#include "base/util.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *cli_option(const struct cli *cli, enum option_id id)
{
	return cli->call->options[id];
}

const char *cli_arg(const struct cli *cli, int position)
{
	return position < cli->call->arg_count ? cli->call->args[position] : NULL;
}

/* Whose commands errors and hints tell. */
static const char *told_instance = "default";

void cli_tell_instance(const char *instance)
{
	told_instance = instance;
}

/* "member" of "member list WEB": sentences have other words behind the program's name, too. */
static bool is_command(const char *text)
{
	size_t length = strcspn(text, " ,;:)\n");

	for (size_t i = 0; i < command_count; i++)
		if (length > 0 && strncmp(commands[i].path, text, length) == 0 &&
		    (commands[i].path[length] == '\0' || commands[i].path[length] == ' '))
			return true;
	return false;
}

char *cli_as_told(const char *text)
{
	static const char program[] = "sluicectl ";
	char *told = NULL;
	const char *at;
	size_t size;
	FILE *out;

	if (strcmp(told_instance, "default") == 0)
		return util_strdup(text);
	out = open_memstream(&told, &size);
	if (out == NULL)
		abort();
	while ((at = strstr(text, program)) != NULL) {
		at += strlen(program);
		fwrite(text, 1, (size_t)(at - text), out);
		if (is_command(at))
			fprintf(out, "--instance %s ", told_instance);
		text = at;
	}
	fputs(text, out);
	fclose(out);
	return told;
}

static void print_told(const char *before, const char *fmt, va_list args) PRINTF(2, 0);
static void print_told(const char *before, const char *fmt, va_list args)
{
	AUTO_FREE char *told = NULL;
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		abort();
	told = cli_as_told(text);
	fprintf(stderr, "%s%s\n", before, told);
	free(text);
}

void cli_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_told("sluicectl: ", fmt, args);
	va_end(args);
}

void cli_hint(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_told("  ", fmt, args);
	va_end(args);
}

void cli_use_instance(struct cli *cli, const char *instance)
{
	if (cli_option(cli, OPTION_INSTANCE) != NULL || cli_option(cli, OPTION_SOCKET) != NULL)
		return;
	util_copy(cli->instance_of_file, sizeof(cli->instance_of_file), instance);
	cli->instance = cli->instance_of_file;
	snprintf(cli->socket, sizeof(cli->socket), CLI_SOCKET_FORMAT, cli->instance);
	cli_tell_instance(cli->instance);
}
