/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For tests of bad configurations: every error of a text, a line each. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/config.h"

#define HEAD "version: 1\ninterfaces: [eth0]\n" /* lines 1, 2 */
#define NONE HEAD "services: {}\n"		/* lines 1 to 3 */
#define WEB HEAD "services:\n  web:\n    listen: tcp 192.0.2.10:80\n    mode: l2\n" /* 1 to 6 */
#define FULL WEB "    members: [192.0.2.21]\n" /* lines 1 to 7 */
#define LIMIT NONE "limits:\n  a:\n"	       /* lines 1 to 5 */

struct row {
	const char *yaml, *errors;
};

/* Parses and returns the errors, a line each, in the form of the rows. */
static inline char *errors_of(const char *yaml, size_t length, bool is_full)
{
	struct config *config = (struct config *)&config;
	struct errs errors = {};
	size_t size;
	char *text = NULL;
	FILE *f = open_memstream(&text, &size);
	int r = config_parse(yaml, length, &config, &errors);

	if (r == 0) {
		config_free(config);
		fprintf(f, "none\n");
	} else {
		assert_ptr_equal(config, &config); /* untouched on failure */
		assert_true(errors.count > 0);
	}
	for (size_t i = 0; i < errors.count; i++) {
		const struct err *e = &errors.list[i];

		assert_true(*e->text);
		fprintf(f, "%d %s%s%s", e->line, err_code_name(e->code), *e->path ? " " : "",
			e->path);
		if (is_full)
			fprintf(f, ": %s (%s)", e->text, e->hint);
		fprintf(f, "\n");
	}
	errs_done(&errors);
	fclose(f);
	return text;
}

static inline void check_rows(const struct row *rows, size_t count)
{
	size_t wrong = 0;

	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *errors = errors_of(rows[i].yaml, strlen(rows[i].yaml), false);
		AUTO_FREE char *full = NULL;

		if (strcmp(errors, rows[i].errors) == 0)
			continue;
		full = errors_of(rows[i].yaml, strlen(rows[i].yaml), true);
		print_error("row %zu:\n%s\nwant:\n%sgot:\n%s", i, rows[i].yaml, rows[i].errors,
			    full);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}
