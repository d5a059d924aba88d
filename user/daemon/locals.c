/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/daemon.h"

#include <ifaddrs.h>
#include <string.h>

#include "base/addr.h"
#include "dataplane/iface.h"

/* Where the address is, as the command that removes it wants it. */
static void hint_delete(const struct ifaddrs *own, const struct sluice_addr *addr,
			const char *address, struct err *e)
{
	const struct ifaddrs *at = iface_with_address(own, addr);

	if (at)
		err_hint(e,
			 "ip address del %s/%d dev %s, and route it here instead; or use mode: "
			 "local",
			 address, iface_prefix_length(at), at->ifa_name);
	else
		err_hint(e, "ip route show table local %s: delete that route; or use mode: local",
			 address);
}

/* Whether the service breaks the rule. */
static bool breaks(struct resolver *resolver, const struct ifaddrs *own,
		   const struct service_config *service, struct err *e)
{
	bool is_local = resolver_is_local(resolver, &service->addr);
	char address[ADDR_TEXT_MAX], path[160];

	if (is_local == (service->mode == SLUICE_MODE_LOCAL))
		return false;
	addr_format(&service->addr, address);
	snprintf(path, sizeof(path), "services.%s.listen", service->name);
	if (is_local) {
		err_set(e, ERR_INVALID, path,
			"%s is an address of this host: after a detach the host would reset its "
			"connections",
			address);
		hint_delete(own, &service->addr, address, e);
	} else {
		err_set(e, ERR_INVALID, path,
			"%s is no address of this host, but the service's mode is local", address);
		err_hint(e, "ip address add %s/%d dev lo", address,
			 addr_family(&service->addr) == SLUICE_FAMILY_V4 ? 32 : 128);
	}
	e->line = service->line;
	return true;
}

static struct ifaddrs *read_own(void)
{
	struct ifaddrs *own;

	return getifaddrs(&own) ? NULL : own;
}

void locals_check(struct resolver *resolver, const struct config *config, struct errs *errors)
{
	struct ifaddrs *own = read_own();
	struct err e;
	size_t i;

	for (i = 0; i < config->service_count; i++)
		if (breaks(resolver, own, &config->services[i], &e))
			errs_add_err(errors, &e);
	if (own)
		freeifaddrs(own);
}

/* ---- while the daemon runs ------------------------------------------------------------------- */

static const struct local *find(const struct locals *locals, const struct local *wanted)
{
	size_t i;

	for (i = 0; i < locals->count; i++)
		if (!strcmp(locals->list[i].service, wanted->service) &&
		    !strcmp(locals->list[i].address, wanted->address) &&
		    locals->list[i].is_local == wanted->is_local)
			return &locals->list[i];
	return NULL;
}

static void look(struct daemon *daemon, struct locals *fresh)
{
	struct resolver *resolver = nexthops_resolver(daemon->nexthops);
	struct ifaddrs *own = read_own();
	struct err e;
	size_t i;

	for (i = 0; i < daemon->config->service_count; i++) {
		const struct service_config *service = &daemon->config->services[i];
		struct local *local;

		if (!breaks(resolver, own, service, &e))
			continue;
		fresh->list = util_grow(fresh->list, &fresh->capacity, fresh->count + 1,
					sizeof(*fresh->list));
		local = &fresh->list[fresh->count++];
		util_copy(local->service, sizeof(local->service), service->name);
		addr_format(&service->addr, local->address);
		local->is_local = service->mode != SLUICE_MODE_LOCAL;
		local->e = e;
	}
	if (own)
		freeifaddrs(own);
}

static void say_changes(struct daemon *daemon, const struct locals *old, const struct locals *fresh)
{
	size_t i;

	for (i = 0; i < fresh->count; i++) {
		const struct local *local = &fresh->list[i];

		if (find(old, local))
			continue;
		daemon_event(daemon, EVENT_address_changed, "%s: %s", local->service,
			     local->e.text);
		log_warning("address", "%s: %s (%s)", local->service, local->e.text, local->e.hint);
	}
	for (i = 0; i < old->count; i++) {
		const struct local *local = &old->list[i];

		if (find(fresh, local))
			continue;
		daemon_event(daemon, EVENT_address_changed, "%s: %s is %s", local->service,
			     local->address,
			     local->is_local ? "no address of this host any more"
					     : "an address of this host again");
		log_info("address", "%s: %s is right again", local->service, local->address);
	}
}

void locals_tick(struct daemon *daemon)
{
	uint64_t now = resolver_addresses(nexthops_resolver(daemon->nexthops));
	struct locals *locals = &daemon->locals;
	struct locals fresh = {.seen = now};

	if (now == locals->seen)
		return;
	look(daemon, &fresh);
	say_changes(daemon, locals, &fresh);
	locals_done(locals);
	*locals = fresh;
}

size_t locals_findings(const struct daemon *daemon, struct control_finding *list, size_t max)
{
	size_t count = MIN(daemon->locals.count, max), i;

	for (i = 0; i < count; i++) {
		const struct local *local = &daemon->locals.list[i];

		list[i].severity = local->is_local ? CONTROL_DEGRADED : CONTROL_FAULT;
		snprintf(list[i].text, sizeof(list[i].text), "%s: %s", local->service,
			 local->e.text);
		util_copy(list[i].fix, sizeof(list[i].fix), local->e.hint);
	}
	return count;
}

void locals_done(struct locals *locals)
{
	free(locals->list);
	*locals = (struct locals){0};
}
