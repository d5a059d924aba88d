/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sluicectl shift. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/text.h"
#include "core/shift.h"

void render_shift(const struct view *view, const json_t *document)
{
	const json_t *shift = json_object_get(document, "shift");
	const json_t *next = json_object_get(shift, "next_percent");
	const char *text = field_text(shift, "text", "");
	char left[TEXT_MAX];

	if (!json_is_object(shift)) {
		fprintf(view->out, "%s: no shift\n", field_text(document, "service", "?"));
		return;
	}
	fprintf(view->out, "%s: shift to %s %s at %u %%", field_text(document, "service", "?"),
		field_text(shift, "to", "?"), field_text(shift, "state", "?"),
		(unsigned int)field_count(shift, "percent"));
	if (json_is_integer(next) && json_is_integer(json_object_get(shift, "next_s")))
		fprintf(view->out, ", %u %% in %s", (unsigned int)json_integer_value(next),
			text_duration(field_count(shift, "next_s"), left));
	if (field_count(shift, "failed_gates") > 0 && text[0] == '\0')
		fputs(", its last gate failed", view->out);
	fprintf(view->out, "%s%s\n", text[0] != '\0' ? ": " : "", text);
}

/* The request's body; NULL: only show, or a mistake that was told. */
static json_t *make_body(struct cli *cli, int *ret)
{
	const char *to = cli_option(cli, OPTION_TO), *set = cli_option(cli, OPTION_SET);
	const char *steps = cli_option(cli, OPTION_STEPS), *hold = cli_option(cli, OPTION_HOLD);
	const char *action = cli_arg(cli, 1);
	uint64_t seconds = 0;
	json_t *body;

	*ret = CLI_OK;
	if ((to != NULL) + (set != NULL) + (action != NULL) > 1 ||
	    (to == NULL && (steps != NULL || hold != NULL))) {
		cli_error("one of --to, --set or an action; --steps and --hold go with --to");
		*ret = CLI_USAGE;
		return NULL;
	}
	if (set != NULL)
		return json_pack("{s:s, s:I}", "action", "set", "percent", (json_int_t)atoll(set));
	if (to == NULL)
		return action == NULL || strcmp(action, "show") == 0
			       ? NULL
			       : json_pack("{s:s}", "action", action);
	if (hold != NULL && text_parse_duration(hold, &seconds) == 0 &&
	    (seconds < SHIFT_HOLD_MIN_S || seconds > SHIFT_HOLD_MAX_S)) {
		cli_error("--hold %s: a step holds for %u s to %u h", hold, SHIFT_HOLD_MIN_S,
			  SHIFT_HOLD_MAX_S / 3600);
		*ret = CLI_USAGE;
		return NULL;
	}
	body = json_pack("{s:s, s:s}", "action", "start", "to", to);
	if (steps != NULL)
		json_object_set_new(body, "steps", json_string(steps));
	if (hold != NULL)
		json_object_set_new(body, "hold_s", json_integer((json_int_t)seconds));
	return body;
}

int run_shift(struct cli *cli)
{
	AUTO_FREE char *path = client_path("v1", "services", cli_arg(cli, 0), "shift");
	AUTO_ANSWER struct answer answer = {0};
	json_t *body;
	int r;

	body = make_body(cli, &r);
	if (r != CLI_OK)
		return r;
	r = client_call(cli, body != NULL ? "PUT" : "GET", path, body, &answer);
	json_decref(body);
	if (r != CLI_OK)
		return r;
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		render_shift(&cli->view, answer.document);
	return CLI_OK;
}
