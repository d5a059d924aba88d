/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the packet path in memory share. */
#pragma once

#include "base/util.h"
#include "fake/fake_dataplane.h"

/* Notes the first rule that is broken. */
void fake_breach(struct fake_dataplane *fake, const char *fmt, ...) PRINTF(2, 3);
/* Counts a write; nonzero when this one is to fail. */
int fake_writing(struct fake_dataplane *fake);
bool fake_is_slot_used(const struct fake_dataplane *fake, uint32_t slot);

/* fake_slots.c */
uint32_t fake_flow_sets(const struct fake_dataplane *fake, uint32_t table);
int fake_slots_write(void *dp, uint32_t base, uint32_t log2, const uint64_t *words,
		     const uint32_t *runner);
int fake_slots_read(void *dp, uint32_t first, uint32_t count, uint64_t *ret_words);
int fake_slot_swap(void *dp, uint32_t slot, uint64_t *word, uint64_t new);
int fake_runners_read(void *dp, uint32_t first, uint32_t count, uint32_t *ret_runners);
int fake_runner_set(void *dp, uint32_t slot, uint32_t member);
int fake_flow_scan(void *dp, enum dp_flow_table table, uint32_t first, uint32_t count,
		   dp_flow_fn fn, void *arg);
int fake_flow_settings(void *dp, const struct sluice_flow_settings *settings);
int fake_flow_stats(void *dp, struct sluice_flow_stats *ret_stats);
int fake_packet_second(void *dp, uint32_t *ret_second);

/* fake_sources.c */
int fake_access_replace(void *dp, const struct dp_access_entry *entries, size_t count);
int fake_ban_set(void *dp, const struct dp_ban *ban);
int fake_ban_delete(void *dp, uint32_t limit, const struct prefix *source);
int fake_ban_each(void *dp, dp_ban_fn fn, void *arg);
void fake_bans_limit_set(struct fake_dataplane *fake, uint32_t index,
			 const struct sluice_limit *limit);
int fake_ceiling_set(void *dp, uint32_t index, uint64_t rate, uint32_t k);
int fake_ceiling_stats(void *dp, uint32_t index, struct sluice_ceiling_stats *ret_stats);
int fake_member_set_ceiling(void *dp, uint32_t index, uint32_t ceiling);
int fake_member_set_pool(void *dp, uint32_t index, uint8_t pool);
int fake_member_set_gue_port(void *dp, uint32_t index, uint16_t port);
int fake_measure_start(void *dp, const struct sluice_measure_filter *filter, uint64_t for_ms);
int fake_measure_stop(void *dp);
int fake_measure_read(void *dp, dp_measured_fn fn, void *arg, uint64_t *ret_missed);
int fake_refusals_read(void *dp, dp_refusal_fn fn, void *arg, uint64_t *lost);
