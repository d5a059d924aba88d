/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What would go wrong on this host, and the command that mends it. Pure: facts in, findings out.
 * One table of checks (doctor.c); each is a small function over the facts.
 */
#pragma once

#include "base/err.h"
#include "core/doctor_facts.h"

enum doctor_severity {
	DOCTOR_FINE,
	DOCTOR_UNSEEN, /* could not be looked at, and why */
	DOCTOR_NOTE,
	DOCTOR_WARNING,
	DOCTOR_ERROR, /* attaching would fail, or do harm */
	DOCTOR_SEVERITY_MAX
};

struct finding {
	enum doctor_severity severity;
	const char *check;		  /* name of the row that found it */
	char object[NAME_MAX_LENGTH + 1]; /* an interface, a service, or "host" */
	char text[360];
	char fix[320]; /* a command; "" when there is nothing to do */
};

struct doctor_report {
	struct finding *list;
	size_t count, capacity;
};

enum doctor_scope { DOCTOR_OF_HOST, DOCTOR_OF_INTERFACE, DOCTOR_OF_CONFIG };

struct doctor_context;

struct doctor_check {
	const char *name;
	enum doctor_scope scope;
	const char *fine; /* what it means when nothing is found */
	void (*judge)(struct doctor_context *context);
};

extern const struct doctor_check doctor_checks[];
extern const size_t doctor_check_count;

/* Appends what every check finds, in the order of the table; at most DOCTOR_FINDINGS_MAX of one
 * check and object, and then how many more there are. A check without findings is DOCTOR_FINE. */
#define DOCTOR_FINDINGS_MAX 5
void doctor_judge(const struct doctor_facts *facts, struct doctor_report *report);
/* One more finding, by whoever looked at something else. Valid until the next. */
struct finding *doctor_report_add(struct doctor_report *report, enum doctor_severity severity,
				  const char *check, const char *object, const char *fmt, ...)
	PRINTF(5, 6);
void doctor_fix(struct finding *finding, const char *fmt, ...) PRINTF(2, 3);
void doctor_report_done(struct doctor_report *report);

enum doctor_severity doctor_worst(const struct doctor_report *report);
size_t doctor_count(const struct doctor_report *report, enum doctor_severity severity);
const char *doctor_severity_name(enum doctor_severity severity);
/* Findings of at least a severity, as errors of the configuration's interfaces. */
void doctor_to_errs(const struct doctor_report *report, enum doctor_severity least,
		    struct errs *errors);
