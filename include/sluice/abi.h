/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bounds and numbers that the packet path and user space must agree on. */
#pragma once

/* Version of every pinned map layout. Part of the pin path: a daemon never adopts another one's.
 * Tests of the change from one to another build it with another number. */
#ifndef SLUICE_ABI
#define SLUICE_ABI 5
#endif

#define SLUICE_PIN_ROOT "/sys/fs/bpf/sluice"
/* Of an instance's directory, for the maps of this layout: "abi3". */
#define SLUICE_PIN_ABI SLUICE_PIN_ABI_OF(SLUICE_ABI)
#define SLUICE_PIN_ABI_OF(abi) SLUICE_PIN_ABI_TEXT(abi)
#define SLUICE_PIN_ABI_TEXT(abi) "abi" #abi

/* Slot tables: 2^12 .. 2^20 slots a service, at least 512 a member. */
#define SLUICE_SLOTS_LOG2_MIN 12
#define SLUICE_SLOTS_LOG2_MAX 20
#define SLUICE_SLOTS_PER_MEMBER 512

#define SLUICE_MEMBER_NONE 0  /* member index that means "no owner" */
#define SLUICE_NEXTHOP_NONE 0 /* next hop index that means "unresolved" */
#define SLUICE_LIMIT_NONE 0   /* limit index that means "no limit" */
#define SLUICE_CEILING_NONE 0 /* ceiling index that means "no ceiling" */

#define SLUICE_SERVICE_LIMITS_MAX 4 /* limits stacked on one service */
#define SLUICE_SERVICE_ALLOW_MAX 4  /* allow lists of one service */
#define SLUICE_LISTS_MAX 1024	    /* access lists; an id is below it, 0 is none */
#define SLUICE_LIMIT_WAYS 8	    /* words in one set: a cache line */
#define SLUICE_FLOW_WAYS 4	    /* entries in one set: a cache line */

#define SLUICE_VLAN_TAGS_MAX 2
#define SLUICE_IPV6_EXT_MAX 6	     /* extension headers walked before giving up */
#define SLUICE_TX_PORTS_MAX 64	     /* egress interfaces for redirect */
#define SLUICE_INTERFACES (1U << 12) /* cells of `interfaces`, by the low bits of the ifindex */

/* Default map capacities (entries); the configuration's `capacity` section overrides them. */
#define SLUICE_SERVICE_CELLS_DEFAULT (1U << 14)
#define SLUICE_SLOTS_DEFAULT (1U << 22)
#define SLUICE_MEMBERS_DEFAULT (1U << 16)
#define SLUICE_NEXTHOPS_DEFAULT (1U << 16)
#define SLUICE_LIMITS_DEFAULT 1024U
#define SLUICE_LIMIT_SETS_DEFAULT (1U << 19)
#define SLUICE_BANS_DEFAULT (1U << 16)
#define SLUICE_MEMBER_CEILINGS_DEFAULT (1U << 12)
/* Sets of SLUICE_FLOW_WAYS entries. */
#define SLUICE_FLOW_SETS_DEFAULT (1U << 16)
#define SLUICE_PENDING_SETS_DEFAULT (1U << 14)
#define SLUICE_TRACKED_SETS_DEFAULT (1U << 16)
#define SLUICE_NAMES_DEFAULT (2 * SLUICE_SERVICE_CELLS_DEFAULT + SLUICE_LIMITS_DEFAULT)
#define SLUICE_EVENTS_BYTES (256U * 1024U)
#define SLUICE_CAPTURES_BYTES (1024U * 1024U)
#define SLUICE_CAPTURE_BYTES 256 /* kept of a captured packet */

/* ICMP errors that one CPU sends in a second of 2^30 ns. */
#define SLUICE_ICMP_PER_S 1000
/* ARP requests and neighbour solicitations that one CPU answers in a second of 2^30 ns. */
#define SLUICE_NEIGHBOR_PER_S 1000

/* Refused packets that one CPU keeps for user space, and how many of them it takes in one tick of
 * `seen`: of those that a limit refused, and of each other kind. So they are there for a second at least.
 * Powers of two. */
#define SLUICE_REFUSALS_PER_CPU 4096U
#define SLUICE_REFUSALS_PER_TICK 32U
#define SLUICE_REFUSALS_PER_TICK_OTHER 8U
/* Sources that are measured at once, a power of two. */
#define SLUICE_MEASURES (1U << 13)

/* A cell, a region or an index that user space frees may be used again after this time: every
 * packet that could have read the old word has left the program long before. */
#define SLUICE_REUSE_AFTER_MS 1000

/* Names of maps that are also found by name, in the object or by their pins below
 * SLUICE_PIN_ROOT/INSTANCE/abiN/. */
#define SLUICE_MAP_SERVICES "services"
#define SLUICE_MAP_SLOTS "slots"
#define SLUICE_MAP_RUNNERS "runners"
#define SLUICE_MAP_MEMBERS "members"
#define SLUICE_MAP_NEXTHOPS "nexthops"
#define SLUICE_MAP_LIMITS "limits"
#define SLUICE_MAP_LIMIT_SETS "limit_sets"
#define SLUICE_MAP_BANS "bans"
#define SLUICE_MAP_REFUSALS "refusals"
#define SLUICE_MAP_CEILINGS "ceilings"
#define SLUICE_MAP_FLOWS "flows"
#define SLUICE_MAP_PENDING "pending"
#define SLUICE_MAP_TRACKED "tracked"
#define SLUICE_MAP_FLOW_SETTINGS "flow_settings"
#define SLUICE_MAP_FLOW_STATS "flow_stats"
#define SLUICE_MAP_MEMBER_STATS "member_stats"
#define SLUICE_MAP_PASSIVE "passive"
#define SLUICE_MAP_HOSTS "hosts"
#define SLUICE_MAP_VERDICT_STATS "verdict_stats"
#define SLUICE_MAP_LIMIT_STATS "limit_stats"
#define SLUICE_MAP_META "meta"
#define SLUICE_MAP_CONTROL "control"
#define SLUICE_MAP_NOTES "notes"
#define SLUICE_MAP_NAMES "names"
#define SLUICE_MAP_ACCESS "access"
#define SLUICE_MAP_ACCESS_BITS "access_bits"
