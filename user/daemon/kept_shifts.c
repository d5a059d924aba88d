/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shifts between pools, over a restart: where they are, not how long they have held. */
#include "daemon/kept.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon.h"

static json_t *save(const char *service, const char *to, const char *text,
		    const struct shift *shift)
{
	json_t *steps = json_array();
	size_t i;

	for (i = 0; i < shift->plan.step_count; i++)
		json_array_append_new(steps, json_integer(shift->plan.steps[i]));
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:s}", "service", service, "to",
			 to, "state", shift_state_name(shift->state), "steps", steps, "hold_s",
			 (json_int_t)shift->plan.hold_s, "step", (json_int_t)shift->step, "percent",
			 (json_int_t)shift->percent, "shares", (json_int_t)shift->shares, "text",
			 text);
}

json_t *kept_save_shifts(struct daemon *daemon)
{
	/* What a trial leads to is not known to stay. */
	const struct before *before = &daemon->trial.before;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < model_service_count(daemon->model); i++) {
		const struct model_service *service = model_service_at(daemon->model, i);

		if (shift_is_on(&service->shift) &&
		    (!before->is_taken || before_keeps_shift(before, service)))
			json_array_append_new(list, save(service->name, service->shift_to,
							 service->shift_text, &service->shift));
	}
	for (i = 0; before->is_taken && i < before->shift_count; i++) {
		const struct before_shift *kept = &before->shifts[i];
		const struct model_service *service =
			model_find_service(daemon->model, kept->service);

		if (!service || !before_keeps_shift(before, service))
			json_array_append_new(
				list, save(kept->service, kept->to, kept->text, &kept->shift));
	}
	return json_pack("{s:o}", "shifts", list);
}

static uint32_t number(const json_t *json, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(json, key));

	return value < 0 || value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static bool read_shift(const json_t *json, struct shift *shift)
{
	const char *name = json_string_value(json_object_get(json, "state"));
	const json_t *steps = json_object_get(json, "steps"), *step;
	enum shift_state state;
	size_t i;

	*shift = (struct shift){.step = number(json, "step"),
				.percent = number(json, "percent"),
				.shares = number(json, "shares")};
	for (state = SHIFT_RUNNING; name && state < SHIFT_STATE_MAX; state++)
		if (strcmp(name, shift_state_name(state)) == 0)
			shift->state = state;
	shift->plan.hold_s = number(json, "hold_s");
	json_array_foreach (steps, i, step) {
		if (i == SHIFT_STEPS_MAX || json_integer_value(step) < 0 ||
		    json_integer_value(step) > 100)
			return false;
		shift->plan.steps[shift->plan.step_count++] = (uint8_t)json_integer_value(step);
	}
	return shift->state != SHIFT_NONE && shift->percent <= 100 &&
	       shift->step <= shift->plan.step_count && !shift_plan_problem(&shift->plan);
}

static void take(struct daemon *daemon, const json_t *json, const struct shift *shift)
{
	struct change change = {.type = CHANGE_SHIFT,
				.owner = OWNER_API,
				.shift_action = SHIFT_ACTION_RESTORE,
				.service = json_string_value(json_object_get(json, "service")),
				.pool = json_string_value(json_object_get(json, "to")),
				.text = json_string_value(json_object_get(json, "text")),
				.shift = shift};
	struct event event = {.type = EVENT_change_dropped};
	struct errs errors = {0};

	if (!model_apply(daemon->model, &change, 1, clock_now_ms(), &errors))
		return;
	snprintf(event.text, sizeof(event.text), "shift not restored: %.200s", errors.list[0].text);
	event_log_add(daemon->events, &event);
	log_warning("state", "%s", event.text);
	errs_done(&errors);
}

int kept_load_shifts(struct daemon *daemon, const json_t *content, struct err *e)
{
	const json_t *list = json_object_get(content, "shifts"), *json;
	int r = 0;
	size_t i;

	if (!json_is_array(list))
		return err_set(e, ERR_INVALID, "shifts", "it has no list of shifts");
	json_array_foreach (list, i, json) {
		struct shift shift;

		if (read_shift(json, &shift))
			take(daemon, json, &shift);
		else
			r = err_set(e, ERR_INVALID, "shifts", "shifts[%zu] makes no sense", i);
	}
	return r;
}
