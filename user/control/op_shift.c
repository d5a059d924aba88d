/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shifts between the pools of a service. */
#include <string.h>

#include "base/clock.h"
#include "control/audit.h"
#include "control/find.h"
#include "control/view.h"

json_t *view_shift(const struct model_service *service)
{
	const struct shift *shift = &service->shift;
	uint64_t now_ms = clock_now_ms();
	bool is_under_way = shift->state == SHIFT_RUNNING || shift->state == SHIFT_PAUSED;
	bool is_holding = shift->state == SHIFT_RUNNING && shift->hold_ms > now_ms;
	json_t *steps;
	size_t i;

	if (!shift_is_on(shift))
		return json_null();
	steps = json_array();
	for (i = 0; i < shift->plan.step_count; i++)
		json_array_append_new(steps, json_integer(shift->plan.steps[i]));
	return json_pack("{s:s, s:s, s:i, s:o, s:i, s:o, s:o, s:i, s:s}", "to", service->shift_to,
			 "state", shift_state_name(shift->state), "percent", (int)shift->percent,
			 "steps", steps, "hold_s", (int)shift->plan.hold_s, "next_percent",
			 is_under_way && shift->step < shift->plan.step_count
				 ? json_integer(shift->plan.steps[shift->step])
				 : json_null(),
			 "next_s",
			 is_holding
				 ? json_integer((json_int_t)(shift->hold_ms - now_ms + 999) / 1000)
				 : json_null(),
			 "failed_gates", (int)shift->failures, "text", service->shift_text);
}

int op_shift_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct model_service *service = find_service(request, errors);

	if (!service)
		return -1;
	reply->json =
		json_pack("{s:s, s:o}", "service", service->name, "shift", view_shift(service));
	return 0;
}

/* What a start needs, or set. 0 or -1 and an error. */
static int read_plan(const struct request *request, enum shift_action action, struct shift *shift,
		     struct errs *errors)
{
	const char *steps = json_string_value(json_object_get(request->body, "steps"));
	const json_t *percent = json_object_get(request->body, "percent");
	const json_t *hold_s = json_object_get(request->body, "hold_s");

	*shift = (struct shift){.percent = (uint32_t)json_integer_value(percent)};
	if (action == SHIFT_ACTION_SET && !percent) {
		errs_add(errors, ERR_INVALID, "/percent", "percent is missing");
		return -1;
	}
	if (action != SHIFT_ACTION_START)
		return 0;
	shift->plan.hold_s = hold_s ? (uint32_t)json_integer_value(hold_s) : SHIFT_HOLD_DEFAULT_S;
	if (shift_parse_steps(steps ? steps : SHIFT_STEPS_DEFAULT, &shift->plan))
		return 0;
	err_hint(errs_add(errors, ERR_INVALID, "/steps", "%.60s is no list of steps", steps),
		 "per cent, rising, with commas, %u at most: %s", SHIFT_STEPS_MAX,
		 SHIFT_STEPS_DEFAULT);
	return -1;
}

int op_shift(const struct request *request, struct reply *reply, struct errs *errors)
{
	static const char *const words[] = {"start", "pause", "resume", "abort", "set", "end"};
	const char *word = json_string_value(json_object_get(request->body, "action"));
	const char *to = json_string_value(json_object_get(request->body, "to"));
	const struct model_service *service = find_service(request, errors);
	char name[NAME_MAX_LENGTH + 1];
	struct change change = {.type = CHANGE_SHIFT, .owner = OWNER_API, .pool = to};
	struct shift shift;
	int r;

	if (!service)
		return -1;
	while (strcmp(word, words[change.shift_action]) != 0)
		change.shift_action++; /* one of them it is */
	if (read_plan(request, change.shift_action, &shift, errors))
		return -1;
	util_copy(name, sizeof(name), service->name);
	change.service = name;
	change.shift = &shift;
	r = request->host->apply(request->host->arg, &change, errors);
	if (r)
		return r;
	audit_say(request, "shift: %s%s%s", word, to ? " to " : "", to ? to : "");
	return op_shift_show(request, reply, errors);
}
