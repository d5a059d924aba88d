/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loading: new maps or adopted ones, the program, the pins. */
#include "dataplane/dp_bpf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/hash.h>

#include "base/clock.h"
#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/kernel.h"
#include "dataplane/pins.h"
#include "sluice.skel.h"

enum pins_found { PINS_NONE, PINS_PART, PINS_ALL };

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
	bpf_map__set_max_entries(skel->maps.services, capacity->service_cells);
	bpf_map__set_max_entries(skel->maps.slots, capacity->slots);
	bpf_map__set_max_entries(skel->maps.runners, capacity->slots / 2);
	bpf_map__set_max_entries(skel->maps.members, capacity->members);
	bpf_map__set_max_entries(skel->maps.member_stats, capacity->members);
	bpf_map__set_max_entries(skel->maps.nexthops, capacity->nexthops);
	bpf_map__set_max_entries(skel->maps.limits, capacity->limits);
	bpf_map__set_max_entries(skel->maps.limit_stats, capacity->limits);
	bpf_map__set_max_entries(skel->maps.limit_sets, capacity->limit_sets);
	bpf_map__set_max_entries(skel->maps.flows, capacity->flow_sets);
	bpf_map__set_max_entries(skel->maps.pending, capacity->pending_sets);
	bpf_map__set_max_entries(skel->maps.tracked, capacity->tracked_sets);
	/* Services and their pools, two for each service, and limits. */
	bpf_map__set_max_entries(skel->maps.names, 2 * capacity->service_cells + capacity->limits);
}

/* ---- pinned maps ---------------------------------------------------------------------------- */

static bool is_pinned_kind(const struct bpf_map *map)
{
	return !bpf_map__is_internal(map); /* constants belong to the program, not to its state */
}

static enum pins_found find_pins(const struct dp_bpf *dp, const char **ret_missing)
{
	size_t found = 0, missing = 0;
	struct bpf_map *map;

	bpf_object__for_each_map(map, dp->skel->obj)
	{
		AUTO_CLOSE int fd = -1;

		if (!is_pinned_kind(map))
			continue;
		fd = pins_open(dp->pin_dir, bpf_map__name(map));
		if (fd >= 0) {
			found++;
			continue;
		}
		missing++;
		*ret_missing = bpf_map__name(map);
	}
	return !found ? PINS_NONE : missing ? PINS_PART : PINS_ALL;
}

static void count_program(void *arg, uint32_t program_id)
{
	(void)program_id;
	++*(size_t *)arg;
}

/* Maps are pinned before the program and the program before it is attached. So a directory without
 * a program holds no state that a packet ever used. */
static int clear_half_written(struct dp_bpf *dp, const char *missing, struct err *e)
{
	size_t programs = 0;
	int ret;

	pins_each_program(dp->pin_dir, count_program, &programs);
	if (programs) {
		err_set(e, ERR_CONFLICT, "",
			"%s is damaged: the pinned map %s is missing or unreadable", dp->pin_dir,
			missing);
		err_hint(e,
			 "sluiced --cleanup removes what is left and detaches; then start again");
		return -EUCLEAN;
	}
	/* Not what it is in: that is locked (claim.h). */
	ret = pins_clear(dp->pin_dir);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot clear the half-written %s: %s",
			       dp->pin_dir, strerror(-ret));
	return 0;
}

static int refuse_size(const struct bpf_map *map, const struct bpf_map_info *info, struct err *e)
{
	err_set(e, ERR_CONFLICT, "capacity",
		"the pinned map %s has %" PRIu32 " entries, the configuration wants %" PRIu32,
		bpf_map__name(map), info->max_entries, bpf_map__max_entries(map));
	err_hint(e, "keep the old capacity, or start cold: sluiced --cleanup, which cuts "
		    "established connections");
	return -EEXIST;
}

/* The pinned map in place of a new one, when its shape is the object's and it is large enough. */
static int reuse_map(struct dp_bpf *dp, struct bpf_map *map, struct err *e)
{
	AUTO_CLOSE int fd = pins_open(dp->pin_dir, bpf_map__name(map));
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);
	int ret;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length))
		return err_set(e, ERR_SYSTEM, "", "cannot open the pinned map %s: %s",
			       bpf_map__name(map), strerror(errno));
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map)) {
		err_set(e, ERR_CONFLICT, "", "%s/%s is not a map of this version", dp->pin_dir,
			bpf_map__name(map));
		err_hint(e, "sluiced --cleanup, then start again");
		return -EUCLEAN;
	}
	if (info.max_entries < bpf_map__max_entries(map))
		return refuse_size(map, &info, e);
	ret = bpf_map__reuse_fd(map, fd);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot adopt the pinned map %s: %s",
			       bpf_map__name(map), strerror(-ret));
	return 0;
}

static int reuse_maps(struct dp_bpf *dp, struct err *e)
{
	struct bpf_map *map;
	int ret;

	bpf_object__for_each_map(map, dp->skel->obj)
	{
		ret = is_pinned_kind(map) ? reuse_map(dp, map, e) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

static int find_state(struct dp_bpf *dp, struct err *e)
{
	const char *missing = "";

	if (dp->is_unpinned)
		return 0;
	switch (find_pins(dp, &missing)) {
	case PINS_ALL:
		dp->is_adopted = true;
		return reuse_maps(dp, e);
	case PINS_PART:
		return clear_half_written(dp, missing, e);
	default:
		return 0;
	}
}

static int pin(struct dp_bpf *dp, struct err *e)
{
	char path[DP_PIN_PATH_MAX + 32];
	struct bpf_map *map;
	int ret;

	if (dp->is_unpinned)
		return 0;
	ret = pins_make_dir(dp->pin_dir, e);
	if (ret)
		return ret;
	bpf_object__for_each_map(map, dp->skel->obj)
	{
		if (dp->is_adopted || !is_pinned_kind(map))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dp->pin_dir, bpf_map__name(map));
		if (bpf_obj_pin(bpf_map__fd(map), path)) {
			err_set(e, ERR_SYSTEM, "", "cannot pin %s: %s", path, strerror(errno));
			return -EIO;
		}
	}
	ret = pins_add_program(dp->pin_dir, bpf_program__fd(dp->skel->progs.sluice),
			       dp->program_id);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot pin the program in %s: %s", dp->pin_dir,
			       strerror(-ret));
	return 0;
}

/* ---- key and meta --------------------------------------------------------------------------- */

/* Read by descriptor: the arrays are mapped only after loading, and the constants are needed
 * before. */
static int adopt_meta(struct dp_bpf *dp, const struct dp_bpf_options *options,
		      struct sluice_meta *ret_meta, struct err *e)
{
	struct sluice_meta meta;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(dp->skel->maps.meta), &zero, &meta) ||
	    meta.abi != SLUICE_ABI) {
		err_set(e, ERR_CONFLICT, "", "%s holds maps whose description is missing",
			dp->pin_dir);
		err_hint(e, "sluiced --cleanup, then start again");
		return -EUCLEAN;
	}
	if (options->has_key && memcmp(&meta.key, &options->key, sizeof(meta.key))) {
		err_set(e, ERR_CONFLICT, "hash_seed",
			"hash_seed is not the one that the running tables were built with; "
			"changing it would move every connection");
		err_hint(e, "restore the old value, or start cold: sluiced --cleanup");
		return -EEXIST;
	}
	*ret_meta = meta;
	return 0;
}

static int make_meta(const struct dp_bpf_options *options, struct sluice_meta *ret_meta,
		     struct err *e)
{
	struct sluice_meta meta = {
		.abi = SLUICE_ABI,
		.tick_ns = clock_jiffy_ns(),
		.created_s = clock_wall_s(),
		.seed_is_configured = options->has_key,
	};

	if (options->has_key)
		meta.key = options->key;
	else if (getrandom(&meta.key, sizeof(meta.key), 0) != sizeof(meta.key))
		return err_set(e, ERR_SYSTEM, "", "no randomness for the hash key: %s",
			       strerror(errno));
	*ret_meta = meta;
	return 0;
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
	struct sluice_meta meta;
	int ret;

	dp_set_entries(dp->skel, &options->capacity);
	ret = find_state(dp, e);
	if (ret)
		return ret;
	ret = dp->is_adopted ? adopt_meta(dp, options, &meta, e) : make_meta(options, &meta, e);
	if (!ret)
		ret = load_program(dp, &meta, e);
	if (!ret)
		ret = dp_maps_open(dp, e);
	if (ret)
		return ret;
	if (!dp->is_adopted) {
		*dp->maps.meta = meta;
		dp_bpf_set_active(dp, !options->is_standby);
	}
	dp->placement = placement_new(dp->maps.services, dp->maps.capacity.service_cells,
				      &dp->maps.meta->key);
	if (dp_stats_open(dp))
		return err_set(e, ERR_SYSTEM, "", "cannot count the possible CPUs");
	ret = dp_clock_open(&dp->clock, e);
	if (!ret)
		ret = dp_events_open(dp, e);
	if (!ret)
		ret = dp_capture_open(dp, e);
	if (!ret)
		ret = pin(dp, e);
	if (!ret && dp->is_adopted)
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
	ret = dp->is_unpinned ? 0
			      : pins_path(options->instance, SLUICE_ABI, dp->pin_dir,
					  sizeof(dp->pin_dir), e);
	kernel_messages_start();
	if (!ret) {
		dp->skel = sluice_bpf__open();
		ret = dp->skel ? bring_up(dp, options, e)
			       : err_set(e, ERR_SYSTEM, "", "cannot open the built-in object: %s",
					 kernel_message());
	}
	if (ret) {
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

			if (!ret && is_pinned_kind(map))
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
