/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots in motion: what sync knows of them, and who moves, grows, paces and sweeps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/dataplane.h"

struct model_service;
struct sync;
struct sync_service;

/* A slot that is not at rest, or not where it should be. When many members die there are millions: members
 * are indices, of which there are 2^20 at most. */
struct sync_slot {
	uint32_t slot : 20;	/* in its table */
	uint32_t target : 22;	/* its owner, when it gets there */
	uint32_t runner : 22;	/* its runner-up then */
	uint32_t since_ms : 32; /* of its last step */
} __attribute__((packed, aligned(4)));

_Static_assert(sizeof(struct sync_slot) == 12, "no gaps");

/* What of a service's table is in motion, see sync_move.c. */
struct sync_motion {
	struct sync_slot *slots; /* by slot */
	size_t count;
	uint64_t next_ms;    /* look again then */
	uint64_t settles_ms; /* nothing moves any more then, see sync_view.h */
	uint32_t pre, waiting, moving, exceptional, dirty;
	bool is_quiet; /* as of the last step, see sync_pace_is_quiet() */

	/* Pacing: entries per slot are guessed for the first ones, then measured. */
	uint32_t granted;    /* slots that were let go since all was at rest */
	uint64_t granted_ms; /* the last of them; 0: none */
	uint64_t promised;   /* entries that they may need, until that is known */
	bool is_measured;    /* it is: `entries` has stopped to grow */
	uint32_t counted;    /* `entries` as of counted_ms */
	uint64_t counted_ms;

	/* The sweep: a bit for each slot that an entry names. */
	uint64_t *marks;
	uint64_t marks_sweep; /* the number of the sweep that fills them */
	uint32_t entries;     /* as of the last whole sweep */
	uint32_t entries_now; /* of the one that runs */

	/* The table that was refined into this one: packets that read its word may still set DIRTY. */
	uint32_t late_base;
	unsigned int late_log2; /* 0: none */
	uint64_t late_ms;
};

/* The sweep of the flow tables, see sync_sweep.c. */
struct sync_sweep {
	bool is_running;
	uint64_t number;       /* of the one that runs, or ran last */
	uint64_t begin_ms;     /* of that one */
	uint64_t next_ms;      /* the next one begins */
	uint32_t table, first; /* where it is */
	uint32_t *by_member;   /* entries counted */
	uint32_t used_now[DP_FLOW_TABLE_MAX], used[DP_FLOW_TABLE_MAX];
	uint32_t now_s; /* of the packet path */
};

/* sync_move.c: slots in motion. */
/* What the service's table should be: the slots that differ are announced, moved, learned. */
int sync_move_target(struct sync *sync, struct sync_service *service, const uint32_t *owner,
		     const uint32_t *runner);
/* A step of every slot in motion. 0 or negative errno; what failed is tried at the next one. */
int sync_move_step(struct sync *sync, struct sync_service *service);
/* Slots of dead members go to their runner-ups, as packets do already. */
int sync_move_dead(struct sync *sync, struct sync_service *service);
/* Gives a slot another word, and counts. *word: what it has. */
int sync_move_swap(struct sync *sync, struct sync_service *service, uint32_t slot, uint64_t *word,
		   uint64_t new);
/* Takes over the words of a table that was there: counts them, and remembers the slots in motion. 0 or
 * negative errno. */
int sync_move_adopt(struct sync *sync, struct sync_service *service);
void sync_move_forget(struct sync_motion *motion);
uint32_t sync_move_clear_ms(const struct sync *sync);

/* sync_grow.c: the table becomes one of 2^log2 slots, whose owners are those of the slots that they
 * were. */
int sync_grow(struct sync *sync, struct sync_service *service, const struct model_service *model,
	      unsigned int log2);
/* Brings over what packets set in the old table while the new one was put in its place. */
void sync_grow_late(struct sync *sync, struct sync_service *service);

/* sync_pace.c: how many of so many slots that wait may start now. */
uint32_t sync_pace(struct sync *sync, struct sync_service *service, uint32_t waiting);
/* A whole sweep has counted the service's entries. */
void sync_pace_count(const struct sync *sync, struct sync_service *service);
/* Counts packets of services whose last count is old: once a turn. */
void sync_pace_sample(struct sync *sync);
/* The service has no flow that could be alive, for all its members are dead: what comes from now on
 * counts. */
void sync_pace_forget(struct sync *sync, struct sync_service *service);
/* Has no member had a packet within the learn window, or since all were dead? Then there is no flow
 * here that a change could move. */
bool sync_pace_is_quiet(struct sync *sync, const struct sync_service *service);

/* sync_sweep.c */
void sync_sweep_init(struct sync *sync);
/* A part of a sweep. True: it was the last one, and the counts are new. */
bool sync_sweep_step(struct sync *sync);
int sync_sweep_all(struct sync *sync); /* a whole one, for adoption */
/* Is there anything that one could find, or somebody who waits for one? */
bool sync_sweep_is_needed(const struct sync *sync);
