/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Samples of refusals: a ring for each CPU, which it writes whether or not anybody reads. A reader
 * that knows the last number it has read looks at one entry to see that there is nothing new.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/sources.h"
#include "sluice.skel.h"

#define RING SLUICE_REFUSALS_PER_CPU

struct dp_refusals {
	int cpus;	/* that have a ring */
	uint32_t *last; /* by CPU: the number of the sample read last */
};

_Static_assert((RING & (RING - 1)) == 0, "a number names an entry also after it has wrapped");

/* Reads the entry where `number` belongs. False: it is being written just now. */
static bool read_entry(const struct sluice_refusal *entry, struct sluice_refusal *ret_copy)
{
	uint64_t word = __atomic_load_n(&entry->word, __ATOMIC_ACQUIRE);

	if (!word)
		return false;
	ret_copy->word = word;
	ret_copy->time_ns = __atomic_load_n(&entry->time_ns, __ATOMIC_RELAXED);
	ret_copy->source.d[0] = __atomic_load_n(&entry->source.d[0], __ATOMIC_RELAXED);
	ret_copy->source.d[1] = __atomic_load_n(&entry->source.d[1], __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&entry->word, __ATOMIC_RELAXED) == word;
}

/* *last: the number read last. Where a later number is than the expected one, that one is lost, and
 * all up to a ring's length before what is there. A writer that is faster than we are does not keep us
 * here. */
static void read_ring(const struct sluice_refusal *ring, uint32_t *last, dp_refusal_fn fn,
		      void *arg, uint64_t *lost)
{
	struct sluice_refusal copy;
	struct dp_refusal refusal;
	uint32_t next, number, i;

	for (i = 0; i < 2 * RING; i++) {
		next = *last + 1 ? *last + 1 : 1; /* 0 is no number */
		if (!read_entry(&ring[next & (RING - 1)], &copy))
			return;
		number = SLUICE_REFUSAL_NUMBER(copy.word);
		if ((int32_t)(number - next) < 0)
			return;
		if (number != next) {
			*lost += number - next - RING + 1;
			*last = number - RING;
			continue;
		}
		*last = number;
		refusal = (struct dp_refusal){
			.limit = SLUICE_REFUSAL_LIMIT_INDEX(copy.word),
			.kind = (enum sluice_refusal_kind)SLUICE_REFUSAL_KIND(copy.word),
			.packets = 1ULL << (SLUICE_REFUSAL_WEIGHT(copy.word) & 63),
			.source = copy.source,
			.time_ns = copy.time_ns,
		};
		fn(arg, &refusal);
	}
}

int dp_refusals_read(void *arg, dp_refusal_fn fn, void *fn_arg, uint64_t *lost)
{
	struct dp_bpf *dp = arg;
	int cpu;

	for (cpu = 0; cpu < dp->refusals->cpus; cpu++)
		read_ring(&dp->maps.refusals[(size_t)cpu * RING], &dp->refusals->last[cpu], fn,
			  fn_arg, lost);
	return 0;
}

/* From now on: who was refused before this daemon came is not told again. */
int dp_refusals_open(struct dp_bpf *dp)
{
	uint32_t rings = bpf_map__max_entries(dp->skel->maps.refusals) / RING;
	struct sluice_refusal_gate *gates = dp->percpu;
	uint32_t none = SLUICE_REFUSAL_NONE;
	int cpu;

	if (bpf_map_lookup_elem(bpf_map__fd(dp->skel->maps.refusal_gate), &none, gates))
		return -errno;
	dp->refusals = util_alloc(sizeof(*dp->refusals));
	dp->refusals->cpus = MIN(dp->cpus, (int)rings);
	dp->refusals->last = util_alloc_array((size_t)dp->cpus, sizeof(uint32_t));
	for (cpu = 0; cpu < dp->refusals->cpus; cpu++)
		dp->refusals->last[cpu] = gates[cpu].number;
	return 0;
}

void dp_refusals_close(struct dp_bpf *dp)
{
	if (dp->refusals)
		free(dp->refusals->last);
	free(dp->refusals);
}
