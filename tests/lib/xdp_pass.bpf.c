/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Passes everything. The lab puts it on the far end of a veth whose near end sends with XDP_TX:
 * without a program there, such frames count as sent and vanish. It is also "somebody else's
 * program" in the tests about interfaces that are taken.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
