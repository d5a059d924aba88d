/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A configuration file's change: what it owns is replaced by name, what runtime commands set
 * stays, and a reload that takes away too much is refused. */
#include "core/model_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/abi.h>

#include "base/addr.h"
#include "core/gcra_config.h"

#define SOURCES_MIN 1024U
#define SOURCES_MAX (16U << 20)

static uint32_t limit_id_new(struct apply *apply, const struct model_state *fresh)
{
	struct model_state *state = apply->state;
	uint32_t tries;

	/* Round and round, so that a freed entry of the map rests. */
	for (tries = 1; tries < SLUICE_LIMITS_DEFAULT; tries++) {
		uint32_t id = state->last_limit_id % (SLUICE_LIMITS_DEFAULT - 1) + 1;

		state->last_limit_id = id;
		if (!model_state_limit_by_id(state, id) && !model_state_limit_by_id(fresh, id))
			return id;
	}
	return 0;
}

static bool is_same_limit(const struct limit_config *a, const struct limit_config *b)
{
	return a->count == b->count && a->mode == b->mode && a->rate.n == b->rate.n &&
	       a->rate.s == b->rate.s && a->burst.n == b->burst.n && a->prefix4 == b->prefix4 &&
	       a->prefix6 == b->prefix6 && a->sources == b->sources;
}

static void limit_check(struct apply *apply, const struct limit_config *config)
{
	struct gcra_params params;
	struct err e;
	char path[100];

	snprintf(path, sizeof(path), "limits.%s", config->name);
	if (gcra_params_make(config->count, config->rate.n, config->rate.s, config->burst.n,
			     apply->tick_ns, &params, &e)) {
		e.line = config->line;
		util_copy(e.path, sizeof(e.path), path);
		errs_add_err(apply->errors, &e);
	}
	if (config->ban.after) {
		snprintf(path, sizeof(path), "limits.%s.ban", config->name);
		errs_add(apply->errors, ERR_UNSUPPORTED, path,
			 "limit %s: bans come with a later version", config->name)
			->line = config->line;
	}
	if (config->count <= SLUICE_COUNT_NONE || config->count >= SLUICE_COUNT_MAX ||
	    (unsigned int)config->mode >= SLUICE_LIMIT_MODE_MAX || config->prefix4 < 1 ||
	    config->prefix4 > 32 || config->prefix6 < 1 || config->prefix6 > 128 ||
	    config->sources < SOURCES_MIN || config->sources > SOURCES_MAX)
		errs_add(apply->errors, ERR_INVALID, path,
			 "limit %s: count, mode, prefix length or sources out of range",
			 config->name)
			->line = config->line;
}

static void limit_merge(struct apply *apply, struct model_state *fresh,
			const struct limit_config *config)
{
	const struct model_limit *old = model_state_limit(apply->state, config->name);
	struct model_limit limit = {.config = *config, .mode_file = config->mode};

	limit.config.sources = SOURCES_MIN;
	while (limit.config.sources < config->sources && limit.config.sources < SOURCES_MAX)
		limit.config.sources *= 2;
	if (!limit.config.burst.n && config->rate.s)
		limit.config.burst.n = gcra_burst_default(config->count, config->rate.n,
							  config->rate.s, apply->tick_ns);
	limit_check(apply, &limit.config);
	if (old && old->mode_file == config->mode)
		limit.config.mode = old->config.mode;
	limit.is_dirty = !old || old->is_dirty || !is_same_limit(&old->config, &limit.config);
	if (old && limit.is_dirty && !old->is_dirty)
		model_event(apply, EVENT_limit_changed, NULL, NULL, NULL,
			    "limit %s changed in the file", config->name);
	limit.id = old ? old->id : limit_id_new(apply, fresh);
	if (!limit.id)
		errs_add(apply->errors, ERR_CAPACITY, "limits", "more than %u limits",
			 SLUICE_LIMITS_DEFAULT - 1);
	fresh->limits = util_grow(fresh->limits, &fresh->limit_capacity, fresh->limit_count + 1,
				  sizeof(*fresh->limits));
	fresh->limits[fresh->limit_count++] = limit;
}

static bool is_narrower(const struct model_limit *a, const struct model_limit *b)
{
	return a->config.prefix4 != b->config.prefix4 ? a->config.prefix4 > b->config.prefix4
						      : a->config.prefix6 > b->config.prefix6;
}

/* Limit names to ids, narrowest first. */
static void service_limits(struct apply *apply, const struct model_state *fresh,
			   const struct service_config *config, struct model_service *service)
{
	const struct model_limit *limits[SLUICE_SERVICE_LIMITS_MAX];
	const char *names[SLUICE_LIMITS_DEFAULT], *near;
	size_t i, at, n = 0, known = 0;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX && config->limits[i][0]; i++) {
		const struct model_limit *limit = model_state_limit(fresh, config->limits[i]);
		char path[160];
		struct err *e;

		if (limit) {
			for (at = n++; at > 0 && is_narrower(limit, limits[at - 1]); at--)
				limits[at] = limits[at - 1];
			limits[at] = limit;
			continue;
		}
		snprintf(path, sizeof(path), "services.%s.limits[%zu]", config->name, i);
		e = errs_add(apply->errors, ERR_INVALID, path, "service %s: no limit is named %s",
			     config->name, config->limits[i]);
		e->line = config->line;
		for (known = 0; known < fresh->limit_count && known < ARRAY_SIZE(names); known++)
			names[known] = fresh->limits[known].config.name;
		near = util_nearest(config->limits[i], names, known);
		if (near)
			err_hint(e, "did you mean %s?", near);
		else
			err_hint(e, "define it under limits");
	}
	for (i = 0; i < n; i++)
		service->limits[i] = limits[i]->id;
}

static bool is_same_listen(const struct model_service *service, const struct service_config *config)
{
	return addr_equal(&service->addr, &config->addr) && service->port == config->port &&
	       service->proto == config->proto;
}

static void service_merge(struct apply *apply, struct model_state *fresh,
			  const struct service_config *config)
{
	const struct model_service *named = model_state_service(apply->state, config->name);
	const struct model_service *old =
		named && named->owner == OWNER_FILE && is_same_listen(named, config) ? named : NULL;
	struct model_service service = {
		.id = old ? old->id : apply->state->next_service_id++,
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
		.is_dirty = true,
		.is_panicked = old && old->is_panicked,
		.is_bare = old && old->is_bare,
		.bare_ms = old ? old->bare_ms : 0,
	};

	util_copy(service.name, sizeof(service.name), config->name);
	service_limits(apply, fresh, config, &service);
	model_config_allow(apply, fresh, config, &service);
	if (apply->state->has_config && !old)
		model_event(apply, EVENT_service_added, &service, NULL, NULL, "added");
	if (old && (old->mode != service.mode || old->slots != service.slots ||
		    old->is_unknown_port_passed != service.is_unknown_port_passed ||
		    old->announce != service.announce ||
		    memcmp(old->limits, service.limits, sizeof(service.limits)) != 0 ||
		    memcmp(old->allow, service.allow, sizeof(service.allow)) != 0))
		model_event(apply, EVENT_service_changed, &service, NULL, NULL,
			    "changed in the file");
	model_config_pools(apply, fresh, config, old, &service);
	fresh->services = util_grow(fresh->services, &fresh->service_capacity,
				    fresh->service_count + 1, sizeof(*fresh->services));
	fresh->services[fresh->service_count++] = service;
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
	for (i = 0; i < change->config->limit_count; i++)
		limit_merge(apply, &fresh, &change->config->limits[i]);
	model_config_lists(apply, &fresh, change);
	for (i = 0; i < change->config->service_count; i++)
		service_merge(apply, &fresh, &change->config->services[i]);
	if (!change->is_forced && errors == apply->errors->count)
		guard(apply, &fresh);
	services_leave(apply, &fresh);
	for (i = 0; i < fresh.service_count; i++)
		members += model_service_member_count(&fresh.services[i]);
	model_event(apply, EVENT_config_loaded, NULL, NULL, NULL,
		    "%zu services, %zu members, %zu limits", fresh.service_count, members,
		    fresh.limit_count);

	fresh.capacity = change->config->capacity;
	fresh.next_member_id = state->next_member_id;
	fresh.next_service_id = state->next_service_id;
	fresh.last_limit_id = state->last_limit_id;
	fresh.has_config = true;
	fresh.has_ramps = state->has_ramps;
	model_state_done(state);
	*state = fresh;
}
