/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/memory.h"

#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/util.h"

#define STATM_MAX 4096
#define SPARE_KEPT (2U << 20) /* what allocations to come may use again */

/* What is resident and nobody has: not what malloc calls free, for pages that went are free, too. */
static size_t spare_bytes(void)
{
	struct mallinfo2 info = mallinfo2();
	size_t resident, shared, length, used = info.uordblks + info.hblkhd;
	AUTO_FREE char *text = NULL;

	if (util_read_file("/proc/self/statm", STATM_MAX, &text, &length) ||
	    sscanf(text, "%*u %zu %zu", &resident, &shared) != 2)
		return 0;
	resident = (resident - shared) * (size_t)getpagesize();
	return resident > used ? resident - used : 0;
}

void memory_begin(void)
{
	mallopt(M_ARENA_MAX, 1);
}

void memory_tick(void)
{
	static size_t left; /* what was left when we last gave back */
	size_t spare = spare_bytes();

	if (spare > left + SPARE_KEPT) {
		malloc_trim(0);
		left = spare_bytes();
	} else if (spare < left) {
		left = spare;
	}
}
