/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sampled packet events, from the packet path to user space through the ring `events`. */
#pragma once

#include <linux/types.h>

#include <sluice/types.h>

struct sluice_event {
	__u64 time_ns; /* the packet path's clock */
	struct sluice_tuple tuple;
	__u32 verdict; /* enum sluice_verdict */
	__u32 service; /* service id, 0 if unknown */
	__u32 member;  /* member index, 0 if none */
	__u32 limit;   /* limit index, 0 if none */
	__u32 bytes;   /* length of the frame */
	__u32 ifindex; /* where it arrived */
	__u32 list;    /* id of the access list, 0 if none */
	__u32 pad;
};

_Static_assert(sizeof(struct sluice_event) == 80, "event");
