/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of single sources: bans, samples of refused packets, measured sources. */
#pragma once

#include <sluice/abi.h>
#include <sluice/types.h>

/* ---- bans: a hash, asked while SLUICE_CONTROL_F_BANS is set ---------------------------------- */

struct sluice_ban_key {
	__u32 limit;		 /* index */
	__u8 family;		 /* enum sluice_family */
	__u8 pad[3];		 /* zero */
	struct sluice_addr addr; /* the limit's prefix of the source, v4-mapped */
};

#define SLUICE_BAN_F_ALL (1U << 0) /* all packets, not only those that open connections */

struct sluice_ban {
	__u64 until_ns; /* of the packet path's clock: then it is over */
	__u64 hits;	/* packets dropped, added to by the packet path */
	__u32 flags;	/* SLUICE_BAN_F_* */
	__u32 pad;
};

_Static_assert(sizeof(struct sluice_ban_key) == 24, "ban key");
_Static_assert(sizeof(struct sluice_ban) == 24, "ban");

/* ---- samples of refusals --------------------------------------------------------------------- */

enum sluice_refusal_kind {
	SLUICE_REFUSAL_NONE,
	SLUICE_REFUSAL_LIMIT, /* dropped by a limit */
	SLUICE_REFUSAL_WOULD, /* would be: mode shadow, or a bypass */
	SLUICE_REFUSAL_BAN,   /* dropped because of a ban */
	SLUICE_REFUSAL_KIND_MAX
};

/*
 * `refusals`: a ring for each CPU, SLUICE_REFUSALS_PER_CPU entries from that times its number on.
 * Of each kind a CPU takes one refusal in 2^weight, such that SLUICE_REFUSALS_PER_TICK, or _OTHER, suffice
 * for a tick like the last one: a loud kind hides no other. word: 0-31 its number on this CPU, from 1 on and never 0, written last, 0 while it
 * is written; 32-47 limit; 48-55 weight; 56-63 kind. Who reads reads the word again at the end.
 */
struct sluice_refusal {
	__u64 word;
	__u64 time_ns; /* of the packet path's clock */
	struct sluice_addr source;
};

#define SLUICE_REFUSAL(number, limit, weight, kind)                                                \
	((__u64)(__u32)(number) | (__u64)(__u16)(limit) << 32 | (__u64)(weight) << 48 |            \
	 (__u64)(kind) << 56)
#define SLUICE_REFUSAL_NUMBER(word) ((__u32)(word))
#define SLUICE_REFUSAL_LIMIT_INDEX(word) ((__u32)SLUICE_BITS(word, 32, 16))
#define SLUICE_REFUSAL_WEIGHT(word) ((__u32)SLUICE_BITS(word, 48, 8))
#define SLUICE_REFUSAL_KIND(word) ((__u32)((word) >> 56))

_Static_assert(sizeof(struct sluice_refusal) == 32, "refusal");

/* Per CPU and kind: what decides which refusals are taken. Of SLUICE_REFUSAL_NONE there is only the
 * number, which all kinds of the CPU share. */
struct sluice_refusal_gate {
	__u64 tick;    /* of `seen`, that the counts belong to */
	__u32 refused; /* in it */
	__u32 weight;  /* one of 2^weight in a row is taken */
	__u32 number;  /* of the last one taken */
	__u32 chosen;  /* the place in the row of the one that is taken */
};

_Static_assert(sizeof(struct sluice_refusal_gate) == 24, "refusal gate");

/* ---- measured sources ------------------------------------------------------------------------ */

#define SLUICE_MEASURE_SAMPLE_LOG2_MAX 31

/* One entry, written while control.measure_until_ns is 0. */
struct sluice_measure_filter {
	__u32 service; /* id; 0: all */
	__u8 prefix4;  /* what a source is, as a limit's */
	__u8 prefix6;
	__u8 sample_log2; /* one source in 2^sample_log2, by its keyed hash; at most ..._MAX */
	__u8 pad;
};

enum sluice_measure_mark { SLUICE_MEASURE_FREE, SLUICE_MEASURE_BUSY, SLUICE_MEASURE_USED };

/*
 * `measures`: a source is found by the keyed hash of its address, within eight entries from there.
 * It is taken by compare-and-swap of mark to BUSY, then gets its address, then USED. Counts only
 * grow until user space zeroes all entries, between two measurements.
 */
struct sluice_measure {
	__u64 mark;		   /* enum sluice_measure_mark */
	struct sluice_addr source; /* its prefix */
	__u64 packets;
	__u64 bytes;
	__u64 new_connections;
	__u64 missed; /* packets of sources that belong here and found no room */
	__u64 pad;
};

_Static_assert(sizeof(struct sluice_measure_filter) == 8, "measure filter");
_Static_assert(sizeof(struct sluice_measure) == 64, "measure");
