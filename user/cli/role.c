/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node's role: node show, active, standby. */
#include <string.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "cli/run.h"

static int print_node(const struct cli *cli, const struct answer *answer)
{
	const json_t *announce = json_object_get(answer->document, "announce");
	const char *role = field_text(answer->document, "role", "?");
	const char *failure = field_text(announce, "failure", "");
	bool is_new = field_bool(answer->document, "changed");
	char text[200], arrivals[100] = "";

	if (cli->is_json) {
		client_print_body(cli, answer);
		return failure[0] != '\0' ? CLI_FALSE : CLI_OK;
	}
	fprintf(cli->view.out, "%s is %s%s", field_text(answer->document, "name", "this node"),
		role, is_new ? " now" : "");
	render_announce(answer->document, announce, text, sizeof(text));
	if (!is_new && strcmp(role, "standby") == 0)
		render_arrivals(answer->document, arrivals, sizeof(arrivals));
	fprintf(cli->view.out, "%s%s%s%s\n", text[0] != '\0' ? ": " : "", text,
		arrivals[0] != '\0' ? "; " : "", arrivals);
	fflush(cli->view.out);
	if (failure[0] == '\0')
		return CLI_OK;
	cli_error("%s", failure);
	return CLI_FALSE;
}

/* role: NULL to look. */
static int call(struct cli *cli, const char *method, const char *path, const char *role)
{
	json_t *body = role != NULL ? json_pack("{s:s}", "role", role) : NULL;
	AUTO_ANSWER struct answer answer;
	enum client_result result = client_request(cli, method, path, body, &answer);
	int r;

	json_decref(body);
	if (offline_may(cli, result))
		return offline_role(cli, role);
	r = client_finish(cli, result, &answer);
	if (r != CLI_OK)
		return r;
	return print_node(cli, &answer);
}

int run_node_show(struct cli *cli)
{
	return call(cli, "GET", "/v1/node", NULL);
}

int run_node_active(struct cli *cli)
{
	return call(cli, "PUT", "/v1/node/role", "active");
}

int run_node_standby(struct cli *cli)
{
	return call(cli, "PUT", "/v1/node/role", "standby");
}
