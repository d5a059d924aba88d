/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What counts as one source: the first bits of an address. */
#pragma once

#include <stdbool.h>
#include <bpf/bpf_endian.h>

#include <sluice/types.h>

#include "pkt.h"

/* Of an address, two big-endian words, keeps so many bits as its family counts them: 1 to 32, or to
 * 128. */
static __always_inline struct sluice_addr source_of(__u64 hi, __u64 lo, bool is_v6, __u32 len)
{
	struct sluice_addr addr;

	if (is_v6) {
		if (len <= 64)
			lo = 0;
		else
			lo &= bpf_cpu_to_be64(~0ULL << (128 - len));
		if (len < 64)
			hi &= bpf_cpu_to_be64(~0ULL << (64 - len));
	} else {
		lo &= bpf_cpu_to_be64(~0ULL << (32 - len));
	}
	addr.d[0] = hi;
	addr.d[1] = lo;
	return addr;
}
