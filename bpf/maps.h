/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps. User space resizes those of the first block before loading. What user space writes in
 * place is mmapable: page-aligned, so that a 64-byte value is a cache line.
 */
#pragma once

#include <sluice/access_types.h>
#include <sluice/capture_types.h>
#include <sluice/ceiling_types.h>
#include <sluice/event.h>
#include <sluice/map_types.h>
#include <sluice/node_types.h>
#include <sluice/source_types.h>
#include <sluice/verdict.h>

#include "map.h"
#include "member.h"

/* Sized by the configuration; `runners` has half as many entries as `slots`. */
MAP_SHARED(services, SLUICE_SERVICE_CELLS_DEFAULT, struct sluice_service);
MAP_SHARED(slots, SLUICE_SLOTS_DEFAULT, __u64);
MAP_SHARED(runners, SLUICE_SLOTS_DEFAULT / 2, __u64);
MAP_SHARED(limits, SLUICE_LIMITS_DEFAULT, struct sluice_limit);
MAP_SHARED(limit_sets, SLUICE_LIMIT_SETS_DEFAULT, struct sluice_limit_set);
MAP_SHARED(flows, SLUICE_FLOW_SETS_DEFAULT, struct sluice_flow_set);
MAP_SHARED(pending, SLUICE_PENDING_SETS_DEFAULT, struct sluice_flow_set);
MAP_SHARED(tracked, SLUICE_TRACKED_SETS_DEFAULT, struct sluice_flow_set);
MAP_PERCPU(member_stats, SLUICE_MEMBERS_DEFAULT, struct sluice_member_stats);
MAP_PERCPU(limit_stats, SLUICE_LIMITS_DEFAULT, struct sluice_limit_stats);
MAP_SHARED(ceilings, SLUICE_SERVICE_CELLS_DEFAULT + SLUICE_MEMBER_CEILINGS_DEFAULT,
	   struct sluice_ceiling);
MAP_PERCPU(ceiling_stats, SLUICE_SERVICE_CELLS_DEFAULT + SLUICE_MEMBER_CEILINGS_DEFAULT,
	   struct sluice_ceiling_stats);
MAP_SHARED(refusals, SLUICE_REFUSALS_PER_CPU, struct sluice_refusal);

/* Sized by the configuration, too; of what it could hold the kernel allocates what is there. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SLUICE_NAMES_DEFAULT);
	__type(key, struct sluice_name_key);
	__type(value, struct sluice_name);
} names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SLUICE_BANS_DEFAULT);
	__type(key, struct sluice_ban_key);
	__type(value, struct sluice_ban);
} bans SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SLUICE_MEMBERS_DEFAULT);
	__type(key, struct sluice_addr);
	__type(value, struct sluice_host);
} hosts SEC(".maps");

/* Of one size. */
MAP_PERCPU(verdict_stats, SLUICE_V_MAX, struct sluice_verdict_stats);
MAP_SHARED(passive, SLUICE_PASSIVE_CELLS, __u64);
MAP_PERCPU(event_gate, 1, struct sluice_event_gate);
MAP_PERCPU(icmp_gate, 1, struct sluice_event_gate);
MAP_PERCPU(neighbor_gate, 1, struct sluice_event_gate);
MAP_SHARED(interfaces, SLUICE_INTERFACES, struct sluice_interface);
MAP_SHARED(flow_settings, 1, struct sluice_flow_settings);
MAP_PERCPU(flow_stats, 1, struct sluice_flow_stats);
MAP_SHARED(meta, 1, struct sluice_meta);
MAP_SHARED(control, 1, struct sluice_control);
MAP_SHARED(notes, 1, struct sluice_notes);
MAP_PERCPU(refusal_gate, SLUICE_REFUSAL_KIND_MAX, struct sluice_refusal_gate);
MAP_SHARED(measure_filter, 1, struct sluice_measure_filter);
MAP_SHARED(measures, SLUICE_MEASURES, struct sluice_measure);
MAP_SHARED(capture_filter, 1, struct sluice_capture_filter);
MAP_PERCPU(capture_scratch, 1, struct sluice_capture_cpu);
MAP_SHARED(explain, 1, struct sluice_explain);
MAP_SHARED(test_clock_ns, 1, __u64);

/* Access lists. User space replaces the trie as a whole; without one no list has entries. */
struct access_trie {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct sluice_access_key)); /* types get lost in an inner map */
	__uint(value_size, sizeof(__u64));
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct access_trie);
} access SEC(".maps");
MAP_SHARED(access_bits, SLUICE_ACCESS_WORDS, __u64);
MAP_PERCPU(list_stats, SLUICE_LISTS_MAX, struct sluice_list_stats);

/* Interfaces that packets may leave by, keyed by ifindex. */
MAP_ARRAY(tx_ports, BPF_MAP_TYPE_DEVMAP_HASH, SLUICE_TX_PORTS_MAX, __u32, 0);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SLUICE_EVENTS_BYTES);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SLUICE_CAPTURES_BYTES);
} captures SEC(".maps");
