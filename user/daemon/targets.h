/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether devices transmit what XDP sends to them. It changes while they are in use: with programs,
 * with the far end of a veth. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

#define TARGETS_TEXT_MAX 96

struct targets;

struct targets *targets_new(void);
void targets_free(struct targets *targets); /* accepts NULL */

/* Interfaces that run the program in native mode, or shall (is_attached false): frames come in by
 * these. Generic mode sends through the stack, so such interfaces need not be told. */
void targets_set_sources(struct targets *targets, const uint32_t *ifindexes, size_t count,
			 bool is_attached);

/* Asks the kernel. False with the reason and what to do. Kernels that do not tell (before Linux 6.3)
 * are trusted, with a note in the log. */
bool targets_can(struct targets *targets, uint32_t ifindex, char text[TARGETS_TEXT_MAX]);
