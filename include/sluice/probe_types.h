/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the program that sends probes through the path and user space agree on. Nothing of it is
 * pinned: a daemon brings its own program and map along. */
#pragma once

#include <linux/types.h>

#include <sluice/types.h>

/*
 * A probe's mark: what the instance's ip rule matches, and the target's index. The instance's number
 * (0: the one named default) makes mark, rule and table its own.
 */
#define SLUICE_PROBE_INSTANCES 250U
#define SLUICE_PROBE_MARK(number) (0x50000000U | (number) << 20)
#define SLUICE_PROBE_MARK_MASK 0xfff00000U
#define SLUICE_PROBE_INDEX(mark) ((mark) & ~SLUICE_PROBE_MARK_MASK)
#define SLUICE_PROBE_TARGETS_MAX (1U << 20) /* indices, 0 is none */
#define SLUICE_PROBE_PREFERENCE(number) (260U + (number))
#define SLUICE_PROBE_TABLE(number) (51000U + (number))
/* Marks rules and routes as ours. */
#define SLUICE_PROBE_PROTOCOL 202

/* X(name, help): why a probe was not sent. */
#define SLUICE_PROBE_DROPS(X)                                                                      \
	X(no_target, "nobody is probed with this mark")                                            \
	X(other_address, "not to the service that this target is of")                              \
	X(no_member, "the member is in no table yet")                                              \
	X(no_nexthop, "no next hop")                                                               \
	X(no_source, "no source address for the tunnel")                                           \
	X(too_big, "a packet of it is larger than the path to the member allows")                  \
	X(bad_mode, "members of this mode are not probed through the path")                        \
	X(malformed, "not an IP packet as probes are")                                             \
	X(no_room, "no room for the headers in front")

enum sluice_probe_drop {
	SLUICE_PROBE_SENT,
#define X(name, help) SLUICE_PROBE_DROP_##name,
	SLUICE_PROBE_DROPS(X)
#undef X
		SLUICE_PROBE_DROP_MAX
};

/*
 * One target, 64 bytes of a mmapable array. User space writes `service` while word is 0, then the
 * word: 0-23 member index, 48 in use. The program counts what it sends and drops.
 */
struct sluice_probe_target {
	__u64 word;		    /* 0: none */
	struct sluice_addr service; /* where its probes go to; packets to others are dropped */
	__u64 sent;
	__u64 dropped;
	__u32 drop; /* enum sluice_probe_drop of the last one dropped */
	__u8 pad[20];
};

#define SLUICE_PROBE_MEMBER(word) ((__u32)SLUICE_BITS(word, 0, 24))
#define SLUICE_PROBE_F_USED (1ULL << 48)

_Static_assert(sizeof(struct sluice_probe_target) == 64, "probe target");
