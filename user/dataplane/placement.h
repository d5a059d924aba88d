/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where services live: each key (address, port, protocol) has two candidate cells, and full ones
 * are made room in by moving their owner to its other cell (cuckoo hashing; Pagh and Rodler,
 * 2001). The packet path reads all the while: a cell's body changes only after its word was 0 for
 * so long that no packet can still work with what it read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/map_types.h>
#include <sluice/types.h>

#include "core/dataplane.h"

struct placement;

/* cells: the mapped table, count a power of two. Both and the key must outlive it. */
struct placement *placement_new(struct sluice_service *cells, uint32_t count,
				const struct sluice_hash_key *key);
void placement_free(struct placement *placement);

/* Reads a table that an earlier daemon left, perhaps in the middle of a change: finishes moves,
 * drops address cells without a service. -EUCLEAN when a cell cannot be where it is. */
int placement_adopt(struct placement *placement);

/* As dataplane_ops.service_set and service_delete. -EAGAIN: try again in a second. */
int placement_set(struct placement *placement, const struct dp_service *service);
int placement_delete(struct placement *placement, const struct dp_service *service);

/* The packet path's rule: the cell of a key, NULL if there is none. */
const struct sluice_service *placement_find(const struct placement *placement,
					    const struct sluice_addr *addr, uint16_t port,
					    uint8_t proto);
