/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What runs, as a drop-in to what a configuration says. */
#pragma once

#include "core/model.h"

/* YAML that makes the configuration say what the model has: members, weights, maintenance, modes of
 * limits. Owned by the caller. *ret_count: objects it has something to say about; with 0 the text
 * changes nothing. */
char *dropin_render(const struct model *model, const struct config *config, size_t *ret_count);
