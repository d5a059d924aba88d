/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/event_log.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/util.h"

struct event_log {
	struct event *ring; /* the event with sequence number s is at (s - 1) % capacity */
	size_t capacity;
	uint64_t last;
};

struct event_log *event_log_new(size_t capacity)
{
	struct event_log *log = util_alloc(sizeof(*log));

	assert(capacity > 0);
	log->ring = util_alloc_array(capacity, sizeof(*log->ring));
	log->capacity = capacity;
	return log;
}

void event_log_free(struct event_log *log)
{
	if (!log)
		return;
	free(log->ring);
	free(log);
}

const char *event_type_name(enum event_type type)
{
	static const char *const names[EVENT_TYPE_MAX] = {
#define X(name) #name,
		EVENT_TYPES(X)
#undef X
	};

	return (unsigned int)type < EVENT_TYPE_MAX ? names[type] : "unknown";
}

void event_log_add(struct event_log *log, const struct event *event)
{
	struct event *cell = &log->ring[log->last % log->capacity];

	*cell = *event;
	cell->seq = ++log->last;
	cell->wall_s = clock_wall_s();
}

const struct event *event_log_next(const struct event_log *log, uint64_t since, bool *ret_is_gap)
{
	uint64_t first = log->last > log->capacity ? log->last - log->capacity + 1 : 1;
	uint64_t wanted = since + 1;

	*ret_is_gap = false;
	if (since >= log->last)
		return NULL;
	if (wanted < first) {
		*ret_is_gap = true;
		wanted = first;
	}
	return &log->ring[(wanted - 1) % log->capacity];
}

uint64_t event_log_last(const struct event_log *log)
{
	return log->last;
}
