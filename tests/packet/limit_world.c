/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "limit_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <bpf/bpf.h>

#include <sluice/gcra.h>

#include "base/util.h"
#include "packet/limit_native.h"

#define SINGLE_MAX 5000
#define FRAME_HEAD 54 /* Ethernet, IPv4, TCP */

static struct frame frame;

double rule_rate(const struct rule *rule)
{
	return (double)rule->rate_n / rule->rate_s / 1e9;
}

void limit_world_frame(const char *src, uint32_t length)
{
	struct packet packet = {.src = src,
				.dst = "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 40000,
				.dport = 80,
				.tcp_flags = TCP_ACK};

	if (length > FRAME_HEAD)
		packet.payload_len = (uint16_t)(length - FRAME_HEAD);
	frame_build(&frame, &packet);
}

void limit_world_set(struct world *world, struct rule *rule)
{
	struct sluice_service *cell;
	enum sluice_limit_count count = rule->count ? rule->count : SLUICE_COUNT_PACKETS;

	if (!rule->burst)
		rule->burst = gcra_burst_min(count, rule->rate_n, rule->rate_s, rule->tick_ns);
	assert_int_equal(gcra_params_make(count, rule->rate_n, rule->rate_s, rule->burst,
					  rule->tick_ns, &rule->p, NULL),
			 0);
	world_clear(world);
	*world->clock_ns = LIMIT_WORLD_START;
	cell = world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	cell->word |= SLUICE_SVC_F_LOCAL; /* which leaves frames as they are, to be repeated */
	cell->limits = 1;
	world->limits[1].rate = SLUICE_LIMIT_RATE(rule->p.inc, rule->p.tau);
	world->limits[1].word = (uint64_t)LIMIT_WORLD_SETS_LOG2 << 32 | (uint64_t)rule->p.k << 38 |
				(uint64_t)count << 44 | (uint64_t)SLUICE_LIMIT_ENFORCE << 48 |
				SLUICE_LIMIT_F_USED | 31ULL << 51 | 63ULL << 56;
	limit_world_frame(LIMIT_WORLD_SOURCE, 0);
	limit_native_clear();
}

void limit_world_clock(struct world *world, const struct rule *rule, uint64_t now_ns)
{
	*world->clock_ns = now_ns / rule->tick_ns * rule->tick_ns;
}

/* Words that owe nothing become free. */
static void sweep(struct sluice_limit_set *sets, size_t count, uint32_t now)
{
	for (size_t i = 0; i < count; i++)
		for (size_t way = 0; way < SLUICE_LIMIT_WAYS; way++) {
			__u64 *word = &sets[i].source[way];

			if ((int32_t)(SLUICE_SRC_TAT(*word) - now) <= 0)
				*word = 0;
		}
}

void limit_world_sweep(struct world *world, const struct rule *rule, uint64_t *swept_ns,
		       uint64_t now_ns)
{
	uint64_t idle_ns = (uint64_t)rule->p.tau << rule->p.k >> SLUICE_GCRA_NS_LOG2;

	/* After all debt is over each sweep finds the same. */
	for (uint64_t end_ns = *swept_ns + idle_ns + 2 * S;
	     *swept_ns + S <= now_ns && *swept_ns <= end_ns; *swept_ns += S) {
		uint32_t now;

		limit_world_clock(world, rule, *swept_ns + S);
		now = sluice_gcra_now(*world->clock_ns, rule->p.k);
		sweep(world->limit_sets, 1U << LIMIT_WORLD_SETS_LOG2, now);
		sweep(&limit_native_set, 1, now);
	}
	*swept_ns = MAX(*swept_ns, now_ns / S * S);
	limit_world_clock(world, rule, now_ns);
}

/* A test run that repeats puts the program into the kernel's dispatcher and waits for that: some ten
 * milliseconds, in which a few thousand single ones are done. */
int limit_world_run(struct world *world, uint32_t packets)
{
	bool is_repeated = packets > SINGLE_MAX;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data, .data_size_in = frame.len,
		    .repeat = is_repeated ? (int)packets : 1);

	for (uint32_t i = 0; i < (is_repeated ? 1 : packets); i++)
		if (bpf_prog_test_run_opts(bpf_program__fd(world->skel->progs.sluice), &opts))
			return -errno;
	return 0;
}

uint64_t limit_world_send(struct world *world, uint32_t packets)
{
	struct sluice_limit_stats before = world_limit_stats(world, 1), after;

	assert_int_equal(limit_world_run(world, packets), 0);
	after = world_limit_stats(world, 1);
	assert_int_equal(after.passed + after.refused - before.passed - before.refused, packets);
	return after.passed - before.passed;
}

struct bucket bucket_new(double rate, double burst, uint64_t now_ns)
{
	return (struct bucket){rate, burst, burst, now_ns};
}

void bucket_fill(struct bucket *b, uint64_t now_ns)
{
	b->tokens = fmin(b->burst, b->tokens + (double)(now_ns - b->last_ns) * b->rate);
	b->last_ns = now_ns;
}

double limit_random(void)
{
	static uint64_t state;

	state += 0x9e3779b97f4a7c15ULL;
	return ((double)(sluice_hash_mix(state) >> 11) + 0.5) / (double)(1ULL << 53);
}
