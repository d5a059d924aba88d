/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses and flows as the packet path and user space see them. */
#pragma once

#include <linux/types.h>

/* Bits [lo, lo + bits) of a word. */
#define SLUICE_BITS(word, lo, bits) (((word) >> (lo)) & ((1ULL << (bits)) - 1))

/* An IPv6 address, or an IPv4 one in its v4-mapped form ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
struct sluice_addr {
	union {
		__u8 b[16];
		__be32 w_be[4];
		__u64 d[2];
	};
};

_Static_assert(sizeof(struct sluice_addr) == 16, "address");

enum sluice_family { SLUICE_FAMILY_NONE, SLUICE_FAMILY_V4, SLUICE_FAMILY_V6, SLUICE_FAMILY_MAX };

/* One flow: the 5-tuple of a packet, direction client to service. */
struct sluice_tuple {
	struct sluice_addr saddr;
	struct sluice_addr daddr;
	__be16 sport_be;
	__be16 dport_be;
	__u8 proto;  /* IPPROTO_* */
	__u8 family; /* enum sluice_family */
	__u8 pad[2]; /* zero */
};

_Static_assert(sizeof(struct sluice_tuple) == 40, "tuple");

/* The secret of all keyed hashes: ten 32-bit keys for each of two NH passes, one for the end. */
struct sluice_hash_key {
	__u32 nh[2][10];
	__u64 fin;
};

_Static_assert(sizeof(struct sluice_hash_key) == 88, "hash key");
