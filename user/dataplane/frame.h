/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A described packet as the frame that would arrive. Pure. */
#pragma once

#include "core/where.h"

#define FRAME_LINK_BYTES 14 /* Ethernet, without a tag */
#define FRAME_BYTES_MAX (FRAME_LINK_BYTES + WHERE_BYTES_MAX)

/* dmac: whom the frame is for. All checksums are right. Returns its length, at most
 * FRAME_BYTES_MAX; packet->bytes must be in range. */
uint32_t frame_build(const struct where_packet *packet, const uint8_t dmac[6],
		     uint8_t frame[FRAME_BYTES_MAX]);
