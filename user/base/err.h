/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Errors that a user's input can cause. One err names a place and says what to do; an errs
 * collects all of them, so that one look shows every mistake.
 */
#pragma once

#include <stddef.h>

#include "base/util.h"

/* The closed list of codes that the API reports; the text is the code's name in JSON. */
#define ERR_CODES(X)                                                                               \
	X(OK, "ok", 200)                                                                           \
	X(SYNTAX, "syntax", 400)                                                                   \
	X(INVALID, "invalid", 422)                                                                 \
	X(UNKNOWN_KEY, "unknown_key", 422)                                                         \
	X(DUPLICATE, "duplicate", 422)                                                             \
	X(NOT_FOUND, "not_found", 404)                                                             \
	X(METHOD, "method_not_allowed", 405)                                                       \
	X(FORBIDDEN, "forbidden", 403)                                                             \
	X(CONFLICT, "conflict", 409)                                                               \
	X(TOO_LARGE, "too_large", 413)                                                             \
	X(CAPACITY, "capacity", 422)                                                               \
	X(UNSUPPORTED, "unsupported", 422)                                                         \
	X(SYSTEM, "system", 500)                                                                   \
	X(BUSY, "busy", 503)

enum err_code {
#define X(name, text, status) ERR_##name,
	ERR_CODES(X)
#undef X
		ERR_CODE_MAX
};

struct err {
	enum err_code code;
	char path[160]; /* place in the input: services.web.members[1].weight, or a JSON pointer */
	char file[200]; /* of a configuration of several, when it is not the main one; else "" */
	int line;	/* 1-based, 0 if there is none */
	int column;
	char text[320]; /* object, value, rule broken */
	char hint[256]; /* what to do; may be empty */
};

struct errs {
	struct err *list;
	size_t count;
	size_t capacity;
};

/* Fill *e (accepts NULL). Returns -1 scaled to an errno that fits the code, so callers can
 * `return err_set(...)`. */
int err_set(struct err *e, enum err_code code, const char *path, const char *fmt, ...) PRINTF(4, 5);
void err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Append; the returned err is valid until the next append. Never NULL. */
struct err *errs_add(struct errs *es, enum err_code code, const char *path, const char *fmt, ...)
	PRINTF(4, 5);
void errs_add_err(struct errs *es, const struct err *e);
void errs_done(struct errs *es); /* frees the list, leaves an empty one */

const char *err_code_name(enum err_code code);
int err_code_status(enum err_code code); /* HTTP status */

/* "FILE:LINE: PATH: TEXT (HINT)", parts that are empty are left out; file: unless e names one. */
void err_format(const struct err *e, const char *file, char *buffer, size_t size);
