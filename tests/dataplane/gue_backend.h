/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a backend does with datagrams of mode gue, without any of our programs, nor the kernel's own
 * receiver, which not every kernel has. */
#pragma once

#include <stdint.h>

/* Sends what datagrams to this port carry on to this host itself, of either family in either. Returns
 * only when that is not possible. */
void gue_backend_run(uint16_t port);
