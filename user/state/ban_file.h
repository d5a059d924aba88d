/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file of bans in the state directory, for those who lift bans without the daemon: what is in it the
 * next one makes again where the maps are new. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/prefix.h"

#define BAN_FILE "bans.json"

/* until_s: when the ban ends, by the wall clock. */
typedef bool (*ban_file_fn)(void *arg, const char *limit, const struct prefix *source,
			    int64_t until_s);

/* Takes those out for which fn returns true, which is asked once for each: those of the packet path, and those
 * that wait to be made again. 0, also when there is no file, or a damaged one, which the daemon would not use;
 * or negative errno: it is as it was, whatever fn has said. */
int ban_file_remove(const char *directory, ban_file_fn fn, void *arg);
