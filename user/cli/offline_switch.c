/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Switches of the node in the pinned maps. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/cli.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "dataplane/pinned.h"

static const char *const bypass_names[DP_BYPASS_MAX] = {"limits", "lists"};

json_t *offline_view_bypass(const struct dp_node *node)
{
	json_t *object = json_object();

	for (int i = 0; i < DP_BYPASS_MAX; i++) {
		struct dp_bypass_state state;

		dp_node_bypass_get(node, (enum dp_bypass)i, &state);
		json_object_set_new(object, bypass_names[i],
				    state.is_on
					    ? json_pack("{s:I, s:I, s:s}", "left_s",
							(json_int_t)state.left_s, "since_s",
							(json_int_t)state.since_s, "by", state.by)
					    : json_null());
	}
	return object;
}

int offline_bypass(const struct cli *cli, const char *what, uint64_t seconds)
{
	struct dp_pinned *pinned;
	struct dp_node node;
	char by[56];
	json_t *bypass;
	int r = offline_open(cli, &pinned, &node);

	if (r != CLI_OK)
		return r;
	offline_user(by, sizeof(by));
	for (int i = 0; i < DP_BYPASS_MAX; i++) {
		if (strcmp(what, "none") == 0)
			dp_node_bypass_set(&node, (enum dp_bypass)i, 0, by);
		else if (strcmp(what, "all") == 0 || strcmp(what, bypass_names[i]) == 0)
			dp_node_bypass_set(&node, (enum dp_bypass)i, seconds, by);
	}
	bypass = offline_view_bypass(&node);
	if (cli->is_json) {
		json_dumpf(bypass, cli->view.out, JSON_COMPACT);
		fputc('\n', cli->view.out);
	} else {
		render_bypass(&cli->view, bypass);
		render_field(&cli->view, "daemon",
			     "sluiced is not running: done in the pinned maps");
	}
	json_decref(bypass);
	dp_pinned_close(pinned);
	return CLI_OK;
}
