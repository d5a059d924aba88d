/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sources that have another rate under a limit. Never changed once made, and counted by reference,
 * so that copies of a limit share them. */
#pragma once

#include <stdbool.h>

#include "core/prefix_set.h"
#include "core/rate.h"

#define LIMIT_EXCEPTIONS_MAX 64
#define LIMIT_EXCEPTION_PREFIXES_MAX 4096

struct limit_exception {
	struct prefix_set *prefixes;
	struct rate rate;
	struct amount burst; /* 0: as gcra_burst_default() has it */
	int line;
};

struct limit_exceptions {
	size_t references;
	size_t count;
	struct limit_exception list[];
};

/* With one reference; count of them, all zero, to be filled before it is shared. */
struct limit_exceptions *limit_exceptions_new(size_t count);
/* NULL is none everywhere. */
struct limit_exceptions *limit_exceptions_ref(struct limit_exceptions *exceptions);
void limit_exceptions_unref(struct limit_exceptions *exceptions);
size_t limit_exceptions_count(const struct limit_exceptions *exceptions);
/* But for where they are written. */
bool limit_exceptions_equal(const struct limit_exceptions *a, const struct limit_exceptions *b);
/* The one with the longest prefix that covers the address, or NULL. */
const struct limit_exception *limit_exceptions_find(const struct limit_exceptions *exceptions,
						    const struct sluice_addr *addr);
