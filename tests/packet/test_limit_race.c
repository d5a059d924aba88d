/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CPUs that decide about one source at once, with the packet path's code compiled for this machine: at
 * each access to a word the dice says which of them goes on. Whatever the order, what passed is owed, and by
 * one word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <ucontext.h>

#include <sluice/gcra.h>
#include <sluice/hash.h>

#include "base/util.h"
#include "packet/limit_native.h"

#define CPUS 4		/* that have packets of the source */
#define RUNS (CPUS + 1) /* and one frees what owes nothing any more */
#define PACKETS_MAX 4	/* of a CPU */
#define SCHEDULES 20000
#define STACK (64 * 1024)
#define OTHER_TAG 100 /* and more: of other sources */

/* Units of a nanosecond. A packet owes much more time than lies between the clocks of the CPUs. */
#define START_NS (1ULL << 40)
#define LATE 1000
#define BYTES 64
#define COST (1U << 16)
static const struct gcra_params params = {
	.k = SLUICE_GCRA_NS_LOG2, .inc = COST / BYTES << 16, .tau = 100 * COST};

struct run {
	ucontext_t context;
	char stack[STACK];
	uint64_t clock_ns;
	int packets, passed;
	bool is_over;
};

static struct run runs[RUNS];
static struct run *running;
static ucontext_t scheduler;
static uint64_t dice;

static uint32_t roll(uint32_t sides)
{
	dice += 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(sluice_hash_mix(dice) >> 32) % sides;
}

static void let_others_go_on(void)
{
	swapcontext(&running->context, &scheduler);
}

static void send_packets(void)
{
	struct run *run = running;

	for (int i = 0; i < run->packets; i++)
		run->passed += limit_native_admits(&params, run->clock_ns, BYTES);
	run->is_over = true;
}

/* As the daemon does, or others that take their words back. */
static void free_words(void)
{
	struct run *run = running;

	for (size_t way = 0; way < SLUICE_LIMIT_WAYS; way++) {
		__u64 *word = &limit_native_set.source[way];

		let_others_go_on();
		if (SLUICE_SRC_TAG(*word) >= OTHER_TAG &&
		    (int32_t)(SLUICE_SRC_TAT(*word) - (uint32_t)run->clock_ns) <= 0)
			*word = 0;
	}
	run->is_over = true;
}

static void begin(struct run *run, void (*fn)(void))
{
	run->clock_ns = START_NS + roll(2) * LATE;
	run->packets = 1 + (int)roll(PACKETS_MAX);
	run->passed = 0;
	run->is_over = false;
	getcontext(&run->context);
	run->context.uc_stack.ss_sp = run->stack;
	run->context.uc_stack.ss_size = sizeof(run->stack);
	run->context.uc_link = &scheduler;
	makecontext(&run->context, fn, 0);
}

/* Other sources: some owe much, some what only a late clock sees as paid. */
static void fill_set(void)
{
	limit_native_clear();
	for (uint32_t way = 0; way < SLUICE_LIMIT_WAYS; way++) {
		uint32_t owed = roll(2) ? LATE / 2 : (1 + roll(50)) * COST;

		if (roll(3))
			limit_native_set.source[way] = SLUICE_SRC(OTHER_TAG + way,
								  sluice_gcra_seen(START_NS),
								  (uint32_t)START_NS + owed);
	}
}

/* Until all are done; returns how many packets passed. */
static int run_all(void)
{
	int passed = 0, left = RUNS;

	for (int i = 0; i < RUNS; i++)
		begin(&runs[i], i < CPUS ? send_packets : free_words);
	limit_native_step = let_others_go_on;
	while (left) {
		running = &runs[roll(RUNS)];
		if (running->is_over)
			continue;
		swapcontext(&scheduler, &running->context);
		left -= running->is_over;
	}
	limit_native_step = NULL;
	for (int i = 0; i < CPUS; i++)
		passed += runs[i].passed;
	return passed;
}

static void test_one_word_owes_all(void **state)
{
	uint32_t two_words = 0, wrong = 0;

	(void)state;
	for (uint32_t n = 0; n < SCHEDULES; n++) {
		uint32_t words = 0, owed = 0, most;
		int passed;

		dice = n;
		fill_set();
		passed = run_all();
		for (size_t way = 0; way < SLUICE_LIMIT_WAYS; way++) {
			uint64_t word = limit_native_set.source[way];

			if (!word || SLUICE_SRC_TAG(word) >= OTHER_TAG)
				continue;
			words++;
			owed = SLUICE_SRC_TAT(word) - (uint32_t)START_NS;
		}
		two_words += words != 1;
		most = (uint32_t)passed * COST + CPUS * LATE;
		wrong += owed + CPUS * LATE < (uint32_t)passed * COST || owed > most;
	}
	printf("# of %d orders %u with two words, %u with another debt\n", SCHEDULES, two_words,
	       wrong);
	assert_int_equal(two_words, 0);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_word_owes_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("limit race", tests, NULL, NULL);
}
