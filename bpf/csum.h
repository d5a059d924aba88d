/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The internet checksum (RFC 1071) over big-endian words. */
#pragma once

#include <linux/types.h>

/* Folds a sum of 32-bit words to the 16 bits that go into a header. */
static inline __attribute__((always_inline)) __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}
