/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A configuration file's limits, and which of them apply where. */
#include "core/model_internal.h"

#include <string.h>

#include <sluice/abi.h>

#include "core/limit_params.h"

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

static bool is_same_ban(const struct limit_ban *a, const struct limit_ban *b)
{
	return a->after == b->after && a->within_s == b->within_s && a->for_s == b->for_s &&
	       a->max_s == b->max_s && a->max_per_s == b->max_per_s && a->is_all == b->is_all;
}

static bool is_same_limit(const struct limit_config *a, const struct limit_config *b)
{
	return a->count == b->count && a->mode == b->mode && a->rate.n == b->rate.n &&
	       a->rate.s == b->rate.s && a->burst.n == b->burst.n && a->prefix4 == b->prefix4 &&
	       a->prefix6 == b->prefix6 && a->sources == b->sources && a->scope == b->scope &&
	       a->is_closed == b->is_closed && a->counts_replies == b->counts_replies &&
	       is_same_ban(&a->ban, &b->ban) &&
	       limit_exceptions_equal(a->exceptions, b->exceptions);
}

static void fail_limit(struct apply *apply, const struct limit_config *config, const char *key,
		       struct err *e)
{
	snprintf(e->path, sizeof(e->path), "limits.%s%s%.64s", config->name, *key ? "." : "", key);
	errs_add_err(apply->errors, e);
}

static void limit_check(struct apply *apply, const struct limit_config *config)
{
	struct gcra_params params;
	struct err e;
	char key[sizeof(e.path)];

	if (limit_params_make(config, apply->tick_ns, &params, &e)) {
		util_copy(key, sizeof(key), e.path);
		fail_limit(apply, config, key, &e);
	}
	e = (struct err){.line = config->line};
	if (config->count <= SLUICE_COUNT_NONE || config->count >= SLUICE_COUNT_MAX ||
	    (unsigned int)config->mode >= SLUICE_LIMIT_MODE_MAX ||
	    (unsigned int)config->scope >= LIMIT_SCOPE_MAX || config->prefix4 < 1 ||
	    config->prefix4 > 32 || config->prefix6 < 1 || config->prefix6 > 128 ||
	    config->sources < SOURCES_MIN || config->sources > SOURCES_MAX) {
		err_set(&e, ERR_INVALID, "",
			"limit %s: count, mode, scope, prefix length or sources out of range",
			config->name);
		fail_limit(apply, config, "", &e);
	}
}

static void limit_merge(struct apply *apply, struct model_state *fresh,
			const struct limit_config *config)
{
	const struct model_limit *old = model_state_limit(apply->state, config->name);
	struct model_limit limit = {.config = *config, .mode_file = config->mode};

	limit.config.sources = SOURCES_MIN;
	while (limit.config.sources < config->sources && limit.config.sources < SOURCES_MAX)
		limit.config.sources *= 2;
	limit.config.burst.n =
		limit_burst(config->count, &config->rate, &config->burst, apply->tick_ns);
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
	limit_exceptions_ref(limit.config.exceptions);
	fresh->limits[fresh->limit_count++] = limit;
}

static bool is_narrower(const struct model_limit *a, const struct model_limit *b)
{
	return a->config.prefix4 != b->config.prefix4 ? a->config.prefix4 > b->config.prefix4
						      : a->config.prefix6 > b->config.prefix6;
}

/* Limits that are asked about one packet, narrowest first. */
struct stack {
	const struct model_limit *list[SLUICE_SERVICE_LIMITS_MAX];
	size_t count;
	size_t surplus;
};

static void stack_add(struct stack *stack, const struct model_limit *limit)
{
	size_t at;

	for (at = 0; at < stack->count; at++) {
		if (stack->list[at] == limit)
			return;
	}
	if (stack->count == ARRAY_SIZE(stack->list)) {
		stack->surplus++;
		return;
	}
	for (at = stack->count++; at > 0 && is_narrower(limit, stack->list[at - 1]); at--)
		stack->list[at] = stack->list[at - 1];
	stack->list[at] = limit;
}

static void stack_add_scope(struct stack *stack, const struct model_state *state,
			    enum limit_scope scope)
{
	size_t i;

	for (i = 0; i < state->limit_count; i++) {
		if (state->limits[i].config.scope == scope)
			stack_add(stack, &state->limits[i]);
	}
}

static void stack_take(const struct apply *apply, const struct stack *stack, const char *path,
		       int line, uint32_t ids[SLUICE_SERVICE_LIMITS_MAX])
{
	size_t i;

	for (i = 0; i < stack->count; i++)
		ids[i] = stack->list[i]->id;
	if (stack->surplus)
		errs_add(apply->errors, ERR_CAPACITY, path, "%zu limits apply, at most %d can",
			 stack->count + stack->surplus, SLUICE_SERVICE_LIMITS_MAX)
			->line = line;
}

static void fail_unknown(struct apply *apply, const struct model_state *fresh,
			 const struct service_config *config, size_t position)
{
	const char *names[SLUICE_LIMITS_DEFAULT], *near;
	char path[160];
	size_t known;
	struct err *e;

	snprintf(path, sizeof(path), "services.%s.limits[%zu]", config->name, position);
	e = errs_add(apply->errors, ERR_INVALID, path, "service %s: no limit is named %s",
		     config->name, config->limits[position]);
	e->line = config->line;
	for (known = 0; known < fresh->limit_count && known < ARRAY_SIZE(names); known++)
		names[known] = fresh->limits[known].config.name;
	near = util_nearest(config->limits[position], names, known);
	if (near)
		err_hint(e, "did you mean %s?", near);
	else
		err_hint(e, "define it under limits");
}

void model_config_service_limits(struct apply *apply, const struct model_state *fresh,
				 const struct service_config *config, struct model_service *service)
{
	struct stack stack = {};
	char path[100];
	size_t i;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX && config->limits[i][0]; i++) {
		const struct model_limit *limit = model_state_limit(fresh, config->limits[i]);

		if (limit)
			stack_add(&stack, limit);
		else
			fail_unknown(apply, fresh, config, i);
	}
	stack_add_scope(&stack, fresh, LIMIT_SCOPE_SERVICES);
	snprintf(path, sizeof(path), "services.%s.limits", config->name);
	stack_take(apply, &stack, path, config->line, service->limits);
}

void model_config_limits(struct apply *apply, struct model_state *fresh,
			 const struct config *config)
{
	struct stack stack = {};
	size_t i;

	for (i = 0; i < config->limit_count; i++)
		limit_merge(apply, fresh, &config->limits[i]);
	stack_add_scope(&stack, fresh, LIMIT_SCOPE_EVERYTHING);
	stack_take(apply, &stack, "limits", 0, fresh->host_limits);
}

static void check_ceiling(struct apply *apply, const struct rate *rate, const char *path, int line)
{
	struct gcra_params params;
	struct err e;

	if (!rate->n || !limit_ceiling_params(rate, apply->tick_ns, &params, &e))
		return;
	util_copy(e.path, sizeof(e.path), path);
	e.line = line;
	errs_add_err(apply->errors, &e);
}

void model_config_ceilings(struct apply *apply, const struct service_config *config)
{
	size_t p, m;
	char path[256];

	snprintf(path, sizeof(path), "services.%s.max_new", config->name);
	check_ceiling(apply, &config->max_new, path, config->line);
	for (p = 0; p < config->pool_count; p++) {
		const struct pool_config *pool = &config->pools[p];

		snprintf(path, sizeof(path), "services.%s.pools.%s.max_new_per_member",
			 config->name, pool->name);
		check_ceiling(apply, &pool->max_new_per_member, path, pool->line);
		for (m = 0; m < pool->member_count; m++) {
			const struct member_config *member = &pool->members[m];

			if (!memcmp(&member->max_new, &pool->max_new_per_member,
				    sizeof(member->max_new)))
				continue;
			snprintf(path, sizeof(path), "services.%s.pools.%s.members[%zu].max_new",
				 config->name, pool->name, m);
			check_ceiling(apply, &member->max_new, path, member->line);
		}
	}
}

const uint32_t *model_host_limits(const struct model *model)
{
	return model_state_of(model)->host_limits;
}
