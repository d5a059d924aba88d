/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Switches of the node in the pinned maps. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/cli.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "dataplane/pinned.h"
#include "dataplane/routes.h"

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

static void set_bypass(const struct cli *cli, const struct dp_node *node, enum dp_bypass which,
		       uint64_t seconds, const char *by)
{
	struct dp_bypass_state old;

	dp_node_bypass_get(node, which, &old);
	dp_node_bypass_set(node, which, seconds, by);
	if (old.is_on || seconds > 0)
		offline_audit(cli, "bypass of %s: %llu s -> %llu s", bypass_names[which],
			      old.is_on ? (unsigned long long)old.left_s : 0,
			      (unsigned long long)seconds);
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
	if (strcmp(what, "none") == 0)
		seconds = 0;
	for (int i = 0; i < DP_BYPASS_MAX; i++)
		if (seconds == 0 || strcmp(what, "all") == 0 || strcmp(what, bypass_names[i]) == 0)
			set_bypass(cli, &node, (enum dp_bypass)i, seconds, by);
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

/* ---- role ------------------------------------------------------------------------------------ */

static int withdraw(const struct dp_node *node, size_t *ret_removed)
{
	const struct routes_place place = dp_node_routes(node);
	struct routes_result result = {0};
	struct err e = {0};

	*ret_removed = 0;
	if (place.table == 0)
		return CLI_OK;
	if (routes_set(&place, NULL, 0, &result, &e) != 0) {
		cli_error("on standby, but with routes: %s", e.text);
		cli_hint("%s", e.hint);
		return CLI_FALSE;
	}
	dp_node_note_routes(node, (struct routes_place){0});
	*ret_removed = result.removed;
	return CLI_OK;
}

static void print_role(const struct cli *cli, const struct dp_node *node, bool is_changed,
		       size_t removed)
{
	const char *role = dp_node_is_active(node) ? "active" : "standby";
	json_t *document;

	if (!cli->is_json) {
		fprintf(cli->view.out, "this node is %s%s", role, is_changed ? " now" : "");
		if (removed > 0)
			fprintf(cli->view.out, ", %zu route%s withdrawn", removed,
				removed == 1 ? "" : "s");
		fputs("; sluiced is not running: done in the pinned maps\n", cli->view.out);
		if (is_changed && dp_node_is_active(node))
			fputs("neighbours are not told and routes not installed before it runs\n",
			      cli->view.out);
		return;
	}
	document = json_pack("{s:s, s:b, s:I}", "role", role, "changed", is_changed,
			     "routes_withdrawn", (json_int_t)removed);
	json_dumpf(document, cli->view.out, JSON_COMPACT);
	fputc('\n', cli->view.out);
	json_decref(document);
}

int offline_role(const struct cli *cli, const char *role)
{
	bool is_active = role != NULL && strcmp(role, "active") == 0, is_changed = false;
	struct dp_pinned *pinned;
	struct dp_node node;
	size_t removed = 0;
	int r = offline_open(cli, &pinned, &node);

	if (r != CLI_OK)
		return r;
	if (role != NULL)
		is_changed = dp_node_set_active(&node, is_active);
	if (is_changed)
		offline_audit(cli, "%s -> %s", is_active ? "standby" : "active", role);
	if (role != NULL && !is_active)
		r = withdraw(&node, &removed);
	print_role(cli, &node, is_changed, removed);
	dp_pinned_close(pinned);
	return r;
}
