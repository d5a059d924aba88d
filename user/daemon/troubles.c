/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/daemon.h"

#include <string.h>

#include "base/clock.h"

static const struct sync_problem *find(const struct sync_problem *list, size_t count,
				       const struct sync_problem *problem)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i].is_service == problem->is_service &&
		    strcmp(list[i].name, problem->name) == 0)
			return &list[i];
	}
	return NULL;
}

static void tell(struct daemon *daemon, const struct sync_problem *problem, const char *text)
{
	struct event event = {.type = EVENT_map_problem};

	if (problem->is_service)
		util_copy(event.service, sizeof(event.service), problem->name);
	util_copy(event.text, sizeof(event.text), text);
	event_log_add(daemon->events, &event);
}

void troubles_tick(struct daemon *daemon)
{
	struct troubles *troubles = &daemon->troubles;
	struct sync_problem now[TROUBLES_MAX];
	size_t count = sync_problems(daemon->sync, now, ARRAY_SIZE(now)), i;
	char text[320];

	for (i = 0; i < count; i++) {
		if (find(troubles->list, troubles->count, &now[i]))
			continue;
		tell(daemon, &now[i], now[i].text);
		log_error("sync", "%s%s%s%s", now[i].text, now[i].fix[0] ? " (" : "", now[i].fix,
			  now[i].fix[0] ? ")" : "");
	}
	for (i = 0; i < troubles->count; i++) {
		if (find(now, count, &troubles->list[i]))
			continue;
		snprintf(text, sizeof(text), "%s%s: nothing waits for room in the maps any more",
			 troubles->list[i].is_service ? "" : "limit ", troubles->list[i].name);
		tell(daemon, &troubles->list[i], text);
		log_info("sync", "%s", text);
	}
	memcpy(troubles->list, now, count * sizeof(*now));
	troubles->count = count;
}

size_t troubles_findings(const struct daemon *daemon, struct control_finding *list, size_t max)
{
	const struct troubles *troubles = &daemon->troubles;
	size_t count = MIN(troubles->count, max), i;

	for (i = 0; i < count; i++) {
		const struct sync_problem *problem = &troubles->list[i];

		list[i].severity = problem->is_served ? CONTROL_DEGRADED : CONTROL_FAULT;
		util_copy(list[i].text, sizeof(list[i].text), problem->text);
		util_copy(list[i].fix, sizeof(list[i].fix), problem->fix);
	}
	if (count || !max || !troubles->other[0] || !daemon->sync_failing_ms ||
	    clock_now_ms() - daemon->sync_failing_ms < SYNC_TROUBLE_AFTER_MS)
		return count;
	list[0].severity = CONTROL_DEGRADED;
	snprintf(list[0].text, sizeof(list[0].text), "not all is in the maps: %s", troubles->other);
	util_copy(list[0].fix, sizeof(list[0].fix), "sluicectl events");
	return 1;
}
