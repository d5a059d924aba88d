/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The knobs of a measured run, shared by the wrappers and the program that drives them. */
#pragma once

#include <linux/types.h>

#define WRAP_SERVICE_PORT 80

/* Initialisers. */
#define WRAP_MAC_CLIENT 0x02, 0, 0, 0, 0, 0x01
#define WRAP_MAC_BALANCER 0x02, 0, 0, 0, 0, 0x02
#define WRAP_MAC_GATEWAY 0x02, 0, 0, 0, 0, 0x03

struct wrap_run {
	__u32 next;		     /* number of the next pass */
	__u32 mask;		     /* flows - 1, flows a power of two */
	__u32 flows_per_source_log2; /* 0: every flow has a source of its own */
	__u32 undo_bytes;	     /* outer header that the code under test puts in front */
	__u32 is_v6;
	__u32 failures; /* passes whose frame was not as expected: the run is void */
};
