/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doctor's word before an attach, and all that it has to say after one that failed. */
#include "daemon/daemon.h"

#include <errno.h>

#include "dataplane/doctor.h"

/* Errors and warnings go where the caller's errors go; the rest only into the log. */
static void report(const struct doctor_report *report, struct errs *errors)
{
	size_t i;

	doctor_to_errs(report, DOCTOR_WARNING, errors);
	for (i = 0; i < report->count; i++) {
		const struct finding *finding = &report->list[i];

		if (finding->severity == DOCTOR_NOTE || finding->severity == DOCTOR_UNSEEN)
			log_info("doctor", "%s: %s: %s%s%s%s",
				 doctor_severity_name(finding->severity), finding->object,
				 finding->text, finding->fix[0] ? " (" : "", finding->fix,
				 finding->fix[0] ? ")" : "");
	}
}

static void examine(const struct doctor_question *question, struct doctor_report *ret_report)
{
	struct doctor_facts *facts = doctor_gather(question);

	doctor_judge(facts, ret_report);
	doctor_facts_free(facts);
}

int examine_targets(const struct daemon *daemon, const struct config *config,
		    const char *const *interfaces, size_t count)
{
	const struct doctor_question question = {
		.config = config,
		.interfaces = interfaces,
		.interface_count = count,
		.instance = daemon->instance,
		.is_brief = true,
	};
	struct doctor_report found = {0};
	int r = 0;

	if (!count)
		return 0;
	examine(&question, &found);
	if (doctor_worst(&found) == DOCTOR_ERROR)
		r = -EIO;
	doctor_report_done(&found);
	return r;
}

void examine_failure(const struct daemon *daemon, const struct config *config, struct errs *errors)
{
	const struct doctor_question question = {.config = config, .instance = daemon->instance};
	struct doctor_report found = {0};

	examine(&question, &found);
	report(&found, errors);
	doctor_report_done(&found);
}

void examine_error(const struct daemon *daemon, const struct err *e)
{
	struct errs errors = {0};

	errs_add_err(&errors, e);
	examine_failure(daemon, daemon->config, &errors);
	daemon_log_errs(daemon, &errors);
	errs_done(&errors);
}
