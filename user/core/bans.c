/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/bans.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"
#include "core/ban_counter.h"
#include "core/bans_internal.h"

#define PROBLEM_MS 60000 /* between two of one kind that are told */

struct bans *bans_new(const struct dataplane *port, const struct model *model, uint32_t capacity,
		      bans_fn fn, void *arg)
{
	struct bans *bans = util_alloc(sizeof(*bans));

	bans->port = port;
	bans->model = model;
	bans->capacity = capacity;
	bans->fn = fn;
	bans->arg = arg;
	return bans;
}

static struct bans_of_limit *of_limit(struct bans *bans, uint32_t limit)
{
	bans->limits = util_grow(bans->limits, &bans->limit_room, (size_t)limit + 1,
				 sizeof(*bans->limits));
	return &bans->limits[limit];
}

void bans_forget(struct bans *bans, struct banned *banned)
{
	of_limit(bans, banned->ban.limit)->banned--;
	HASH_DEL(bans->banned, banned);
	free(banned);
}

void bans_free(struct bans *bans)
{
	if (!bans)
		return;
	while (bans->banned)
		bans_forget(bans, bans->banned);
	free(bans->waiting.list);
	free(bans->held.list);
	free(bans->counters);
	free(bans->limits);
	free(bans);
}

/* ---- who is banned --------------------------------------------------------------------------- */

struct banned *bans_find_entry(const struct bans *bans, uint32_t limit, const struct prefix *source)
{
	const struct ban_key key = {.addr = source->addr, .limit = limit, .length = source->length};
	struct banned *banned;

	HASH_FIND(hh, bans->banned, &key, sizeof(key), banned);
	return banned;
}

const struct ban *bans_find(const struct bans *bans, uint32_t limit, const struct prefix *source)
{
	const struct banned *banned = bans_find_entry(bans, limit, source);

	return banned ? &banned->ban : NULL;
}

size_t bans_count(const struct bans *bans)
{
	return HASH_COUNT(bans->banned);
}

size_t bans_count_of(const struct bans *bans, uint32_t limit)
{
	return limit < bans->limit_room ? bans->limits[limit].banned : 0;
}

void bans_each(const struct bans *bans, void (*fn)(void *arg, const struct ban *ban), void *arg)
{
	const struct banned *banned;

	for (banned = bans->banned; banned; banned = banned->hh.next)
		fn(arg, &banned->ban);
}

uint64_t bans_held_back(const struct bans *bans)
{
	return bans->held_back;
}

uint64_t bans_without_room(const struct bans *bans)
{
	return bans->without_room;
}

struct banned *bans_remember(struct bans *bans, const struct ban *ban)
{
	struct banned *banned = bans_find_entry(bans, ban->limit, &ban->source);

	if (banned) {
		banned->ban = *ban;
		return banned;
	}
	banned = util_alloc(sizeof(*banned));
	banned->key = (struct ban_key){ban->source.addr, ban->limit, ban->source.length};
	banned->ban = *ban;
	HASH_ADD(hh, bans->banned, key, sizeof(banned->key), banned);
	of_limit(bans, ban->limit)->banned++;
	return banned;
}

int bans_make(struct bans *bans, const struct ban *ban, uint64_t now_ms)
{
	const struct dp_ban wanted = {
		.limit = ban->limit,
		.source = ban->source,
		.left_ms = ban->until_ms > now_ms ? ban->until_ms - now_ms : 1,
		.is_all = ban->is_all,
	};
	const struct banned *old = bans_find_entry(bans, ban->limit, &ban->source);
	uint64_t hits = old ? old->ban.hits : 0;
	int ret = 0;

	if (!old && bans_count(bans) >= bans->capacity)
		ret = -ENOSPC;
	if (!ret)
		ret = bans->port->ops->ban_set(bans->port->dp, &wanted);
	if (!ret)
		bans_remember(bans, ban)->ban.hits = hits;
	return ret;
}

/* Out of both; -ENOENT of the packet path is as good. */
static int end(struct bans *bans, struct banned *banned, const char *text)
{
	const struct ban ban = banned->ban;
	int ret = bans->port->ops->ban_delete(bans->port->dp, ban.limit, &ban.source);

	if (ret && ret != -ENOENT)
		return ret;
	bans_forget(bans, banned);
	bans->fn(bans->arg, BANS_ENDED, &ban, text);
	return 0;
}

/* ---- by refusals ----------------------------------------------------------------------------- */

void bans_tell(struct bans *bans, enum bans_problem problem, const struct ban *ban, uint64_t now_ms,
	       const char *fmt, ...)
{
	uint64_t *told_ms = &bans->told_ms[problem];
	char text[256];
	va_list args;

	if (*told_ms && now_ms - *told_ms < PROBLEM_MS)
		return;
	*told_ms = MAX(now_ms, 1U);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	bans->fn(bans->arg, BANS_PROBLEM, ban, text);
}

void bans_tell_failure(struct bans *bans, const struct ban *ban, int ret, uint64_t now_ms)
{
	char name[PREFIX_TEXT_MAX];

	prefix_format(&ban->source, name);
	bans->without_room += ret == -ENOSPC;
	if (ret == -ENOSPC)
		bans_tell(bans, BANS_PROBLEM_ROOM, ban, now_ms,
			  "%s is not banned: the table of %u bans is full; limits still refuse",
			  name, bans->capacity);
	else
		bans_tell(bans, BANS_PROBLEM_WRITE, ban, now_ms,
			  "%s is not banned: %s; limits still refuse", name, strerror(-ret));
}

/* May the limit ban one more in this second? */
static bool is_in_pace(struct bans *bans, const struct model_limit *limit, uint64_t now_ms)
{
	struct bans_of_limit *of = of_limit(bans, limit->id);

	if (of->second != now_ms / 1000) {
		of->second = now_ms / 1000;
		of->made = 0;
	}
	return of->made < limit->config.ban.max_per_s;
}

/* What could not be banned is asked for again by its next refusal. */
static bool ban_refused(struct bans *bans, const struct model_limit *limit,
			const struct prefix *source, const struct bans_now *now)
{
	const struct limit_ban *rule = &limit->config.ban;
	struct ban ban = {
		.limit = limit->id,
		.source = *source,
		.until_ms = now->ms + MIN(rule->for_s, rule->max_s) * 1000ULL,
		.since_s = now->wall_s,
		.is_all = rule->is_all,
	};
	char name[PREFIX_TEXT_MAX], within[UTIL_DURATION_MAX];
	int ret;

	util_copy(ban.limit_name, sizeof(ban.limit_name), limit->config.name);
	snprintf(ban.reason, sizeof(ban.reason), "%u packets refused within %s", rule->after,
		 util_format_duration(rule->within_s, within));
	prefix_format(source, name);
	if (!is_in_pace(bans, limit, now->ms)) {
		bans->held_back++;
		bans_tell(bans, BANS_PROBLEM_PACE, &ban, now->ms,
			  "%s and maybe more wait: limit %s bans %u sources a second "
			  "(ban.max_per_second)",
			  name, limit->config.name, rule->max_per_s);
		return false;
	}
	ret = bans_make(bans, &ban, now->ms);
	if (!ret) {
		of_limit(bans, limit->id)->made++;
		bans->fn(bans->arg, BANS_BEGUN, &ban, ban.reason);
		return true;
	}
	bans_tell_failure(bans, &ban, ret, now->ms);
	return false;
}

void bans_refused(struct bans *bans, const struct dp_refusal *refusal, const struct bans_now *now)
{
	const struct model_limit *limit = model_limit_by_id(bans->model, refusal->limit);
	struct ban_counter *counter;
	struct banned *banned;
	struct prefix source;
	char text[80];

	if (!limit)
		return;
	source = bans_source_of(limit, &refusal->source);
	banned = bans_find_entry(bans, limit->id, &source);
	if (banned && refusal->kind == SLUICE_REFUSAL_BAN)
		banned->ban.hits += refusal->packets;
	if (banned || refusal->kind != SLUICE_REFUSAL_LIMIT || !limit->config.ban.after ||
	    limit->config.mode != SLUICE_LIMIT_ENFORCE)
		return;
	if (!bans->counters)
		bans->counters = util_alloc(sizeof(*bans->counters));
	counter = ban_counters_add(bans->counters, &limit->config.ban, refusal, &source, now->ms);
	if (!counter)
		return;
	if (bans_exempt(bans->model, &source, text) || ban_refused(bans, limit, &source, now))
		*counter = (struct ban_counter){0};
}

/* ---- by command ------------------------------------------------------------------------------ */

int bans_set(struct bans *bans, const struct ban_order *order, const struct bans_now *now,
	     struct err *e)
{
	const struct limit_config *config = &order->limit->config;
	struct ban ban = {
		.limit = order->limit->id,
		.source = order->source,
		.until_ms = now->ms + order->for_s * 1000ULL,
		.since_s = now->wall_s,
		.is_all = order->is_all,
		.is_manual = true,
	};
	char name[PREFIX_TEXT_MAX], text[80];
	const char *exempt = bans_exempt_from(bans->model, order->limit, &order->source, text);
	int ret;

	prefix_format(&order->source, name);
	if (config->mode != SLUICE_LIMIT_ENFORCE) {
		ret = err_set(e, ERR_CONFLICT, "", "limit %s is in mode %s, which bans nobody",
			      config->name, model_limit_mode_name(config->mode));
		err_hint(e, "sluicectl limit mode %s enforce, or a deny list: sluicectl list add",
			 config->name);
		return ret;
	}
	if (exempt) {
		ret = err_set(e, ERR_CONFLICT, "", "%s is exempt by %s, which comes before bans",
			      name, exempt);
		err_hint(e, "end that first, or name another limit");
		return ret;
	}
	util_copy(ban.limit_name, sizeof(ban.limit_name), config->name);
	util_copy(ban.by, sizeof(ban.by), order->by);
	util_copy(ban.reason, sizeof(ban.reason), order->reason);
	utf8_clean(ban.by);
	utf8_clean(ban.reason);
	ret = bans_make(bans, &ban, now->ms);
	if (!ret) {
		bans->fn(bans->arg, BANS_BEGUN, &ban, ban.reason);
		return 0;
	}
	if (ret != -ENOSPC)
		return err_set(e, ret == -ENOENT ? ERR_BUSY : ERR_SYSTEM, "",
			       "cannot write the ban of %s: %s", name,
			       ret == -ENOENT ? "the packet path does not have the limit yet"
					      : strerror(-ret));
	ret = err_set(e, ERR_CAPACITY, "", "%s is not banned: the table of %u bans is full", name,
		      bans->capacity);
	err_hint(e, "sluicectl ban list shows them, ban lift makes room; a deny list has more");
	return ret;
}

int bans_lift(struct bans *bans, uint32_t limit, const struct prefix *source, const char *text)
{
	struct banned *banned = bans_find_entry(bans, limit, source);
	const struct model_limit *model = model_limit_by_id(bans->model, limit);
	size_t dropped = model ? bans_drop_waiting(bans, model->config.name, source) : 0;

	if (banned)
		return end(bans, banned, text);
	return dropped ? 0 : -ENOENT;
}

size_t bans_lift_all(struct bans *bans, uint32_t limit, const char *text, int *ret_failed)
{
	struct banned *banned = bans->banned, *next;
	const struct model_limit *model = limit ? model_limit_by_id(bans->model, limit) : NULL;
	size_t lifted = 0;
	int ret, failed = 0;

	if (model || !limit)
		lifted = bans_drop_waiting(bans, model ? model->config.name : "", NULL);
	for (; banned; banned = next) {
		next = banned->hh.next;
		if (limit && banned->ban.limit != limit)
			continue;
		ret = end(bans, banned, text);
		failed = ret ? ret : failed;
		lifted += !ret;
	}
	*ret_failed = failed;
	return lifted;
}

/* ---- by time, and with the model ------------------------------------------------------------- */

void bans_tick(struct bans *bans, const struct bans_now *now)
{
	struct banned *banned = bans->banned, *next;

	for (; banned; banned = next) {
		next = banned->hh.next;
		if (banned->ban.until_ms <= now->ms)
			end(bans, banned, "its time is over");
	}
	bans_try_waiting(bans, now);
}

const char *bans_end_reason(const struct bans *bans, const struct ban *ban, char text[160])
{
	const struct model_limit *limit = model_limit_by_id(bans->model, ban->limit);
	const char *exempt;
	struct prefix source;
	char list[80];

	if (!limit || strcmp(limit->config.name, ban->limit_name)) {
		snprintf(text, 160, "limit %s is gone", ban->limit_name);
		return text;
	}
	if (limit->config.mode != SLUICE_LIMIT_ENFORCE) {
		snprintf(text, 160, "limit %s is in mode %s", ban->limit_name,
			 model_limit_mode_name(limit->config.mode));
		return text;
	}
	source = bans_source_of(limit, &ban->source.addr);
	if (prefix_compare(&source, &ban->source)) {
		snprintf(text, 160, "limit %s knows other prefixes now", ban->limit_name);
		return text;
	}
	exempt = bans_exempt(bans->model, &ban->source, list);
	if (exempt)
		snprintf(text, 160, "it is exempt by %s now", exempt);
	return exempt ? text : NULL;
}

void bans_follow(struct bans *bans)
{
	struct banned *banned = bans->banned, *next;
	const char *reason;
	char text[160];

	for (; banned; banned = next) {
		next = banned->hh.next;
		reason = bans_end_reason(bans, &banned->ban, text);
		if (reason)
			end(bans, banned, reason);
	}
}
