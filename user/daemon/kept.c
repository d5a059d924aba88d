/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/kept.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "core/overlay.h"
#include "daemon/daemon.h"
#include "state/changes.h"

/* ---- runtime changes ----------------------------------------------------------------------- */

json_t *kept_save_changes(struct daemon *daemon)
{
	struct overlay overlay = {0};
	json_t *json;

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

int kept_load_changes(struct daemon *daemon, const json_t *content, struct err *e)
{
	struct restoring restoring = {.daemon = daemon};
	struct event event = {.type = EVENT_state_restored};
	struct overlay overlay = {0};
	int r = changes_from_json(content, &overlay, e);
	size_t restored =
		overlay_restore(daemon->model, &overlay, clock_now_ms(), note_dropped, &restoring);

	if (restored || restoring.dropped) {
		snprintf(event.text, sizeof(event.text),
			 "%zu runtime change%s restored, %zu dropped", restored,
			 restored == 1 ? "" : "s", restoring.dropped);
		event_log_add(daemon->events, &event);
		log_info("state", "%s", event.text);
	}
	overlay_done(&overlay);
	return r;
}

/* ---- the last good configuration ----------------------------------------------------------- */

json_t *kept_save_last_good(struct daemon *daemon)
{
	return sources_to_json(&daemon->sources);
}

int kept_load_last_good(struct daemon *daemon, const json_t *content, struct err *e)
{
	struct sources sources;
	int r = sources_from_json(content, &sources, e);

	if (r)
		return r;
	sources_done(&daemon->sources);
	daemon->sources = sources;
	return 0;
}
