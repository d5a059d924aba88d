/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `sluicectl upgrade-check`: whether another build of sluiced adopts what runs, before it is started. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <sluice/abi.h>
#include <sluice/node_types.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/spawn.h"
#include "core/model.h"
#include "dataplane/dp_bpf.h"
#include "dataplane/pinned.h"
#include "state/sources.h"

enum outcome { OUTCOME_FRESH, OUTCOME_ADOPT, OUTCOME_COLD, OUTCOME_REFUSED, OUTCOME_MAX };

struct upgrade {
	const char *path; /* of the other build */
	char version[64];
	uint32_t abi;
	bool is_live;
	struct dp_judgement found; /* what runs; without root only what the daemon tells */
	bool is_loss_known;
	struct dp_pinned_loss loss;
	enum outcome outcome;
	char why[700], next[300];
};

static void refuse(struct upgrade *upgrade, const char *next, const char *fmt, ...) PRINTF(3, 4);
static void refuse(struct upgrade *upgrade, const char *next, const char *fmt, ...)
{
	va_list args;

	upgrade->outcome = OUTCOME_REFUSED;
	va_start(args, fmt);
	vsnprintf(upgrade->why, sizeof(upgrade->why), fmt, args);
	va_end(args);
	util_copy(upgrade->next, sizeof(upgrade->next), next);
}

/* ---- the other build ------------------------------------------------------------------------ */

/* Its answer to one option; false: none, which is said. */
static bool ask(struct upgrade *upgrade, const char *const *argv, char **ret_text, int *ret_status)
{
	*ret_status = spawn_read(argv, ret_text);
	if (*ret_status != SPAWN_TOO_SLOW)
		return true;
	refuse(upgrade, "name another one with --sluiced PATH", "%s %s has not ended after %d s",
	       argv[0], argv[1], SPAWN_READ_S);
	return false;
}

static void ask_version(struct upgrade *upgrade)
{
	const char *const argv[] = {upgrade->path, "--version", NULL};
	AUTO_FREE char *text = NULL;
	char end = '\0';
	int status;

	if (!ask(upgrade, argv, &text, &status))
		return;
	/* More digits would wrap, perhaps to the ABI of what runs. */
	if (status == 0 &&
	    sscanf(text, "sluiced %63s (abi %9" SCNu32 "%c", upgrade->version, &upgrade->abi,
		   &end) == 3 &&
	    end == ')')
		return;
	upgrade->abi = 0;
	text[strcspn(text, "\n")] = '\0';
	refuse(upgrade, "name it with --sluiced PATH",
	       "%s does not tell its ABI: --version ends with status %d and says \"%.200s\"",
	       upgrade->path, status, text);
}

static void ask_check(struct upgrade *upgrade, const char *file)
{
	const char *const argv[] = {upgrade->path, "--check", file, NULL};
	AUTO_FREE char *text = NULL;
	int status;

	if (!ask(upgrade, argv, &text, &status) || status == 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	refuse(upgrade, "mend the file first: it would serve the last good one and say FAULT",
	       "it does not take the configuration: %.500s", text);
}

/* ---- what runs ------------------------------------------------------------------------------ */

/* The file to compare with, NULL if there is none: another instance's says nothing here. What it holds,
 * as far as this build understands it: else *ret_config is NULL, and the other build judges alone. */
static const char *read_config(const struct cli *cli, struct config **ret_config)
{
	const char *given = cli_option(cli, OPTION_CONFIG);
	const char *file = given != NULL ? given : CLI_CONFIG_FILE;
	struct sources sources = {0};
	struct errs errors = {0};
	struct err e = {0};

	*ret_config = NULL;
	if (given == NULL && access(file, R_OK) != 0)
		return NULL;
	if (sources_read(file, util_read_file, &sources, &e) != 0 ||
	    config_parse_files(sources.list, sources.count, ret_config, &errors) != 0)
		*ret_config = NULL;
	sources_done(&sources);
	errs_done(&errors);
	if (given != NULL || *ret_config == NULL ||
	    strcmp((*ret_config)->instance, cli->instance) == 0)
		return file;
	config_free(*ret_config);
	*ret_config = NULL;
	return NULL;
}

static void take_status(struct upgrade *upgrade, const json_t *status)
{
	const json_t *flows = json_object_get(status, "flows"), *service;
	const json_t *trial = json_object_get(status, "trial");
	size_t i;

	if (json_is_object(trial))
		upgrade->found.trial = strcmp(field_text(trial, "kind", ""), "reload") == 0
					       ? SLUICE_TRIAL_RELOAD
					       : SLUICE_TRIAL_START;
	upgrade->is_loss_known = true;
	upgrade->loss.limits = (uint32_t)json_array_size(json_object_get(status, "limits"));
	upgrade->loss.moving = (uint32_t)field_count(flows, "moving");
	json_array_foreach (json_object_get(status, "services"), i, service)
		upgrade->loss.flows +=
			(uint32_t)field_count(json_object_get(service, "flows"), "held");
}

static int ask_daemon(const struct cli *cli, struct upgrade *upgrade)
{
	AUTO_ANSWER struct answer version = {0}, status = {0};
	enum client_result result = client_request(cli, "GET", "/v1/version", NULL, &version);
	int r;

	if (offline_may(cli, result))
		return CLI_OK;
	r = client_finish(cli, result, &version);
	if (r == CLI_OK)
		r = client_call(cli, "GET", "/v1/status", NULL, &status);
	if (r != CLI_OK)
		return r;
	upgrade->is_live = true;
	upgrade->found.is_pinned = upgrade->found.is_key_kept = true;
	upgrade->found.abi = (uint32_t)field_count(version.document, "abi");
	upgrade->found.is_adopted = upgrade->found.abi == upgrade->abi;
	util_copy(upgrade->found.version, sizeof(upgrade->found.version),
		  field_text(version.document, "version", ""));
	if (!upgrade->found.is_adopted)
		snprintf(upgrade->found.why, sizeof(upgrade->found.why),
			 "the maps are of ABI %" PRIu32 ", it knows only ABI %" PRIu32,
			 upgrade->found.abi, upgrade->abi);
	take_status(upgrade, status.document);
	return CLI_OK;
}

/* As root: nearer than what a daemon says of its last sweep, and the only source without one. */
static void count_loss(const struct cli *cli, struct upgrade *upgrade)
{
	struct dp_pinned *pinned;
	struct err e = {0};

	if (upgrade->found.abi != SLUICE_ABI || dp_pinned_open(cli->instance, &pinned, &e) != 0)
		return;
	if (dp_pinned_count_loss(pinned, &upgrade->loss, &e) == 0)
		upgrade->is_loss_known = true;
	dp_pinned_close(pinned);
}

/* As a start fills it; NULL when this build does not take the configuration. */
static struct model *make_model(struct config *config, struct event_log *events)
{
	const struct change change = {
		.type = CHANGE_CONFIG, .owner = OWNER_FILE, .config = config, .is_forced = true};
	struct model *model = model_new(events, clock_jiffy_ns());
	struct errs errors = {0};

	if (config_load_lists(config, util_read_file, &errors) != 0 ||
	    model_apply(model, &change, 1, 0, &errors) != 0) {
		model_free(model);
		model = NULL;
	}
	errs_done(&errors);
	return model;
}

static int judge_pins(const struct dp_bpf_options *options, struct config *config,
		      struct upgrade *upgrade, struct err *e)
{
	struct event_log *events = event_log_new(1); /* nobody reads it */
	struct model *model = config != NULL ? make_model(config, events) : NULL;
	int ret = dp_bpf_judge(options, upgrade->abi, model, &upgrade->found, e);

	model_free(model);
	event_log_free(events);
	return ret;
}

static int look_at_pins(const struct cli *cli, struct config *config, struct upgrade *upgrade)
{
	struct dp_bpf_options options = {
		.instance = cli->instance,
		/* As little as there can be: it fits whatever is there. */
		.capacity = {2, 2, 2, 2, 2, 2, 2, 2, 2},
	};
	struct err e = {0};

	if (geteuid() != 0) {
		if (upgrade->is_live || offline_has_pins(cli->instance) == 0)
			return CLI_OK;
		cli_error("sluiced is not running; its pinned maps only root may use");
		cli_hint("again with sudo");
		return CLI_FORBIDDEN;
	}
	if (config != NULL) {
		dp_bpf_capacity(config, &options.capacity);
		options.has_key = config->has_hash_seed;
		if (options.has_key)
			dp_bpf_key_from_seed(config->hash_seed, &options.key);
	}
	if (judge_pins(&options, config, upgrade, &e) != 0) {
		cli_error("%s", e.text);
		return e.code == ERR_FORBIDDEN ? CLI_FORBIDDEN : CLI_FALSE;
	}
	if (upgrade->found.is_pinned)
		count_loss(cli, upgrade);
	return CLI_OK;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void decide(struct upgrade *upgrade)
{
	const struct dp_judgement *found = &upgrade->found;

	if (upgrade->outcome == OUTCOME_REFUSED)
		return;
	util_copy(upgrade->why, sizeof(upgrade->why), found->why);
	upgrade->outcome = !found->is_pinned   ? OUTCOME_FRESH
			   : found->is_adopted ? OUTCOME_ADOPT
					       : OUTCOME_COLD;
	if (found->trial == SLUICE_TRIAL_START ||
	    (found->trial != SLUICE_TRIAL_NONE && upgrade->outcome == OUTCOME_COLD))
		refuse(upgrade, "sluicectl confirm, undo or detach",
		       "what runs is on trial, and nobody has confirmed it%s%s",
		       *found->why ? "; besides: " : "", found->why);
	else if (found->is_too_much)
		refuse(upgrade, found->fix, "%s", found->why);
	else if (upgrade->outcome == OUTCOME_COLD)
		util_copy(upgrade->next, sizeof(upgrade->next),
			  "start it with --cold-start: sluiced(8), UPGRADES");
}

static json_t *known(const struct upgrade *upgrade, uint32_t number)
{
	return upgrade->is_loss_known ? json_integer(number) : json_null();
}

static json_t *make_document(const struct upgrade *upgrade)
{
	static const char *const outcomes[OUTCOME_MAX] = {"fresh", "adopt", "cold", "refused"};
	const struct dp_judgement *found = &upgrade->found;
	const char *direction = !found->is_pinned || !upgrade->abi ? "none"
				: upgrade->abi == found->abi	   ? "same"
				: upgrade->abi > found->abi	   ? "upgrade"
								   : "downgrade";
	json_t *running = json_null(), *lost = json_null();

	if (found->is_pinned)
		running = json_pack("{s:b, s:s, s:I}", "is_live", upgrade->is_live, "version",
				    found->version, "abi", (json_int_t)found->abi);
	if (upgrade->outcome == OUTCOME_COLD)
		lost = json_pack("{s:o, s:o, s:o, s:o, s:b}", "flows",
				 known(upgrade, upgrade->loss.flows), "slots_moving",
				 known(upgrade, upgrade->loss.moving), "limits",
				 known(upgrade, upgrade->loss.limits), "offline_changes",
				 known(upgrade, upgrade->loss.offline), "most_connections",
				 !found->is_key_kept);
	return json_pack("{s:s, s:s, s:o, s:{s:s, s:s, s:I}, s:s, s:s, s:o}", "outcome",
			 outcomes[upgrade->outcome], "abi_change", direction, "running", running,
			 "other", "path", upgrade->path, "version", upgrade->version, "abi",
			 (json_int_t)upgrade->abi, "why", upgrade->why, "next", upgrade->next,
			 "lost", lost);
}

static const char *plural(uint32_t count)
{
	return count == 1 ? "" : "s";
}

static void print_loss(const struct view *view, const struct upgrade *upgrade)
{
	const struct dp_pinned_loss *loss = &upgrade->loss;

	if (!upgrade->found.is_key_kept)
		render_field(view, "lost",
			     "most connections: nearly every one gets another member");
	else if (upgrade->is_loss_known)
		render_field(
			view, "lost",
			"at most %u known flow%s, whose slot%s changed lately; those in slots at "
			"rest stay",
			loss->flows, plural(loss->flows), plural(loss->flows));
	else
		render_field(
			view, "lost",
			"known flows, whose slots changed lately; the sluicectl of the running "
			"build counts them");
	if (upgrade->found.is_key_kept && loss->moving > 0)
		render_field(view, "",
			     "flows of %u slot%s in motion that have been silent since: wait until "
			     "sluicectl status shows none",
			     loss->moving, plural(loss->moving));
	if (upgrade->is_loss_known)
		render_field(view, "", "states of %u limit%s, and counters", loss->limits,
			     plural(loss->limits));
	else
		render_field(view, "", "states of limits, and counters");
	if (loss->offline > 0)
		render_field(
			view, "",
			"the maintenance of %u member%s, set or ended while no daemon ran: start "
			"the running build once before",
			loss->offline, plural(loss->offline));
}

static void print(const struct view *view, const struct upgrade *upgrade)
{
	static const char *const states[OUTCOME_MAX] = {"ok", "ok", "warning", "error"};
	static const char *const texts[OUTCOME_MAX] = {
		"nothing of this instance is there: it starts from nothing",
		"it adopts what runs: no connection breaks",
		"it does not adopt what runs: it refuses to start, unless a cold start is allowed",
		"it would not start, or not with this configuration",
	};

	render_verdict(view, states[upgrade->outcome], texts[upgrade->outcome]);
	if (upgrade->found.is_pinned)
		render_field(view, "running", "sluiced %s%s, ABI %u",
			     *upgrade->found.version ? upgrade->found.version : "?",
			     upgrade->is_live ? "" : " (not running now, its maps are there)",
			     upgrade->found.abi);
	if (upgrade->abi)
		render_field(view, "other", "sluiced %s, ABI %u (%s)", upgrade->version,
			     upgrade->abi, upgrade->path);
	render_field(view, "why", "%s", upgrade->why);
	if (upgrade->outcome == OUTCOME_COLD)
		print_loss(view, upgrade);
	render_field(view, "next", "%s", upgrade->next);
}

int run_upgrade_check(struct cli *cli)
{
	static const int exits[OUTCOME_MAX] = {CLI_OK, CLI_OK, CLI_FALSE, CLI_CONFLICT};
	AUTO_FREE char *found = spawn_find_daemon();
	const char *given = cli_option(cli, OPTION_SLUICED);
	struct upgrade upgrade = {.path = given != NULL ? given : found};
	struct config *config;
	const char *file = read_config(cli, &config);
	int r;

	ask_version(&upgrade);
	if (upgrade.outcome != OUTCOME_REFUSED && file != NULL)
		ask_check(&upgrade, file);
	r = ask_daemon(cli, &upgrade);
	if (r == CLI_OK)
		r = look_at_pins(cli, config, &upgrade);
	config_free(config);
	if (r != CLI_OK)
		return r;
	decide(&upgrade);
	if (cli->is_json) {
		json_t *document = make_document(&upgrade);

		json_dumpf(document, cli->view.out, JSON_COMPACT);
		fputc('\n', cli->view.out);
		json_decref(document);
	} else {
		print(&cli->view, &upgrade);
	}
	return exits[upgrade.outcome];
}
