/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keyed hashes of the packet path, compiled natively too: user space places services with
 * them and checks tables against them.
 *
 * NH (RFC 4418, 5.2): the sum of 32x32-bit products of (word + key). For a random key two different
 * inputs collide with probability 2^-32 per pass; two passes with independent keys make 64 bits.
 * A flow's hash stands for the flow and takes two passes; where a service or a source is placed
 * takes one.
 * sluice_hash_mix() is the finaliser of MurmurHash3 (Appleby, public domain), for inputs without
 * any randomness of their own. docs/decisions/hash.md has the reasons and the measurements.
 */
#pragma once

#include <linux/types.h>

#include <sluice/types.h>

#define SLUICE_HASH_INLINE static inline __attribute__((always_inline))

SLUICE_HASH_INLINE __u64 sluice_hash_mix(__u64 h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ULL;
	h ^= h >> 33;
	return h;
}

/* For NH sums, whose products have mixed already: one more product spreads them over all bits. */
SLUICE_HASH_INLINE __u64 sluice_hash_finish(__u64 h)
{
	h ^= h >> 32;
	h *= 0xff51afd7ed558ccdULL;
	return h ^ h >> 32;
}

SLUICE_HASH_INLINE __u64 sluice_hash_pair(__u32 a, __u32 b, const __u32 *k)
{
	return (__u64)(__u32)(a + k[0]) * (__u32)(b + k[1]);
}

/* Is it a v4-mapped address? */
SLUICE_HASH_INLINE int sluice_hash_is_v4(const struct sluice_addr *a)
{
	const __u8 ff[4] = {0, 0, 0xff, 0xff};
	__u32 word;

	__builtin_memcpy(&word, ff, sizeof(word));
	return !a->d[0] && a->w_be[2] == word;
}

/* Partial sum over an IPv6 address, with four keys from k. */
SLUICE_HASH_INLINE __u64 sluice_hash_v6(const struct sluice_addr *a, const __u32 *k)
{
	return sluice_hash_pair((__u32)a->w_be[0], (__u32)a->w_be[1], k) +
	       sluice_hash_pair((__u32)a->w_be[2], (__u32)a->w_be[3], k + 2);
}

/* One pass over a flow; of IPv4 addresses only the 32 bits that differ are worth a product. */
SLUICE_HASH_INLINE __u64 sluice_hash_tuple(const struct sluice_tuple *t, const __u32 *k)
{
	__u32 ports = (__u32)t->sport_be | (__u32)t->dport_be << 16;
	__u64 sum = sluice_hash_pair(ports, t->proto, k + 8);

	if (t->family == SLUICE_FAMILY_V4)
		return sum + sluice_hash_pair((__u32)t->saddr.w_be[3], (__u32)t->daddr.w_be[3], k);
	return sum + sluice_hash_v6(&t->saddr, k) + sluice_hash_v6(&t->daddr, k + 4);
}

/* The flow hash. Its top bits are the slot; never 0 or 1, which mean free and busy in a table. */
SLUICE_HASH_INLINE __u64 sluice_hash_flow(const struct sluice_tuple *t,
					  const struct sluice_hash_key *key)
{
	__u64 h0 = sluice_hash_tuple(t, key->nh[0]);
	__u64 h1 = sluice_hash_tuple(t, key->nh[1]);

	return sluice_hash_finish(h0 ^ (h1 << 32 | h1 >> 32) ^ key->fin) | 2;
}

/* One address alone, in one pass: sources of limits (mask the address first). */
SLUICE_HASH_INLINE __u64 sluice_hash_addr(const struct sluice_addr *a,
					  const struct sluice_hash_key *key)
{
	__u64 sum = sluice_hash_is_v4(a) ? sluice_hash_pair((__u32)a->w_be[3], 0, key->nh[0])
					 : sluice_hash_v6(a, key->nh[0]);

	return sluice_hash_finish(sum ^ key->fin);
}

/* A service key, in one pass; port 0 and proto 0 are ordinary values. */
SLUICE_HASH_INLINE __u64 sluice_hash_service(const struct sluice_addr *a, __be16 port_be,
					     __u8 proto, const struct sluice_hash_key *key)
{
	__u32 port = (__u32)port_be | (__u32)proto << 16;
	__u64 sum = sluice_hash_is_v4(a) ? sluice_hash_pair((__u32)a->w_be[3], port, key->nh[0])
					 : sluice_hash_v6(a, key->nh[0]) +
						   sluice_hash_pair(port, 0, key->nh[0] + 4);

	return sluice_hash_finish(sum ^ key->fin);
}

/* The two candidate cells of a service key; cells is a power of two. */
SLUICE_HASH_INLINE __u32 sluice_service_cell(__u64 service_hash, int choice, __u32 cells)
{
	return (__u32)(choice ? service_hash >> 32 : service_hash) & (cells - 1);
}

/* The slot of a flow in its service's table of 2^log2 (0..63) slots. */
SLUICE_HASH_INLINE __u32 sluice_flow_slot(__u64 flow_hash, __u32 log2)
{
	return (__u32)((flow_hash >> 1) >> (63 - (log2 & 63)));
}

/* The set of a source in its limit's region of 2^log2 sets, and its tag there. */
SLUICE_HASH_INLINE __u32 sluice_source_set(__u64 addr_hash, __u32 log2)
{
	return (__u32)((addr_hash >> 1) >> (63 - (log2 & 63)));
}

SLUICE_HASH_INLINE __u16 sluice_source_tag(__u64 addr_hash)
{
	return (__u16)addr_hash;
}
