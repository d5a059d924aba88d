/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What commands had made by the time a trial began: until it is confirmed the state directory keeps
 * this, and going back restores it. What commands make during a trial lasts only when it does. */
#pragma once

#include <stdbool.h>

#include "core/overlay.h"

struct daemon;

struct before_shift {
	char service[NAME_MAX_LENGTH + 1];
	char to[NAME_MAX_LENGTH + 1];
	char text[128];
	struct shift shift;
	uint32_t orders;
};

struct before {
	bool is_taken;
	struct overlay changes;
	struct model_list *lists; /* only name, action and runtime */
	size_t list_count;
	struct before_shift *shifts; /* all that were on */
	size_t shift_count;
	size_t commands; /* that changed something since */
};

/* Bans are held (core/bans.h): those of then come back, those made since stay, as lifts do. */
void before_take(struct before *before, const struct daemon *daemon);
/* Only time has gone by for the service's shift since, or it was rolled back, which is no command's
 * doing: that stays. */
bool before_keeps_shift(const struct before *before, const struct model_service *service);
void before_done(struct before *before);
/* Makes the model differ from its configuration, which is that of then or a mended one, as it did
 * then, and in nothing else. Tells of what cannot be restored. */
void before_restore(struct daemon *daemon, const struct before *before);
