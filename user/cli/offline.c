/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/offline.h"

#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <sluice/abi.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/spawn.h"
#include "dataplane/claim.h"
#include "dataplane/dp_bpf.h"
#include "dataplane/ours.h"
#include "dataplane/pinned.h"
#include "dataplane/pins.h"

#define ALIVE_S 3 /* a daemon that turns was seen within this time */

int offline_has_pins(const char *instance)
{
	AUTO_FREE char *path = util_printf("%s/%s", SLUICE_PIN_ROOT, instance);
	struct stat st;

	if (stat(path, &st) == 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

json_t *offline_interfaces(const char *instance)
{
	struct if_nameindex *all = if_nameindex();
	json_t *list = json_array();
	char dir[192];

	if (pins_path(instance, dir, sizeof(dir), NULL) != 0)
		dir[0] = '\0';
	for (size_t i = 0; all != NULL && all[i].if_index != 0; i++) {
		CLEANUP(ours_done) struct ours ours = {.fd = -1};

		if (ours_find(dir, 0, -1, all[i].if_index, &ours) != 0 || ours.fd < 0)
			continue;
		json_array_append_new(list,
				      json_pack("{s:s, s:i, s:s, s:i}", "name", all[i].if_name,
						"ifindex", all[i].if_index, "mode",
						ours.hook.is_generic ? "generic" : "native",
						"program_id", ours.hook.program_id));
	}
	if (all != NULL)
		if_freenameindex(all);
	return list;
}

bool offline_may(const struct cli *cli, enum client_result result)
{
	return (result == CLIENT_NO_SOCKET || result == CLIENT_NO_DAEMON) &&
	       cli_option(cli, OPTION_SOCKET) == NULL;
}

static int refuse(const struct cli *cli, int r, const struct err *e)
{
	if (r == -ENOENT) {
		cli_error("sluiced is not running, and nothing of instance %s is pinned",
			  cli->instance);
		client_hint_start(cli);
		return CLI_UNREACHABLE;
	}
	cli_error("sluiced is not running, and its pinned maps cannot be used: %s", e->text);
	if (e->hint[0] != '\0')
		cli_hint("%s", e->hint);
	return e->code == ERR_FORBIDDEN ? CLI_FORBIDDEN : CLI_FALSE;
}

int offline_open(const struct cli *cli, struct dp_pinned **ret_pinned, struct dp_node *ret_node)
{
	struct dp_pinned *pinned;
	struct err e = {0};
	int r;

	if (geteuid() != 0) {
		cli_error("sluiced is not running; its pinned maps only root may use");
		cli_hint("again with sudo");
		return CLI_FORBIDDEN;
	}
	r = dp_pinned_open(cli->instance, &pinned, &e);
	if (r != 0)
		return refuse(cli, r, &e);
	r = dp_pinned_node(pinned, ret_node, &e);
	if (r != 0) {
		dp_pinned_close(pinned);
		return refuse(cli, r, &e);
	}
	*ret_pinned = pinned;
	return CLI_OK;
}

bool offline_is_daemon_alive(const struct dp_node *node, uint64_t now_s)
{
	const struct sluice_notes *notes = node->notes;

	if (notes->stopped_s != 0 || now_s > notes->heartbeat_s + ALIVE_S)
		return false;
	/* It may have been killed a moment ago. */
	return notes->pid != 0 && (kill((pid_t)notes->pid, 0) == 0 || errno == EPERM);
}

int offline_check_dead(const struct cli *cli, const struct dp_node *node)
{
	if (!offline_is_daemon_alive(node, clock_wall_s()))
		return CLI_OK;
	cli_error("sluiced (pid %u) lives, but does not listen at %s", node->notes->pid,
		  cli->socket);
	cli_hint("--socket PATH names where it does; it would undo what is done behind its back");
	return CLI_CONFLICT;
}

int offline_claim(const struct cli *cli, int *ret_claim)
{
	struct err e = {0};

	*ret_claim = -1;
	/* Why there is nothing to do offline_open() says better. */
	if (geteuid() != 0 || offline_has_pins(cli->instance) <= 0)
		return CLI_OK;
	*ret_claim = claim_take(cli->instance, &e);
	if (*ret_claim >= 0)
		return CLI_OK;
	cli_error("%s", e.text);
	if (*ret_claim == -EBUSY) {
		cli_hint("it is starting or ending: again in a moment; or its socket is elsewhere: "
			 "--socket PATH names it");
		return CLI_CONFLICT;
	}
	if (e.hint[0] != '\0')
		cli_hint("%s", e.hint);
	return e.code == ERR_FORBIDDEN ? CLI_FORBIDDEN : CLI_FALSE;
}

void offline_user(char *buffer, size_t size)
{
	const char *sudo = getenv("SUDO_USER"); /* we are root: whoever set it may lie anyway */
	const struct passwd *user = getpwuid(getuid());

	if (sudo != NULL && sudo[0] != '\0')
		snprintf(buffer, size, "%s", sudo);
	else
		snprintf(buffer, size, "%s", user != NULL ? user->pw_name : "root");
}

void offline_audit(const struct cli *cli, const char *fmt, ...)
{
	char by[56], text[256];
	va_list args;

	offline_user(by, sizeof(by));
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	syslog(LOG_DAEMON | LOG_NOTICE,
	       "audit: %s by=\"%s (uid %u, pid %d)\" instance=%s, sluiced not running", text, by,
	       getuid(), getpid(), cli->instance);
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
	int had_pins, claim = -1, r;

	if (geteuid() != 0) {
		cli_error("sluiced is not running; what it may have left attached only root can "
			  "remove");
		cli_hint("sudo sluicectl detach");
		return CLI_FORBIDDEN;
	}
	had_pins = offline_has_pins(cli->instance);
	if (had_pins > 0)
		claim = claim_take(cli->instance, &e);
	if (claim == -EBUSY) {
		cli_error("%s", e.text);
		cli_hint("its socket is elsewhere: name it with --socket");
		return CLI_CONFLICT;
	}
	r = dp_bpf_cleanup(cli->instance, names, sizeof(names), &e);
	claim_end(claim, cli->instance);
	if (r < 0) {
		cli_error("cannot detach instance %s: %s", cli->instance, e.text);
		if (e.hint[0] != '\0')
			cli_hint("%s", e.hint);
		return e.code == ERR_FORBIDDEN ? CLI_FORBIDDEN : CLI_FALSE;
	}
	if (had_pins > 0 || names[0] != '\0')
		offline_audit(cli, "detached%s%s", names[0] != '\0' ? " from " : "", names);
	spawn_drop_config(cli);
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
