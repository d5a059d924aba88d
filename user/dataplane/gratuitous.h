/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Telling a segment where an address is now, without being asked: gratuitous ARP (RFC 5227, 3) and
 * unsolicited neighbour advertisements (RFC 4861, 7.2.6). Neighbours that know the address replace
 * the MAC they have.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sluice/types.h>

#include "base/err.h"

#define GRATUITOUS_FRAME_MAX 86

/* A packet socket that only sends. Needs CAP_NET_RAW, but only here: -EPERM without. */
int gratuitous_open(void);

/* The frame that says "addr is at mac"; returns its length. */
size_t gratuitous_build(const struct sluice_addr *addr, const uint8_t mac[6],
			uint8_t frame[GRATUITOUS_FRAME_MAX]);
int gratuitous_send(int fd, uint32_t ifindex, const struct sluice_addr *addr, const uint8_t mac[6]);
