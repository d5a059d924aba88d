/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/slots_log.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <sluice/abi.h>

#define FRACTION_BITS 80
#define RESULT_BITS 44

typedef unsigned __int128 u128;

static _Atomic(uint64_t *) tables[SLUICE_SLOTS_LOG2_MAX + 1];

/* 2 atanh(1/d) = ln((d + 1) / (d - 1)) as Q80: 2/d + 2/(3 d^3) + 2/(5 d^5) + ... */
static u128 log_step(uint64_t d)
{
	u128 power = ((u128)2 << FRACTION_BITS) / d;
	u128 square = (u128)d * d;
	u128 sum = 0;
	unsigned int n;

	for (n = 1; power; n += 2) {
		sum += power / n;
		power /= square;
	}
	return sum;
}

/* Sums the differences of neighbours: -ln((2M-2r-1)/2M) starts at ln(2M/(2M-1)) and grows by
 * ln((2M-2r-1)/(2M-2r-3)). Each step errs by less than 2^-77, the whole by less than 2^-56. */
static void table_fill(uint64_t *table, uint64_t m)
{
	u128 time = log_step(4 * m - 1);
	uint64_t r;

	for (r = 0; r < m; r++) {
		table[r] = (uint64_t)(time >> (FRACTION_BITS - RESULT_BITS));
		if (r + 1 < m)
			time += log_step(2 * m - 2 * r - 2);
	}
}

const uint64_t *slots_log_table(unsigned int log2)
{
	uint64_t *table, *expected = NULL;

	assert(log2 <= SLUICE_SLOTS_LOG2_MAX);
	table = atomic_load(&tables[log2]);
	if (table)
		return table;
	table = malloc(sizeof(*table) << log2);
	if (!table)
		return NULL;
	table_fill(table, 1ULL << log2);
	/* Two threads that come here at once make the same numbers; one of the two stays. */
	if (!atomic_compare_exchange_strong(&tables[log2], &expected, table)) {
		free(table);
		return expected;
	}
	return table;
}
