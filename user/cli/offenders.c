/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* limit top: who is refused most; limit show --source: what a limit knows of one source. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/table.h"
#include "cli/text.h"

#define SHOWN 20 /* all with --verbose */

void render_attack(const json_t *limit, char *buffer, size_t size)
{
	const json_t *attack = json_object_get(limit, "attack");
	char text[TEXT_MAX];

	buffer[0] = '\0';
	if (json_is_object(attack))
		snprintf(buffer, size, "under attack %s",
			 text_duration(field_count(attack, "for_s"), text));
}

static void render_top(const struct view *view, const json_t *list)
{
	static const struct table_column columns[] = {
		{"SOURCE", false, 0, 0}, {"REFUSED", true, 0, 0}, {"TOTAL", true, 1, 0},
		{"FIRST", true, 3, 0},	 {"LAST", true, 2, 0},	  {"STATE", false, 0, 0},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	size_t count = json_array_size(list), i;
	char text[TEXT_MAX];

	if (!view->is_verbose)
		count = MIN(count, SHOWN);
	for (i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		bool is_banned = field_bool(item, "is_banned");

		table_row(table);
		table_text(table, field_text(item, "source", NULL));
		table_text(table, text_rate(field_number(item, "per_s", 0), text));
		table_text(table, text_count(field_count(item, "packets"), text));
		table_textf(table, "%s ago", text_duration(field_count(item, "first_ago_s"), text));
		table_textf(table, "%s ago", text_duration(field_count(item, "last_ago_s"), text));
		table_text(table, is_banned ? "banned" : field_text(item, "last", NULL));
		table_colour(table, is_banned ? "red" : NULL);
	}
	table_print(table, view);
	if (count < json_array_size(list))
		fprintf(view->out, "and %zu more: -v shows them\n", json_array_size(list) - count);
}

static void render_offenders(const struct view *view, const json_t *limit, bool is_prefixes)
{
	const json_t *list = json_object_get(limit, is_prefixes ? "prefixes" : "sources");
	uint64_t sources = field_count(limit, "sources_refused");
	char attack[64], text[TEXT_MAX];

	render_attack(limit, attack, sizeof(attack));
	fprintf(view->out, "limit %s%s%s: ", field_text(limit, "limit", "?"),
		attack[0] != '\0' ? ", " : "", attack);
	if (json_array_size(list) == 0) {
		fputs("nobody is known of who was refused in the last 10 minutes\n", view->out);
		return;
	}
	fprintf(view->out, "about %s source%s refused in the last 10 s\n",
		text_count(sources, text), sources == 1 ? "" : "s");
	render_top(view, list);
}

int run_limit_top(struct cli *cli)
{
	const char *name = cli_arg(cli, 0);
	AUTO_FREE char *path = name != NULL ? client_path("v1", "limits", name, "offenders")
					    : client_path("v1", "offenders");
	bool is_prefixes = cli_option(cli, OPTION_PREFIX) != NULL;
	AUTO_ANSWER struct answer answer;
	int r = client_call(cli, "GET", path, NULL, &answer);
	const json_t *limits, *limit;
	size_t i;

	if (r != CLI_OK)
		return r;
	limits = json_object_get(answer.document, "limits");
	if (cli->is_json)
		client_print_body(cli, &answer);
	else if (name != NULL)
		render_offenders(&cli->view, answer.document, is_prefixes);
	else if (json_array_size(limits) == 0)
		fputs("no limits\n", cli->view.out);
	if (cli->is_json)
		return CLI_OK;
	json_array_foreach (limits, i, limit) {
		if (i > 0)
			fputc('\n', cli->view.out);
		render_offenders(&cli->view, limit, is_prefixes);
	}
	return CLI_OK;
}

void render_source_ban(const struct view *view, const json_t *ban)
{
	const char *by = field_text(ban, "by", ""), *reason = field_text(ban, "reason", "");
	char left[TEXT_MAX], hits[TEXT_MAX];

	if (!json_is_object(ban)) {
		render_field(view, "ban", "none");
		return;
	}
	render_field(view, "ban", "%s, ends in %s%s%s%s%s; %s packets dropped",
		     strcmp(field_text(ban, "packets", ""), "all") == 0 ? "of all packets"
									: "of new connections",
		     text_duration(field_count(ban, "left_s"), left), by[0] != '\0' ? ", by " : "",
		     by, reason[0] != '\0' ? ": " : "", reason,
		     text_count(field_count(ban, "hits"), hits));
}

void render_source(const struct view *view, const json_t *source)
{
	const json_t *refusals = json_object_get(source, "refusals");
	const char *exempt = field_text(source, "exempt_by", NULL);
	char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX];

	render_field(view, "limit", "%s, %s, counts %s", field_text(source, "limit", "?"),
		     field_text(source, "mode", "?"), field_text(source, "count", "?"));
	render_field(view, "source", "%s", field_text(source, "source", "?"));
	if (exempt != NULL)
		render_field(view, "exempt", "by %s: not limited, never banned", exempt);
	if (json_is_object(json_object_get(source, "exception")))
		render_field(view, "exception", "%s instead of the limit's rate",
			     field_text(json_object_get(source, "exception"), "rate", "?"));
	if (json_is_integer(json_object_get(source, "burst")))
		render_field(view, "left", "%s of %s now", render_tokens(source, "left", a),
			     render_tokens(source, "burst", b));
	if (json_is_object(refusals))
		render_field(view, "refused", "%s packets, %s over 10 s, the last %s ago",
			     text_count(field_count(refusals, "packets"), a),
			     text_rate(field_number(refusals, "per_s", 0), b),
			     text_duration(field_count(refusals, "last_ago_s"), c));
	else
		render_field(view, "refused", "nothing that is known of, in the last 10 minutes");
	render_source_ban(view, json_object_get(source, "ban"));
}

int limit_show_source(struct cli *cli, const char *source)
{
	AUTO_FREE char *path = client_path("v1", "limits", cli_arg(cli, 0), "sources", source);
	AUTO_ANSWER struct answer answer;
	int r = client_call(cli, "GET", path, NULL, &answer);

	if (r != CLI_OK)
		return r;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		render_source(&cli->view, answer.document);
	return CLI_OK;
}
