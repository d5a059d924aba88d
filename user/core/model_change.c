/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes of single objects: members, their health and next hop, modes of limits. */
#include "core/model_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/clock.h"
#include "core/health_state.h"

const char *model_admin_name(enum admin_state admin)
{
	static const char *const names[ADMIN_STATE_MAX] = {"ready", "drain", "maint"};

	return (unsigned int)admin < ADMIN_STATE_MAX ? names[admin] : "?";
}

const char *model_discovery_name(enum discovery_state discovery)
{
	static const char *const names[DISCOVERY_STATE_MAX] = {"ready", "terminating", "not-ready"};

	return (unsigned int)discovery < DISCOVERY_STATE_MAX ? names[discovery] : "?";
}

const char *model_until_text(uint64_t wall_s, char *buffer, size_t size)
{
	time_t at = (time_t)wall_s;
	struct tm tm;

	buffer[0] = '\0';
	if (gmtime_r(&at, &tm))
		strftime(buffer, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buffer;
}

const char *model_admin_text(enum admin_state admin, uint64_t drain_until_s,
			     char buffer[ADMIN_TEXT_MAX])
{
	char until[24];

	util_copy(buffer, ADMIN_TEXT_MAX, model_admin_name(admin));
	if (admin == ADMIN_DRAIN && drain_until_s)
		snprintf(buffer, ADMIN_TEXT_MAX, "drain until %s",
			 model_until_text(drain_until_s, until, sizeof(until)));
	return buffer;
}

const char *model_limit_mode_name(enum sluice_limit_mode mode)
{
	static const char *const names[SLUICE_LIMIT_MODE_MAX] = {"disabled", "enforce", "shadow"};

	return (unsigned int)mode < SLUICE_LIMIT_MODE_MAX ? names[mode] : "?";
}

#define NAMES_MAX 4096

static struct model_service *find_service(struct apply *apply, const char *name)
{
	struct model_service *service = model_state_service(apply->state, name ? name : "");
	const char *names[NAMES_MAX], *near;
	struct err *e;
	size_t i;

	if (service)
		return service;
	for (i = 0; i < apply->state->service_count && i < NAMES_MAX; i++)
		names[i] = apply->state->services[i].name;
	near = util_nearest(name ? name : "", names, i);
	e = errs_add(apply->errors, ERR_NOT_FOUND, "/service", "no service %s",
		     name && *name ? name : "named");
	if (near)
		err_hint(e, "did you mean %s?", near);
	else
		err_hint(e, "see sluicectl service list");
	return NULL;
}

/* NULL without an error when no pool was named and there are several. */
static struct model_pool *find_pool(struct apply *apply, struct model_service *service,
				    const char *name)
{
	const char *names[64], *near;
	struct err *e;
	size_t i;

	if (!name || !*name || strcmp(name, "-") == 0)
		return service->pool_count == 1 ? &service->pools[0] : NULL;
	for (i = 0; i < service->pool_count; i++) {
		if (strcmp(service->pools[i].name, name) == 0)
			return &service->pools[i];
		if (i < ARRAY_SIZE(names))
			names[i] = service->pools[i].name;
	}
	near = util_nearest(name, names, MIN(i, ARRAY_SIZE(names)));
	e = errs_add(apply->errors, ERR_NOT_FOUND, "/pool", "no pool %s in service %s", name,
		     service->name);
	if (near)
		err_hint(e, "did you mean %s?", near);
	return NULL;
}

static void no_member(struct apply *apply, const struct model_service *service,
		      const struct change *change)
{
	size_t p, m, n = 0, total = model_service_member_count(service);
	AUTO_FREE const char **names = util_alloc_array(total + 1, sizeof(*names));
	AUTO_FREE char *texts = util_alloc_array(total + 1, ADDR_TEXT_MAX);
	char wanted[ADDR_TEXT_MAX];
	const char *near;
	struct err *e;

	for (p = 0; p < service->pool_count; p++) {
		for (m = 0; m < service->pools[p].member_count; m++, n++)
			names[n] = addr_format(&service->pools[p].members[m].addr,
					       texts + n * ADDR_TEXT_MAX);
	}
	addr_format(&change->addr, wanted);
	near = util_nearest(wanted, names, n);
	e = errs_add(apply->errors, ERR_NOT_FOUND, "/member", "no member %s in %s%s%s", wanted,
		     service->name, change->pool && *change->pool ? "/" : "",
		     change->pool ? change->pool : "");
	if (near)
		err_hint(e, "did you mean %s?", near);
	else
		err_hint(e, "see sluicectl member list %s", service->name);
}

/* In the named pool, or in any: an address is in a service only once. */
static struct model_member *find_member(struct apply *apply, struct model_service *service,
					const struct change *change, struct model_pool **ret_pool)
{
	size_t errors = apply->errors->count, p;
	struct model_pool *named = find_pool(apply, service, change->pool);
	struct model_member *member;

	if (apply->errors->count != errors)
		return NULL;
	for (p = 0; p < service->pool_count; p++) {
		if (named && named != &service->pools[p])
			continue;
		member = model_find_member(&service->pools[p], &change->addr);
		if (member) {
			*ret_pool = &service->pools[p];
			return member;
		}
	}
	no_member(apply, service, change);
	return NULL;
}

static void member_add(struct apply *apply, struct model_service *service,
		       const struct change *change)
{
	size_t errors = apply->errors->count;
	struct model_pool *pool;
	struct model_member member = {.addr = change->addr,
				      .port = service->port,
				      .owner = change->owner,
				      .weight = change->weight,
				      .weight_file = change->weight};
	struct model_removed *removed;
	struct err *e;

	if (service->mode == SLUICE_MODE_LOCAL) {
		errs_add(apply->errors, ERR_INVALID, "/service",
			 "service %s is of mode local and has no members", service->name);
		return;
	}
	pool = find_pool(apply, service, change->pool);
	if (!pool) {
		if (apply->errors->count == errors) {
			e = errs_add(apply->errors, ERR_INVALID, "/pool",
				     "service %s has %zu pools", service->name,
				     service->pool_count);
			err_hint(e, "name the pool that the member joins");
		}
		return;
	}
	member.max_new = pool->max_new_per_member;
	removed = model_state_removed(apply->state, service->name, pool->name, &member.addr);
	if (removed) { /* back to what the file says it is */
		member.owner = OWNER_FILE;
		member.weight_file = removed->weight_file;
		member.admin_file = removed->admin_file;
		member.check = removed->check;
		member.max_new = removed->max_new;
		*removed = apply->state->removed[--apply->state->removed_count];
	}
	member.id = apply->state->next_member_id++;
	member.health = model_check_of(pool, &member)->type == CHECK_NONE ? HEALTH_UP
									  : HEALTH_UNKNOWN;
	member.health_since_s = clock_wall_s();
	member.ramp.is_due = apply->state->has_ramps;
	model_pool_add(pool, &member);
	model_event(apply, EVENT_member_added, service, pool, &member,
		    "added with weight %" PRIu32 " at run time", member.weight);
}

static void member_remove(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member)
{
	size_t position = (size_t)(member - pool->members);

	if (member->owner == OWNER_FILE) {
		struct model_removed removed = {.addr = member->addr,
						.port = member->port,
						.weight_file = member->weight_file,
						.admin_file = member->admin_file,
						.check = member->check,
						.max_new = member->max_new};

		util_copy(removed.service, sizeof(removed.service), service->name);
		util_copy(removed.pool, sizeof(removed.pool), pool->name);
		model_state_add_removed(apply->state, &removed);
	}
	model_event(apply, EVENT_member_removed, service, pool, member, "removed at run time");
	model_member_done(member);
	memmove(member, member + 1, (pool->member_count - position - 1) * sizeof(*member));
	pool->member_count--;
}

static void set_admin(struct apply *apply, const struct model_service *service,
		      const struct model_pool *pool, struct model_member *member,
		      const struct change *change)
{
	uint64_t until_s = change->admin == ADMIN_DRAIN ? change->drain_until_s : 0;
	char old[ADMIN_TEXT_MAX], new[ADMIN_TEXT_MAX];

	if (member->admin == change->admin && member->drain_until_s == until_s)
		return;
	model_event(apply, EVENT_member_admin, service, pool, member, "%s -> %s%s%s",
		    model_admin_text(member->admin, member->drain_until_s, old),
		    model_admin_text(change->admin, until_s, new),
		    change->text && *change->text ? ": " : "", change->text ? change->text : "");
	member->admin = change->admin;
	member->drain_until_s = until_s;
	member->is_cut = false;
}

static void set_discovery(struct apply *apply, const struct model_service *service,
			  const struct model_pool *pool, struct model_member *member,
			  const struct change *change)
{
	if ((unsigned int)change->discovery >= DISCOVERY_STATE_MAX) {
		errs_add(apply->errors, ERR_INVALID, "/discovery", "unknown discovery state %d",
			 (int)change->discovery);
		return;
	}
	if (member->discovery == change->discovery)
		return;
	model_event(apply, EVENT_member_discovery, service, pool, member, "%s -> %s%s%s",
		    model_discovery_name(member->discovery),
		    model_discovery_name(change->discovery),
		    change->text && *change->text ? ": " : "", change->text ? change->text : "");
	member->discovery = change->discovery;
}

void model_change_member(struct apply *apply, const struct change *change)
{
	struct model_service *service = find_service(apply, change->service);
	struct model_member *member;
	struct model_pool *pool;

	if (!service)
		return;
	if (change->port && change->port != service->port) {
		struct err *e = errs_add(apply->errors, ERR_INVALID, "/member",
					 "port %u is not the service's port %u", change->port,
					 service->port);

		err_hint(e, "members keep the service's port; leave it out");
		return;
	}
	service->is_dirty = true;
	if (change->type == CHANGE_MEMBER_ADD || change->type == CHANGE_MEMBER_REMOVE)
		apply->state->is_access_dirty = true; /* members are not denied */
	if (change->type == CHANGE_MEMBER_ADD) {
		member_add(apply, service, change);
		return;
	}
	member = find_member(apply, service, change, &pool);
	if (!member)
		return;
	if (change->type == CHANGE_MEMBER_REMOVE) {
		member_remove(apply, service, pool, member);
	} else if (change->type == CHANGE_MEMBER_WEIGHT) {
		if (member->weight != change->weight)
			model_event(apply, EVENT_member_weight, service, pool, member,
				    "weight %" PRIu32 " -> %" PRIu32, member->weight,
				    change->weight);
		member->weight = change->weight;
		if (member->owner != OWNER_FILE)
			member->weight_file = change->weight;
	} else if (change->type == CHANGE_MEMBER_DISCOVERY) {
		set_discovery(apply, service, pool, member, change);
	} else if (change->type == CHANGE_MEMBER_OVERRIDE) {
		model_set_override(apply, service, pool, member, change);
	} else if ((unsigned int)change->admin >= ADMIN_STATE_MAX) {
		errs_add(apply->errors, ERR_INVALID, "/admin", "unknown admin state %d",
			 (int)change->admin);
	} else {
		set_admin(apply, service, pool, member, change);
	}
}

void model_change_limit_mode(struct apply *apply, const struct change *change)
{
	const char *name = change->limit ? change->limit : "", *names[NAMES_MAX], *near;
	struct model_limit *limit = model_state_limit(apply->state, name);
	size_t i;

	if (!limit) {
		struct err *e =
			errs_add(apply->errors, ERR_NOT_FOUND, "/limit", "no limit %s", name);

		for (i = 0; i < apply->state->limit_count && i < NAMES_MAX; i++)
			names[i] = apply->state->limits[i].config.name;
		near = util_nearest(name, names, i);
		if (near)
			err_hint(e, "did you mean %s?", near);
		return;
	}
	if ((unsigned int)change->limit_mode >= SLUICE_LIMIT_MODE_MAX) {
		errs_add(apply->errors, ERR_INVALID, "/mode", "unknown mode %d of a limit",
			 (int)change->limit_mode);
		return;
	}
	if (limit->config.mode != change->limit_mode)
		model_event(apply, EVENT_limit_changed, NULL, NULL, NULL, "limit %s: %s -> %s",
			    name, model_limit_mode_name(limit->config.mode),
			    model_limit_mode_name(change->limit_mode));
	limit->config.mode = change->limit_mode;
	limit->is_dirty = true;
}

void model_change_health(struct apply *apply, struct model_service *service,
			 struct model_pool *pool, struct model_member *member,
			 const struct change *change)
{
	const char *text = change->text ? change->text : "";

	util_set_text(&member->health_text, text);
	/* What it failed with last is what its trial is about. */
	if (change->health == HEALTH_DOWN && health_text_is_failure(text) &&
	    member->breaker.state != BREAKER_CLOSED)
		util_set_text(&member->circuit_text, text);
	if (change->latency_us)
		member->latency_us = change->latency_us;
	if (member->health == change->health &&
	    (change->health != HEALTH_DOWN || member->health_cause == change->health_cause))
		return;
	member->health_cause = change->health_cause;
	if (member->health == change->health) {
		/* Down for another reason, which says something else of its flows. */
		service->is_dirty = true;
		model_service_refresh(apply, service);
		return;
	}
	if (change->health == HEALTH_DOWN)
		model_event(apply, EVENT_member_down, service, pool, member, "%s",
			    *text ? text : "its check fails");
	else if (change->health == HEALTH_UP)
		model_event(apply, EVENT_member_up, service, pool, member, "%s",
			    model_check_of(pool, member)->type == CHECK_NONE ? "it is not checked"
			    : member->health == HEALTH_DOWN ? "its check passes again"
							    : "its first check passed");
	member->health = change->health;
	member->health_since_s = clock_wall_s();
	model_circuit_health(apply, service, pool, member);
	service->is_dirty = true;
	model_service_refresh(apply, service);
}

void model_change_cut(struct apply *apply, struct model_service *service, struct model_pool *pool,
		      struct model_member *member, const struct change *change)
{
	/* Another deadline, or none, may have been set since. */
	if (member->is_cut || !member->drain_until_s ||
	    member->drain_until_s != change->drain_until_s)
		return;
	if (change->text)
		model_event(apply, EVENT_member_cut, service, pool, member, "%s", change->text);
	member->is_cut = true;
	service->is_dirty = true;
	model_service_refresh(apply, service);
}

static bool is_same_nexthop(const struct nexthop *a, const struct nexthop *b)
{
	return a->ifindex == b->ifindex && a->has_vlan == b->has_vlan &&
	       (!a->has_vlan || a->vlan_tci == b->vlan_tci) &&
	       memcmp(a->dmac, b->dmac, sizeof(a->dmac)) == 0 &&
	       memcmp(a->smac, b->smac, sizeof(a->smac)) == 0 && addr_equal(&a->src4, &b->src4) &&
	       addr_equal(&a->src6, &b->src6) && a->mtu == b->mtu;
}

void model_change_nexthop(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member,
			  const struct change *change)
{
	const char *text = change->text ? change->text : "";
	const uint8_t *mac = change->nexthop.dmac;
	bool is_resolved = change->nexthop_state == NEXTHOP_RESOLVED;
	bool is_new = is_resolved && !is_same_nexthop(&member->nexthop, &change->nexthop);
	enum nexthop_state before = member->nexthop_state;

	util_set_text(&member->nexthop_text, text);
	if (is_resolved && member->nexthop.has_gateway != change->nexthop.has_gateway) {
		member->nexthop.has_gateway = change->nexthop.has_gateway;
		service->is_dirty = true;
	}
	if (before == change->nexthop_state && !is_new)
		return;
	if (change->nexthop_state == NEXTHOP_FAILED)
		model_event(apply, EVENT_member_nexthop, service, pool, member, "%s",
			    *text ? text : "not reachable");
	else if (is_resolved && before != NEXTHOP_PENDING)
		model_event(apply, EVENT_member_nexthop, service, pool, member,
			    "reached through %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
			    mac[3], mac[4], mac[5]);
	/* What was known stays: a member that fails keeps its way in the packet path, for flows
	 * that have nowhere else to go. */
	if (is_resolved)
		member->nexthop = change->nexthop;
	member->nexthop_state = change->nexthop_state;
	service->is_dirty = true;
	model_service_refresh(apply, service);
}
