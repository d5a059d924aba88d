/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the loaded program would do with a frame. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/ethernet.h>

#include "dataplane/dp_internal.h"
#include "sluice.skel.h"

#define OUT_BYTES 16384 /* a frame may grow by the outer headers */

int dp_bpf_explain(struct dp_bpf *dp, const void *frame, uint32_t length,
		   struct sluice_explain *ret_explain)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = length, .repeat = 1);
	int ret;

	if (length < ETHER_HDR_LEN || length > OUT_BYTES)
		return -EMSGSIZE; /* the kernel's test run takes no shorter frames */
	memset(dp->maps.explain, 0, sizeof(*dp->maps.explain));
	ret = bpf_prog_test_run_opts(bpf_program__fd(dp->skel->progs.sluice_explain), &opts);
	if (ret)
		return ret;
	*ret_explain = *dp->maps.explain;
	return 0;
}
