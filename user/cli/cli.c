/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/cli.h"

#include "base/util.h"

#include <stdarg.h>

const char *cli_option(const struct cli *cli, enum option_id id)
{
	return cli->call->options[id];
}

const char *cli_arg(const struct cli *cli, int position)
{
	return position < cli->call->arg_count ? cli->call->args[position] : NULL;
}

void cli_error(const char *fmt, ...)
{
	va_list args;

	fputs("sluicectl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void cli_hint(const char *fmt, ...)
{
	va_list args;

	fputs("  ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void cli_use_instance(struct cli *cli, const char *instance)
{
	if (cli_option(cli, OPTION_INSTANCE) != NULL || cli_option(cli, OPTION_SOCKET) != NULL)
		return;
	util_copy(cli->instance_of_file, sizeof(cli->instance_of_file), instance);
	cli->instance = cli->instance_of_file;
	snprintf(cli->socket, sizeof(cli->socket), CLI_SOCKET_FORMAT, cli->instance);
}
