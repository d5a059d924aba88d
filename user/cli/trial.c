/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `sluicectl try`, `confirm` and `undo`: changes that end by themselves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/check.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/run.h"
#include "cli/spawn.h"
#include "cli/text.h"
#include "core/config.h"
#include "state/sources.h"

#define TRY_DEFAULT_S 60
#define TRY_MAX_S 86400

int trial_duration(const char *option, const char *text, uint64_t *ret_seconds)
{
	*ret_seconds = TRY_DEFAULT_S;
	if (text != NULL && text_parse_duration(text, ret_seconds) == 0 &&
	    *ret_seconds > TRY_MAX_S) {
		cli_error("%s %s: a trial lasts 24 hours at most", option, text);
		return CLI_USAGE;
	}
	return CLI_OK;
}

char *trial_option_text(const struct cli *cli)
{
	return strcmp(cli->instance, "default") == 0 ? util_strdup("")
						     : util_printf("--instance %s ", cli->instance);
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* How the last trial ended, as the daemon's events tell. */
static bool was_confirmed(const struct cli *cli)
{
	AUTO_ANSWER struct answer answer = {0};
	const char *text = "";
	const json_t *event;
	size_t i;

	if (client_request(cli, "GET", "/v1/events", NULL, &answer) != CLIENT_ANSWERED)
		return false;
	json_array_foreach (json_object_get(answer.document, "events"), i, event) {
		if (strcmp(field_text(event, "type", ""), "trial") == 0)
			text = field_text(event, "text", "");
	}
	return strncmp(text, "confirmed", strlen("confirmed")) == 0;
}

/* Until it is confirmed or over; the daemon ends with a trial that it was started on. */
static int wait_for_end(const struct cli *cli)
{
	bool is_terminal = isatty(fileno(cli->view.out));

	for (;;) {
		AUTO_ANSWER struct answer answer = {0};
		enum client_result result = client_request(cli, "GET", "/v1/status", NULL, &answer);
		const json_t *trial = json_object_get(answer.document, "trial");

		if (result != CLIENT_ANSWERED || !json_is_object(trial))
			break;
		if (is_terminal)
			fprintf(cli->view.out, "\r%4u s left ",
				(unsigned int)field_count(trial, "left_s"));
		fflush(cli->view.out);
		sleep(1);
	}
	if (is_terminal)
		fputc('\r', cli->view.out);
	if (was_confirmed(cli)) {
		fputs("confirmed: it stays\n", cli->view.out);
		return CLI_OK;
	}
	fputs("not confirmed: everything is as before\n", cli->view.out);
	return CLI_FALSE;
}

/* ---- try ------------------------------------------------------------------------------------ */

static void print_begun(const struct cli *cli, uint64_t seconds, const char *ending)
{
	AUTO_FREE char *option = trial_option_text(cli);
	char at[TEXT_MAX], left[TEXT_MAX];

	fprintf(cli->view.out, "%s by itself in %s (%s), unless you confirm:\n", ending,
		text_duration(seconds, left),
		text_time(cli->view.now_s + seconds, cli->view.now_s, at));
	fprintf(cli->view.out, "  sluicectl %sstatus\n  sudo sluicectl %sconfirm\n", option,
		option);
	fprintf(cli->view.out, "or end it now: sudo sluicectl %sundo\n", option);
	fflush(cli->view.out);
}

static int finish(const struct cli *cli, uint64_t seconds, const char *ending)
{
	bool is_waiting = cli_option(cli, OPTION_WAIT) != NULL;

	if (cli->is_json) {
		fprintf(cli->view.out, "{\"confirm_within_s\":%llu}\n",
			(unsigned long long)seconds);
		return is_waiting ? wait_for_end(cli) : CLI_OK;
	}
	print_begun(cli, seconds, ending);
	return is_waiting ? wait_for_end(cli) : CLI_OK;
}

/* Nobody runs: a daemon of our own, that outlives us and the terminal. */
static int try_start(const struct cli *cli, const char *file, const struct config_file *read,
		     uint64_t seconds)
{
	AUTO_FREE char *path = NULL;
	struct stat st;
	char text[24];

	if (geteuid() != 0) {
		cli_error("sluiced is not running; to start it on trial takes root");
		cli_hint("again with sudo");
		return CLI_FORBIDDEN;
	}
	/* What came through a pipe cannot be read again. */
	if (strcmp(file, "-") == 0 || (stat(file, &st) == 0 && !S_ISREG(st.st_mode)))
		path = spawn_keep_config(cli, read->text, read->length);
	else if ((path = realpath(file, NULL)) == NULL) /* whatever its working directory */
		cli_error("cannot find %s: %s", file, strerror(errno));
	if (path == NULL)
		return CLI_FALSE;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)seconds);
	if (spawn_daemon(cli, path, text) != 0) {
		spawn_drop_config(cli);
		return CLI_FALSE;
	}
	if (!cli->is_json)
		fprintf(cli->view.out, "%s is balancing on trial\n", file);
	return finish(cli, seconds, "it detaches");
}

/* The running daemon reads its own files again, or gets the text of another one. */
static json_t *reload_body(const struct cli *cli, const char *file, const char *text,
			   uint64_t seconds)
{
	json_t *body = json_pack("{s:I, s:b}", "confirm_within_s", (json_int_t)seconds, "force",
				 cli_option(cli, OPTION_FORCE) != NULL);

	if (cli_arg(cli, 0) == NULL)
		return body;
	client_name_text(body, file);
	if (json_object_set_new(body, "config", json_string(text)) == 0)
		return body;
	json_decref(body);
	return NULL;
}

/* A running daemon can be given one text. */
static int refuse_dropins(const struct cli *cli, const char *file, bool *ret_is_dead)
{
	AUTO_ANSWER struct answer answer = {0};

	*ret_is_dead = offline_may(cli, client_request(cli, "GET", "/v1/version", NULL, &answer));
	if (*ret_is_dead)
		return CLI_UNREACHABLE;
	cli_error("%s has drop-ins beside it: a running sluiced tries one file", file);
	cli_hint("without FILE it tries its own files, with their drop-ins");
	return CLI_FALSE;
}

static int try_reload(const struct cli *cli, const char *file, const struct sources *sources,
		      uint64_t seconds, bool *ret_is_dead)
{
	bool is_own = cli_arg(cli, 0) == NULL;
	AUTO_ANSWER struct answer answer = {0};
	enum client_result result;
	json_t *body;
	int r;

	if (!is_own && sources->count > 1)
		return refuse_dropins(cli, file, ret_is_dead);
	body = reload_body(cli, file, sources->list[0].text, seconds);
	if (body == NULL) {
		cli_error("%s: is not UTF-8 text", file);
		return CLI_FALSE;
	}
	result = client_request(cli, "POST", is_own ? "/v1/config/reload" : "/v1/config/try", body,
				&answer);
	json_decref(body);
	*ret_is_dead = offline_may(cli, result);
	if (*ret_is_dead)
		return CLI_UNREACHABLE;
	r = client_finish(cli, result, &answer);
	if (r != CLI_OK)
		return r;
	if (!field_bool(answer.document, "changed")) {
		fprintf(cli->view.out, "%s is what runs already: nothing to try\n", file);
		return CLI_OK;
	}
	if (!cli->is_json)
		fprintf(cli->view.out, "%s runs on trial as revision %llu\n", file,
			(unsigned long long)field_count(answer.document, "revision"));
	return finish(cli, seconds, "the configuration before it comes back");
}

int run_try(struct cli *cli)
{
	AUTO_FREE char *file = NULL;
	struct config *config = NULL;
	struct sources sources = {0};
	bool is_dead = false;
	uint64_t seconds;
	int r = trial_duration("--for", cli_option(cli, OPTION_FOR), &seconds);

	if (r != CLI_OK)
		return r;
	file = check_file(cli);
	r = check_load(cli, file, &sources, &config);
	if (r != CLI_OK)
		return r;
	cli_use_instance(cli, config->instance);
	config_free(config);
	r = try_reload(cli, file, &sources, seconds, &is_dead);
	if (is_dead)
		r = try_start(cli, file, &sources.list[0], seconds);
	sources_done(&sources);
	return r;
}

/* ---- confirm and undo ----------------------------------------------------------------------- */

static void explain_permanence(const struct cli *cli, const json_t *answer)
{
	const char *path = field_text(answer, "config_path", CLI_CONFIG_FILE);
	bool is_start = strcmp(field_text(answer, "kind", ""), "start") == 0;

	if (!is_start) {
		fprintf(cli->view.out,
			"confirmed: revision %llu stays\n"
			"A file that was tried from elsewhere holds until the next reload or "
			"start: copy it over\n%s to keep it.\n",
			(unsigned long long)field_count(answer, "revision"), path);
		return;
	}
	fputs("confirmed: it balances on until the next boot. To make it permanent:\n",
	      cli->view.out);
	if (strcmp(path, CLI_CONFIG_FILE) != 0)
		fprintf(cli->view.out, "  sudo install -m 644 %s %s\n", path, CLI_CONFIG_FILE);
	fputs("  sudo systemctl enable --now sluiced\n"
	      "The service takes over from the daemon on trial; packets keep flowing.\n",
	      cli->view.out);
}

static void explain_undo(const struct cli *cli, unsigned long long changes)
{
	fputs("undone: the configuration before the trial is in force, with what commands had "
	      "changed by then\n",
	      cli->view.out);
	if (changes > 0)
		fprintf(cli->view.out,
			"dropped, for commands made %s during the trial: %llu change%s\n",
			changes == 1 ? "it" : "them", changes, changes == 1 ? "" : "s");
}

static int end_trial(struct cli *cli, const char *path, bool is_confirmed)
{
	AUTO_ANSWER struct answer answer = {0};
	enum client_result result = client_request(cli, "POST", path, NULL, &answer);
	bool is_start;
	int r;

	if (offline_may(cli, result))
		return is_confirmed ? offline_confirm(cli) : offline_undo(cli);
	r = client_finish(cli, result, &answer);
	if (r != CLI_OK)
		return r;
	if (cli->is_json) {
		client_print_body(cli, &answer);
		return CLI_OK;
	}
	is_start = strcmp(field_text(answer.document, "kind", ""), "start") == 0;
	if (is_confirmed)
		explain_permanence(cli, answer.document);
	else if (is_start)
		fputs("undone: detached, sluiced ends\n", cli->view.out);
	else
		explain_undo(cli, (unsigned long long)field_count(answer.document, "changes"));
	return CLI_OK;
}

int run_confirm(struct cli *cli)
{
	return end_trial(cli, "/v1/confirm", true);
}

int run_undo(struct cli *cli)
{
	return end_trial(cli, "/v1/undo", false);
}
