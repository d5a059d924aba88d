/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Single sources: operations of the port, and what belongs to them. */
#pragma once

#include "dataplane/dp_internal.h"

/* bans.c */
int dp_ban_set(void *arg, const struct dp_ban *ban);
int dp_ban_delete(void *arg, uint32_t limit, const struct prefix *source);
int dp_ban_each(void *arg, dp_ban_fn fn, void *fn_arg);
/* Before a limit is changed. */
void dp_bans_limit_set(struct dp_bpf *dp, uint32_t index, const struct sluice_limit *limit);
/* The flags that are asked for, with those that follow from its bans. */
uint64_t dp_bans_flags(const struct dp_bpf *dp, uint32_t index, uint64_t flags);
int dp_bans_open(struct dp_bpf *dp);
void dp_bans_close(struct dp_bpf *dp);

/* ceilings.c: of whatever source */
int dp_ceiling_set(void *arg, uint32_t index, uint64_t rate, uint32_t k);
int dp_ceiling_stats(void *arg, uint32_t index, struct sluice_ceiling_stats *ret_stats);
int dp_member_set_ceiling(void *arg, uint32_t index, uint32_t ceiling);

/* regions.c */
int dp_region_clear(void *arg, uint32_t base, uint32_t log2);
int dp_region_move(void *arg, const struct sluice_limit *from, const struct sluice_limit *to);
/* After a limit is changed: if it is to a region that has just been filled, what its sources were charged
 * where they were before meanwhile goes along. Of what a source was charged in both, the larger stays. */
void dp_region_follow(struct dp_bpf *dp, const struct sluice_limit *limit);

/* measures.c */
int dp_measure_start(void *arg, const struct sluice_measure_filter *filter, uint64_t for_ms);
int dp_measure_stop(void *arg);
int dp_measure_read(void *arg, dp_measured_fn fn, void *fn_arg, uint64_t *ret_missed);

/* refusals.c */
int dp_refusals_read(void *arg, dp_refusal_fn fn, void *fn_arg, uint64_t *lost);
int dp_refusals_open(struct dp_bpf *dp);
void dp_refusals_close(struct dp_bpf *dp);
