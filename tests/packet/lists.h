/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists of the packet tests' world: written plainly, prefix by prefix and bit by bit. */
#pragma once

#include "core/access.h"
#include "packet/world.h"

/* Puts these in place of all lists, and of all limits' exceptions. */
void lists_put(struct world *world, const struct dp_access_entry *entries, size_t count);
/* The same from what lists say. */
void lists_write(struct world *world, const struct access_source *sources, size_t count);
/* One deny list with the id and prefixes (text, a line each). */
void lists_deny(struct world *world, uint16_t id, const char *prefixes);
/* A set from a text; aborts on a mistake. */
struct prefix_set *lists_set(const char *prefixes);
struct sluice_list_stats lists_stats(struct world *world, uint32_t id);
