/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/history.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/util.h"

struct subject {
	char *key;
	struct history_event *ring; /* event n is at n % HISTORY_EVENTS_MAX */
	size_t capacity;
	uint64_t count; /* so far */
	UT_hash_handle hh;
};

struct history {
	struct subject *subjects;
};

struct history *history_new(void)
{
	return util_alloc(sizeof(struct history));
}

static void forget(struct history *history, struct subject *subject)
{
	HASH_DEL(history->subjects, subject);
	free(subject->key);
	free(subject->ring);
	free(subject);
}

void history_free(struct history *history)
{
	struct subject *subject, *next;

	if (!history)
		return;
	HASH_ITER (hh, history->subjects, subject, next)
		forget(history, subject);
	free(history);
}

static struct subject *find(const struct history *history, const char *service, const char *pool,
			    const char *member, char **ret_key)
{
	AUTO_FREE char *key = util_printf("%s/%s/%s", service, pool, member);
	struct subject *subject;

	HASH_FIND_STR(history->subjects, key, subject);
	if (!subject && ret_key)
		*ret_key = TAKE_PTR(key);
	return subject;
}

void history_note(struct history *history, const struct event *event, uint64_t wall_s)
{
	struct subject *subject;
	struct history_event *at;
	char *key = NULL;

	if (!*event->member)
		return;
	subject = find(history, event->service, event->pool, event->member, &key);
	if (event->type == EVENT_member_removed) {
		free(key);
		if (subject)
			forget(history, subject);
		return;
	}
	if (!subject && event->type == EVENT_member_up) {
		free(key); /* its first check passed: as thousands of others at the start */
		return;
	}
	if (!subject) {
		subject = util_alloc(sizeof(*subject));
		subject->key = key;
		HASH_ADD_KEYPTR(hh, history->subjects, key, strlen(key), subject);
	}
	if (subject->count < HISTORY_EVENTS_MAX)
		subject->ring = util_grow(subject->ring, &subject->capacity,
					  (size_t)subject->count + 1, sizeof(*subject->ring));
	at = &subject->ring[subject->count++ % HISTORY_EVENTS_MAX];
	at->wall_s = wall_s;
	at->type = event->type;
	util_copy(at->text, sizeof(at->text), event->text);
}

size_t history_read(const struct history *history, const char *service, const char *pool,
		    const char *member, struct history_event list[HISTORY_EVENTS_MAX])
{
	const struct subject *subject = find(history, service, pool, member, NULL);
	uint64_t n, first;

	if (!subject)
		return 0;
	first = subject->count - MIN(subject->count, HISTORY_EVENTS_MAX);
	for (n = first; n < subject->count; n++)
		list[n - first] = subject->ring[n % HISTORY_EVENTS_MAX];
	return (size_t)(subject->count - first);
}
