/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CAP_SYS_ADMIN, which opening a program by its id takes: held by the process without effect, and in
 * effect only between raise and lower. A process that does not hold it goes on without.
 */
#pragma once

#include <stdbool.h>

struct rights {
	bool is_raised; /* by us: to be lowered again */
};

bool rights_are_held(void);
struct rights rights_raise(void);
void rights_lower(struct rights *rights); /* for CLEANUP() */
