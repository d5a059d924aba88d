/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/event_log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"

/* An event as it is kept: most of its texts are empty, and none is as long as it may be. */
struct packed {
	uint64_t wall_s;
	enum event_type type;
	char texts[]; /* one after the other, each terminated */
};

struct event_log {
	struct packed **ring; /* the event with sequence number s is at (s - 1) % capacity */
	size_t capacity;
	uint64_t last;
	struct event *shown;
};

#define TEXT(name)                                                                                 \
	{                                                                                          \
		offsetof(struct event, name), sizeof(((struct event *)0)->name)                    \
	}
static const struct {
	size_t offset, size;
} texts[] = {TEXT(service), TEXT(pool), TEXT(member), TEXT(limit),
	     TEXT(source),  TEXT(who),	TEXT(text)};
#undef TEXT

static const char *text_of(const struct event *event, size_t i)
{
	return (const char *)event + texts[i].offset;
}

static struct packed *pack(const struct event *event)
{
	struct packed *packed;
	size_t i, length = 0;
	char *at;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		length += strlen(text_of(event, i)) + 1;
	packed = util_alloc(sizeof(*packed) + length);
	packed->wall_s = clock_wall_s();
	packed->type = event->type;
	at = packed->texts;
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		at = stpcpy(at, text_of(event, i)) + 1;
	return packed;
}

static void unpack(const struct packed *packed, struct event *event)
{
	const char *at = packed->texts;
	size_t i;

	event->wall_s = packed->wall_s;
	event->type = packed->type;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		util_copy((char *)event + texts[i].offset, texts[i].size, at);
		at += strlen(at) + 1;
	}
}

struct event_log *event_log_new(size_t capacity)
{
	struct event_log *log = util_alloc(sizeof(*log));

	assert(capacity > 0);
	log->ring = util_alloc_array(capacity, sizeof(*log->ring));
	log->capacity = capacity;
	log->shown = util_alloc(sizeof(*log->shown));
	return log;
}

void event_log_free(struct event_log *log)
{
	size_t i;

	if (!log)
		return;
	for (i = 0; i < log->capacity; i++)
		free(log->ring[i]);
	free(log->ring);
	free(log->shown);
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
	struct packed **cell = &log->ring[log->last++ % log->capacity];

	free(*cell);
	*cell = pack(event);
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
	unpack(log->ring[(wanted - 1) % log->capacity], log->shown);
	log->shown->seq = wanted;
	return log->shown;
}

uint64_t event_log_last(const struct event_log *log)
{
	return log->last;
}
