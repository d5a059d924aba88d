/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One daemon an instance: a locked file in the run directory. The kernel lifts the lock when the
 * daemon ends, however it ends. */
#pragma once

#include "base/err.h"

/* Creates DIRECTORY and locks DIRECTORY/lock. Returns a descriptor to keep open, or negative
 * errno: -EBUSY names the daemon that holds it. may_take_over: a holder that has offered its place
 * is asked to end. */
int lock_take(const char *directory, const char *instance, bool may_take_over, struct err *e);
/* Offers the place of the holder to the next daemon of the instance. */
void lock_offer(int fd);
