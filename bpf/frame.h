/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The link layer of what leaves: the Ethernet header with its tags. */
#pragma once

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>

#include "pkt.h"

#define FRAME_LEN_MIN ETH_ZLEN
#define FRAME_TAG_LEN 4
#define FRAME_LINK_MAX (ETH_HLEN + SLUICE_VLAN_TAGS_MAX * FRAME_TAG_LEN)

/* A next hop with a tag gets exactly that one; without it, the tags the packet came with stay. */
static __always_inline void frame_set_tags(struct pkt *p)
{
	if (!(p->nexthop->flags & SLUICE_NEXTHOP_F_VLAN))
		return;
	p->tag_be[0] = bpf_htonl((__u32)ETH_P_8021Q << 16 | bpf_ntohs(p->nexthop->vlan_tci_be));
	p->tags = 1;
}

/* Writes the Ethernet header at data; the caller has checked FRAME_LINK_MAX bytes. Returns where
 * the network layer begins. */
static __always_inline void *frame_write(void *data, const struct pkt *p, __u16 proto)
{
	/* Both addresses lie side by side, in the next hop as on the wire. */
	*(__u64 *)data = *(const __u64 *)p->nexthop->dmac;
	*(__u32 *)(data + 8) = *(const __u32 *)(p->nexthop->dmac + 8);
	data += 12;
	if (p->tags) {
		*(__be32 *)data = p->tag_be[0];
		data += FRAME_TAG_LEN;
		if (p->tags > 1) {
			*(__be32 *)data = p->tag_be[1];
			data += FRAME_TAG_LEN;
		}
	}
	*(__be16 *)data = bpf_htons(proto);
	return data + 2;
}

_Static_assert(__builtin_offsetof(struct sluice_nexthop, smac) ==
		       __builtin_offsetof(struct sluice_nexthop, dmac) + ETH_ALEN,
	       "frame_write copies both addresses at once");
_Static_assert(__builtin_offsetof(struct sluice_nexthop, dmac) % 8 == 0, "aligned");
