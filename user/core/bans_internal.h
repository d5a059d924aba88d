/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files behind bans.h share. */
#pragma once

#include <uthash.h>

#include "core/bans.h"

struct ban_counters;

enum bans_problem { BANS_PROBLEM_PACE, BANS_PROBLEM_ROOM, BANS_PROBLEM_WRITE, BANS_PROBLEM_MAX };

/* No padding: it is hashed. */
struct ban_key {
	struct sluice_addr addr;
	uint32_t limit;
	uint32_t length;
};

struct banned {
	struct ban_key key;
	struct ban ban;
	bool is_found; /* in the packet path, while bans are adopted */
	UT_hash_handle hh;
};

struct bans_of_limit {
	uint32_t banned;
	uint32_t made; /* by refusals, in this second */
	uint64_t second;
};

struct ban_list {
	struct ban *list;
	size_t count, room;
};

struct bans {
	const struct dataplane *port;
	const struct model *model;
	uint32_t capacity;
	bans_fn fn;
	void *arg;
	struct banned *banned;
	struct ban_list waiting;       /* to be made again */
	struct ban_list held;	       /* as of bans_hold() */
	struct ban_counters *counters; /* NULL before the first refusal that counts */
	struct bans_of_limit *limits;  /* by number */
	size_t limit_room;
	uint64_t held_back, without_room;
	uint64_t told_ms[BANS_PROBLEM_MAX]; /* 0: never */
};

/* bans.c */
struct banned *bans_find_entry(const struct bans *bans, uint32_t limit,
			       const struct prefix *source);
struct banned *bans_remember(struct bans *bans, const struct ban *ban);
void bans_forget(struct bans *bans, struct banned *banned);
/* Into the packet path, then into the list; the hits of a ban that there was go on. */
int bans_make(struct bans *bans, const struct ban *ban, uint64_t now_ms);
/* Why a ban cannot go on, or NULL. */
const char *bans_end_reason(const struct bans *bans, const struct ban *ban, char text[160]);
/* At most once a minute each. */
void bans_tell(struct bans *bans, enum bans_problem problem, const struct ban *ban, uint64_t now_ms,
	       const char *fmt, ...) PRINTF(5, 6);
/* It is not made: counts that, and tells why. */
void bans_tell_failure(struct bans *bans, const struct ban *ban, int ret, uint64_t now_ms);

/* bans_kept.c */
/* Tries those that wait, until they are made, or cannot be any more. */
void bans_try_waiting(struct bans *bans, const struct bans_now *now);
/* Lifted: they do not come back. limit "": of all; source NULL: all of it. Returns how many there were that
 * the packet path does not have. */
size_t bans_drop_waiting(struct bans *bans, const char *limit, const struct prefix *source);
