/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bodies of requests: JSON text against a table of fields. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"

#define BODY_DEPTH_MAX 32

enum field_type { FIELD_INTEGER, FIELD_WORD, FIELD_BOOLEAN, FIELD_TEXT };

/* One row says everything about a field: validation and the API document come from it. A table
 * ends with a row without name. */
struct field {
	const char *name;
	enum field_type type;
	bool is_required;
	int64_t min, max;	  /* FIELD_INTEGER; of FIELD_TEXT the length */
	const char *const *words; /* FIELD_WORD: what is allowed; NULL ends */
	const char *help;
};

/* An empty text is an empty object. fields NULL: no body is allowed. 0 and a new *ret_body, or
 * negative errno and errors with JSON pointers. */
int body_parse(const char *text, size_t length, const struct field *fields, json_t **ret_body,
	       struct errs *errors);

/* Deeper than max levels of [] and {}? Looks at brackets outside strings only. */
bool body_is_deeper(const char *text, size_t length, unsigned int max);
