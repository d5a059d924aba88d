/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/kept.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon.h"
#include "state/changes.h"

/* ---- runtime changes ----------------------------------------------------------------------- */

json_t *kept_save_changes(struct daemon *daemon)
{
	struct overlay overlay = {0};
	json_t *json;

	/* What a trial leads to is not known to stay. */
	if (daemon->trial.before.is_taken)
		return changes_to_json(&daemon->trial.before.changes);
	overlay_collect(daemon->model, &overlay);
	json = changes_to_json(&overlay);
	overlay_done(&overlay);
	return json;
}

struct restoring {
	struct daemon *daemon;
	size_t dropped;
};

static void note_dropped(void *arg, const struct overlay_entry *entry, const char *why)
{
	struct event event = {.type = EVENT_change_dropped};
	struct restoring *restoring = arg;
	char object[240], change[160];

	restoring->dropped++;
	overlay_object(entry, object, sizeof(object));
	overlay_change(entry, change, sizeof(change));
	util_copy(event.service, sizeof(event.service), entry->service);
	util_copy(event.pool, sizeof(event.pool), entry->pool);
	snprintf(event.text, sizeof(event.text), "not restored: %s: %.100s", change, why);
	event_log_add(restoring->daemon->events, &event);
	log_warning("state", "%s: %s: not restored (%s)", object, change, why);
}

void kept_restore_changes(struct daemon *daemon, const struct overlay *overlay)
{
	struct restoring restoring = {.daemon = daemon};
	struct event event = {.type = EVENT_state_restored};
	size_t restored =
		overlay_restore(daemon->model, overlay, clock_now_ms(), note_dropped, &restoring);

	if (!restored && !restoring.dropped)
		return;
	snprintf(event.text, sizeof(event.text), "%zu runtime change%s restored, %zu dropped",
		 restored, restored == 1 ? "" : "s", restoring.dropped);
	event_log_add(daemon->events, &event);
	log_info("state", "%s", event.text);
}

int kept_load_changes(struct daemon *daemon, const json_t *content, struct err *e)
{
	struct overlay overlay = {0};
	int r = changes_from_json(content, &overlay, e);

	kept_restore_changes(daemon, &overlay);
	overlay_done(&overlay);
	return r;
}

/* ---- the last good configuration ----------------------------------------------------------- */

json_t *kept_save_last_good(struct daemon *daemon)
{
	/* What is on trial is not known to be good: the one before it is. */
	const struct trial *trial = &daemon->trial;
	bool is_on_trial = trial->sources.count > 0;
	const struct config *config = is_on_trial ? trial->config : daemon->config;
	json_t *content = sources_to_json(is_on_trial ? &trial->sources : &daemon->sources);
	json_t *lists = json_array();
	size_t i;

	for (i = 0; i < config->list_count; i++) {
		const struct list_config *list = &config->lists[i];
		char *text;

		if (!*list->file)
			continue;
		text = kept_prefixes(list->prefixes, 0, prefix_set_count(list->prefixes));
		json_array_append_new(lists,
				      json_pack("{s:s, s:s}", "path", list->file, "text", text));
		free(text);
	}
	json_object_set_new(content, "lists", lists);
	return content;
}

int kept_load_last_good(struct daemon *daemon, const json_t *content, struct err *e)
{
	struct sources sources;
	int r = sources_from_json(content, &sources, e);

	if (r)
		return r;
	sources_done(&daemon->sources);
	daemon->sources = sources;
	json_decref(daemon->kept_files);
	daemon->kept_files = json_incref(json_object_get(content, "lists"));
	return 0;
}

static const json_t *find_file(const json_t *files, const char *path)
{
	const json_t *file;
	size_t i;

	json_array_foreach (files, i, file) {
		const char *name = json_string_value(json_object_get(file, "path"));

		if (name && !strcmp(name, path))
			return json_object_get(file, "text");
	}
	return NULL;
}

int kept_take_lists(struct daemon *daemon, struct config *config, struct errs *errors)
{
	int result = 0, r;
	size_t i;

	for (i = 0; i < config->list_count; i++) {
		struct list_config *list = &config->lists[i];
		const json_t *text = *list->file ? find_file(daemon->kept_files, list->file) : NULL;

		if (!*list->file)
			continue;
		r = json_is_string(text) ? config_take_list(list, json_string_value(text),
							    json_string_length(text), errors)
					 : config_load_list(list, util_read_file, errors);
		if (r)
			result = r;
	}
	json_decref(daemon->kept_files);
	daemon->kept_files = NULL;
	return result;
}
