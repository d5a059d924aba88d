/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The packet path's decision about one source, compiled for this machine: for frames that a test run
 * of the program cannot be given. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/map_types.h>
#include <sluice/source_types.h>

#include "core/gcra_config.h"

extern struct sluice_limit_set limit_native_set; /* all that it remembers */
extern void (*limit_native_step)(void); /* called before each access to that, unless NULL */

void limit_native_clear(void);
/* One frame of so many bytes at this time, where bytes are counted. */
bool limit_native_admits(const struct gcra_params *params, uint64_t clock_ns, uint32_t bytes);
