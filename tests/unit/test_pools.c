/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Allocators of indices and regions against a plain map of what is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/abi.h>

#include "base/util.h"
#include "core/index_pool.h"
#include "core/region_pool.h"

static int let_go(void *arg, uint32_t index)
{
	(void)index;
	return *(int *)arg;
}

static void test_indices(void **state)
{
	struct index_pool pool;
	uint64_t now = 5000, given_ms[64] = {0};
	bool used[64] = {false};
	unsigned int seed = 3, step, i, in_use = 0, full = 0;
	int ok = 0;

	(void)state;
	index_pool_init(&pool, 64);
	assert_int_equal(index_pool_claim(&pool, 0), -ERANGE);
	assert_int_equal(index_pool_claim(&pool, 64), -ERANGE);
	assert_int_equal(index_pool_claim(&pool, 7), 0);
	assert_int_equal(index_pool_claim(&pool, 7), -EEXIST);
	used[7] = true;
	in_use = 1;
	for (step = 0; step < 20000; step++) {
		uint32_t index = 0;

		now += (unsigned int)rand_r(&seed) % 100;
		index_pool_tick(&pool, now, let_go, &ok);
		if (rand_r(&seed) % 2) {
			int ret = index_pool_take(&pool, &index);

			if (ret) {
				assert_int_equal(ret, -ENOSPC);
				full++;
				for (i = 1; i < 64; i++)
					assert_true(used[i] ||
						    now < given_ms[i] + SLUICE_REUSE_AFTER_MS);
				continue;
			}
			assert_in_range(index, 1, 63);
			assert_false(used[index]);
			assert_true(!given_ms[index] ||
				    now >= given_ms[index] + SLUICE_REUSE_AFTER_MS);
			used[index] = true;
			in_use++;
		} else if (in_use) {
			do
				index = 1 + (unsigned int)rand_r(&seed) % 63;
			while (!used[index]);
			index_pool_give(&pool, index, now);
			used[index] = false;
			given_ms[index] = now;
			in_use--;
		}
	}
	assert_true(full > 10);
	index_pool_done(&pool);
}

/* An index whose release fails stays at rest. */
static void test_index_release_fails(void **state)
{
	struct index_pool pool;
	uint32_t index;
	int ret = -EIO;

	(void)state;
	index_pool_init(&pool, 2);
	assert_int_equal(index_pool_take(&pool, &index), 0);
	index_pool_give(&pool, index, 0);
	index_pool_tick(&pool, 5000, let_go, &ret);
	assert_int_equal(index_pool_take(&pool, &index), -ENOSPC);
	ret = 0;
	index_pool_tick(&pool, 5000, let_go, &ret);
	assert_int_equal(index_pool_take(&pool, &index), 0);
	index_pool_done(&pool);
}

#define CELLS 3000U /* in leaves of 16: 187 leaves */

struct taken {
	uint32_t base;
	unsigned int log2;
	bool is_used;
};

static bool is_free(const uint64_t *until, uint32_t base, unsigned int log2, uint64_t now)
{
	uint32_t i;

	for (i = base; i < base + (1U << log2); i++) {
		if (i >= CELLS / 16 * 16 || until[i] > now)
			return false;
	}
	return true;
}

static void test_regions(void **state)
{
	struct region_pool pool;
	AUTO_FREE uint64_t *until = util_alloc_array(8192, sizeof(*until)); /* busy until */
	struct taken taken[200] = {{0, 0, false}};
	unsigned int seed = 9, step, full = 0, waits = 0, i;
	uint64_t now = 1;
	int ret;

	(void)state;
	region_pool_init(&pool, CELLS, 4);
	for (step = 0; step < 30000; step++) {
		struct taken *t = &taken[(unsigned int)rand_r(&seed) % ARRAY_SIZE(taken)];
		uint32_t base;

		now += (unsigned int)rand_r(&seed) % 60;
		region_pool_tick(&pool, now);
		if (t->is_used) {
			region_pool_give(&pool, t->base, t->log2, now);
			for (i = 0; i < 1U << t->log2; i++)
				until[t->base + i] = now + SLUICE_REUSE_AFTER_MS;
			t->is_used = false;
			continue;
		}
		t->log2 = 4 + (unsigned int)rand_r(&seed) % 7;
		if (rand_r(&seed) % 4 == 0) {
			base = (unsigned int)rand_r(&seed) % 4096 & ~((1U << t->log2) - 1);
			t->is_used = region_pool_claim(&pool, base, t->log2) == 0;
			assert_int_equal(t->is_used, is_free(until, base, t->log2, now));
		} else {
			ret = region_pool_take(&pool, t->log2, &base);
			t->is_used = ret == 0;
			full += ret == -ENOSPC;
			waits += ret == -EAGAIN;
			/* No room, not even when all has rested. */
			for (i = 0; ret == -ENOSPC && i < CELLS; i += 1U << t->log2)
				assert_false(is_free(until, i, t->log2, UINT64_MAX - 1));
		}
		if (!t->is_used)
			continue;
		assert_int_equal(base & ((1U << t->log2) - 1), 0);
		assert_true(is_free(until, base, t->log2, now));
		t->base = base;
		for (i = 0; i < 1U << t->log2; i++)
			until[base + i] = UINT64_MAX;
	}
	assert_true(full > 100 && waits > 100);
	region_pool_done(&pool);
}

static void test_region_ranges(void **state)
{
	struct region_pool pool;
	uint32_t base = 77;

	(void)state;
	region_pool_init(&pool, 1U << 10, 4);
	assert_int_equal(region_pool_claim(&pool, 16, 3), -ERANGE);
	assert_int_equal(region_pool_claim(&pool, 16, 5), -ERANGE);
	assert_int_equal(region_pool_claim(&pool, 0, 11), -ERANGE);
	assert_int_equal(region_pool_claim(&pool, 1U << 10, 4), -ERANGE);
	assert_int_equal(region_pool_take(&pool, 11, &base), -ENOSPC);
	assert_int_equal(base, 77);
	assert_int_equal(region_pool_take(&pool, 10, &base), 0);
	assert_int_equal(base, 0);
	assert_int_equal(region_pool_claim(&pool, 16, 4), -EEXIST);
	region_pool_done(&pool);
	region_pool_init(&pool, 8, 4);
	assert_int_equal(region_pool_take(&pool, 4, &base), -ENOSPC);
	region_pool_done(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_indices),
		cmocka_unit_test(test_index_release_fails),
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_region_ranges),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
