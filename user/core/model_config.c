/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A configuration file's change: what it owns is replaced by name, what runtime commands set
 * stays, and a reload that takes away too much is refused. */
#include "core/model_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/abi.h>

#include "base/addr.h"

static bool is_same_listen(const struct model_service *service, const struct service_config *config)
{
	return addr_equal(&service->addr, &config->addr) && service->port == config->port &&
	       service->proto == config->proto;
}

/* Round and round, for ceilings have an entry for each id. */
static uint32_t service_id_new(struct apply *apply, const struct model_state *fresh)
{
	uint32_t cells = apply->config->capacity.service_cells;
	uint32_t id, most = (cells ? cells : SLUICE_SERVICE_CELLS_DEFAULT) - 1;

	do { /* services take half of the cells at most, old and new ones all */
		id = apply->state->next_service_id++;
		if (id <= most)
			return id; /* the first round: nobody had it */
		id = (id - 1) % most + 1;
	} while (model_state_service_by_id(apply->state, id) ||
		 model_state_service_by_id(fresh, id));
	return id;
}

static void service_merge(struct apply *apply, struct model_state *fresh,
			  const struct service_config *config)
{
	const struct model_service *named = model_state_service(apply->state, config->name);
	const struct model_service *from = named && named->owner == OWNER_FILE ? named : NULL;
	const struct model_service *old = from && is_same_listen(from, config) ? from : NULL;
	struct model_service service = {
		.id = old ? old->id : service_id_new(apply, fresh),
		.owner = OWNER_FILE,
		.addr = config->addr,
		.port = config->port,
		.proto = config->proto,
		.mode = config->mode,
		.is_unknown_port_passed = config->is_unknown_port_passed,
		.announce = config->announce,
		.slots = config->slots,
		.affinity = config->affinity,
		.learn_s = config->learn_s,
		.idle_s = config->idle_s,
		.window_s = config->window_s,
		.slow_start_s = config->slow_start_s,
		.max_new = config->max_new,
		.is_dirty = true,
		.min_healthy = config->min_healthy,
		.is_panic_dropped = config->is_panic_dropped,
		.is_withdrawn_when_down = config->is_withdrawn_when_down,
		.panic = old ? old->panic : PANIC_NONE,
		.panic_rank = old ? old->panic_rank : 0,
		.is_bare = old && old->is_bare,
		.bare_ms = old ? old->bare_ms : 0,
	};

	util_copy(service.name, sizeof(service.name), config->name);
	model_config_service_limits(apply, fresh, config, &service);
	model_config_ceilings(apply, config);
	model_config_allow(apply, fresh, config, &service);
	if (apply->state->has_config && !old)
		model_event(apply, EVENT_service_added, &service, NULL, NULL, "added");
	model_config_pools(apply, fresh, config, from, &service);
	if (old)
		model_tell_differences(apply, old, &service);
	if (from)
		model_shift_keep(apply, from, &service);
	fresh->services = util_grow(fresh->services, &fresh->service_capacity,
				    fresh->service_count + 1, sizeof(*fresh->services));
	fresh->services[fresh->service_count++] = service;
}

static void tell_dropped(struct apply *apply, const struct model_service *service)
{
	size_t p, m;

	for (p = 0; p < service->pool_count; p++)
		for (m = 0; m < service->pools[p].member_count; m++)
			model_tell_dropped(apply, service, &service->pools[p],
					   &service->pools[p].members[m]);
}

/* What somebody else than the file added stays; what the file had and no longer has goes. */
static void services_leave(struct apply *apply, struct model_state *fresh)
{
	size_t i;

	for (i = 0; i < apply->state->service_count; i++) {
		struct model_service *old = &apply->state->services[i];
		size_t f;

		for (f = 0; f < fresh->service_count && fresh->services[f].id != old->id; f++)
			;
		if (f < fresh->service_count)
			continue;
		if (old->owner == OWNER_FILE) {
			model_event(apply, EVENT_service_removed, old, NULL, NULL,
				    "removed with %zu members", model_service_member_count(old));
			if (!model_state_service(fresh, old->name))
				tell_dropped(apply, old);
			continue;
		}
		fresh->services = util_grow(fresh->services, &fresh->service_capacity,
					    fresh->service_count + 1, sizeof(*fresh->services));
		fresh->services[fresh->service_count++] = *old;
		old->pools = NULL; /* moved */
		old->pool_count = 0;
	}
}

static size_t members_lost(const struct model_service *old, const struct model_service *now)
{
	size_t p, m, q, lost = 0;

	for (p = 0; p < old->pool_count; p++) {
		for (m = 0; m < old->pools[p].member_count; m++) {
			for (q = 0; now && q < now->pool_count; q++) {
				if (model_find_member(&now->pools[q],
						      &old->pools[p].members[m].addr))
					break;
			}
			lost += !now || q == now->pool_count;
		}
	}
	return lost;
}

/* A second pool makes `source` of what was `hash`, too. */
static void guard_affinity(struct apply *apply, const struct model_service *old,
			   const struct model_service *now)
{
	static const char *const names[AFFINITY_MAX] = {"hash", "source", "track", "window"};
	bool is_rehashed = (old->affinity == AFFINITY_SOURCE) != (now->affinity == AFFINITY_SOURCE);
	char path[100];
	struct err *e;

	/* From hash, what remembers flows begins with those that there are, where they are. */
	if (old->id != now->id || old->affinity == now->affinity ||
	    (old->affinity == AFFINITY_HASH && !is_rehashed))
		return;
	snprintf(path, sizeof(path), "services.%s.affinity", old->name);
	e = errs_add(apply->errors, ERR_CONFLICT, path,
		     "with affinity %s %s flows of service %s get another member, and break",
		     names[now->affinity], is_rehashed ? "nearly all" : "the remembered",
		     old->name);
	err_hint(e, "affinity: %s keeps them; if that is meant: sluicectl reload --force",
		 names[old->affinity]);
}

/* A typing mistake must not take a site down: see change.is_forced. */
static void guard(struct apply *apply, const struct model_state *fresh)
{
	const struct model_state *old = apply->state;
	size_t i, total = 0, lost = 0;
	struct err *e;

	for (i = 0; i < old->service_count; i++) {
		const struct model_service *service = &old->services[i];
		const struct model_service *now = model_state_service(fresh, service->name);
		size_t members = model_service_member_count(service);
		char path[100];

		total += members;
		lost += members_lost(service, now);
		if (now)
			guard_affinity(apply, service, now);
		if (!members || !now || now->mode == SLUICE_MODE_LOCAL ||
		    model_service_member_count(now))
			continue;
		snprintf(path, sizeof(path), "services.%s.members", service->name);
		e = errs_add(apply->errors, ERR_CONFLICT, path,
			     "service %s would be left without members (it has %zu)", service->name,
			     members);
		err_hint(e, "if that is meant: sluicectl reload --force");
	}
	if (3 * lost <= total)
		return;
	e = errs_add(apply->errors, ERR_CONFLICT, "services",
		     "%zu of %zu members would be dropped, more than a third", lost, total);
	err_hint(e, "if that is meant: sluicectl reload --force");
}

void model_change_config(struct apply *apply, const struct change *change)
{
	struct model_state *state = apply->state, fresh = {0};
	size_t i, members = 0, errors = apply->errors->count;

	apply->config = change->config;
	model_config_limits(apply, &fresh, change->config);
	model_config_lists(apply, &fresh, change);
	for (i = 0; i < change->config->service_count; i++)
		service_merge(apply, &fresh, &change->config->services[i]);
	if (!change->is_forced && errors == apply->errors->count)
		guard(apply, &fresh);
	services_leave(apply, &fresh);
	for (i = 0; i < fresh.service_count; i++)
		members += model_service_member_count(&fresh.services[i]);
	if (change->type == CHANGE_CONFIG)
		model_event(apply, EVENT_config_loaded, NULL, NULL, NULL,
			    "%zu services, %zu members, %zu limits", fresh.service_count, members,
			    fresh.limit_count);

	fresh.capacity = change->config->capacity;
	fresh.next_member_id = state->next_member_id;
	fresh.next_service_id = state->next_service_id;
	fresh.last_limit_id = state->last_limit_id;
	fresh.has_config = true;
	fresh.has_ramps = state->has_ramps;
	fresh.overrides = TAKE_PTR(state->overrides);
	fresh.override_count = state->override_count;
	fresh.override_capacity = state->override_capacity;
	model_state_done(state);
	*state = fresh;
}
