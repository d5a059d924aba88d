/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a forwarding mode adds to each packet, and what clients may therefore send. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

#define OVERHEAD_USES_MAX (SLUICE_MODE_MAX * 4)
#define OVERHEAD_MTU 1500 /* of Ethernet: what is assumed where nobody has looked */

/* One combination of mode and families that a configuration uses. */
struct overhead_use {
	enum sluice_mode mode;
	enum sluice_family inner; /* of the service's address */
	enum sluice_family outer; /* of the members; the same as inner where nothing is added */
	uint32_t bytes;
	const struct service_config *first;
	size_t services;
};

/* Bytes in front of the client's packet. */
uint32_t overhead_bytes(enum sluice_mode mode, enum sluice_family outer);
/* The largest TCP segment whose IP packet has at most `bytes` bytes; 0 when there is none. */
uint32_t overhead_mss(uint32_t bytes, enum sluice_family inner);
/* In the order of first use; returns how many. */
size_t overhead_collect(const struct config *config, struct overhead_use uses[OVERHEAD_USES_MAX]);
/* "web and 2 more: ipip over IPv4 adds 20 bytes: with MTU 1500 clients may send 1480 (advmss 1440)" */
void overhead_describe(const struct overhead_use *use, uint32_t mtu, char *buffer, size_t size);
const char *overhead_mode_name(enum sluice_mode mode);
