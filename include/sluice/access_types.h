/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists: a trie of prefixes, bits that say where it need not be asked, and counters. */
#pragma once

#include <linux/types.h>

#include <sluice/hash.h>
#include <sluice/map_types.h>

/*
 * `access` has one entry: a trie of prefixes, replaced as a whole. A key is a list and a prefix of
 * a source: list 0 says what holds for all packets, another id who is in that allow list. IPv4
 * addresses are the first four bytes of addr.
 */
struct sluice_access_key {
	__u32 prefix_length; /* SLUICE_ACCESS_KEY_BITS and the prefix's own */
	__be16 list_be;
	__u8 family; /* enum sluice_family */
	__u8 pad;
	__u8 addr[16];
};

#define SLUICE_ACCESS_KEY_BITS 32

_Static_assert(sizeof(struct sluice_access_key) == 24, "access key");

enum sluice_access_class {
	SLUICE_ACCESS_NOTHING,	  /* as if in no list: no entry says so */
	SLUICE_ACCESS_MANAGEMENT, /* neither denied nor limited */
	SLUICE_ACCESS_EXEMPT,	  /* the same, by a list */
	SLUICE_ACCESS_DENY,
	SLUICE_ACCESS_ALLOW, /* in the allow list that was asked for */
	SLUICE_ACCESS_INFRA, /* not denied, and spared by limits of all packets */
	SLUICE_ACCESS_CLASS_MAX
};

/* The value of a prefix: 0-15 id of the list that says so, 16-23 class. */
#define SLUICE_ACCESS(class, list) ((__u64)(list) | (__u64)(class) << 16)
#define SLUICE_ACCESS_LIST(word) ((__u32)SLUICE_BITS(word, 0, 16))
#define SLUICE_ACCESS_CLASS(word) ((__u32)SLUICE_BITS(word, 16, 8))

/*
 * `access_bits`: value __u64. A bit says that some prefix of list 0, or of a limit's sources with a
 * rate of their own (limit_types.h), touches an IPv4 /24, or one of the IPv6 /48 with this hash;
 * without it there is nothing to look for in the trie.
 */
#define SLUICE_ACCESS_BITS4_LOG2 24
#define SLUICE_ACCESS_BITS6_LOG2 23
#define SLUICE_ACCESS_WORDS4 (1U << (SLUICE_ACCESS_BITS4_LOG2 - 6))
#define SLUICE_ACCESS_WORDS6 (1U << (SLUICE_ACCESS_BITS6_LOG2 - 6))
#define SLUICE_ACCESS_WORDS (SLUICE_ACCESS_WORDS4 + SLUICE_ACCESS_WORDS6)

/* The bit of an IPv4 address. */
SLUICE_HASH_INLINE __u32 sluice_access_bit4(__u32 addr)
{
	return addr >> 8;
}

/* The bit of an IPv6 address, which its first 48 bits decide; keyed, so that nobody can look for
 * sources that always cost a walk. */
SLUICE_HASH_INLINE __u32 sluice_access_bit6(__u64 top48, const struct sluice_hash_key *key)
{
	return (1U << SLUICE_ACCESS_BITS4_LOG2) +
	       (__u32)(sluice_hash_mix(top48 ^ key->fin) >> (64 - SLUICE_ACCESS_BITS6_LOG2));
}

/* By list id. */
struct sluice_list_stats {
	__u64 matched;	    /* packets that an exempt or allow list let pass */
	__u64 refused;	    /* dropped: in a deny list, or in no allow list (the service's first) */
	__u64 would_refuse; /* during a bypass */
	__u64 pad;
};

_Static_assert(sizeof(struct sluice_list_stats) == 32, "list counters");
