/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <curl/curl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/complete.h"

#define MESSAGE_MAX 256
#define COMPLETE_WORD "__complete"

/* The terminal's width, 0 (no limit) when the output goes elsewhere. */
static int terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return 0;
	return size.ws_col;
}

static bool wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR"); /* https://no-color.org */
	const char *terminal = getenv("TERM");

	if (no_colour != NULL && no_colour[0] != '\0')
		return false;
	return isatty(STDOUT_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static int set_target(struct cli *cli)
{
	const char *instance = cli_option(cli, OPTION_INSTANCE);
	const char *socket = cli_option(cli, OPTION_SOCKET);
	int length;

	cli->instance = instance != NULL ? instance : "default";
	cli_tell_instance(cli->instance);
	if (socket != NULL)
		length = snprintf(cli->socket, sizeof(cli->socket), "%s", socket);
	else
		length = snprintf(cli->socket, sizeof(cli->socket), CLI_SOCKET_FORMAT,
				  cli->instance);
	if (length > 0 && length < (int)sizeof(cli->socket))
		return CLI_OK;
	cli_error("--socket: the path of a unix socket has 1 to %zu bytes",
		  sizeof(cli->socket) - 1);
	return CLI_USAGE;
}

static int run(const struct invocation *call)
{
	const char *timeout = call->options[OPTION_TIMEOUT];
	struct cli cli = {
		.call = call,
		.timeout_s = timeout != NULL ? atol(timeout) : CLI_TIMEOUT_S,
		.is_json = call->options[OPTION_JSON] != NULL,
		.view = {.out = stdout,
			 .width = terminal_width(),
			 .has_colour = wants_colour(),
			 .now_s = clock_wall_s()},
	};
	int r = set_target(&cli);

	if (r != CLI_OK)
		return r;
	curl_global_init(CURL_GLOBAL_NOTHING);
	r = call->command->run(&cli);
	curl_global_cleanup();
	return r;
}

int main(int argc, char **argv)
{
	struct invocation call = {0};
	char message[MESSAGE_MAX];
	char hint[MESSAGE_MAX];
	int r;

	setlocale(LC_ALL, "");
	if (argc > 2 && strcmp(argv[1], COMPLETE_WORD) == 0) {
		complete_print(stdout, argc - 3, argv + 3); /* after "--" */
		return CLI_OK;
	}
	if (argc < 2) {
		command_help(stderr, NULL, NULL);
		return CLI_USAGE;
	}
	r = command_parse(argc - 1, argv + 1, &call, message, hint, sizeof(message));
	if (r < 0) {
		cli_error("%s", message);
		if (hint[0] != '\0')
			cli_hint("%s", hint);
		return CLI_USAGE;
	}
	if (call.options[OPTION_VERSION] != NULL)
		puts("sluicectl " SLUICE_VERSION);
	else if (call.options[OPTION_HELP] != NULL)
		command_help(stdout, call.command, call.group);
	else
		r = run(&call);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_error("cannot write to standard output");
		return CLI_FALSE;
	}
	return r;
}
