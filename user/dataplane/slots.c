/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slot words and runner-ups in the mapped arrays. */
#include <errno.h>

#include "dataplane/dp_internal.h"

static __u64 load(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(__u64 *word, __u64 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static bool is_there(const struct dp_bpf *dp, uint32_t first, uint32_t count)
{
	return (uint64_t)first + count <= dp->maps.capacity.slots;
}

static bool is_word(const struct dp_bpf *dp, uint64_t word)
{
	return SLUICE_SLOT_CUR(word) < dp->maps.capacity.members &&
	       SLUICE_SLOT_DEF(word) < dp->maps.capacity.members;
}

int dp_slots_write(void *arg, uint32_t base, uint32_t log2, const uint64_t *words,
		   const uint32_t *runner)
{
	struct dp_bpf *dp = arg;
	uint32_t count, i;

	if (log2 < 1 || log2 > SLUICE_SLOTS_LOG2_MAX || base & 1 || !is_there(dp, base, 1U << log2))
		return -EINVAL;
	count = 1U << log2;
	for (i = 0; i < count; i++)
		if (!is_word(dp, words[i]) || runner[i] >= dp->maps.capacity.members)
			return -EINVAL;
	for (i = 0; i < count; i += 2)
		store(&dp->maps.runners[(base + i) / 2], runner[i] | (uint64_t)runner[i + 1] << 32);
	for (i = 0; i < count; i++)
		store(&dp->maps.slots[base + i], words[i]);
	return 0;
}

int dp_slots_read(void *arg, uint32_t first, uint32_t count, uint64_t *ret_words)
{
	const struct dp_bpf *dp = arg;
	uint32_t i;

	if (!is_there(dp, first, count))
		return -EINVAL;
	for (i = 0; i < count; i++)
		ret_words[i] = load(&dp->maps.slots[first + i]);
	return 0;
}

int dp_slot_swap(void *arg, uint32_t slot, uint64_t *word, uint64_t new)
{
	struct dp_bpf *dp = arg;
	__u64 old = *word;

	if (!is_there(dp, slot, 1) || !is_word(dp, new))
		return -EINVAL;
	if (__atomic_compare_exchange_n(&dp->maps.slots[slot], &old, (__u64) new, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return 0;
	*word = old;
	return -EAGAIN;
}

int dp_runners_read(void *arg, uint32_t first, uint32_t count, uint32_t *ret_runners)
{
	const struct dp_bpf *dp = arg;
	uint32_t i;

	if (!is_there(dp, first, count))
		return -EINVAL;
	for (i = 0; i < count; i++)
		ret_runners[i] = SLUICE_RUNNER(load(&dp->maps.runners[(first + i) / 2]), first + i);
	return 0;
}

/* Nobody else writes runner-ups. */
int dp_runner_set(void *arg, uint32_t slot, uint32_t member)
{
	struct dp_bpf *dp = arg;
	unsigned int shift = (slot & 1) * 32;
	__u64 *pair;

	if (!is_there(dp, slot, 1) || member >= dp->maps.capacity.members)
		return -EINVAL;
	pair = &dp->maps.runners[slot / 2];
	store(pair, (load(pair) & ~(0xffffffffULL << shift)) | (uint64_t)member << shift);
	return 0;
}
