/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waiting until a member has no connection left. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/text.h"

#define POLL_MS 500

static bool is_drained(const json_t *member)
{
	return field_bool(json_object_get(member, "flows"), "drained");
}

/* Nobody takes its new connections away: it would wait for ever. */
static int check_leaves(const struct cli *cli, const json_t *member)
{
	const char *state = field_text(member, "state", "");
	AUTO_FREE char *option = trial_option_text(cli);

	if (strcmp(field_text(member, "admin", ""), "ready") != 0 ||
	    field_count(member, "weight") == 0)
		return CLI_OK;
	fprintf(stderr,
		"sluicectl: %s of %s is %s and gets new connections: it cannot run dry\n"
		"  sluicectl %smember drain %s %s first\n",
		cli_arg(cli, 1), cli_arg(cli, 0), state, option, cli_arg(cli, 0), cli_arg(cli, 1));
	return CLI_FALSE;
}

int run_wait_member(struct cli *cli)
{
	const char *pool = cli_option(cli, OPTION_POOL), *text = cli_option(cli, OPTION_FOR);
	AUTO_FREE char *path = client_path("v1", "services", cli_arg(cli, 0), "pools",
					   pool ? pool : "-", "members", cli_arg(cli, 1));
	uint64_t seconds = 0, start_ms = clock_now_ms();
	char said[160] = "", now[160];

	if (text)
		text_parse_duration(text, &seconds);
	for (;; usleep(POLL_MS * 1000)) {
		AUTO_ANSWER struct answer answer = {0};
		int r = client_call(cli, "GET", path, NULL, &answer);

		if (r == CLI_OK)
			r = is_drained(answer.document) ? CLI_OK
							: check_leaves(cli, answer.document);
		if (r != CLI_OK || is_drained(answer.document)) {
			if (r == CLI_OK && cli->is_json)
				client_print_body(cli, &answer);
			else if (r == CLI_OK)
				fprintf(cli->view.out, "%s of %s: drained\n", cli_arg(cli, 1),
					cli_arg(cli, 0));
			return r;
		}
		render_flows_left(answer.document, now, sizeof(now));
		if (!cli->is_json && strcmp(now, said) != 0)
			fprintf(stderr, "%s of %s: %s\n", cli_arg(cli, 1), cli_arg(cli, 0), now);
		util_copy(said, sizeof(said), now);
		if (text && clock_now_ms() - start_ms >= seconds * 1000) {
			fprintf(stderr, "sluicectl: not drained within %s: %s\n", text, now);
			return CLI_TIMEOUT;
		}
	}
}
