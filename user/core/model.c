/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/model.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "core/model_internal.h"

struct place { /* of a member; id 0: a free cell of the index */
	uint64_t id;
	uint32_t service, pool, member;
};

struct model {
	struct model_state state;
	struct event_log *log;
	struct history *history;
	uint32_t tick_ns;
	uint64_t revision;
	struct place *index; /* open addressing by member id */
	size_t index_mask;
	model_room_fn room; /* or NULL */
	void *room_arg;
};

struct model *model_new(struct event_log *log, uint32_t tick_ns)
{
	struct model *model = util_alloc(sizeof(*model));

	model->log = log;
	model->history = history_new();
	model->tick_ns = tick_ns;
	model->state.next_member_id = 1;
	model->state.next_service_id = 1;
	model->index = util_alloc_array(1, sizeof(*model->index));
	return model;
}

void model_free(struct model *model)
{
	if (!model)
		return;
	model_state_done(&model->state);
	history_free(model->history);
	free(model->index);
	free(model);
}

void model_set_room(struct model *model, model_room_fn fn, void *arg)
{
	model->room = fn;
	model->room_arg = arg;
}

void model_unset_room(struct model *model, const void *arg)
{
	if (model->room_arg == arg)
		model_set_room(model, NULL, NULL);
}

const struct model_state *model_state_of(const struct model *model)
{
	return &model->state;
}

static struct place *index_find(const struct model *model, uint64_t id)
{
	size_t at = (id * 0x9e3779b97f4a7c15ULL >> 20) & model->index_mask;

	while (model->index[at].id && model->index[at].id != id)
		at = (at + 1) & model->index_mask;
	return &model->index[at];
}

static void index_build(struct model *model)
{
	const struct model_state *state = &model->state;
	size_t s, p, m, count = 0, size = 16;

	for (s = 0; s < state->service_count; s++)
		count += model_service_member_count(&state->services[s]);
	while (size < 2 * count + 1)
		size *= 2;
	free(model->index);
	model->index = util_alloc_array(size, sizeof(*model->index));
	model->index_mask = size - 1;
	for (s = 0; s < state->service_count; s++) {
		for (p = 0; p < state->services[s].pool_count; p++) {
			const struct model_pool *pool = &state->services[s].pools[p];

			for (m = 0; m < pool->member_count; m++)
				*index_find(model, pool->members[m].id) = (struct place){
					pool->members[m].id, (uint32_t)s, (uint32_t)p, (uint32_t)m};
		}
	}
}

struct model_member *model_member_by_id(const struct model *model, uint64_t id,
					struct model_service **ret_service,
					struct model_pool **ret_pool)
{
	const struct place *place = id ? index_find(model, id) : NULL;
	struct model_service *service;
	struct model_pool *pool;

	if (!place || !place->id)
		return NULL;
	service = &model->state.services[place->service];
	pool = &service->pools[place->pool];
	if (ret_service)
		*ret_service = service;
	if (ret_pool)
		*ret_pool = pool;
	return &pool->members[place->member];
}

static bool is_observation(const struct change *change)
{
	return change->type == CHANGE_MEMBER_HEALTH || change->type == CHANGE_MEMBER_NEXTHOP ||
	       change->type == CHANGE_MEMBER_CUT || change->type == CHANGE_MEMBER_RAMP ||
	       change->type == CHANGE_MEMBER_CIRCUIT || change->type == CHANGE_MEMBER_PASSIVE ||
	       change->type == CHANGE_MEMBER_EXPIRY || change->type == CHANGE_SHIFT_TIME;
}

static bool is_observation_valid(const struct model *model, const struct change *change,
				 struct errs *errors)
{
	if (!model_member_by_id(model, change->member_id, NULL, NULL)) {
		errs_add(errors, ERR_NOT_FOUND, "/member", "no member with id %llu",
			 (unsigned long long)change->member_id);
		return false;
	}
	if ((unsigned int)change->health >= HEALTH_STATE_MAX ||
	    (unsigned int)change->nexthop_state >= NEXTHOP_STATE_MAX) {
		errs_add(errors, ERR_INVALID, "/member", "unknown state of member %llu",
			 (unsigned long long)change->member_id);
		return false;
	}
	return true;
}

static void observe(struct apply *apply, const struct model *model, const struct change *change)
{
	struct model_service *service;
	struct model_pool *pool;
	struct model_member *member = model_member_by_id(model, change->member_id, &service, &pool);

	if (change->type == CHANGE_MEMBER_HEALTH)
		model_change_health(apply, service, pool, member, change);
	else if (change->type == CHANGE_MEMBER_CUT)
		model_change_cut(apply, service, pool, member, change);
	else if (change->type == CHANGE_MEMBER_RAMP)
		model_service_refresh(apply, service);
	else if (change->type == CHANGE_MEMBER_CIRCUIT)
		model_change_circuit(apply, service, pool, member, change);
	else if (change->type == CHANGE_MEMBER_PASSIVE)
		model_change_passive(apply, service, pool, member, change);
	else if (change->type == CHANGE_SHIFT_TIME)
		model_shift_time(apply, service);
	else if (change->type == CHANGE_MEMBER_EXPIRY)
		model_change_expiry(apply, service, pool, member, change);
	else
		model_change_nexthop(apply, service, pool, member, change);
}

/* history: NULL when nothing really happened. */
static void events_flush(struct event_log *log, struct history *history, struct apply *apply)
{
	size_t i;

	for (i = 0; i < apply->event_count; i++) {
		event_log_add(log, &apply->events[i]);
		if (history)
			history_note(history, &apply->events[i], clock_wall_s());
	}
	apply->event_count = 0;
}

/* Observations are checked first and then written in place: they come by the thousand, and a copy
 * of everything for each would be waste. So would be the events of all of them at once. */
static void apply_observations(struct model *model, const struct change *changes, size_t count,
			       uint64_t now_ms, struct errs *errors)
{
	struct apply apply = {.state = &model->state,
			      .errors = errors,
			      .tick_ns = model->tick_ns,
			      .now_ms = now_ms};
	size_t i;

	for (i = 0; i < count; i++) {
		observe(&apply, model, &changes[i]);
		events_flush(model->log, model->history, &apply);
	}
	free(apply.events);
}

static void apply_one(struct apply *apply, const struct change *change)
{
	switch (change->type) {
	case CHANGE_CONFIG:
	case CHANGE_NAMES:
		model_change_config(apply, change);
		break;
	case CHANGE_MEMBER_ADD:
	case CHANGE_MEMBER_REMOVE:
	case CHANGE_MEMBER_WEIGHT:
	case CHANGE_MEMBER_ADMIN:
	case CHANGE_MEMBER_DISCOVERY:
	case CHANGE_MEMBER_OVERRIDE:
		model_change_member(apply, change);
		break;
	case CHANGE_SHIFT:
		model_change_shift(apply, change);
		break;
	case CHANGE_LIMIT_MODE:
		model_change_limit_mode(apply, change);
		break;
	case CHANGE_LIST_ADD:
	case CHANGE_LIST_REPLACE:
	case CHANGE_LIST_REMOVE:
	case CHANGE_LIST_EXPIRE:
		model_change_list(apply, change);
		break;
	default:
		errs_add(apply->errors, ERR_INVALID, "",
			 "a change of type %d cannot be part of this transaction",
			 (int)change->type);
		break;
	}
}

/* On a copy of the state, which is the caller's when everything is right. */
static bool try_intents(struct apply *apply, const struct model *model,
			const struct change *changes, size_t count)
{
	size_t i, errors_before = apply->errors->count;

	model_state_copy(&model->state, apply->state);
	for (i = 0; i < count; i++)
		apply_one(apply, &changes[i]);
	/* Rules about the whole make sense only when each change did. */
	if (apply->errors->count == errors_before)
		model_check(apply);
	if (model->room && apply->errors->count == errors_before)
		model->room(model->room_arg, apply->state, apply->errors);
	config_place_all(apply->config, apply->errors, errors_before);
	if (apply->errors->count != errors_before) {
		model_state_done(apply->state);
		free(apply->events);
		return false;
	}
	model_state_prune_overrides(apply->state);
	for (i = 0; i < apply->state->service_count; i++)
		model_service_refresh(apply, &apply->state->services[i]);
	return true;
}

static void apply_intents(struct model *model, const struct change *changes, size_t count,
			  uint64_t now_ms, struct errs *errors)
{
	struct model_state trial = {0};
	struct apply apply = {
		.state = &trial, .errors = errors, .tick_ns = model->tick_ns, .now_ms = now_ms};

	if (!try_intents(&apply, model, changes, count))
		return;
	model_state_done(&model->state);
	model->state = trial;
	model->revision++;
	index_build(model);
	events_flush(model->log, model->history, &apply);
	free(apply.events);
}

int model_preview(const struct model *model, const struct change *changes, size_t count,
		  struct event_log *log, struct errs *errors)
{
	size_t before = errors->count;
	struct model_state trial = {0};
	struct apply apply = {.state = &trial, .errors = errors, .tick_ns = model->tick_ns};

	if (!try_intents(&apply, model, changes, count))
		return err_set(NULL, errors->list[before].code, NULL, "%s", "");
	model_state_done(&trial);
	events_flush(log, NULL, &apply);
	free(apply.events);
	return 0;
}

int model_apply(struct model *model, const struct change *changes, size_t count, uint64_t now_ms,
		struct errs *errors)
{
	size_t i, observations = 0, errors_before = errors->count;

	for (i = 0; i < count; i++) {
		if (!is_observation(&changes[i]))
			continue;
		observations++;
		is_observation_valid(model, &changes[i], errors);
	}
	if (observations == 0 && count > 0)
		apply_intents(model, changes, count, now_ms, errors);
	else if (observations < count)
		errs_add(errors, ERR_INVALID, "",
			 "observations and intended changes cannot share a transaction");
	else if (errors->count == errors_before)
		apply_observations(model, changes, count, now_ms, errors);
	if (errors->count == errors_before)
		return 0;
	return err_set(NULL, errors->list[errors_before].code, NULL, "%s", "");
}

void model_forget_probes(struct model *model)
{
	size_t s, p, m;

	for (s = 0; s < model->state.service_count; s++) {
		const struct model_service *service = &model->state.services[s];

		for (p = 0; p < service->pool_count; p++)
			for (m = 0; m < service->pools[p].member_count; m++)
				service->pools[p].members[m].sampled_ms = 0;
	}
}

const struct history *model_history(const struct model *model)
{
	return model->history;
}

uint64_t model_revision(const struct model *model)
{
	return model->revision;
}

size_t model_service_count(const struct model *model)
{
	return model->state.service_count;
}

struct model_service *model_service_at(const struct model *model, size_t position)
{
	assert(position < model->state.service_count);
	return &model->state.services[position];
}

struct model_service *model_find_service(const struct model *model, const char *name)
{
	return model_state_service(&model->state, name);
}

struct model_pool *model_find_pool(struct model_service *service, const char *name)
{
	size_t i;

	for (i = 0; i < service->pool_count; i++) {
		if (strcmp(service->pools[i].name, name) == 0)
			return &service->pools[i];
	}
	return NULL;
}

struct model_member *model_find_member(struct model_pool *pool, const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < pool->member_count; i++) {
		if (addr_equal(&pool->members[i].addr, addr))
			return &pool->members[i];
	}
	return NULL;
}

size_t model_limit_count(const struct model *model)
{
	return model->state.limit_count;
}

struct model_limit *model_limit_at(const struct model *model, size_t position)
{
	assert(position < model->state.limit_count);
	return &model->state.limits[position];
}

struct model_limit *model_find_limit(const struct model *model, const char *name)
{
	return model_state_limit(&model->state, name);
}

struct model_limit *model_limit_by_id(const struct model *model, uint32_t id)
{
	return model_state_limit_by_id(&model->state, id);
}

void model_set_host(struct model *model, struct prefix_set *own, struct prefix_set *gateways)
{
	struct model_state *state = &model->state;

	prefix_set_ref(own);
	prefix_set_ref(gateways);
	prefix_set_unref(state->own);
	prefix_set_unref(state->gateways);
	state->own = own;
	state->gateways = gateways;
	state->is_access_dirty = true;
}

bool model_is_access_dirty(const struct model *model)
{
	return model->state.is_access_dirty;
}

void model_set_access_clean(struct model *model)
{
	model->state.is_access_dirty = false;
}

void model_start_ramps(struct model *model)
{
	size_t i;

	model->state.has_ramps = true;
	for (i = 0; i < model->state.service_count; i++)
		model_ramp_begin(&model->state.services[i]);
}

void model_renumber_services(struct model *model, const uint32_t *ids)
{
	struct model_state *state = &model->state;
	size_t i;

	for (i = 0; i < state->service_count; i++) {
		state->services[i].id = ids[i];
		if (ids[i] >= state->next_service_id)
			state->next_service_id = ids[i] + 1;
	}
}

static void renumber(const struct model_state *state, uint32_t limits[SLUICE_SERVICE_LIMITS_MAX],
		     const uint32_t *ids)
{
	size_t l, i;

	for (l = 0; l < SLUICE_SERVICE_LIMITS_MAX && limits[l]; l++) {
		for (i = 0; state->limits[i].id != limits[l]; i++)
			assert(i + 1 < state->limit_count);
		limits[l] = ids[i];
	}
}

void model_renumber_limits(struct model *model, const uint32_t *ids, uint32_t last)
{
	struct model_state *state = &model->state;
	size_t i;

	state->last_limit_id = last;

	for (i = 0; i < state->service_count; i++)
		renumber(state, state->services[i].limits, ids);
	renumber(state, state->host_limits, ids);
	for (i = 0; i < state->limit_count; i++) {
		state->limits[i].id = ids[i];
		state->last_limit_id = MAX(state->last_limit_id, ids[i]);
	}
}

size_t model_removed_count(const struct model *model)
{
	return model->state.removed_count;
}

const struct model_removed *model_removed_at(const struct model *model, size_t position)
{
	assert(position < model->state.removed_count);
	return &model->state.removed[position];
}

int model_check_config(const struct config *config, uint32_t tick_ns, struct errs *errors)
{
	const struct change change = {
		.type = CHANGE_CONFIG, .owner = OWNER_FILE, .config = config, .is_forced = true};
	struct event_log *log = event_log_new(1); /* nobody reads it */
	struct model *model = model_new(log, tick_ns);
	int ret = model_apply(model, &change, 1, 0, errors);

	model_free(model);
	event_log_free(log);
	return ret;
}
