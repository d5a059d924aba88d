/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The port's operations on the mapped arrays. */
#include "dataplane/dp_bpf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/util.h"
#include "core/gcra_config.h"
#include "dataplane/dp_internal.h"
#include "dataplane/sources.h"
#include "sluice.skel.h"

/* ---- mapping -------------------------------------------------------------------------------- */

static size_t mapped_bytes(const struct bpf_map *map)
{
	size_t page = (size_t)getpagesize();
	/* The kernel rounds values up to 8 bytes; ours are multiples. */
	size_t bytes = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);

	return (bytes + page - 1) / page * page;
}

static int map_array(const struct bpf_map *map, void *ret_address, struct err *e)
{
	void *address = mmap(NULL, mapped_bytes(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(map), 0);

	if (address == MAP_FAILED)
		return err_set(e, ERR_SYSTEM, "", "cannot map %s (%zu bytes): %s",
			       bpf_map__name(map), mapped_bytes(map), strerror(errno));
	*(void **)ret_address = address;
	return 0;
}

static void unmap_array(const struct bpf_map *map, void *address)
{
	if (address)
		munmap(address, mapped_bytes(map));
}

int dp_maps_open(struct dp_bpf *dp, struct err *e)
{
	struct dp_maps *maps = &dp->maps;
	const struct {
		const struct bpf_map *map;
		void *address;
	} arrays[] = {
		{dp->skel->maps.services, &maps->services},
		{dp->skel->maps.slots, &maps->slots},
		{dp->skel->maps.runners, &maps->runners},
		{dp->skel->maps.members, &maps->members},
		{dp->skel->maps.nexthops, &maps->nexthops},
		{dp->skel->maps.limits, &maps->limits},
		{dp->skel->maps.limit_sets, &maps->limit_sets},
		{dp->skel->maps.flows, &maps->flows},
		{dp->skel->maps.pending, &maps->pending},
		{dp->skel->maps.tracked, &maps->tracked},
		{dp->skel->maps.flow_settings, &maps->flow_settings},
		{dp->skel->maps.interfaces, &maps->interfaces},
		{dp->skel->maps.meta, &maps->meta},
		{dp->skel->maps.control, &maps->control},
		{dp->skel->maps.notes, &maps->notes},
		{dp->skel->maps.capture_filter, &maps->capture_filter},
		{dp->skel->maps.explain, &maps->explain},
		{dp->skel->maps.refusals, &maps->refusals},
		{dp->skel->maps.ceilings, &maps->ceilings},
		{dp->skel->maps.measure_filter, &maps->measure_filter},
		{dp->skel->maps.measures, &maps->measures},
		{dp->skel->maps.access_bits, &maps->access_bits},
	};
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(arrays); i++) {
		ret = map_array(arrays[i].map, arrays[i].address, e);
		if (ret)
			return ret;
	}
	maps->names_fd = bpf_map__fd(dp->skel->maps.names);
	maps->capacity = (struct dp_capacity){
		.service_cells = bpf_map__max_entries(dp->skel->maps.services),
		.slots = bpf_map__max_entries(dp->skel->maps.slots),
		.members = bpf_map__max_entries(dp->skel->maps.members),
		.nexthops = bpf_map__max_entries(dp->skel->maps.nexthops),
		.limits = bpf_map__max_entries(dp->skel->maps.limits),
		.limit_sets = bpf_map__max_entries(dp->skel->maps.limit_sets),
		.bans = bpf_map__max_entries(dp->skel->maps.bans),
		.member_ceilings = bpf_map__max_entries(dp->skel->maps.ceilings) -
				   bpf_map__max_entries(dp->skel->maps.services),
		.flow_sets = bpf_map__max_entries(dp->skel->maps.flows),
		.pending_sets = bpf_map__max_entries(dp->skel->maps.pending),
		.tracked_sets = bpf_map__max_entries(dp->skel->maps.tracked),
	};
	return 0;
}

void dp_maps_close(struct dp_bpf *dp)
{
	struct dp_maps *maps = &dp->maps;

	if (!dp->skel)
		return;
	unmap_array(dp->skel->maps.services, maps->services);
	unmap_array(dp->skel->maps.slots, maps->slots);
	unmap_array(dp->skel->maps.runners, maps->runners);
	unmap_array(dp->skel->maps.members, maps->members);
	unmap_array(dp->skel->maps.nexthops, maps->nexthops);
	unmap_array(dp->skel->maps.limits, maps->limits);
	unmap_array(dp->skel->maps.limit_sets, maps->limit_sets);
	unmap_array(dp->skel->maps.flows, maps->flows);
	unmap_array(dp->skel->maps.pending, maps->pending);
	unmap_array(dp->skel->maps.tracked, maps->tracked);
	unmap_array(dp->skel->maps.flow_settings, maps->flow_settings);
	unmap_array(dp->skel->maps.interfaces, maps->interfaces);
	unmap_array(dp->skel->maps.meta, maps->meta);
	unmap_array(dp->skel->maps.control, maps->control);
	unmap_array(dp->skel->maps.notes, maps->notes);
	unmap_array(dp->skel->maps.capture_filter, maps->capture_filter);
	unmap_array(dp->skel->maps.explain, maps->explain);
	unmap_array(dp->skel->maps.measure_filter, maps->measure_filter);
	unmap_array(dp->skel->maps.measures, maps->measures);
	unmap_array(dp->skel->maps.ceilings, maps->ceilings);
	unmap_array(dp->skel->maps.refusals, (void *)maps->refusals);
	unmap_array(dp->skel->maps.access_bits, maps->access_bits);
}

/* ---- words ---------------------------------------------------------------------------------- */

static void store(__u64 *word, __u64 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void get_capacity(void *arg, struct dp_capacity *ret_capacity)
{
	const struct dp_bpf *dp = arg;

	*ret_capacity = dp->maps.capacity;
}

static int service_set(void *arg, const struct dp_service *service)
{
	struct dp_bpf *dp = arg;
	uint64_t slots = 1ULL << (service->slots_log2 & 63);

	if (!service->is_local && service->slots_base + slots > dp->maps.capacity.slots)
		return -EINVAL;
	return placement_set(dp->placement, service);
}

static int service_delete(void *arg, const struct dp_service *service)
{
	struct dp_bpf *dp = arg;

	return placement_delete(dp->placement, service);
}

static int member_set(void *arg, uint32_t index, const struct sluice_member *member)
{
	struct dp_bpf *dp = arg;
	struct sluice_member *cell = &dp->maps.members[index];

	if (index == SLUICE_MEMBER_NONE || index >= dp->maps.capacity.members)
		return -EINVAL;
	dp_hosts_update(dp, index, 0);
	store(&cell->word, 0);
	memcpy((char *)cell + sizeof(cell->word), (const char *)member + sizeof(cell->word),
	       sizeof(*cell) - sizeof(cell->word));
	dp_hosts_update(dp, index, member->word);
	store(&cell->word, member->word);
	return 0;
}

static int member_set_word(void *arg, uint32_t index, uint64_t word)
{
	struct dp_bpf *dp = arg;

	if (index == SLUICE_MEMBER_NONE || index >= dp->maps.capacity.members)
		return -EINVAL;
	dp_hosts_update(dp, index, word);
	store(&dp->maps.members[index].word, word);
	return 0;
}

static int member_set_pool(void *arg, uint32_t index, uint8_t pool)
{
	struct dp_bpf *dp = arg;

	if (index == SLUICE_MEMBER_NONE || index >= dp->maps.capacity.members)
		return -EINVAL;
	dp->maps.members[index].pool = pool; /* packets do not read it */
	return 0;
}

static int member_set_gue_port(void *arg, uint32_t index, uint16_t gue_port)
{
	struct dp_bpf *dp = arg;

	if (index == SLUICE_MEMBER_NONE || index >= dp->maps.capacity.members)
		return -EINVAL;
	/* Before a word that says gue. */
	__atomic_store_n(&dp->maps.members[index].gue_port_be, htons(gue_port), __ATOMIC_RELEASE);
	return 0;
}

static int nexthop_set(void *arg, uint32_t index, const struct sluice_nexthop *nexthop)
{
	struct dp_bpf *dp = arg;

	if (index == SLUICE_NEXTHOP_NONE || index >= dp->maps.capacity.nexthops)
		return -EINVAL;
	dp->maps.nexthops[index] = *nexthop;
	__atomic_thread_fence(__ATOMIC_RELEASE); /* before a member's word can name it */
	return 0;
}

static int nexthop_clear(void *arg, uint32_t index)
{
	struct dp_bpf *dp = arg;

	if (index == SLUICE_NEXTHOP_NONE || index >= dp->maps.capacity.nexthops)
		return -EINVAL;
	memset(&dp->maps.nexthops[index], 0, sizeof(dp->maps.nexthops[index]));
	return 0;
}

/* ---- limits --------------------------------------------------------------------------------- */

/* The rate counts in units that the word defines. Where both change under traffic, the limit is
 * off for the moment in between, rather than wrong. */
static int limit_set(void *arg, uint32_t index, const struct sluice_limit *limit)
{
	struct dp_bpf *dp = arg;
	struct sluice_limit *cell = &dp->maps.limits[index];

	if (index == SLUICE_LIMIT_NONE || index >= dp->maps.capacity.limits)
		return -EINVAL;
	dp_bans_limit_set(dp, index, limit);
	if (cell->rate != limit->rate)
		store(&cell->word, 0);
	cell->id = limit->id;
	cell->owed_max = limit->owed_max;
	store(&cell->flags, dp_bans_flags(dp, index, limit->flags));
	store(&cell->rate, limit->rate);
	store(&cell->word, limit->word);
	dp_region_follow(dp, limit);
	/* The next holder counts from zero. */
	return limit->word ? 0 : dp_clear_percpu(dp, dp->skel->maps.limit_stats, index);
}

/* ---- adoption ------------------------------------------------------------------------------- */

static void adopt_service(const struct sluice_service *cell, struct dp_adopted *adopted,
			  size_t *capacity, const struct placement *placement)
{
	const struct sluice_service *address = placement_find(placement, &cell->addr, 0, 0);
	struct dp_service *service;
	int i;

	adopted->services = util_grow(adopted->services, capacity, adopted->service_count + 1,
				      sizeof(*adopted->services));
	service = &adopted->services[adopted->service_count++];
	service->id = cell->id;
	service->addr = cell->addr;
	service->port = ntohs(cell->port_be);
	service->proto = cell->proto;
	service->is_local = cell->word & SLUICE_SVC_F_LOCAL;
	service->is_unknown_port_passed = address && address->word & SLUICE_SVC_F_PASS_UNKNOWN;
	service->is_by_source = cell->word & SLUICE_SVC_F_SOURCE;
	service->is_tracked = cell->word & SLUICE_SVC_F_TRACK;
	service->has_ceiling = cell->word & SLUICE_SVC_F_CEILING;
	service->is_arp_answered = address && address->word & SLUICE_SVC_F_ARP;
	service->slots_base = (uint32_t)SLUICE_SVC_BASE(cell->word);
	service->slots_log2 = (uint32_t)SLUICE_SVC_LOG2(cell->word);
	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++)
		service->limits[i] = (uint16_t)SLUICE_SVC_LIMIT(cell->limits, i);
	for (i = 0; i < SLUICE_SERVICE_ALLOW_MAX; i++)
		service->allow[i] = (uint16_t)SLUICE_SVC_ALLOW(cell->allow, i);
}

static void adopt_limit(const struct dp_maps *maps, uint32_t index, struct dp_adopted *adopted,
			size_t *capacity)
{
	const struct sluice_name_key key = {.kind = SLUICE_NAME_LIMIT, .id = index};
	struct dp_adopted_limit *limit;

	adopted->limits = util_grow(adopted->limits, capacity, adopted->limit_count + 1,
				    sizeof(*adopted->limits));
	limit = &adopted->limits[adopted->limit_count++];
	limit->index = index;
	limit->limit = maps->limits[index];
	limit->limit.flags &=
		~(SLUICE_LIMIT_F_BANS | SLUICE_LIMIT_F_BANS_ALL); /* not the caller's */
	dp_name_read(maps->names_fd, &key, limit->name);
}

static void adopt_cells(const struct dp_maps *maps, const struct placement *placement,
			struct dp_adopted *adopted)
{
	size_t services = 0, members = 0, nexthops = 0, limits = 0, n;
	uint32_t i;

	for (i = 0; i < maps->capacity.service_cells; i++)
		if (maps->services[i].word && !(maps->services[i].word & SLUICE_SVC_F_ADDRESS))
			adopt_service(&maps->services[i], adopted, &services, placement);
	for (i = 1; i < maps->capacity.members; i++) {
		if (!maps->members[i].word)
			continue;
		n = adopted->member_count++;
		adopted->members =
			util_grow(adopted->members, &members, n + 1, sizeof(*adopted->members));
		adopted->members[n].index = i;
		adopted->members[n].member = maps->members[i];
	}
	for (i = 1; i < maps->capacity.nexthops; i++) {
		if (!(maps->nexthops[i].flags & SLUICE_NEXTHOP_F_USED))
			continue;
		n = adopted->nexthop_count++;
		adopted->nexthops =
			util_grow(adopted->nexthops, &nexthops, n + 1, sizeof(*adopted->nexthops));
		adopted->nexthops[n].index = i;
		adopted->nexthops[n].nexthop = maps->nexthops[i];
	}
	for (i = 1; i < maps->capacity.limits; i++)
		if (maps->limits[i].word)
			adopt_limit(maps, i, adopted, &limits);
	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++)
		adopted->host_limits[i] = (uint16_t)SLUICE_SVC_LIMIT(maps->control->host_limits, i);
}

static int adopt(void *arg, struct dp_adopted *ret_adopted)
{
	struct dp_bpf *dp = arg;
	int ret;

	memset(ret_adopted, 0, sizeof(*ret_adopted));
	if (!dp->is_adopted)
		return 0;
	ret = placement_adopt(dp->placement);
	if (ret)
		return ret;
	if (dp->hosts) /* else this only looks (pinned_check.c) */
		dp_hosts_adopt(dp);
	adopt_cells(&dp->maps, dp->placement, ret_adopted);
	return 0;
}

static int host_limits_set(void *arg, const uint16_t limits[SLUICE_SERVICE_LIMITS_MAX])
{
	const struct dp_bpf *dp = arg;
	uint64_t word = 0;
	int i;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++)
		word |= (uint64_t)limits[i] << (16 * i);
	store(&dp->maps.control->host_limits, word);
	return 0;
}

struct dataplane dp_bpf_port(struct dp_bpf *dp)
{
	static const struct dataplane_ops ops = {
		.capacity = get_capacity,
		.adopt = adopt,
		.service_set = service_set,
		.service_delete = service_delete,
		.member_set = member_set,
		.member_set_word = member_set_word,
		.member_set_ceiling = dp_member_set_ceiling,
		.member_set_pool = member_set_pool,
		.member_set_gue_port = member_set_gue_port,
		.nexthop_set = nexthop_set,
		.nexthop_clear = nexthop_clear,
		.slots_write = dp_slots_write,
		.slots_read = dp_slots_read,
		.slot_swap = dp_slot_swap,
		.runners_read = dp_runners_read,
		.runner_set = dp_runner_set,
		.limit_set = limit_set,
		.limit_clear_region = dp_region_clear,
		.limit_move_region = dp_region_move,
		.host_limits_set = host_limits_set,
		.member_stats = dp_member_stats,
		.member_stats_reset = dp_member_stats_reset,
		.host_stats = dp_host_stats,
		.limit_stats = dp_limit_stats,
		.ceiling_set = dp_ceiling_set,
		.ceiling_stats = dp_ceiling_stats,
		.access_replace = dp_access_replace,
		.ban_set = dp_ban_set,
		.ban_delete = dp_ban_delete,
		.ban_each = dp_ban_each,
		.measure_start = dp_measure_start,
		.measure_stop = dp_measure_stop,
		.measure_read = dp_measure_read,
		.refusals_read = dp_refusals_read,
		.list_stats = dp_list_stats,
		.verdict_stats = dp_verdict_stats,
		.flow_scan = dp_flow_scan,
		.flow_settings = dp_flow_settings,
		.flow_stats = dp_flow_stats,
		.packet_second = dp_packet_second,
	};

	return (struct dataplane){.ops = &ops, .dp = dp};
}
