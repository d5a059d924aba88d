/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* service, pool, member and limit: list, show and change. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/lookup.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/text.h"
#include "core/change.h"

typedef void (*render_fn)(const struct view *view, const json_t *document);

/* Gets one document and prints it; key: the part that is rendered, NULL for all of it. path is
 * freed. */
static int show(struct cli *cli, char *path, const char *key, render_fn render, const char *empty)
{
	AUTO_FREE char *owned = path;
	AUTO_ANSWER struct answer answer;
	const json_t *part;
	int r = client_call(cli, "GET", owned, NULL, &answer);

	if (r != CLI_OK)
		return r;
	part = key != NULL ? json_object_get(answer.document, key) : answer.document;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else if (key != NULL && json_array_size(part) == 0)
		fprintf(cli->view.out, "%s\n", empty);
	else
		render(&cli->view, part);
	return CLI_OK;
}

int run_service_list(struct cli *cli)
{
	return show(cli, client_path("v1", "services"), "services", render_services, "no services");
}

int run_service_show(struct cli *cli)
{
	return show(cli, client_path("v1", "services", cli_arg(cli, 0)), NULL, render_service,
		    NULL);
}

int run_pool_list(struct cli *cli)
{
	return show(cli, client_path("v1", "services", cli_arg(cli, 0), "pools"), "pools",
		    render_pools, "no pools: the service hands packets to this host");
}

int run_pool_show(struct cli *cli)
{
	return show(cli, client_path("v1", "services", cli_arg(cli, 0), "pools", cli_arg(cli, 1)),
		    NULL, render_pool, NULL);
}

/* Without --pool the members of all pools, in one list of the same form. */
static int list_members_of_all(struct cli *cli)
{
	AUTO_FREE char *path = client_path("v1", "services", cli_arg(cli, 0), "pools");
	AUTO_ANSWER struct answer answer;
	json_t *members;
	int r = client_call(cli, "GET", path, NULL, &answer);

	if (r != CLI_OK)
		return r;
	members = render_pool_members(json_object_get(answer.document, "pools"));
	if (cli->is_json) {
		json_t *document = json_pack("{s:O}", "members", members);

		json_dumpf(document, cli->view.out, JSON_COMPACT | JSON_REAL_PRECISION(15));
		fputc('\n', cli->view.out);
		json_decref(document);
	} else if (json_array_size(members) == 0) {
		fputs("no members\n", cli->view.out);
	} else {
		render_members(&cli->view, members);
	}
	json_decref(members);
	return CLI_OK;
}

int run_member_list(struct cli *cli)
{
	const char *pool = cli_option(cli, OPTION_POOL);

	if (pool == NULL)
		return list_members_of_all(cli);
	return show(cli, client_path("v1", "services", cli_arg(cli, 0), "pools", pool, "members"),
		    "members", render_members, "no members");
}

/* .../members/MEMBER[/WHAT] */
static char *path_of(const struct cli *cli, const char *member, const char *what)
{
	const char *pool = cli_option(cli, OPTION_POOL);

	return client_path("v1", "services", cli_arg(cli, 0), "pools", pool != NULL ? pool : "-",
			   "members", member, what);
}

static char *member_path(const struct cli *cli, const char *what)
{
	return path_of(cli, cli_arg(cli, 1), what);
}

int run_member_show(struct cli *cli)
{
	return show(cli, member_path(cli, NULL), NULL, render_member, NULL);
}

/* What the daemon did, but the user may not have meant. */
static void print_warning(const json_t *document)
{
	const char *text = field_text(document, "warning", "");

	if (text[0] != '\0')
		fprintf(stderr, "sluicectl: warning: %s\n", text);
}

/* Sends a change and prints the object as it is then. path and body are released. */
static int change(struct cli *cli, const char *method, char *path, json_t *body, render_fn render)
{
	AUTO_FREE char *owned = path;
	AUTO_ANSWER struct answer answer;
	int r = client_call(cli, method, owned, body, &answer);

	json_decref(body);
	if (r != CLI_OK)
		return r;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		render(&cli->view, answer.document);
	print_warning(answer.document);
	return CLI_OK;
}

int run_member_add(struct cli *cli)
{
	const char *weight = cli_option(cli, OPTION_WEIGHT);
	char address[ADDR_TEXT_MAX];
	json_t *body;
	int r = lookup_address(cli_arg(cli, 1), address);

	if (r != CLI_OK)
		return r;
	body = weight != NULL ? json_pack("{s:I}", "weight", (json_int_t)atoll(weight))
			      : json_object();
	return change(cli, "PUT", path_of(cli, *address ? address : cli_arg(cli, 1), NULL), body,
		      render_member_line);
}

int run_member_remove(struct cli *cli)
{
	AUTO_FREE char *path = member_path(cli, NULL);
	AUTO_ANSWER struct answer answer;
	int r = client_call(cli, "DELETE", path, NULL, &answer);

	if (r != CLI_OK)
		return r;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else if (field_bool(answer.document, "changed"))
		fprintf(cli->view.out, "%s: removed from %s\n", cli_arg(cli, 1), cli_arg(cli, 0));
	else
		fprintf(cli->view.out, "%s: was no member of %s\n", cli_arg(cli, 1),
			cli_arg(cli, 0));
	print_warning(answer.document);
	return CLI_OK;
}

int run_member_weight(struct cli *cli)
{
	return change(cli, "PUT", member_path(cli, "weight"),
		      json_pack("{s:I}", "weight", (json_int_t)atoll(cli_arg(cli, 2))),
		      render_member_line);
}

static int set_admin(struct cli *cli, const char *admin)
{
	AUTO_ANSWER struct answer answer = {0};

	/* Without a daemon the pinned maps do. */
	if (offline_may(cli, client_request(cli, "GET", "/v1/version", NULL, &answer)))
		return offline_member(cli, strcmp(admin, "maint") == 0);
	return change(cli, "PUT", member_path(cli, "admin"), json_pack("{s:s}", "admin", admin),
		      render_member_line);
}

static int set_override(struct cli *cli, const char *override)
{
	const char *text = cli_option(cli, OPTION_FOR), *reason = cli_option(cli, OPTION_REASON);
	uint64_t seconds = 0;
	json_t *body;

	if (text != NULL && text_parse_duration(text, &seconds) == 0 && seconds > OVERRIDE_MAX_S) {
		cli_error("--for %s: at most %u days", text, OVERRIDE_MAX_S / 86400);
		return CLI_USAGE;
	}
	body = json_pack("{s:s}", "override", override);
	if (reason != NULL)
		json_object_set_new(body, "reason", json_string(reason));
	if (seconds > 0)
		json_object_set_new(body, "for_s", json_integer((json_int_t)seconds));
	return change(cli, "PUT", member_path(cli, "override"), body, render_member_share);
}

int run_member_eject(struct cli *cli)
{
	return set_override(cli, "ejected");
}

int run_member_force(struct cli *cli)
{
	return set_override(cli, "forced");
}

int run_member_discovery(struct cli *cli)
{
	return change(cli, "PUT", member_path(cli, "discovery"),
		      json_pack("{s:s}", "discovery", cli_arg(cli, 2)), render_member_share);
}

int run_member_restore(struct cli *cli)
{
	return set_override(cli, "none");
}

/* What it has is in the tables that only the daemon sweeps: not without it. */
int run_member_drain(struct cli *cli)
{
	const char *text = cli_option(cli, OPTION_FOR);
	json_t *body = json_pack("{s:s}", "admin", "drain");
	uint64_t seconds = 0;

	if (text != NULL && text_parse_duration(text, &seconds) == 0 && seconds > DRAIN_MAX_S) {
		json_decref(body);
		cli_error("--for %s: a deadline is at most %u days ahead", text,
			  DRAIN_MAX_S / 86400);
		return CLI_USAGE;
	}
	if (seconds > 0)
		json_object_set_new(body, "for_s", json_integer((json_int_t)seconds));
	return change(cli, "PUT", member_path(cli, "admin"), body, render_member_line);
}

int run_member_maint(struct cli *cli)
{
	return set_admin(cli, "maint");
}

int run_member_ready(struct cli *cli)
{
	return set_admin(cli, "ready");
}

int run_limit_list(struct cli *cli)
{
	return show(cli, client_path("v1", "limits"), "limits", render_limits, "no limits");
}

int run_limit_show(struct cli *cli)
{
	const char *source = cli_option(cli, OPTION_SOURCE);

	if (source != NULL)
		return limit_show_source(cli, source);
	return show(cli, client_path("v1", "limits", cli_arg(cli, 0)), NULL, render_limit, NULL);
}

static void limit_line(const struct view *view, const json_t *limit)
{
	const char *mode = field_text(limit, "mode", "?");
	const char *mode_file = field_text(limit, "mode_file", mode);

	fprintf(view->out, "limit %s: mode %s", field_text(limit, "name", "?"), mode);
	if (strcmp(mode, mode_file) != 0)
		fprintf(view->out, " (%s in the file)", mode_file);
	fputc('\n', view->out);
}

int run_limit_mode(struct cli *cli)
{
	return change(cli, "PUT", client_path("v1", "limits", cli_arg(cli, 0), "mode"),
		      json_pack("{s:s}", "mode", cli_arg(cli, 1)), limit_line);
}
