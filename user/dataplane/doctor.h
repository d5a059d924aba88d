/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads what the doctor judges (core/doctor.h) from the kernel. Changes nothing, sends nothing, and
 * needs neither privileges nor the daemon; what it may not see stays unknown. */
#pragma once

#include <stddef.h>

#include "core/doctor.h"

struct doctor_question {
	const struct config *config;   /* NULL: there is none; must outlive the facts */
	const char *const *interfaces; /* to attach to; NULL: the configuration's */
	size_t interface_count;
	const char *instance;
	bool is_brief; /* only the interfaces: what has loaded its program needs no more */
};

/* Owned by the caller; never NULL. */
struct doctor_facts *doctor_gather(const struct doctor_question *question);
void doctor_facts_free(struct doctor_facts *facts); /* accepts NULL */
