/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The keyed hashes of the packet path, compiled natively too: user space places services with
 * them and checks tables against them.
 *
 * NH (RFC 4418, 5.2): the sum of 32x32-bit products of (word + key). For a random key two different
 * inputs collide with probability 2^-32 per pass; two passes with independent keys make 64 bits.
 * The finaliser is the 64-bit one of MurmurHash3 (Appleby, public domain), so that any run of
 * bits of the result can serve as an index.
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

SLUICE_HASH_INLINE __u64 sluice_hash_pair(__u32 a, __u32 b, const __u32 *k)
{
	return (__u64)(__u32)(a + k[0]) * (__u32)(b + k[1]);
}

/* Partial sum over an address, with four keys from k. */
SLUICE_HASH_INLINE __u64 sluice_hash_addr_part(const struct sluice_addr *a, const __u32 *k)
{
	return sluice_hash_pair((__u32)a->w_be[0], (__u32)a->w_be[1], k) +
	       sluice_hash_pair((__u32)a->w_be[2], (__u32)a->w_be[3], k + 2);
}

SLUICE_HASH_INLINE __u64 sluice_hash_fold(__u64 h0, __u64 h1, __u64 fin)
{
	return sluice_hash_mix(h0 ^ (h1 << 32 | h1 >> 32) ^ fin);
}

/* The flow hash. Its top bits are the slot; never 0 or 1, which mean free and busy in a table. */
SLUICE_HASH_INLINE __u64 sluice_hash_flow(const struct sluice_tuple *t,
					  const struct sluice_hash_key *key)
{
	__u32 ports = (__u32)t->sport_be | (__u32)t->dport_be << 16;
	__u64 sum[2];
	int i;

#pragma unroll
	for (i = 0; i < 2; i++)
		sum[i] = sluice_hash_addr_part(&t->saddr, key->nh[i]) +
			 sluice_hash_addr_part(&t->daddr, key->nh[i] + 4) +
			 sluice_hash_pair(ports, t->proto, key->nh[i] + 8);
	return sluice_hash_fold(sum[0], sum[1], key->fin) | 2;
}

/* One address alone: services by address, sources of limits (mask the address first). */
SLUICE_HASH_INLINE __u64 sluice_hash_addr(const struct sluice_addr *a,
					  const struct sluice_hash_key *key)
{
	return sluice_hash_fold(sluice_hash_addr_part(a, key->nh[0]),
				sluice_hash_addr_part(a, key->nh[1]), key->fin);
}

/* A service key from the hash of its address; port 0 and proto 0 are ordinary values. */
SLUICE_HASH_INLINE __u64 sluice_hash_service(__u64 addr_hash, __be16 port_be, __u8 proto)
{
	return sluice_hash_mix(addr_hash + ((__u64)proto << 16 | (__u64)port_be));
}

/* The two candidate cells of a service key; cells is a power of two. */
SLUICE_HASH_INLINE __u32 sluice_service_cell(__u64 service_hash, int choice, __u32 cells)
{
	return (__u32)(choice ? service_hash >> 32 : service_hash) & (cells - 1);
}
