/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* list: access lists, and the entries that commands add. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/util.h"
#include "cli/caller.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/prefix_set.h"

#define ENTRIES_SHOWN 40

int run_list_list(struct cli *cli)
{
	AUTO_FREE char *path = client_path("v1", "lists");
	AUTO_ANSWER struct answer answer;
	const json_t *lists;
	int r = client_call(cli, "GET", path, NULL, &answer);

	if (r != CLI_OK)
		return r;
	lists = json_object_get(answer.document, "lists");
	if (cli->is_json)
		client_print_body(cli, &answer);
	else if (json_array_size(lists) == 0)
		fputs("no access lists\n", cli->view.out);
	else
		render_lists(&cli->view, lists);
	return CLI_OK;
}

static void render_entries(const struct view *view, const json_t *entries)
{
	static const struct table_column columns[] = {
		{"PREFIX", false, 0, 0},
		{"FROM", false, 0, 0},
		{"EXPIRES", false, 0, 0},
		{"COMMENT", false, TABLE_PROSE, 16},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	size_t count = json_array_size(entries), i;
	char text[TEXT_MAX];

	for (i = 0; i < MIN(count, (size_t)ENTRIES_SHOWN); i++) {
		const json_t *entry = json_array_get(entries, i);
		uint64_t expires_s = field_count(entry, "expires_s");

		table_row(table);
		table_text(table, field_text(entry, "prefix", NULL));
		table_text(table,
			   strcmp(field_text(entry, "owner", ""), "api") == 0 ? "command" : "file");
		if (expires_s > view->now_s)
			table_textf(table, "in %s", text_duration(expires_s - view->now_s, text));
		else
			table_text(table, expires_s ? "now" : "never");
		table_text(table, field_text(entry, "comment", NULL));
	}
	fputc('\n', view->out);
	table_print(table, view);
	if (count > ENTRIES_SHOWN)
		fprintf(view->out, "and %s more: --json has them all\n",
			text_count(count - ENTRIES_SHOWN, text));
}

int run_list_show(struct cli *cli)
{
	AUTO_FREE char *path = client_path("v1", "lists", cli_arg(cli, 0));
	AUTO_FREE char *entries_path = client_path("v1", "lists", cli_arg(cli, 0), "entries");
	AUTO_ANSWER struct answer answer;
	AUTO_ANSWER struct answer entries = {0};
	const json_t *list;
	int r = client_call(cli, "GET", path, NULL, &answer);

	if (r == CLI_OK)
		r = client_call(cli, "GET", entries_path, NULL, &entries);
	if (r != CLI_OK)
		return r;
	list = json_object_get(entries.document, "entries");
	if (cli->is_json) {
		json_object_set(answer.document, "list",
				json_object_get(entries.document, "entries"));
		json_dumpf(answer.document, cli->view.out, JSON_COMPACT | JSON_REAL_PRECISION(15));
		fputc('\n', cli->view.out);
		return CLI_OK;
	}
	render_list(&cli->view, answer.document);
	if (json_array_size(list) > 0)
		render_entries(&cli->view, list);
	return CLI_OK;
}

/* The daemon does not let a deny list cover where the person sits. */
static void add_caller(json_t *body)
{
	char text[ADDR_TEXT_MAX];

	if (caller_find(text))
		json_object_set_new(body, "caller", json_string(text));
}

/* Sends a change of entries and says how the list is then. body is released. */
static int change(struct cli *cli, const char *method, const char *what, json_t *body)
{
	AUTO_FREE char *path = client_path("v1", "lists", cli_arg(cli, 0), what);
	AUTO_ANSWER struct answer answer;
	char all[TEXT_MAX], runtime[TEXT_MAX];
	int r = client_call(cli, method, path, body, &answer);
	unsigned long long count;

	json_decref(body);
	if (r != CLI_OK)
		return r;
	count = field_count(answer.document, "entries");
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		fprintf(cli->view.out, "list %s: %s entr%s, %s of them from commands\n",
			field_text(answer.document, "name", "?"), text_count(count, all),
			count == 1 ? "y" : "ies",
			text_count(field_count(answer.document, "entries_runtime"), runtime));
	return CLI_OK;
}

static int check_ttl(const struct cli *cli)
{
	const char *ttl = cli_option(cli, OPTION_TTL);
	uint64_t seconds;

	if (!ttl || text_parse_duration(ttl, &seconds) || seconds <= PREFIX_TTL_S_MAX)
		return CLI_OK;
	cli_error("--ttl %s: entries leave after %d days at most", ttl, PREFIX_TTL_S_MAX / 86400);
	cli_hint("without --ttl they stay");
	return CLI_USAGE;
}

static json_t *make_body(const struct cli *cli, const char *prefixes)
{
	json_t *body = json_pack("{s:s}", "prefixes", prefixes);
	const char *ttl = cli_option(cli, OPTION_TTL);
	const char *comment = cli_option(cli, OPTION_COMMENT);
	uint64_t seconds;

	if (ttl && text_parse_duration(ttl, &seconds) == 0)
		json_object_set_new(body, "ttl_s", json_integer((json_int_t)seconds));
	if (comment)
		json_object_set_new(body, "comment", json_string(comment));
	if (cli_option(cli, OPTION_FORCE))
		json_object_set_new(body, "force", json_true());
	add_caller(body);
	return body;
}

/* PREFIX[,PREFIX...] as lines. */
static char *lines_of(const char *prefixes)
{
	char *lines = util_strdup(prefixes), *comma;

	for (comma = strchr(lines, ','); comma; comma = strchr(comma, ','))
		*comma = '\n';
	return lines;
}

int run_list_add(struct cli *cli)
{
	AUTO_FREE char *lines = lines_of(cli_arg(cli, 1));
	int r = check_ttl(cli);

	return r != CLI_OK ? r : change(cli, "POST", "entries", make_body(cli, lines));
}

int run_list_remove(struct cli *cli)
{
	AUTO_FREE char *lines = lines_of(cli_arg(cli, 1));

	return change(cli, "POST", "remove", json_pack("{s:s}", "prefixes", lines));
}

static int from_file(struct cli *cli, const char *method)
{
	const char *file = cli_arg(cli, 1);
	AUTO_FREE char *text = NULL;
	size_t length;
	json_t *probe, *body;
	bool is_text;
	int r = check_ttl(cli);

	if (r != CLI_OK)
		return r;
	r = util_read_input(file, PREFIX_SET_BYTES_MAX, &text, &length);
	if (r < 0) {
		cli_error("cannot read %s: %s", file, util_read_error(r));
		return r == -EACCES ? CLI_FORBIDDEN : r == -ENOENT ? CLI_NOT_FOUND : CLI_FALSE;
	}
	probe = json_stringn(text, length);
	is_text = probe && strlen(text) == length;
	json_decref(probe);
	if (!is_text) {
		cli_error("%s is not a text file", file);
		cli_hint("one prefix a line; # and ; begin a comment");
		return CLI_FALSE;
	}
	body = make_body(cli, text);
	client_name_text(body, file);
	return change(cli, method, "entries", body);
}

int run_list_import(struct cli *cli)
{
	return from_file(cli, "POST");
}

int run_list_replace(struct cli *cli)
{
	return from_file(cli, "PUT");
}
