/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The way back from what commands changed: entry by entry, to what another overlay says, or else to
 * what the file says. */
#include "core/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"

#define ENTRY_CHANGES_MAX 4

struct undo {
	struct change *changes;
	size_t count;
};

static const struct overlay_entry *find_same(const struct overlay *keep,
					     const struct overlay_entry *entry)
{
	size_t i;

	for (i = 0; i < keep->count; i++) {
		const struct overlay_entry *other = &keep->list[i];

		if (other->kind == entry->kind && !strcmp(other->service, entry->service) &&
		    !strcmp(other->pool, entry->pool) && !strcmp(other->limit, entry->limit) &&
		    addr_equal(&other->addr, &entry->addr))
			return other;
	}
	return NULL;
}

static struct change *add_change(struct undo *undo, const struct overlay_entry *entry,
				 enum change_type type)
{
	struct change *change = &undo->changes[undo->count++];

	*change = (struct change){.type = type,
				  .owner = OWNER_API,
				  .service = entry->service,
				  .pool = entry->pool,
				  .limit = entry->limit,
				  .addr = entry->addr,
				  .weight = entry->weight_file,
				  .admin = entry->admin_file,
				  .limit_mode = entry->mode_file,
				  .text = "undone"};
	return change;
}

static void plan_discovery(struct undo *undo, const struct overlay_entry *entry,
			   const struct overlay_entry *kept)
{
	enum discovery_state discovery = kept ? kept->discovery : DISCOVERY_READY;

	if (entry->discovery != discovery)
		add_change(undo, entry, CHANGE_MEMBER_DISCOVERY)->discovery = discovery;
}

/* What the other one has, overlay_restore() sets again. */
static void plan_override(struct undo *undo, const struct overlay_entry *entry,
			  const struct overlay_entry *kept)
{
	if (entry->override != OVERRIDE_NONE && (!kept || kept->override == OVERRIDE_NONE))
		add_change(undo, entry, CHANGE_MEMBER_OVERRIDE)->override = OVERRIDE_NONE;
}

static void plan_added(struct undo *undo, const struct overlay_entry *entry,
		       const struct overlay_entry *kept)
{
	if (!kept) {
		add_change(undo, entry, CHANGE_MEMBER_REMOVE);
		return;
	}
	plan_discovery(undo, entry, kept);
	plan_override(undo, entry, kept);
	if (entry->weight != kept->weight)
		add_change(undo, entry, CHANGE_MEMBER_WEIGHT)->weight = kept->weight;
	if (entry->admin != kept->admin || entry->drain_until_s != kept->drain_until_s) {
		struct change *change = add_change(undo, entry, CHANGE_MEMBER_ADMIN);

		change->admin = kept->admin;
		change->drain_until_s = kept->drain_until_s;
	}
}

static void plan_removed(struct undo *undo, const struct overlay_entry *entry,
			 const struct overlay_entry *kept)
{
	if (kept)
		return;
	add_change(undo, entry, CHANGE_MEMBER_ADD);
	if (entry->admin_file != ADMIN_READY)
		add_change(undo, entry, CHANGE_MEMBER_ADMIN);
}

/* What the other one sets, overlay_restore() sets again. */
static void plan_set(struct undo *undo, const struct overlay_entry *entry,
		     const struct overlay_entry *kept)
{
	bool has_weight = kept && kept->weight != kept->weight_file;
	bool has_admin = kept && overlay_has_admin(kept);

	if (entry->weight != entry->weight_file && !has_weight)
		add_change(undo, entry, CHANGE_MEMBER_WEIGHT);
	if (overlay_has_admin(entry) && !has_admin)
		add_change(undo, entry, CHANGE_MEMBER_ADMIN);
	plan_discovery(undo, entry, kept);
	plan_override(undo, entry, kept);
}

int overlay_undo(struct model *model, const struct overlay *keep, uint64_t now_ms,
		 struct errs *errors)
{
	struct overlay overlay = {0};
	struct undo undo = {0};
	size_t i;
	int r = 0;

	overlay_collect(model, &overlay);
	undo.changes =
		util_alloc_array(ENTRY_CHANGES_MAX * overlay.count + 1, sizeof(*undo.changes));
	for (i = 0; i < overlay.count; i++) {
		const struct overlay_entry *entry = &overlay.list[i];
		const struct overlay_entry *kept = find_same(keep, entry);

		if (entry->kind == OVERLAY_MEMBER_ADDED)
			plan_added(&undo, entry, kept);
		else if (entry->kind == OVERLAY_MEMBER_REMOVED)
			plan_removed(&undo, entry, kept);
		else if (entry->kind == OVERLAY_MEMBER_SET)
			plan_set(&undo, entry, kept);
		else if (!kept)
			add_change(&undo, entry, CHANGE_LIMIT_MODE);
	}
	if (undo.count)
		r = model_apply(model, undo.changes, undo.count, now_ms, errors);
	free(undo.changes);
	overlay_done(&overlay);
	return r;
}
