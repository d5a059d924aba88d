/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of sources, in memory: lists, bans, ceilings, refusals, measurements. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake/fake_internal.h"

static uint8_t limit_length(const struct sluice_limit *limit, const struct sluice_addr *addr)
{
	return (uint8_t)(addr_family(addr) == SLUICE_FAMILY_V6 ? SLUICE_LIMIT_PLEN6(limit->word)
							       : SLUICE_LIMIT_PLEN4(limit->word));
}

static struct fake_ban *find_ban(const struct fake_dataplane *fake, uint32_t limit,
				 const struct prefix *source)
{
	size_t i;

	for (i = 0; i < fake->ban_count; i++) {
		if (fake->bans[i].ban.limit == limit &&
		    !prefix_compare(&fake->bans[i].ban.source, source))
			return &fake->bans[i];
	}
	return NULL;
}

const struct dp_ban *fake_dataplane_ban(const struct fake_dataplane *fake, uint32_t limit,
					const struct prefix *source)
{
	const struct fake_ban *found = find_ban(fake, limit, source);

	return found ? &found->ban : NULL;
}

int fake_ban_set(void *dp, const struct dp_ban *ban)
{
	struct fake_dataplane *fake = dp;
	struct fake_ban *entry;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (ban->limit == SLUICE_LIMIT_NONE || ban->limit >= fake->capacity.limits ||
	    !fake->limits[ban->limit].word)
		return -ENOENT;
	if (!ban->left_ms ||
	    ban->source.length != limit_length(&fake->limits[ban->limit], &ban->source.addr))
		return -EINVAL;
	entry = find_ban(fake, ban->limit, &ban->source);
	if (!entry) {
		if (fake->ban_count == fake->capacity.bans)
			return -ENOSPC;
		fake->bans = util_grow(fake->bans, &fake->ban_room, fake->ban_count + 1,
				       sizeof(*fake->bans));
		entry = &fake->bans[fake->ban_count++];
		*entry = (struct fake_ban){0};
	}
	entry->until_ms = fake->now_ms + ban->left_ms;
	entry->ban = (struct dp_ban){.limit = ban->limit,
				     .source = ban->source,
				     .left_ms = ban->left_ms,
				     .is_all = ban->is_all,
				     .hits = entry->ban.hits};
	return 0;
}

int fake_ban_delete(void *dp, uint32_t limit, const struct prefix *source)
{
	struct fake_dataplane *fake = dp;
	struct fake_ban *entry;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	entry = find_ban(fake, limit, source);
	if (!entry)
		return -ENOENT;
	*entry = fake->bans[--fake->ban_count];
	return 0;
}

int fake_ban_each(void *dp, dp_ban_fn fn, void *arg)
{
	struct fake_dataplane *fake = dp;
	size_t count = fake->ban_count, i;
	struct dp_ban *bans;

	if (fake->are_bans_unreadable)
		return -ENOMEM;
	bans = util_alloc_array(count + 1, sizeof(*bans));
	for (i = 0; i < count; i++) {
		bans[i] = fake->bans[i].ban;
		bans[i].left_ms = fake->bans[i].until_ms > fake->now_ms
					  ? fake->bans[i].until_ms - fake->now_ms
					  : 0;
	}
	for (i = 0; i < count; i++)
		fn(arg, &bans[i]);
	free(bans);
	return 0;
}

void fake_bans_limit_set(struct fake_dataplane *fake, uint32_t index,
			 const struct sluice_limit *limit)
{
	size_t i = 0;

	while (i < fake->ban_count) {
		const struct dp_ban *ban = &fake->bans[i].ban;

		if (ban->limit == index &&
		    (!limit->word || limit_length(limit, &ban->source.addr) != ban->source.length))
			fake->bans[i] = fake->bans[--fake->ban_count];
		else
			i++;
	}
}

int fake_ceiling_set(void *dp, uint32_t index, uint64_t rate, uint32_t k)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (index == SLUICE_CEILING_NONE ||
	    index >= fake->capacity.service_cells + fake->capacity.member_ceilings)
		return -EINVAL;
	fake->ceilings[index].rate = rate;
	fake->ceilings[index].k = k;
	return 0;
}

int fake_ceiling_stats(void *dp, uint32_t index, struct sluice_ceiling_stats *ret_stats)
{
	(void)dp;
	*ret_stats = (struct sluice_ceiling_stats){.passed = index};
	return 0;
}

int fake_member_set_ceiling(void *dp, uint32_t index, uint32_t ceiling)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (index == SLUICE_MEMBER_NONE || index >= fake->capacity.members)
		return -EINVAL;
	if (ceiling && !fake->ceilings[ceiling].rate)
		fake_breach(fake, "member %u names ceiling %u, which admits everything", index,
			    ceiling);
	fake->members[index].ceiling = ceiling;
	return 0;
}

int fake_member_set_pool(void *dp, uint32_t index, uint8_t pool)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (index == SLUICE_MEMBER_NONE || index >= fake->capacity.members)
		return -EINVAL;
	fake->members[index].pool = pool;
	return 0;
}

int fake_member_set_gue_port(void *dp, uint32_t index, uint16_t port)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (index == SLUICE_MEMBER_NONE || index >= fake->capacity.members)
		return -EINVAL;
	fake->members[index].gue_port_be = htons(port);
	return 0;
}

void fake_dataplane_refuse(struct fake_dataplane *fake, const struct dp_refusal *refusal)
{
	fake->refusals = util_grow(fake->refusals, &fake->refusal_room, fake->refusal_count + 1,
				   sizeof(*fake->refusals));
	fake->refusals[fake->refusal_count++] = *refusal;
}

int fake_refusals_read(void *dp, dp_refusal_fn fn, void *arg, uint64_t *lost)
{
	struct fake_dataplane *fake = dp;
	size_t i;

	for (i = 0; i < fake->refusal_count; i++)
		fn(arg, &fake->refusals[i]);
	fake->refusal_count = 0;
	*lost += fake->refusals_lost;
	fake->refusals_lost = 0;
	return 0;
}

int fake_measure_start(void *dp, const struct sluice_measure_filter *filter, uint64_t for_ms)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (filter->prefix4 < 1 || filter->prefix4 > 32 || filter->prefix6 < 1 ||
	    filter->prefix6 > 128 || filter->sample_log2 > SLUICE_MEASURE_SAMPLE_LOG2_MAX ||
	    !for_ms)
		return -EINVAL;
	fake->measure_filter = *filter;
	fake->measure_until_ms = fake->now_ms + for_ms;
	fake->measured_count = 0;
	fake->measure_missed = 0;
	return 0;
}

int fake_measure_stop(void *dp)
{
	((struct fake_dataplane *)dp)->measure_until_ms = 0;
	return 0;
}

void fake_dataplane_measured(struct fake_dataplane *fake, const struct dp_measured *measured)
{
	if (fake->now_ms >= fake->measure_until_ms)
		return;
	fake->measured = util_grow(fake->measured, &fake->measured_room, fake->measured_count + 1,
				   sizeof(*fake->measured));
	fake->measured[fake->measured_count++] = *measured;
}

int fake_measure_read(void *dp, dp_measured_fn fn, void *arg, uint64_t *ret_missed)
{
	struct fake_dataplane *fake = dp;
	size_t i;

	for (i = 0; i < fake->measured_count; i++)
		fn(arg, &fake->measured[i]);
	*ret_missed = fake->measure_missed;
	return 0;
}

int fake_access_replace(void *dp, const struct dp_access_entry *entries, size_t count)
{
	struct fake_dataplane *fake = dp;
	bool is_same = fake->access && fake->access_count == count;
	size_t i;

	for (i = 0; is_same && i < count; i++)
		is_same = !dp_access_compare(&fake->access[i], &entries[i]) &&
			  fake->access[i].word == entries[i].word;
	if (is_same)
		return 0;
	if (fake_writing(fake))
		return -EIO;
	for (i = 1; i < count; i++) {
		if (dp_access_compare(&entries[i - 1], &entries[i]) >= 0)
			fake_breach(fake, "access table: entry %zu is out of order", i);
	}
	free(fake->access);
	fake->access = util_alloc_array(count + 1, sizeof(*entries));
	if (count)
		memcpy(fake->access, entries, count * sizeof(*entries));
	fake->access_count = count;
	return 0;
}
