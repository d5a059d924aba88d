/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Banned sources: a hash that packets ask only while flags say that there is something in it. Only
 * the daemon adds and deletes, so it knows how many there are; the flags follow from that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/sources.h"
#include "sluice.skel.h"

#define NS_PER_MS 1000000ULL
#define CONTROL_FLAGS (SLUICE_CONTROL_F_BANS | SLUICE_CONTROL_F_BANS_ALL)
#define FLAGS (SLUICE_LIMIT_F_BANS | SLUICE_LIMIT_F_BANS_ALL)

/* How many bans a limit has. */
struct ban_count {
	uint32_t bans;
	uint32_t all; /* of them those that are for all packets */
};

struct dp_bans {
	uint32_t total, all;
	struct ban_count *limits;  /* by index */
	struct sluice_name *names; /* by index, of adopted ones with bans, as they were; or NULL */
};

struct ban_table {
	struct sluice_ban_key *keys;
	struct sluice_ban *bans;
	uint32_t count;
};

static int bans_fd(const struct dp_bpf *dp)
{
	return bpf_map__fd(dp->skel->maps.bans);
}

static void set_flags(__u64 *word, uint64_t mask, uint64_t flags)
{
	uint64_t old = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	if ((old & mask) == flags)
		return;
	__atomic_fetch_or(word, flags, __ATOMIC_RELEASE);
	__atomic_fetch_and(word, ~mask | flags, __ATOMIC_RELEASE);
}

static void update_flags(const struct dp_bpf *dp, uint32_t limit)
{
	const struct ban_count *count = &dp->bans->limits[limit];

	set_flags(&dp->maps.limits[limit].flags, FLAGS,
		  (count->bans ? SLUICE_LIMIT_F_BANS : 0) |
			  (count->all ? SLUICE_LIMIT_F_BANS_ALL : 0));
	set_flags(&dp->maps.control->flags, CONTROL_FLAGS,
		  (dp->bans->total ? SLUICE_CONTROL_F_BANS : 0) |
			  (dp->bans->all ? SLUICE_CONTROL_F_BANS_ALL : 0));
}

static void count_ban(struct dp_bpf *dp, uint32_t limit, const struct sluice_ban *ban, int by)
{
	struct ban_count *count = &dp->bans->limits[limit];

	dp->bans->total += (uint32_t)by;
	count->bans += (uint32_t)by;
	if (ban->flags & SLUICE_BAN_F_ALL) {
		dp->bans->all += (uint32_t)by;
		count->all += (uint32_t)by;
	}
}

static bool is_limit(const struct dp_bpf *dp, uint32_t limit)
{
	return limit != SLUICE_LIMIT_NONE && limit < dp->maps.capacity.limits;
}

/* All of them, also what others may have written; freed by table_done(). */
static int table_read(const struct dp_bpf *dp, struct ban_table *ret_table)
{
	struct ban_table table = {.count = dp->maps.capacity.bans + 1};
	uint32_t next;
	int ret;

	table.keys = util_alloc_array(table.count, sizeof(*table.keys));
	table.bans = util_alloc_array(table.count, sizeof(*table.bans));
	ret = bpf_map_lookup_batch(bans_fd(dp), NULL, &next, table.keys, table.bans, &table.count,
				   NULL);
	if (ret && errno != ENOENT) { /* ENOENT: that was all */
		ret = -errno;
		free(table.keys);
		free(table.bans);
		return ret;
	}
	*ret_table = table;
	return 0;
}

static void table_done(struct ban_table *table)
{
	free(table->keys);
	free(table->bans);
}

static uint8_t limit_length(uint64_t word, enum sluice_family family)
{
	return (uint8_t)(family == SLUICE_FAMILY_V6 ? SLUICE_LIMIT_PLEN6(word)
						    : SLUICE_LIMIT_PLEN4(word));
}

static struct sluice_ban_key make_key(uint32_t limit, const struct sluice_addr *source)
{
	return (struct sluice_ban_key){
		.limit = limit, .family = (uint8_t)addr_family(source), .addr = *source};
}

static int delete_ban(struct dp_bpf *dp, const struct sluice_ban_key *key)
{
	struct sluice_ban ban;

	if (bpf_map_lookup_elem(bans_fd(dp), key, &ban) || bpf_map_delete_elem(bans_fd(dp), key))
		return -errno;
	count_ban(dp, key->limit, &ban, -1);
	return 0;
}

/* ---- the port ------------------------------------------------------------------------------- */

int dp_ban_set(void *arg, const struct dp_ban *ban)
{
	struct dp_bpf *dp = arg;
	struct sluice_ban_key key = make_key(ban->limit, &ban->source.addr);
	struct sluice_ban value = {.flags = ban->is_all ? SLUICE_BAN_F_ALL : 0}, before;
	uint64_t now_ns, word;
	bool is_new;
	int ret;

	if (!is_limit(dp, ban->limit))
		return -ENOENT;
	word = dp->maps.limits[ban->limit].word;
	if (!(word & SLUICE_LIMIT_F_USED))
		return -ENOENT;
	if (!ban->left_ms || ban->left_ms > INT64_MAX / NS_PER_MS ||
	    ban->source.length != limit_length(word, key.family))
		return -EINVAL;
	ret = dp_clock_now(dp->clock, dp->maps.meta->tick_ns, &now_ns);
	if (ret)
		return ret;
	value.until_ns = now_ns + ban->left_ms * NS_PER_MS;
	is_new = bpf_map_lookup_elem(bans_fd(dp), &key, &before);
	if (!is_new)
		value.hits = before.hits;
	if (bpf_map_update_elem(bans_fd(dp), &key, &value, BPF_ANY))
		return errno == E2BIG ? -ENOSPC : -errno;
	if (!is_new)
		count_ban(dp, key.limit, &before, -1);
	count_ban(dp, key.limit, &value, 1);
	update_flags(dp, key.limit);
	return 0;
}

int dp_ban_delete(void *arg, uint32_t limit, const struct prefix *source)
{
	struct dp_bpf *dp = arg;
	struct sluice_ban_key key = make_key(limit, &source->addr);
	int ret;

	if (limit >= dp->maps.capacity.limits)
		return -ENOENT;
	ret = delete_ban(dp, &key);
	if (!ret)
		update_flags(dp, limit);
	return ret;
}

int dp_ban_each(void *arg, dp_ban_fn fn, void *fn_arg)
{
	struct dp_bpf *dp = arg;
	struct ban_table table;
	uint64_t now_ns;
	uint32_t i;
	int ret;

	if (!dp->bans->total)
		return 0;
	ret = dp_clock_now(dp->clock, dp->maps.meta->tick_ns, &now_ns);
	if (!ret)
		ret = table_read(dp, &table);
	if (ret)
		return ret;
	for (i = 0; i < table.count; i++) {
		const struct sluice_ban_key *key = &table.keys[i];
		const struct sluice_ban *value = &table.bans[i];
		struct dp_ban ban = {
			.limit = key->limit,
			.source = {.addr = key->addr},
			.is_all = value->flags & SLUICE_BAN_F_ALL,
			.hits = value->hits,
		};

		if (!is_limit(dp, key->limit))
			continue;
		ban.source.length = limit_length(dp->maps.limits[key->limit].word, key->family);
		if (value->until_ns > now_ns)
			ban.left_ms = (value->until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
		if (dp->bans->names)
			util_copy(ban.limit_name, sizeof(ban.limit_name),
				  dp->bans->names[key->limit].text);
		fn(fn_arg, &ban);
	}
	table_done(&table);
	return 0;
}

/* Bans name their sources by the limit's prefix: with another one they would mean others. */
void dp_bans_limit_set(struct dp_bpf *dp, uint32_t index, const struct sluice_limit *limit)
{
	uint64_t old = dp->maps.limits[index].word;
	struct ban_table table;
	uint32_t i;

	if (!dp->bans->limits[index].bans ||
	    (limit->word & SLUICE_LIMIT_F_USED &&
	     SLUICE_LIMIT_PLEN4(limit->word) == SLUICE_LIMIT_PLEN4(old) &&
	     SLUICE_LIMIT_PLEN6(limit->word) == SLUICE_LIMIT_PLEN6(old)))
		return;
	if (!table_read(dp, &table)) {
		for (i = 0; i < table.count; i++)
			if (table.keys[i].limit == index)
				delete_ban(dp, &table.keys[i]);
		table_done(&table);
	}
	update_flags(dp, index);
}

uint64_t dp_bans_flags(const struct dp_bpf *dp, uint32_t index, uint64_t flags)
{
	return (flags & ~FLAGS) | (dp->maps.limits[index].flags & FLAGS);
}

/* ---- open and close ------------------------------------------------------------------------- */

/* Now, for soon the names are those of our limits. */
static void read_names(struct dp_bpf *dp)
{
	struct sluice_name_key key = {.kind = SLUICE_NAME_LIMIT};
	int fd = bpf_map__fd(dp->skel->maps.names);

	dp->bans->names = util_alloc_array(dp->maps.capacity.limits, sizeof(*dp->bans->names));
	for (key.id = 0; key.id < dp->maps.capacity.limits; key.id++)
		if (dp->bans->limits[key.id].bans)
			bpf_map_lookup_elem(fd, &key, &dp->bans->names[key.id]);
}

/* The flags may be another map's, or those of a predecessor that ended between two steps. */
int dp_bans_open(struct dp_bpf *dp)
{
	struct ban_table table = {0};
	uint32_t i;
	int ret;

	dp->bans = util_alloc(sizeof(*dp->bans));
	dp->bans->limits = util_alloc_array(dp->maps.capacity.limits, sizeof(*dp->bans->limits));
	if (dp->is_adopted) {
		ret = table_read(dp, &table);
		if (ret)
			return ret;
	}
	for (i = 0; i < table.count; i++)
		if (is_limit(dp, table.keys[i].limit))
			count_ban(dp, table.keys[i].limit, &table.bans[i], 1);
	if (dp->bans->total)
		read_names(dp);
	table_done(&table);
	for (i = 0; i < dp->maps.capacity.limits; i++)
		update_flags(dp, i);
	return 0;
}

void dp_bans_close(struct dp_bpf *dp)
{
	if (dp->bans) {
		free(dp->bans->limits);
		free(dp->bans->names);
	}
	free(dp->bans);
}
