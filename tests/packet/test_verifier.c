/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel's verifier has to do: within a budget, with every switch of the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "packet/prober.h"
#include "packet/world.h"

/* A tenth of what the kernel allows. Complexity creeps: raise this only with a reason. */
#define BUDGET 100000

static uint32_t verified_instructions(struct bpf_program *program)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len), 0);
	return info.verified_insns;
}

static void check_program(struct bpf_program *program, const char *switches)
{
	uint32_t count = verified_instructions(program);

	printf("# %s, %s: %u instructions verified, %zu in the program, budget %d\n",
	       bpf_program__name(program), switches, count, bpf_program__insn_cnt(program), BUDGET);
	assert_in_range(count, 1, BUDGET);
}

static void test_budget(void **state)
{
	static const struct {
		const char *name;
		struct world_options options;
	} variants[] = {
		{"all off", {.is_real_clock = true}},
		{"events", {.is_real_clock = true, .events_per_s = 100}},
		{"test clock", {0}},
		{"test clock, events", {.events_per_s = 100}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		struct world *world = world_new(&variants[i].options);

		check_program(world->skel->progs.sluice, variants[i].name);
		check_program(world->skel->progs.sluice_explain, variants[i].name);
		world_free(world);
	}
}

static void test_probe_budget(void **state)
{
	struct world *world = world_new(&(struct world_options){0});
	struct prober *prober = prober_new(world);

	(void)state;
	check_program(prober->skel->progs.sluice_probe, "as ever");
	prober_free(prober);
	world_free(world);
}

/* Limits work on jiffies as they do on the clock of the tests. */
static void test_real_clock(void **state)
{
	struct world *world = world_new(&(struct world_options){.is_real_clock = true});
	struct packet packet = {.src = "198.51.100.1", .dst = "192.0.2.1", .proto = 6, .dport = 80};
	struct sluice_service *cell;
	struct world_run run;

	(void)state;
	cell = world_service(world, 1, "192.0.2.1", 80, 6, 0);
	cell->word |= SLUICE_SVC_F_LOCAL;
	cell->limits = 1;
	/* Three in a thousand seconds: jiffies go on, but not that far. */
	world->limits[1].rate = SLUICE_LIMIT_RATE(1000, 3000);
	world->limits[1].word = SLUICE_LIMIT_F_USED | 32ULL << 38 |
				(uint64_t)SLUICE_COUNT_PACKETS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 | 63ULL << 56;
	for (int i = 0; i < 10; i++) {
		world_run_packet(world, &packet, &run);
		assert_int_equal(run.verdict, i < 3 ? SLUICE_V_local : SLUICE_V_limit);
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_probe_budget),
		cmocka_unit_test(test_real_clock),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	return cmocka_run_group_tests_name("verifier", tests, NULL, NULL);
}
