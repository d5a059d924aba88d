/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/history.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/util.h"

/* Thousands of members have one each: as small as it can be. */
struct entry {
	struct entry *next;
	uint64_t wall_s;
	enum event_type type;
	char text[]; /* terminated */
};

struct subject {
	struct entry *oldest, *newest;
	size_t count;
	UT_hash_handle hh;
	char key[];
};

struct history {
	struct subject *subjects;
};

struct history *history_new(void)
{
	return util_alloc(sizeof(struct history));
}

static void drop_oldest(struct subject *subject)
{
	struct entry *entry = subject->oldest;

	subject->oldest = entry->next;
	subject->count--;
	free(entry);
}

static void forget(struct history *history, struct subject *subject)
{
	HASH_DEL(history->subjects, subject);
	while (subject->count)
		drop_oldest(subject);
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

static struct subject *find(const struct history *history, const char *key)
{
	struct subject *subject;

	HASH_FIND_STR(history->subjects, key, subject);
	return subject;
}

static struct subject *add(struct history *history, const char *key)
{
	size_t length = strlen(key);
	struct subject *subject = util_alloc(sizeof(*subject) + length + 1);

	memcpy(subject->key, key, length);
	HASH_ADD_KEYPTR(hh, history->subjects, subject->key, length, subject);
	return subject;
}

/* So many events of each. Who had more before there were so many keeps them until its next one. */
static size_t allowance(const struct history *history)
{
	size_t each = HISTORY_TOTAL / MAX(HASH_COUNT(history->subjects), 1);

	return MAX(HISTORY_EVENTS_MIN, MIN(each, HISTORY_EVENTS_MAX));
}

static struct entry *make_entry(const struct event *event, uint64_t wall_s)
{
	size_t size = MIN(strlen(event->text) + 1, sizeof(((struct history_event *)0)->text));
	struct entry *entry = util_alloc(sizeof(*entry) + size);

	entry->wall_s = wall_s;
	entry->type = event->type;
	util_copy(entry->text, size, event->text);
	return entry;
}

void history_note(struct history *history, const struct event *event, uint64_t wall_s)
{
	AUTO_FREE char *key = NULL;
	struct subject *subject;
	struct entry *entry;

	if (!*event->member)
		return;
	key = util_printf("%s/%s/%s", event->service, event->pool, event->member);
	subject = find(history, key);
	if (event->type == EVENT_member_removed) {
		if (subject)
			forget(history, subject);
		return;
	}
	if (!subject && event->type == EVENT_member_up)
		return; /* its first check passed: as thousands of others at the start */
	if (!subject)
		subject = add(history, key);
	entry = make_entry(event, wall_s);
	if (subject->count)
		subject->newest->next = entry;
	else
		subject->oldest = entry;
	subject->newest = entry;
	subject->count++;
	while (subject->count > allowance(history))
		drop_oldest(subject);
}

size_t history_read(const struct history *history, const char *service, const char *pool,
		    const char *member, struct history_event list[HISTORY_EVENTS_MAX])
{
	AUTO_FREE char *key = util_printf("%s/%s/%s", service, pool, member);
	const struct subject *subject = find(history, key);
	const struct entry *entry;
	size_t count = 0;

	if (!subject)
		return 0;
	for (entry = subject->oldest; entry; entry = entry->next) {
		struct history_event *event = &list[count++];

		event->wall_s = entry->wall_s;
		event->type = entry->type;
		util_copy(event->text, sizeof(event->text), entry->text);
	}
	return count;
}
