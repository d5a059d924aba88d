/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* No host gets more than so many probes at once: the others wait for their turn, in order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <sluice/types.h>

#define HOST_PROBES_MAX 32

struct hosts;
struct host;

struct turn {
	void (*fn)(struct turn *turn); /* it is yours */
	struct host *host;
	struct turn *prev, *next;
	enum { TURN_IDLE, TURN_WAITING, TURN_TAKEN } state;
};

struct hosts *hosts_new(void);
void hosts_free(struct hosts *hosts); /* when all have left */

/* fn is for turns that had to wait. */
void hosts_join(struct hosts *hosts, struct turn *turn, const struct sluice_addr *addr,
		void (*fn)(struct turn *turn));
/* Ends what it has. */
void hosts_leave(struct hosts *hosts, struct turn *turn);
/* True: go on now; else fn is called later. */
bool turn_take(struct turn *turn);
/* May call another's fn. */
void turn_end(struct turn *turn);
size_t hosts_running(const struct hosts *hosts);
size_t hosts_waiting(const struct hosts *hosts);
