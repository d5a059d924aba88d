/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/daemon.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"

bool attach_has(const struct config *config, const char *interface)
{
	size_t i;

	for (i = 0; i < config->interface_count; i++)
		if (!strcmp(config->interfaces[i], interface))
			return true;
	return false;
}

static void add_event(struct daemon *daemon, enum event_type type, const char *fmt, ...)
	PRINTF(3, 4);
static void add_event(struct daemon *daemon, enum event_type type, const char *fmt, ...)
{
	struct event event = {.type = type};
	va_list args;

	va_start(args, fmt);
	vsnprintf(event.text, sizeof(event.text), fmt, args);
	va_end(args);
	event_log_add(daemon->events, &event);
}

uint64_t attach_since_s(const struct daemon *daemon, const char *interface)
{
	uint64_t newest = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(daemon->attached); i++)
		if (!strcmp(daemon->attached[i].interface, interface))
			newest = MAX(newest, daemon->attached[i].since_s);
	return newest;
}

static void announce(struct daemon *daemon, const struct dp_attachment *attachment)
{
	const char *mode = attachment->is_generic ? "generic" : "native";
	size_t place = daemon->attached_next++ % ARRAY_SIZE(daemon->attached);

	util_copy(daemon->attached[place].interface, sizeof(daemon->attached[place].interface),
		  attachment->interface);
	daemon->attached[place].since_s = clock_wall_s();

	announce_again(daemon->announcer);
	add_event(daemon, EVENT_attached, "%s: %s XDP%s", attachment->interface, mode,
		  attachment->is_adopted ? ", program replaced in place" : "");
	log_info("attach", "%s %s: %s XDP driver=%s program=%u%s", attachment->interface,
		 attachment->is_adopted ? "taken over" : "attached", mode, attachment->driver,
		 attachment->program_id, attachment->is_dispatched ? " dispatched" : "");
	if (attachment->is_generic)
		log_warning("attach",
			    "%s runs generic XDP: every packet takes the slow path (see "
			    "sluicectl status)",
			    attachment->interface);
}

static void detach(struct daemon *daemon, const char *interface)
{
	struct err e = {0};

	if (dp_bpf_detach(daemon->dp, interface, &e)) {
		daemon_log_err(LOG_LEVEL_ERROR, daemon, &e);
		return;
	}
	add_event(daemon, EVENT_detached, "%s", interface);
	log_info("attach", "%s detached", interface);
}

/* What this daemon attached is right already. */
static bool is_attached(const struct daemon *daemon, const char *interface)
{
	return daemon->is_ready && attach_has(daemon->config, interface);
}

/* Interfaces that a program is yet to be attached to. */
static size_t list_new(const struct daemon *daemon, const struct config *config,
		       const char *ret_names[CONFIG_INTERFACES_MAX])
{
	size_t count = 0, i;

	for (i = 0; i < config->interface_count; i++)
		if (!is_attached(daemon, config->interfaces[i]))
			ret_names[count++] = config->interfaces[i];
	return count;
}

int attach_all(struct daemon *daemon, const struct config *config, struct errs *errors)
{
	struct dp_attachment done[CONFIG_INTERFACES_MAX];
	const char *names[CONFIG_INTERFACES_MAX] = {0};
	size_t count = list_new(daemon, config, names), attached = 0;
	int r = examine_targets(daemon, config, names, count);
	struct err e = {0};

	while (!r && attached < count) {
		r = dp_bpf_attach(daemon->dp, names[attached], config->xdp_mode, &done[attached],
				  &e);
		if (r)
			errs_add_err(errors, &e);
		else
			announce(daemon, &done[attached++]);
	}
	if (!r)
		return 0;
	while (attached-- > 0)
		if (!done[attached].is_adopted)
			detach(daemon, done[attached].interface);
	examine_failure(daemon, config, errors);
	return -EIO;
}

int attach_prune(struct daemon *daemon, const struct config *config)
{
	struct dp_attachment list[2 * CONFIG_INTERFACES_MAX];
	size_t count = dp_bpf_attachments(daemon->dp, list, ARRAY_SIZE(list));
	int pruned = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (attach_has(config, list[i].interface))
			continue;
		log_warning("attach", "%s is not in the configuration any more", list[i].interface);
		detach(daemon, list[i].interface);
		pruned++;
	}
	return pruned;
}

int attach_remove_everything(struct daemon *daemon, char *names, size_t size, struct err *e)
{
	int r = dp_bpf_cleanup(daemon->instance, names, size, e);

	if (r)
		return r;
	add_event(daemon, EVENT_detached, "%s", names[0] ? names : "no interface");
	log_info("attach", "detached by request (%s), pins removed",
		 names[0] ? names : "no interface");
	daemon->is_detached = true;
	daemon->is_ready = false;
	return 0;
}
