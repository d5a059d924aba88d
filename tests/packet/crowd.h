/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One source that sends on several CPUs at once. */
#pragma once

#include "packet/world.h"

#define CROWD 4 /* threads; where there are fewer CPUs some share one */
#define CROWD_CLIENT "198.51.100.7"

/* Each thread opens a connection to 192.0.2.1:80 from a port of its own, so many times. */
void crowd_open(struct world *world, int each);
