/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of access lists: a trie that one update of `access` puts in place of the last one, and
 * the bits that keep other packets away from it. A bit is set before the trie needs it and cleared
 * afterwards, so no packet misses a prefix. One entry alone is changed in the trie in use.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "sluice.skel.h"

#define ROOM_MIN 1024U
#define BATCH 4096U

/* What the trie in use holds. */
struct dp_access {
	bool is_known; /* false: whatever a predecessor left */
	struct dp_access_entry *entries;
	size_t count;
	int trie_fd; /* -1: none */
};

static void make_key(const struct dp_access_entry *entry, struct sluice_access_key *ret_key)
{
	bool is_v4 = addr_family(&entry->prefix.addr) == SLUICE_FAMILY_V4;

	memset(ret_key, 0, sizeof(*ret_key));
	ret_key->prefix_length = SLUICE_ACCESS_KEY_BITS + entry->prefix.length;
	ret_key->list_be = htons(entry->list);
	ret_key->family = is_v4 ? SLUICE_FAMILY_V4 : SLUICE_FAMILY_V6;
	if (is_v4)
		memcpy(ret_key->addr, entry->prefix.addr.b + 12, 4);
	else
		memcpy(ret_key->addr, entry->prefix.addr.b, 16);
}

/* ---- bits ----------------------------------------------------------------------------------- */

static void set_range(uint64_t *words, uint32_t first, uint32_t count)
{
	for (; count && (first & 63 || count < 64); count--, first++)
		words[first >> 6] |= 1ULL << (first & 63);
	for (; count >= 64; count -= 64, first += 64)
		words[first >> 6] = ~0ULL;
	for (; count; count--, first++)
		words[first >> 6] |= 1ULL << (first & 63);
}

static void set_bits6(const struct dp_bpf *dp, uint64_t *words, const struct prefix *prefix)
{
	uint64_t top48 = 0;

	if (prefix->length < 48) { /* more /48s than anybody can enumerate */
		memset(words + SLUICE_ACCESS_WORDS4, 0xff, SLUICE_ACCESS_WORDS6 * sizeof(*words));
		return;
	}
	for (size_t i = 0; i < 6; i++)
		top48 = top48 << 8 | prefix->addr.b[i];
	set_range(words, sluice_access_bit6(top48, &dp->maps.meta->key), 1);
}

/* Packets are looked up in list 0 and in those of limits where a bit is set; in allow lists always. */
static bool needs_bits(const struct dp_access_entry *entry)
{
	return !entry->list || entry->list >= SLUICE_LISTS_MAX;
}

/* All bits that the entries need; owned by the caller. NULL: none. */
static uint64_t *make_bits(const struct dp_bpf *dp, const struct dp_access_entry *entries,
			   size_t count)
{
	bool are_all6_set = false;
	uint64_t *words;

	/* By list: the first one or the last one needs some, or none does. */
	if (!count || (!needs_bits(&entries[0]) && !needs_bits(&entries[count - 1])))
		return NULL;
	words = util_alloc_array(SLUICE_ACCESS_WORDS, sizeof(*words));
	for (size_t i = 0; i < count; i++) {
		const struct prefix *prefix = &entries[i].prefix;
		uint32_t addr = ntohl(prefix->addr.w_be[3]);

		if (!needs_bits(&entries[i]))
			continue;
		if (addr_family(&prefix->addr) == SLUICE_FAMILY_V4) {
			set_range(words, sluice_access_bit4(addr),
				  prefix->length >= 24 ? 1 : 1U << (24 - prefix->length));
		} else if (!are_all6_set) {
			set_bits6(dp, words, prefix);
			are_all6_set = prefix->length < 48;
		}
	}
	return words;
}

static void add_bits(const struct dp_bpf *dp, const uint64_t *words)
{
	for (size_t i = 0; words && i < SLUICE_ACCESS_WORDS; i++) {
		if (words[i] & ~dp->maps.access_bits[i])
			__atomic_fetch_or(&dp->maps.access_bits[i], words[i], __ATOMIC_RELEASE);
	}
	if (words)
		__atomic_fetch_or(&dp->maps.control->flags, SLUICE_CONTROL_F_LISTS,
				  __ATOMIC_RELEASE);
}

static void leave_bits(const struct dp_bpf *dp, const uint64_t *words)
{
	if (!words)
		__atomic_fetch_and(&dp->maps.control->flags, ~SLUICE_CONTROL_F_LISTS,
				   __ATOMIC_RELEASE);
	for (size_t i = 0; i < SLUICE_ACCESS_WORDS; i++) {
		uint64_t word = words ? words[i] : 0;

		if (dp->maps.access_bits[i] != word)
			__atomic_store_n(&dp->maps.access_bits[i], word, __ATOMIC_RELEASE);
	}
}

/* ---- trie ----------------------------------------------------------------------------------- */

static int fill(int fd, const struct dp_access_entry *entries, size_t count)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	AUTO_FREE struct sluice_access_key *keys = util_alloc_array(BATCH, sizeof(*keys));
	AUTO_FREE uint64_t *words = util_alloc_array(BATCH, sizeof(*words));

	while (count) {
		uint32_t part = (uint32_t)MIN(count, (size_t)BATCH), done = part;

		for (uint32_t i = 0; i < part; i++) {
			make_key(&entries[i], &keys[i]);
			words[i] = entries[i].word;
		}
		if (bpf_map_update_batch(fd, keys, words, &done, &opts))
			return -errno;
		entries += part;
		count -= part;
	}
	return 0;
}

/* A new trie with these entries, or negative errno. */
static int make_trie(const struct dp_access_entry *entries, size_t count)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	uint32_t room = MAX((uint32_t)count + (uint32_t)count / 4, ROOM_MIN);
	AUTO_CLOSE int fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "access_trie",
					   sizeof(struct sluice_access_key), sizeof(uint64_t), room,
					   &opts);
	int ret;

	if (fd < 0)
		return -errno;
	ret = fill(fd, entries, count);
	return ret ? ret : TAKE_FD(fd);
}

static int put_trie(const struct dp_bpf *dp, int trie_fd)
{
	int outer = bpf_map__fd(dp->skel->maps.access);
	uint32_t zero = 0;

	if (trie_fd >= 0)
		return bpf_map_update_elem(outer, &zero, &trie_fd, BPF_ANY) ? -errno : 0;
	return bpf_map_delete_elem(outer, &zero) && errno != ENOENT ? -errno : 0;
}

/* ---- replacing ------------------------------------------------------------------------------ */

struct difference {
	size_t count; /* of entries that are new, gone or changed; no more than 2 are looked for */
	const struct dp_access_entry *entry; /* the last one found */
	bool is_gone;
};

static struct difference compare(const struct dp_access *old, const struct dp_access_entry *entries,
				 size_t count)
{
	struct difference d = {};
	size_t a = 0, b = 0;

	while ((a < old->count || b < count) && d.count < 2) {
		int order = a == old->count ? 1
			    : b == count    ? -1
					    : dp_access_compare(&old->entries[a], &entries[b]);

		if (order || old->entries[a].word != entries[b].word) {
			d.count++;
			d.is_gone = order < 0;
			d.entry = order < 0 ? &old->entries[a] : &entries[b];
		}
		a += order <= 0;
		b += order >= 0;
	}
	return d;
}

static int change_one(const struct dp_access *now, const struct difference *d)
{
	struct sluice_access_key key;

	if (now->trie_fd < 0)
		return -ENOENT;
	make_key(d->entry, &key);
	if (d->is_gone)
		return bpf_map_delete_elem(now->trie_fd, &key) ? -errno : 0;
	return bpf_map_update_elem(now->trie_fd, &key, &d->entry->word, BPF_ANY) ? -errno : 0;
}

static void remember(struct dp_access *now, const struct dp_access_entry *entries, size_t count)
{
	free(now->entries);
	now->entries = util_alloc_array(count + 1, sizeof(*entries));
	if (count)
		memcpy(now->entries, entries, count * sizeof(*entries));
	now->count = count;
	now->is_known = true;
}

static int replace_trie(const struct dp_bpf *dp, struct dp_access *now,
			const struct dp_access_entry *entries, size_t count, const uint64_t *bits)
{
	int fd = count ? make_trie(entries, count) : -1, ret;

	if (count && fd < 0)
		return fd;
	add_bits(dp, bits);
	ret = put_trie(dp, fd);
	if (ret) { /* surplus bits cost a walk, no more */
		util_close_p(&fd);
		return ret;
	}
	util_close_p(&now->trie_fd);
	now->trie_fd = fd;
	return 0;
}

int dp_access_replace(void *arg, const struct dp_access_entry *entries, size_t count)
{
	struct dp_bpf *dp = arg;
	AUTO_FREE uint64_t *bits = NULL;
	struct dp_access *now;
	struct difference d;
	int ret = -ENOENT;

	if (!dp->access) {
		dp->access = util_alloc(sizeof(*dp->access));
		dp->access->trie_fd = -1;
	}
	now = dp->access;
	d = compare(now, entries, count);
	if (now->is_known && !d.count)
		return 0;
	bits = make_bits(dp, entries, count);
	if (now->is_known && d.count == 1) {
		add_bits(dp, bits);
		ret = change_one(now, &d);
	}
	if (ret)
		ret = replace_trie(dp, now, entries, count, bits);
	if (ret)
		return ret;
	leave_bits(dp, bits);
	remember(now, entries, count);
	return 0;
}

bool dp_access_find(const struct dp_bpf *dp, uint16_t list, const struct sluice_addr *addr,
		    uint64_t *ret_word)
{
	const struct prefix source = prefix_of_addr(addr);
	int length = -1;

	for (size_t i = 0; dp->access && i < dp->access->count; i++) {
		const struct dp_access_entry *entry = &dp->access->entries[i];

		if (entry->list != list || entry->prefix.length <= length ||
		    !prefix_covers(&entry->prefix, &source))
			continue;
		length = entry->prefix.length;
		*ret_word = entry->word;
	}
	return length >= 0;
}

void dp_access_close(struct dp_bpf *dp)
{
	if (!dp->access)
		return;
	util_close_p(&dp->access->trie_fd);
	free(dp->access->entries);
	free(dp->access);
}
