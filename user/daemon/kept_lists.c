/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prefixes that commands added to access lists, as JSON: {"lists":[{"name","action","groups":
 * [{"expires_s","comment","prefixes"}]}]}. A group is a run of entries that came together, its
 * prefixes a text, so that a large list stays small.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"

static bool is_together(const struct prefix_set *set, const struct prefix_entry *a,
			const struct prefix_entry *b)
{
	return a->expires_s == b->expires_s &&
	       !strcmp(prefix_set_comment(set, a), prefix_set_comment(set, b));
}

char *kept_prefixes(const struct prefix_set *set, size_t from, size_t to)
{
	char *text = NULL, prefix[PREFIX_TEXT_MAX];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (; out && from < to; from++)
		fprintf(out, "%s\n", prefix_format(&set->entries[from].prefix, prefix));
	if (!out || fclose(out))
		abort();
	return text;
}

static json_t *save_group(const struct prefix_set *set, size_t from, size_t to)
{
	const struct prefix_entry *first = &set->entries[from];
	char *text = kept_prefixes(set, from, to);
	json_t *group = json_pack("{s:I, s:s, s:s}", "expires_s", (json_int_t)first->expires_s,
				  "comment", prefix_set_comment(set, first), "prefixes", text);

	free(text);
	return group;
}

static json_t *save_list(const struct model_list *list)
{
	const struct prefix_set *set = list->runtime;
	json_t *groups = json_array();
	size_t from, to;

	for (from = 0; from < set->count; from = to) {
		for (to = from + 1; to < set->count; to++)
			if (!is_together(set, &set->entries[from], &set->entries[to]))
				break;
		json_array_append_new(groups, save_group(set, from, to));
	}
	return json_pack("{s:s, s:s, s:o}", "name", list->name, "action",
			 list_action_name(list->action), "groups", groups);
}

json_t *kept_save_lists(struct daemon *daemon)
{
	const struct before *before = &daemon->trial.before;
	size_t count = before->is_taken ? before->list_count : model_list_count(daemon->model), i;
	json_t *lists = json_array();

	for (i = 0; i < count; i++) {
		const struct model_list *list = before->is_taken ? &before->lists[i]
								 : model_list_at(daemon->model, i);

		if (list->runtime->count)
			json_array_append_new(lists, save_list(list));
	}
	return json_pack("{s:o}", "lists", lists);
}

/* A group as a set; NULL with a reason in e. */
static struct prefix_set *load_group(const json_t *group, struct err *e)
{
	const json_t *prefixes = json_object_get(group, "prefixes");
	const char *comment = json_string_value(json_object_get(group, "comment"));
	json_int_t expires_s = json_integer_value(json_object_get(group, "expires_s"));
	struct prefix_set *set = NULL;
	struct errs errors = {0};

	if (!json_is_string(prefixes) || expires_s < 0 || expires_s > UINT32_MAX)
		err_set(e, ERR_INVALID, "lists", "a group has no prefixes or no time");
	else if (prefix_set_parse(json_string_value(prefixes), json_string_length(prefixes),
				  comment, (uint32_t)expires_s, &set, &errors))
		err_set(e, ERR_INVALID, "lists", "%s", errors.list[0].text);
	errs_done(&errors);
	return set;
}

/* Neighbours join, then their results: each prefix is copied a few times, not once a group. */
static struct prefix_set *join(struct prefix_set **sets, size_t count)
{
	struct prefix_set *left, *right, *both;

	if (count == 1)
		return sets[0];
	left = join(sets, count / 2);
	right = join(sets + count / 2, count - count / 2);
	both = prefix_set_merge(left, right);
	prefix_set_unref(left);
	prefix_set_unref(right);
	return both;
}

static struct prefix_set *load_groups(const json_t *groups, struct err *e, int *ret_result)
{
	size_t count = json_array_size(groups), kept = 0, i;
	AUTO_FREE struct prefix_set **sets =
		util_alloc_array(count + 1, sizeof(struct prefix_set *));

	for (i = 0; i < count; i++) {
		struct prefix_set *set = load_group(json_array_get(groups, i), e);

		if (set)
			sets[kept++] = set;
		else
			*ret_result = -EINVAL;
	}
	return kept ? join(sets, kept) : NULL;
}

static void note(struct daemon *daemon, enum event_type type, const char *text)
{
	struct event event = {.type = type};

	util_copy(event.text, sizeof(event.text), text);
	event_log_add(daemon->events, &event);
	log_line(type == EVENT_change_dropped ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "state", "%s",
		 text);
}

void kept_restore_list(struct daemon *daemon, const char *name, const char *action,
		       const struct prefix_set *set)
{
	const struct model_list *list = name ? model_find_list(daemon->model, name) : NULL;
	/* What was taken once is taken again: what this host has become since is no reason. */
	struct change change = {.type = CHANGE_LIST_REPLACE,
				.owner = OWNER_API,
				.prefixes = set,
				.is_forced = true};
	struct errs errors = {0};
	char text[160];

	if (!list || !action || strcmp(list_action_name(list->action), action)) {
		snprintf(text, sizeof(text),
			 "list %.63s: %zu entries not restored: the file has %s", name ? name : "?",
			 set->count, list ? "another action" : "no such list");
		note(daemon, EVENT_change_dropped, text);
		return;
	}
	change.list = list->name;
	if (model_apply(daemon->model, &change, 1, clock_now_ms(), &errors)) {
		snprintf(text, sizeof(text), "list %.63s: %zu entries not restored: %.60s", name,
			 set->count, errors.list[0].text);
		note(daemon, EVENT_change_dropped, text);
	} else {
		snprintf(text, sizeof(text), "list %.63s: %zu entries restored", name, set->count);
		note(daemon, EVENT_state_restored, text);
	}
	errs_done(&errors);
}

int kept_load_lists(struct daemon *daemon, const json_t *content, struct err *e)
{
	const json_t *lists = json_object_get(content, "lists"), *list;
	int result = 0;
	size_t i;

	if (!json_is_array(lists))
		return err_set(e, ERR_INVALID, "lists", "it has no lists");
	json_array_foreach (lists, i, list) {
		struct prefix_set *kept = load_groups(json_object_get(list, "groups"), e, &result);
		/* What expired while no daemon ran is not put back for a moment. */
		struct prefix_set *set = prefix_set_expire(kept, clock_wall_s());

		if (set->count)
			kept_restore_list(daemon, json_string_value(json_object_get(list, "name")),
					  json_string_value(json_object_get(list, "action")), set);
		prefix_set_unref(kept);
		prefix_set_unref(set);
	}
	return result;
}
