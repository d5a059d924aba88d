/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/before.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"

static void take_shifts(struct before *before, const struct model *model)
{
	size_t i, count = model_service_count(model);

	before->shifts = util_alloc_array(count + 1, sizeof(*before->shifts));
	for (i = 0; i < count; i++) {
		const struct model_service *service = model_service_at(model, i);
		struct before_shift *kept = &before->shifts[before->shift_count];

		if (!shift_is_on(&service->shift))
			continue;
		before->shift_count++;
		kept->shift = service->shift;
		kept->orders = service->shift_orders;
		util_copy(kept->service, sizeof(kept->service), service->name);
		util_copy(kept->to, sizeof(kept->to), service->shift_to);
		util_copy(kept->text, sizeof(kept->text), service->shift_text);
	}
}

void before_take(struct before *before, const struct daemon *daemon)
{
	const struct model *model = daemon->model;
	size_t i, count = model_list_count(model);

	*before = (struct before){.is_taken = true, .list_count = count};
	overlay_collect(model, &before->changes);
	before->lists = util_alloc_array(count + 1, sizeof(*before->lists));
	for (i = 0; i < count; i++) {
		const struct model_list *list = model_list_at(model, i);

		util_copy(before->lists[i].name, sizeof(before->lists[i].name), list->name);
		before->lists[i].action = list->action;
		before->lists[i].runtime = prefix_set_ref(list->runtime);
	}
	take_shifts(before, model);
	bans_hold(daemon->refusals.bans);
}

void before_done(struct before *before)
{
	size_t i;

	for (i = 0; i < before->list_count; i++)
		prefix_set_unref(before->lists[i].runtime);
	free(before->lists);
	free(before->shifts);
	overlay_done(&before->changes);
	*before = (struct before){0};
}

static const struct model_list *find_list(const struct before *before, const char *name)
{
	size_t i;

	for (i = 0; i < before->list_count; i++)
		if (!strcmp(before->lists[i].name, name))
			return &before->lists[i];
	return NULL;
}

/* Lists that commands had added nothing to get none of what they have added since. */
static void empty_others(struct daemon *daemon, const struct before *before)
{
	struct prefix_set *none = prefix_set_new(NULL, 0, NULL, 0);
	size_t i;

	for (i = 0; i < model_list_count(daemon->model); i++) {
		const struct model_list *list = model_list_at(daemon->model, i);
		const struct model_list *kept = find_list(before, list->name);

		if (list->runtime->count && !(kept && kept->runtime->count))
			kept_restore_list(daemon, list->name, list_action_name(list->action), none);
	}
	prefix_set_unref(none);
}

static void restore_lists(struct daemon *daemon, const struct before *before)
{
	size_t i;

	empty_others(daemon, before);
	for (i = 0; i < before->list_count; i++) {
		const struct model_list *kept = &before->lists[i];
		const struct model_list *now = model_find_list(daemon->model, kept->name);
		struct prefix_set *set;

		if (!kept->runtime->count || (now && now->runtime == kept->runtime))
			continue;
		set = prefix_set_expire(kept->runtime, clock_wall_s());
		if (set->count || (now && now->runtime->count))
			kept_restore_list(daemon, kept->name, list_action_name(kept->action), set);
		prefix_set_unref(set);
	}
}

bool before_keeps_shift(const struct before *before, const struct model_service *service)
{
	size_t i;

	for (i = 0; i < before->shift_count; i++)
		if (!strcmp(before->shifts[i].service, service->name))
			return before->shifts[i].orders == service->shift_orders ||
			       service->shift.state == SHIFT_ROLLED_BACK;
	return !shift_is_on(&service->shift);
}

static void apply_shift(struct daemon *daemon, const struct change *change)
{
	struct errs errors = {0};

	if (model_apply(daemon->model, change, 1, clock_now_ms(), &errors)) {
		daemon_event(daemon, EVENT_change_dropped,
			     "the shift of service %.64s is not as before the trial: %.100s",
			     change->service, errors.list[0].text);
		daemon_log_errs(daemon, &errors);
	}
	errs_done(&errors);
}

/* Those that were begun since end; those that were there are as they were. */
static void restore_shifts(struct daemon *daemon, const struct before *before)
{
	size_t i;

	for (i = 0; i < model_service_count(daemon->model); i++) {
		const struct model_service *service = model_service_at(daemon->model, i);
		char name[NAME_MAX_LENGTH + 1];
		const struct change end = {.type = CHANGE_SHIFT,
					   .owner = OWNER_API,
					   .service = name,
					   .shift_action = SHIFT_ACTION_END};

		util_copy(name, sizeof(name), service->name);
		if (!before_keeps_shift(before, service) && shift_is_on(&service->shift))
			apply_shift(daemon, &end);
	}
	for (i = 0; i < before->shift_count; i++) {
		const struct before_shift *kept = &before->shifts[i];
		const struct model_service *service =
			model_find_service(daemon->model, kept->service);
		const struct change restore = {.type = CHANGE_SHIFT,
					       .owner = OWNER_API,
					       .service = kept->service,
					       .pool = kept->to,
					       .text = kept->text,
					       .shift = &kept->shift,
					       .shift_action = SHIFT_ACTION_RESTORE};

		if (!service || !before_keeps_shift(before, service))
			apply_shift(daemon, &restore);
	}
}

void before_restore(struct daemon *daemon, const struct before *before)
{
	struct errs errors = {0};

	if (!before->is_taken)
		return;
	if (overlay_undo(daemon->model, &before->changes, clock_now_ms(), &errors)) {
		daemon_event(daemon, EVENT_change_dropped,
			     "changes that commands made during the trial stay: %.100s",
			     errors.list[0].text);
		daemon_log_errs(daemon, &errors);
	}
	errs_done(&errors);
	kept_restore_changes(daemon, &before->changes);
	restore_lists(daemon, before);
	restore_shifts(daemon, before);
	bans_restore(daemon->refusals.bans);
	daemon->is_structure_new = daemon->is_sync_due = true;
	state_mark(daemon->state, STATE_CHANGES);
	state_mark(daemon->state, STATE_LISTS);
	state_mark(daemon->state, STATE_SHIFTS);
}
