/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "limit_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <bpf/bpf.h>

#include <sluice/gcra.h>

#define SINGLE_MAX 5000

static struct frame frame;

double rule_rate(const struct rule *rule)
{
	return (double)rule->rate_n / rule->rate_s / 1e9;
}

void limit_world_set(struct world *world, struct rule *rule)
{
	struct sluice_service *cell;
	struct packet packet = {.src = "198.51.100.1",
				.dst = "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 40000,
				.dport = 80,
				.tcp_flags = TCP_ACK};

	if (!rule->burst)
		rule->burst = gcra_burst_min(SLUICE_COUNT_PACKETS, rule->rate_n, rule->rate_s,
					     rule->tick_ns);
	assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, rule->rate_n, rule->rate_s,
					  rule->burst, rule->tick_ns, &rule->p, NULL),
			 0);
	world_clear(world);
	*world->clock_ns = LIMIT_WORLD_START;
	cell = world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	cell->word |= SLUICE_SVC_F_LOCAL; /* which leaves frames as they are, to be repeated */
	cell->limits = 1;
	world->limits[1].rate = SLUICE_LIMIT_RATE(rule->p.inc, rule->p.tau);
	world->limits[1].word = (uint64_t)LIMIT_WORLD_SETS_LOG2 << 32 | (uint64_t)rule->p.k << 38 |
				(uint64_t)SLUICE_COUNT_PACKETS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | SLUICE_LIMIT_F_USED |
				31ULL << 51 | 63ULL << 56;
	frame_build(&frame, &packet);
}

void limit_world_clock(struct world *world, const struct rule *rule, uint64_t now_ns)
{
	*world->clock_ns = now_ns / rule->tick_ns * rule->tick_ns;
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
