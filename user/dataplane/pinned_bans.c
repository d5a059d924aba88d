/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bans in the pinned maps, for those who come without the daemon. Flags that have packets ask for bans
 * stay as they are: the next daemon counts anew.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/util.h"
#include "dataplane/pinned.h"
#include "dataplane/pins.h"

#define NS_PER_MS 1000000ULL

struct bans {
	struct dp_pinned_array limits;
	int fd;
};

static int open_bans(const struct dp_pinned *pinned, struct bans *ret_bans, struct err *e)
{
	int ret = dp_pinned_map(pinned, SLUICE_MAP_LIMITS, sizeof(struct sluice_limit),
				&ret_bans->limits, e);

	if (ret)
		return ret;
	ret_bans->fd = pins_open(pinned->dir, SLUICE_MAP_BANS);
	if (ret_bans->fd >= 0)
		return 0;
	dp_pinned_unmap(&ret_bans->limits);
	return err_set(e, ERR_SYSTEM, "", "%s/%s cannot be opened", pinned->dir, SLUICE_MAP_BANS);
}

static void close_bans(struct bans *bans)
{
	dp_pinned_unmap(&bans->limits);
	close(bans->fd);
}

/* The prefix that a key stands for, by its limit; false: there is no such limit. */
static bool make_source(const struct bans *bans, const struct sluice_ban_key *key,
			struct prefix *ret_source)
{
	const struct sluice_limit *limits = bans->limits.data;
	uint64_t word;

	if (key->limit >= bans->limits.count)
		return false;
	word = limits[key->limit].word;
	if (!(word & SLUICE_LIMIT_F_USED))
		return false;
	ret_source->addr = key->addr;
	ret_source->length = (uint8_t)(key->family == SLUICE_FAMILY_V6 ? SLUICE_LIMIT_PLEN6(word)
								       : SLUICE_LIMIT_PLEN4(word));
	return true;
}

int dp_pinned_bans(const struct dp_pinned *pinned, uint64_t now_ns, dp_pinned_ban_fn fn, void *arg,
		   struct err *e)
{
	struct sluice_ban_key key, next;
	struct sluice_ban value;
	struct bans bans;
	bool is_more;
	int ret = open_bans(pinned, &bans, e);

	if (ret)
		return ret;
	is_more = !bpf_map_get_next_key(bans.fd, NULL, &key);
	while (is_more) {
		struct dp_ban ban = {.limit = key.limit};
		bool is_there = !bpf_map_lookup_elem(bans.fd, &key, &value);

		is_more = !bpf_map_get_next_key(bans.fd, &key, &next);
		if (is_there && value.until_ns > now_ns && make_source(&bans, &key, &ban.source)) {
			ban.left_ms = (value.until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
			ban.is_all = value.flags & SLUICE_BAN_F_ALL;
			ban.hits = value.hits;
			if (fn(arg, &ban) && bpf_map_delete_elem(bans.fd, &key) && errno != ENOENT)
				ret = err_set(e, ERR_SYSTEM, "", "%s/%s: %s", pinned->dir,
					      SLUICE_MAP_BANS, strerror(errno));
		}
		key = next;
	}
	close_bans(&bans);
	return ret;
}
