/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What pinned maps hold, and whether it can be: for a start, and for those who ask beforehand. */
#pragma once

#include "base/err.h"
#include "core/dataplane.h"

/* Reads by the port's `capacity`, `adopt` and `slots_read`; nothing else is called. Empty when the
 * maps are new. -EUCLEAN with the reason: they contradict themselves. */
int adopted_read(const struct dataplane *dp, struct dp_adopted *ret_found, struct err *e);
