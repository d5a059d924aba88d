/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is wrong with this node, from everything that it knows of itself. */
#pragma once

#include <jansson.h>

#include "control/control.h"

enum severity { SEVERITY_OK, SEVERITY_DEGRADED, SEVERITY_FAULT, SEVERITY_MAX };

struct diagnosis {
	enum severity severity;
	char summary[256];
	json_t *why;
	size_t left_out;
	char next[320];
};

/* Fills *diagnosis, whose `why` is an empty array and stays the caller's: the worst finding gives the
 * summary and the command to type next ("" none), all of them say why. */
void diagnose(const struct control_host *host, const struct control_node *node,
	      const struct control_switches *switches, struct diagnosis *diagnosis);
