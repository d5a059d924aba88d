/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sources that are banned: list, add, lift. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/bans.h"

void render_bans(const struct view *view, const json_t *bans)
{
	static const struct table_column columns[] = {
		{"LIMIT", false, 0, 12},
		{"SOURCE", false, 0, 0},
		{"ENDS IN", true, 0, 0},
		{"DROPS", false, 2, 0},
		{"DROPPED", true, 1, 0},
		{"BY", false, 3, 0},
		{"REASON", false, TABLE_PROSE, 16},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	char text[TEXT_MAX];
	const json_t *ban;
	size_t i;

	json_array_foreach (bans, i, ban) {
		const char *by = field_text(ban, "by", NULL); /* not known without the daemon */

		table_row(table);
		table_text(table, field_text(ban, "limit", NULL));
		table_text(table, field_text(ban, "source", NULL));
		table_text(table, text_duration(field_count(ban, "left_s"), text));
		table_text(table,
			   strcmp(field_text(ban, "packets", ""), "all") == 0 ? "all" : "new conn");
		table_text(table, text_count(field_count(ban, "hits"), text));
		table_text(table, by != NULL && by[0] == '\0' ? "limit" : by);
		table_text(table, field_text(ban, "reason", NULL));
	}
	table_print(table, view);
}

int run_ban_list(struct cli *cli)
{
	AUTO_ANSWER struct answer answer;
	enum client_result result = client_request(cli, "GET", "/v1/bans", NULL, &answer);
	const json_t *bans;
	int r;

	if (offline_may(cli, result))
		return offline_ban_list(cli);
	r = client_finish(cli, result, &answer);
	if (r != CLI_OK)
		return r;
	bans = json_object_get(answer.document, "bans");
	if (cli->is_json)
		client_print_body(cli, &answer);
	else if (json_array_size(bans) == 0)
		fputs("nobody is banned\n", cli->view.out);
	else
		render_bans(&cli->view, bans);
	return CLI_OK;
}

/* "198.51.100.7/32 banned by limit per-client", and who else bans it. */
static void print_ban(const struct cli *cli, const json_t *ban, const char *what)
{
	const json_t *other;
	size_t i;

	fprintf(cli->view.out, "limit %s: %s %s\n", field_text(ban, "limit", "?"),
		field_text(ban, "source", "?"), what);
	json_array_foreach (json_object_get(ban, "also"), i, other) {
		fprintf(cli->view.out, "limit %s bans %s, too: that is another ban\n",
			field_text(other, "limit", "?"), field_text(other, "source", "?"));
	}
}

static int check_add(const char *for_text, uint64_t for_s, const char *reason)
{
	if (for_s > BANS_FOR_MAX_S)
		cli_error("--for %s: at most %d days", for_text, BANS_FOR_MAX_S / 86400);
	else if (reason != NULL && strlen(reason) > BANS_REASON_MAX)
		cli_error("--reason: at most %d bytes", BANS_REASON_MAX);
	else
		return CLI_OK;
	return CLI_USAGE;
}

int run_ban_add(struct cli *cli)
{
	AUTO_FREE char *path =
		client_path("v1", "limits", cli_arg(cli, 0), "bans", cli_arg(cli, 1));
	const char *reason = cli_option(cli, OPTION_REASON);
	const char *for_text = cli_option(cli, OPTION_FOR);
	char what[80], left[TEXT_MAX];
	AUTO_ANSWER struct answer answer = {0};
	uint64_t seconds = 0;
	json_t *body;
	int r;

	if (for_text != NULL)
		text_parse_duration(for_text, &seconds);
	r = check_add(for_text, seconds, reason);
	if (r != CLI_OK)
		return r;
	body = json_object();
	if (seconds > 0)
		json_object_set_new(body, "for_s", json_integer((json_int_t)seconds));
	if (reason != NULL)
		json_object_set_new(body, "reason", json_string(reason));
	if (cli_option(cli, OPTION_ALL_PACKETS) != NULL)
		json_object_set_new(body, "all_packets", json_true());
	r = client_call(cli, "PUT", path, body, &answer);
	json_decref(body);
	if (r != CLI_OK)
		return r;
	if (cli->is_json) {
		client_print_body(cli, &answer);
		return CLI_OK;
	}
	snprintf(what, sizeof(what), "banned for %s",
		 text_duration(field_count(answer.document, "left_s"), left));
	print_ban(cli, answer.document, what);
	return CLI_OK;
}

static int check_lift(const struct cli *cli)
{
	bool is_all = cli_option(cli, OPTION_ALL) != NULL;

	if (is_all && cli_arg(cli, 1) != NULL) {
		cli_error("ban lift: either SOURCE or --all");
		cli_hint("with --all every ban of the limit is lifted, or without LIMIT of all");
		return CLI_USAGE;
	}
	if (!is_all && cli_arg(cli, 1) == NULL) {
		cli_error("ban lift: %s is missing", cli_arg(cli, 0) == NULL ? "LIMIT" : "SOURCE");
		cli_hint("usage: sluicectl ban lift LIMIT SOURCE, or ban lift [LIMIT] --all");
		return CLI_USAGE;
	}
	return CLI_OK;
}

int run_ban_lift(struct cli *cli)
{
	const char *limit = cli_arg(cli, 0), *source = cli_arg(cli, 1);
	AUTO_FREE char *path = limit == NULL ? client_path("v1", "bans")
					     : client_path("v1", "limits", limit, "bans", source);
	AUTO_ANSWER struct answer answer = {0};
	enum client_result result;
	char count[TEXT_MAX];
	uint64_t lifted;
	int r = check_lift(cli);

	if (r != CLI_OK)
		return r;
	result = client_request(cli, "DELETE", path, NULL, &answer);
	if (offline_may(cli, result))
		return offline_ban_lift(cli, limit, source);
	r = client_finish(cli, result, &answer);
	if (r != CLI_OK)
		return r;
	lifted = field_count(answer.document, "lifted");
	if (cli->is_json)
		client_print_body(cli, &answer);
	else if (source != NULL)
		print_ban(cli, answer.document, "is no longer banned");
	else
		fprintf(cli->view.out, "%s ban%s lifted\n", text_count(lifted, count),
			lifted == 1 ? "" : "s");
	return CLI_OK;
}
