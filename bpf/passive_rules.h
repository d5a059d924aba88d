/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a packet of a watched flow does to its cell (passive_types.h), and what it counts as. */
#pragma once

#include <sluice/passive_types.h>

#include "pkt.h"

/* Counters that grow: the last one is that of the member in the cell, the others are the packet's. */
#define PASSIVE_OPENED (1U << 0)
#define PASSIVE_REPEATED (1U << 1)
#define PASSIVE_FOLLOWED (1U << 2)
#define PASSIVE_LOST (1U << 3)

#define PASSIVE_IDLE_MAX 0xff00

/* Is the cell's SYN still waited for? Seconds wrap; what seems to lie ahead is of another CPU's clock. */
PKT_INLINE bool passive_is_waiting(__u64 cell, __u32 now_s)
{
	__u16 idle = (__u16)((__u16)now_s - SLUICE_PASSIVE_SEEN(cell));

	return cell && (idle <= SLUICE_PASSIVE_WAIT_S || idle > PASSIVE_IDLE_MAX);
}

/*
 * What the cell holds after a SYN of the flow, or after another packet of it that answers an answer.
 * A new flow takes the cell from whoever waits there: handshakes are short, so that a flood, which
 * waits for nothing, hides few of them.
 */
PKT_INLINE __u64 passive_next(__u64 cell, __u64 flow_hash, __u32 member, __u32 now_s, bool is_syn,
			      __u32 *ret_counts)
{
	bool is_own = cell && SLUICE_PASSIVE_TAG(cell) == sluice_passive_tag(flow_hash);
	bool is_waiting = passive_is_waiting(cell, now_s);
	bool is_at_home = SLUICE_PASSIVE_MEMBER(cell) == member;
	__u64 opened = SLUICE_PASSIVE(sluice_passive_tag(flow_hash), now_s, member);

	*ret_counts = 0;
	if (!is_syn && !is_own)
		return cell;
	if (!is_syn) {
		if (is_waiting)
			*ret_counts = is_at_home ? PASSIVE_FOLLOWED : PASSIVE_LOST;
		return 0;
	}
	if (is_own && is_waiting && is_at_home) {
		if (!(cell & SLUICE_PASSIVE_F_REPEATED))
			*ret_counts = PASSIVE_REPEATED;
		return opened | SLUICE_PASSIVE_F_REPEATED;
	}
	*ret_counts = PASSIVE_OPENED;
	if (is_waiting)
		*ret_counts |= PASSIVE_LOST;
	return opened;
}
