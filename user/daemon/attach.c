/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/attach.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/daemon.h"

bool attach_has(const struct config *config, const char *interface)
{
	size_t i;

	for (i = 0; i < config->interface_count; i++)
		if (!strcmp(config->interfaces[i], interface))
			return true;
	return false;
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
	daemon_event(daemon, EVENT_attached, "%s: %s XDP%s", attachment->interface, mode,
		     attachment->is_adopted ? ", program replaced in place" : "");
	log_info("attach", "%s %s: %s XDP driver=%s program=%u%s%s", attachment->interface,
		 attachment->is_adopted ? "taken over" : "attached", mode, attachment->driver,
		 attachment->program_id, attachment->beside[0] ? " beside " : "",
		 attachment->beside);
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
	daemon_event(daemon, EVENT_detached, "%s", interface);
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

int attach_one(struct daemon *daemon, const char *interface, struct err *e)
{
	struct dp_attachment attachment;
	int r = dp_bpf_attach(daemon->dp, interface, daemon->config->xdp_mode, &attachment, e);

	if (!r)
		announce(daemon, &attachment);
	return r;
}

/* What runs already, in the mode that the new configuration wants. A change of mode takes the
 * program off for a moment; "auto" means native where it can. */
static int change_mode(struct daemon *daemon, const char *interface, enum xdp_attach_mode mode,
		       struct err *e)
{
	struct dp_attachment before, after;
	struct err ignored = {0};
	bool is_tried = false;

	if (dp_bpf_find(daemon->dp, interface, &before))
		return 0; /* missing: watch.h attaches it again */
	if (mode == XDP_ATTACH_AUTO && before.is_generic)
		is_tried =
			!dp_bpf_attach(daemon->dp, interface, XDP_ATTACH_NATIVE, &after, &ignored);
	if (!is_tried && dp_bpf_attach(daemon->dp, interface, mode, &after, e))
		return -EIO;
	if (after.is_generic != before.is_generic)
		announce(daemon, &after);
	return 0;
}

/* Of all that run already. A failure leaves some changed. */
static int change_modes(struct daemon *daemon, const struct config *config, struct err *e)
{
	int r = 0;
	size_t i;

	if (!daemon->is_ready || config->xdp_mode == daemon->config->xdp_mode)
		return 0;
	for (i = 0; i < config->interface_count && !r; i++)
		if (is_attached(daemon, config->interfaces[i]))
			r = change_mode(daemon, config->interfaces[i], config->xdp_mode, e);
	return r;
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
		if (!r)
			announce(daemon, &done[attached++]);
	}
	if (!r)
		r = change_modes(daemon, config, &e);
	if (!r)
		return 0;
	if (e.text[0])
		errs_add_err(errors, &e);
	while (attached-- > 0)
		if (!done[attached].is_adopted)
			detach(daemon, done[attached].interface);
	if (daemon->is_ready)
		attach_back(daemon);
	examine_failure(daemon, config, errors);
	return -EIO;
}

void attach_back(struct daemon *daemon)
{
	struct err e = {0};
	size_t i;

	attach_prune(daemon, daemon->config);
	for (i = 0; i < daemon->config->interface_count; i++)
		if (change_mode(daemon, daemon->config->interfaces[i], daemon->config->xdp_mode,
				&e))
			daemon_log_err(LOG_LEVEL_ERROR, daemon, &e);
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

/* What sluicectl put beside our socket for us to read: it may hold secrets. */
static void drop_config(const struct daemon *daemon)
{
	size_t length = strlen(daemon->directory);
	const char *path = daemon->options.config_path;

	if (!strncmp(path, daemon->directory, length) && path[length] == '/')
		unlink(path);
}

int attach_remove_everything(struct daemon *daemon, char *names, size_t size, struct err *e)
{
	int r = dp_bpf_cleanup(daemon->instance, names, size, e);

	if (r)
		return r;
	daemon_event(daemon, EVENT_detached, "%s", names[0] ? names : "no interface");
	log_info("attach", "detached by request (%s), pins removed",
		 names[0] ? names : "no interface");
	drop_config(daemon);
	daemon->is_detached = true;
	daemon->is_ready = false;
	return 0;
}
