/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Members and next hops: the way to one, for traffic and for probes alike. */
#pragma once

#include <sluice/map_types.h>

#include "map.h"
#include "pkt.h"

/* Sized by the configuration. */
MAP_SHARED(members, SLUICE_MEMBERS_DEFAULT, struct sluice_member);
MAP_SHARED(nexthops, SLUICE_NEXTHOPS_DEFAULT, struct sluice_nexthop);

/* Reads the word of p->member_index into p->word. NULL: the index is out of range. */
static __always_inline struct sluice_member *member_read(struct pkt *p)
{
	struct sluice_member *member = bpf_map_lookup_elem(&members, &p->member_index);

	if (member)
		p->word = READ_WORD(member->word);
	return member;
}

/* Sets the next hop; p->word: the member's. */
static __always_inline enum sluice_verdict member_find_nexthop(struct pkt *p)
{
	__u32 nexthop = SLUICE_MEMBER_NEXTHOP(p->word);

	if (nexthop == SLUICE_NEXTHOP_NONE)
		return SLUICE_V_no_nexthop;
	p->nexthop = bpf_map_lookup_elem(&nexthops, &nexthop);
	if (!p->nexthop || !(p->nexthop->flags & SLUICE_NEXTHOP_F_USED))
		return SLUICE_V_bad_table;
	return V_NEXT;
}
