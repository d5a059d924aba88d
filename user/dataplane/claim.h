/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An instance is its pin directory: whoever holds the lock on that is the one process that may
 * change its maps and attachments, wherever its sockets are and whatever namespaces it lives in. The
 * kernel lifts the lock when the process ends.
 */
#pragma once

#include "base/err.h"

/* Creates SLUICE_PIN_ROOT/INSTANCE and locks it. Returns a descriptor to keep open, or negative
 * errno: -EBUSY names the process that holds it. */
int claim_take(const char *instance, struct err *e);
/* Gives it back, and removes the directory when nothing is pinned in it. fd < 0: nothing to do. */
void claim_end(int fd, const char *instance);
