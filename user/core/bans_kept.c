/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bans that are to be there again: those of a predecessor, and those that a trial ended. */
#include <errno.h>
#include <string.h>

#include "core/bans_internal.h"

/* ---- from a predecessor ---------------------------------------------------------------------- */

struct adopting {
	struct bans *bans;
	const struct bans_now *now;
};

/* As the packet path has it, whatever was noted. */
static void adopt(void *arg, const struct dp_ban *found)
{
	const struct adopting *adopting = arg;
	struct bans *bans = adopting->bans;
	const struct model_limit *limit = model_limit_by_id(bans->model, found->limit);
	struct banned *banned = bans_find_entry(bans, found->limit, &found->source);
	struct ban ban = {.reason = "from before the daemon started; nothing else is known"};

	if (banned)
		ban = banned->ban;
	else if (found->limit_name[0] != '\0') /* which may have been another one's */
		util_copy(ban.limit_name, sizeof(ban.limit_name), found->limit_name);
	else if (limit)
		util_copy(ban.limit_name, sizeof(ban.limit_name), limit->config.name);
	ban.limit = found->limit;
	ban.source = found->source;
	ban.until_ms = adopting->now->ms + found->left_ms;
	ban.is_all = found->is_all;
	ban.hits = found->hits;
	bans_remember(bans, &ban)->is_found = true;
}

/* Those that the packet path has, with what was noted of them. */
static int adopt_all(struct bans *bans, const struct ban *kept, size_t count,
		     const struct bans_now *now)
{
	struct adopting adopting = {bans, now};
	struct banned *banned, *next;
	size_t i;
	int ret;

	for (i = 0; i < count; i++)
		bans_remember(bans, &kept[i]);
	ret = bans->port->ops->ban_each(bans->port->dp, adopt, &adopting);
	for (banned = bans->banned; banned; banned = next) {
		next = banned->hh.next;
		if (ret || !banned->is_found) /* lifted, or over, while nobody looked */
			bans_forget(bans, banned);
	}
	return ret;
}

int bans_adopt(struct bans *bans, const struct ban *kept, size_t count, bool is_new,
	       const struct bans_now *now)
{
	int ret = adopt_all(bans, kept, is_new ? 0 : count, now);

	if (ret)
		return ret;
	if (is_new)
		bans_wait(bans, kept, count);
	bans_follow(bans);
	bans_tick(bans, now);
	return 0;
}

/* ---- again ----------------------------------------------------------------------------------- */

static void add(struct ban_list *list, const struct ban *ban)
{
	list->list = util_grow(list->list, &list->room, list->count + 1, sizeof(*list->list));
	list->list[list->count++] = *ban;
}

void bans_wait(struct bans *bans, const struct ban *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		add(&bans->waiting, &list[i]);
}

/* By the limit's name, for its number may be another one. False: it waits. */
static bool try_again(struct bans *bans, const struct ban *waiting, const struct bans_now *now)
{
	const struct model_limit *limit = model_find_limit(bans->model, waiting->limit_name);
	struct ban ban = *waiting;
	char text[160];
	int ret;

	if (!limit || waiting->until_ms <= now->ms)
		return true;
	ban.limit = limit->id;
	if (bans_find_entry(bans, ban.limit, &ban.source) || bans_end_reason(bans, &ban, text))
		return true;
	ret = bans_make(bans, &ban, now->ms);
	if (!ret) {
		bans->fn(bans->arg, BANS_BEGUN, &ban, ban.reason);
		return true;
	}
	/* The packet path may not have the limit yet, or not with these prefixes. */
	if (ret != -ENOENT && ret != -EINVAL)
		bans_tell_failure(bans, &ban, ret, now->ms);
	return ret == -ENOSPC;
}

void bans_try_waiting(struct bans *bans, const struct bans_now *now)
{
	struct ban_list *waiting = &bans->waiting;
	size_t i, kept = 0;

	for (i = 0; i < waiting->count; i++)
		if (!try_again(bans, &waiting->list[i], now))
			waiting->list[kept++] = waiting->list[i];
	waiting->count = kept;
}

static void hold(void *arg, const struct ban *ban)
{
	add(arg, ban);
}

void bans_hold(struct bans *bans)
{
	bans_release(bans);
	bans_each(bans, hold, &bans->held);
}

void bans_release(struct bans *bans)
{
	free(bans->held.list);
	bans->held = (struct ban_list){0};
}

void bans_restore(struct bans *bans)
{
	bans_wait(bans, bans->held.list, bans->held.count);
	bans_release(bans);
}

static bool is_there(const struct bans *bans, const struct ban *ban)
{
	const struct model_limit *limit = model_find_limit(bans->model, ban->limit_name);

	return limit && bans_find_entry(bans, limit->id, &ban->source);
}

void bans_each_waiting(const struct bans *bans, void (*fn)(void *arg, const struct ban *ban),
		       void *arg)
{
	size_t i;

	for (i = 0; i < bans->waiting.count; i++)
		fn(arg, &bans->waiting.list[i]);
	for (i = 0; i < bans->held.count; i++)
		if (!is_there(bans, &bans->held.list[i]))
			fn(arg, &bans->held.list[i]);
}

/* How many of those that it drops are nowhere else. */
static size_t drop(const struct bans *bans, struct ban_list *list, const char *limit,
		   const struct prefix *source)
{
	size_t i, kept = 0, dropped = 0;

	for (i = 0; i < list->count; i++) {
		const struct ban *ban = &list->list[i];

		if ((limit[0] && strcmp(limit, ban->limit_name)) ||
		    (source && prefix_compare(source, &ban->source)))
			list->list[kept++] = *ban;
		else
			dropped += !is_there(bans, ban);
	}
	list->count = kept;
	return dropped;
}

size_t bans_drop_waiting(struct bans *bans, const char *limit, const struct prefix *source)
{
	return drop(bans, &bans->waiting, limit, source) + drop(bans, &bans->held, limit, source);
}
