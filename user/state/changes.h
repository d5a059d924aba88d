/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runtime changes as JSON: {"members":[…],"limits":[…]}. */
#pragma once

#include <jansson.h>

#include "core/overlay.h"

/* One object a change, as the API shows them, too. */
json_t *changes_entry_to_json(const struct overlay_entry *entry);
json_t *changes_to_json(const struct overlay *overlay);
/* Adds what can be read. 0, or -EINVAL and an err that names the first entry that cannot; the
 * others are added all the same. */
int changes_from_json(const json_t *json, struct overlay *overlay, struct err *e);
