/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters over time: totals that only grow and rates over the last ten seconds. A series is one
 * object's counters under a 64-bit key; a group is a series whose counters are the sum of its
 * members', including those that are gone. Pure: values and time are handed in.
 *
 * One round: stats_begin(), one stats_group() or stats_record() per living object, stats_end().
 * A series that a round does not mention is dropped; its totals stay in its group.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STATS_COUNTERS 5
#define STATS_WINDOW_MS 10000
#define STATS_DEPTH 11 /* ticks kept: ten seconds at one a second */

enum stats_kind {
	STATS_VERDICT, /* packets, bytes */
	STATS_SERVICE, /* packets, bytes, new connections */
	STATS_MEMBER,  /* packets, bytes, new connections */
	STATS_LOCAL,   /* a service in mode local as its only member: as STATS_MEMBER */
	STATS_LIMIT,   /* passed, refused, would refuse, replaced debt, banned */
	STATS_LIST,    /* matched, refused, would refuse */
	STATS_CEILING, /* passed, refused; of a service (its id) or a member (behind those) */
	STATS_KIND_MAX
};

#define STATS_KEY(kind, id) ((uint64_t)(kind) << 56 | (uint64_t)(id))

struct stats;

struct stats *stats_new(void);
void stats_free(struct stats *stats); /* accepts NULL */

/* is_tick: this round becomes a point of the history (about once a second). Other rounds only
 * refresh the totals. */
void stats_begin(struct stats *stats, uint64_t now_ms, bool is_tick);
/* Declares a group, before its members. */
void stats_group(struct stats *stats, uint64_t key);
/* Raw counters as read. A raw value below the last one means that the source started again from
 * zero. group: key of a group of this round, 0 for none. */
void stats_record(struct stats *stats, uint64_t key, uint64_t group,
		  const uint64_t raw[STATS_COUNTERS]);
void stats_end(struct stats *stats);

/* Both give zeros for an unknown key. */
void stats_total(const struct stats *stats, uint64_t key, uint64_t ret_total[STATS_COUNTERS]);
void stats_rate(const struct stats *stats, uint64_t key, double ret_per_s[STATS_COUNTERS]);
/* Age of the newest round; UINT64_MAX before the first. */
uint64_t stats_age_ms(const struct stats *stats, uint64_t now_ms);
