/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/offline.h"

#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sluice/abi.h>

#include "base/util.h"
#include "cli/cli.h"
#include "cli/render.h"
#include "dataplane/dp_bpf.h"
#include "dataplane/hook.h"
#include "dataplane/pins.h"

/* Are there pins of the instance? 1, 0, or negative errno when we may not know. */
static int has_pins(const char *instance)
{
	AUTO_FREE char *path = util_printf("%s/%s", SLUICE_PIN_ROOT, instance);
	struct stat st;

	if (stat(path, &st) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

/* The interfaces of this network namespace that run a pinned program of the instance, comma
 * separated; empty when there is none, or we may not look. */
static void find_attached(const char *instance, char *names, size_t size)
{
	struct if_nameindex *all = if_nameindex();

	names[0] = '\0';
	for (size_t i = 0; all != NULL && all[i].if_index != 0; i++) {
		struct hook hook;

		if (hook_query(all[i].if_index, &hook) != 0 || hook.program_id == 0)
			continue;
		for (uint32_t abi = 1; abi <= SLUICE_ABI; abi++) {
			AUTO_CLOSE int fd = -1;
			size_t used = strlen(names);
			char dir[192];

			if (pins_path(instance, abi, dir, sizeof(dir), NULL) == 0)
				fd = pins_open_program(dir, hook.program_id);
			if (fd >= 0)
				snprintf(names + used, size - used, "%s%s", used > 0 ? ", " : "",
					 all[i].if_name);
		}
	}
	if (all != NULL)
		if_freenameindex(all);
}

/* What to do, given what has_pins() said. */
static void print_next(const struct cli *cli, int pins)
{
	bool is_default = strcmp(cli->instance, "default") == 0;
	AUTO_FREE char *option = is_default ? util_strdup("")
					    : util_printf("--instance %s ", cli->instance);
	const char *label = "next";

	if (pins < 0) {
		fprintf(cli->view.out, "  next    sudo sluicectl %sstatus\n", option);
		return;
	}
	if (is_default) {
		fputs("  next    sudo systemctl start sluiced\n", cli->view.out);
		label = "";
	}
	if (pins > 0)
		fprintf(cli->view.out, "  %-4s    sudo sluicectl %sdetach, to stop forwarding\n",
			label, option);
}

void offline_status(const struct cli *cli)
{
	int r = has_pins(cli->instance);
	struct view view = cli->view;
	char names[300];
	char text[512];

	if (r > 0)
		find_attached(cli->instance, names, sizeof(names));
	if (r == 0)
		util_copy(text, sizeof(text),
			  "sluiced is not running and has left nothing: packets are not balanced");
	else if (r < 0)
		util_copy(text, sizeof(text),
			  "sluiced is not running; only root can see whether its program still "
			  "forwards packets");
	else if (names[0] != '\0')
		snprintf(text, sizeof(text),
			 "sluiced is not running: packets still forwarded by the program on %s, "
			 "health frozen",
			 names);
	else
		snprintf(text, sizeof(text),
			 "sluiced is not running: its maps are still pinned in %s/%s, but its "
			 "program is on no interface of this network namespace",
			 SLUICE_PIN_ROOT, cli->instance);
	view.width = CLI_STATUS_WIDTH;
	render_verdict(&view, "fault", text);
	print_next(cli, r);
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
		cli_hint("sudo sluicectl --instance %s detach", cli->instance);
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
