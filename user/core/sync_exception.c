/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exceptions of limits: lists of their own in the table of access lists, which name their rate. */
#include "core/sync_internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/access.h"
#include "core/limit_params.h"

static size_t count_prefixes(const struct limit_exceptions *exceptions)
{
	size_t count = 0;

	for (size_t i = 0; i < limit_exceptions_count(exceptions); i++)
		count += prefix_set_count(exceptions->list[i].prefixes);
	return count;
}

static void add(struct access_table *table, uint32_t index, const struct prefix_set *set,
		const struct gcra_params *params)
{
	for (size_t i = 0; i < prefix_set_count(set); i++)
		table->entries[table->count++] = (struct dp_access_entry){
			.prefix = set->entries[i].prefix,
			.list = (uint16_t)SLUICE_LIMIT_LIST(index),
			.word = SLUICE_EXCEPTION(params->inc, params->tau, params->k),
		};
}

static int compare_entries(const void *a, const void *b)
{
	return dp_access_compare(a, b);
}

/* The unit was chosen so that all fit. Where the limit is still a predecessor's, for want of room, one
 * may not: in another unit it is admitted and not charged. */
static int make_params(const struct sync *sync, const struct sync_limit *limit,
		       const struct limit_exception *exception, struct gcra_params *ret_params)
{
	uint32_t count = SLUICE_LIMIT_COUNT(limit->written.word);
	int ret = limit_exception_params(count, exception, sync->tick_ns,
					 SLUICE_LIMIT_K(limit->written.word), ret_params, NULL);

	if (ret)
		ret = limit_exception_params(count, exception, sync->tick_ns, 0, ret_params, NULL);
	return ret;
}

static void add_limit(const struct sync *sync, uint32_t index, struct access_table *table)
{
	const struct sync_limit *limit = &sync->limits[index];
	size_t first = table->count;

	for (size_t i = 0; i < limit_exceptions_count(limit->exceptions); i++) {
		const struct limit_exception *exception = &limit->exceptions->list[i];
		struct gcra_params params;

		if (!make_params(sync, limit, exception, &params))
			add(table, index, exception->prefixes, &params);
	}
	qsort(table->entries + first, table->count - first, sizeof(*table->entries),
	      compare_entries);
}

void sync_exceptions_add(const struct sync *sync, struct access_table *table)
{
	struct dp_access_entry *entries;
	size_t count = table->count;

	for (uint32_t index = 1; index < sync->capacity.limits; index++)
		count += count_prefixes(sync->limits[index].exceptions);
	if (count == table->count)
		return;
	entries = util_alloc_array(count, sizeof(*entries));
	memcpy(entries, table->entries, table->count * sizeof(*entries));
	free(table->entries);
	table->entries = entries;
	for (uint32_t index = 1; index < sync->capacity.limits; index++)
		add_limit(sync, index, table);
}
