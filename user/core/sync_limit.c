/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits: the entry's index is the limit's id; its sources have a region of sets. */
#include "core/sync_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/limit_params.h"

#define REGION_BITS (0x3fULL << 32 | 0xffffffffULL)
#define MODE_BITS (3ULL << 48)
#define UNIT_BITS (0x3fULL << 38)

static unsigned int sets_log2(const struct limit_config *config)
{
	return (unsigned int)__builtin_ctz(config->sources / SLUICE_LIMIT_WAYS);
}

/* The word without base and size of its region. */
static uint64_t limit_word(const struct limit_config *config, uint32_t k)
{
	return (uint64_t)k << 38 | (uint64_t)config->count << 44 | (uint64_t)config->mode << 48 |
	       SLUICE_LIMIT_F_USED | (uint64_t)(config->prefix4 - 1) << 51 |
	       (uint64_t)(config->prefix6 - 1) << 56;
}

/* Are sources' states to be found where they were? Prefixes, what is counted and size decide. */
static bool is_place_kept(const struct sync_limit *limit, uint64_t word, unsigned int log2)
{
	const uint64_t others = REGION_BITS | MODE_BITS | UNIT_BITS;

	return limit->is_used && SLUICE_LIMIT_LOG2(limit->written.word) == log2 &&
	       ((limit->written.word ^ word) & ~others) == 0;
}

/* And are they in the same unit? */
static bool is_region_kept(const struct sync_limit *limit, uint64_t word, unsigned int log2)
{
	return is_place_kept(limit, word, log2) &&
	       SLUICE_LIMIT_K(limit->written.word) == SLUICE_LIMIT_K(word);
}

/* The most that one of the limit's sources may owe; own: by its own rate. */
static uint32_t owed_max(const struct sync *sync, const struct limit_config *config,
			 const struct gcra_params *own)
{
	struct gcra_params params;
	uint32_t tau = own->tau;
	size_t i;

	for (i = 0; i < limit_exceptions_count(config->exceptions); i++) {
		if (!limit_exception_params(config->count, &config->exceptions->list[i],
					    sync->tick_ns, own->k, &params, NULL))
			tau = MAX(tau, params.tau);
	}
	return tau;
}

static uint64_t limit_flags(const struct limit_config *config)
{
	return (limit_exceptions_count(config->exceptions) ? SLUICE_LIMIT_F_EXCEPTIONS : 0) |
	       (config->is_closed ? SLUICE_LIMIT_F_CLOSED : 0) |
	       (config->counts_replies ? SLUICE_LIMIT_F_REPLIES : 0);
}

static int make_entry(const struct sync *sync, const struct model_limit *model,
		      struct sluice_limit *ret_entry)
{
	const struct limit_config *config = &model->config;
	struct gcra_params params;
	int ret = limit_params_make(config, sync->tick_ns, &params, NULL);

	if (ret)
		return ret;
	*ret_entry = (struct sluice_limit){.id = model->id,
					   .word = limit_word(config, params.k),
					   .rate = SLUICE_LIMIT_RATE(params.inc, params.tau),
					   .flags = limit_flags(config),
					   .owed_max = owed_max(sync, config, &params)};
	return 0;
}

bool sync_limit_needs_region(const struct sync *sync, const struct model_limit *model,
			     unsigned int *ret_log2, unsigned int *ret_held_log2)
{
	const struct sync_limit *limit;
	struct sluice_limit entry;

	if (model->id >= sync->capacity.limits || make_entry(sync, model, &entry))
		return false;
	limit = &sync->limits[model->id];
	*ret_log2 = sets_log2(&model->config);
	*ret_held_log2 = limit->is_used ? SLUICE_LIMIT_LOG2(limit->written.word) : 0;
	return !is_region_kept(limit, entry.word, *ret_log2);
}

static int limit_write(struct sync *sync, struct sync_limit *limit, uint32_t index,
		       const struct sluice_limit *entry)
{
	int ret;

	if (limit->is_used && limit->written.word == entry->word &&
	    limit->written.rate == entry->rate && limit->written.flags == entry->flags &&
	    limit->written.owed_max == entry->owed_max)
		return 0;
	ret = sync_op(sync, limit_set, index, entry);
	if (ret)
		return ret;
	limit->written = *entry;
	limit->is_used = true;
	return 0;
}

/* Into a new region: with what the sources owe, where they are the same sources. */
static int limit_move(struct sync *sync, struct sync_limit *limit, uint32_t index,
		      struct sluice_limit *entry, unsigned int log2)
{
	struct sluice_limit old = limit->written, to;
	bool was_used = limit->is_used;
	uint32_t base;
	int ret = region_pool_take(&sync->limit_regions, log2, &base);

	if (ret)
		return ret;
	entry->word |= (uint64_t)log2 << 32 | base;
	to = *entry;
	to.rate = SLUICE_LIMIT_RATE(SLUICE_LIMIT_INC(entry->rate), entry->owed_max);
	if (is_place_kept(limit, entry->word, log2))
		ret = sync_op(sync, limit_move_region, &old, &to);
	else
		ret = sync_op(sync, limit_clear_region, base, log2);
	if (ret == 0)
		ret = limit_write(sync, limit, index, entry);
	if (ret)
		region_pool_give(&sync->limit_regions, base, log2, sync->now_ms);
	else if (was_used)
		region_pool_give(&sync->limit_regions, SLUICE_LIMIT_BASE(old.word),
				 SLUICE_LIMIT_LOG2(old.word), sync->now_ms);
	return ret;
}

/* What the packet path has now of the limit besides its entry. */
static void remember(struct sync *sync, struct sync_limit *limit, const struct model_limit *model)
{
	sync->is_access_stale |= limit->exceptions || model->config.exceptions;
	limit_exceptions_ref(model->config.exceptions);
	limit_exceptions_unref(limit->exceptions);
	limit->exceptions = model->config.exceptions;
}

/* One that stays as it was, for want of room, can be switched off all the same. It is not switched on:
 * it is not the limit that was meant. What cannot be written is tried again with the limit. */
static void relax(struct sync *sync, uint32_t index, enum sluice_limit_mode mode)
{
	struct sync_limit *limit = &sync->limits[index];
	struct sluice_limit entry = limit->written;

	if (!limit->is_used || mode == SLUICE_LIMIT_ENFORCE)
		return;
	entry.word = (entry.word & ~MODE_BITS) | (uint64_t)mode << 48;
	limit_write(sync, limit, index, &entry);
}

static int limit_update(struct sync *sync, const struct model_limit *model)
{
	struct sync_limit *limit = &sync->limits[model->id];
	unsigned int log2 = sets_log2(&model->config);
	struct sluice_limit entry;
	bool is_kept;
	int ret;

	ret = make_entry(sync, model, &entry);
	if (ret)
		return ret;
	is_kept = is_region_kept(limit, entry.word, log2);
	if (!is_kept && !limit->is_used && limit->rest_until_ms > sync->now_ms)
		return -EAGAIN;
	ret = -ENOSPC;
	if (!is_kept || entry.owed_max < limit->written.owed_max)
		ret = limit_move(sync, limit, model->id, &entry, log2);
	/* Without room it stays where it is: who owes more than it allows waits for longer. */
	if (is_kept && ret == -ENOSPC) {
		entry.word |= limit->written.word & REGION_BITS;
		ret = limit_write(sync, limit, model->id, &entry);
	}
	if (ret == 0)
		remember(sync, limit, model);
	else if (ret == -ENOSPC)
		relax(sync, model->id, model->config.mode);
	return ret;
}

/* Their exceptions go with the lists that are written next: until they are gone or new, they shall
 * refuse nobody. */
static void relax_unexplained(struct sync *sync)
{
	uint32_t index;

	for (index = 1; index < sync->capacity.limits; index++) {
		struct sync_limit *limit = &sync->limits[index];

		if (limit->is_unexplained &&
		    SLUICE_LIMIT_MODE(limit->written.word) == SLUICE_LIMIT_ENFORCE)
			relax(sync, index, SLUICE_LIMIT_SHADOW);
		limit->is_unexplained = false;
	}
}

void sync_limits_update(struct sync *sync, struct errs *errors)
{
	size_t i;

	relax_unexplained(sync);
	for (i = 0; i < model_limit_count(sync->model); i++) {
		struct model_limit *model = model_limit_at(sync->model, i);
		struct err *e;
		int ret;

		if (!model->is_dirty)
			continue;
		ret = -ENOSPC;
		if (model->id < sync->capacity.limits) {
			ret = limit_update(sync, model);
			sync_trouble_note(sync, &sync->limits[model->id].trouble, ret);
		}
		if (ret == 0) {
			model->is_dirty = false;
		} else if (ret != -EAGAIN) {
			e = errs_add(errors, ret == -ENOSPC ? ERR_CAPACITY : ERR_SYSTEM,
				     model->config.name, "limit %s: cannot write it: %s",
				     model->config.name, strerror(-ret));
			err_hint(e, "tried again; if it lasts, raise capacity.limit_sources");
		}
	}
}

int sync_limits_remove(struct sync *sync)
{
	const struct sluice_limit nothing = {0};
	uint32_t index;
	int ret, worst = 0;

	for (index = 1; index < sync->capacity.limits; index++) {
		struct sync_limit *limit = &sync->limits[index];

		if (!(limit->is_used || limit->trouble.ret) ||
		    model_limit_by_id(sync->model, index))
			continue;
		limit->trouble = (struct sync_trouble){0};
		if (!limit->is_used)
			continue;
		ret = sync_op(sync, limit_set, index, &nothing);
		if (ret) {
			worst = ret;
			continue;
		}
		region_pool_give(&sync->limit_regions, SLUICE_LIMIT_BASE(limit->written.word),
				 SLUICE_LIMIT_LOG2(limit->written.word), sync->now_ms);
		sync->is_access_stale |= limit->exceptions != NULL;
		limit_exceptions_unref(limit->exceptions);
		*limit = (struct sync_limit){.rest_until_ms = sync->now_ms + SLUICE_REUSE_AFTER_MS};
	}
	return worst;
}

void sync_limits_free(struct sync *sync)
{
	uint32_t index;

	for (index = 0; index < sync->capacity.limits; index++)
		limit_exceptions_unref(sync->limits[index].exceptions);
	free(sync->limits);
}

/* ---- for all packets ------------------------------------------------------------------------ */

int sync_host_limits_update(struct sync *sync)
{
	const uint32_t *wanted = model_host_limits(sync->model);
	uint16_t limits[SLUICE_SERVICE_LIMITS_MAX] = {0};
	size_t i, n = 0;
	int ret;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX && wanted[i]; i++) {
		if (wanted[i] < sync->capacity.limits && sync->limits[wanted[i]].is_used)
			limits[n++] = (uint16_t)wanted[i];
	}
	/* Until all are there, and members are kept from them, those of before stay. */
	if (n < i || (n && (model_is_access_dirty(sync->model) || sync->is_access_stale))) {
		sync->is_limit_waiting = true;
		return 0;
	}
	if (memcmp(limits, sync->host_limits, sizeof(limits)) == 0)
		return 0;
	ret = sync_op(sync, host_limits_set, limits);
	if (ret)
		return ret;
	sync->is_access_stale |= !limits[0]; /* members may be counted again */
	memcpy(sync->host_limits, limits, sizeof(limits));
	return 0;
}
