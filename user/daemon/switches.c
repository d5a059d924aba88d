/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bypass: set in the maps, where it ends by itself; here it only becomes events and words. */
#include "daemon/daemon.h"

#include <string.h>

static const char *const names[DP_BYPASS_MAX] = {"limits", "lists"};

_Static_assert((int)DP_BYPASS_LIMITS == (int)CONTROL_BYPASS_LIMITS &&
		       (int)DP_BYPASS_LISTS == (int)CONTROL_BYPASS_LISTS &&
		       (int)DP_BYPASS_MAX == (int)CONTROL_BYPASS_MAX,
	       "the same kinds");

static void add_event(struct daemon *daemon, const char *text)
{
	struct event event = {.type = EVENT_bypass};

	util_copy(event.text, sizeof(event.text), text);
	event_log_add(daemon->events, &event);
	log_warning("bypass", "%s", text);
}

void switches_get(void *arg, struct control_switches *ret_switches)
{
	struct daemon *daemon = arg;
	struct dp_bypass_state state;
	struct dp_node node;
	size_t i;

	memset(ret_switches, 0, sizeof(*ret_switches));
	trial_get(daemon, &ret_switches->trial);
	if (daemon->is_detached || dp_bpf_node(daemon->dp, &node))
		return;
	for (i = 0; i < DP_BYPASS_MAX; i++) {
		dp_node_bypass_get(&node, i, &state);
		ret_switches->bypass[i].left_s = state.left_s;
		ret_switches->bypass[i].since_s = state.since_s;
		util_copy(ret_switches->bypass[i].by, sizeof(ret_switches->bypass[i].by), state.by);
	}
}

static void describe(const struct control_bypass *bypass, const char *name, char *text, size_t size)
{
	snprintf(text, size, "refusals by %s are only counted for %llu s, set by %s", name,
		 (unsigned long long)bypass->left_s, bypass->by);
}

int switches_bypass(void *arg, unsigned int what, uint64_t for_s, const char *by, struct err *e)
{
	struct control_switches before, after;
	struct daemon *daemon = arg;
	struct dp_node node;
	char text[160];
	int ret;
	size_t i;

	if (daemon->is_detached)
		return err_set(e, ERR_BUSY, "", "the daemon is detached and about to stop");
	ret = dp_bpf_node(daemon->dp, &node);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot read the packet path's clock: %s",
			       strerror(-ret));
	switches_get(daemon, &before);
	for (i = 0; i < DP_BYPASS_MAX; i++)
		if (what & 1U << i && (for_s || before.bypass[i].left_s))
			dp_node_bypass_set(&node, i, for_s, by);
	switches_get(daemon, &after);
	for (i = 0; i < DP_BYPASS_MAX; i++) {
		daemon->bypassed[i] = after.bypass[i].left_s;
		if (!(what & 1U << i) || (!for_s && !before.bypass[i].left_s))
			continue;
		if (for_s)
			describe(&after.bypass[i], names[i], text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s are enforced again, by %s", names[i], by);
		add_event(daemon, text);
	}
	return 0;
}

/* What began without us, and what ended by itself. */
void switches_tick(struct daemon *daemon)
{
	struct control_switches now;
	char text[160];
	size_t i;

	switches_get(daemon, &now);
	for (i = 0; i < DP_BYPASS_MAX; i++) {
		bool is_on = now.bypass[i].left_s;

		if (is_on == daemon->bypassed[i])
			continue;
		daemon->bypassed[i] = is_on;
		if (is_on)
			describe(&now.bypass[i], names[i], text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s are enforced again: the time is over",
				 names[i]);
		add_event(daemon, text);
	}
}
