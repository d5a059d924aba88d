/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include <sluice/hash.h>

#include "base/util.h"
#include "sim/paths.h"
#include "sim/wheel.h"

#define LONG_FLOWS 1000000
#define OPENED_PER_S 2000 /* short ones */
#define OPEN_MAX 200000	  /* short ones at a time; they live for 20 s */
#define TICKS_PER_S (1000 / SEQUENCE_TICK_MS)
#define SECOND_SYN_TICKS (1 * TICKS_PER_S)
#define THIRD_SYN_TICKS (2 * TICKS_PER_S)
#define CLOSES_PERCENT 30 /* of the packets of a short one */
#define AHEAD 8		  /* packets, for the caches */

const struct sim_options sim_whole = {
	.scale = 1, .late_every = 100, .pre_ms = 3000, .learn_s = 600, .seed = 1};
/* So few connections that many must be late for some to meet a change. */
const struct sim_options sim_short = {
	.scale = 64, .late_every = 3, .pre_ms = 3000, .learn_s = 600, .seed = 1};

/* From one packet of a connection to the next. */
enum pace { PACE_FAST, PACE_MEDIUM, PACE_SLOW, PACE_SHORT };
static const struct {
	uint32_t min_s, max_s;
} paces[] = {[PACE_FAST] = {10, 30},
	     [PACE_MEDIUM] = {40, 120},
	     [PACE_SLOW] = {200, 500},
	     [PACE_SHORT] = {2, 10}};

struct flow {
	uint64_t hash;
	uint32_t lru_hint;
	struct lru_member member[SIM_VARIANTS]; /* number 0: broken or lost */
	uint8_t pace;
	uint8_t syns; /* still to come */
	bool is_open, is_closing;
};

struct sim {
	const struct sim_options *options;
	struct paths *paths;
	struct wheel *wheel;
	struct flow *flows;
	uint32_t *free_flows;
	uint32_t long_flows, flow_count, free_count;
	uint64_t hashes, random;
	uint32_t tick, opened; /* short ones */
	const struct sequence_step *forging;
	struct sim_result *result;
};

static uint32_t pick(struct sim *sim, uint32_t n)
{
	return (uint32_t)((sluice_hash_mix(++sim->random) >> 32) * n >> 32);
}

static uint64_t new_hash(struct sim *sim)
{
	return sluice_hash_mix(++sim->hashes) | 2;
}

/* ---- one connection -------------------------------------------------------------------------- */

static bool is_gone(const struct flow *flow)
{
	return !flow->member[SIM_SLOTS].number && !flow->member[SIM_FULL].number &&
	       !flow->member[SIM_OURS].number;
}

static void note_broken(struct sim *sim, struct flow *flow, enum fake_packet packet, uint8_t got)
{
	struct sim_result *result = sim->result;
	char text[100];

	if (result->first_broken[0])
		return;
	paths_describe(sim->paths, flow->hash, text, sizeof(text));
	snprintf(result->first_broken, sizeof(result->first_broken),
		 "at %u.%u s %s of a connection of member %u went to %u: %s",
		 sim->tick / TICKS_PER_S, sim->tick % TICKS_PER_S,
		 packet == FAKE_SYN ? "a second SYN" : "a packet", flow->member[SIM_OURS].number,
		 got, text);
}

static void send_packet(struct sim *sim, struct flow *flow, enum fake_packet packet)
{
	uint8_t got[SIM_VARIANTS];
	int v;

	paths_send(sim->paths, flow->hash, packet, &flow->lru_hint, got);
	for (v = 0; v < SIM_VARIANTS; v++) {
		struct lru_member *member = &flow->member[v];

		if (!member->number)
			continue;
		/* A member that refuses connections: its client asks again. */
		if (member->life != sim->paths->lives[member->number] ||
		    (packet == FAKE_SYN && sim->paths->is_refusing[member->number])) {
			sim->result->lost[v]++;
			member->number = 0;
		} else if (got[v] != member->number) {
			if (v == SIM_OURS)
				note_broken(sim, flow, packet, got[v]);
			sim->result->broken[v]++;
			member->number = 0;
		}
	}
}

/* Returns the ticks to its next packet. */
static uint32_t open_flow(struct sim *sim, struct flow *flow, enum pace pace)
{
	uint8_t got[SIM_VARIANTS];
	int v;

	*flow = (struct flow){.hash = new_hash(sim), .lru_hint = LRU_NONE, .pace = (uint8_t)pace};
	if (pick(sim, sim->options->late_every) == 0)
		flow->syns = pick(sim, 10) ? 1 : 2;
	sim->result->connections++;
	paths_send(sim->paths, flow->hash, FAKE_SYN, &flow->lru_hint, got);
	for (v = 0; v < SIM_VARIANTS; v++)
		flow->member[v] = (struct lru_member){got[v], sim->paths->lives[got[v]]};
	return flow->syns ? SECOND_SYN_TICKS : 1;
}

/* Its next packet. Returns the ticks to the one after it, 0: there is none. */
static uint32_t go_on(struct sim *sim, struct flow *flow)
{
	uint32_t min = paces[flow->pace].min_s * TICKS_PER_S;
	uint32_t max = paces[flow->pace].max_s * TICKS_PER_S;
	bool is_short = flow->pace == PACE_SHORT;

	if (is_gone(flow))
		return is_short ? 0 : open_flow(sim, flow, (enum pace)flow->pace);
	if (flow->syns) {
		send_packet(sim, flow, FAKE_SYN);
		flow->syns--;
		return flow->syns ? THIRD_SYN_TICKS : 2;
	}
	if (flow->is_closing) {
		send_packet(sim, flow, FAKE_DATA);
		return 0;
	}
	if (is_short && flow->is_open && pick(sim, 100) < CLOSES_PERCENT) {
		flow->is_closing = true;
		send_packet(sim, flow, FAKE_CLOSE);
		return 1;
	}
	send_packet(sim, flow, FAKE_DATA);
	flow->is_open = true;
	return min + pick(sim, max - min + 1);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static enum pace pace_of(uint32_t number)
{
	uint32_t tenth = number % 10;

	return tenth < 7 ? PACE_FAST : tenth < 9 ? PACE_MEDIUM : PACE_SLOW;
}

static void open_long(struct sim *sim)
{
	uint32_t i;

	for (i = 0; i < sim->long_flows; i++) {
		struct flow *flow = &sim->flows[i];

		open_flow(sim, flow, pace_of(i));
		flow->syns = 0;
		flow->is_open = true;
		send_packet(sim, flow, FAKE_DATA);
		wheel_add(sim->wheel, 1 + pick(sim, paces[flow->pace].max_s * TICKS_PER_S), i);
	}
}

static void open_short(struct sim *sim)
{
	uint64_t until = (uint64_t)(sim->tick + 1) * OPENED_PER_S / TICKS_PER_S;

	for (; sim->opened < until / sim->options->scale; sim->opened++) {
		uint32_t i = sim->free_count ? sim->free_flows[--sim->free_count]
					     : sim->flow_count++;

		wheel_add(sim->wheel, sim->tick + open_flow(sim, &sim->flows[i], PACE_SHORT), i);
	}
}

/* A million connections are far away: those that come soon are asked for. */
static void expect(const struct sim *sim, const uint32_t *due, size_t count, size_t i)
{
	const struct flow *flow;

	if (i + 3 * AHEAD < count)
		__builtin_prefetch(&sim->flows[due[i + 3 * AHEAD]]);
	if (i + 2 * AHEAD < count) {
		flow = &sim->flows[due[i + 2 * AHEAD]];
		paths_expect(sim->paths, flow->hash, flow->lru_hint);
	}
	if (i + AHEAD < count)
		lru_expect_use(sim->paths->lru, sim->flows[due[i + AHEAD]].lru_hint);
}

static void send_due(struct sim *sim)
{
	size_t count, i;
	AUTO_FREE uint32_t *due = wheel_take(sim->wheel, sim->tick, &count);

	for (i = 0; i < count; i++) {
		uint32_t wait;

		expect(sim, due, count, i);
		wait = go_on(sim, &sim->flows[due[i]]);

		if (wait) {
			wheel_add(sim->wheel, sim->tick + wait, due[i]);
		} else {
			sim->flows[due[i]].is_open = false;
			sim->free_flows[sim->free_count++] = due[i];
		}
	}
}

static void forge(struct sim *sim)
{
	const struct sequence_step *step = sim->forging;
	uint8_t got[SIM_VARIANTS];
	uint32_t left, hint;

	if (!step || sim->tick >= step->tick + step->seconds * TICKS_PER_S)
		return;
	left = step->count / sim->options->scale / (step->seconds * TICKS_PER_S);
	for (; left; left--) {
		hint = LRU_NONE;
		paths_send(sim->paths, new_hash(sim),
			   step->verb == SEQUENCE_SYNS ? FAKE_SYN : FAKE_DATA, &hint, got);
	}
}

/* Whoever is silent now would find out later. */
static void last_call(struct sim *sim)
{
	uint32_t i;

	sim->paths->is_last_call = true;
	for (i = 0; i < sim->flow_count; i++) {
		if (sim->flows[i].is_open)
			send_packet(sim, &sim->flows[i], FAKE_DATA);
	}
}

static void change_due(struct sim *sim, const struct sequence *sequence, size_t *done)
{
	for (; *done < sequence->count && sequence->steps[*done].tick == sim->tick; ++*done) {
		const struct sequence_step *step = &sequence->steps[*done];

		if (*done == 0)
			sim->result->early_lookups = paths_lookups_ours(sim->paths);
		if (step->verb == SEQUENCE_SYNS || step->verb == SEQUENCE_ACKS)
			sim->forging = step;
		else
			paths_change(sim->paths, step);
	}
}

static void conclude(struct sim *sim)
{
	struct sim_result *result = sim->result;

	result->packets = sim->paths->packets;
	result->lookups[SIM_FULL] = sim->paths->lookups_full;
	result->lookups[SIM_OURS] = paths_lookups_ours(sim->paths);
	result->peak[SIM_FULL] = lru_used(sim->paths->lru);
	result->peak[SIM_OURS] = sim->paths->peak_ours;
	result->late_slots = paths_late_slots(sim->paths, &result->slots);
}

void sim_run(const struct sequence *sequence, const struct sim_options *options,
	     struct sim_result *ret_result)
{
	struct sim sim = {.options = options,
			  .long_flows = LONG_FLOWS / options->scale,
			  .hashes = (uint64_t)options->seed << 40,
			  .random = (uint64_t)options->seed << 50,
			  .result = ret_result};
	uint32_t places = sim.long_flows + OPEN_MAX;
	size_t done = 0;

	*ret_result = (struct sim_result){0};
	sim.flow_count = sim.long_flows;
	sim.flows = util_alloc_array(places, sizeof(*sim.flows));
	sim.free_flows = util_alloc_array(places, sizeof(*sim.free_flows));
	sim.wheel = wheel_new();
	sim.paths = paths_new(sequence, options);
	paths_turn(sim.paths, 0);
	open_long(&sim);
	for (sim.tick = 1; sim.tick < sequence->end_tick; sim.tick++) {
		change_due(&sim, sequence, &done);
		paths_turn(sim.paths, sim.tick);
		send_due(&sim);
		open_short(&sim);
		forge(&sim);
	}
	last_call(&sim);
	conclude(&sim);
	paths_free(sim.paths);
	wheel_free(sim.wheel);
	free(sim.flows);
	free(sim.free_flows);
}

void sim_fault(const struct sequence *sequence, const struct sim_result *result, char *text,
	       size_t size)
{
	*text = 0;
	if (result->broken[SIM_OURS])
		snprintf(text, size, "%llu connections broken; the first: %s",
			 (unsigned long long)result->broken[SIM_OURS], result->first_broken);
	else if (result->early_lookups)
		snprintf(text, size, "%llu lookups although nothing had changed",
			 (unsigned long long)result->early_lookups);
	else if (result->late_slots > result->slots / 100 * sequence->waiting_percent)
		snprintf(text, size, "at the end %u of %u slots are not where they should be",
			 result->late_slots, result->slots);
}
