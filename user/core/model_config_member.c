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

/* A runtime weight or admin state stays until the file's own value changes. */
static void member_merge(struct apply *apply, const struct model_service *service,
			 struct model_pool *pool, const struct model_pool *old_pool,
			 const struct member_config *config)
{
	const struct model_member *old =
		old_pool ? model_find_member((struct model_pool *)old_pool, &config->addr) : NULL;
	struct model_member member = {.addr = config->addr,
				      .port = config->port,
				      .owner = OWNER_FILE,
				      .weight = config->weight,
				      .weight_file = config->weight,
				      .admin = config->admin,
				      .admin_file = config->admin,
				      .name = config->name,
				      .discovery = config->discovery,
				      .check = config->check,
				      .max_new = config->max_new};
	const struct check_config *check = model_check_of(pool, &member);

	if (!old) {
		member.id = apply->state->next_member_id++;
		member.ramp.is_due = apply->state->has_ramps;
		health_init(&member, check);
		if (apply->state->has_config)
			tell_added(apply, service, pool, &member);
	} else {
		member = *old;
		model_member_copy_texts(&member);
		member.owner = OWNER_FILE;
		member.weight_file = config->weight;
		member.admin_file = config->admin;
		member.check = config->check;
		member_merge_name(apply, service, pool, config, &member);
		if (old->admin_file != config->admin)
			member.admin = config->admin;
		if (member.admin != ADMIN_DRAIN) {
			member.drain_until_s = 0;
			member.is_cut = false;
		}
		if (member.admin != old->admin)
			model_event(apply, EVENT_member_admin, service, pool, &member,
				    "%s -> %s in the file", model_admin_name(old->admin),
				    model_admin_name(member.admin));
		if (old->owner != OWNER_FILE || old->weight_file != config->weight)
			member.weight = config->weight;
		if (member.weight != old->weight)
			model_event(apply, EVENT_member_weight, service, pool, &member,
				    "weight %" PRIu32 " -> %" PRIu32 " in the file", old->weight,
				    member.weight);
		member.max_new = config->max_new;
		if (model_check_of(old_pool, old)->type != check->type)
			health_init(&member, check);
		if (!pool->circuit.is_enabled)
			model_circuit_forget(&member);
		if (pool->circuit.passive == PASSIVE_MODE_DISABLED)
			member.suspicion = (struct passive_view){0};
	}
	model_pool_add(pool, &member);
}

static void members_leave(struct apply *apply, const struct model_service *service,
			  struct model_pool *pool, const struct model_pool *old_pool)
{
	size_t i;

	for (i = 0; i < old_pool->member_count; i++) {
		const struct model_member *old = &old_pool->members[i];

		if (model_find_member(pool, &old->addr))
			continue;
		if (old->owner != OWNER_FILE) {
			struct model_member *kept = model_pool_add(pool, old);

			model_member_copy_texts(kept);
			kept->check = 0;
			kept->name = 0;
			kept->max_new = pool->max_new_per_member;
			continue;
		}
		model_event(apply, EVENT_member_removed, service, pool, old, "%s",
			    old->discovery == DISCOVERY_TERMINATING && old->name
				    ? "its name has it no more, and it has no connection left"
				    : "no longer in the file");
	}
}

/* What a command removed stays removed while the file lists it; the mark goes on with it. */
static bool stays_removed(const struct apply *apply, struct model_state *fresh,
			  const struct model_service *old, const struct model_pool *pool,
			  const struct member_config *config)
{
	const struct model_removed *mark =
		old ? model_state_removed(apply->state, old->name, pool->name, &config->addr)
		    : NULL;
	struct model_removed next;

	if (!mark)
		return false;
	next = *mark;
	next.weight_file = config->weight;
	next.admin_file = config->admin;
	next.check = config->check;
	next.max_new = config->max_new;
	model_state_add_removed(fresh, &next);
	return true;
}

static void pools_leave(struct apply *apply, const struct model_service *service,
			const struct model_service *old)
{
	size_t p, m;

	for (p = 0; old && p < old->pool_count; p++) {
		const struct model_pool *pool = &old->pools[p];

		for (m = 0; !pool_named(service, pool->name) && m < pool->member_count; m++)
			model_event(apply, EVENT_member_removed, service, pool, &pool->members[m],
				    "its pool is no longer in the file");
	}
}

void model_config_pools(struct apply *apply, struct model_state *fresh,
			const struct service_config *config, const struct model_service *old,
			struct model_service *service)
{
	size_t p, m;

	service->pools = util_alloc_array(config->pool_count + 1, sizeof(*service->pools));
	service->pool_count = config->pool_count;
	for (p = 0; p < config->pool_count; p++) {
		const struct pool_config *from = &config->pools[p];
		const struct model_pool *old_pool = pool_named(old, from->name);
		struct model_pool *pool = &service->pools[p];

		util_copy(pool->name, sizeof(pool->name), from->name);
		pool->share = pool->share_file = from->share;
		pool->mode = from->mode;
		pool->check = from->check;
		pool->checks = check_set_ref(from->checks);
		pool->names = name_set_ref(from->names);
		pool->max_new_per_member = from->max_new_per_member;
		pool->circuit = from->circuit;
		pool->is_fallback = strcmp(config->fallback, from->name) == 0;
		/* Most pools never get more than these. */
		pool->member_capacity = from->member_count + 1;
		pool->members = util_alloc_array(pool->member_capacity, sizeof(*pool->members));
		for (m = 0; m < from->member_count; m++)
			if (!stays_removed(apply, fresh, old, pool, &from->members[m]))
				member_merge(apply, service, pool, old_pool, &from->members[m]);
		if (old_pool)
			members_leave(apply, service, pool, old_pool);
	}
	pools_leave(apply, service, old);
}
