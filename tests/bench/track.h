/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What Sluice does without: a table of all flows, as connection-tracking balancers keep it. A
 * least-recently-used hash for each CPU, consulted for every packet to a service, and filled with
 * every flow that it does not have. The functions take the place of the pipeline's own.
 */
#pragma once

#include <linux/in.h>

#include "flow.h"
#include "service.h"
#include "track_table.h"

struct track_inner {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* those that user space makes are larger */
	__uint(key_size, sizeof(struct sluice_tuple));
	__uint(value_size, sizeof(struct track_flow));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, TRACK_CPUS_MAX);
	__type(key, __u32);
	__array(values, struct track_inner);
} tracks SEC(".maps");

static __always_inline enum sluice_verdict track_service_find(struct pkt *p)
{
	enum sluice_verdict verdict = service_find(p);
	__u32 cpu = bpf_get_smp_processor_id();
	struct track_flow fresh = {}, *flow;
	__u64 allow;
	void *table;

	if (verdict != V_NEXT)
		return verdict;
	allow = p->word;
	table = bpf_map_lookup_elem(&tracks, &cpu);
	if (!table)
		return SLUICE_V_bad_table;
	flow = bpf_map_lookup_elem(table, &p->tuple);
	if (flow) {
		p->member_index = flow->member;
		return V_NEXT;
	}
	verdict = flow_find(p);
	if (verdict != V_NEXT)
		return verdict;
	p->member_index = SLUICE_SLOT_CUR(p->word);
	fresh.member = p->member_index;
	p->word = allow; /* for the next stage, as found */
	if (bpf_map_update_elem(table, &p->tuple, &fresh, BPF_ANY))
		return SLUICE_V_bad_table;
	return V_NEXT;
}

/* Done already. */
static __always_inline enum sluice_verdict track_flow_find(struct pkt *p)
{
	(void)p;
	return V_NEXT;
}

/* The member is known: only its word and next hop are read. */
static __always_inline enum sluice_verdict track_flow_member(struct pkt *p, bool effects)
{
	__u32 nexthop;

	(void)effects;
	p->member = member_read(p);
	if (!p->member)
		return SLUICE_V_bad_table;
	if (!flow_is_alive(p->word))
		return SLUICE_V_no_member;
	nexthop = SLUICE_MEMBER_NEXTHOP(p->word);
	p->nexthop = bpf_map_lookup_elem(&nexthops, &nexthop);
	return p->nexthop ? V_NEXT : SLUICE_V_bad_table;
}
