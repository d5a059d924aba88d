/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file of bans in the state directory, for those who lift bans without the daemon: what is in it the
 * next one makes again where the maps are new. */
#pragma once

#include <stdbool.h>

#include "base/prefix.h"

#define BAN_FILE "bans.json"

typedef bool (*ban_file_fn)(void *arg, const char *limit, const struct prefix *source);

/* Takes those out for which fn returns true. 0, also when there is no file, or a damaged one, which the
 * daemon would not use; or negative errno: it is as it was. */
int ban_file_remove(const char *directory, ban_file_fn fn, void *arg);
