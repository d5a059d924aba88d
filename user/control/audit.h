/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who changed what: an event and a line in the log for each request that changed something, and
 * for each that was refused. A handler says what it did in audit_say(); the rest is done for it.
 */
#pragma once

#include "control/operations.h"

struct audit {
	struct event event; /* text is "" until a handler said something */
};

/* Refusals are cheap to make and events are few: only so many a second are kept. */
struct audit_budget {
	uint64_t second_s;
	unsigned int noted, left_out;
};

/* "weight 100 -> 50": of the object that the request's path names. */
void audit_say(const struct request *request, const char *fmt, ...) PRINTF(2, 3);
/* Name of the user, or "uid 1000". */
void audit_user(const struct peer *peer, char *name, size_t size);
/* Names the member where the path does not say it in full. */
void audit_name_member(const struct request *request, const char *pool, const char *member);

/* Afterwards. r: what the handler returned. */
void audit_end(const struct request *request, struct audit_budget *budget, int r,
	       const struct errs *errors);
/* A request that never came to its handler. */
void audit_refuse(const struct control_host *host, struct audit_budget *budget,
		  const struct operation *operation, const struct route_params *params,
		  const struct peer *peer, const struct err *e);
