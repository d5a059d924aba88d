/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One sequence of changes on three balancers that get the same packets:
 *
 * slots  the product's slot table alone: a service with affinity hash, which remembers nothing
 * full   the same table, and a table of all connections before it (lru.h)
 * ours   the product: the rules of bpf/flow_rules.h, and user/core with its pacing and sweeps
 */
#pragma once

#include "fake/fake_path.h"
#include "fake/sync_world.h"
#include "sim/lru.h"
#include "sim/sequence.h"
#include "sim/sim.h"

struct paths {
	struct world *ours, *plain;
	struct dp_service ours_cell, plain_cell; /* as of this turn */
	struct lru *lru;
	uint32_t pre_ms;
	uint64_t start_ms;
	/* By the member's number: how often it has lost all its connections. */
	uint8_t lives[SEQUENCE_MEMBERS_MAX + 1];
	bool is_refusing[SEQUENCE_MEMBERS_MAX + 1];
	bool is_last_call; /* connections are asked for, none is remembered */
	uint64_t packets, lookups_full, announced_syns;
	uint32_t peak_ours;
};

struct paths *paths_new(const struct sequence *sequence, const struct sim_options *options);
void paths_free(struct paths *paths);
/* Of members, not of forged packets. */
void paths_change(struct paths *paths, const struct sequence_step *step);
void paths_turn(struct paths *paths, uint32_t tick);
/* Where a packet goes on each: numbers of members, 0: nobody. lru_hint: of its connection. */
void paths_send(struct paths *paths, uint64_t hash, enum fake_packet packet, uint32_t *lru_hint,
		uint8_t ret_numbers[SIM_VARIANTS]);
/* Such a packet comes soon: what it will need is fetched meanwhile. */
void paths_expect(const struct paths *paths, uint64_t hash, uint32_t lru_hint);
/* Reads of `flows` and `pending`. */
uint64_t paths_lookups_ours(const struct paths *paths);
/* Slots that are not at rest with the owner that the table says; of how many. */
uint32_t paths_late_slots(const struct paths *paths, uint32_t *ret_slots);
/* What is known of a connection, for a message. */
void paths_describe(struct paths *paths, uint64_t hash, char *text, size_t size);
