/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/model_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "core/check_spec.h"
#include "core/slots.h"

static void *copy_array(const void *from, size_t count, size_t size)
{
	void *to = util_alloc_array(count + 1, size);

	if (count)
		memcpy(to, from, count * size);
	return to;
}

void model_state_copy(const struct model_state *from, struct model_state *to)
{
	size_t s, p, m;

	*to = *from;
	to->services = copy_array(from->services, from->service_count, sizeof(*to->services));
	to->service_capacity = from->service_count + 1;
	to->limits = copy_array(from->limits, from->limit_count, sizeof(*to->limits));
	to->limit_capacity = from->limit_count + 1;
	for (s = 0; s < to->limit_count; s++)
		limit_exceptions_ref(to->limits[s].config.exceptions);
	to->removed = copy_array(from->removed, from->removed_count, sizeof(*to->removed));
	to->removed_capacity = from->removed_count + 1;
	to->overrides = copy_array(from->overrides, from->override_count, sizeof(*to->overrides));
	to->override_capacity = from->override_count + 1;
	to->lists = copy_array(from->lists, from->list_count, sizeof(*to->lists));
	to->list_capacity = from->list_count + 1;
	model_state_ref_lists(to);
	for (s = 0; s < to->service_count; s++) {
		struct model_service *service = &to->services[s];

		service->pools =
			copy_array(service->pools, service->pool_count, sizeof(*service->pools));
		for (p = 0; p < service->pool_count; p++) {
			struct model_pool *pool = &service->pools[p];

			pool->members = copy_array(pool->members, pool->member_count,
						   sizeof(*pool->members));
			pool->member_capacity = pool->member_count + 1;
			for (m = 0; m < pool->member_count; m++)
				model_member_copy_texts(&pool->members[m]);
			check_set_ref(pool->checks);
			name_set_ref(pool->names);
		}
	}
}

void model_service_done(struct model_service *service)
{
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		struct model_pool *pool = &service->pools[p];

		check_set_unref(pool->checks);
		name_set_unref(pool->names);
		for (m = 0; m < pool->member_count; m++)
			model_member_done(&pool->members[m]);
		free(pool->members);
	}
	free(service->pools);
	service->pools = NULL;
	service->pool_count = 0;
}

void model_state_done(struct model_state *state)
{
	size_t s;

	for (s = 0; s < state->service_count; s++)
		model_service_done(&state->services[s]);
	for (s = 0; s < state->limit_count; s++)
		limit_exceptions_unref(state->limits[s].config.exceptions);
	model_state_unref_lists(state);
	free(state->services);
	free(state->limits);
	free(state->removed);
	free(state->overrides);
	free(state->lists);
	memset(state, 0, sizeof(*state));
}

struct model_service *model_state_service(const struct model_state *state, const char *name)
{
	size_t i;

	for (i = 0; i < state->service_count; i++) {
		if (strcmp(state->services[i].name, name) == 0)
			return &state->services[i];
	}
	return NULL;
}

struct model_service *model_state_service_by_id(const struct model_state *state, uint32_t id)
{
	size_t i;

	for (i = 0; i < state->service_count; i++) {
		if (state->services[i].id == id)
			return &state->services[i];
	}
	return NULL;
}

struct model_limit *model_state_limit(const struct model_state *state, const char *name)
{
	size_t i;

	for (i = 0; i < state->limit_count; i++) {
		if (strcmp(state->limits[i].config.name, name) == 0)
			return &state->limits[i];
	}
	return NULL;
}

struct model_limit *model_state_limit_by_id(const struct model_state *state, uint32_t id)
{
	size_t i;

	for (i = 0; i < state->limit_count; i++) {
		if (state->limits[i].id == id)
			return &state->limits[i];
	}
	return NULL;
}

struct model_removed *model_state_removed(const struct model_state *state, const char *service,
					  const char *pool, const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < state->removed_count; i++) {
		struct model_removed *removed = &state->removed[i];

		if (addr_equal(&removed->addr, addr) && strcmp(removed->service, service) == 0 &&
		    strcmp(removed->pool, pool) == 0)
			return removed;
	}
	return NULL;
}

void model_state_add_removed(struct model_state *state, const struct model_removed *removed)
{
	state->removed = util_grow(state->removed, &state->removed_capacity,
				   state->removed_count + 1, sizeof(*state->removed));
	state->removed[state->removed_count++] = *removed;
}

void model_member_copy_texts(struct model_member *member)
{
	member->health_text = util_strdup(member->health_text);
	member->nexthop_text = util_strdup(member->nexthop_text);
	member->circuit_text = util_strdup(member->circuit_text);
}

void model_member_done(struct model_member *member)
{
	util_set_text(&member->health_text, NULL);
	util_set_text(&member->nexthop_text, NULL);
	util_set_text(&member->circuit_text, NULL);
}

struct model_member *model_pool_add(struct model_pool *pool, const struct model_member *member)
{
	pool->members = util_grow(pool->members, &pool->member_capacity, pool->member_count + 1,
				  sizeof(*pool->members));
	pool->members[pool->member_count] = *member;
	return &pool->members[pool->member_count++];
}

size_t model_service_member_count(const struct model_service *service)
{
	size_t p, count = 0;

	for (p = 0; p < service->pool_count; p++)
		count += service->pools[p].member_count;
	return count;
}

unsigned int model_service_slots_log2(const struct model_service *service)
{
	if (service->slots)
		return (unsigned int)__builtin_ctz(service->slots);
	return slots_log2_for((uint32_t)model_service_member_count(service));
}

const struct check_config *model_check_of(const struct model_pool *pool,
					  const struct model_member *member)
{
	return member->check ? &pool->checks->list[member->check] : &pool->check;
}

void model_event(struct apply *apply, enum event_type type, const struct model_service *service,
		 const struct model_pool *pool, const struct model_member *member, const char *fmt,
		 ...)
{
	struct event *event;
	va_list args;

	apply->events = util_grow(apply->events, &apply->event_capacity, apply->event_count + 1,
				  sizeof(*apply->events));
	event = &apply->events[apply->event_count++];
	memset(event, 0, sizeof(*event));
	event->type = type;
	if (service)
		util_copy(event->service, sizeof(event->service), service->name);
	if (pool)
		util_copy(event->pool, sizeof(event->pool), pool->name);
	if (member)
		addr_format_endpoint(&member->addr, member->port, event->member);
	va_start(args, fmt);
	vsnprintf(event->text, sizeof(event->text), fmt, args);
	va_end(args);
}
