/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Building slot tables: the claim race (docs/decisions/claim-race.md). Weighted rendezvous hashing
 * over slots, evaluated as a race: each member walks the slots in its own keyed bijective
 * permutation, its r-th claim happens at -ln(1 - (r + 1/2) / M) / weight, the earliest claim owns
 * the slot; ties: the heavier member first, then by identity. Integers only, so equal inputs give
 * equal tables on every node.
 */
#pragma once

#include <stdint.h>

#include <sluice/types.h>

struct slots_member {
	struct sluice_addr addr; /* identity: address and port; unique in the array */
	uint16_t port;
	uint32_t weight; /* effective, Q16.16; 0: owns nothing */
	uint32_t index;	 /* written into the table; 1..2^24-1 */
};

/* log2 of the table size for a service that may have this many members: at least 512 slots a
 * member, within 2^12..2^20. */
unsigned int slots_log2_for(uint32_t member_count);

/* Fills owner[2^log2] and runner[2^log2] (runner may be NULL) with member indices, 0 where nobody
 * may own; whatever the order of members. seed keys the permutations. Pure and thread-safe.
 * runner differs from owner; 0 when only one member has weight.
 * Returns 0, -EINVAL (log2 out of range), or -ENOMEM. */
int slots_build(const struct slots_member *members, uint32_t count, uint64_t seed,
		unsigned int log2, uint32_t *owner, uint32_t *runner);

/* Order-independent fingerprint of who owns which slot, by identity rather than index: equal on
 * nodes that agree. */
uint32_t slots_fingerprint(const struct slots_member *members, uint32_t count,
			   const uint32_t *owner, unsigned int log2);
