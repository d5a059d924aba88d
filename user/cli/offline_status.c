/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The state of a node whose daemon does not run: one document for people and for scripts, made from
 * the pinned maps as far as we may look at them. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sluice/abi.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/field.h"
#include "cli/offline.h"
#include "cli/offline_view.h"
#include "cli/render.h"
#include "cli/text.h"
#include "core/verdicts.h"
#include "dataplane/pinned.h"

#define SAMPLE_MS 500 /* between two readings, for rates */

static void add_why(json_t *document, const char *fmt, ...) PRINTF(2, 3);
static void add_why(json_t *document, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(json_object_get(document, "why"), json_string(text));
}

static void set_text(json_t *document, const char *key, const char *fmt, ...) PRINTF(3, 4);
static void set_text(json_t *document, const char *key, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_object_set_new(document, key, json_string(text));
}

/* "eth0, eth1" */
static void join_names(const json_t *interfaces, char *buffer, size_t size)
{
	const json_t *interface;
	size_t used = 0, i;

	buffer[0] = '\0';
	json_array_foreach (interfaces, i, interface) {
		if (used < size)
			used += (size_t)snprintf(buffer + used, size - used, "%s%s",
						 i > 0 ? ", " : "",
						 field_text(interface, "name", "?"));
	}
}

/* ---- the daemon ----------------------------------------------------------------------------- */

static uint64_t seen_s(const struct sluice_notes *notes)
{
	return notes->stopped_s != 0 ? notes->stopped_s : notes->heartbeat_s;
}

/* "sluiced was stopped 4 min ago", or how else it went away. */
static void ending_text(const struct dp_node *node, uint64_t now_s, char *buffer, size_t size)
{
	const struct sluice_notes *notes = node->notes;
	uint64_t at_s = seen_s(notes);
	char ago[TEXT_MAX];

	text_duration(now_s > at_s ? now_s - at_s : 0, ago);
	if (offline_is_daemon_alive(node, now_s))
		snprintf(buffer, size, "sluiced (pid %u) lives, but does not answer here",
			 notes->pid);
	else if (at_s == 0)
		snprintf(buffer, size, "sluiced is not running");
	else if (notes->stopped_s != 0)
		snprintf(buffer, size, "sluiced was stopped %s ago", ago);
	else
		snprintf(buffer, size, "sluiced stopped %s ago (killed, or it crashed)", ago);
}

static void clock_text(uint64_t at_s, char buffer[TEXT_MAX])
{
	time_t seconds = (time_t)at_s;
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(buffer, TEXT_MAX, "%H:%M:%S", &local);
}

static void summarise(json_t *document, const struct dp_node *node, uint64_t now_s)
{
	const json_t *interfaces = json_object_get(document, "interfaces");
	char ending[128], names[200], at[TEXT_MAX];
	struct dp_trial_state trial;

	ending_text(node, now_s, ending, sizeof(ending));
	join_names(interfaces, names, sizeof(names));
	clock_text(seen_s(node->notes), at);
	dp_node_trial_get(node, &trial);
	if (json_array_size(interfaces) == 0)
		set_text(
			document, "summary",
			"%s: its maps are still pinned, but its program is on no interface of this "
			"network namespace",
			ending);
	else if (trial.is_over)
		set_text(document, "summary",
			 "%s, and its trial is over: the program on %s passes everything to this "
			 "host",
			 ending, names);
	else
		set_text(document, "summary",
			 "%s: packets still forwarded by the program on %s, health frozen at %s",
			 ending, names, at);
}

static void explain(json_t *document, const struct dp_node *node)
{
	const json_t *bypass = json_object_get(document, "bypass");
	struct dp_trial_state trial;
	char left[TEXT_MAX];
	const char *what;
	json_t *state;

	dp_node_trial_get(node, &trial);
	if (trial.is_over) {
		add_why(document, "nobody confirmed the trial");
		return;
	}
	add_why(document,
		"frozen: health, next hops and tables; limits still hold, counters go on");
	if (!dp_node_is_active(node))
		add_why(document,
			"on standby: ARP and ND are not answered for announced addresses");
	json_object_foreach ((json_t *)bypass, what, state) {
		if (field_count(state, "left_s") > 0)
			add_why(document, "%s refuse nothing for another %s, by %s", what,
				text_duration(field_count(state, "left_s"), left),
				field_text(state, "by", "?"));
	}
	if (trial.kind != SLUICE_TRIAL_NONE)
		add_why(document,
			"on trial: unless somebody confirms it within %s, everything is passed to "
			"this host",
			text_duration(trial.left_s, left));
}

/* What helps, in order. */
static void add_next(const struct cli *cli, json_t *document, const struct dp_trial_state *trial)
{
	bool is_default = strcmp(cli->instance, "default") == 0;
	AUTO_FREE char *option = is_default ? util_strdup("")
					    : util_printf("--instance %s ", cli->instance);
	AUTO_FREE char *start =
		is_default ? util_strdup("sudo systemctl start sluiced")
			   : util_printf("sudo sluiced --instance %s --config FILE", cli->instance);
	AUTO_FREE char *confirm = util_printf("sudo sluicectl %sconfirm", option);
	AUTO_FREE char *detach = util_printf("sudo sluicectl %sdetach", option);
	bool is_trial = trial->kind == SLUICE_TRIAL_START;

	json_object_set_new(document, "next",
			    json_string(trial->is_over ? detach
					: is_trial     ? confirm
						       : start));
	json_object_set_new(document, "detach", json_string(detach));
}

/* ---- traffic -------------------------------------------------------------------------------- */

static void add_traffic(json_t *document, const struct dp_pinned *pinned)
{
	static const char *const keys[SLUICE_ACTION_MAX] = {
		[SLUICE_ACTION_PASS] = "passed_pps",
		[SLUICE_ACTION_DROP] = "dropped_pps",
		[SLUICE_ACTION_FORWARD] = "forwarded_pps",
	};
	struct sluice_verdict_stats before[SLUICE_V_MAX], after[SLUICE_V_MAX];
	double rates[SLUICE_ACTION_MAX] = {0};
	uint64_t began_ms = clock_now_ms(), took_ms;
	json_t *dropped = json_array(), *object = json_object();

	if (dp_pinned_verdict_stats(pinned, before) == 0) {
		usleep(SAMPLE_MS * 1000);
		took_ms = clock_now_ms() - began_ms;
		if (dp_pinned_verdict_stats(pinned, after) != 0 || took_ms == 0)
			memcpy(after, before, sizeof(after)), took_ms = SAMPLE_MS;
		for (uint32_t v = 0; v < SLUICE_V_MAX; v++) {
			double rate = (double)(after[v].packets - before[v].packets) * 1000 /
				      (double)took_ms;

			rates[verdicts_action(v)] += rate;
			if (verdicts_action(v) == SLUICE_ACTION_DROP && after[v].packets > 0)
				json_array_append_new(dropped,
						      json_pack("{s:s, s:s, s:I, s:f}", "reason",
								verdicts_name(v), "help",
								verdicts_help(v), "total",
								(json_int_t)after[v].packets,
								"per_second", rate));
		}
	}
	for (int a = 0; a < SLUICE_ACTION_MAX; a++)
		if (keys[a] != NULL)
			json_object_set_new(object, keys[a], json_real(rates[a]));
	json_object_set_new(document, "rates", object);
	json_object_set_new(document, "dropped", dropped);
}

/* ---- the document --------------------------------------------------------------------------- */

static json_t *view_daemon(const struct dp_node *node, uint64_t now_s)
{
	const struct sluice_notes *notes = node->notes;

	return json_pack("{s:b, s:b, s:I, s:I, s:I, s:s}", "is_running",
			 offline_is_daemon_alive(node, now_s), "was_stopped", notes->stopped_s != 0,
			 "last_seen_s", (json_int_t)seen_s(notes), "started_s",
			 (json_int_t)notes->started_s, "pid", (json_int_t)notes->pid, "version",
			 notes->version);
}

static void add_node(const struct cli *cli, json_t *document, const struct sluice_notes *notes)
{
	char name[65] = "";

	gethostname(name, sizeof(name) - 1);
	json_object_set_new(document, "node",
			    json_pack("{s:s, s:s, s:s, s:I}", "name", name, "version",
				      notes->version, "instance", cli->instance, "revision",
				      (json_int_t)notes->revision));
}

/* From the maps, which root may open. */
static void fill(const struct cli *cli, json_t *document, struct dp_pinned *pinned,
		 const struct dp_node *node)
{
	uint64_t now_s = clock_wall_s();
	struct dp_trial_state trial;

	dp_node_trial_get(node, &trial);
	json_object_set_new(document, "daemon", view_daemon(node, now_s));
	add_node(cli, document, node->notes);
	json_object_set_new(document, "bypass", offline_view_bypass(node));
	json_object_set_new(document, "trial", offline_view_trial(&trial));
	json_object_set_new(document, "services", offline_view_services(pinned));
	add_traffic(document, pinned);
	summarise(document, node, now_s);
	explain(document, node);
	add_next(cli, document, &trial);
}

/* Without the maps: pins says whether there are any. */
static void fill_blind(const struct cli *cli, json_t *document, int pins, const struct err *e)
{
	struct dp_trial_state no_trial = {0};
	char names[200];

	join_names(json_object_get(document, "interfaces"), names, sizeof(names));
	if (pins == 0)
		set_text(document, "summary",
			 "sluiced is not running and has left nothing: packets are not balanced");
	else if (pins < 0)
		set_text(document, "summary",
			 "sluiced is not running; only root can see whether its program still "
			 "forwards packets");
	else
		set_text(document, "summary",
			 "sluiced is not running, and what it has pinned cannot be read: %s%s%s",
			 e->text, names[0] != '\0' ? "; its program is on " : "", names);
	if (pins < 0)
		set_text(document, "next", "sudo sluicectl --instance %s status", cli->instance);
	else
		add_next(cli, document, &no_trial);
	if (pins <= 0)
		json_object_del(document, "detach");
}

json_t *offline_document(const struct cli *cli)
{
	json_t *document =
		json_pack("{s:s, s:s, s:[], s:n}", "state", "fault", "summary", "", "why", "next");
	int pins = offline_has_pins(cli->instance);
	struct dp_pinned *pinned = NULL;
	struct dp_node node;
	struct err e = {0};

	json_object_set_new(document, "interfaces",
			    pins > 0 ? offline_interfaces(cli->instance) : json_array());
	if (pins > 0 && dp_pinned_open(cli->instance, &pinned, &e) == 0 &&
	    dp_pinned_node(pinned, &node, &e) == 0)
		fill(cli, document, pinned, &node);
	else
		fill_blind(cli, document, pins, &e);
	dp_pinned_close(pinned);
	return document;
}

void offline_status(const struct cli *cli)
{
	json_t *document = offline_document(cli);
	struct view view = cli->view;

	if (cli->is_json) {
		json_dumpf(document, view.out, JSON_COMPACT | JSON_REAL_PRECISION(15));
		fputc('\n', view.out);
	} else {
		view.width = CLI_STATUS_WIDTH;
		view.is_verbose = cli_option(cli, OPTION_VERBOSE) != NULL;
		offline_render(&view, document);
	}
	json_decref(document);
	fflush(view.out); /* before what goes to standard error */
}
