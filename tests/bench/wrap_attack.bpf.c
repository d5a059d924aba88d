/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The product's pipeline, fed with one frame that each pass sends from the next source of a list. */
#include "pipeline.h"
#include "wrap.h"

#include "attack_run.h"

struct attack_packet attack_packets[ATTACK_BATCH];

static __noinline int attack_entry(struct xdp_md *ctx)
{
	struct pkt p;

	return pipeline(ctx, &p, true);
}

static __always_inline void attack_clock(__u64 ticks)
{
	__u32 zero = 0;
	__u64 *now_ns = bpf_map_lookup_elem(&test_clock_ns, &zero);

	if (now_ns)
		*now_ns += ticks * ATTACK_TICK_NS;
}

static __always_inline bool attack_write(struct xdp_md *ctx, __be32 source_be)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;

	if ((void *)(ip + 1) > data_end)
		return false;
	ip->saddr = source_be;
	return true;
}

SEC("xdp")
int wrap_attack(struct xdp_md *ctx)
{
	struct attack_packet *packet = &attack_packets[wrap_run.next++ & (ATTACK_BATCH - 1)];
	int action;

	if (packet->ticks)
		attack_clock(packet->ticks);
	if (!attack_write(ctx, packet->source_be))
		goto failed;
	action = attack_entry(ctx);
	packet->action = action;
	if (action == XDP_DROP)
		return action;
	if (action == XDP_TX && wrap_undo(ctx))
		return action;
failed:
	wrap_run.failures++;
	return XDP_ABORTED;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
