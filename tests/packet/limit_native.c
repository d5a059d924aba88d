/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "limit_native.h"

#include <linux/bpf.h>
#include <string.h>

#include <bpf/bpf_helpers.h>

static void *lookup(const void *map, const void *key);
static void step(void);

#define bpf_map_lookup_elem(map, key) lookup(map, key)
#define access access_map /* a map's name, and a function's that other tests call */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* some are clang's */
#include "../../bpf/pkt.h"
#undef READ_WORD
#define READ_WORD(x) (step(), *(const volatile __u64 *)&(x))
#define __sync_val_compare_and_swap(at, old, new)                                                  \
	(step(), __sync_val_compare_and_swap(at, old, new))
#include "../../bpf/limit_merge.h"
#pragma GCC diagnostic pop
#undef access

struct sluice_limit_set limit_native_set;
void (*limit_native_step)(void);

static void step(void)
{
	if (limit_native_step)
		limit_native_step();
}

static void *lookup(const void *map, const void *key)
{
	static struct sluice_limit_stats stats;

	(void)key;
	if (map == (const void *)&limit_sets)
		return &limit_native_set;
	return map == (const void *)&limit_stats ? &stats : NULL;
}

void limit_native_clear(void)
{
	memset(&limit_native_set, 0, sizeof(limit_native_set));
}

bool limit_native_admits(const struct gcra_params *params, uint64_t clock_ns, uint32_t bytes)
{
	struct limit_now now = {
		.units = sluice_gcra_now(clock_ns, params->k),
		.cost = limit_cost((__u64)SLUICE_COUNT_BYTES << 44, params->inc, bytes),
		.tau = params->tau,
		.k = params->k,
		.seen = sluice_gcra_seen(clock_ns),
		.tag = 1,
	};
	enum limit_result result;
	uint32_t round = 0;

	do
		result = limit_decide(&limit_native_set, 0, now, 1, LIMIT_F_EFFECTS);
	while (result == LIMIT_RACED && ++round <= LIMIT_ROUNDS);
	if (result == LIMIT_TWINS)
		limit_unite(0, &now);
	return result == LIMIT_ADMIT || result == LIMIT_TWINS;
}
