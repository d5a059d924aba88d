/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Host names among members: looked up by sluice-check at start, at reload and now and then; what they
 * answer becomes members. A lookup that fails leaves the members as they are. */
#pragma once

#include <jansson.h>
#include <uv.h>

#include "control/control.h"
#include "base/err.h"
#include "core/names.h"
#include "daemon/left_out.h"

struct daemon;

struct daemon_names {
	struct names table;
	uv_timer_t timer; /* to the next lookup of all */
	size_t pending;	  /* lookups under way */
	bool is_due;	  /* members are to follow */
	uint64_t failed_ms;
	char failure[320];		 /* why they cannot, "" */
	struct left_out left_out, fresh; /* in force; of what names_fill() filled last */
	uint64_t fitted_revision;	 /* of the model, then */
	uint64_t fitted_ms;		 /* when it was looked last who is left out */
	/* A reload by signal waits for answers. */
	bool is_reload_due;
	uint64_t
		resolving_ms; /* since when a reload waits, 0: none does; older failures do not count */
};

/* At start: what is known from before, then up to some seconds for answers, into the configuration. */
void names_start(struct daemon *daemon);
/* Looks up the names of a configuration of which nothing is known. 0: each has addresses, which are
 * its members now. -EAGAIN without errors: answers are under way, and control_resume() follows them.
 * -EINVAL: some do not resolve, with an error for each place. */
int names_resolve(struct daemon *daemon, struct config *config, struct errs *errors);
/* Only what is known by now, and what the model would take. */
void names_fill(struct daemon *daemon, struct config *config);
/* The configuration that names_fill() had last is in force. */
void names_follow(struct daemon *daemon);
void names_tick(struct daemon *daemon); /* once a second */
void names_stop(struct daemon *daemon);

size_t names_findings(const struct daemon *daemon, struct control_finding *list, size_t max);
