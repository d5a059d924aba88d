/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots and tables of flows of the packet path in memory, and the rules for who writes them. */
#include <errno.h>
#include <string.h>

#include "fake/fake_internal.h"

#define FLAGS (SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN | SLUICE_SLOT_F_PRE | SLUICE_SLOT_F_DIRTY)

uint32_t fake_flow_sets(const struct fake_dataplane *fake, uint32_t table)
{
	if (table == DP_FLOW_PENDING)
		return fake->capacity.pending_sets;
	return table == DP_FLOW_FLOWS ? fake->capacity.flow_sets : fake->capacity.tracked_sets;
}

static void check_word(struct fake_dataplane *fake, uint32_t slot, uint64_t word)
{
	uint32_t cur = SLUICE_SLOT_CUR(word), def = SLUICE_SLOT_DEF(word);

	if (cur && !fake->members[cur].word)
		fake_breach(fake, "slot %u given to member %u, which is not there", slot, cur);
	if (def && !fake->members[def].word)
		fake_breach(fake, "slot %u: def is member %u, which is not there", slot, def);
	if ((word & ~FLAGS) >> 48)
		fake_breach(fake, "slot %u: unknown flags in %llx", slot, (unsigned long long)word);
	if (cur != def && !(word & SLUICE_SLOT_F_LEARN && word & SLUICE_SLOT_F_EXC))
		fake_breach(fake, "slot %u moves without being looked up and learned", slot);
}

int fake_slots_write(void *dp, uint32_t base, uint32_t log2, const uint64_t *words,
		     const uint32_t *runner)
{
	struct fake_dataplane *fake = dp;
	uint32_t i, size = 1U << log2;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if ((uint64_t)base + size > fake->capacity.slots)
		return -ERANGE;
	for (i = 0; i < size; i++) {
		if (fake_is_slot_used(fake, base + i))
			fake_breach(fake, "slot %u written as a whole while in use", base + i);
		check_word(fake, base + i, words[i]);
		fake->slots[base + i] = words[i];
		fake->runner[base + i] = runner[i];
	}
	return 0;
}

int fake_slots_read(void *dp, uint32_t first, uint32_t count, uint64_t *ret_words)
{
	struct fake_dataplane *fake = dp;

	if ((uint64_t)first + count > fake->capacity.slots)
		return -ERANGE;
	memcpy(ret_words, fake->slots + first, count * sizeof(*ret_words));
	return 0;
}

/* A flow of `def` without an entry goes where `def` goes: it may change only when all had time to
 * get one, or when nobody is left there. */
static void check_swap(struct fake_dataplane *fake, uint32_t slot, uint64_t old, uint64_t new)
{
	uint32_t def = SLUICE_SLOT_DEF(old);

	check_word(fake, slot, new);
	if (def == SLUICE_SLOT_DEF(new) || !def || fake->members[def].word & SLUICE_MEMBER_F_DEAD ||
	    fake->are_flows_plain)
		return;
	if (!(old & SLUICE_SLOT_F_LEARN))
		fake_breach(fake, "slot %u: def changes without having learned", slot);
	if (old & SLUICE_SLOT_F_DIRTY)
		fake_breach(fake, "slot %u: def changes while dirty", slot);
}

int fake_slot_swap(void *dp, uint32_t slot, uint64_t *word, uint64_t new)
{
	struct fake_dataplane *fake = dp;
	int ret;

	if (slot >= fake->capacity.slots)
		return -ERANGE;
	if (fake->slots[slot] != *word) {
		*word = fake->slots[slot];
		return -EAGAIN;
	}
	ret = fake_writing(fake);
	if (ret)
		return ret;
	check_swap(fake, slot, *word, new);
	fake->slots[slot] = new;
	return 0;
}

int fake_runners_read(void *dp, uint32_t first, uint32_t count, uint32_t *ret_runners)
{
	struct fake_dataplane *fake = dp;

	if ((uint64_t)first + count > fake->capacity.slots)
		return -ERANGE;
	memcpy(ret_runners, fake->runner + first, count * sizeof(*ret_runners));
	return 0;
}

int fake_runner_set(void *dp, uint32_t slot, uint32_t member)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (slot >= fake->capacity.slots)
		return -ERANGE;
	fake->runner[slot] = member;
	return 0;
}

int fake_flow_scan(void *dp, enum dp_flow_table table, uint32_t first, uint32_t count,
		   dp_flow_fn fn, void *arg)
{
	struct fake_dataplane *fake = dp;
	uint32_t i, way;

	if ((uint64_t)first + count > fake_flow_sets(fake, table))
		return -ERANGE;
	for (i = first; i < first + count; i++) {
		for (way = 0; way < SLUICE_FLOW_WAYS; way++) {
			struct sluice_flow_entry *entry = &fake->flows[table][i].entry[way];

			if (entry->fingerprint > SLUICE_FLOW_BUSY &&
			    fn(arg, entry->fingerprint, entry->value))
				*entry = (struct sluice_flow_entry){0};
		}
	}
	return 0;
}

int fake_flow_settings(void *dp, const struct sluice_flow_settings *settings)
{
	struct fake_dataplane *fake = dp;

	fake->flow_settings = *settings;
	fake->flow_settings.pending_per_s = fake->capacity.pending_sets * SLUICE_FLOW_WAYS / 3;
	return 0;
}

int fake_flow_stats(void *dp, struct sluice_flow_stats *ret_stats)
{
	*ret_stats = ((struct fake_dataplane *)dp)->flow_stats;
	return 0;
}

int fake_packet_second(void *dp, uint32_t *ret_second)
{
	*ret_second = (uint32_t)SLUICE_FLOW_SECOND(((struct fake_dataplane *)dp)->now_ms * 1000000);
	return 0;
}
