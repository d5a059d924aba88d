/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What to tell a person when the daemon gave no answer, or said no. */
#include "cli/client.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/util.h"
#include "cli/field.h"

/* The group that may pass the first place on the way to the socket that stops us, "" if only root
 * may. What lies behind that place cannot be looked at. */
static void find_group(const char *socket, char *name, size_t size)
{
	char path[CLI_SOCKET_MAX];
	struct stat st;
	struct group *group;

	name[0] = '\0';
	util_copy(path, sizeof(path), socket);
	while (stat(path, &st) != 0) {
		char *slash = strrchr(path, '/');

		if (slash == NULL || slash == path)
			return;
		*slash = '\0';
	}
	if (st.st_gid == 0)
		return;
	group = getgrgid(st.st_gid);
	if (group != NULL)
		util_copy(name, size, group->gr_name);
}

static int explain_permission(const struct cli *cli)
{
	char group[64];

	find_group(cli->socket, group, sizeof(group));
	cli_error("not permitted to connect to %s", cli->socket);
	if (group[0] != '\0')
		cli_hint("join the group %s (sudo usermod -aG %s \"$USER\", then log in again), "
			 "or use sudo",
			 group, group);
	else
		cli_hint("use sudo; groups named in the configuration's section access (admin, "
			 "operator, viewer) are let in");
	return CLI_FORBIDDEN;
}

void client_hint_start(const struct cli *cli)
{
	if (strcmp(cli->instance, "default") == 0)
		cli_hint("start it: sudo systemctl start sluiced; its last words: "
			 "journalctl -u sluiced -n 20");
	else
		cli_hint("start it: sudo sluiced --instance %s --config FILE", cli->instance);
}

int client_explain(const struct cli *cli, enum client_result result, const struct answer *answer)
{
	switch (result) {
	case CLIENT_NO_SOCKET:
		cli_error("sluiced is not running: no socket at %s", cli->socket);
		client_hint_start(cli);
		return CLI_UNREACHABLE;
	case CLIENT_NO_DAEMON:
		cli_error("sluiced is not running: nobody listens at %s", cli->socket);
		client_hint_start(cli);
		return CLI_UNREACHABLE;
	case CLIENT_NO_PERMISSION:
		return explain_permission(cli);
	case CLIENT_NO_ANSWER:
		cli_error("no answer from sluiced at %s within %ld s", cli->socket, cli->timeout_s);
		cli_hint(
			"--timeout SECONDS waits longer; journalctl -u sluiced -n 20 tells what it "
			"does");
		return CLI_TIMEOUT;
	default:
		cli_error("no valid answer from %s: %s", cli->socket,
			  answer->text[0] != '\0' ? answer->text : "the connection failed");
		return CLI_UNREACHABLE;
	}
}

static int exit_of_status(long status)
{
	switch (status) {
	case 401:
	case 403:
		return CLI_FORBIDDEN;
	case 404:
		return CLI_NOT_FOUND;
	case 409:
	case 412:
		return CLI_CONFLICT;
	case 408:
	case 504:
		return CLI_TIMEOUT;
	default:
		return CLI_FALSE;
	}
}

/* One error with a place in a file, as compilers print them. */
void client_print_placed(FILE *out, const char *indent, const json_t *error)
{
	struct err e = {.line = (int)field_number(error, "line", 0),
			.column = (int)field_number(error, "column", 0)};
	const char *file = field_text(error, "file", NULL);
	AUTO_FREE char *told = NULL;
	char text[1024];

	util_copy(e.path, sizeof(e.path), field_text(error, "path", ""));
	util_copy(e.text, sizeof(e.text), field_text(error, "message", ""));
	util_copy(e.hint, sizeof(e.hint), field_text(error, "hint", ""));
	err_format(&e, file, text, sizeof(text));
	told = cli_as_told(text);
	fprintf(out, "%s%s\n", indent, told);
}

int client_report_errors(const struct answer *answer)
{
	const json_t *error = json_object_get(answer->document, "error");
	const json_t *errors = json_object_get(answer->document, "errors");
	const char *message = field_text(error, "message", NULL);
	const char *hint = field_text(error, "hint", "");
	const char *pointer = field_text(error, "pointer", "");
	const json_t *item;
	size_t i;

	if (message == NULL) {
		cli_error("sluiced answered HTTP status %ld without a reason", answer->status);
		return exit_of_status(answer->status);
	}
	if (json_array_size(errors) > 0) { /* the first of them is also the error */
		cli_error("refused, nothing was changed:");
		json_array_foreach (errors, i, item) {
			client_print_placed(
				stderr, json_object_get(item, "file") != NULL ? "" : "  ", item);
		}
		return exit_of_status(answer->status);
	}
	if (pointer[0] != '\0')
		cli_error("%s (at %s)", message, pointer);
	else
		cli_error("%s", message);
	if (hint[0] != '\0')
		cli_hint("%s", hint);
	return exit_of_status(answer->status);
}
