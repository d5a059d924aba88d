/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How fast probes of one host begin: in a burst of so many, then as often as all of its targets need when
 * all of them are in doubt, with room to spare. Only beginnings are counted, not what is under way: a
 * probe that hangs keeps no place, and nobody waits for its end.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sluice/types.h>

#define HOST_BURST 32 /* probes */
#define HOST_ROOM 2   /* times the rate that its targets need at most */

struct hosts;
struct host;

struct hosts *hosts_new(void);
void hosts_free(struct hosts *hosts); /* when all have left */

/* One more target of the host. pause_ms: the shortest one between two of its probes, above 0. The host is
 * valid until the target leaves. */
struct host *hosts_join(struct hosts *hosts, const struct sluice_addr *addr, uint32_t pause_ms);
/* With the pause that it joined with. */
void hosts_leave(struct hosts *hosts, struct host *host, uint32_t pause_ms);

/* When a probe may begin that is due now: now, or later when others are before it. Each call takes a
 * place, in the order of the calls, whether it is used or not. now_us: monotonic. The algorithm is GCRA
 * (ITU-T I.371, annex A, virtual scheduling), but that what does not conform gets the time when it
 * will. */
uint64_t host_place_us(struct host *host, uint64_t now_us);
