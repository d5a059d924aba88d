/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What single sources send, measured by the packet path for some time. */
#include <errno.h>
#include <string.h>

#include "dataplane/sources.h"

#define NS_PER_MS 1000000ULL

int dp_measure_stop(void *arg)
{
	struct dp_bpf *dp = arg;

	__atomic_store_n(&dp->maps.control->measure_until_ns, 0, __ATOMIC_RELEASE);
	return 0;
}

/* A packet that began before may still count in an entry that is zeroed here: one packet. */
int dp_measure_start(void *arg, const struct sluice_measure_filter *filter, uint64_t for_ms)
{
	struct dp_bpf *dp = arg;
	uint64_t now_ns;
	int ret;

	if (filter->prefix4 < 1 || filter->prefix4 > 32 || filter->prefix6 < 1 ||
	    filter->prefix6 > 128 || filter->sample_log2 > SLUICE_MEASURE_SAMPLE_LOG2_MAX ||
	    !for_ms || for_ms > INT64_MAX / NS_PER_MS)
		return -EINVAL;
	ret = dp_clock_now(dp->clock, dp->maps.meta->tick_ns, &now_ns);
	if (ret)
		return ret;
	dp_measure_stop(dp);
	memset(dp->maps.measures, 0, SLUICE_MEASURES * sizeof(*dp->maps.measures));
	*dp->maps.measure_filter = *filter;
	__atomic_store_n(&dp->maps.control->measure_until_ns, now_ns + for_ms * NS_PER_MS,
			 __ATOMIC_RELEASE);
	return 0;
}

int dp_measure_read(void *arg, dp_measured_fn fn, void *fn_arg, uint64_t *ret_missed)
{
	const struct dp_bpf *dp = arg;
	const struct sluice_measure_filter *filter = dp->maps.measure_filter;
	uint64_t missed = 0;

	for (uint32_t i = 0; i < SLUICE_MEASURES; i++) {
		const struct sluice_measure *entry = &dp->maps.measures[i];
		struct dp_measured measured;

		missed += __atomic_load_n(&entry->missed, __ATOMIC_RELAXED);
		if (__atomic_load_n(&entry->mark, __ATOMIC_ACQUIRE) != SLUICE_MEASURE_USED)
			continue;
		measured = (struct dp_measured){
			.source = {.addr = entry->source},
			.packets = __atomic_load_n(&entry->packets, __ATOMIC_RELAXED),
			.bytes = __atomic_load_n(&entry->bytes, __ATOMIC_RELAXED),
			.new_connections =
				__atomic_load_n(&entry->new_connections, __ATOMIC_RELAXED),
		};
		measured.source.length = addr_family(&entry->source) == SLUICE_FAMILY_V6
						 ? filter->prefix6
						 : filter->prefix4;
		fn(fn_arg, &measured);
	}
	*ret_missed = missed;
	return 0;
}
