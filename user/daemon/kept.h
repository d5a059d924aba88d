/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the state directory hold, to and from the daemon; the table is in state.c. */
#pragma once

#include "core/config.h"
#include "core/overlay.h"
#include "daemon/state.h"

json_t *kept_save_changes(struct daemon *daemon);
int kept_load_changes(struct daemon *daemon, const json_t *content, struct err *e);
/* Onto the model; says what became of it. */
void kept_restore_changes(struct daemon *daemon, const struct overlay *overlay);
json_t *kept_save_lists(struct daemon *daemon);
int kept_load_lists(struct daemon *daemon, const json_t *content, struct err *e);
/* What commands had added to a list, in place of what they have added since; says so. */
void kept_restore_list(struct daemon *daemon, const char *name, const char *action,
		       const struct prefix_set *set);
/* A list's prefixes as text, a line each; owned by the caller. */
char *kept_prefixes(const struct prefix_set *set, size_t from, size_t to);
json_t *kept_save_bans(struct daemon *daemon);
int kept_load_bans(struct daemon *daemon, const json_t *content, struct err *e);
json_t *kept_save_names(struct daemon *daemon);
int kept_load_names(struct daemon *daemon, const json_t *content, struct err *e);
json_t *kept_save_shifts(struct daemon *daemon);
int kept_load_shifts(struct daemon *daemon, const json_t *content, struct err *e);
json_t *kept_save_last_good(struct daemon *daemon);
int kept_load_last_good(struct daemon *daemon, const json_t *content, struct err *e);
/* What the files of lists held when the last good configuration was applied; those that it does not
 * have are read. */
int kept_take_lists(struct daemon *daemon, struct config *config, struct errs *errors);
