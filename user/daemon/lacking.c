/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/lacking.h"

#include <string.h>

#include "daemon/daemon.h"

static const char *const names[LACKING_MAX] = {
	[LACKING_LISTENER] = "metrics are not served",
	[LACKING_GROUPS] = "the groups of access are still those of the trial",
};

void lacking_set(struct daemon *daemon, enum lacking_what what, const char *why)
{
	char *now = daemon->lacking.why[what];

	if (!strcmp(now, why))
		return;
	util_copy(now, sizeof(daemon->lacking.why[what]), why);
	if (*why) {
		log_error("trial", "%s: %s", names[what], why);
		daemon_event(daemon, EVENT_trial, "%s: %.90s", names[what], why);
	} else {
		daemon_event(daemon, EVENT_trial, "over: %s", names[what]);
	}
}

void lacking_tick(struct daemon *daemon)
{
	struct err e = {0};

	if (daemon->lacking.why[LACKING_LISTENER][0] &&
	    !listener_new(daemon->config->metrics_listen, api_metrics, daemon, &daemon->listener,
			  &e)) {
		loop_watch_listener(daemon);
		lacking_set(daemon, LACKING_LISTENER, "");
	}
	if (daemon->lacking.why[LACKING_GROUPS][0] &&
	    !control_set_groups(daemon->control, daemon->config, &e))
		lacking_set(daemon, LACKING_GROUPS, "");
}

size_t lacking_findings(const struct daemon *daemon, struct control_finding *list, size_t max)
{
	size_t count = 0, i;

	for (i = 0; i < LACKING_MAX && count < max; i++) {
		if (!daemon->lacking.why[i][0])
			continue;
		list[count] = (struct control_finding){.severity = CONTROL_DEGRADED};
		snprintf(list[count].text, sizeof(list[count].text), "%s: %s", names[i],
			 daemon->lacking.why[i]);
		util_copy(list[count].fix, sizeof(list[count].fix),
			  "make it available: it is tried again each second");
		count++;
	}
	return count;
}
