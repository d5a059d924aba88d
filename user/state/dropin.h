/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What runs, as a drop-in to what a configuration says. */
#pragma once

#include "core/model.h"
#include "core/overlay.h"

/* YAML that makes the configuration say what the model has: members, weights, maintenance, modes of
 * limits, entries of access lists that stay; and standby, when the node is not active. Never the
 * opposite: where the file starts it on standby, something else decides. Owned by the caller.
 * *ret_count: objects it has something to say about; with 0 the text changes nothing. */
char *dropin_render(const struct model *model, bool is_active, const struct config *config,
		    size_t *ret_count);
/* What of a member's entry no drop-in says, as overlay_change() has it: the deadline of its draining,
 * what discovery says, its override; of an address of a host name all. "" for nothing. */
const char *dropin_rest(const struct model *model, const struct overlay_entry *entry, char *buffer,
			size_t size);
