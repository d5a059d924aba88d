/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the backend-side decapsulation program and its loader share. */
#pragma once

#include <linux/types.h>

/* X(name, help). Only `bad_ecn` drops; every packet that is not decapsulated is passed untouched. */
#define SLUICE_DECAP_RESULTS(X)                                                                    \
	X(v4_in_v4, "decapsulated: IPv4 from an IPv4 tunnel")                                      \
	X(v6_in_v4, "decapsulated: IPv6 from an IPv4 tunnel")                                      \
	X(v4_in_v6, "decapsulated: IPv4 from an IPv6 tunnel")                                      \
	X(v6_in_v6, "decapsulated: IPv6 from an IPv6 tunnel")                                      \
	X(v4_in_gue, "decapsulated: IPv4 from UDP to the port of mode gue")                        \
	X(v6_in_gue, "decapsulated: IPv6 from UDP to the port of mode gue")                        \
	X(other_source, "passed: tunnel packet, but not from a --from prefix")                     \
	X(other_target, "passed: tunnel packet whose inner destination is in no --to prefix")      \
	X(fragment, "passed: fragment of a tunnel packet")                                         \
	X(malformed, "passed: tunnel packet whose headers are damaged or cut short")               \
	X(bad_ecn, "dropped: outer header says congestion, inner one cannot (RFC 6040)")

enum sluice_decap_result {
#define X(name, help) SLUICE_DECAP_##name,
	SLUICE_DECAP_RESULTS(X)
#undef X
		SLUICE_DECAP_MAX
};

#define SLUICE_DECAP_PREFIXES_MAX 256

struct sluice_decap_stats {
	__u64 packets;
	__u64 bytes; /* as received, from the Ethernet header on */
};

/* Key of the prefix tries, in the layout the kernel wants (length, then the bytes at once). IPv4
 * prefixes are v4-mapped, their length counts from bit 96. */
struct sluice_decap_prefix {
	__u32 length;
	__u8 addr[16];
};

_Static_assert(sizeof(struct sluice_decap_prefix) == 20, "prefix");
