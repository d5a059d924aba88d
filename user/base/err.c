/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static const struct {
	const char *name;
	int status;
} CODES[] = {
#define X(name, text, status) [ERR_##name] = {text, status},
	ERR_CODES(X)
#undef X
};

_Static_assert(ARRAY_SIZE(CODES) == ERR_CODE_MAX, "every code has a name and a status");

static int code_errno(enum err_code code)
{
	switch (code) {
	case ERR_OK:
		return 0;
	case ERR_NOT_FOUND:
		return ENOENT;
	case ERR_METHOD:
	case ERR_UNSUPPORTED:
		return EOPNOTSUPP;
	case ERR_FORBIDDEN:
		return EPERM;
	case ERR_DUPLICATE:
	case ERR_CONFLICT:
		return EEXIST;
	case ERR_TOO_LARGE:
		return EFBIG;
	case ERR_CAPACITY:
		return ENOSPC;
	case ERR_SYSTEM:
		return EIO;
	case ERR_BUSY:
		return EBUSY;
	default:
		return EINVAL;
	}
}

static void fill(struct err *e, enum err_code code, const char *path, const char *fmt, va_list args)
	__attribute__((format(printf, 4, 0)));

static void fill(struct err *e, enum err_code code, const char *path, const char *fmt, va_list args)
{
	memset(e, 0, sizeof(*e));
	e->code = code;
	util_copy(e->path, sizeof(e->path), path ? path : "");
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	/* They quote what somebody sent. */
	utf8_clean(e->path);
	utf8_clean(e->text);
}

int err_set(struct err *e, enum err_code code, const char *path, const char *fmt, ...)
{
	va_list args;

	if (e) {
		va_start(args, fmt);
		fill(e, code, path, fmt, args);
		va_end(args);
	}
	return -code_errno(code);
}

void err_hint(struct err *e, const char *fmt, ...)
{
	va_list args;

	if (!e)
		return;
	va_start(args, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, args);
	utf8_clean(e->hint);
	va_end(args);
}

static struct err *append(struct errs *es)
{
	es->list = util_grow(es->list, &es->capacity, es->count + 1, sizeof(*es->list));
	return &es->list[es->count++];
}

struct err *errs_add(struct errs *es, enum err_code code, const char *path, const char *fmt, ...)
{
	struct err *e = append(es);
	va_list args;

	va_start(args, fmt);
	fill(e, code, path, fmt, args);
	va_end(args);
	return e;
}

void errs_add_err(struct errs *es, const struct err *e)
{
	struct err copy = *e; /* e may be an element of the list that grows */

	*append(es) = copy;
}

void errs_done(struct errs *es)
{
	free(es->list);
	memset(es, 0, sizeof(*es));
}

const char *err_code_name(enum err_code code)
{
	return (size_t)code < ERR_CODE_MAX ? CODES[code].name : "unknown";
}

int err_code_status(enum err_code code)
{
	return (size_t)code < ERR_CODE_MAX ? CODES[code].status : 500;
}

void err_format(const struct err *e, const char *file, char *buffer, size_t size)
{
	AUTO_FREE char *place = NULL;
	AUTO_FREE char *line = NULL;

	if (e->file[0])
		file = e->file;

	if (file && *file && e->line > 0)
		place = util_printf("%s:%d: ", file, e->line);
	else if (file && *file)
		place = util_printf("%s: ", file);
	else if (e->line > 0)
		place = util_printf("line %d: ", e->line);
	line = util_printf("%s%s%s%s%s%s%s", place ? place : "", e->path, *e->path ? ": " : "",
			   e->text, *e->hint ? " (" : "", e->hint, *e->hint ? ")" : "");
	util_copy(buffer, size, line);
}
