/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The live benchmark's surroundings: a generator, run with live frames, that sends TCP SYNs out of
 * one end of a veth pair; the two plain programs to compare with; and a sink for what the program
 * under test transmits back.
 */
#include "wrap.h"

__u32 live_ifindex; /* where the generator sends */
__u32 live_sources_log2;
__be32 live_daddr_be;
__u64 live_returned; /* frames that came back */
__u64 live_plain;    /* frames that a plain program has seen */

/* Pages are recycled without their bytes being restored, so every byte that anybody may have
 * changed is written anew. */
SEC("xdp")
int live_generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	__u32 i = wrap_run.next++;

	if ((void *)(tcp + 1) > data_end) {
		wrap_run.failures++;
		return XDP_DROP;
	}
	wrap_write_eth(data, bpf_htons(ETH_P_IP));
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = 0;
	ip->tot_len = bpf_htons(data_end - data - ETH_HLEN);
	ip->id = 0;
	ip->frag_off = 0;
	ip->ttl = 64;
	ip->protocol = IPPROTO_TCP;
	/* Sources repeat, flows never do: a flood takes a fresh port for every packet. */
	ip->saddr = bpf_htonl(WRAP_V4_BASE + (i & ((1U << live_sources_log2) - 1)));
	ip->daddr = live_daddr_be;
	tcp->source = bpf_htons(WRAP_PORT_BASE + (i >> live_sources_log2));
	tcp->dest = bpf_htons(WRAP_SERVICE_PORT);
	tcp->seq = i;
	tcp->ack_seq = 0;
	tcp->doff = 5;
	tcp->syn = 1;
	tcp->ack = 0;
	return bpf_redirect(live_ifindex, 0);
}

SEC("xdp")
int live_plain_drop(struct xdp_md *ctx __attribute__((unused)))
{
	live_plain++;
	return XDP_DROP;
}

SEC("xdp")
int live_plain_tx(struct xdp_md *ctx __attribute__((unused)))
{
	live_plain++;
	return XDP_TX;
}

/* On the generator's own device: without a program there, frames that XDP_TX sends would wait for
 * the peer's GRO, count as sent and vanish. */
SEC("xdp")
int live_sink(struct xdp_md *ctx __attribute__((unused)))
{
	live_returned++;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
