/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `sluicectl bypass`: refuse nothing for a while. */
#include <string.h>

#include <sluice/node_types.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/text.h"

static void render_one(const struct view *view, const char *what, const json_t *bypass)
{
	uint64_t left = field_count(bypass, "left_s");
	char duration[TEXT_MAX], until[TEXT_MAX], since[TEXT_MAX];

	if (left == 0) {
		render_field(view, what, "enforced");
		return;
	}
	render_field(view, what, "refuse nothing for another %s, until %s; set by %s at %s",
		     text_duration(left, duration),
		     text_time(view->now_s + left, view->now_s, until),
		     field_text(bypass, "by", "?"),
		     text_time(field_count(bypass, "since_s"), view->now_s, since));
}

void render_bypass(const struct view *view, const json_t *bypass)
{
	const json_t *limits = json_object_get(bypass, "limits");
	const json_t *lists = json_object_get(bypass, "lists");
	AUTO_FREE char *command = cli_as_told("sluicectl bypass none");

	render_one(view, "limits", limits);
	render_one(view, "lists", lists);
	if (!json_is_object(limits) && !json_is_object(lists))
		return;
	render_field(view, "meanwhile", "refusals are only counted");
	render_field(view, "end it now", command);
}

static int check_duration(const char *text, uint64_t *ret_seconds)
{
	*ret_seconds = SLUICE_BYPASS_DEFAULT_S;
	if (text != NULL && text_parse_duration(text, ret_seconds) == 0 &&
	    *ret_seconds > SLUICE_BYPASS_MAX_S) {
		cli_error("--for %s: a bypass lasts 24 hours at most", text);
		cli_hint("to stop a limit for good: sluicectl limit mode LIMIT shadow");
		return CLI_USAGE;
	}
	return CLI_OK;
}

static enum client_result request(const struct cli *cli, const char *what, uint64_t seconds,
				  struct answer *ret_answer)
{
	enum client_result result;
	json_t *body;

	if (strcmp(what, "show") == 0)
		return client_request(cli, "GET", "/v1/bypass", NULL, ret_answer);
	if (strcmp(what, "none") == 0)
		return client_request(cli, "DELETE", "/v1/bypass", NULL, ret_answer);
	body = json_pack("{s:s, s:I}", "what", what, "for_s", (json_int_t)seconds);
	result = client_request(cli, "PUT", "/v1/bypass", body, ret_answer);
	json_decref(body);
	return result;
}

int run_bypass(struct cli *cli)
{
	const char *what = cli_arg(cli, 0);
	const char *option = cli_option(cli, OPTION_FOR);
	bool is_setting = strcmp(what, "show") != 0 && strcmp(what, "none") != 0;
	AUTO_ANSWER struct answer answer = {0};
	enum client_result result;
	uint64_t seconds;
	int r;

	if (option != NULL && !is_setting) {
		cli_error("--for says how long a bypass lasts: it has no meaning with %s", what);
		return CLI_USAGE;
	}
	r = check_duration(option, &seconds);
	if (r != CLI_OK)
		return r;
	result = request(cli, what, seconds, &answer);
	if (offline_may(cli, result))
		return offline_bypass(cli, what, seconds);
	r = client_finish(cli, result, &answer);
	if (r != CLI_OK)
		return r;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		render_bypass(&cli->view, answer.document);
	return CLI_OK;
}
