/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/left_out.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "daemon/daemon.h"

static void note(void *arg, const struct name_left_out *found)
{
	struct left_out *left_out = arg;
	struct left_out_address *to;

	left_out->list = util_grow(left_out->list, &left_out->capacity, left_out->count + 1,
				   sizeof(*left_out->list));
	to = &left_out->list[left_out->count++];
	*to = (struct left_out_address){
		.addr = *found->addr, .is_trouble = found->is_trouble, .is_kept = found->is_kept};
	util_copy(to->service, sizeof(to->service), found->service->name);
	util_copy(to->pool, sizeof(to->pool), found->pool->name);
	util_copy(to->name, sizeof(to->name), found->name);
	util_copy(to->why, sizeof(to->why), found->why);
}

void left_out_find(struct daemon *daemon, struct config *config, struct left_out *ret_found)
{
	*ret_found = (struct left_out){0};
	names_expand(&daemon->names.table, config, daemon->model, clock_jiffy_ns(), note,
		     ret_found);
}

static bool is_same_name(const struct left_out_address *a, const struct left_out_address *b)
{
	return !strcmp(a->service, b->service) && !strcmp(a->pool, b->pool) &&
	       !strcmp(a->name, b->name);
}

static bool is_same(const struct left_out_address *a, const struct left_out_address *b)
{
	return is_same_name(a, b) && addr_equal(&a->addr, &b->addr) &&
	       a->is_trouble == b->is_trouble;
}

static bool has(const struct left_out *left_out, const struct left_out_address *address)
{
	size_t i;

	for (i = 0; i < left_out->count; i++)
		if (is_same(&left_out->list[i], address))
			return true;
	return false;
}

bool left_out_equal(const struct left_out *a, const struct left_out *b)
{
	size_t i;

	for (i = 0; i < a->count; i++)
		if (!has(b, &a->list[i]))
			return false;
	return a->count == b->count;
}

size_t left_out_troubles(const struct left_out *left_out)
{
	size_t i, count = 0;

	for (i = 0; i < left_out->count; i++)
		count += left_out->list[i].is_trouble;
	return count;
}

/* Those of one name in one pool are together: how many from here on. */
static size_t group_at(const struct left_out *left_out, size_t from)
{
	size_t to = from + 1;

	while (to < left_out->count && is_same_name(&left_out->list[from], &left_out->list[to]) &&
	       left_out->list[from].is_trouble == left_out->list[to].is_trouble)
		to++;
	return to - from;
}

/* "web.example.net has 10.0.0.9 and 2 more, which are left out: REASON" */
static const char *describe(const struct left_out_address *first, size_t count, char *buffer,
			    size_t size)
{
	char text[ADDR_TEXT_MAX], more[32] = "";

	if (count > 1)
		snprintf(more, sizeof(more), " and %zu more", count - 1);
	snprintf(buffer, size, "%.90s has %s%s, which %s left out: %.120s%s", first->name,
		 addr_format(&first->addr, text), more, count > 1 ? "are" : "is", first->why,
		 first->is_kept ? "; what it had stays" : "");
	return buffer;
}

void left_out_tell(struct daemon *daemon, const struct left_out *before, const struct left_out *now)
{
	size_t i, j, count;

	for (i = 0; i < now->count; i += count) {
		const struct left_out_address *first = &now->list[i];
		struct event event = {.type = EVENT_name_problem};
		bool is_new = false;

		count = group_at(now, i);
		for (j = i; j < i + count; j++)
			is_new |= !has(before, &now->list[j]);
		if (!is_new)
			continue;
		util_copy(event.service, sizeof(event.service), first->service);
		util_copy(event.pool, sizeof(event.pool), first->pool);
		describe(first, count, event.text, sizeof(event.text));
		if (first->is_trouble)
			event_log_add(daemon->events, &event);
		log_warning("names", "%s/%s: %s", first->service, first->pool, event.text);
	}
}

size_t left_out_findings(const struct left_out *left_out, struct control_finding *list, size_t max)
{
	size_t i, group, count = 0;
	char text[320];

	for (i = 0; i < left_out->count && count < max; i += group) {
		const struct left_out_address *first = &left_out->list[i];

		group = group_at(left_out, i);
		if (!first->is_trouble)
			continue;
		list[count] = (struct control_finding){.severity = CONTROL_DEGRADED};
		snprintf(list[count].text, sizeof(list->text), "%s/%s: %s", first->service,
			 first->pool, describe(first, group, text, sizeof(text)));
		snprintf(list[count].fix, sizeof(list->fix), "sluicectl pool show %s %s",
			 first->service, first->pool);
		count++;
	}
	return count;
}

size_t left_out_get(const struct left_out *left_out, const char *service, const char *pool,
		    struct control_left_out *list, size_t max)
{
	size_t i, count = 0;

	for (i = 0; i < left_out->count && count < max; i++) {
		const struct left_out_address *from = &left_out->list[i];

		if (!strcmp(from->service, service) && !strcmp(from->pool, pool))
			list[count++] =
				(struct control_left_out){from->name, &from->addr, from->why};
	}
	return count;
}

void left_out_done(struct left_out *left_out)
{
	free(left_out->list);
	*left_out = (struct left_out){0};
}
