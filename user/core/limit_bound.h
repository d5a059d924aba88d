/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long a limit is exact. A source's state is one word, kept while the source owes something: what
 * one packet adds is paid back after 1 / rate. So a flood of F packets a second, each from another
 * source, holds F / rate words; with fewer words than that, sources in debt lose theirs to others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"

/* Frames of 64 bytes on a link of 1 Gbit/s: less than that is worth a warning. */
#define LIMIT_BOUND_LOW_PPS 1488095U
/* Against a limit of bytes a flood has full frames: so long are they, and there are so many then. */
#define LIMIT_BOUND_FRAME 1514U
#define LIMIT_BOUND_LOW_FRAMES 81274U

/* Words, as the configured number is rounded up. */
uint64_t limit_bound_words(const struct limit_config *config);
/* Of what the limit counts, in a second, by ever new sources: up to that no word is lost. */
uint64_t limit_bound(const struct limit_config *config);
/* The same in packets: for bytes in full frames. */
uint64_t limit_bound_pps(const struct limit_config *config);
/* A source shares its word with one of so many others that have one by a chance of 1 in this: they are
 * in one set of eight, and a set tells them apart by 16 bits. */
uint64_t limit_bound_shared_one_in(const struct limit_config *config, uint64_t in_use);
/* A warning with what to do if the bound is low, for a limit that is not disabled. others: sources of
 * all other limits; capacity: limit_sources. What it advises is a configuration that is accepted. */
bool limit_bound_warn(const struct limit_config *config, uint64_t others, uint64_t capacity,
		      char *buffer, size_t size);
