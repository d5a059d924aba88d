/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a start could read what the pinned maps hold, without changing anything. */
#include "dataplane/pinned.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "core/adopted.h"
#include "dataplane/dp_internal.h"

/* A daemon may be changing them just now; what is damaged stays so. */
#define LOOKS 3
#define BETWEEN_MS 100

static int check_limits(const struct dp_adopted *found, const struct model *model,
			uint32_t limits_max, struct err *e)
{
	AUTO_FREE uint32_t *ids = util_alloc_array(model_limit_count(model) + 1, sizeof(*ids));

	return adopted_limit_ids(found, model, limits_max, ids, e);
}

static int read_arrays(const struct dp_pinned *pinned, const struct dp_pinned_array *nexthops,
		       const struct dp_pinned_array *limits, uint32_t limit_sets,
		       const struct model *model, struct err *e)
{
	const struct sluice_meta *meta = pinned->meta.data;
	struct dp_bpf dp = {
		.is_adopted = true,
		.maps =
			{
				.slots = pinned->slots.data,
				.members = pinned->members.data,
				.control = pinned->control.data,
				.nexthops = nexthops->data,
				.limits = limits->data,
				.names_fd = pinned->names_fd,
				.capacity =
					{
						.service_cells = pinned->services.count,
						.slots = pinned->slots.count,
						.members = pinned->members.count,
						.nexthops = nexthops->count,
						.limits = limits->count,
						.limit_sets = limit_sets,
					},
			},
	};
	const struct dataplane port = dp_bpf_port(&dp);
	struct dp_adopted found = {0};
	int ret;

	/* A start finishes moves of services that were cut short: here in a copy. */
	dp.maps.services = util_alloc_array(pinned->services.count, sizeof(*dp.maps.services));
	memcpy(dp.maps.services, pinned->services.data,
	       pinned->services.count * sizeof(*dp.maps.services));
	dp.placement = placement_new(dp.maps.services, pinned->services.count, &meta->key);
	ret = adopted_read(&port, &found, e);
	if (!ret && model)
		ret = check_limits(&found, model, limits->count, e);
	dp_adopted_done(&found);
	placement_free(dp.placement);
	free(dp.maps.services);
	return ret;
}

int dp_pinned_check(const struct dp_pinned *pinned, const struct model *model, struct err *e)
{
	const struct timespec between = {.tv_nsec = BETWEEN_MS * 1000000L};
	struct dp_pinned_array nexthops = {0}, limits = {0}, limit_sets = {0};
	int ret = dp_pinned_map(pinned, SLUICE_MAP_NEXTHOPS, sizeof(struct sluice_nexthop),
				&nexthops, e);

	if (!ret)
		ret = dp_pinned_map(pinned, SLUICE_MAP_LIMITS, sizeof(struct sluice_limit), &limits,
				    e);
	if (!ret)
		ret = dp_pinned_map(pinned, SLUICE_MAP_LIMIT_SETS, sizeof(struct sluice_limit_set),
				    &limit_sets, e);
	if (!ret)
		ret = read_arrays(pinned, &nexthops, &limits, limit_sets.count, model, e);
	for (int look = 1; look < LOOKS && ret == -EUCLEAN; look++) {
		nanosleep(&between, NULL);
		ret = read_arrays(pinned, &nexthops, &limits, limit_sets.count, model, e);
	}
	dp_pinned_unmap(&nexthops);
	dp_pinned_unmap(&limits);
	dp_pinned_unmap(&limit_sets);
	return ret;
}
