/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet path. Two entries into one pipeline (pipeline.h has the list of stages). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "pipeline.h"

/* Attached to interfaces. */
SEC("xdp")
int sluice(struct xdp_md *ctx)
{
	struct pkt p;

	return pipeline(ctx, &p, true);
}

/* Never attached: test-run on a described packet to learn what `sluice` would do with it. */
SEC("xdp")
int sluice_explain(struct xdp_md *ctx)
{
	struct sluice_explain *out;
	struct pkt p;
	__u32 zero = 0;
	int action;

	__builtin_memset(&p.tuple, 0,
			 sizeof(p.tuple)); /* read even where nothing could be parsed */
	action = pipeline(ctx, &p, false);
	out = bpf_map_lookup_elem(&explain, &zero);
	if (!out)
		return XDP_ABORTED;
	out->tuple = p.tuple;
	out->verdict = p.verdict;
	out->service = p.service_id;
	out->slot = p.slot;
	out->member = p.member_index;
	out->limit = p.limit_index;
	out->list = p.list_index;
	out->held = p.held;
	return action;
}

char _license[] SEC("license") = "Dual BSD/GPL";
