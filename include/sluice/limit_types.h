/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits in the maps, and the state of their sources. */
#pragma once

#include <sluice/abi.h>
#include <sluice/types.h>

enum sluice_limit_count {
	SLUICE_COUNT_NONE,
	SLUICE_COUNT_PACKETS,
	/* TCP SYN without ACK; of UDP the first packet of a flow that is tracked, else every packet */
	SLUICE_COUNT_NEW_CONNECTIONS,
	SLUICE_COUNT_BYTES, /* of frames, from the Ethernet header on */
	SLUICE_COUNT_MAX
};

enum sluice_limit_mode {
	SLUICE_LIMIT_DISABLED,
	SLUICE_LIMIT_ENFORCE,
	SLUICE_LIMIT_SHADOW,
	SLUICE_LIMIT_MODE_MAX
};

/*
 * word: 0-31 first set of its region in `limit_sets`; 32-37 log2 of the number of sets;
 *       38-43 k: one unit of time is 2^k/16 ns; 44-47 count; 48-49 mode; 50 used;
 *       51-55 v4 prefix length - 1 (so /1../32); 56-62 v6 prefix length - 1 (/1../128).
 * rate: 0-31 increment a packet adds, 32-63 tolerance tau, both in units of 2^k/16 ns. Of a limit of
 *       bytes the increment is that of 2^SLUICE_LIMIT_BYTES_LOG2 bytes.
 * flags: SLUICE_LIMIT_F_*; each may change at any time.
 * GCRA admits when TAT - now <= tau - increment ... see include/sluice/gcra.h.
 */
struct sluice_limit {
	__u64 word;
	__u64 rate;
	__u64 flags;
	__u32 id;	/* for events and counters: this entry's index */
	__u32 owed_max; /* the most that one of its sources may owe; for the next daemon */
	__u8 pad[32];
};

#define SLUICE_LIMIT_BASE(word) ((__u32)SLUICE_BITS(word, 0, 32))
#define SLUICE_LIMIT_LOG2(word) ((__u32)SLUICE_BITS(word, 32, 6))
#define SLUICE_LIMIT_K(word) ((__u32)SLUICE_BITS(word, 38, 6))
#define SLUICE_LIMIT_COUNT(word) ((__u32)SLUICE_BITS(word, 44, 4))
#define SLUICE_LIMIT_MODE(word) ((__u32)SLUICE_BITS(word, 48, 2))
#define SLUICE_LIMIT_F_USED (1ULL << 50)
#define SLUICE_LIMIT_PLEN4(word) ((__u32)SLUICE_BITS(word, 51, 5) + 1)
#define SLUICE_LIMIT_PLEN6(word) ((__u32)SLUICE_BITS(word, 56, 7) + 1)
/* Some sources have another rate: `access` has them, in the list SLUICE_LIMIT_LIST(index). */
#define SLUICE_LIMIT_F_EXCEPTIONS (1ULL << 0)
/* A source that takes the word of one in debt takes the debt over (overload: closed). */
#define SLUICE_LIMIT_F_CLOSED (1ULL << 1)
#define SLUICE_LIMIT_F_BANS (1ULL << 2)	    /* `bans` may have sources of it */
#define SLUICE_LIMIT_F_BANS_ALL (1ULL << 4) /* some of them with SLUICE_BAN_F_ALL */
/* Of a limit for everything: replies to connections that this host opened are counted, too. */
#define SLUICE_LIMIT_F_REPLIES (1ULL << 3)
#define SLUICE_LIMIT_BYTES_LOG2 16
#define SLUICE_LIMIT_RATE(inc, tau) ((__u64)(inc) | (__u64)(tau) << 32)
#define SLUICE_LIMIT_INC(rate) ((__u32)(rate))
#define SLUICE_LIMIT_TAU(rate) ((__u32)((rate) >> 32))

_Static_assert(sizeof(struct sluice_limit) == 64, "limit");

/*
 * The sources of a limit that have another rate are in `access` (access_types.h) as a list of their
 * own, behind those of the access lists. The value of a prefix: 0-29 increment, 30-57 a quarter of tau,
 * rounded up (a fraction of the smallest increment), 58-63 the k that both are in units of. Where k is not
 * the limit's (its rate just changes), the packet is admitted and not charged.
 */
#define SLUICE_LIMIT_LIST(index) (SLUICE_LISTS_MAX + (index))
#define SLUICE_EXCEPTION(inc, tau, k)                                                              \
	((__u64)(inc) | (((__u64)(tau) + 3) >> 2) << 30 | (__u64)(k) << 58)
#define SLUICE_EXCEPTION_INC(word) ((__u32)SLUICE_BITS(word, 0, 30))
#define SLUICE_EXCEPTION_TAU(word) ((__u32)SLUICE_BITS(word, 30, 28) << 2)
#define SLUICE_EXCEPTION_K(word) ((__u32)((word) >> 58))

/* State of eight sources. A word: 0-31 TAT in units of 2^k/16 ns, 32-47 seen in 16 ms ticks,
 * 48-63 tag (part of the keyed hash of the source). */
struct sluice_limit_set {
	__u64 source[SLUICE_LIMIT_WAYS];
};

_Static_assert(sizeof(struct sluice_limit_set) == 64, "limit set");
