/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Captured packets from the packet path: the switch, the filter, the ring. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "sluice.skel.h"

#define NS_PER_MS 1000000ULL

/* Records of an earlier session may still be in the ring. */
static int take_packet(void *arg, void *data, size_t size)
{
	const size_t header = offsetof(struct sluice_capture, data);
	struct sluice_capture packet = {0};
	struct dp_bpf *dp = arg;

	if (size < header || !dp->capture_fn)
		return 0;
	memcpy(&packet, data, MIN(size, sizeof(packet)));
	packet.taken = (uint16_t)MIN(packet.taken, MIN(size, sizeof(packet)) - header);
	if (packet.session == dp->maps.capture_filter->session)
		dp->capture_fn(dp->capture_arg, &packet);
	return 0;
}

int dp_capture_open(struct dp_bpf *dp, struct err *e)
{
	dp->capture_ring =
		ring_buffer__new(bpf_map__fd(dp->skel->maps.captures), take_packet, dp, NULL);
	if (!dp->capture_ring)
		return err_set(e, ERR_SYSTEM, "", "cannot open the ring of captured packets: %s",
			       strerror(errno));
	dp_bpf_capture_stop(dp); /* whoever started it is gone */
	return 0;
}

void dp_capture_close(struct dp_bpf *dp)
{
	if (dp->capture_ring)
		dp_bpf_capture_stop(dp);
	ring_buffer__free(dp->capture_ring);
}

static void set_switch(struct dp_bpf *dp, uint64_t word)
{
	__atomic_store_n(&dp->maps.control->capture, word, __ATOMIC_RELEASE);
}

int dp_bpf_capture_start(struct dp_bpf *dp, const struct sluice_capture_filter *filter,
			 uint64_t for_ms, uint32_t *ret_session)
{
	struct sluice_capture_filter wanted = *filter;
	uint64_t now_ns;
	int ret = dp_clock_now(dp->clock, dp->maps.meta->tick_ns, &now_ns);

	if (ret)
		return ret;
	set_switch(dp, 0);
	dp->capture_fn = NULL;
	ring_buffer__consume(dp->capture_ring);
	wanted.session = dp->maps.capture_filter->session + 1;
	if (!wanted.session)
		wanted.session = 1;
	*dp->maps.capture_filter = wanted;
	dp_capture_missed(dp, &dp->capture_withheld, &dp->capture_lost);
	set_switch(dp, now_ns + for_ms * NS_PER_MS);
	*ret_session = wanted.session;
	return 0;
}

void dp_bpf_capture_stop(struct dp_bpf *dp)
{
	set_switch(dp, 0);
}

int dp_bpf_capture_read(struct dp_bpf *dp, dp_bpf_capture_fn fn, void *arg)
{
	int ret;

	dp->capture_fn = fn;
	dp->capture_arg = arg;
	ret = ring_buffer__consume(dp->capture_ring);
	dp->capture_fn = NULL;
	return ret;
}

/* Over all CPUs, since the maps were made. */
void dp_capture_missed(struct dp_bpf *dp, uint64_t *ret_withheld, uint64_t *ret_lost)
{
	struct sluice_capture_cpu *cpus = util_alloc_array((size_t)dp->cpus, sizeof(*cpus));
	uint32_t zero = 0;
	int cpu;

	*ret_withheld = *ret_lost = 0;
	if (!bpf_map_lookup_elem(bpf_map__fd(dp->skel->maps.capture_scratch), &zero, cpus)) {
		for (cpu = 0; cpu < dp->cpus; cpu++) {
			*ret_withheld += cpus[cpu].withheld;
			*ret_lost += cpus[cpu].lost;
		}
	}
	free(cpus);
}

void dp_bpf_capture_missed(struct dp_bpf *dp, uint64_t *ret_withheld, uint64_t *ret_lost)
{
	dp_capture_missed(dp, ret_withheld, ret_lost);
	*ret_withheld -= dp->capture_withheld;
	*ret_lost -= dp->capture_lost;
}
