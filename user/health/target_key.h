/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which members share a stream of probes: those with the same key. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/model.h"

/* What makes two probes the same; hashed as bytes, so without gaps. */
struct target_key {
	struct sluice_addr addr;
	struct sluice_addr service; /* that is probed through the path; zero: the member itself */
	uint16_t mode, gue_port;    /* with service */
	uint16_t port, zero[3];
	uint32_t type;
	uint32_t interval_ms, timeout_ms, fast_ms, down_ms;
	uint32_t fall, rise, jitter_percent;
	uint32_t spec_length;
	uint8_t spec[];
};

/* Of the member's check. The caller's, to free; so many bytes are compared. */
struct target_key *target_key_make(const struct model_service *service,
				   const struct model_pool *pool, const struct model_member *member,
				   size_t *ret_bytes);
