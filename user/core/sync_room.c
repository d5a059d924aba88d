/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether the maps have room for a state, asked before a change is accepted. What grows gets a new
 * region while its old one is still held; so all new regions must fit, at once, into what is free
 * and what services that go away leave. Regions are taken from the smallest free piece
 * (region_pool_take), so that what fits in one order fits in any, and a change that was accepted
 * waits for rests at most. */
#include "core/sync_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/model_internal.h"

/* A region that something needs and does not have yet. */
struct request {
	const char *name;
	unsigned int log2;
	unsigned int held_log2; /* of the region that it has meanwhile, 0: none */
};

/* One kind of region, and all that a state asks of it. */
struct room {
	struct region_pool pool; /* a copy, with what the state gives back */
	struct request *requests;
	size_t count;
	const char *object; /* in words */
	const char *unit;
	const char *key; /* below capacity: */
	uint64_t have;	 /* in the map, in units */
	uint32_t unit_size;
};

static void ask(struct room *room, const char *name, unsigned int log2, unsigned int held_log2)
{
	room->requests[room->count++] = (struct request){name, log2, held_log2};
}

static int id_compare(const void *a, const void *b)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	return (i > j) - (i < j);
}

static void ask_table(struct room *room, const struct sync *sync,
		      const struct model_service *service)
{
	const struct sync_service *record = sync_service_find(sync, service->id);
	unsigned int log2 = model_service_slots_log2(service);

	/* A job that is out writes what it was made for if nobody tells it otherwise in time. */
	if (record && (record->is_taken || record->is_queued))
		log2 = MAX(log2, record->wanted_log2);
	if (!record || !record->has_region)
		ask(room, service->name, log2, 0);
	else if (log2 > record->log2)
		ask(room, service->name, log2, record->log2);
}

static void slots_room(const struct sync *sync, const struct model_state *state, struct room *room)
{
	AUTO_FREE uint32_t *ids = util_alloc_array(state->service_count + 1, sizeof(*ids));
	const struct sync_service *record;
	size_t i, count = 0;

	*room = (struct room){.object = "table",
			      .unit = "slots",
			      .key = "slots",
			      .have = sync->capacity.slots,
			      .unit_size = 1};
	region_pool_copy(&sync->slot_regions, &room->pool);
	room->requests = util_alloc_array(state->service_count + 1, sizeof(*room->requests));
	for (i = 0; i < state->service_count; i++) {
		if (state->services[i].mode == SLUICE_MODE_LOCAL)
			continue;
		ids[count++] = state->services[i].id;
		ask_table(room, sync, &state->services[i]);
	}
	qsort(ids, count, sizeof(*ids), id_compare);
	for (record = sync->services; record; record = record->hh.next) {
		if (record->has_region &&
		    !bsearch(&record->id, ids, count, sizeof(*ids), id_compare))
			region_pool_give(&room->pool, record->base, record->log2, 0);
	}
	region_pool_tick(&room->pool, UINT64_MAX);
}

/* Limits that go away keep their regions until services name the new ones. */
static void limits_room(const struct sync *sync, const struct model_state *state, struct room *room)
{
	size_t i;

	*room = (struct room){.object = "record of sources",
			      .unit = "sources",
			      .key = "limit_sources",
			      .have = (uint64_t)sync->capacity.limit_sets * SLUICE_LIMIT_WAYS,
			      .unit_size = SLUICE_LIMIT_WAYS};
	region_pool_copy(&sync->limit_regions, &room->pool);
	room->requests = util_alloc_array(state->limit_count + 1, sizeof(*room->requests));
	for (i = 0; i < state->limit_count; i++) {
		const struct model_limit *limit = &state->limits[i];
		unsigned int log2, held_log2;

		if (sync_limit_needs_region(sync, limit, &log2, &held_log2))
			ask(room, limit->config.name, log2, held_log2);
	}
}

static void room_done(struct room *room)
{
	region_pool_done(&room->pool);
	free(room->requests);
}

static int larger_first(const void *a, const void *b)
{
	const struct request *r = a, *s = b;

	return (r->log2 < s->log2) - (r->log2 > s->log2);
}

/* The first that finds no place, or NULL. */
static const struct request *find_short(struct room *room)
{
	uint32_t base;
	size_t i;

	qsort(room->requests, room->count, sizeof(*room->requests), larger_first);
	for (i = 0; i < room->count; i++) {
		if (region_pool_take(&room->pool, room->requests[i].log2, &base))
			return &room->requests[i];
	}
	return NULL;
}

static uint64_t asked_for(const struct room *room)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < room->count; i++)
		sum += 1ULL << room->requests[i].log2;
	return sum;
}

static void refuse(const struct room *room, const struct request *request, struct errs *errors)
{
	unsigned int longest = region_pool_longest(&room->pool);
	uint64_t need = (uint64_t)room->unit_size << request->log2;
	uint64_t held = (uint64_t)room->unit_size << request->held_log2;
	uint64_t left = longest ? (uint64_t)room->unit_size << longest : 0;
	char path[64], old[128] = "";
	struct err *e;

	if (request->held_log2)
		snprintf(old, sizeof(old), " while it keeps the %" PRIu64 " that it has until then",
			 held);
	snprintf(path, sizeof(path), "capacity.%s", room->key);
	e = errs_add(errors, ERR_CAPACITY, path,
		     "%s: its %s needs %" PRIu64 " %s in one piece%s; the largest piece left is "
		     "%" PRIu64 ", of %" PRIu64 " in the maps",
		     request->name, room->object, need, room->unit, old, left, room->have);
	err_hint(e,
		 "raise capacity.%s and restart sluiced with --cold-start, or take something "
		 "away first",
		 room->key);
}

typedef void (*room_fn)(const struct sync *sync, const struct model_state *state,
			struct room *room);

static void check(const struct sync *sync, const struct model_state *state, room_fn fn,
		  struct errs *errors)
{
	const struct request *request;
	struct room room, before;
	bool is_old;

	fn(sync, state, &room);
	request = find_short(&room);
	if (request) {
		/* What was short before may go on, or it could never be mended. */
		fn(sync, model_state_of(sync->model), &before);
		is_old = find_short(&before) && asked_for(&room) <= asked_for(&before);
		if (!is_old)
			refuse(&room, request, errors);
		room_done(&before);
	}
	room_done(&room);
}

void sync_check_room(void *arg, const struct model_state *state, struct errs *errors)
{
	const struct sync *sync = arg;

	if (sync->is_adopting)
		return;
	check(sync, state, slots_room, errors);
	check(sync, state, limits_room, errors);
}
