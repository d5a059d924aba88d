/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where probes that go through the path leave the kernel's stack: at the far end of a veth of ours.
 * Their mark names the target, the target its member; from there on a probe is made what traffic to
 * the member would be, from the same maps, by the same functions. docs/decisions/probe-path.md.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include <sluice/probe_types.h>

#include "config.h"
#include "flow_name.h"
#include "map.h"
#include "member.h"
#include "outer.h"
#include "parse.h"

MAP_SHARED(probe_targets, 2, struct sluice_probe_target);

/* SLUICE_PROBE_MARK() of the instance. */
const volatile __u32 probe_mark;

/* A probe as the stack made it: a whole IP packet, neither tagged nor padded. */
static __always_inline enum sluice_probe_drop probe_parse(struct __sk_buff *skb, struct pkt *p)
{
	if (bpf_skb_pull_data(skb, skb->len))
		return SLUICE_PROBE_DROP_malformed;
	pkt_init(p);
	if (parse((void *)(long)skb->data, (void *)(long)skb->data_end, p) != V_NEXT || p->defect ||
	    p->tags || p->frame_len != (__u32)p->l3_off + p->ip_len)
		return SLUICE_PROBE_DROP_malformed;
	return SLUICE_PROBE_SENT;
}

static __always_inline enum sluice_probe_drop
probe_find_member(struct pkt *p, const struct sluice_probe_target *target)
{
	__u64 word = READ_WORD(target->word);

	if (!word)
		return SLUICE_PROBE_DROP_no_target;
	if (p->tuple.daddr.d[0] != target->service.d[0] ||
	    p->tuple.daddr.d[1] != target->service.d[1])
		return SLUICE_PROBE_DROP_other_address;
	p->member_index = SLUICE_PROBE_MEMBER(word);
	p->svc_word = 0; /* of no influence on what the flow label is made of */
	p->member = p->member_index == SLUICE_MEMBER_NONE ? NULL : member_read(p);
	if (!p->member || !p->word)
		return SLUICE_PROBE_DROP_no_member;
	return member_find_nexthop(p) == V_NEXT ? SLUICE_PROBE_SENT : SLUICE_PROBE_DROP_no_nexthop;
}

/* The stack's Ethernet header becomes the next hop's, with its tag. outer is a constant, 0: none. */
static __always_inline enum sluice_probe_drop probe_write(struct __sk_buff *skb, struct pkt *p,
							  __u32 outer, __u64 flags)
{
	void *data, *end;

	frame_set_tags(p);
	if (outer && bpf_skb_adjust_room(skb, outer, BPF_ADJ_ROOM_MAC, flags))
		return SLUICE_PROBE_DROP_no_room;
	if (p->tags && bpf_skb_change_head(skb, FRAME_TAG_LEN, 0))
		return SLUICE_PROBE_DROP_no_room;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + FRAME_LINK_MAX + outer > end)
		return SLUICE_PROBE_DROP_malformed; /* cannot be: an IP header follows */
	if (outer)
		outer_write(data, p, outer);
	else
		frame_write(data, p, p->tuple.family == SLUICE_FAMILY_V4 ? ETH_P_IP : ETH_P_IPV6);
	return SLUICE_PROBE_SENT;
}

static __always_inline enum sluice_probe_drop probe_wrap(struct __sk_buff *skb, struct pkt *p)
{
	__u32 mode = SLUICE_MEMBER_MODE(p->word);
	bool is_ipv4 = p->member->family == SLUICE_FAMILY_V4;

	if (mode != SLUICE_MODE_L2 && mode != SLUICE_MODE_IPIP && mode != SLUICE_MODE_GUE)
		return SLUICE_PROBE_DROP_bad_mode;
	if (p->ip_len > outer_room(p))
		return SLUICE_PROBE_DROP_too_big;
	if (mode == SLUICE_MODE_L2)
		return probe_write(skb, p, 0, 0);
	if (!outer_has_source(p))
		return SLUICE_PROBE_DROP_no_source;
	flow_name(p);
	if (mode == SLUICE_MODE_IPIP && is_ipv4)
		return probe_write(skb, p, OUTER_IPV4, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);
	if (mode == SLUICE_MODE_IPIP)
		return probe_write(skb, p, OUTER_IPV6, BPF_F_ADJ_ROOM_ENCAP_L3_IPV6);
	if (is_ipv4)
		return probe_write(skb, p, OUTER_IPV4 + OUTER_UDP,
				   BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP);
	return probe_write(skb, p, OUTER_IPV6 + OUTER_UDP,
			   BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP);
}

/* What is no probe ends here, too: nothing else has any business on this device. */
SEC("tc")
int sluice_probe(struct __sk_buff *skb)
{
	struct sluice_probe_target *target;
	enum sluice_probe_drop drop;
	__u32 mark = skb->mark, index = SLUICE_PROBE_INDEX(mark);
	struct pkt p;

	if ((mark & SLUICE_PROBE_MARK_MASK) != probe_mark)
		return TC_ACT_SHOT;
	target = bpf_map_lookup_elem(&probe_targets, &index);
	if (!target)
		return TC_ACT_SHOT;
	drop = probe_parse(skb, &p);
	if (drop == SLUICE_PROBE_SENT)
		drop = probe_find_member(&p, target);
	if (drop == SLUICE_PROBE_SENT)
		drop = probe_wrap(skb, &p);
	if (drop != SLUICE_PROBE_SENT) {
		target->drop = drop;
		__sync_fetch_and_add(&target->dropped, 1);
		return TC_ACT_SHOT;
	}
	__sync_fetch_and_add(&target->sent, 1);
	skb->mark = 0; /* others on the way out have marks of their own */
	return bpf_redirect(p.nexthop->ifindex, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
