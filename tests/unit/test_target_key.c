/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose probes are the same: those that go the same way to the same place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "fake/sync_world.h"
#include "health/target_key.h"

/* Services of one address, whose only member is probed at one port. */
#define SERVICE(port, keys)                                                                        \
	"  s" #port ": {listen: tcp 192.0.2.10:" #port ", members: [10.0.0.1], " keys "}\n"
#define PATH "check: {port: 8080}"
#define DIRECT "check: {port: 8080, via: member}"

static const char file[] = "version: 1\ninterfaces: [eth0]\nservices:\n" /* as in rows */
	SERVICE(1, "mode: gue, " PATH) SERVICE(2, "mode: gue, gue_port: 6080, " PATH)
		SERVICE(3, "mode: gue, gue_port: 7000, " PATH) SERVICE(4, "mode: ipip, " PATH)
			SERVICE(5, "mode: l2, " PATH) SERVICE(6, "mode: gue, " DIRECT)
				SERVICE(7, "mode: gue, gue_port: 7000, " DIRECT)
					SERVICE(8, "mode: l2, " DIRECT);

static struct target_key *key_of(struct world *w, size_t i, size_t *ret_bytes)
{
	struct model_service *service = model_service_at(w->model, i - 1);

	return target_key_make(service, &service->pools[0], &service->pools[0].members[0],
			       ret_bytes);
}

static void test_ways(void **state)
{
	static const int same_as[] = {0, 1, 1, 3, 4,
				      5, 6, 6, 6}; /* by service: the first like it */
	struct world *w = world_new(1);
	size_t i, j, bytes_i, bytes_j;

	(void)state;
	world_load_text(w, file);
	for (i = 1; i < ARRAY_SIZE(same_as); i++) {
		AUTO_FREE struct target_key *a = key_of(w, i, &bytes_i);

		for (j = 1; j < ARRAY_SIZE(same_as); j++) {
			AUTO_FREE struct target_key *b = key_of(w, j, &bytes_j);
			bool is_same = bytes_i == bytes_j && !memcmp(a, b, bytes_i);

			if (is_same != (same_as[i] == same_as[j]))
				fail_msg("services %zu and %zu", i, j);
		}
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ways)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
