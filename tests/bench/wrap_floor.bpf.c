/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The floor: the least that an encapsulating program can do. It parses Ethernet, IPv4 and TCP,
 * pushes a constant outer header and reads no map. Everything above it is what deciding costs.
 */
#include <sluice/hash.h>

#include "wrap.h"

#define FLOOR_SADDR 0x0a640001 /* 10.100.0.1 */
#define FLOOR_DADDR 0x0a640002
#define OUTER ((int)sizeof(struct iphdr))

#define FLOOR_LINES_LOG2 17 /* as many sets as the limit of a million sources has */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* page-aligned, as the product's */
	__uint(max_entries, 1 << FLOOR_LINES_LOG2);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 64);
} floor_lines SEC(".maps");

static __noinline int floor_entry(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp;
	__u16 inner_length;
	__be32 *word;
	__u32 sum;

	if ((void *)(ip + 1) > data_end || *(__be16 *)(data + 12) != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > data_end || tcp->doff < 5)
		return XDP_DROP;
	inner_length = bpf_ntohs(ip->tot_len);
	if (bpf_xdp_adjust_head(ctx, -OUTER))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (data + ETH_HLEN + OUTER > data_end)
		return XDP_DROP;
	wrap_write_eth(data, bpf_htons(ETH_P_IP));
	sum = 0x4500 + inner_length + OUTER + (64 << 8 | IPPROTO_IPIP) + (FLOOR_SADDR >> 16) +
	      (FLOOR_SADDR & 0xffff) + (FLOOR_DADDR >> 16) + (FLOOR_DADDR & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16)) & 0xffff;
	word = data + ETH_HLEN;
	word[0] = bpf_htonl(0x45000000 | (inner_length + OUTER));
	word[1] = 0;
	word[2] = bpf_htonl(64 << 24 | IPPROTO_IPIP << 16 | sum);
	word[3] = bpf_htonl(FLOOR_SADDR);
	word[4] = bpf_htonl(FLOOR_DADDR);
	return XDP_TX;
}

static __always_inline int floor_pass(struct xdp_md *ctx)
{
	int action;

	if (!wrap_next_flow(ctx))
		goto failed;
	action = floor_entry(ctx);
	if (action == XDP_TX && wrap_undo(ctx))
		return XDP_TX;
failed:
	wrap_run.failures++;
	return XDP_ABORTED;
}

SEC("xdp")
int wrap_floor(struct xdp_md *ctx)
{
	return floor_pass(ctx);
}

/*
 * The floor of anything that keeps exact state for each source: the same, and one atomic update of
 * a cache line that belongs to this source and seven others. With many sources that line is far
 * away, and how far depends on the machine and its other users, not on us.
 */
SEC("xdp")
int wrap_floor_source(struct xdp_md *ctx)
{
	__u64 hash = sluice_hash_mix((wrap_run.next & wrap_run.mask) + 1);
	__u32 line = hash >> (64 - FLOOR_LINES_LOG2);
	__u64 *state = bpf_map_lookup_elem(&floor_lines, &line);

	if (!state) {
		wrap_run.failures++;
		return XDP_ABORTED;
	}
	__sync_fetch_and_add(state, 1);
	return floor_pass(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
