/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/before.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"

void before_take(struct before *before, const struct model *model)
{
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
}

void before_done(struct before *before)
{
	size_t i;

	for (i = 0; i < before->list_count; i++)
		prefix_set_unref(before->lists[i].runtime);
	free(before->lists);
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
	daemon->is_structure_new = daemon->is_sync_due = true;
	state_mark(daemon->state, STATE_CHANGES);
	state_mark(daemon->state, STATE_LISTS);
}
