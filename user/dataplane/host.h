/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this host is on its networks: its addresses, in this network namespace. */
#pragma once

#include "core/prefix_set.h"

/* A new set, owned by the caller; loopback and link-local ones are left out. Empty when the kernel
 * does not tell. */
struct prefix_set *host_addresses(void);
