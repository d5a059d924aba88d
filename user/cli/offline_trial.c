/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is on trial, in the pinned maps. */
#include "cli/cli.h"
#include "cli/offline.h"
#include "dataplane/pinned.h"

static int refuse_trial(const struct dp_trial_state *trial)
{
	if (trial->kind == SLUICE_TRIAL_NONE)
		cli_error("nothing is on trial, and sluiced is not running");
	else
		cli_error("too late: the trial is over, and sluiced is not running");
	cli_hint(trial->kind == SLUICE_TRIAL_START
			 ? "sudo sluicectl detach removes what is left of it"
			 : "sluicectl status tells what is there");
	return CLI_CONFLICT;
}

int offline_confirm(const struct cli *cli)
{
	struct dp_trial_state trial;
	struct dp_pinned *pinned;
	struct dp_node node;
	int r = offline_open(cli, &pinned, &node);

	if (r != CLI_OK)
		return r;
	dp_node_trial_get(&node, &trial);
	if (trial.kind == SLUICE_TRIAL_NONE || trial.is_over) {
		r = refuse_trial(&trial);
	} else {
		dp_node_trial_end(&node);
		offline_audit(cli, "trial -> confirmed");
		if (cli->is_json)
			fputs("{\"result\":\"confirmed\"}\n", cli->view.out);
		else
			fprintf(cli->view.out,
				"confirmed in the pinned maps: packets are still balanced. sluiced "
				"is not running:\nstart it, health is frozen until then%s\n",
				trial.kind == SLUICE_TRIAL_RELOAD
					? "; it begins with its configuration file, so put "
					  "what was on trial there first"
					: "");
	}
	dp_pinned_close(pinned);
	return r;
}

int offline_undo(const struct cli *cli)
{
	struct dp_trial_state trial;
	struct dp_pinned *pinned;
	struct dp_node node;
	int r = offline_open(cli, &pinned, &node);

	if (r != CLI_OK)
		return r;
	dp_node_trial_get(&node, &trial);
	dp_pinned_close(pinned);
	if (trial.kind == SLUICE_TRIAL_NONE)
		return refuse_trial(&trial);
	if (trial.kind == SLUICE_TRIAL_START)
		return offline_detach(cli);
	cli_error("sluiced, which knows the configuration before the trial, is not running");
	cli_hint("start it: it begins with the configuration file");
	return CLI_CONFLICT;
}
