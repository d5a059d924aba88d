/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/offline.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/abi.h>

#include "base/util.h"
#include "cli/cli.h"
#include "cli/render.h"
#include "dataplane/dp_bpf.h"

/* Are there pins of the instance? 1, 0, or negative errno when we may not know. */
static int has_pins(const char *instance)
{
	AUTO_FREE char *path = util_printf("%s/%s", SLUICE_PIN_ROOT, instance);
	struct stat st;

	if (stat(path, &st) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

void offline_status(const struct cli *cli)
{
	int r = has_pins(cli->instance);
	char text[400];

	if (r == 0)
		util_copy(text, sizeof(text),
			  "sluiced is not running and has left nothing: packets are not balanced");
	else if (r > 0)
		snprintf(text, sizeof(text),
			 "sluiced is not running, but its program and maps are still pinned "
			 "(%s/%s): packets are forwarded as before where it is attached, health "
			 "frozen",
			 SLUICE_PIN_ROOT, cli->instance);
	else
		util_copy(text, sizeof(text),
			  "sluiced is not running; only root can see whether its program still "
			  "forwards packets");
	render_verdict(&cli->view, "fault", text);
	if (r < 0)
		fputs("  next    sudo sluicectl status\n", cli->view.out);
	else
		fputs("  next    sudo systemctl start sluiced\n", cli->view.out);
	if (r > 0)
		fputs("          sudo sluicectl detach, to stop forwarding\n", cli->view.out);
	fflush(cli->view.out); /* before what goes to standard error */
}

static void print_detached(const struct cli *cli, const char *names)
{
	AUTO_FREE char *copy = util_strdup(names);
	json_t *list = json_array();
	char *rest = NULL;

	for (char *name = strtok_r(copy, ", ", &rest); name != NULL;
	     name = strtok_r(NULL, ", ", &rest))
		json_array_append_new(list, json_string(name));
	if (cli->is_json) {
		json_t *document = json_pack("{s:O}", "detached", list);

		json_dumpf(document, cli->view.out, JSON_COMPACT);
		fputc('\n', cli->view.out);
		json_decref(document);
	}
	json_decref(list);
}

int offline_detach(const struct cli *cli)
{
	struct err e = {0};
	char names[512] = "";
	int had_pins;

	if (geteuid() != 0) {
		cli_error("sluiced is not running; what it may have left attached only root can "
			  "remove");
		cli_hint("sudo sluicectl detach");
		return CLI_FORBIDDEN;
	}
	had_pins = has_pins(cli->instance);
	if (dp_bpf_cleanup(cli->instance, names, sizeof(names), &e) < 0) {
		cli_error("cannot detach instance %s: %s", cli->instance, e.text);
		if (e.hint[0] != '\0')
			cli_hint("%s", e.hint);
		return e.code == ERR_FORBIDDEN ? CLI_FORBIDDEN : CLI_FALSE;
	}
	print_detached(cli, names);
	if (cli->is_json)
		return CLI_OK;
	if (names[0] != '\0')
		fprintf(cli->view.out,
			"detached from %s and removed the pins of instance %s; sluiced "
			"was not running\n",
			names, cli->instance);
	else if (had_pins > 0)
		fprintf(cli->view.out,
			"removed the pins of instance %s; nothing was attached in this "
			"network namespace, sluiced was not running\n",
			cli->instance);
	else
		fprintf(cli->view.out, "nothing of instance %s was attached or pinned\n",
			cli->instance);
	return CLI_OK;
}
