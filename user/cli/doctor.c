/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `sluicectl doctor`: what would go wrong, before it does. */
#include "cli/doctor.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/render.h"
#include "cli/run.h"
#include "cli/text.h"
#include "core/model.h"
#include "state/sources.h"
#include "dataplane/doctor.h"

#define LABEL_WIDTH 9 /* "warning" and two spaces */

/* ---- printing -------------------------------------------------------------------------------- */

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void print_verdict(const struct view *view, const struct doctor_report *report)
{
	size_t errors = doctor_count(report, DOCTOR_ERROR);
	size_t warnings = doctor_count(report, DOCTOR_WARNING);
	size_t notes = doctor_count(report, DOCTOR_NOTE);
	char text[200];

	snprintf(text, sizeof(text), "%zu error%s, %zu warning%s, %zu note%s: %s", errors,
		 plural(errors), warnings, plural(warnings), notes, plural(notes),
		 errors ? "attaching would fail or do harm" : "nothing stops sluiced");
	render_verdict(view, errors ? "error" : warnings ? "warning" : "ok", text);
}

static void print_finding(const struct view *view, const struct finding *finding)
{
	char label[16], text[sizeof(finding->text) + sizeof(finding->object) + 8];

	snprintf(label, sizeof(label), "%-*s", LABEL_WIDTH,
		 doctor_severity_name(finding->severity));
	snprintf(text, sizeof(text), "%s: %s", finding->object, finding->text);
	text_wrap(view->out, label, LABEL_WIDTH, text, view->width);
	if (finding->fix[0] != '\0')
		text_wrap(view->out, "         fix  ", LABEL_WIDTH + 5, finding->fix, view->width);
}

/* "eth0: device, link, driver": one line for each object. */
static void print_fine(const struct view *view, const struct doctor_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct finding *first = &report->list[i];
		bool is_listed = first->severity != DOCTOR_FINE;
		char text[512];
		size_t used;

		for (size_t k = 0; k < i && !is_listed; k++)
			is_listed = report->list[k].severity == DOCTOR_FINE &&
				    strcmp(report->list[k].object, first->object) == 0;
		if (is_listed)
			continue;
		used = (size_t)snprintf(text, sizeof(text), "%s: %s", first->object, first->check);
		for (size_t k = i + 1; k < report->count && used < sizeof(text); k++)
			if (report->list[k].severity == DOCTOR_FINE &&
			    strcmp(report->list[k].object, first->object) == 0)
				used += (size_t)snprintf(text + used, sizeof(text) - used, ", %s",
							 report->list[k].check);
		text_wrap(view->out, "fine     ", LABEL_WIDTH, text, view->width);
	}
}

void doctor_print(const struct cli *cli, const struct doctor_report *report)
{
	static const enum doctor_severity order[] = {DOCTOR_ERROR, DOCTOR_WARNING, DOCTOR_NOTE,
						     DOCTOR_UNSEEN, DOCTOR_FINE};
	struct view view = cli->view;

	if (view.width == 0 || view.width > CLI_STATUS_WIDTH)
		view.width = CLI_STATUS_WIDTH;
	print_verdict(&view, report);
	fputc('\n', view.out);
	for (size_t s = 0; s < ARRAY_SIZE(order); s++) {
		if (order[s] == DOCTOR_FINE && !view.is_verbose)
			break;
		for (size_t i = 0; i < report->count; i++)
			if (report->list[i].severity == order[s])
				print_finding(&view, &report->list[i]);
	}
	if (!view.is_verbose)
		print_fine(&view, report);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* A file with mistakes is a finding: what else can be looked at still is. */
static void add_mistakes(const char *path, const struct errs *errors, struct doctor_report *report)
{
	char text[300];

	if (errors->count == 0)
		return;
	err_format(&errors->list[0], path, text, sizeof(text));
	doctor_fix(doctor_report_add(report, DOCTOR_ERROR, "configuration", "configuration",
				     "%zu mistake%s, the first: %s", errors->count,
				     plural(errors->count), text),
		   "sluicectl check %s", path);
}

/* 0, with *ret_config NULL when there is no default file or it has mistakes; else an exit code. */
static int read_config(struct cli *cli, struct config **ret_config, struct doctor_report *report)
{
	const char *given = cli_option(cli, OPTION_CONFIG);
	const char *path = given != NULL ? given : CLI_CONFIG_FILE;
	struct errs errors = {0};
	struct config *config = NULL;
	struct sources sources = {0};
	struct err e = {0};
	int r = sources_read(path, util_read_input, &sources, &e);

	if (r < 0 && given != NULL) {
		cli_error("cannot read %s: %s", path, util_read_error(r));
		return r == -EACCES ? CLI_FORBIDDEN : r == -ENOENT ? CLI_NOT_FOUND : CLI_FALSE;
	}
	if (r < 0) {
		doctor_report_add(report, DOCTOR_UNSEEN, "configuration", "configuration",
				  "services, members and their MTU: %s: %s", path, strerror(-r));
		return CLI_OK;
	}
	if (config_parse_files(sources.list, sources.count, &config, &errors) == 0 &&
	    config_load_lists(config, util_read_file, &errors) == 0 &&
	    model_check_config(config, clock_jiffy_ns(), &errors) == 0) {
		*ret_config = config;
	} else {
		add_mistakes(path, &errors, report);
		config_free(config);
	}
	sources_done(&sources);
	errs_done(&errors);
	return CLI_OK;
}

static bool has_interfaces(const struct cli *cli, const struct config *config)
{
	return cli->call->arg_count > 0 || (config != NULL && config->interface_count > 0);
}

static void look(struct cli *cli, const struct config *config, struct doctor_report *report)
{
	const char *instance = cli_option(cli, OPTION_INSTANCE);
	struct doctor_question question = {
		.config = config,
		.interfaces = cli->call->arg_count > 0 ? cli->call->args : NULL,
		.interface_count = (size_t)cli->call->arg_count,
		.instance = instance != NULL ? instance
			    : config != NULL ? config->instance
					     : cli->instance,
	};
	struct doctor_facts *facts = doctor_gather(&question);

	doctor_judge(facts, report);
	if (cli->is_json)
		doctor_print_json(cli, facts, report);
	else
		doctor_print(cli, report);
	doctor_facts_free(facts);
}

int run_doctor(struct cli *cli)
{
	struct doctor_report report = {0};
	struct config *config = NULL;
	int r = read_config(cli, &config, &report);

	cli->view.is_verbose = cli_option(cli, OPTION_VERBOSE) != NULL;
	if (r == CLI_OK && !has_interfaces(cli, config) && doctor_worst(&report) < DOCTOR_ERROR) {
		cli_error("doctor: no interface is named, and no configuration names one");
		cli_hint("sluicectl doctor eth0");
		r = CLI_USAGE;
	}
	if (r == CLI_OK) {
		look(cli, config, &report);
		r = doctor_worst(&report) == DOCTOR_ERROR ? CLI_FALSE : CLI_OK;
	}
	doctor_report_done(&report);
	config_free(config);
	return r;
}
