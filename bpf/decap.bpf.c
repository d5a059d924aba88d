/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Backend side: takes the outer IP header, in mode gue the UDP header behind it too, off packets
 * that a balancer tunnelled to this host, and hands the inner packet to the stack. For hosts without
 * tunnel devices. Only packets from the configured balancer prefixes are touched; VLAN tags stay.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <sluice/decap.h>

#define VLAN_TAGS_MAX 2
#define VLAN_BYTES 4
#define L2_BYTES_MAX (ETH_HLEN + VLAN_TAGS_MAX * VLAN_BYTES)
#define IP_FRAGMENT_BITS 0x3fff /* more-fragments flag and offset */
#define IP_OFFSET_BITS 0x1fff
#define NOT_A_TUNNEL SLUICE_DECAP_MAX
#define INNER_OFFSET_MASK                                                                          \
	127 /* above 22 + 60 + 8; tells the verifier what it forgot on the stack */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Whether inner destinations are limited to the trie `targets`. */
const volatile bool has_targets = false;
/* UDP port of mode gue, 0: none. */
const volatile __be16 gue_port_be = 0;

struct prefix_trie {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SLUICE_DECAP_PREFIXES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sluice_decap_prefix);
	__type(value, __u8);
};

struct prefix_trie decap_sources SEC(".maps");
struct prefix_trie decap_targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLUICE_DECAP_MAX);
	__type(key, __u32);
	__type(value, struct sluice_decap_stats);
} decap_stats SEC(".maps");

/* What the parser learnt. Offsets count from the frame's start. */
struct tunnel {
	struct sluice_decap_prefix source; /* outer source */
	struct sluice_decap_prefix target; /* inner destination */
	__u32 outer;			   /* offset of the outer IP header */
	__u32 inner;			   /* offset of the inner IP header */
	__u8 outer_ecn;
	__u8 inner_ecn;
	bool is_inner_v6;
	__u8 result; /* enum sluice_decap_result when it can be taken off */
};

static __always_inline void count(__u32 result, __u32 bytes)
{
	struct sluice_decap_stats *stats = bpf_map_lookup_elem(&decap_stats, &result);

	if (stats) {
		stats->packets++;
		stats->bytes += bytes;
	}
}

static __always_inline void prefix_v4(struct sluice_decap_prefix *prefix, __be32 addr)
{
	__builtin_memset(prefix->addr, 0, 10);
	prefix->addr[10] = 0xff;
	prefix->addr[11] = 0xff;
	__builtin_memcpy(prefix->addr + 12, &addr, 4);
	prefix->length = 128;
}

static __always_inline void prefix_v6(struct sluice_decap_prefix *prefix,
				      const struct in6_addr *addr)
{
	__builtin_memcpy(prefix->addr, addr, 16);
	prefix->length = 128;
}

static __always_inline __u8 ipv6_ecn(const struct ipv6hdr *ip6)
{
	return ip6->flow_lbl[0] >> 4 & 3;
}

/* Steps over Ethernet and VLAN tags; returns the payload's EtherType, 0 when cut short. */
static __always_inline __be16 parse_l2(void *data, void *end, __u32 *ret_offset)
{
	__be16 *type = data + ETH_HLEN - 2;
	int i;

	*ret_offset = ETH_HLEN;
	if ((void *)(type + 1) > end)
		return 0;
#pragma unroll
	for (i = 0; i < VLAN_TAGS_MAX; i++) {
		if (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD))
			break;
		type += 2;
		*ret_offset += VLAN_BYTES;
		if ((void *)(type + 1) > end)
			return 0;
	}
	return *type;
}

/* The inner header must be whole, and its length must fit into what the outer one carries. */
static __always_inline int parse_inner(void *data, void *end, struct tunnel *t, __u32 room)
{
	struct iphdr *ip = data + t->inner;
	struct ipv6hdr *ip6 = data + t->inner;
	__u32 length;

	if (t->is_inner_v6) {
		if ((void *)(ip6 + 1) > end || ip6->version != 6)
			return SLUICE_DECAP_malformed;
		if (sizeof(*ip6) + bpf_ntohs(ip6->payload_len) > room)
			return SLUICE_DECAP_malformed;
		prefix_v6(&t->target, &ip6->daddr);
		t->inner_ecn = ipv6_ecn(ip6);
		return t->result;
	}
	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return SLUICE_DECAP_malformed;
	length = bpf_ntohs(ip->tot_len);
	if (length < ip->ihl * 4U || length > room)
		return SLUICE_DECAP_malformed;
	prefix_v4(&t->target, ip->daddr);
	t->inner_ecn = ip->tos & 3;
	return t->result;
}

/* Whether UDP to our port begins at byte `at`. */
static __always_inline bool is_gue_at(void *data, void *end, __u32 at)
{
	struct udphdr *udp = data + at;

	return gue_port_be && (void *)(udp + 1) <= end && udp->dest == gue_port_be;
}

/* GUE's variant 1 (draft-ietf-intarea-gue-09, 4): the inner packet begins behind the UDP header,
 * and its version tells its family. A checksum outside is not looked at: balancers send none (RFC
 * 6935), and the inner packet has its own. room: bytes from the UDP header on. */
static __always_inline int parse_gue(void *data, void *end, struct tunnel *t, __u32 room)
{
	struct udphdr *udp = data + t->inner;
	__u8 *version = (__u8 *)(udp + 1);
	__u32 length;

	if ((void *)(version + 1) > end)
		return SLUICE_DECAP_malformed;
	length = bpf_ntohs(udp->len);
	if (length < sizeof(*udp) || length > room || (*version >> 4 != 4 && *version >> 4 != 6))
		return SLUICE_DECAP_malformed;
	t->is_inner_v6 = *version >> 4 == 6;
	t->result = t->is_inner_v6 ? SLUICE_DECAP_v6_in_gue : SLUICE_DECAP_v4_in_gue;
	t->inner += sizeof(*udp);
	return parse_inner(data, end, t, length - sizeof(*udp));
}

static __always_inline int parse_outer_v4(void *data, void *end, struct tunnel *t, __u32 bytes)
{
	struct iphdr *ip = data + t->outer;
	__u32 header, length;

	if ((void *)(ip + 1) > end)
		return NOT_A_TUNNEL;
	header = ip->ihl * 4U;
	if (ip->protocol == IPPROTO_UDP) {
		/* Later fragments do not say of what. */
		if (ip->frag_off & bpf_htons(IP_OFFSET_BITS) ||
		    !is_gue_at(data, end, t->outer + header))
			return NOT_A_TUNNEL;
	} else if (ip->protocol != IPPROTO_IPIP && ip->protocol != IPPROTO_IPV6) {
		return NOT_A_TUNNEL;
	}
	length = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl < 5 || length < header || t->outer + length > bytes)
		return SLUICE_DECAP_malformed;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT_BITS))
		return SLUICE_DECAP_fragment;
	t->inner = t->outer + header;
	t->outer_ecn = ip->tos & 3;
	prefix_v4(&t->source, ip->saddr);
	if (ip->protocol == IPPROTO_UDP)
		return parse_gue(data, end, t, length - header);
	t->is_inner_v6 = ip->protocol == IPPROTO_IPV6;
	t->result = t->is_inner_v6 ? SLUICE_DECAP_v6_in_v4 : SLUICE_DECAP_v4_in_v4;
	return parse_inner(data, end, t, length - header);
}

/* Balancers send no extension headers, so a tunnel header that follows some is not theirs. */
static __always_inline int parse_outer_v6(void *data, void *end, struct tunnel *t, __u32 bytes)
{
	struct ipv6hdr *ip6 = data + t->outer;
	__u32 length;

	if ((void *)(ip6 + 1) > end)
		return NOT_A_TUNNEL;
	if (ip6->nexthdr == IPPROTO_UDP) {
		if (!is_gue_at(data, end, t->outer + sizeof(*ip6)))
			return NOT_A_TUNNEL;
	} else if (ip6->nexthdr != IPPROTO_IPIP && ip6->nexthdr != IPPROTO_IPV6) {
		return NOT_A_TUNNEL;
	}
	length = bpf_ntohs(ip6->payload_len);
	if (ip6->version != 6 || t->outer + sizeof(*ip6) + length > bytes)
		return SLUICE_DECAP_malformed;
	t->inner = t->outer + sizeof(*ip6);
	t->outer_ecn = ipv6_ecn(ip6);
	prefix_v6(&t->source, &ip6->saddr);
	if (ip6->nexthdr == IPPROTO_UDP)
		return parse_gue(data, end, t, length);
	t->is_inner_v6 = ip6->nexthdr == IPPROTO_IPV6;
	t->result = t->is_inner_v6 ? SLUICE_DECAP_v6_in_v6 : SLUICE_DECAP_v4_in_v6;
	return parse_inner(data, end, t, length);
}

/*
 * RFC 6040, 4.2: the inner ECN field after decapsulation. Congestion marked outside (3) is kept
 * when the inner packet can carry it, else the packet must be dropped; ECT(1) outside (1) on an
 * inner ECT(0) (2) becomes ECT(1).
 */
static __always_inline int ecn_combine(__u8 outer, __u8 inner)
{
	if (outer == 3)
		return inner ? 3 : -1;
	return outer == 1 && inner == 2 ? 1 : inner;
}

static __always_inline void ecn_write(void *header, const struct tunnel *t, __u8 ecn)
{
	struct ipv6hdr *ip6 = header;
	struct iphdr *ip = header;
	__be16 old, new;
	__u32 sum;

	if (t->is_inner_v6) {
		ip6->flow_lbl[0] = (ip6->flow_lbl[0] & 0xcf) | ecn << 4;
		return;
	}
	/* RFC 1624, equation 3, over the 16-bit word that holds version, length and TOS. */
	old = *(__be16 *)ip;
	ip->tos = (ip->tos & 0xfc) | ecn;
	new = *(__be16 *)ip;
	sum = (__u16)~ip->check + (__u32)(__u16)~old + new;
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~(__u16)((sum & 0xffff) + (sum >> 16));
}

/* Moves the link header, with the EtherType of the inner family, in front of the inner one. The
 * length of each move is a constant: three cases. */
static __always_inline int move_l2(struct xdp_md *ctx, const __u32 l2, __u32 outer_bytes,
				   __be16 type)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u8 saved[L2_BYTES_MAX];

	if (data + l2 > end)
		return -1;
	__builtin_memcpy(saved, data, l2);
	*(__be16 *)(saved + l2 - 2) = type;
	if (bpf_xdp_adjust_head(ctx, (int)outer_bytes))
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + l2 > end)
		return -1;
	__builtin_memcpy(data, saved, l2);
	return 0;
}

static __always_inline int take_off(struct xdp_md *ctx, const struct tunnel *t)
{
	__be16 type = t->is_inner_v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	__u32 outer_bytes = t->inner - t->outer;

	switch (t->outer) {
	case ETH_HLEN:
		return move_l2(ctx, ETH_HLEN, outer_bytes, type);
	case ETH_HLEN + VLAN_BYTES:
		return move_l2(ctx, ETH_HLEN + VLAN_BYTES, outer_bytes, type);
	default:
		return move_l2(ctx, L2_BYTES_MAX, outer_bytes, type);
	}
}

static __always_inline int parse(struct xdp_md *ctx, struct tunnel *t, __u32 bytes)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__be16 type = parse_l2(data, end, &t->outer);

	if (type == bpf_htons(ETH_P_IP))
		return parse_outer_v4(data, end, t, bytes);
	if (type == bpf_htons(ETH_P_IPV6))
		return parse_outer_v6(data, end, t, bytes);
	return NOT_A_TUNNEL;
}

SEC("xdp.frags")
int sluice_decap(struct xdp_md *ctx)
{
	__u32 bytes = bpf_xdp_get_buff_len(ctx);
	struct tunnel t = {};
	int result, ecn;
	void *header;

	result = parse(ctx, &t, bytes);
	if (result == NOT_A_TUNNEL)
		return XDP_PASS;
	if (result == SLUICE_DECAP_malformed || result == SLUICE_DECAP_fragment)
		goto pass;
	if (!bpf_map_lookup_elem(&decap_sources, &t.source)) {
		result = SLUICE_DECAP_other_source;
		goto pass;
	}
	if (has_targets && !bpf_map_lookup_elem(&decap_targets, &t.target)) {
		result = SLUICE_DECAP_other_target;
		goto pass;
	}
	ecn = ecn_combine(t.outer_ecn, t.inner_ecn);
	if (ecn < 0) {
		count(SLUICE_DECAP_bad_ecn, bytes);
		return XDP_DROP;
	}
	if (ecn != t.inner_ecn) {
		header = (void *)(long)ctx->data + (t.inner & INNER_OFFSET_MASK);
		if (header + sizeof(struct iphdr) > (void *)(long)ctx->data_end) {
			result = SLUICE_DECAP_malformed;
			goto pass;
		}
		ecn_write(header, &t, ecn);
	}
	if (take_off(ctx, &t)) /* nothing moved: the stack sees the packet as it came */
		result = SLUICE_DECAP_malformed;
pass:
	count(result, bytes);
	return XDP_PASS;
}
