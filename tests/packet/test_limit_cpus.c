/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The limiter on the real program, asked by several CPUs at once about one source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "packet/limit_world.h"

#define CPUS 4

static struct world *world;

struct crowd {
	pthread_barrier_t barrier;
	uint32_t packets;
};

struct sender {
	struct crowd *crowd;
	pthread_t thread;
	int cpu;
};

static int go_to_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void *sender_run(void *arg)
{
	struct sender *sender = arg;

	if (go_to_cpu(sender->cpu))
		return NULL;
	pthread_barrier_wait(&sender->crowd->barrier);
	return limit_world_run(world, sender->crowd->packets) ? NULL : sender;
}

/* The CPUs of this process, at most CPUS. */
static int find_cpus(int ret_cpus[CPUS])
{
	long cpu, online = sysconf(_SC_NPROCESSORS_ONLN);
	int count = 0;

	for (cpu = 0; cpu < online && count < CPUS; cpu++)
		ret_cpus[count++] = (int)cpu;
	return count;
}

/* Each CPU sends so many packets of the one source, all at the same time. */
static struct sluice_limit_stats send_from_all(uint32_t packets)
{
	struct sluice_limit_stats before = world_limit_stats(world, 1), after;
	struct crowd crowd = {.packets = packets};
	struct sender senders[CPUS] = {};
	int cpus[CPUS], count = find_cpus(cpus), i;

	pthread_barrier_init(&crowd.barrier, NULL, (unsigned int)count);
	for (i = 0; i < count; i++) {
		senders[i].crowd = &crowd;
		senders[i].cpu = cpus[i];
		assert_int_equal(pthread_create(&senders[i].thread, NULL, sender_run, &senders[i]),
				 0);
	}
	for (i = 0; i < count; i++) {
		void *result;

		pthread_join(senders[i].thread, &result);
		assert_non_null(result);
	}
	pthread_barrier_destroy(&crowd.barrier);
	after = world_limit_stats(world, 1);
	assert_int_equal(after.passed + after.refused - before.passed - before.refused,
			 (uint64_t)packets * (uint64_t)count);
	after.passed -= before.passed;
	after.refused -= before.refused;
	return after;
}

/* Time stands still: exactly the burst passes, whoever sent it. */
static void test_cpus_lose_nothing(void **state)
{
	int cpus[CPUS], count = find_cpus(cpus);
	struct rule rule = {1000000, 1, .burst = 1000000, .tick_ns = 4 * MS};

	(void)state;
	if (count < 2) {
		puts("# SKIP one CPU only");
		skip();
	}
	for (int i = 0; i < 10; i++) {
		limit_world_set(world, &rule);
		assert_int_equal(send_from_all(800000).passed, rule.burst);
	}
}

/* Rounds that begin on all CPUs at once: a barrier that sleeps would let them go one by one. */
struct race {
	_Atomic uint32_t begun; /* the round that may run; UINT32_MAX: no more */
	_Atomic uint32_t done;	/* runs of all other CPUs so far */
	uint32_t packets;	/* of each CPU in a round */
};

struct racer {
	struct race *race;
	pthread_t thread;
	int cpu;
};

static void *racer_run(void *arg)
{
	struct racer *racer = arg;
	struct race *race = racer->race;
	bool is_ok = !go_to_cpu(racer->cpu);
	uint32_t round = 0;

	while (true) {
		while (race->begun == round)
			;
		round = race->begun;
		if (round == UINT32_MAX)
			return is_ok ? racer : NULL;
		is_ok &= !limit_world_run(world, race->packets);
		race->done++;
	}
}

/* One round; returns how many packets passed. */
static uint64_t race_once(struct race *race, uint32_t round, int others)
{
	uint64_t before = world_limit_stats(world, 1).passed;

	for (size_t i = 0; i < 1U << LIMIT_WORLD_SETS_LOG2; i++)
		world->limit_sets[i] = (struct sluice_limit_set){0};
	race->begun = round;
	assert_int_equal(limit_world_run(world, race->packets), 0);
	while (race->done < round * (uint32_t)others)
		;
	return world_limit_stats(world, 1).passed - before;
}

/* A source that nobody knows comes on all CPUs at once. It gets one word, whoever writes it first. */
static void test_newcomer_on_all_cpus(void **state)
{
	struct rule rule = {1, 60, .tick_ns = 4 * MS};
	struct racer racers[CPUS] = {};
	struct timespec begin, now;
	int cpus[CPUS], count = find_cpus(cpus), i;
	uint32_t wrong = 0, round = 0;
	struct race race = {0};
	cpu_set_t all;

	(void)state;
	if (count < 2) {
		puts("# SKIP one CPU only");
		skip();
	}
	limit_world_set(world, &rule);
	race.packets = (uint32_t)rule.burst;
	sched_getaffinity(0, sizeof(all), &all);
	for (i = 1; i < count; i++) {
		racers[i] = (struct racer){.race = &race, .cpu = cpus[i]};
		assert_int_equal(pthread_create(&racers[i].thread, NULL, racer_run, &racers[i]), 0);
	}
	assert_int_equal(go_to_cpu(cpus[0]), 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		wrong += race_once(&race, ++round, count - 1) != rule.burst;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (round < 100000 && now.tv_sec < begin.tv_sec + 3);
	race.begun = UINT32_MAX;
	for (i = 1; i < count; i++) {
		void *result;

		pthread_join(racers[i].thread, &result);
		assert_non_null(result);
	}
	sched_setaffinity(0, sizeof(all), &all);
	printf("# not the burst passed in %u of %u rounds\n", wrong, round);
	assert_int_equal(wrong, 0);
}

/* Jiffies go on while the CPUs send: no more than the bucket had and got. */
static void check_over_time(uint64_t rate)
{
	struct rule rule = {.rate_n = rate, .rate_s = 1};
	struct timespec tick, begin, end;
	uint64_t passed = 0;
	double most, span_s;

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	rule.tick_ns = (uint32_t)tick.tv_nsec;
	limit_world_set(world, &rule);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < 4; i++)
		passed += send_from_all(1500000).passed;
	clock_gettime(CLOCK_MONOTONIC, &end);
	span_s = (double)(end.tv_sec - begin.tv_sec) +
		 (double)(end.tv_nsec - begin.tv_nsec + 2 * tick.tv_nsec) / 1e9;
	most = (double)rule.burst + 1.005 * (double)rate * span_s;
	printf("# %llu a second: %llu passed of at most %.0f\n", (unsigned long long)rate,
	       (unsigned long long)passed, most);
	assert_true((double)passed <= most);
}

static void test_cpus_over_time(void **state)
{
	struct world *tested = world;

	(void)state;
	world = world_new(&(struct world_options){.is_real_clock = true});
	check_over_time(10);
	check_over_time(1000);
	check_over_time(10000);
	check_over_time(100000);
	check_over_time(1000000);
	world_free(world);
	world = tested;
}

/* A CPU was held up between reading the clock and the source's word, which others have charged in the
 * meantime: it refuses, and forgets no debt. Unless the delay was longer than a tick of `seen` and than
 * the burst: then it may, for as much has become free meanwhile. */
static void test_late_cpu(void **state)
{
	static const uint64_t rates[] = {10, 500, 1000, 25000, 1000000};
	static const uint64_t lates_ns[] = {1 * MS, 4 * MS, 16 * MS, 40 * MS, 500 * MS};

	(void)state;
	for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++)
		for (size_t l = 0; l < sizeof(lates_ns) / sizeof(lates_ns[0]); l++) {
			struct rule rule = {.rate_n = rates[r], .rate_s = 1, .tick_ns = 4 * MS};
			uint64_t now_ns = LIMIT_WORLD_START + S;

			limit_world_set(world, &rule);
			if (lates_ns[l] > 16 * MS &&
			    (double)lates_ns[l] * rule_rate(&rule) > (double)rule.burst)
				continue;
			*world->clock_ns = now_ns;
			assert_int_equal(limit_world_send(world, (uint32_t)rule.burst + 100),
					 rule.burst);
			*world->clock_ns = now_ns - lates_ns[l];
			if (limit_world_send(world, 3))
				fail_msg("%llu/s: passed on a CPU %llu ms late",
					 (unsigned long long)rates[r],
					 (unsigned long long)(lates_ns[l] / MS));
			*world->clock_ns = now_ns;
			if (limit_world_send(world, 3))
				fail_msg("%llu/s: a CPU %llu ms late wiped its debt",
					 (unsigned long long)rates[r],
					 (unsigned long long)(lates_ns[l] / MS));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpus_lose_nothing),
		cmocka_unit_test(test_newcomer_on_all_cpus),
		cmocka_unit_test(test_cpus_over_time),
		cmocka_unit_test(test_late_cpu),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("limit cpus", tests, NULL, NULL);
	world_free(world);
	return failed;
}
