/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What commands had made by the time a trial began: until it is confirmed the state directory keeps
 * this, and going back restores it. What commands make during a trial lasts only when it does. */
#pragma once

#include <stdbool.h>

#include "core/overlay.h"

struct daemon;

struct before {
	bool is_taken;
	struct overlay changes;
	struct model_list *lists; /* only name, action and runtime */
	size_t list_count;
	size_t commands; /* that changed something since */
};

void before_take(struct before *before, const struct model *model);
void before_done(struct before *before);
/* Makes the model differ from its configuration, which is that of then or a mended one, as it did
 * then, and in nothing else. Tells of what cannot be restored. */
void before_restore(struct daemon *daemon, const struct before *before);
