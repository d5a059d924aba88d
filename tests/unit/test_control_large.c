/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who asks for a large answer waits while many bytes are on their way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "control/large.h"

#define FEW 40
#define LENGTH (1U << 20)

static struct MHD_Response *answer(struct large *large, size_t length)
{
	struct reply reply = {.text = util_alloc(length), .text_length = length};

	return large_response(large, operations, NULL, &reply);
}

static void waits(void **state)
{
	struct large *large = large_new();
	struct MHD_Response *on_the_way[FEW];
	size_t i, sent = 0;

	(void)state;
	for (i = 0; i < FEW && !large_must_wait(large, operations); i++)
		on_the_way[i] = answer(large, LENGTH);
	assert_in_range(i, 33, FEW - 1);
	assert_false(large_must_wait(large, operations + 1));
	/* What a mistake gets is small: the next one is large all the same. */
	large_release(large, answer(large, 100));
	assert_true(large_must_wait(large, operations));
	assert_false(large_take_room(large));
	while (sent < i)
		large_release(large, on_the_way[sent++]);
	assert_true(large_take_room(large));
	assert_false(large_take_room(large));
	assert_false(large_must_wait(large, operations));
	large_free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
