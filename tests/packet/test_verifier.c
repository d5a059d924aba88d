/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel's verifier has to do: within a budget, with every switch of the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "packet/prober.h"
#include "packet/world.h"

/* A tenth of what the kernel allows. Complexity creeps: raise this only with a reason. */
#define BUDGET 100000
/* Linux before 6.8 takes fewer ways through the program for the same: 137,000 in 6.1. */
#define BUDGET_OLD 200000

static uint32_t verified_instructions(struct bpf_program *program)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len), 0);
	return info.verified_insns;
}

static uint32_t budget(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%u.%u", &major, &minor), 2);
	return major < 6 || (major == 6 && minor < 8) ? BUDGET_OLD : BUDGET;
}

static void check_program(struct bpf_program *program, const char *switches)
{
	uint32_t count = verified_instructions(program);

	printf("# %s, %s: %u instructions verified, %zu in the program, budget %u\n",
	       bpf_program__name(program), switches, count, bpf_program__insn_cnt(program),
	       budget());
	assert_in_range(count, 1, budget());
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

/* ---- the stack ------------------------------------------------------------------------------ */

#define STACK_MAX 512 /* the kernel's: of all functions that call each other */
#define FRAME_STEP 32 /* what each takes is rounded up to; since Linux 6.9 to less */
#define FUNCTIONS_MAX 64

/* The functions of a program, in the order of its instructions. */
struct functions {
	const struct bpf_insn *insns;
	size_t insn_count, count;
	size_t starts[FUNCTIONS_MAX + 1];
	uint32_t depths[FUNCTIONS_MAX];
};

static char verifier_logs[2][1 << 16];

static void ask_for_log(struct bpf_program *program, char *log, size_t size)
{
	const uint32_t statistics_only = 4; /* the kernel's BPF_LOG_STATS */

	bpf_program__set_log_level(program, statistics_only);
	bpf_program__set_log_buf(program, log, size);
}

static void ask_for_logs(struct sluice_bpf *skel)
{
	ask_for_log(skel->progs.sluice, verifier_logs[0], sizeof(verifier_logs[0]));
	ask_for_log(skel->progs.sluice_explain, verifier_logs[1], sizeof(verifier_logs[1]));
}

static bool is_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
}

static size_t called(const struct functions *functions, size_t at)
{
	return at + 1 + (size_t)functions->insns[at].imm;
}

static int compare_sizes(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void find_functions(struct functions *functions, const struct bpf_program *program,
			   const char *log)
{
	const char *text = strstr(log, "stack depth ");
	size_t i, f;

	functions->insns = bpf_program__insns(program);
	functions->insn_count = bpf_program__insn_cnt(program);
	functions->starts[functions->count++] = 0;
	for (i = 0; i < functions->insn_count; i++) {
		if (!is_call(&functions->insns[i]))
			continue;
		for (f = 0; f < functions->count; f++)
			if (functions->starts[f] == called(functions, i))
				break;
		assert_true(f < FUNCTIONS_MAX);
		functions->starts[f] = called(functions, i);
		functions->count += f == functions->count;
	}
	qsort(functions->starts, functions->count, sizeof(*functions->starts), compare_sizes);
	functions->starts[functions->count] = functions->insn_count;
	assert_non_null(text); /* "stack depth 248+48+24..." */
	text += strlen("stack depth");
	for (f = 0; f < functions->count; f++) {
		assert_true(*text == (f ? '+' : ' '));
		functions->depths[f] = (uint32_t)strtoul(text + 1, (char **)&text, 10);
	}
	assert_true(*text == '\n');
}

/* What function f and the deepest of those that it calls take. */
static uint32_t stack_of(const struct functions *functions, size_t f)
{
	uint32_t own = functions->depths[f] ? functions->depths[f] : 1, deepest = 0;
	size_t i, g;

	for (i = functions->starts[f]; i < functions->starts[f + 1]; i++) {
		uint32_t depth = 0;

		if (!is_call(&functions->insns[i]))
			continue;
		for (g = 0; functions->starts[g] != called(functions, i); g++)
			;
		depth = stack_of(functions, g);
		deepest = depth > deepest ? depth : deepest;
	}
	return (own + FRAME_STEP - 1) / FRAME_STEP * FRAME_STEP + deepest;
}

/* It fits the stack of the oldest kernel, too, which rounds frames up more than later ones. */
static void test_stack(void **state)
{
	struct world *world = world_new(&(struct world_options){.prepare = ask_for_logs});
	const struct bpf_program *programs[] = {world->skel->progs.sluice,
						world->skel->progs.sluice_explain};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct functions functions = {0};
		uint32_t stack;

		find_functions(&functions, programs[i], verifier_logs[i]);
		stack = stack_of(&functions, 0);
		printf("# %s: %u bytes of stack in %zu functions\n", bpf_program__name(programs[i]),
		       stack, functions.count);
		assert_in_range(stack, 1, STACK_MAX);
	}
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
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_real_clock),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	return cmocka_run_group_tests_name("verifier", tests, NULL, NULL);
}
