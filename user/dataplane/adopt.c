/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which maps a start uses: those that are in force, or new ones, or, where those in force cannot be
 * adopted and that is allowed, new ones beside them, which take over when they are complete
 * (docs/decisions/cold-start.md).
 */
#include "dataplane/dp_bpf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/kernel.h"
#include "dataplane/layout.h"
#include "dataplane/pinned.h"
#include "dataplane/pins.h"
#include "sluice.skel.h"

#define COST_STATE "remembered flows, states of limits and counters are lost"
#define COST_KEY "most connections get another member and break"

bool dp_is_pinned_kind(const struct bpf_map *map)
{
	return !bpf_map__is_internal(map); /* constants belong to the program, not to its state */
}

/* ---- can they be adopted? ------------------------------------------------------------------- */

/* A reason that a cold start overcomes. */
static int refuse(struct err *e, const char *instead, const char *cost, const char *path,
		  const char *fmt, ...) PRINTF(5, 6);
static int refuse(struct err *e, const char *instead, const char *cost, const char *path,
		  const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(e, ERR_CONFLICT, path, "%s", text);
	err_hint(e, "%s, or start with --cold-start: new maps take over without a gap, %s", instead,
		 cost);
	return -EUCLEAN;
}

static int refuse_layout(const struct layout *layout, const char *instance, uint32_t abi,
			 struct err *e)
{
	struct sluice_notes notes = {};
	struct sluice_control control;
	char build[80] = "start the build that made them";

	if (!layout_read_node(layout, &control, &notes) && notes.version[0])
		snprintf(build, sizeof(build), "start sluiced %.*s, which made them",
			 (int)sizeof(notes.version) - 1, notes.version);
	return refuse(e, build, COST_STATE, "",
		      "the maps of instance %s are of ABI %" PRIu32
		      ", sluiced knows only ABI %" PRIu32,
		      instance, layout->abi, abi);
}

static int refuse_damaged(const struct layout *layout, const char *what, const char *rule,
			  struct err *e)
{
	return refuse(e, "sluiced --cleanup detaches and removes what is left",
		      layout->has_meta ? COST_STATE : COST_STATE "; so is their key: " COST_KEY, "",
		      "%s is damaged: the pinned map %s %s", layout->dir, what, rule);
}

static int check_map(const struct layout *layout, const struct bpf_map *map, struct err *e)
{
	AUTO_CLOSE int fd = pins_open(layout->dir, bpf_map__name(map));
	struct bpf_map_info info = {};
	uint32_t length = sizeof(info);

	if (fd < 0)
		return refuse_damaged(layout, bpf_map__name(map), "is missing or unreadable", e);
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return refuse_damaged(layout, bpf_map__name(map), "is no map", e);
	if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
	    info.value_size != bpf_map__value_size(map) ||
	    bpf_map__map_flags(map) & ~info.map_flags) /* the kernel adds some */
		return refuse_damaged(layout, bpf_map__name(map), "is not one of this version", e);
	if (info.max_entries < bpf_map__max_entries(map))
		return refuse(e, "keep the old capacity", COST_STATE, "capacity",
			      "the pinned map %s has %" PRIu32
			      " entries, the configuration wants %" PRIu32,
			      bpf_map__name(map), info.max_entries, bpf_map__max_entries(map));
	return 0;
}

static bool is_key_kept(const struct layout *layout, const struct dp_bpf_options *options)
{
	return layout->has_meta && (!options->has_key || !memcmp(&layout->meta.key, &options->key,
								 sizeof(layout->meta.key)));
}

/* By a build of this ABI. The shape of maps is known only of our own. */
static int check_layout(const struct sluice_bpf *skel, uint32_t abi, const struct layout *layout,
			const struct dp_bpf_options *options, struct err *e)
{
	struct bpf_map *map;
	int ret;

	if (options->cold_reason)
		return refuse(e, "sluiced --cleanup detaches and removes them", COST_STATE, "",
			      "%s", options->cold_reason);
	if (layout->abi != abi)
		return refuse_layout(layout, options->instance, abi, e);
	bpf_object__for_each_map(map, skel->obj)
	{
		ret = abi == SLUICE_ABI && dp_is_pinned_kind(map) ? check_map(layout, map, e) : 0;
		if (ret)
			return ret;
	}
	if (!layout->has_meta)
		return refuse_damaged(layout, SLUICE_MAP_META, "does not describe the others", e);
	if (!is_key_kept(layout, options))
		return refuse(e, "restore the old value", COST_KEY, "hash_seed",
			      "hash_seed is not the one that the running tables were built with");
	return 0;
}

/* In place of new ones. */
static int reuse_maps(struct dp_bpf *dp, struct err *e)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, dp->skel->obj)
	{
		AUTO_CLOSE int fd = -1;
		int ret;

		if (!dp_is_pinned_kind(map))
			continue;
		fd = pins_open(dp->pin_dir, bpf_map__name(map));
		ret = fd < 0 ? fd : bpf_map__reuse_fd(map, fd);
		if (ret)
			return err_set(e, ERR_SYSTEM, "", "cannot adopt the pinned map %s: %s",
				       bpf_map__name(map), strerror(-ret));
	}
	return 0;
}

/* ---- new ones ------------------------------------------------------------------------------- */

static int make_meta(const struct dp_bpf_options *options, const struct layout *old,
		     struct sluice_meta *ret_meta, struct err *e)
{
	struct sluice_meta meta = {
		.abi = SLUICE_ABI,
		.tick_ns = clock_jiffy_ns(),
		.created_s = clock_wall_s(),
		.seed_is_configured = options->has_key,
		.generation = old ? 0 : 1,
	};

	if (options->has_key)
		meta.key = options->key;
	else if (old && old->has_meta)
		meta.key = old->meta.key; /* then slots at rest keep their owners */
	else if (getrandom(&meta.key, sizeof(meta.key), 0) != sizeof(meta.key))
		return err_set(e, ERR_SYSTEM, "", "no randomness for the hash key: %s",
			       strerror(errno));
	*ret_meta = meta;
	return 0;
}

/* What a start that did not get far has left. Never what an interface runs: without the pin nobody
 * could tell whose program that is. */
static int clear_unfinished(const struct dp_bpf *dp, const struct layouts *layouts, struct err *e)
{
	size_t i;
	int ret;

	for (i = 0; i < layouts->count; i++) {
		const struct layout *layout = &layouts->list[i];

		if (strcmp(layout->dir, dp->pin_dir) != 0)
			continue;
		if (layout_is_attached(dp->instance_dir, layout)) {
			err_set(e, ERR_CONFLICT, "",
				"%s is damaged: an interface runs its program, but its "
				"description says that none does",
				layout->dir);
			err_hint(e, "sluiced --cleanup detaches and removes what is left");
			return -EUCLEAN;
		}
		ret = pins_clear(layout->dir);
		if (ret)
			return err_set(e, ERR_SYSTEM, "", "cannot clear the half-written %s: %s",
				       layout->dir, strerror(-ret));
	}
	return 0;
}

static int check_no_trial(const struct layout *old, struct dp_origin *origin, struct err *e)
{
	origin->has_node = !layout_read_node(old, &origin->control, &origin->notes);
	if (!origin->has_node || !origin->control.deadline_ns)
		return 0;
	err_set(e, ERR_CONFLICT, "", "what runs is on trial, which a cold start would not end");
	err_hint(e,
		 "sluicectl confirm keeps it, sluicectl undo or detach ends it; then start again");
	return -EBUSY;
}

static int create(struct dp_bpf *dp, const struct dp_bpf_options *options,
		  const struct layouts *layouts, const struct layout *old, struct dp_origin *origin,
		  struct err *e)
{
	int ret = old ? check_no_trial(old, origin, e) : 0;

	if (ret)
		return ret;
	dp->generation = old ? old->generation + 1 : 1;
	pins_layout_path(dp->instance_dir, SLUICE_ABI, old ? dp->generation : 0, dp->pin_dir,
			 sizeof(dp->pin_dir));
	ret = clear_unfinished(dp, layouts, e);
	return ret ? ret : make_meta(options, old, &origin->meta, e);
}

int dp_origin_find(struct dp_bpf *dp, const struct dp_bpf_options *options,
		   struct dp_origin *ret_origin, struct err *e)
{
	CLEANUP(layouts_done) struct layouts layouts = {0};
	const struct layout *old;
	int ret;

	*ret_origin = (struct dp_origin){0};
	if (dp->is_unpinned)
		return make_meta(options, NULL, &ret_origin->meta, e);
	ret = layouts_find(dp->instance_dir, &layouts);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot read %s: %s", dp->instance_dir,
			       strerror(-ret));
	old = layouts_in_force(&layouts);
	if (!old)
		return create(dp, options, &layouts, NULL, ret_origin, e);
	ret = check_layout(dp->skel, SLUICE_ABI, old, options, e);
	if (ret) {
		if (ret != -EUCLEAN || !options->may_start_cold)
			return ret;
		util_copy(dp->cold_reason, sizeof(dp->cold_reason), e->text);
		*e = (struct err){0};
		return create(dp, options, &layouts, old, ret_origin, e);
	}
	dp->is_adopted = true;
	util_copy(dp->pin_dir, sizeof(dp->pin_dir), old->dir);
	ret_origin->meta = old->meta;
	return reuse_maps(dp, e);
}

void dp_origin_write(struct dp_bpf *dp, const struct dp_origin *origin, bool is_standby)
{
	const struct sluice_control *control = &origin->control;
	const struct sluice_notes *notes = &origin->notes;

	if (dp->is_adopted)
		return;
	*dp->maps.meta = origin->meta;
	dp_bpf_set_active(dp, !is_standby);
	if (!origin->has_node)
		return;
	dp_bpf_set_active(dp, control->flags & SLUICE_CONTROL_F_ACTIVE);
	dp->maps.control->bypass_limits_until_ns = control->bypass_limits_until_ns;
	dp->maps.control->bypass_lists_until_ns = control->bypass_lists_until_ns;
	dp->maps.notes->bypass_limits = notes->bypass_limits;
	dp->maps.notes->bypass_lists = notes->bypass_lists;
	dp->maps.notes->route_table = notes->route_table;
	dp->maps.notes->route_protocol = notes->route_protocol;
}

int dp_pin(struct dp_bpf *dp, struct err *e)
{
	char path[DP_PIN_PATH_MAX + 32];
	struct bpf_map *map;
	int ret;

	if (dp->is_unpinned)
		return 0;
	dp->is_discardable = dp->cold_reason[0];
	ret = pins_make_dir(dp->pin_dir, e);
	if (ret)
		return ret;
	bpf_object__for_each_map(map, dp->skel->obj)
	{
		if (dp->is_adopted || !dp_is_pinned_kind(map))
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

/* ---- beforehand ----------------------------------------------------------------------------- */

static int check_contents(const char *instance, const struct model *model, struct err *e)
{
	struct dp_pinned *pinned = NULL;
	int ret = dp_pinned_open(instance, &pinned, e);

	if (!ret)
		ret = dp_pinned_check(pinned, model, e);
	dp_pinned_close(pinned);
	return ret;
}

static int judge(const struct layout *layout, uint32_t abi, const struct dp_bpf_options *options,
		 const struct model *model, struct dp_judgement *judgement, struct err *e)
{
	struct sluice_control control;
	struct sluice_notes notes;
	struct sluice_bpf *skel = sluice_bpf__open();
	struct err why = {0};
	int ret;

	if (!skel)
		return err_set(e, ERR_SYSTEM, "", "cannot open the built-in object: %s",
			       kernel_message());
	dp_set_entries(skel, &options->capacity);
	ret = check_layout(skel, abi, layout, options, &why);
	sluice_bpf__destroy(skel);
	if (!ret && layout->abi == SLUICE_ABI)
		ret = check_contents(options->instance, model, &why);
	judgement->is_too_much = ret == -ENOSPC;
	if (ret && ret != -EUCLEAN && !judgement->is_too_much) {
		*e = why;
		return ret;
	}
	judgement->is_pinned = true;
	judgement->abi = layout->abi;
	judgement->is_adopted = !ret;
	judgement->is_key_kept = is_key_kept(layout, options);
	util_copy(judgement->why, sizeof(judgement->why), why.text);
	util_copy(judgement->fix, sizeof(judgement->fix), why.hint);
	if (!layout_read_node(layout, &control, &notes)) {
		if (control.deadline_ns)
			judgement->trial = notes.trial == SLUICE_TRIAL_RELOAD ? SLUICE_TRIAL_RELOAD
									      : SLUICE_TRIAL_START;
		util_copy(judgement->version, sizeof(judgement->version), notes.version);
	}
	return 0;
}

int dp_bpf_judge(const struct dp_bpf_options *options, uint32_t abi, const struct model *model,
		 struct dp_judgement *ret_judgement, struct err *e)
{
	CLEANUP(layouts_done) struct layouts layouts = {0};
	struct dp_judgement judgement = {0};
	const struct layout *layout;
	char dir[96];
	int ret = pins_path(options->instance, dir, sizeof(dir), e);

	if (ret)
		return ret;
	kernel_messages_start(); /* keeps libbpf quiet */
	ret = layouts_find(dir, &layouts);
	if (ret)
		return err_set(e, ret == -EACCES ? ERR_FORBIDDEN : ERR_SYSTEM, "",
			       "cannot read %s: %s", dir, strerror(-ret));
	layout = layouts_in_force(&layouts);
	if (layout)
		ret = judge(layout, abi, options, model, &judgement, e);
	if (!ret)
		*ret_judgement = judgement;
	return ret;
}

/* ---- taking over ---------------------------------------------------------------------------- */

const char *dp_bpf_cold_reason(const struct dp_bpf *dp)
{
	return dp->cold_reason[0] ? dp->cold_reason : NULL;
}

void dp_bpf_take_over(struct dp_bpf *dp)
{
	if (!dp->cold_reason[0])
		return;
	__atomic_store_n(&dp->maps.meta->generation, dp->generation, __ATOMIC_RELEASE);
	dp->is_discardable = false;
}

void dp_bpf_discard(struct dp_bpf *dp)
{
	if (dp->is_discardable)
		pins_clear(dp->pin_dir);
}

int dp_bpf_settle(struct dp_bpf *dp, struct err *e)
{
	CLEANUP(layouts_done) struct layouts layouts = {0};
	char plain[DP_PIN_PATH_MAX];
	size_t i;
	int ret;

	ret = dp->is_unpinned ? 0 : layouts_find(dp->instance_dir, &layouts);
	for (i = 0; i < layouts.count && !ret; i++) {
		const struct layout *layout = &layouts.list[i];

		if (!strcmp(layout->dir, dp->pin_dir))
			continue;
		ret = layout_is_attached(dp->instance_dir, layout) ? -EBUSY
								   : pins_clear(layout->dir);
		if (ret)
			return err_set(e, ERR_SYSTEM, "", "the old maps in %s stay: %s",
				       layout->dir,
				       ret == -EBUSY ? "an interface still runs their program"
						     : strerror(-ret));
	}
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot read %s: %s", dp->instance_dir,
			       strerror(-ret));
	if (dp->is_unpinned)
		return 0;
	pins_layout_path(dp->instance_dir, SLUICE_ABI, 0, plain, sizeof(plain));
	if (!strcmp(plain, dp->pin_dir))
		return 0;
	if (rename(dp->pin_dir, plain))
		return err_set(e, ERR_SYSTEM, "", "cannot rename %s to %s: %s", dp->pin_dir, plain,
			       strerror(errno));
	util_copy(dp->pin_dir, sizeof(dp->pin_dir), plain);
	return 0;
}
