/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "lists.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void set_bit(uint64_t *words, uint32_t bit)
{
	words[bit / 64] |= 1ULL << bit % 64;
}

static void touch(struct world *world, const struct prefix *prefix)
{
	uint64_t *words = world->access_bits, top48 = 0;

	if (addr_family(&prefix->addr) == SLUICE_FAMILY_V4) {
		uint32_t first = ntohl(prefix->addr.w_be[3]) >> 8;
		uint32_t count = prefix->length < 24 ? 1U << (24 - prefix->length) : 1;

		while (count--)
			set_bit(words, first++);
		return;
	}
	if (prefix->length < 48) {
		memset(words + SLUICE_ACCESS_WORDS4, 0xff, SLUICE_ACCESS_WORDS6 * 8);
		return;
	}
	for (int i = 0; i < 6; i++)
		top48 = top48 << 8 | prefix->addr.b[i];
	set_bit(words, sluice_access_bit6(top48, &world->key));
}

static void add(int trie, const struct dp_access_entry *entry)
{
	bool is_v4 = addr_family(&entry->prefix.addr) == SLUICE_FAMILY_V4;
	struct sluice_access_key key = {
		.prefix_length = SLUICE_ACCESS_KEY_BITS + entry->prefix.length,
		.list_be = htons(entry->list),
		.family = is_v4 ? SLUICE_FAMILY_V4 : SLUICE_FAMILY_V6,
	};

	memcpy(key.addr, entry->prefix.addr.b + (is_v4 ? 12 : 0), is_v4 ? 4 : 16);
	if (bpf_map_update_elem(trie, &key, &entry->word, BPF_NOEXIST))
		die("a prefix");
}

void lists_put(struct world *world, const struct dp_access_entry *entries, size_t count)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int outer = bpf_map__fd(world->skel->maps.access), trie;
	bool has_host = false;
	uint32_t zero = 0;

	memset(world->access_bits, 0, SLUICE_ACCESS_WORDS * 8);
	trie = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "trie", sizeof(struct sluice_access_key), 8,
			      (uint32_t)count + 1, &opts);
	if (trie < 0)
		die("a trie");
	for (size_t i = 0; i < count; i++) {
		add(trie, &entries[i]);
		if (entries[i].list == 0 || entries[i].list >= SLUICE_LISTS_MAX) {
			has_host = true;
			touch(world, &entries[i].prefix);
		}
	}
	if (bpf_map_update_elem(outer, &zero, &trie, BPF_ANY))
		die("the trie in place");
	close(trie);
	world->control->flags = has_host ? SLUICE_CONTROL_F_LISTS : 0;
}

void lists_write(struct world *world, const struct access_source *sources, size_t count)
{
	struct access_table table;

	access_build(sources, count, &table);
	lists_put(world, table.entries, table.count);
	access_table_done(&table);
}

struct prefix_set *lists_set(const char *prefixes)
{
	struct errs errors = {0};
	struct prefix_set *set = NULL;

	if (prefix_set_parse(prefixes, strlen(prefixes), NULL, 0, &set, &errors))
		die(prefixes);
	return set;
}

void lists_deny(struct world *world, uint16_t id, const char *prefixes)
{
	struct prefix_set *set = lists_set(prefixes);
	const struct access_source source = {set, ACCESS_KIND_DENY, id};

	lists_write(world, &source, 1);
	prefix_set_unref(set);
}

struct sluice_list_stats lists_stats(struct world *world, uint32_t id)
{
	struct sluice_list_stats sum = {0}, values[256];
	int cpus = libbpf_num_possible_cpus();

	if (cpus > 256 ||
	    bpf_map_lookup_elem(bpf_map__fd(world->skel->maps.list_stats), &id, values))
		die("counters of a list");
	for (int cpu = 0; cpu < cpus; cpu++) {
		sum.matched += values[cpu].matched;
		sum.refused += values[cpu].refused;
		sum.would_refuse += values[cpu].would_refuse;
	}
	return sum;
}
