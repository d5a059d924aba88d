/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/overlay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"

void overlay_done(struct overlay *overlay)
{
	free(overlay->list);
	memset(overlay, 0, sizeof(*overlay));
}

struct overlay_entry *overlay_add(struct overlay *overlay)
{
	overlay->list = util_grow(overlay->list, &overlay->capacity, overlay->count + 1,
				  sizeof(*overlay->list));
	return &overlay->list[overlay->count++];
}

bool overlay_has_admin(const struct overlay_entry *entry)
{
	return entry->admin != entry->admin_file || entry->drain_until_s;
}

/* ---- collecting ---------------------------------------------------------------------------- */

static bool is_member_changed(const struct model_member *member)
{
	return member->owner == OWNER_API ||
	       (member->owner == OWNER_FILE &&
		(member->weight != member->weight_file || member->admin != member->admin_file ||
		 member->drain_until_s || (member->discovery != DISCOVERY_READY && !member->name) ||
		 member->override != OVERRIDE_NONE));
}

static void add_member(struct overlay *overlay, const struct model *model,
		       const struct model_service *service, const struct model_pool *pool,
		       const struct model_member *member)
{
	const struct model_override *override = model_override_of(model, member);
	struct overlay_entry *entry = overlay_add(overlay);

	entry->kind = member->owner == OWNER_FILE ? OVERLAY_MEMBER_SET : OVERLAY_MEMBER_ADDED;
	util_copy(entry->service, sizeof(entry->service), service->name);
	util_copy(entry->pool, sizeof(entry->pool), pool->name);
	entry->addr = member->addr;
	entry->port = member->port;
	entry->weight = member->weight;
	entry->weight_file = member->weight_file;
	entry->admin = member->admin;
	entry->admin_file = member->admin_file;
	entry->drain_until_s = member->drain_until_s;
	entry->discovery = member->name ? DISCOVERY_READY : member->discovery;
	if (!override)
		return;
	entry->override = member->override;
	entry->override_until_s = member->override_until_s;
	entry->override_since_s = override->since_s;
	util_copy(entry->reason, sizeof(entry->reason), override->reason);
	util_copy(entry->who, sizeof(entry->who), override->who);
}

static void add_removed(struct overlay *overlay, const struct model_removed *removed)
{
	struct overlay_entry *entry = overlay_add(overlay);

	entry->kind = OVERLAY_MEMBER_REMOVED;
	util_copy(entry->service, sizeof(entry->service), removed->service);
	util_copy(entry->pool, sizeof(entry->pool), removed->pool);
	entry->addr = removed->addr;
	entry->port = removed->port;
	entry->weight = entry->weight_file = removed->weight_file;
	entry->admin = entry->admin_file = removed->admin_file;
}

static void add_limit(struct overlay *overlay, const struct model_limit *limit)
{
	struct overlay_entry *entry = overlay_add(overlay);

	entry->kind = OVERLAY_LIMIT_MODE;
	util_copy(entry->limit, sizeof(entry->limit), limit->config.name);
	entry->mode = limit->config.mode;
	entry->mode_file = limit->mode_file;
}

/* overlay may be NULL: only counts. */
static size_t walk(const struct model *model, struct overlay *overlay)
{
	size_t s, p, m, i, count = 0;

	for (s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct model_pool *pool = &service->pools[p];

			for (m = 0; m < pool->member_count; m++) {
				if (!is_member_changed(&pool->members[m]))
					continue;
				count++;
				if (overlay)
					add_member(overlay, model, service, pool,
						   &pool->members[m]);
			}
		}
	}
	for (i = 0; i < model_removed_count(model); i++, count++)
		if (overlay)
			add_removed(overlay, model_removed_at(model, i));
	for (i = 0; i < model_limit_count(model); i++) {
		const struct model_limit *limit = model_limit_at(model, i);

		if (limit->config.mode == limit->mode_file)
			continue;
		count++;
		if (overlay)
			add_limit(overlay, limit);
	}
	return count;
}

void overlay_collect(const struct model *model, struct overlay *overlay)
{
	walk(model, overlay);
}

size_t overlay_count(const struct model *model)
{
	size_t count = walk(model, NULL), i;

	for (i = 0; i < model_list_count(model); i++)
		count += model_list_is_added_to(model_list_at(model, i));
	for (i = 0; i < model_service_count(model); i++)
		count += shift_is_on(&model_service_at(model, i)->shift);
	return count;
}

static bool is_same_entry(const struct overlay_entry *a, const struct overlay_entry *b)
{
	return a->kind == b->kind && strcmp(a->service, b->service) == 0 &&
	       strcmp(a->pool, b->pool) == 0 && addr_equal(&a->addr, &b->addr) &&
	       a->weight == b->weight && a->weight_file == b->weight_file && a->admin == b->admin &&
	       a->admin_file == b->admin_file && a->drain_until_s == b->drain_until_s &&
	       a->discovery == b->discovery && a->override == b->override &&
	       a->override_until_s == b->override_until_s &&
	       a->override_since_s == b->override_since_s && strcmp(a->reason, b->reason) == 0 &&
	       strcmp(a->who, b->who) == 0 && strcmp(a->limit, b->limit) == 0 &&
	       a->mode == b->mode && a->mode_file == b->mode_file;
}

bool overlay_equal(const struct overlay *a, const struct overlay *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (!is_same_entry(&a->list[i], &b->list[i]))
			return false;
	return true;
}

/* ---- in words ------------------------------------------------------------------------------ */

const char *overlay_object(const struct overlay_entry *entry, char *buffer, size_t size)
{
	char endpoint[ENDPOINT_TEXT_MAX];

	if (entry->kind == OVERLAY_LIMIT_MODE) {
		snprintf(buffer, size, "limit %s", entry->limit);
		return buffer;
	}
	if (entry->port)
		addr_format_endpoint(&entry->addr, entry->port, endpoint);
	else
		addr_format(&entry->addr, endpoint);
	snprintf(buffer, size, "member %s/%s/%s", entry->service, entry->pool, endpoint);
	return buffer;
}

static void say_discovery(const struct overlay_entry *entry, char *buffer, size_t size)
{
	size_t used = strlen(buffer);

	if (entry->discovery != DISCOVERY_READY && used < size)
		snprintf(buffer + used, size - used, "%sdiscovery %s", used ? ", " : "",
			 model_discovery_name(entry->discovery));
}

/* ", ejected until 2026-11-26T12:30:05Z by alice" */
static void say_override(const struct overlay_entry *entry, char *buffer, size_t size)
{
	size_t used = strlen(buffer);
	char until[40] = "";

	if (entry->override == OVERRIDE_NONE || used >= size)
		return;
	if (entry->override_until_s)
		model_until_text(entry->override_until_s, until, sizeof(until));
	snprintf(buffer + used, size - used, "%s%s%s%s%s%s", used ? ", " : "",
		 model_override_name(entry->override), *until ? " until " : "", until,
		 *entry->who ? " by " : "", entry->who);
}

const char *overlay_change(const struct overlay_entry *entry, char *buffer, size_t size)
{
	bool has_weight = entry->weight != entry->weight_file;
	char admin[ADMIN_TEXT_MAX];
	size_t used = 0;

	model_admin_text(entry->admin, entry->drain_until_s, admin);

	switch (entry->kind) {
	case OVERLAY_MEMBER_ADDED:
		snprintf(buffer, size, "added with weight %" PRIu32 "%s%s", entry->weight,
			 entry->admin == ADMIN_READY ? "" : ", ",
			 entry->admin == ADMIN_READY ? "" : admin);
		say_discovery(entry, buffer, size);
		say_override(entry, buffer, size);
		break;
	case OVERLAY_MEMBER_REMOVED:
		snprintf(buffer, size, "removed (the file lists it)");
		break;
	case OVERLAY_MEMBER_SET:
		buffer[0] = '\0';
		if (has_weight)
			used = (size_t)snprintf(buffer, size,
						"weight %" PRIu32 " (%" PRIu32 " in the file)",
						entry->weight, entry->weight_file);
		if (overlay_has_admin(entry))
			snprintf(buffer + used, size - used, "%s%s (%s in the file)",
				 used ? ", " : "", admin, model_admin_name(entry->admin_file));
		say_discovery(entry, buffer, size);
		say_override(entry, buffer, size);
		break;
	default:
		snprintf(buffer, size, "mode %s (%s in the file)",
			 model_limit_mode_name(entry->mode),
			 model_limit_mode_name(entry->mode_file));
	}
	return buffer;
}

/* ---- restoring ----------------------------------------------------------------------------- */

#define ENTRY_CHANGES_MAX 4

struct restore {
	struct model *model;
	const struct overlay *overlay;
	uint64_t now_ms;
	overlay_dropped_fn dropped;
	void *arg;
	/* The changes of entry i are at ENTRY_CHANGES_MAX * i. */
	struct change *changes;
	size_t *counts;
	size_t effective;
	bool is_moved; /* the file has the entry's member in another pool: it is in the service once */
};

static void drop(const struct restore *restore, size_t i, const char *fmt, ...) PRINTF(3, 4);
static void drop(const struct restore *restore, size_t i, const char *fmt, ...)
{
	char why[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	restore->dropped(restore->arg, &restore->overlay->list[i], why);
}

static struct change *add_change(struct restore *restore, size_t i, enum change_type type)
{
	const struct overlay_entry *entry = &restore->overlay->list[i];
	struct change *change = &restore->changes[ENTRY_CHANGES_MAX * i + restore->counts[i]++];

	*change = (struct change){.type = type,
				  .owner = OWNER_API,
				  .service = entry->service,
				  .pool = restore->is_moved ? "" : entry->pool,
				  .limit = entry->limit,
				  .addr = entry->addr,
				  .weight = entry->weight,
				  .admin = entry->admin,
				  .drain_until_s = entry->drain_until_s,
				  .discovery = entry->discovery,
				  .limit_mode = entry->mode,
				  .text = "as it was before"};
	return change;
}

static void plan_discovery(struct restore *restore, size_t i)
{
	if (restore->overlay->list[i].discovery != DISCOVERY_READY)
		add_change(restore, i, CHANGE_MEMBER_DISCOVERY);
}

/* One whose time was over meanwhile is. */
static void plan_override(struct restore *restore, size_t i)
{
	const struct overlay_entry *entry = &restore->overlay->list[i];
	struct change *change;

	if (entry->override == OVERRIDE_NONE)
		return;
	if (entry->override_until_s && entry->override_until_s <= clock_wall_s()) {
		drop(restore, i, "its time was over before the start");
		return;
	}
	change = add_change(restore, i, CHANGE_MEMBER_OVERRIDE);
	change->override = entry->override;
	change->override_until_s = entry->override_until_s;
	change->since_s = entry->override_since_s;
	change->text = entry->reason;
	change->who = entry->who;
}

static void plan_set(struct restore *restore, size_t i, const struct model_member *member)
{
	const struct overlay_entry *entry = &restore->overlay->list[i];

	if (entry->weight != entry->weight_file) {
		if (member->weight_file == entry->weight_file)
			add_change(restore, i, CHANGE_MEMBER_WEIGHT);
		else if (member->weight_file != entry->weight)
			drop(restore, i,
			     "the file's weight is %" PRIu32 " now, it was %" PRIu32
			     " when weight %" PRIu32 " was set",
			     member->weight_file, entry->weight_file, entry->weight);
	}
	if (overlay_has_admin(entry)) {
		/* A file that says drain by now says nothing of the deadline. */
		if (member->admin_file == entry->admin_file ||
		    (entry->drain_until_s && member->admin_file == ADMIN_DRAIN))
			add_change(restore, i, CHANGE_MEMBER_ADMIN);
		else if (member->admin_file != entry->admin)
			drop(restore, i, "the file says %s now, it said %s when %s was set",
			     model_admin_name(member->admin_file),
			     model_admin_name(entry->admin_file), model_admin_name(entry->admin));
	}
}

static void plan_added(struct restore *restore, size_t i, const struct model_member *member)
{
	const struct overlay_entry *entry = &restore->overlay->list[i];

	if (!member) {
		add_change(restore, i, CHANGE_MEMBER_ADD);
		if (entry->admin != ADMIN_READY)
			add_change(restore, i, CHANGE_MEMBER_ADMIN);
		return;
	}
	if (member->weight != entry->weight)
		drop(restore, i, "the file lists it now, with weight %" PRIu32, member->weight);
	if (entry->admin != ADMIN_READY && member->admin_file == ADMIN_READY)
		add_change(restore, i, CHANGE_MEMBER_ADMIN);
}

/* Did a command put what it had removed into another pool? */
static bool is_added_again(const struct overlay *overlay, const struct overlay_entry *removed)
{
	size_t i;

	for (i = 0; i < overlay->count; i++)
		if (overlay->list[i].kind == OVERLAY_MEMBER_ADDED &&
		    strcmp(overlay->list[i].service, removed->service) == 0 &&
		    addr_equal(&overlay->list[i].addr, &removed->addr))
			return true;
	return false;
}

/* The entry's member: in its pool, or where the file has moved it, which is not what is meant by one
 * that was added, or added again. */
static const struct model_member *find_member(struct restore *restore,
					      const struct overlay_entry *entry,
					      struct model_service *service)
{
	struct model_pool *pool = model_find_pool(service, entry->pool);
	const struct model_member *member = pool ? model_find_member(pool, &entry->addr) : NULL;
	size_t p;

	restore->is_moved = false;
	if (member || entry->kind == OVERLAY_MEMBER_ADDED ||
	    (entry->kind == OVERLAY_MEMBER_REMOVED && is_added_again(restore->overlay, entry)))
		return member;
	for (p = 0; !member && p < service->pool_count; p++)
		member = model_find_member(&service->pools[p], &entry->addr);
	restore->is_moved = member;
	return member;
}

static void plan_member(struct restore *restore, size_t i)
{
	const struct overlay_entry *entry = &restore->overlay->list[i];
	struct model_service *service = model_find_service(restore->model, entry->service);
	const struct model_member *member = service ? find_member(restore, entry, service) : NULL;

	if (entry->kind == OVERLAY_MEMBER_REMOVED) {
		if (member) /* else the file agrees */
			add_change(restore, i, CHANGE_MEMBER_REMOVE);
	} else if (!service) {
		drop(restore, i, "service %s is not in the file", entry->service);
	} else if (!member && !model_find_pool(service, entry->pool)) {
		drop(restore, i, "service %s has no pool %s in the file", entry->service,
		     entry->pool);
	} else if (entry->kind == OVERLAY_MEMBER_ADDED) {
		plan_added(restore, i, member);
		plan_discovery(restore, i);
		plan_override(restore, i);
	} else if (!member) {
		drop(restore, i, "the member is no longer in the file");
	} else {
		plan_set(restore, i, member);
		plan_discovery(restore, i);
		plan_override(restore, i);
	}
}

static void plan_limit(struct restore *restore, size_t i)
{
	const struct overlay_entry *entry = &restore->overlay->list[i];
	const struct model_limit *limit = model_find_limit(restore->model, entry->limit);

	if (!limit)
		drop(restore, i, "the limit is no longer in the file");
	else if (limit->mode_file == entry->mode_file)
		add_change(restore, i, CHANGE_LIMIT_MODE);
	else if (limit->mode_file != entry->mode)
		drop(restore, i, "the file's mode is %s now, it was %s when %s was set",
		     model_limit_mode_name(limit->mode_file),
		     model_limit_mode_name(entry->mode_file), model_limit_mode_name(entry->mode));
}

/* All at once, for each transaction copies the model; where that is refused, the halves tell whose
 * fault it is. */
static void apply_range(struct restore *restore, size_t from, size_t to)
{
	AUTO_FREE struct change *changes =
		util_alloc_array(ENTRY_CHANGES_MAX * (to - from) + 1, sizeof(*changes));
	struct errs errors = {0};
	size_t i, count = 0, effective = 0;

	for (i = from; i < to; i++) {
		memcpy(changes + count, restore->changes + ENTRY_CHANGES_MAX * i,
		       restore->counts[i] * sizeof(*changes));
		count += restore->counts[i];
		effective += restore->counts[i] > 0;
	}
	if (!count)
		return;
	if (!model_apply(restore->model, changes, count, restore->now_ms, &errors)) {
		restore->effective += effective;
		return;
	}
	if (to - from == 1) {
		drop(restore, from, "%s", errors.list[0].text);
	} else {
		apply_range(restore, from, from + (to - from) / 2);
		apply_range(restore, from + (to - from) / 2, to);
	}
	errs_done(&errors);
}

size_t overlay_restore(struct model *model, const struct overlay *overlay, uint64_t now_ms,
		       overlay_dropped_fn dropped, void *arg)
{
	struct restore restore = {.model = model,
				  .overlay = overlay,
				  .now_ms = now_ms,
				  .dropped = dropped,
				  .arg = arg};
	size_t i;

	if (!overlay->count)
		return 0;
	restore.changes =
		util_alloc_array(ENTRY_CHANGES_MAX * overlay->count, sizeof(*restore.changes));
	restore.counts = util_alloc_array(overlay->count, sizeof(*restore.counts));
	for (i = 0; i < overlay->count; i++) {
		restore.is_moved = false;
		if (overlay->list[i].kind == OVERLAY_LIMIT_MODE)
			plan_limit(&restore, i);
		else
			plan_member(&restore, i);
	}
	apply_range(&restore, 0, overlay->count);
	free(restore.changes);
	free(restore.counts);
	return restore.effective;
}
