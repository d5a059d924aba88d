/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node as a whole: stats, events, metrics, version, reload, detach. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "cli/run.h"

#define FOLLOW_PAUSE_S 1

int run_stats(struct cli *cli)
{
	AUTO_ANSWER struct answer answer;
	int r = client_call(cli, "GET", "/v1/stats", NULL, &answer);

	if (r != CLI_OK)
		return r;
	cli->view.is_verbose = cli_option(cli, OPTION_VERBOSE) != NULL;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		render_stats(&cli->view, answer.document);
	return CLI_OK;
}

static void print_events(const struct cli *cli, const struct answer *answer, bool is_following)
{
	const json_t *event;
	size_t i;

	if (cli->is_json && !is_following) {
		client_print_body(cli, answer);
		return;
	}
	if (field_bool(answer->document, "gap"))
		fputs("sluicectl: some events between are lost: the daemon keeps a bounded "
		      "number\n",
		      stderr);
	json_array_foreach (json_object_get(answer->document, "events"), i, event) {
		if (cli->is_json) {
			json_dumpf(event, cli->view.out, JSON_COMPACT);
			fputc('\n', cli->view.out);
		} else {
			render_event(&cli->view, event);
		}
	}
	fflush(cli->view.out);
}

int run_events(struct cli *cli)
{
	const char *since = cli_option(cli, OPTION_SINCE);
	bool is_following = cli_option(cli, OPTION_FOLLOW) != NULL;
	AUTO_FREE char *path = since != NULL ? util_printf("/v1/events?since=%s", since)
					     : util_strdup("/v1/events");

	for (;;) {
		AUTO_ANSWER struct answer answer;
		int r = client_call(cli, "GET", path, NULL, &answer);
		bool has_more = json_array_size(json_object_get(answer.document, "events")) > 0;

		if (r != CLI_OK)
			return r;
		print_events(cli, &answer, is_following);
		/* An answer has so many at most. One in JSON is printed as it is. */
		if (!is_following && (cli->is_json || since == NULL || !has_more))
			return CLI_OK;
		if (ferror(cli->view.out))
			return CLI_OK;
		free(path);
		path = util_printf("/v1/events?since=%llu",
				   (unsigned long long)field_count(answer.document, "last"));
		cli->view.now_s = clock_wall_s();
		if (!has_more)
			sleep(FOLLOW_PAUSE_S);
	}
}

int run_metrics(struct cli *cli)
{
	AUTO_ANSWER struct answer answer;
	enum client_result result = client_request(cli, "GET", "/metrics", NULL, &answer);

	if (result != CLIENT_ANSWERED)
		return client_explain(cli, result, &answer);
	if (answer.status != 200)
		return client_report_errors(&answer);
	client_print_body(cli, &answer);
	return CLI_OK;
}

int run_version(struct cli *cli)
{
	AUTO_ANSWER struct answer answer;
	int r;

	if (!cli->is_json) {
		fputs("sluicectl " SLUICE_VERSION "\n", cli->view.out);
		fflush(cli->view.out);
	}
	r = client_call(cli, "GET", "/v1/version", NULL, &answer);
	if (r != CLI_OK)
		return r;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		fprintf(cli->view.out, "sluiced   %s, maps of ABI %u\n",
			field_text(answer.document, "version", "?"),
			(unsigned int)field_count(answer.document, "abi"));
	return CLI_OK;
}

int run_reload(struct cli *cli)
{
	const char *within = cli_option(cli, OPTION_CONFIRM_WITHIN);
	json_t *body = json_pack("{s:b}", "force", cli_option(cli, OPTION_FORCE) != NULL);
	AUTO_ANSWER struct answer answer = {0};
	AUTO_FREE char *option = trial_option_text(cli);
	unsigned long long revision;
	uint64_t seconds;
	int r = trial_duration("--confirm-within", within, &seconds);

	if (within != NULL)
		json_object_set_new(body, "confirm_within_s", json_integer((json_int_t)seconds));
	if (r == CLI_OK)
		r = client_call(cli, "POST", "/v1/config/reload", body, &answer);
	json_decref(body);
	if (r != CLI_OK)
		return r;
	revision = field_count(answer.document, "revision");
	if (cli->is_json)
		client_print_body(cli, &answer);
	else if (field_count(answer.document, "confirm_within_s") > 0)
		fprintf(cli->view.out,
			"reloaded: revision %llu is running on trial; the one before it comes back "
			"in %s unless you confirm:\n  sudo sluicectl %sconfirm\n",
			revision, within, option);
	else if (field_bool(answer.document, "changed"))
		fprintf(cli->view.out, "reloaded: revision %llu is running\n", revision);
	else
		fprintf(cli->view.out, "nothing to change: revision %llu is running\n", revision);
	return CLI_OK;
}

int run_detach(struct cli *cli)
{
	AUTO_ANSWER struct answer answer;
	enum client_result result = client_request(cli, "POST", "/v1/detach", NULL, &answer);
	const json_t *name;
	size_t i;
	int r;

	if (offline_may(cli, result))
		return offline_detach(cli);
	r = client_finish(cli, result, &answer);
	if (r == CLI_UNREACHABLE && cli_option(cli, OPTION_SOCKET) != NULL)
		cli_hint("without --socket, detach works when the daemon is dead, too");
	if (r != CLI_OK)
		return r;
	if (cli->is_json) {
		client_print_body(cli, &answer);
		return CLI_OK;
	}
	json_array_foreach (json_object_get(answer.document, "detached"), i, name) {
		fprintf(cli->view.out, "detached from %s\n",
			json_is_string(name) ? json_string_value(name) : "?");
	}
	if (i == 0)
		fputs("nothing was attached\n", cli->view.out);
	fputs("sluiced removed its pins and ends\n", cli->view.out);
	return CLI_OK;
}
