/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Idle sources of limits are forgotten. A word holds 32 bits of time and wraps; once a second is
 * often enough for a TAT that is past never to look like one to come (include/sluice/gcra.h).
 */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/gcra.h>

#include "clock.skel.h"
#include "dataplane/dp_internal.h"
#include "dataplane/kernel.h"

#define FRAME_BYTES 64 /* the kernel wants at least an Ethernet header */

int dp_clock_open(struct dp_bpf *dp, struct err *e)
{
	kernel_messages_start();
	dp->clock = clock_bpf__open_and_load();
	if (dp->clock)
		return 0;
	return err_set(e, ERR_UNSUPPORTED, "", "the kernel refuses the clock program: %s",
		       kernel_message());
}

void dp_clock_close(struct dp_bpf *dp)
{
	clock_bpf__destroy(dp->clock);
}

int dp_packet_now(const struct dp_bpf *dp, uint64_t *ret_now_ns)
{
	unsigned char in[FRAME_BYTES] = {}, out[FRAME_BYTES] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	uint64_t jiffies;
	int ret;

	ret = bpf_prog_test_run_opts(bpf_program__fd(dp->clock->progs.sluice_jiffies), &opts);
	if (ret)
		return ret;
	memcpy(&jiffies, out, sizeof(jiffies));
	*ret_now_ns = jiffies * dp->maps.meta->tick_ns;
	return 0;
}

/* The comparison is signed: a packet that was admitted while we walk has a TAT ahead of our now. */
static void sweep_set(struct sluice_limit_set *set, uint32_t now)
{
	__u64 word;
	int way;

	for (way = 0; way < SLUICE_LIMIT_WAYS; way++) {
		__u64 *cell = &set->source[way];

		word = __atomic_load_n(cell, __ATOMIC_RELAXED);
		if (word && (int32_t)(SLUICE_SRC_TAT(word) - now) <= 0)
			__atomic_compare_exchange_n(cell, &word, 0, false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
	}
}

void dp_bpf_sweep_limits(struct dp_bpf *dp)
{
	const struct dp_maps *maps = &dp->maps;
	uint32_t index, now, set;
	uint64_t now_ns, word, end;

	if (dp_packet_now(dp, &now_ns))
		return; /* a second later is early enough */
	for (index = 1; index < maps->capacity.limits; index++) {
		word = maps->limits[index].word;
		if (!(word & SLUICE_LIMIT_F_USED))
			continue;
		now = sluice_gcra_now(now_ns, SLUICE_LIMIT_K(word));
		end = SLUICE_LIMIT_BASE(word) + (1ULL << SLUICE_LIMIT_LOG2(word));
		if (end > maps->capacity.limit_sets)
			continue;
		for (set = SLUICE_LIMIT_BASE(word); set < end; set++)
			sweep_set(&maps->limit_sets[set], now);
	}
}
