/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The full-tracking variant's table: value, and making one. */
#pragma once

#include <linux/types.h>

#define TRACK_CPUS_MAX 1024
#define TRACK_ENTRIES (1U << 21) /* twice the flows of the largest case, so that they all fit */

struct track_flow {
	__u32 member;
	__u32 pad;
};

#ifndef __bpf__
struct bpf_object;
/* Makes the table of one CPU (the only one that a pinned benchmark uses). 0 or a negative errno. */
int track_table_open(const struct bpf_object *object, int cpu);
#endif
