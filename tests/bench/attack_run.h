/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets of the attack that one test run sends, shared by its wrapper and the program that plans. */
#pragma once

#include <linux/types.h>

#define ATTACK_BATCH (1U << 20)
#define ATTACK_TICK_NS 4000000ULL

struct attack_packet {
	__be32 source_be;
	__u16 who;   /* left alone by the wrapper */
	__u8 ticks;  /* that the clock goes on before */
	__u8 action; /* XDP_*, written by the wrapper */
};
