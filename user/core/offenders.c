/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/offenders.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include <sluice/hash.h>

#include "base/util.h"

#define SKETCH_BITS 4096U
#define SCALE_MAX 1e100 /* then all counts are brought down */
#define TICK_MS_MIN 100

/* Counts are of the time `landmark`: what comes later weighs more, which is as if all faded. */
struct entry {
	struct sluice_addr addr;
	uint8_t length; /* 0: free */
	uint8_t kind;
	double count, error;
	uint64_t packets;
	uint64_t first_ms, last_ms;
};

struct table {
	struct entry entries[OFFENDERS_TOP];
	uint64_t landmark_ms;
};

/* Which sources were there, in a window and in the one before. */
struct sketch {
	uint64_t bits[2][SKETCH_BITS / 64];
	uint64_t window; /* number of the first one */
};

struct known {
	struct table sources, prefixes;
	struct sketch sketch;
	double told; /* first refusals that may be told now */
	uint64_t told_ms, untold;
	uint64_t last_ms;
};

struct limit {
	uint32_t number;
	struct offenders_counts counts;
	uint64_t counted_ms;	/* 0: never */
	unsigned int bad, calm; /* ticks in a row */
	bool is_attacked;
	uint64_t since_ms;
	struct known *known; /* NULL: nobody was refused lately */
	UT_hash_handle hh;
};

struct offenders {
	struct limit *limits;
	uint64_t secret;
	offenders_fn fn;
	void *arg;
};

struct offenders *offenders_new(uint64_t secret, offenders_fn fn, void *arg)
{
	struct offenders *offenders = util_alloc(sizeof(*offenders));

	offenders->secret = secret;
	offenders->fn = fn;
	offenders->arg = arg;
	return offenders;
}

static void forget(struct offenders *offenders, struct limit *limit)
{
	HASH_DEL(offenders->limits, limit);
	free(limit->known);
	free(limit);
}

void offenders_keep(struct offenders *offenders, bool (*is_there)(void *arg, uint32_t limit),
		    void *arg)
{
	struct limit *limit = offenders->limits, *next;

	for (; limit; limit = next) {
		next = limit->hh.next;
		if (!is_there(arg, limit->number))
			forget(offenders, limit);
	}
}

void offenders_free(struct offenders *offenders)
{
	if (!offenders)
		return;
	while (offenders->limits)
		forget(offenders, offenders->limits);
	free(offenders);
}

static struct limit *get_limit(struct offenders *offenders, uint32_t number)
{
	struct limit *limit;

	HASH_FIND(hh, offenders->limits, &number, sizeof(number), limit);
	if (limit)
		return limit;
	limit = util_alloc(sizeof(*limit));
	limit->number = number;
	HASH_ADD(hh, offenders->limits, number, sizeof(limit->number), limit);
	return limit;
}

static const struct limit *find_limit(const struct offenders *offenders, uint32_t number)
{
	const struct limit *limit;

	HASH_FIND(hh, offenders->limits, &number, sizeof(number), limit);
	return limit;
}

/* ---- the loudest ----------------------------------------------------------------------------- */

static double scale_at(const struct table *table, uint64_t now_ms)
{
	return exp((double)(now_ms - table->landmark_ms) / OFFENDERS_FADE_MS);
}

static bool is_known(const struct entry *entry, uint64_t now_ms)
{
	return entry->length && now_ms - entry->last_ms < OFFENDERS_FORGET_MS;
}

/* A new landmark, now. */
static void rescale(struct table *table, uint64_t now_ms)
{
	double scale = scale_at(table, now_ms);
	size_t i;

	for (i = 0; i < OFFENDERS_TOP; i++) {
		table->entries[i].count /= scale;
		table->entries[i].error /= scale;
	}
	table->landmark_ms = now_ms;
}

static struct entry *find_entry(struct table *table, const struct prefix *source)
{
	size_t i;

	for (i = 0; i < OFFENDERS_TOP; i++)
		if (table->entries[i].length == source->length &&
		    addr_equal(&table->entries[i].addr, &source->addr))
			return &table->entries[i];
	return NULL;
}

/* A free place, or that of whoever counts least. */
static struct entry *find_place(struct table *table, uint64_t now_ms)
{
	struct entry *least = &table->entries[0];
	size_t i;

	for (i = 0; i < OFFENDERS_TOP; i++) {
		struct entry *entry = &table->entries[i];

		if (!is_known(entry, now_ms)) {
			*entry = (struct entry){0};
			return entry;
		}
		if (entry->count < least->count)
			least = entry;
	}
	return least;
}

/* Whether the source was not known. */
static bool table_add(struct table *table, const struct prefix *source, uint64_t packets,
		      enum sluice_refusal_kind kind, uint64_t now_ms)
{
	struct entry *entry = find_entry(table, source);
	bool is_new = !entry || !is_known(entry, now_ms);

	if (!table->landmark_ms)
		table->landmark_ms = now_ms;
	if (scale_at(table, now_ms) > SCALE_MAX)
		rescale(table, now_ms);
	if (!entry) {
		double floor;

		entry = find_place(table, now_ms);
		floor = entry->count;
		*entry = (struct entry){
			.addr = source->addr,
			.length = source->length,
			.count = floor,
			.error = floor,
		};
	} else if (is_new) {
		entry->packets = 0;
	}
	if (is_new)
		entry->first_ms = now_ms;
	entry->count += (double)packets * scale_at(table, now_ms);
	entry->packets += packets;
	entry->kind = (uint8_t)kind;
	entry->last_ms = now_ms;
	return is_new;
}

static struct offender view_entry(const struct table *table, const struct entry *entry,
				  uint64_t now_ms)
{
	double whole = scale_at(table, now_ms) * OFFENDERS_FADE_MS / 1000;

	return (struct offender){
		.source = {entry->addr, entry->length},
		.per_s = (entry->count - entry->error) / whole,
		.per_s_at_most = entry->count / whole,
		.packets = entry->packets,
		.first_ms = entry->first_ms,
		.last_ms = entry->last_ms,
		.kind = (enum sluice_refusal_kind)entry->kind,
	};
}

static int compare_offenders(const void *a, const void *b)
{
	const struct offender *x = a, *y = b;

	if (x->per_s != y->per_s)
		return x->per_s < y->per_s ? 1 : -1;
	return prefix_compare(&x->source, &y->source);
}

size_t offenders_top(const struct offenders *offenders, uint32_t number, bool is_prefixes,
		     uint64_t now_ms, struct offender *ret_list, size_t max)
{
	const struct limit *limit = find_limit(offenders, number);
	struct offender list[OFFENDERS_TOP];
	const struct table *table;
	size_t count = 0, i;

	if (!limit || !limit->known)
		return 0;
	table = is_prefixes ? &limit->known->prefixes : &limit->known->sources;
	for (i = 0; i < OFFENDERS_TOP; i++)
		if (is_known(&table->entries[i], now_ms))
			list[count++] = view_entry(table, &table->entries[i], now_ms);
	qsort(list, count, sizeof(list[0]), compare_offenders);
	count = MIN(count, max);
	memcpy(ret_list, list, count * sizeof(list[0]));
	return count;
}

bool offenders_find(const struct offenders *offenders, uint32_t number, const struct prefix *source,
		    uint64_t now_ms, struct offender *ret_offender)
{
	const struct limit *limit = find_limit(offenders, number);
	const struct entry *entry;

	entry = limit && limit->known ? find_entry(&limit->known->sources, source) : NULL;
	if (!entry || !is_known(entry, now_ms))
		return false;
	*ret_offender = view_entry(&limit->known->sources, entry, now_ms);
	return true;
}

struct prefix offenders_prefix(const struct prefix *source)
{
	static const uint8_t steps4[] = {24, 16, 8}, steps6[] = {64, 48, 32, 16};
	bool is_v6 = addr_family(&source->addr) == SLUICE_FAMILY_V6;
	const uint8_t *steps = is_v6 ? steps6 : steps4;
	size_t count = is_v6 ? ARRAY_SIZE(steps6) : ARRAY_SIZE(steps4), i;
	struct prefix prefix = *source;

	for (i = 0; i < count && prefix.length == source->length; i++)
		if (steps[i] < source->length)
			prefix.length = steps[i];
	addr_mask(&prefix.addr, prefix.length);
	return prefix;
}

/* ---- how many -------------------------------------------------------------------------------- */

static void sketch_turn(struct sketch *sketch, uint64_t now_ms)
{
	uint64_t window = now_ms / OFFENDERS_FADE_MS;

	if (window == sketch->window)
		return;
	if (window == sketch->window + 1)
		memcpy(sketch->bits[1], sketch->bits[0], sizeof(sketch->bits[0]));
	else
		memset(sketch->bits[1], 0, sizeof(sketch->bits[1]));
	memset(sketch->bits[0], 0, sizeof(sketch->bits[0]));
	sketch->window = window;
}

static void sketch_add(struct sketch *sketch, uint64_t hash, uint64_t now_ms)
{
	uint32_t bit = (uint32_t)hash % SKETCH_BITS;

	sketch_turn(sketch, now_ms);
	sketch->bits[0][bit / 64] |= 1ULL << bit % 64;
}

/* Of a window: -m ln(part of the bits that is still zero). */
static double sketch_count(const uint64_t bits[SKETCH_BITS / 64])
{
	uint32_t set = 0, i;

	for (i = 0; i < SKETCH_BITS / 64; i++)
		set += (uint32_t)__builtin_popcountll(bits[i]);
	return -(double)SKETCH_BITS * log((double)MAX(SKETCH_BITS - set, 1U) / SKETCH_BITS);
}

static uint64_t count_sources(const struct known *known, uint64_t now_ms)
{
	uint64_t age = now_ms / OFFENDERS_FADE_MS - known->sketch.window;
	double last = sketch_count(known->sketch.bits[0]);

	if (age > 1)
		return 0;
	/* The window that runs has not seen all yet. */
	return (uint64_t)(age ? last + 0.5 : MAX(last, sketch_count(known->sketch.bits[1])) + 0.5);
}

/* ---- news ------------------------------------------------------------------------------------ */

static void tell_first(struct offenders *offenders, struct limit *limit,
		       const struct prefix *source, enum sluice_refusal_kind kind, uint64_t now_ms)
{
	struct known *known = limit->known;
	struct offenders_notice notice = {
		.news = OFFENDERS_FIRST,
		.limit = limit->number,
		.source = source,
		.kind = kind,
		.untold = known->untold,
	};

	known->told += (double)(now_ms - known->told_ms) / OFFENDERS_TOLD_MS;
	known->told = MIN(known->told, OFFENDERS_TOLD);
	known->told_ms = now_ms;
	if (known->told < 1) {
		known->untold++;
		return;
	}
	known->told--;
	known->untold = 0;
	offenders->fn(offenders->arg, &notice);
}

void offenders_add(struct offenders *offenders, const struct dp_refusal *refusal,
		   const struct prefix *source, uint64_t now_ms)
{
	struct limit *limit = get_limit(offenders, refusal->limit);
	struct prefix prefix = offenders_prefix(source);
	uint64_t hash = sluice_hash_mix(source->addr.d[0] ^ offenders->secret);

	if (!limit->known) {
		limit->known = util_alloc(sizeof(*limit->known));
		limit->known->told = OFFENDERS_TOLD;
		limit->known->told_ms = now_ms;
	}
	limit->known->last_ms = now_ms;
	sketch_add(&limit->known->sketch, sluice_hash_mix(hash ^ source->addr.d[1]), now_ms);
	table_add(&limit->known->prefixes, &prefix, refusal->packets, refusal->kind, now_ms);
	if (table_add(&limit->known->sources, source, refusal->packets, refusal->kind, now_ms))
		tell_first(offenders, limit, source, refusal->kind, now_ms);
}

/* part: 1 to enter, 0.5 to stay. */
static bool is_bad(const struct offenders_notice *now, double part)
{
	double least = OFFENDERS_PER_S * part;

	return now->replaced >= least ||
	       (now->refused >= least && (now->refused >= now->passed * part ||
					  (double)now->sources >= OFFENDERS_SOURCES * part));
}

static void judge(struct offenders *offenders, struct limit *limit, struct offenders_notice *now,
		  uint64_t now_ms)
{
	if (!limit->is_attacked) {
		limit->bad = is_bad(now, 1) ? limit->bad + 1 : 0;
		if (limit->bad < OFFENDERS_ENTER_S)
			return;
		now->news = OFFENDERS_ATTACK;
	} else {
		limit->calm = is_bad(now, 0.5) ? 0 : limit->calm + 1;
		if (limit->calm < OFFENDERS_LEAVE_S)
			return;
		now->news = OFFENDERS_CALM;
		now->lasted_ms = now_ms - limit->since_ms;
	}
	limit->is_attacked = !limit->is_attacked;
	limit->since_ms = now_ms;
	limit->bad = limit->calm = 0;
	offenders->fn(offenders->arg, now);
}

static double per_s(uint64_t now, uint64_t before, uint64_t ms)
{
	return now > before ? (double)(now - before) * 1000 / (double)ms : 0;
}

void offenders_tick(struct offenders *offenders, uint32_t number,
		    const struct offenders_counts *counts, uint64_t now_ms)
{
	struct limit *limit = get_limit(offenders, number);
	uint64_t ms = now_ms - limit->counted_ms;
	struct offenders_notice now = {.limit = number};

	if (limit->known && now_ms - limit->known->last_ms >= OFFENDERS_FORGET_MS) {
		free(limit->known);
		limit->known = NULL;
	}
	if (limit->counted_ms && ms < TICK_MS_MIN)
		return;
	if (limit->counted_ms) {
		now.refused = per_s(counts->refused, limit->counts.refused, ms);
		now.passed = per_s(counts->passed, limit->counts.passed, ms);
		now.replaced = per_s(counts->replaced_debt, limit->counts.replaced_debt, ms);
		now.sources = limit->known ? count_sources(limit->known, now_ms) : 0;
		judge(offenders, limit, &now, now_ms);
	}
	limit->counts = *counts;
	limit->counted_ms = now_ms;
}

bool offenders_resume(struct offenders *offenders, uint32_t number, uint64_t since_ms,
		      uint64_t calm_s)
{
	struct limit *limit;

	if (calm_s >= OFFENDERS_LEAVE_S)
		return false;
	limit = get_limit(offenders, number);
	limit->is_attacked = true;
	limit->since_ms = since_ms;
	limit->calm = (unsigned int)calm_s;
	return true;
}

void offenders_get(const struct offenders *offenders, uint32_t number, uint64_t now_ms,
		   struct offenders_view *ret_view)
{
	const struct limit *limit = find_limit(offenders, number);

	*ret_view = (struct offenders_view){0};
	if (!limit)
		return;
	ret_view->sources = limit->known ? count_sources(limit->known, now_ms) : 0;
	ret_view->is_attacked = limit->is_attacked;
	ret_view->since_ms = limit->since_ms;
	ret_view->calm_s = limit->calm;
}
