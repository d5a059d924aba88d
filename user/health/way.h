/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the packets of a probe go. */
#pragma once

#include <stdint.h>

#include <sluice/types.h>

struct way {
	struct sluice_addr addr;
	uint16_t port;
	uint32_t mark;		   /* of its packets; 0: none, the host routes them as any */
	struct sluice_addr source; /* that they come from; zero: as the host chooses */
};

/* A socket of the type for probes on that way, not connected yet; the caller's. Negative errno:
 * -EADDRNOTAVAIL, the source is no address of this host. */
int way_socket(const struct way *way, int type);
