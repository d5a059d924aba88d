/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Well-formed packets to a service at 192.0.2.1 and 2001:db8::1, ports 80 (TCP) and 53 (UDP), to be
 * cut and mangled. */
#pragma once

#include "packet/builder.h"

extern const struct packet samples[];
extern const unsigned int sample_count;

/* Changes a few bytes, bits or the length, starting from *seed. Half of the time only within the
 * headers. */
void sample_mangle(struct frame *frame, unsigned long long *seed);
