/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loading: new maps or adopted ones, the program, the pins. */
#include "dataplane/dp_bpf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/hash.h>

#include "base/clock.h"
#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/kernel.h"
#include "dataplane/sources.h"
#include "dataplane/pins.h"
#include "sluice.skel.h"

void dp_bpf_key_from_seed(const uint8_t seed[32], struct sluice_hash_key *ret_key)
{
	uint64_t word[4] = {}, out[sizeof(*ret_key) / 8] = {}, hash;
	size_t i, j;

	for (i = 0; i < 32; i++)
		word[i / 8] |= (uint64_t)seed[i] << (i % 8 * 8);
	for (i = 0; i < ARRAY_SIZE(out); i++) {
		hash = sluice_hash_mix(i + 1);
		for (j = 0; j < ARRAY_SIZE(word); j++)
			hash = sluice_hash_mix(hash + word[j]);
		out[i] = hash;
	}
	for (i = 0; i < ARRAY_SIZE(out) - 1; i++) {
		ret_key->nh[i * 2 / 10][i * 2 % 10] = (uint32_t)out[i];
		ret_key->nh[i * 2 / 10][i * 2 % 10 + 1] = (uint32_t)(out[i] >> 32);
	}
	ret_key->fin = out[ARRAY_SIZE(out) - 1];
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static int check_capacity(const struct dp_capacity *capacity, struct err *e)
{
	const struct {
		const char *name;
		uint32_t value;
		bool is_power_of_two;
	} sizes[] = {
		{"service_cells", capacity->service_cells, true},
		{"slots", capacity->slots, true},
		{"members", capacity->members, false},
		{"nexthops", capacity->nexthops, false},
		{"limits", capacity->limits, false},
		{"limit_sets", capacity->limit_sets, true},
		{"bans", capacity->bans, false},
		{"member_ceilings", capacity->member_ceilings, false},
		{"flow_sets", capacity->flow_sets, true},
		{"pending_sets", capacity->pending_sets, true},
		{"tracked_sets", capacity->tracked_sets, true},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		bool is_power = (sizes[i].value & (sizes[i].value - 1)) == 0;

		if (sizes[i].value < 2 || (sizes[i].is_power_of_two && !is_power))
			return err_set(e, ERR_INVALID, "capacity",
				       "%s: %" PRIu32 " is not %s of at least 2", sizes[i].name,
				       sizes[i].value,
				       sizes[i].is_power_of_two ? "a power of two" : "a number");
	}
	return 0;
}

void dp_set_entries(struct sluice_bpf *skel, const struct dp_capacity *capacity)
{
	int cpus = libbpf_num_possible_cpus();

	bpf_map__set_max_entries(skel->maps.services, capacity->service_cells);
	bpf_map__set_max_entries(skel->maps.slots, capacity->slots);
	bpf_map__set_max_entries(skel->maps.runners, capacity->slots / 2);
	bpf_map__set_max_entries(skel->maps.members, capacity->members);
	bpf_map__set_max_entries(skel->maps.member_stats, capacity->members);
	bpf_map__set_max_entries(skel->maps.hosts, capacity->members);
	bpf_map__set_max_entries(skel->maps.nexthops, capacity->nexthops);
	bpf_map__set_max_entries(skel->maps.limits, capacity->limits);
	bpf_map__set_max_entries(skel->maps.limit_stats, capacity->limits);
	bpf_map__set_max_entries(skel->maps.limit_sets, capacity->limit_sets);
	bpf_map__set_max_entries(skel->maps.bans, capacity->bans);
	bpf_map__set_max_entries(skel->maps.ceilings,
				 capacity->service_cells + capacity->member_ceilings);
	bpf_map__set_max_entries(skel->maps.ceiling_stats,
				 capacity->service_cells + capacity->member_ceilings);
	if (cpus > 0)
		bpf_map__set_max_entries(skel->maps.refusals,
					 (uint32_t)cpus * SLUICE_REFUSALS_PER_CPU);
	bpf_map__set_max_entries(skel->maps.flows, capacity->flow_sets);
	bpf_map__set_max_entries(skel->maps.pending, capacity->pending_sets);
	bpf_map__set_max_entries(skel->maps.tracked, capacity->tracked_sets);
	/* Services and their pools, two for each service, and limits. */
	bpf_map__set_max_entries(skel->maps.names, 2 * capacity->service_cells + capacity->limits);
}

/* ---- open and close ------------------------------------------------------------------------- */

static int load_program(struct dp_bpf *dp, const struct sluice_meta *meta, struct err *e)
{
	struct bpf_prog_info info = {};
	uint32_t length = sizeof(info);
	int ret;

	dp->skel->rodata->ro = (struct sluice_rodata){
		.key = meta->key,
		.tick_ns = meta->tick_ns,
		.cells = bpf_map__max_entries(dp->skel->maps.services),
		.events_per_s = dp->events_per_s,
		.flow_sets = bpf_map__max_entries(dp->skel->maps.flows),
		.pending_sets = bpf_map__max_entries(dp->skel->maps.pending),
		.tracked_sets = bpf_map__max_entries(dp->skel->maps.tracked),
	};
	kernel_messages_start();
	ret = sluice_bpf__load(dp->skel);
	if (ret) {
		err_set(e, ret == -ENOMEM ? ERR_CAPACITY : ERR_UNSUPPORTED, "",
			"the kernel refuses the packet program or its maps: %s: %s", strerror(-ret),
			kernel_message());
		if (ret == -ENOMEM)
			err_hint(e, "lower `capacity`, or give the service more memory");
		else
			err_hint(e, "Sluice needs Linux 6.1 or newer, CAP_BPF and CAP_PERFMON");
		return ret;
	}
	if (bpf_obj_get_info_by_fd(bpf_program__fd(dp->skel->progs.sluice), &info, &length))
		return err_set(e, ERR_SYSTEM, "", "cannot ask for the program's id: %s",
			       strerror(errno));
	dp->program_id = info.id;
	return 0;
}

/* Everything after the skeleton is open. */
static int bring_up(struct dp_bpf *dp, const struct dp_bpf_options *options, struct err *e)
{
	struct dp_origin origin;
	int ret;

	dp_set_entries(dp->skel, &options->capacity);
	ret = dp_origin_find(dp, options, &origin, e);
	if (!ret)
		ret = load_program(dp, &origin.meta, e);
	if (!ret)
		ret = dp_maps_open(dp, e);
	if (ret)
		return ret;
	dp_origin_write(dp, &origin, options->is_standby);
	dp->placement = placement_new(dp->maps.services, dp->maps.capacity.service_cells,
				      &dp->maps.meta->key);
	if (dp_stats_open(dp))
		return err_set(e, ERR_SYSTEM, "", "cannot count the possible CPUs");
	dp_hosts_open(dp);
	dp_measure_stop(dp); /* whoever asked is gone */
	if (dp_bans_open(dp) || dp_refusals_open(dp))
		return err_set(e, ERR_SYSTEM, "", "cannot read bans and refusals: %s",
			       strerror(errno));
	ret = dp_clock_open(&dp->clock, e);
	if (!ret)
		ret = dp_events_open(dp, e);
	if (!ret)
		ret = dp_capture_open(dp, e);
	if (!ret)
		ret = dp_pin(dp, e);
	if (!ret && (dp->is_adopted || dp->cold_reason[0]))
		dp_macs_adopt(dp); /* at once: tables take time, and frames come in meanwhile */
	return ret;
}

int dp_bpf_open(const struct dp_bpf_options *options, struct dp_bpf **ret_dp, struct err *e)
{
	struct dp_bpf *dp;
	int ret;

	ret = check_capacity(&options->capacity, e);
	if (!ret)
		ret = kernel_check_capabilities(e);
	if (!ret && !options->is_unpinned)
		ret = kernel_check_bpffs(e);
	if (!ret)
		ret = kernel_check_features(e);
	if (ret)
		return ret;
	dp = util_alloc(sizeof(*dp));
	dp->is_unpinned = options->is_unpinned;
	dp->events_per_s = options->events_per_s;
	dp->sharing = options->sharing;
	ret = dp->is_unpinned
		      ? 0
		      : pins_path(options->instance, dp->instance_dir, sizeof(dp->instance_dir), e);
	kernel_messages_start();
	if (!ret) {
		dp->skel = sluice_bpf__open();
		ret = dp->skel ? bring_up(dp, options, e)
			       : err_set(e, ERR_SYSTEM, "", "cannot open the built-in object: %s",
					 kernel_message());
	}
	if (ret) {
		dp_bpf_discard(dp);
		dp_bpf_close(dp);
		return ret;
	}
	*ret_dp = dp;
	return 0;
}

void dp_bpf_close(struct dp_bpf *dp)
{
	if (!dp)
		return;
	dp_events_close(dp);
	dp_clock_close(dp->clock);
	dp_capture_close(dp);
	placement_free(dp->placement);
	dp_access_close(dp);
	free(dp->sources_in_use);
	dp_bans_close(dp);
	dp_refusals_close(dp);
	dp_hosts_close(dp);
	dp_maps_close(dp);
	free(dp->percpu);
	free(dp->dispatched_ids);
	sluice_bpf__destroy(dp->skel);
	free(dp);
}

struct sluice_bpf *dp_open_copy(struct dp_bpf *dp, struct err *e)
{
	struct sluice_bpf *copy = sluice_bpf__open();
	struct bpf_map *map;
	int ret = copy ? 0 : -errno;

	if (copy) {
		copy->rodata->ro = dp->skel->rodata->ro;
		bpf_program__set_autoload(copy->progs.sluice_explain, false);
		bpf_object__for_each_map(map, copy->obj)
		{
			struct bpf_map *loaded =
				bpf_object__find_map_by_name(dp->skel->obj, bpf_map__name(map));

			if (!ret && dp_is_pinned_kind(map))
				ret = bpf_map__reuse_fd(map, bpf_map__fd(loaded));
		}
	}
	if (!ret)
		return copy;
	err_set(e, ERR_SYSTEM, "", "cannot open the built-in object again: %s", strerror(-ret));
	sluice_bpf__destroy(copy);
	return NULL;
}

bool dp_bpf_is_adopted(const struct dp_bpf *dp)
{
	return dp->is_adopted;
}

int dp_bpf_node(const struct dp_bpf *dp, struct dp_node *ret_node)
{
	struct dp_node node = {.control = dp->maps.control, .notes = dp->maps.notes};
	int ret = dp_clock_now(dp->clock, dp->maps.meta->tick_ns, &node.now_ns);

	if (!ret)
		*ret_node = node;
	return ret;
}

const struct sluice_meta *dp_bpf_meta(const struct dp_bpf *dp)
{
	return dp->maps.meta;
}
