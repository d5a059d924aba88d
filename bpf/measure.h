/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What single sources of a service send before any limit refuses it, counted for some time: to find
 * out which limit would suit them. All CPUs count in one table, which is cheap enough for the sample
 * of sources that has room in it. While it is off it costs a word of the control line.
 */
#pragma once

#include <sluice/hash.h>
#include <sluice/source_types.h>

#include "clock.h"
#include "config.h"
#include "control.h"
#include "maps.h"
#include "pkt.h"
#include "source.h"

#define MEASURE_WAYS 8
#define MEASURE_LOG2 13

_Static_assert(SLUICE_MEASURES == 1 << MEASURE_LOG2, "the top bits of a hash");

/* What measure_packet() needs to know of a packet besides its source. */
#define MEASURE_HOW(bytes, is_v6, is_new) ((__u64)(bytes) << 32 | (__u64)(is_v6) << 1 | (is_new))
#define MEASURE_HOW_BYTES(how) ((how) >> 32)
#define MEASURE_HOW_IS_V6(how) ((how) >> 1 & 1)
#define MEASURE_HOW_IS_NEW(how) ((how)&1)

/* Is it the source's entry, or free and made so? Negative: another CPU writes it just now. */
static __always_inline int measure_take(struct sluice_measure *entry,
					const struct sluice_addr *source)
{
	__u64 mark = READ_WORD(entry->mark);

	if (mark == SLUICE_MEASURE_FREE) {
		mark = __sync_val_compare_and_swap(&entry->mark, SLUICE_MEASURE_FREE,
						   SLUICE_MEASURE_BUSY);
		if (mark == SLUICE_MEASURE_FREE) {
			entry->source = *source;
			__sync_lock_test_and_set(&entry->mark, SLUICE_MEASURE_USED);
			return 1;
		}
	}
	if (mark != SLUICE_MEASURE_USED)
		return -1;
	return READ_WORD(entry->source.d[0]) == source->d[0] &&
	       READ_WORD(entry->source.d[1]) == source->d[1];
}

/* Counts a packet of the source (two big-endian words) until then. Returns 0. */
__noinline int measure_packet(__u32 service, __u64 hi, __u64 lo, __u64 how, __u64 until_ns)
{
	bool is_v6 = MEASURE_HOW_IS_V6(how);
	struct sluice_measure_filter *filter;
	struct sluice_measure *entry;
	struct sluice_addr source;
	__u32 zero = 0, at, i;
	__u64 hash;
	int taken;

	filter = bpf_map_lookup_elem(&measure_filter, &zero);
	if (!filter || clock_now_ns() >= until_ns)
		return 0;
	if (filter->service && filter->service != service)
		return 0;
	source = source_of(hi, lo, is_v6, is_v6 ? filter->prefix6 : filter->prefix4);
	hash = sluice_hash_addr(&source, config_key());
	if (hash & ((1ULL << (filter->sample_log2 & 31)) - 1))
		return 0;
	for (i = 0; i < MEASURE_WAYS; i++) {
		at = ((__u32)(hash >> (64 - MEASURE_LOG2)) + i) & (SLUICE_MEASURES - 1);
		entry = bpf_map_lookup_elem(&measures, &at);
		if (!entry)
			return 0;
		taken = measure_take(entry, &source);
		if (taken < 0)
			break;
		if (!taken)
			continue;
		__sync_fetch_and_add(&entry->packets, 1);
		__sync_fetch_and_add(&entry->bytes, MEASURE_HOW_BYTES(how));
		if (MEASURE_HOW_IS_NEW(how))
			__sync_fetch_and_add(&entry->new_connections, 1);
		return 0;
	}
	at = (__u32)(hash >> (64 - MEASURE_LOG2));
	entry = bpf_map_lookup_elem(&measures, &at);
	if (entry)
		__sync_fetch_and_add(&entry->missed, 1);
	return 0;
}

/* Right before the limits. Exempt sources are subject to none. */
static __always_inline void measure(const struct pkt *p)
{
	const struct sluice_control *c = control_get();
	__u64 until_ns = c ? READ_WORD(c->measure_until_ns) : 0;

	if (!until_ns || p->access & PKT_ACCESS_EXEMPT)
		return;
	measure_packet(p->service_id, p->tuple.saddr.d[0], p->tuple.saddr.d[1],
		       MEASURE_HOW(p->frame_len, p->tuple.family == SLUICE_FAMILY_V6,
				   !!(p->flags & PKT_F_NEW)),
		       until_ns);
}
