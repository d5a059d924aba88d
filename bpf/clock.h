/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet path's time: jiffies, because a full clock read costs as much as a whole packet. */
#pragma once

#include "config.h"
#include "maps.h"

static __always_inline __u64 clock_now_ns(void)
{
	__u32 zero = 0;
	__u64 *now;

	if (!ro.test_clock)
		return bpf_jiffies64() * ro.tick_ns;
	now = bpf_map_lookup_elem(&test_clock_ns, &zero);
	return now ? *(volatile __u64 *)now : 0;
}
