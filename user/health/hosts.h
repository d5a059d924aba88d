/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* No host gets more than so many probes at once: the others wait for their turn, in order. Of those
 * whose probe failed last, which may well hang again, there are fewer: who passes does not wait for
 * them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/types.h>

#define HOST_PROBES_MAX 32
#define HOST_FAILING_MAX 24

struct hosts;
struct host;

struct turn {
	void (*fn)(struct turn *turn); /* it is yours */
	const struct sluice_addr *addr;
	union {
		struct hosts *hosts; /* idle */
		struct host *host;
	};
	struct turn *prev, *next;
	uint64_t number; /* in the order in which they came */
	bool is_failing;
	enum { TURN_IDLE, TURN_WAITING, TURN_TAKEN } state;
};

struct hosts *hosts_new(void);
void hosts_free(struct hosts *hosts); /* when all have left */

/* The address is the caller's, until the turn's last use. fn is for turns that had to wait. */
void hosts_join(struct hosts *hosts, struct turn *turn, const struct sluice_addr *addr,
		void (*fn)(struct turn *turn));
/* True: go on now; else fn is called later. is_failing: its probe failed last. */
bool turn_take(struct turn *turn, bool is_failing);
/* Also of one that waits, or is idle. May call another's fn. */
void turn_end(struct turn *turn);
size_t hosts_running(const struct hosts *hosts);
size_t hosts_waiting(const struct hosts *hosts);
