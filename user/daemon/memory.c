/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/memory.h"

#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/util.h"

#define SPARE_KEPT (8U << 20) /* what allocations to come may use again */

/* What is resident and nobody has: not what malloc calls free, for pages that went are free, too. */
static size_t spare_bytes(void)
{
	AUTO_FCLOSE FILE *f = fopen("/proc/self/statm", "re");
	struct mallinfo2 info = mallinfo2();
	size_t resident, shared, used = info.uordblks + info.hblkhd;

	if (!f || fscanf(f, "%*u %zu %zu", &resident, &shared) != 2)
		return 0;
	resident = (resident - shared) * (size_t)getpagesize();
	return resident > used ? resident - used : 0;
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
