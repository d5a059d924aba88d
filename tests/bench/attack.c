/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "attack.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <sluice/hash.h>

#include "base/util.h"

#define HONEST_BASE 0x64400000 /* 100.64.0.0 */
#define LOUD_BASE 0x64410000
#define FORGED_BASE 0x0a000000 /* 10.0.0.0/8 */
#define HONEST_BURST 5

static uint64_t next_random(struct attack *attack)
{
	attack->random += 0x9e3779b97f4a7c15ULL;
	return sluice_hash_mix(attack->random);
}

static double next_unit(struct attack *attack)
{
	return (double)(next_random(attack) >> 11) / (double)(1ULL << 53);
}

/* Half of the honest ones send evenly, the others five at a time: 5 to 95 % of the limit. Loud ones
 * send 10 to 1,000 times as much as they may. */
static void make_sources(struct attack *attack)
{
	uint32_t i;

	for (i = 0; i < ATTACK_SOURCES; i++) {
		struct attack_source *s = &attack->sources[i];
		double times;

		s->is_loud = i >= ATTACK_HONEST;
		if (s->is_loud) {
			uint32_t n = i - ATTACK_HONEST;

			s->addr = LOUD_BASE + n;
			s->burst = 1;
			times = 10 * pow(100, (double)n / (ATTACK_LOUD - 1));
		} else {
			s->addr = HONEST_BASE + i;
			s->burst = i % 2 ? HONEST_BURST : 1;
			times = 0.05 + 0.9 * i / (ATTACK_HONEST - 1);
		}
		s->period_ns = 1e9 * s->burst / (times * attack->rate);
		s->next_ns = next_unit(attack) * s->period_ns;
	}
}

static void add_due(struct attack *attack, uint32_t source)
{
	uint32_t i;

	for (i = 0; i < attack->sources[source].burst; i++) {
		attack->due = util_grow(attack->due, &attack->due_capacity, attack->due_count + 1,
					sizeof(*attack->due));
		attack->due[attack->due_count++] = (uint16_t)source;
	}
}

static void plan_tick(struct attack *attack)
{
	size_t i, flood;

	attack->due_count = 0;
	for (i = 0; i < ATTACK_SOURCES; i++) {
		struct attack_source *s = &attack->sources[i];
		double end_ns = (double)(attack->planned_ns + ATTACK_TICK_NS);

		for (; s->next_ns < end_ns; s->next_ns += s->period_ns)
			add_due(attack, (uint32_t)i);
	}
	for (i = attack->due_count; i > 1; i--) { /* in any order */
		size_t other = next_random(attack) % i;
		uint16_t swap = attack->due[other];

		attack->due[other] = attack->due[i - 1];
		attack->due[i - 1] = swap;
	}
	attack->flood_due += attack->flood_per_tick;
	flood = (size_t)attack->flood_due;
	attack->flood_due -= (double)flood;
	attack->total = flood + attack->due_count;
	attack->written = 0;
}

void attack_begin(struct attack *attack, const struct attack_plan *plan, uint32_t rate,
		  uint32_t words)
{
	memset(attack, 0, sizeof(*attack));
	attack->plan = *plan;
	attack->rate = rate;
	attack->flood_per_tick = plan->of_bound * rate * words * ATTACK_TICK_NS / 1e9;
	make_sources(attack);
	plan_tick(attack);
}

void attack_done(struct attack *attack)
{
	free(attack->due);
	attack->due = NULL;
}

/* All forged sources come up before one comes again, in an order that looks like none. */
static uint32_t forged_addr(struct attack *attack)
{
	uint32_t i = (uint32_t)(attack->forged++ / attack->plan.burst);

	i = i * 2654435761U & ((1U << ATTACK_FORGED_LOG2) - 1);
	i ^= i >> 11;
	i = i * 2246822519U & ((1U << ATTACK_FORGED_LOG2) - 1);
	return FORGED_BASE | i;
}

static struct attack_packet next_packet(struct attack *attack)
{
	/* Those that are due come evenly between the flood's. */
	size_t now = attack->written * attack->due_count / attack->total;
	size_t after = ++attack->written * attack->due_count / attack->total;
	struct attack_packet packet = {.action = XDP_ABORTED};

	if (now == after) {
		packet.source_be = htonl(forged_addr(attack));
	} else {
		packet.source_be = htonl(attack->sources[attack->due[now]].addr);
		packet.who = attack->due[now] + 1;
	}
	return packet;
}

uint32_t attack_write(struct attack *attack, struct attack_packet *ret_packets)
{
	double span_ns = (attack->plan.warm_s + attack->plan.window_s) * 1e9;
	uint32_t count = 0;
	uint8_t ticks = 0;

	while (count < ATTACK_BATCH) {
		if (attack->written == attack->total) {
			if ((double)(attack->planned_ns + ATTACK_TICK_NS) >= span_ns)
				break;
			attack->planned_ns += ATTACK_TICK_NS;
			plan_tick(attack);
			ticks++;
			continue;
		}
		ret_packets[count] = next_packet(attack);
		ret_packets[count++].ticks = ticks;
		ticks = 0;
	}
	return count;
}

void attack_count(struct attack *attack, const struct attack_packet *packets, uint32_t count)
{
	double warm_ns = attack->plan.warm_s * 1e9;
	uint32_t i;

	for (i = 0; i < count; i++) {
		struct attack_source *s;

		attack->counted_ns += packets[i].ticks * ATTACK_TICK_NS;
		if (!packets[i].who)
			continue;
		s = &attack->sources[packets[i].who - 1];
		if (s->is_loud && (double)attack->counted_ns < warm_ns)
			continue;
		s->sent++;
		s->passed += packets[i].action == XDP_TX;
		s->refused += packets[i].action == XDP_DROP;
	}
}
