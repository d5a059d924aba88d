/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What commands made different from the configuration file, as plain data: collected from a model,
 * and put onto a model that has only the file's configuration. What the file itself changed in
 * between wins, as in a reload.
 */
#pragma once

#include "core/model.h"

enum overlay_kind {
	OVERLAY_MEMBER_ADDED,	/* not in the file: weight, admin */
	OVERLAY_MEMBER_REMOVED, /* in the file, but taken out */
	OVERLAY_MEMBER_SET,	/* weight or admin differ from the file's, it is overridden, or a
				   controller says that it is not ready */
	OVERLAY_LIMIT_MODE,
	OVERLAY_KIND_MAX
};

struct overlay_entry {
	enum overlay_kind kind;
	char service[NAME_MAX_LENGTH + 1];
	char pool[NAME_MAX_LENGTH + 1];
	struct sluice_addr addr;
	uint16_t port; /* 0: unknown, does not matter */
	uint32_t weight, weight_file;
	enum admin_state admin, admin_file;
	uint64_t drain_until_s; /* never in the file, as all of these: */
	enum discovery_state discovery;
	enum override_state override;
	uint64_t override_until_s, override_since_s;
	char reason[OVERRIDE_REASON_MAX + 1];
	char who[OVERRIDE_WHO_MAX + 1];
	char limit[NAME_MAX_LENGTH + 1];
	enum sluice_limit_mode mode, mode_file;
};

struct overlay {
	struct overlay_entry *list;
	size_t count, capacity;
};

void overlay_done(struct overlay *overlay); /* leaves an empty one */
/* Returns a new zeroed entry at the end, valid until the next one. */
struct overlay_entry *overlay_add(struct overlay *overlay);
/* Does it say what the admin state is, or until when? */
bool overlay_has_admin(const struct overlay_entry *entry);
/* Adds the model's differences, ordered as the model is, members before limits. */
void overlay_collect(const struct model *model, struct overlay *overlay);
/* Those, and what is kept apart: access lists that commands added to, which may be large, and shifts,
 * which time moves on. */
size_t overlay_count(const struct model *model);
/* Is there nothing that differs? Ports do not matter. */
bool overlay_equal(const struct overlay *a, const struct overlay *b);

/* "member web/default/10.0.0.1:80" or "limit per-client". */
const char *overlay_object(const struct overlay_entry *entry, char *buffer, size_t size);
/* "weight 50 (100 in the file), maint (ready in the file)". */
const char *overlay_change(const struct overlay_entry *entry, char *buffer, size_t size);

/* why: a sentence such as "service web is not in the file". */
typedef void (*overlay_dropped_fn)(void *arg, const struct overlay_entry *entry, const char *why);
/* Applies what still makes sense; calls dropped for the rest. Returns how many entries had an
 * effect. */
size_t overlay_restore(struct model *model, const struct overlay *overlay, uint64_t now_ms,
		       overlay_dropped_fn dropped, void *arg);
/* Takes back what differs from the file and is not in keep, so that overlay_restore(keep) makes the
 * model differ as keep says and in nothing else; keep may come from another time of the same file.
 * 0, or negative errno and errors: then nothing was taken back. */
int overlay_undo(struct model *model, const struct overlay *keep, uint64_t now_ms,
		 struct errs *errors);
