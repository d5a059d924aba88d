/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waiting until a member has no connection left, or a node no traffic. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/text.h"
#include "dataplane/pinned.h"

#define POLL_MS 500
#define QUIET_S 5
#define NOT_YET (-1)

/* What is waited for. look() returns NOT_YET and says in `now` how it goes, or the exit code. */
struct wait {
	char name[200], until[20];
	int (*look)(struct cli *cli, struct wait *wait);
	char now[160];
	uint64_t quiet_s; /* of a node: so much silence is enough */
	struct dp_pinned *pinned;
	uint64_t served, silent_ms; /* of a node without a daemon: as it was last, and since then */
};

static int run(struct cli *cli, struct wait *wait)
{
	const char *text = cli_option(cli, OPTION_FOR);
	uint64_t seconds = 0, start_ms = clock_now_ms();
	char said[sizeof(wait->now)] = "";

	if (text)
		text_parse_duration(text, &seconds);
	for (;; usleep(POLL_MS * 1000)) {
		int r = wait->look(cli, wait);

		if (r != NOT_YET)
			return r;
		if (!cli->is_json && strcmp(wait->now, said) != 0) {
			fprintf(stderr, "%s: %s\n", wait->name, wait->now);
			util_copy(said, sizeof(said), wait->now);
		}
		if (text && clock_now_ms() - start_ms >= seconds * 1000) {
			cli_error("not %s within %s: %s", wait->until, text, wait->now);
			return CLI_TIMEOUT;
		}
	}
}

/* ---- a member ------------------------------------------------------------------------------- */

/* Nobody takes its new connections away: it would wait for ever. */
static int check_leaves(const struct cli *cli, const json_t *member)
{
	const char *state = field_text(member, "state", "");

	if (strcmp(field_text(member, "admin", ""), "ready") != 0 ||
	    strcmp(state, "draining") == 0 || field_count(member, "weight") == 0)
		return NOT_YET;
	cli_error("%s of %s is %s and gets new connections: it cannot run dry", cli_arg(cli, 1),
		  cli_arg(cli, 0), state);
	cli_hint("sluicectl member drain %s %s first", cli_arg(cli, 0), cli_arg(cli, 1));
	return CLI_FALSE;
}

static int look_at_member(struct cli *cli, struct wait *wait)
{
	const char *pool = cli_option(cli, OPTION_POOL);
	AUTO_FREE char *path = client_path("v1", "services", cli_arg(cli, 0), "pools",
					   pool ? pool : "-", "members", cli_arg(cli, 1));
	AUTO_ANSWER struct answer answer = {0};
	int r = client_call(cli, "GET", path, NULL, &answer);

	if (r != CLI_OK)
		return r;
	render_flows_left(answer.document, wait->now, sizeof(wait->now));
	if (!field_bool(json_object_get(answer.document, "flows"), "drained"))
		return check_leaves(cli, answer.document);
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		fprintf(cli->view.out, "%s: drained\n", wait->name);
	return CLI_OK;
}

int run_wait_member(struct cli *cli)
{
	struct wait wait = {.until = "drained", .look = look_at_member};

	snprintf(wait.name, sizeof(wait.name), "%s of %s", cli_arg(cli, 1), cli_arg(cli, 0));
	return run(cli, &wait);
}

/* ---- this node ------------------------------------------------------------------------------ */

static int check_standby(const json_t *node)
{
	const char *failure = field_text(json_object_get(node, "announce"), "failure", "");

	if (strcmp(field_text(node, "role", ""), "standby") != 0) {
		cli_error("somebody made this node active meanwhile");
		return CLI_CONFLICT;
	}
	if (failure[0] == '\0')
		return NOT_YET;
	cli_error("%s", failure);
	return CLI_FALSE;
}

static int look_at_node(struct cli *cli, struct wait *wait)
{
	AUTO_ANSWER struct answer answer = {0};
	int r = client_call(cli, "GET", "/v1/node", NULL, &answer);

	if (r == CLI_OK)
		r = check_standby(answer.document);
	if (r != NOT_YET)
		return r;
	render_arrivals(answer.document, wait->now, sizeof(wait->now));
	if (field_count(json_object_get(answer.document, "traffic"), "quiet_s") < wait->quiet_s)
		return NOT_YET;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		fprintf(cli->view.out, "%s: drained, %s\n", wait->name, wait->now);
	return CLI_OK;
}

/* The packet path goes on counting when the daemon is dead. */
static int look_at_maps(struct cli *cli, struct wait *wait)
{
	struct sluice_verdict_stats stats[SLUICE_V_MAX];
	uint64_t now_ms = clock_now_ms(), served, quiet_s;
	json_t *document;

	if (dp_pinned_verdict_stats(wait->pinned, stats) != 0) {
		cli_error("the pinned counters cannot be read");
		return CLI_FALSE;
	}
	served = stats[SLUICE_V_forwarded].packets + stats[SLUICE_V_local].packets;
	if (served != wait->served || wait->silent_ms == 0)
		wait->silent_ms = now_ms;
	wait->served = served;
	quiet_s = (now_ms - wait->silent_ms) / 1000;
	document = json_pack("{s:{s:I}}", "traffic", "quiet_s", (json_int_t)quiet_s);
	render_arrivals(document, wait->now, sizeof(wait->now));
	json_decref(document);
	if (quiet_s < wait->quiet_s)
		return NOT_YET;
	if (!cli->is_json)
		fprintf(cli->view.out, "%s: drained, %s\n", wait->name, wait->now);
	return CLI_OK;
}

/* With --json, only the role is printed. */
static int drain_offline(struct cli *cli, struct wait *wait)
{
	struct dp_node node;
	int r = offline_role(cli, "standby");

	if (r == CLI_OK)
		r = offline_open(cli, &wait->pinned, &node);
	if (r != CLI_OK)
		return r;
	wait->look = look_at_maps;
	r = run(cli, wait);
	dp_pinned_close(wait->pinned);
	return r;
}

int run_node_drain(struct cli *cli)
{
	struct wait wait = {
		.name = "this node", .until = "drained", .look = look_at_node, .quiet_s = QUIET_S};
	json_t *body = json_pack("{s:s}", "role", "standby");
	AUTO_ANSWER struct answer answer;
	enum client_result result = client_request(cli, "PUT", "/v1/node/role", body, &answer);
	int r;

	json_decref(body);
	if (cli_option(cli, OPTION_QUIET))
		text_parse_duration(cli_option(cli, OPTION_QUIET), &wait.quiet_s);
	if (offline_may(cli, result)) {
		r = drain_offline(cli, &wait);
	} else {
		r = client_finish(cli, result, &answer);
		if (r != CLI_OK)
			return r;
		util_copy(wait.name, sizeof(wait.name),
			  field_text(answer.document, "name", "this node"));
		r = run(cli, &wait);
	}
	if (r == CLI_TIMEOUT)
		cli_hint("it stays on standby: sluicectl node active takes it back");
	return r;
}
