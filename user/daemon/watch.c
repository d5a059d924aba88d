/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/daemon.h"

#include <net/if.h>
#include <string.h>

#include "daemon/attach.h"
#include "daemon/targets.h"
#include "dataplane/ethtool.h"

/* ---- our program on its interfaces ------------------------------------------------------------ */

static const struct watch_hook *find_hook(const struct watch *watch, const char *interface)
{
	size_t i;

	for (i = 0; i < watch->hook_count; i++)
		if (!strcmp(watch->hooks[i].interface, interface))
			return &watch->hooks[i];
	return NULL;
}

/* One entry for each configured interface; what is known of those that stay is kept. */
static void follow_config(struct daemon *daemon)
{
	struct watch old = daemon->watch;
	const struct watch_hook *known;
	size_t i;

	daemon->watch.hook_count = daemon->config->interface_count;
	for (i = 0; i < daemon->config->interface_count; i++) {
		const char *interface = daemon->config->interfaces[i];
		struct watch_hook *hook = &daemon->watch.hooks[i];

		known = find_hook(&old, interface);
		*hook = known ? *known : (struct watch_hook){0};
		util_copy(hook->interface, sizeof(hook->interface), interface);
	}
}

static void say_gone(struct daemon *daemon, const struct watch_hook *hook)
{
	uint32_t now = if_nametoindex(hook->interface);
	const char *how = "somebody took the program off";

	if (!now)
		how = "the interface was deleted";
	else if (hook->ifindex && hook->ifindex != now)
		how = "the interface was deleted and made anew";
	daemon_event(daemon, EVENT_detached, "%s: %s", hook->interface, how);
	log_warning("attach",
		    "%s: %s; it is configured, so it is attached again (sluicectl detach "
		    "ends that)",
		    hook->interface, how);
}

static void say_problem(struct daemon *daemon, struct watch_hook *hook, const struct err *e)
{
	char before[sizeof(hook->problem)];

	memcpy(before, hook->problem, sizeof(before));
	util_copy(hook->problem, sizeof(hook->problem), e->text);
	if (e->code == ERR_NOT_FOUND)
		snprintf(hook->fix, sizeof(hook->fix),
			 "bring %s back (ip link show): it is attached as soon as it is there",
			 hook->interface);
	else
		util_copy(hook->fix, sizeof(hook->fix), e->hint[0] ? e->hint : "sluicectl doctor");
	if (!strcmp(before, hook->problem))
		return;
	daemon_event(daemon, EVENT_detached, "not attached: %s", hook->problem);
	daemon_log_err(LOG_LEVEL_ERROR, daemon, e);
}

/* The driver may take tags off before the program runs: then frames of a VLAN look untagged, and
 * those that are sent on lose their tag. */
static void watch_tags(struct daemon *daemon, struct watch_hook *hook)
{
	const char *vlan = resolver_vlan_on(nexthops_resolver(daemon->nexthops), hook->ifindex);
	bool was_hidden = hook->hidden_vlan[0];

	if (vlan && ethtool_feature(hook->interface, "rx-vlan-hw-parse") != FACT_YES)
		vlan = NULL;
	util_copy(hook->hidden_vlan, sizeof(hook->hidden_vlan), vlan ? vlan : "");
	if (vlan && !was_hidden)
		log_warning("attach",
			    "%s takes VLAN tags off before XDP sees them, and %s is on it: ethtool "
			    "-K %s rxvlan off",
			    hook->interface, vlan, hook->interface);
}

static void watch_hook(struct daemon *daemon, struct watch_hook *hook)
{
	struct dp_attachment attachment;
	struct err e = {0};

	if (!dp_bpf_find(daemon->dp, hook->interface, &attachment)) {
		hook->ifindex = attachment.ifindex;
		hook->is_generic = attachment.is_generic;
		hook->problem[0] = '\0';
		watch_tags(daemon, hook);
		return;
	}
	if (!hook->problem[0])
		say_gone(daemon, hook);
	if (attach_one(daemon, hook->interface, &e))
		say_problem(daemon, hook, &e);
	else
		hook->problem[0] = '\0';
}

/* Native ones: where frames come in that are sent on to other devices. */
static void tell_sources(struct daemon *daemon)
{
	const struct watch *watch = &daemon->watch;
	uint32_t sources[CONFIG_INTERFACES_MAX];
	size_t count = 0, i;

	for (i = 0; i < watch->hook_count; i++)
		if (watch->hooks[i].ifindex && !watch->hooks[i].is_generic)
			sources[count++] = watch->hooks[i].ifindex;
	targets_set_sources(nexthops_targets(daemon->nexthops), sources, count, true);
	nexthops_tick(daemon->nexthops);
}

void watch_expect(struct daemon *daemon)
{
	uint32_t sources[CONFIG_INTERFACES_MAX];
	size_t count = 0, i;

	for (i = 0; i < daemon->config->interface_count; i++) {
		sources[count] = if_nametoindex(daemon->config->interfaces[i]);
		count += sources[count] && daemon->config->xdp_mode != XDP_ATTACH_GENERIC;
	}
	targets_set_sources(nexthops_targets(daemon->nexthops), sources, count, false);
}

void watch_tick(struct daemon *daemon)
{
	size_t i;

	if (!daemon->is_ready || daemon->is_detached)
		return;
	follow_config(daemon);
	for (i = 0; i < daemon->watch.hook_count; i++)
		watch_hook(daemon, &daemon->watch.hooks[i]);
	tell_sources(daemon);
	locals_tick(daemon);
}

const char *watch_fault(const struct daemon *daemon)
{
	size_t i;

	for (i = 0; i < daemon->watch.hook_count; i++)
		if (daemon->watch.hooks[i].problem[0])
			return daemon->watch.hooks[i].problem;
	return NULL;
}

bool watch_is_attached(const struct daemon *daemon)
{
	size_t i;

	for (i = 0; i < daemon->watch.hook_count; i++)
		if (!daemon->watch.hooks[i].problem[0])
			return true;
	return !daemon->watch.hook_count; /* not looked at yet */
}

/* ---- all of it ------------------------------------------------------------------------------- */

static size_t find_hidden_tags(const struct watch *watch, struct control_finding *list, size_t max)
{
	size_t count = 0, i;

	for (i = 0; i < watch->hook_count && count < max; i++) {
		const struct watch_hook *hook = &watch->hooks[i];

		if (!hook->hidden_vlan[0])
			continue;
		list[count].severity = CONTROL_NOTE;
		snprintf(list[count].text, sizeof(list[count].text),
			 "%s takes VLAN tags off before XDP sees them, and %s is on it: its frames "
			 "look untagged",
			 hook->interface, hook->hidden_vlan);
		snprintf(list[count].fix, sizeof(list[count].fix), "ethtool -K %s rxvlan off",
			 hook->interface);
		count++;
	}
	return count;
}

size_t watch_findings(const struct daemon *daemon, struct control_finding *list, size_t max)
{
	size_t count = 0, i;

	for (i = 0; i < daemon->watch.hook_count && count < max; i++) {
		const struct watch_hook *hook = &daemon->watch.hooks[i];

		if (!hook->problem[0])
			continue;
		list[count].severity = CONTROL_FAULT;
		util_copy(list[count].text, sizeof(list[count].text), hook->problem);
		util_copy(list[count].fix, sizeof(list[count].fix), hook->fix);
		count++;
	}
	if (daemon->cut_off.why && count < max) {
		list[count].severity = CONTROL_FAULT;
		snprintf(list[count].text, sizeof(list[count].text),
			 "this host is cut off: %s; nobody is ejected for that",
			 daemon->cut_off.why);
		util_copy(list[count].fix, sizeof(list[count].fix), daemon->cut_off.fix);
		count++;
	}
	count += locals_findings(daemon, list + count, max - count);
	count += troubles_findings(daemon, list + count, max - count);
	count += lacking_findings(daemon, list + count, max - count);
	count += names_findings(daemon, list + count, max - count);
	count += checks_findings(daemon, list + count, max - count);
	return count + find_hidden_tags(&daemon->watch, list + count, max - count);
}
