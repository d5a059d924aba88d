/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Properties of slot tables (docs/decisions/claim-race.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/abi.h>

#include "base/util.h"
#include "core/slots.h"
#include "core/slots_log.h"
#include "core/slots_queue.h"

#define ONE 65536U
#define SEED 0x5105eedULL

#define GOLDEN_LOG12 0x2ff77f3901621b48ULL
#define GOLDEN_LOG16 0xf7d598a892ef078fULL
#define GOLDEN_EQUAL 0x84af431eU
#define GOLDEN_MIXED 0x6a08c0a1U
#define GOLDEN_RUNNER 0x76bda829U

struct table {
	unsigned int log2;
	uint32_t *owner, *runner;
};

static struct table table_new(const struct slots_member *members, uint32_t count, uint64_t seed,
			      unsigned int log2)
{
	struct table t = {log2, util_alloc_array(1U << log2, 4), util_alloc_array(1U << log2, 4)};

	assert_int_equal(slots_build(members, count, seed, log2, t.owner, t.runner), 0);
	return t;
}

static void table_free(struct table *t)
{
	free(t->owner);
	free(t->runner);
}

static void assert_same(const struct table *a, const struct table *b)
{
	assert_int_equal(a->log2, b->log2);
	assert_memory_equal(a->owner, b->owner, 4U << a->log2);
	assert_memory_equal(a->runner, b->runner, 4U << a->log2);
}

/* count members 10.0.x.x:443 with index 1.. and the weight that fn says. */
static struct slots_member *members_new(uint32_t count, uint32_t (*weight)(uint32_t))
{
	struct slots_member *members = util_alloc_array(count + 1, sizeof(*members));
	uint32_t i;

	for (i = 0; i < count; i++) {
		uint8_t text[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, i >> 8, i};

		memcpy(members[i].addr.b, text, 16);
		members[i].port = 443;
		members[i].weight = weight(i);
		members[i].index = i + 1;
	}
	return members;
}

static uint32_t weight_equal(uint32_t i)
{
	(void)i;
	return 100 * ONE;
}

static uint32_t weight_mixed(uint32_t i)
{
	return (1 + i % 10) * ONE;
}

static uint32_t weight_distinct(uint32_t i)
{
	return ONE + i * 977;
}

static uint32_t weight_half_heavy(uint32_t i)
{
	return i % 2 ? 100 * ONE : ONE;
}

static uint32_t weight_1_100(uint32_t i)
{
	return i ? 100 * ONE : ONE;
}

/* Slots of a member as part of its ideal number. */
static void loads(const struct slots_member *members, uint32_t count, const struct table *t,
		  double *ret_max, double *ret_min, uint32_t *ret_over)
{
	AUTO_FREE uint32_t *owned = util_alloc_array(count + 1, sizeof(*owned));
	double total = 0, ideal, max = 0, min = 1e9;
	uint32_t i, over = 0;

	for (i = 0; i < 1U << t->log2; i++)
		owned[t->owner[i]]++;
	for (i = 0; i < count; i++)
		total += members[i].weight;
	for (i = 0; i < count; i++) {
		ideal = (double)(1U << t->log2) * members[i].weight / total;
		if (!members[i].weight) {
			assert_int_equal(owned[i + 1], 0);
			continue;
		}
		assert_true(owned[i + 1] > 0);
		max = fmax(max, owned[i + 1] / ideal);
		min = fmin(min, owned[i + 1] / ideal);
		over += owned[i + 1] > (uint32_t)ceil(1.05 * ideal) + 1;
	}
	*ret_max = max;
	*ret_min = min;
	*ret_over = over;
}

static void test_load_equal(void **state)
{
	AUTO_FREE struct slots_member *members = members_new(100, weight_equal);
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 10; seed++) {
		struct table t = table_new(members, 100, seed, 16);
		double max, min;
		uint32_t over;

		loads(members, 100, &t, &max, &min, &over);
		assert_int_equal(over, 0);
		assert_true(max <= 1.06);
		assert_true(min >= 0.88);
		table_free(&t);
	}
}

static void test_load_mixed(void **state)
{
	uint32_t (*const weights[])(uint32_t) = {weight_mixed, weight_distinct, weight_half_heavy};
	double max, min;
	uint32_t over;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(weights); i++) {
		AUTO_FREE struct slots_member *members = members_new(100, weights[i]);
		struct table t = table_new(members, 100, SEED, 16);

		loads(members, 100, &t, &max, &min, &over);
		assert_int_equal(over, 0);
		table_free(&t);
	}
}

static void test_weights_1_to_100(void **state)
{
	AUTO_FREE struct slots_member *members = members_new(2, weight_1_100);
	double max, min;
	uint32_t over;
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 10; seed++) {
		struct table t = table_new(members, 2, seed, 16);

		loads(members, 2, &t, &max, &min, &over);
		assert_true(max <= 1.10 && min >= 0.90);
		table_free(&t);
	}
}

static uint32_t weight_extreme(uint32_t i)
{
	return i ? 1 : UINT32_MAX;
}

/* A weight that deserves a millionth of a slot still gets one, while there are slots. */
static void test_nobody_is_empty(void **state)
{
	AUTO_FREE struct slots_member *members = members_new(1000, weight_extreme);
	AUTO_FREE struct slots_member *crowd = members_new(5000, weight_equal);
	struct table t = table_new(members, 1000, SEED, 12);
	AUTO_FREE uint32_t *owned = util_alloc_array(5001, sizeof(*owned));
	uint32_t i, served = 0;

	(void)state;
	for (i = 0; i < 1U << 12; i++) {
		owned[t.owner[i]]++;
		assert_int_not_equal(t.runner[i], 0);
		assert_int_not_equal(t.runner[i], t.owner[i]);
	}
	for (i = 1; i <= 1000; i++)
		assert_true(owned[i] >= 1);
	table_free(&t);
	/* More members than slots: each slot is somebody else's. */
	memset(owned, 0, 5001 * sizeof(*owned));
	t = table_new(crowd, 5000, SEED, 12);
	for (i = 0; i < 1U << 12; i++)
		owned[t.owner[i]]++;
	assert_int_equal(owned[0], 0);
	for (i = 1; i <= 5000; i++) {
		assert_true(owned[i] <= 1);
		served += owned[i];
	}
	assert_int_equal(served, 1U << 12);
	table_free(&t);
}

static void shuffle(struct slots_member *members, uint32_t count, unsigned int *seed)
{
	uint32_t i;

	for (i = count; i > 1; i--) {
		uint32_t j = (uint32_t)rand_r(seed) % i;
		struct slots_member m = members[j];

		members[j] = members[i - 1];
		members[i - 1] = m;
	}
}

static void test_insertion_order_is_irrelevant(void **state)
{
	uint32_t (*const weights[])(uint32_t) = {weight_equal, weight_mixed, weight_distinct};
	unsigned int seed = 1, round;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(weights); i++) {
		AUTO_FREE struct slots_member *members = members_new(60, weights[i]);
		struct table first = table_new(members, 60, SEED, 15);
		uint32_t print = slots_fingerprint(members, 60, first.owner, 15);

		for (round = 0; round < 5; round++) {
			struct table t;

			shuffle(members, 60, &seed);
			t = table_new(members, 60, SEED, 15);
			assert_same(&first, &t);
			assert_int_equal(slots_fingerprint(members, 60, t.owner, 15), print);
			table_free(&t);
		}
		table_free(&first);
	}
}

/* Nodes give indices as they like; the table and its fingerprint follow identities. */
static void test_fingerprint_ignores_indices(void **state)
{
	AUTO_FREE struct slots_member *members = members_new(30, weight_mixed);
	AUTO_FREE struct slots_member *other = members_new(30, weight_mixed);
	struct table a = table_new(members, 30, SEED, 14), b;
	uint32_t i;

	(void)state;
	for (i = 0; i < 30; i++)
		other[i].index = 5000 - 7 * i;
	b = table_new(other, 30, SEED, 14);
	for (i = 0; i < 1U << 14; i++)
		assert_int_equal(b.owner[i], 5000 - 7 * (a.owner[i] - 1));
	assert_int_equal(slots_fingerprint(members, 30, a.owner, 14),
			 slots_fingerprint(other, 30, b.owner, 14));
	a.owner[77] = a.owner[77] % 30 + 1;
	assert_int_not_equal(slots_fingerprint(members, 30, a.owner, 14),
			     slots_fingerprint(other, 30, b.owner, 14));
	table_free(&a);
	table_free(&b);
}

/* Removing one member moves its slots and hardly any other; its slots go where the runner-ups
 * said; adding it back gives the first table again. */
static void test_remove_and_add_back(void **state)
{
	AUTO_FREE struct slots_member *members = members_new(100, weight_equal);
	struct table before = table_new(members, 100, SEED, 16);
	uint32_t victim, i, size = 1U << 16, excess_all = 0;

	(void)state;
	for (victim = 0; victim < 100; victim += 9) {
		uint32_t weight = members[victim].weight, excess = 0, lost = 0, as_said = 0;
		struct table after, back;

		members[victim].weight = 0;
		after = table_new(members, 100, SEED, 16);
		for (i = 0; i < size; i++) {
			if (before.owner[i] == victim + 1) {
				lost++;
				as_said += after.owner[i] == before.runner[i];
			} else {
				excess += after.owner[i] != before.owner[i];
			}
		}
		assert_true(excess <= size * 0.0006);
		assert_true(as_said >= lost * 0.99);
		excess_all += excess;
		members[victim].weight = weight;
		back = table_new(members, 100, SEED, 16);
		assert_same(&before, &back);
		table_free(&after);
		table_free(&back);
	}
	assert_true(excess_all <= 12 * size * 0.0003);
	table_free(&before);
}

static void test_one_and_none(void **state)
{
	AUTO_FREE struct slots_member *members = members_new(2, weight_equal);
	uint32_t i;

	(void)state;
	members[1].weight = 0;
	{
		struct table t = table_new(members, 2, SEED, 12);

		for (i = 0; i < 1U << 12; i++) {
			assert_int_equal(t.owner[i], 1);
			assert_int_equal(t.runner[i], 0);
		}
		table_free(&t);
	}
	members[0].weight = 0;
	for (i = 0; i < 2; i++) {
		struct table t = table_new(members, i ? 0 : 2, SEED, 12);
		uint32_t slot;

		for (slot = 0; slot < 1U << 12; slot++) {
			assert_int_equal(t.owner[slot], 0);
			assert_int_equal(t.runner[slot], 0);
		}
		table_free(&t);
	}
}

static void test_bad_size(void **state)
{
	AUTO_FREE struct slots_member *members = members_new(2, weight_equal);
	uint32_t owner[1] = {4711};

	(void)state;
	assert_int_equal(slots_build(members, 2, SEED, 11, owner, NULL), -EINVAL);
	assert_int_equal(slots_build(members, 2, SEED, 21, owner, NULL), -EINVAL);
	assert_int_equal(owner[0], 4711);
	assert_int_equal(slots_log2_for(0), 12);
	assert_int_equal(slots_log2_for(8), 12);
	assert_int_equal(slots_log2_for(9), 13);
	assert_int_equal(slots_log2_for(100), 16);
	assert_int_equal(slots_log2_for(1000), 19);
	assert_int_equal(slots_log2_for(1000000), 20);
}

static uint64_t fnv(const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325ULL;

	while (bytes--)
		h = (h ^ *p++) * 0x100000001b3ULL;
	return h;
}

/* The numbers that every node must have. A change here means that nodes of two versions disagree:
 * then it is a new revision of the algorithm, not a refactoring. */
static void test_golden(void **state)
{
	AUTO_FREE struct slots_member *equal = members_new(100, weight_equal);
	AUTO_FREE struct slots_member *mixed = members_new(100, weight_mixed);
	struct table a = table_new(equal, 100, SEED, 16), b = table_new(mixed, 100, SEED, 16);

	(void)state;
	assert_int_equal(fnv(slots_log_table(12), 8U << 12), GOLDEN_LOG12);
	assert_int_equal(fnv(slots_log_table(16), 8U << 16), GOLDEN_LOG16);
	assert_int_equal(slots_fingerprint(equal, 100, a.owner, 16), GOLDEN_EQUAL);
	assert_int_equal(slots_fingerprint(mixed, 100, b.owner, 16), GOLDEN_MIXED);
	assert_int_equal(slots_fingerprint(equal, 100, a.runner, 16), GOLDEN_RUNNER);
	table_free(&a);
	table_free(&b);
}

static void test_log_table(void **state)
{
	const uint64_t *table = slots_log_table(16);
	uint32_t r, size = 1U << 16;

	(void)state;
	for (r = 0; r < size; r++) {
		double want = -log1p(-(r + 0.5) / size) * 0x1p44;

		assert_true(fabs((double)table[r] - want) <= 1 + want * 1e-14);
		if (r)
			assert_true(table[r] > table[r - 1]);
	}
	assert_ptr_equal(table, slots_log_table(16));
}

static void *build_in_thread(void *arg)
{
	AUTO_FREE struct slots_member *members = members_new(50, weight_mixed);
	struct table *t = arg;

	*t = table_new(members, 50, SEED, 17);
	return NULL;
}

/* Nobody has asked for 2^17 yet, so the threads race to make its logarithms. */
static void test_threads(void **state)
{
	pthread_t threads[4];
	struct table tables[4];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, build_in_thread, &tables[i]), 0);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (i = 1; i < 4; i++)
		assert_same(&tables[0], &tables[i]);
	for (i = 0; i < 4; i++)
		table_free(&tables[i]);
}

#define RUNNERS 37U

/* The queue against a search for the smallest, with gaps from nothing to far beyond the ring. */
static void test_queue(void **state)
{
	uint64_t times[RUNNERS] = {0};
	uint32_t next[RUNNERS], head[1024];
	struct slots_queue q = {.time = times, .next = next, .head = head};
	unsigned int seed = 7, round;
	uint32_t i, got, want;

	(void)state;
	assert_true(slots_queue_buckets(RUNNERS) <= 1024);
	slots_queue_init(&q, RUNNERS, 1U << 20);
	assert_int_equal(slots_queue_pop(&q), SLOTS_QUEUE_NONE);
	for (i = 0; i < RUNNERS; i++) {
		times[i] = (uint64_t)rand_r(&seed) % 5;
		slots_queue_push(&q, i);
	}
	for (round = 0; round < 20000; round++) {
		for (want = 0, i = 1; i < RUNNERS; i++)
			want = times[i] < times[want] ? i : want;
		got = slots_queue_pop(&q);
		assert_int_equal(got, want);
		times[got] += (uint64_t)rand_r(&seed) % 3 << rand_r(&seed) % 40;
		slots_queue_push(&q, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_table),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_load_equal),
		cmocka_unit_test(test_load_mixed),
		cmocka_unit_test(test_weights_1_to_100),
		cmocka_unit_test(test_nobody_is_empty),
		cmocka_unit_test(test_insertion_order_is_irrelevant),
		cmocka_unit_test(test_fingerprint_ignores_indices),
		cmocka_unit_test(test_remove_and_add_back),
		cmocka_unit_test(test_one_and_none),
		cmocka_unit_test(test_bad_size),
		cmocka_unit_test(test_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
