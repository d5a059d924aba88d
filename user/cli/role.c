/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node's role: node show, active, standby. */
#include <string.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/run.h"

static int print_node(const struct cli *cli, const struct answer *answer)
{
	const json_t *announce = json_object_get(answer->document, "announce");
	const char *role = field_text(answer->document, "role", "?");
	const char *failure = field_text(announce, "failure", "");
	bool is_new = field_bool(answer->document, "changed");
	char text[200];

	if (cli->is_json) {
		client_print_body(cli, answer);
		return failure[0] != '\0' ? CLI_FALSE : CLI_OK;
	}
	fprintf(cli->view.out, "%s is %s%s", field_text(answer->document, "name", "this node"),
		role, is_new ? " now" : "");
	render_announce(answer->document, announce, text, sizeof(text));
	fprintf(cli->view.out, "%s%s\n", text[0] != '\0' ? ": " : "", text);
	fflush(cli->view.out);
	if (failure[0] == '\0')
		return CLI_OK;
	cli_error("%s", failure);
	return CLI_FALSE;
}

int run_node_show(struct cli *cli)
{
	AUTO_ANSWER struct answer answer;
	int r = client_call(cli, "GET", "/v1/node", NULL, &answer);

	return r != CLI_OK ? r : print_node(cli, &answer);
}

static int set_role(struct cli *cli, const char *role)
{
	json_t *body = json_pack("{s:s}", "role", role);
	AUTO_ANSWER struct answer answer;
	int r = client_call(cli, "PUT", "/v1/node/role", body, &answer);

	json_decref(body);
	return r != CLI_OK ? r : print_node(cli, &answer);
}

int run_node_active(struct cli *cli)
{
	return set_role(cli, "active");
}

int run_node_standby(struct cli *cli)
{
	return set_role(cli, "standby");
}
