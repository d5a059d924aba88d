/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pools and members of a service from a configuration file, joined with what they were. */
#include "core/model_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "core/check_spec.h"

static const struct model_pool *pool_named(const struct model_service *service, const char *name)
{
	size_t i;

	for (i = 0; service && i < service->pool_count; i++) {
		if (strcmp(service->pools[i].name, name) == 0)
			return &service->pools[i];
	}
	return NULL;
}

static void health_init(struct model_member *member, const struct check_config *check)
{
	member->health = check->type == CHECK_NONE ? HEALTH_UP : HEALTH_UNKNOWN;
	member->health_since_s = clock_wall_s();
	util_set_text(&member->health_text, NULL);
	member->latency_us = 0;
	model_circuit_forget(member);
}

static void tell_added(struct apply *apply, const struct model_service *service,
		       const struct model_pool *pool, const struct model_member *member)
{
	const char *name = name_set_at(pool->names, member->name);

	model_event(apply, EVENT_member_added, service, pool, member,
		    "added with weight %" PRIu32 "%s%s", member->weight,
		    *name ? ", an address of " : "", name);
}

/* What a name's answers say holds; what a controller said of a written address stays. */
static void member_merge_name(struct apply *apply, const struct model_service *service,
			      const struct model_pool *pool, const struct member_config *config,
			      struct model_member *member)
{
	bool was_named = member->name != 0;
	enum discovery_state old = member->discovery;

	member->name = config->name;
	if (!config->name && !was_named)
		return;
	member->discovery = config->discovery;
	if (member->discovery != old)
		model_event(apply, EVENT_member_discovery, service, pool, member, "%s -> %s: %s%s",
			    model_discovery_name(old), model_discovery_name(member->discovery),
			    config->name ? name_set_at(pool->names, config->name) : "in the file",
			    !config->name			   ? ""
			    : member->discovery == DISCOVERY_READY ? " has this address again"
								   : " has this address no more");
}

/* Where it was: in the pool of that name, or, for an address is once in a service, in another one.
 * What a command added to another pool is not the file's to move. */
static const struct model_member *find_old(const struct model_service *from, const char *pool,
					   const struct sluice_addr *addr,
					   const struct model_pool **ret_pool)
{
	const struct model_pool *old_pool = pool_named(from, pool);
	const struct model_member *old;
	size_t p;

	old = old_pool ? model_find_member((struct model_pool *)old_pool, addr) : NULL;
	for (p = 0; from && !old && p < from->pool_count; p++) {
		old_pool = &from->pools[p];
		old = model_find_member(&from->pools[p], addr);
		if (old && old->owner != OWNER_FILE)
			old = NULL;
	}
	*ret_pool = old_pool;
	return old;
}

/* Its service listens elsewhere: it is another one now, of which only what was said holds. */
static void begin_anew(struct apply *apply, const struct model_service *service,
		       const struct model_pool *pool, struct model_member *member)
{
	const struct model_member old = *member;

	model_member_done(member);
	*member = (struct model_member){
		.id = apply->state->next_member_id++,
		.addr = old.addr,
		.port = service->port,
		.owner = old.owner,
		.weight = old.weight,
		.weight_file = old.weight_file,
		.admin = old.admin,
		.admin_file = old.admin_file,
		.drain_until_s = old.drain_until_s,
		.discovery = old.discovery,
		.name = old.name,
		.check = old.check,
		.max_new = old.max_new,
		.override = old.override,
		.override_until_s = old.override_until_s,
		.ramp.is_due = apply->state->has_ramps,
	};
	model_override_copy(apply->state, old.id, member->id);
	health_init(member, model_check_of(pool, member));
}

static void member_begin(struct apply *apply, const struct model_service *service,
			 struct model_pool *pool, const struct member_config *config,
			 struct model_member *member)
{
	*member = (struct model_member){.id = apply->state->next_member_id++,
					.addr = config->addr,
					.port = config->port,
					.owner = OWNER_FILE,
					.weight = config->weight,
					.weight_file = config->weight,
					.admin = config->admin,
					.admin_file = config->admin,
					.name = config->name,
					.discovery = config->discovery,
					.check = config->check,
					.max_new = config->max_new,
					.ramp.is_due = apply->state->has_ramps};
	health_init(member, model_check_of(pool, member));
	if (apply->state->has_config)
		tell_added(apply, service, pool, member);
}

/* A runtime weight or admin state stays until the file's own value changes. */
static void member_follow(struct apply *apply, const struct model_service *service,
			  struct model_pool *pool, const struct model_member *old,
			  const struct member_config *config, struct model_member *member)
{
	member->owner = OWNER_FILE;
	member->weight_file = config->weight;
	member->admin_file = config->admin;
	member->check = config->check;
	member->max_new = config->max_new;
	member_merge_name(apply, service, pool, config, member);
	if (old->admin_file != config->admin)
		member->admin = config->admin;
	if (member->admin != ADMIN_DRAIN) {
		member->drain_until_s = 0;
		member->is_cut = false;
	}
	if (member->admin != old->admin)
		model_event(apply, EVENT_member_admin, service, pool, member,
			    "%s -> %s in the file", model_admin_name(old->admin),
			    model_admin_name(member->admin));
	if (old->owner != OWNER_FILE || old->weight_file != config->weight)
		member->weight = config->weight;
	if (member->weight != old->weight)
		model_event(apply, EVENT_member_weight, service, pool, member,
			    "weight %" PRIu32 " -> %" PRIu32 " in the file", old->weight,
			    member->weight);
}

/* What the pool is now, for one that was in old_pool: what is not looked at any more ends. */
static void follow_pool(const struct model_pool *old_pool, const struct model_member *old,
			const struct model_pool *pool, struct model_member *member)
{
	const struct check_config *check = model_check_of(pool, member);
	bool is_out = old->health == HEALTH_DOWN || old->breaker.state != BREAKER_CLOSED;

	/* Who is out stays so until the new check says otherwise. */
	if (model_check_of(old_pool, old)->type != check->type &&
	    (check->type == CHECK_NONE || !is_out))
		health_init(member, check);
	if (!pool->circuit.is_enabled)
		model_circuit_forget(member);
	if (pool->circuit.passive == PASSIVE_MODE_DISABLED)
		member->suspicion = (struct passive_view){0};
}

/* from: its service as it was, NULL: new; of the same id unless it listens elsewhere now. */
static void member_merge(struct apply *apply, const struct model_service *service,
			 struct model_pool *pool, const struct model_service *from,
			 const struct member_config *config)
{
	const struct model_pool *old_pool;
	const struct model_member *old = find_old(from, pool->name, &config->addr, &old_pool);
	struct model_member member;

	if (!old) {
		member_begin(apply, service, pool, config, &member);
		model_pool_add(pool, &member);
		return;
	}
	member = *old;
	model_member_copy_texts(&member);
	if (from->id != service->id)
		begin_anew(apply, service, pool, &member);
	else if (strcmp(old_pool->name, pool->name) != 0)
		model_event(apply, EVENT_member_added, service, pool, &member,
			    "moved from pool %s, as it was", old_pool->name);
	member_follow(apply, service, pool, old, config, &member);
	model_tell_member_differences(apply, service, old_pool, old, pool, &member);
	follow_pool(old_pool, old, pool, &member);
	model_pool_add(pool, &member);
}

void model_tell_dropped(struct apply *apply, const struct model_service *service,
			const struct model_pool *pool, const struct model_member *member)
{
	char admin[ADMIN_TEXT_MAX] = "", weight[32] = "";
	const char *override = "", *added = "", *discovery = "";

	if (member->owner != OWNER_FILE)
		added = ", added";
	if (member->admin != member->admin_file)
		model_admin_text(member->admin, member->drain_until_s, admin);
	if (member->weight != member->weight_file)
		snprintf(weight, sizeof(weight), ", weight %" PRIu32, member->weight);
	if (member->override != OVERRIDE_NONE)
		override = model_override_name(member->override);
	if (member->discovery != DISCOVERY_READY && !member->name)
		discovery = model_discovery_name(member->discovery);
	if (*added || *admin || *weight || *override || *discovery)
		model_event(apply, EVENT_change_dropped, service, pool, member,
			    "what commands changed of it goes with it%s%s%s%s%s%s%s%s", added,
			    *admin ? ", " : "", admin, weight, *override ? ", " : "", override,
			    *discovery ? ", " : "", discovery);
}

static const struct pool_config *find_in_file(const struct service_config *config,
					      const struct sluice_addr *addr)
{
	size_t p, m;

	for (p = 0; p < config->pool_count; p++)
		for (m = 0; m < config->pools[p].member_count; m++)
			if (addr_equal(&config->pools[p].members[m].addr, addr))
				return &config->pools[p];
	return NULL;
}

/* One that is not in its pool any more, where nobody has moved it. */
static void tell_left(struct apply *apply, const struct model_service *service,
		      const struct model_pool *pool, const struct model_member *old,
		      const struct service_config *config, const char *why)
{
	const struct pool_config *to = old->owner == OWNER_FILE ? find_in_file(config, &old->addr)
								: NULL;

	if (to)
		model_event(apply, EVENT_member_removed, service, pool, old, "moved to pool %s",
			    to->name);
	else
		model_event(apply, EVENT_member_removed, service, pool, old, "%s", why);
	if (!to)
		model_tell_dropped(apply, service, pool, old);
}

static void members_leave(struct apply *apply, const struct model_service *service,
			  struct model_pool *pool, const struct model_service *from,
			  const struct service_config *config)
{
	const struct model_pool *old_pool = pool_named(from, pool->name);
	size_t i;

	for (i = 0; old_pool && i < old_pool->member_count; i++) {
		const struct model_member *old = &old_pool->members[i];

		if (model_find_member(pool, &old->addr))
			continue;
		if (old->owner != OWNER_FILE) {
			struct model_member *kept = model_pool_add(pool, old);

			model_member_copy_texts(kept);
			kept->check = 0;
			kept->name = 0;
			kept->max_new = pool->max_new_per_member;
			if (from->id != service->id)
				begin_anew(apply, service, pool, kept);
			follow_pool(old_pool, old, pool, kept);
			continue;
		}
		tell_left(apply, service, pool, old, config,
			  old->discovery == DISCOVERY_TERMINATING && old->name
				  ? "its name has it no more, and it has no connection left"
				  : "no longer in the file");
	}
}

/* From whatever pool it was removed, unless a command put it into another one since. */
static const struct model_removed *find_removed(const struct apply *apply,
						const struct model_service *from,
						const struct sluice_addr *addr)
{
	const struct model_removed *found = NULL;
	size_t i, p;

	for (i = 0; i < apply->state->removed_count && !found; i++) {
		const struct model_removed *mark = &apply->state->removed[i];

		if (!strcmp(mark->service, from->name) && addr_equal(&mark->addr, addr))
			found = mark;
	}
	for (p = 0; p < from->pool_count && found; p++)
		if (model_find_member(&from->pools[p], addr))
			found = NULL;
	return found;
}

/* What a command removed stays removed while the file lists it; the mark goes on with it. */
static bool stays_removed(const struct apply *apply, struct model_state *fresh,
			  const struct model_service *from, const struct model_pool *pool,
			  const struct member_config *config)
{
	const struct model_removed *mark = from ? find_removed(apply, from, &config->addr) : NULL;
	struct model_removed next;

	if (!mark)
		return false;
	next = *mark;
	util_copy(next.pool, sizeof(next.pool), pool->name);
	next.port = config->port;
	next.weight_file = config->weight;
	next.admin_file = config->admin;
	next.check = config->check;
	next.max_new = config->max_new;
	model_state_add_removed(fresh, &next);
	return true;
}

static void pools_leave(struct apply *apply, const struct model_service *service,
			const struct model_service *from, const struct service_config *config)
{
	size_t p, m;

	for (p = 0; from && p < from->pool_count; p++) {
		const struct model_pool *pool = &from->pools[p];

		for (m = 0; !pool_named(service, pool->name) && m < pool->member_count; m++)
			tell_left(apply, service, pool, &pool->members[m], config,
				  "its pool is no longer in the file");
	}
}

void model_config_pools(struct apply *apply, struct model_state *fresh,
			const struct service_config *config, const struct model_service *from,
			struct model_service *service)
{
	size_t p, m;

	service->pools = util_alloc_array(config->pool_count + 1, sizeof(*service->pools));
	service->pool_count = config->pool_count;
	for (p = 0; p < config->pool_count; p++) {
		const struct pool_config *file = &config->pools[p];
		struct model_pool *pool = &service->pools[p];

		util_copy(pool->name, sizeof(pool->name), file->name);
		pool->share = pool->share_file = file->share;
		pool->mode = file->mode;
		pool->gue_port = file->gue_port;
		pool->check = file->check;
		pool->checks = check_set_ref(file->checks);
		pool->names = name_set_ref(file->names);
		pool->max_new_per_member = file->max_new_per_member;
		pool->circuit = file->circuit;
		pool->is_fallback = strcmp(config->fallback, file->name) == 0;
		/* Most pools never get more than these. */
		pool->member_capacity = file->member_count + 1;
		pool->members = util_alloc_array(pool->member_capacity, sizeof(*pool->members));
		for (m = 0; m < file->member_count; m++)
			if (!stays_removed(apply, fresh, from, pool, &file->members[m]))
				member_merge(apply, service, pool, from, &file->members[m]);
		members_leave(apply, service, pool, from, config);
	}
	pools_leave(apply, service, from, config);
}
