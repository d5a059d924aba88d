/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths of the API: matching a request's path against a pattern with {names}. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ROUTE_PARAMS_MAX 4
#define ROUTE_PARAM_SIZE 192
#define ROUTE_SEGMENTS_MAX 12

struct route_params {
	size_t count;
	struct {
		char name[16];
		char value[ROUTE_PARAM_SIZE]; /* percent-decoded */
	} list[ROUTE_PARAMS_MAX];
};

/* Does path (percent-encoded, without query) have the pattern's shape? A segment that decodes to
 * nothing, to a control character or to more than ROUTE_PARAM_SIZE - 1 bytes matches no parameter.
 * ret_params (may be NULL) is written on a match only. */
bool route_match(const char *pattern, const char *path, struct route_params *ret_params);

/* The value of a parameter; NULL when the pattern has none of that name. */
const char *route_param(const struct route_params *params, const char *name);

/* How many leading segments of path fit the pattern: for "did you mean". */
size_t route_common(const char *pattern, const char *path);
