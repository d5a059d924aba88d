/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Aligned tables on libsmartcols, made to fit a width: first columns that matter less are left
 * out, then long cells are cut, which "..." says.
 */
#pragma once

#include <stdbool.h>

#include "cli/cli.h"

#define TABLE_COLUMNS_MAX 12
#define TABLE_PROSE -1 /* never left out, but cut before any other column is left out */

struct table_column {
	const char *title;
	bool is_number; /* right-aligned */
	int drop_order; /* 0: never left out; 1 is left out first, then 2, ...; or TABLE_PROSE */
	int cut_to;	/* 0: never cut; else cut to no less than this many columns */
};

struct table;

/* columns must outlive the table. */
struct table *table_new(const struct table_column *columns, int count);
void table_free_p(struct table **table);
#define AUTO_TABLE CLEANUP(table_free_p)

void table_row(struct table *table);
/* The next cell of the row; "" and NULL print as "-". */
void table_text(struct table *table, const char *text);
void table_textf(struct table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Colours the last cell when the view has colours: "green", "yellow", "red". NULL: none. */
void table_colour(struct table *table, const char *colour);
void table_print(struct table *table, const struct view *view);
