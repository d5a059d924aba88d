/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet path's time as user space reads it: by running a program of one line. */
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "clock.skel.h"
#include "dataplane/dp_internal.h"
#include "dataplane/kernel.h"

#define FRAME_BYTES 64 /* the kernel wants at least an Ethernet header */

int dp_clock_open(struct clock_bpf **ret_clock, struct err *e)
{
	struct clock_bpf *clock;

	kernel_messages_start();
	clock = clock_bpf__open_and_load();
	if (!clock)
		return err_set(e, ERR_UNSUPPORTED, "", "the kernel refuses the clock program: %s",
			       kernel_message());
	*ret_clock = clock;
	return 0;
}

void dp_clock_close(struct clock_bpf *clock)
{
	clock_bpf__destroy(clock);
}

int dp_clock_now(const struct clock_bpf *clock, uint32_t tick_ns, uint64_t *ret_now_ns)
{
	unsigned char in[FRAME_BYTES] = {}, out[FRAME_BYTES] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	uint64_t jiffies;
	int ret;

	ret = bpf_prog_test_run_opts(bpf_program__fd(clock->progs.sluice_jiffies), &opts);
	if (ret)
		return ret;
	memcpy(&jiffies, out, sizeof(jiffies));
	*ret_now_ns = jiffies * tick_ns;
	return 0;
}
