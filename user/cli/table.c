/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/table.h"

#include <assert.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/text.h"

#define SEPARATOR "  "

struct cell {
	char *text;
	const char *colour;
};

struct table {
	const struct table_column *columns;
	int column_count;
	struct cell *cells; /* row by row */
	size_t cell_count;
	size_t cell_capacity;
	int width[TABLE_COLUMNS_MAX]; /* of the widest cell; 0: left out */
};

struct table *table_new(const struct table_column *columns, int count)
{
	struct table *table = util_alloc(sizeof(*table));

	assert(count > 0 && count <= TABLE_COLUMNS_MAX);
	table->columns = columns;
	table->column_count = count;
	return table;
}

void table_free_p(struct table **table)
{
	if (*table == NULL)
		return;
	for (size_t i = 0; i < (*table)->cell_count; i++)
		free((*table)->cells[i].text);
	free((*table)->cells);
	free(*table);
	*table = NULL;
}

void table_row(struct table *table)
{
	assert(table->cell_count % (size_t)table->column_count == 0);
}

void table_text(struct table *table, const char *text)
{
	table->cells = util_grow(table->cells, &table->cell_capacity, table->cell_count + 1,
				 sizeof(*table->cells));
	table->cells[table->cell_count++].text =
		util_strdup(text == NULL || text[0] == '\0' ? "-" : text);
}

void table_textf(struct table *table, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	table_text(table, text);
}

void table_colour(struct table *table, const char *colour)
{
	assert(table->cell_count > 0);
	table->cells[table->cell_count - 1].colour = colour;
}

static int total_width(const struct table *table)
{
	int total = -(int)strlen(SEPARATOR);

	for (int c = 0; c < table->column_count; c++)
		if (table->width[c] > 0)
			total += table->width[c] + (int)strlen(SEPARATOR);
	return total;
}

static void measure(struct table *table)
{
	for (int c = 0; c < table->column_count; c++)
		table->width[c] = text_width(table->columns[c].title);
	for (size_t i = 0; i < table->cell_count; i++) {
		int c = (int)(i % (size_t)table->column_count);

		table->width[c] = MAX(table->width[c], text_width(table->cells[i].text));
	}
}

/* Cuts columns, the last ones first, until the table fits or nothing more may be cut. */
static void shrink(struct table *table, int width, bool is_prose)
{
	for (int c = table->column_count - 1; c >= 0; c--) {
		const struct table_column *column = &table->columns[c];
		int excess = total_width(table) - width;
		int least = MAX(column->cut_to, text_width(column->title));

		if (excess <= 0 || column->cut_to == 0 || table->width[c] <= least)
			continue;
		if ((column->drop_order == TABLE_PROSE) == is_prose)
			table->width[c] = MAX(least, table->width[c] - excess);
	}
}

static void fit(struct table *table, int width)
{
	shrink(table, width, true);
	for (int order = 1; order <= TABLE_COLUMNS_MAX && total_width(table) > width; order++)
		for (int c = 0; c < table->column_count; c++)
			if (table->columns[c].drop_order == order)
				table->width[c] = 0;
	shrink(table, width, false);
}

/* Cuts to so many columns, the last three being "...". */
static void cut(char *text, int width)
{
	char *end = text;

	if (text_width(text) <= width || width < 4)
		return;
	for (int column = 0; column < width - 3; column++)
		do
			end++;
		while ((*end & 0xc0) == 0x80);
	strcpy(end, "..."); /* at least four characters are there, as the text was wider */
}

static void add_cells(struct table *table, struct libscols_table *scols)
{
	struct libscols_line *line = NULL;
	size_t at = 0;

	for (size_t i = 0; i < table->cell_count; i++) {
		int c = (int)(i % (size_t)table->column_count);

		if (c == 0) {
			line = scols_table_new_line(scols, NULL);
			at = 0;
		}
		if (table->width[c] == 0)
			continue;
		cut(table->cells[i].text, table->width[c]);
		scols_line_set_data(line, at, table->cells[i].text);
		if (table->cells[i].colour != NULL)
			scols_cell_set_color(scols_line_get_cell(line, at), table->cells[i].colour);
		at++;
	}
}

void table_print(struct table *table, const struct view *view)
{
	struct libscols_table *scols = scols_new_table();

	if (scols == NULL)
		abort(); /* memory, as in util_alloc */
	assert(table->cell_count % (size_t)table->column_count == 0);
	measure(table);
	if (view->width > 0)
		fit(table, view->width);
	scols_table_set_stream(scols, view->out);
	scols_table_set_termforce(scols, SCOLS_TERMFORCE_NEVER); /* the fitting is done */
	scols_table_set_column_separator(scols, SEPARATOR);
	scols_table_enable_colors(scols, view->has_colour);
	for (int c = 0; c < table->column_count; c++)
		if (table->width[c] > 0)
			scols_table_new_column(scols, table->columns[c].title, table->width[c],
					       table->columns[c].is_number ? SCOLS_FL_RIGHT : 0);
	add_cells(table, scols);
	scols_print_table(scols);
	scols_unref_table(scols);
}
