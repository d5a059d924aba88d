/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a deny list should not say unless somebody insists: prefixes so short that they mean a large
 * part of the Internet, and prefixes that cover what this host works with.
 */
#pragma once

#include "core/prefix_set.h"

#define LIST_GUARD_LENGTH4 8 /* a shorter IPv4 prefix is refused */
#define LIST_GUARD_LENGTH6 16

struct list_guard {
	/* Each NULL or a set; the first one whose prefix is met is named. */
	const struct prefix_set *management, *own, *gateways, *members;
	struct sluice_addr caller; /* zero: none */
};

/* path and line: of the list, for entries without a line of their own. hint: how to insist. 0, or
 * -EINVAL and an error (ERR_CONFLICT) for each of the first refused prefixes. */
int list_guard_check(const struct list_guard *guard, const char *list, const struct prefix_set *set,
		     const char *path, int line, const char *hint, struct errs *errors);
