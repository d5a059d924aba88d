/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "lists.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <sluice/access_types.h>
#include <sluice/node_types.h>

#define LISTS_BASE 0x14000000 /* 20.0.0.0: nobody whom the benchmark sends from */
#define LISTS_BATCH 1000U

static void *map_array(const struct bpf_object *object, const char *name, size_t bytes)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *data;

	if (fd < 0)
		return NULL;
	data = mmap(NULL, (bytes + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	return data == MAP_FAILED ? NULL : data;
}

/* Neighbouring /24, as the daemon would write them. */
static int fill(int trie, uint64_t *bits)
{
	struct sluice_access_key *keys = calloc(LISTS_BATCH, sizeof(*keys));
	uint64_t *words = calloc(LISTS_BATCH, sizeof(*words));
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	uint32_t i, j, count = LISTS_BATCH;
	int err = keys && words ? 0 : -ENOMEM;

	for (i = 0; !err && i < LISTS_PREFIXES; i += LISTS_BATCH) {
		for (j = 0; j < LISTS_BATCH; j++) {
			uint32_t addr = LISTS_BASE + (i + j) * 256;
			uint32_t addr_be = htonl(addr), bit = sluice_access_bit4(addr);

			memset(&keys[j], 0, sizeof(keys[j]));
			keys[j].prefix_length = SLUICE_ACCESS_KEY_BITS + 24;
			keys[j].family = SLUICE_FAMILY_V4;
			memcpy(keys[j].addr, &addr_be, sizeof(addr_be));
			words[j] = SLUICE_ACCESS(SLUICE_ACCESS_DENY, 1);
			bits[bit / 64] |= 1ULL << bit % 64;
		}
		if (bpf_map_update_batch(trie, keys, words, &count, &opts))
			err = -errno;
	}
	free(keys);
	free(words);
	return err;
}

int lists_fill(const struct bpf_object *object)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int outer = bpf_object__find_map_fd_by_name(object, SLUICE_MAP_ACCESS), trie, err;
	uint64_t *bits = map_array(object, SLUICE_MAP_ACCESS_BITS, SLUICE_ACCESS_WORDS * 8);
	uint32_t zero = 0;

	if (!bits)
		return -ENOENT;
	trie = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "lists", sizeof(struct sluice_access_key), 8,
			      LISTS_PREFIXES, &opts);
	if (trie < 0)
		return -errno;
	err = fill(trie, bits);
	if (!err && bpf_map_update_elem(outer, &zero, &trie, BPF_ANY))
		err = -errno;
	close(trie);
	return err;
}
