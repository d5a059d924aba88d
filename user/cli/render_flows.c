/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flows that stay at their members while tables change, in words. */
#include <string.h>

#include "cli/field.h"
#include "cli/render.h"
#include "cli/text.h"

const char *render_deadline(const json_t *member, char *buffer, size_t size)
{
	const json_t *deadline = json_object_get(member, "deadline");
	char left[TEXT_MAX];

	if (!json_is_object(deadline))
		buffer[0] = '\0';
	else if (field_bool(deadline, "is_over"))
		snprintf(buffer, size, ", deadline passed");
	else
		snprintf(buffer, size, ", cut in %s",
			 text_duration(field_count(deadline, "left_s"), left));
	return buffer;
}

void render_flows_left(const json_t *member, char *buffer, size_t size)
{
	const json_t *flows = json_object_get(member, "flows");
	uint64_t learning_s = field_count(flows, "learning_left_s");
	uint64_t known = field_count(flows, "known");
	char a[TEXT_MAX], b[TEXT_MAX], deadline[64];

	render_deadline(member, deadline, sizeof(deadline));
	if (field_bool(flows, "drained"))
		snprintf(buffer, size, "drained");
	else if (field_bool(flows, "counted"))
		snprintf(buffer, size, "%s known flow%s left%s", text_count(known, a),
			 known == 1 ? "" : "s", deadline);
	else if (learning_s)
		snprintf(buffer, size, "learning its flows, %s left, %s known so far%s",
			 text_duration(learning_s, a), text_count(known, b), deadline);
	else if (field_count(flows, "slots_new") == 0)
		snprintf(buffer, size, "counting its flows, %s known so far%s",
			 text_count(known, a), deadline);
	else
		snprintf(buffer, size, "still gets new flows%s", deadline);
}

static void motion_line(const struct view *view, const json_t *service, const json_t *totals)
{
	const json_t *flows = json_object_get(service, "flows");
	uint64_t moving = field_count(flows, "announced") + field_count(flows, "waiting") +
			  field_count(flows, "moving");
	uint64_t held = field_count(flows, "held"), left_s = field_count(flows, "settles_in_s");
	uint64_t slots = field_count(service, "slots");
	char left[80], text[256], a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX], d[TEXT_MAX];

	if (slots == 0 || (moving == 0 && held == 0))
		return;
	snprintf(left, sizeof(left), "%-8s  ", field_text(service, "name", "?"));
	if (moving == 0) {
		snprintf(text, sizeof(text), "%s flow%s held where they began", text_count(held, a),
			 held == 1 ? "" : "s");
	} else {
		snprintf(text, sizeof(text),
			 "moving: %s of slots, %s flow%s held (capacity %s)%s%s%s",
			 text_percent((double)moving * 100 / (double)slots, a), text_count(held, b),
			 held == 1 ? "" : "s",
			 text_count(field_count(json_object_get(totals, "flows"), "capacity"), c),
			 left_s ? ", settles in about " : "",
			 left_s ? text_duration(left_s, d) : "",
			 field_count(flows, "dirty") ? "; no room to learn some: it waits" : "");
	}
	text_wrap(view->out, left, 10, text, view->width);
}

void render_motion(const struct view *view, const json_t *status)
{
	const json_t *service, *totals = json_object_get(status, "flows");
	bool is_first = true;
	size_t i;

	json_array_foreach (json_object_get(status, "services"), i, service) {
		const json_t *flows = json_object_get(service, "flows");

		if (is_first &&
		    (field_count(flows, "held") || field_count(flows, "moving") ||
		     field_count(flows, "announced") || field_count(flows, "waiting"))) {
			fputc('\n', view->out);
			is_first = false;
		}
		motion_line(view, service, totals);
	}
}
