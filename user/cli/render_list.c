/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists as a table, and one in full. */
#include <string.h>

#include "base/util.h"
#include "cli/field.h"
#include "cli/render.h"
#include "cli/table.h"
#include "cli/text.h"

void render_lists(const struct view *view, const json_t *lists)
{
	static const struct table_column columns[] = {
		{"LIST", false, 0, 12},	 {"ACTION", false, 0, 0}, {"ENTRIES", true, 0, 0},
		{"MATCHED", true, 2, 0}, {"REFUSED", true, 0, 0}, {"WOULD REFUSE", true, 1, 0},
	};
	AUTO_TABLE struct table *table = table_new(columns, ARRAY_SIZE(columns));
	char text[TEXT_MAX];
	const json_t *list;
	size_t i;

	json_array_foreach (lists, i, list) {
		double refused = field_rate(list, "refused");

		table_row(table);
		table_text(table, field_text(list, "name", NULL));
		table_text(table, field_text(list, "action", NULL));
		table_text(table, text_count(field_count(list, "entries"), text));
		table_text(table, text_rate(field_rate(list, "matched"), text));
		table_text(table, text_rate(refused, text));
		table_colour(table, refused > 0 ? "yellow" : NULL);
		table_text(table, text_rate(field_rate(list, "would_refuse"), text));
	}
	table_print(table, view);
}

static const char *meaning(const char *action)
{
	if (strcmp(action, "deny") == 0)
		return "deny: what its sources send is dropped";
	if (strcmp(action, "exempt") == 0)
		return "exempt: its sources are neither denied nor limited";
	return "allow: services that name it admit only sources of their lists";
}

void render_list(const struct view *view, const json_t *list)
{
	const json_t *services = json_object_get(list, "services"), *service;
	uint64_t next_s = field_count(list, "next_expiry_s");
	const char *file = field_text(list, "file", NULL);
	char names[300] = "", a[TEXT_MAX], b[TEXT_MAX];
	size_t i, used = 0;

	json_array_foreach (services, i, service) {
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 i ? ", " : "", json_string_value(service));
	}
	render_field(view, "list", "%s", field_text(list, "name", "?"));
	render_field(view, "action", "%s", meaning(field_text(list, "action", "")));
	if (strcmp(field_text(list, "action", ""), "allow") == 0)
		render_field(view, "services", "%s", names[0] ? names : "none");
	if (file)
		render_field(view, "file", "%s", file);
	render_field(view, "entries", "%s, %s of them from commands",
		     text_count(field_count(list, "entries"), a),
		     text_count(field_count(list, "entries_runtime"), b));
	if (next_s > view->now_s)
		render_field(view, "next expiry", "in %s", text_duration(next_s - view->now_s, a));
	render_field(view, "matched", "%s", text_count(field_count(list, "matched"), a));
	render_field(view, "refused", "%s", text_count(field_count(list, "refused"), a));
	render_field(view, "would refuse", "%s", text_count(field_count(list, "would_refuse"), a));
}
