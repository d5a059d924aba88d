/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A service changes its mode: mode l2 gives nothing to a gateway, which would send it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/util.h"
#include "fake/sync_world.h"

#define FILE_OF(mode)                                                                              \
	"version: 1\ninterfaces: [eth0]\nservices:\n  web:\n    listen: tcp 192.0.2.10:80\n"       \
	"    mode: " mode "\n    check: none\n    members: [10.0.0.1, 10.0.0.2]\n"

static const struct model_member *member_at(const struct world *w, size_t i)
{
	return &model_service_at(w->model, 0)->pools[0].members[i];
}

static uint64_t word_of(const struct world *w, size_t i)
{
	return w->fake->members[sync_member_index(w->sync, member_at(w, i)->id)].word;
}

/* The resolver's answer, as before but for the gateway. */
static void answer(struct world *w, size_t i, bool has_gateway)
{
	struct change change = {.type = CHANGE_MEMBER_NEXTHOP,
				.member_id = member_at(w, i)->id,
				.nexthop_state = NEXTHOP_RESOLVED,
				.nexthop = member_at(w, i)->nexthop};

	change.nexthop.has_gateway = has_gateway;
	world_apply(w, &change);
}

static void assert_way(const struct world *w, size_t i, enum sluice_mode mode, bool has_way)
{
	assert_int_equal(SLUICE_MEMBER_MODE(word_of(w, i)), mode);
	assert_int_equal(SLUICE_MEMBER_NEXTHOP(word_of(w, i)) != SLUICE_NEXTHOP_NONE, has_way);
}

static struct world *world_of_tunnels(void)
{
	struct world *w = world_new(1);

	world_load_text(w, FILE_OF("ipip"));
	world_resolve_all(w);
	world_settle(w);
	return w;
}

static void test_gateway_is_no_neighbour(void **state)
{
	struct world *w = world_of_tunnels();

	(void)state;
	answer(w, 0, true);
	world_settle(w);
	assert_way(w, 0, SLUICE_MODE_IPIP, true);
	world_load_text(w, FILE_OF("l2"));
	world_settle(w);
	assert_way(w, 0, SLUICE_MODE_L2, false);
	assert_way(w, 1, SLUICE_MODE_L2, true); /* nobody waits for an answer that is known */
	answer(w, 0, false);
	world_settle(w);
	assert_way(w, 0, SLUICE_MODE_L2, true);
	world_load_text(w, FILE_OF("ipip"));
	answer(w, 0, true);
	world_settle(w);
	assert_way(w, 0, SLUICE_MODE_IPIP, true);
	world_free(w);
}

static uint16_t port_of(const struct world *w, size_t i)
{
	return ntohs(w->fake->members[sync_member_index(w->sync, member_at(w, i)->id)].gue_port_be);
}

/* Mode and port may change together, or alone; the fake sees to it that no packet goes to port 0. */
static void test_gue(void **state)
{
	struct world *w = world_of_tunnels();
	uint32_t index = sync_member_index(w->sync, member_at(w, 1)->id);
	uint64_t events;

	(void)state;
	world_load_text(w, FILE_OF("gue"));
	world_settle(w);
	assert_way(w, 1, SLUICE_MODE_GUE, true);
	assert_int_equal(port_of(w, 1), 6080);
	events = event_log_last(w->log);
	world_load_text(w, FILE_OF("gue\n    gue_port: 7000"));
	assert_true(event_log_last(w->log) > events);
	world_settle(w);
	assert_way(w, 1, SLUICE_MODE_GUE, true);
	assert_int_equal(port_of(w, 1), 7000);
	world_load_text(w, FILE_OF("l2"));
	world_settle(w);
	assert_way(w, 1, SLUICE_MODE_L2, true);
	world_load_text(w, FILE_OF("gue\n    gue_port: 7001"));
	world_settle(w);
	assert_int_equal(port_of(w, 1), 7001);
	assert_int_equal(sync_member_index(w->sync, member_at(w, 1)->id), index);
	world_free(w);
}

/* What cannot be written now is written later: the port, and only then the word. */
static void test_gue_port_fails(void **state)
{
	struct world *w = world_of_tunnels();
	struct errs errors = {0};

	(void)state;
	world_load_text(w, FILE_OF("gue"));
	w->fake->fail_in = 1;
	assert_int_not_equal(sync_run(w->sync, w->fake->now_ms, &errors), 0);
	errs_done(&errors);
	assert_way(w, 0, SLUICE_MODE_IPIP, true);
	world_settle(w);
	assert_way(w, 0, SLUICE_MODE_GUE, true);
	assert_int_equal(port_of(w, 0), 6080);
	world_free(w);
}

/* The maps do not say whose MAC it is. */
static void test_adoption(void **state)
{
	struct world *w = world_of_tunnels();
	struct err e;

	(void)state;
	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	world_load_text(w, FILE_OF("l2"));
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
	world_settle(w);
	assert_way(w, 0, SLUICE_MODE_L2, false);
	answer(w, 0, false);
	world_settle(w);
	assert_way(w, 0, SLUICE_MODE_L2, true);
	world_free(w);
}

/* After a restart the port is the file's, whatever the maps have: an older daemon left none. */
static void test_gue_adoption(void **state)
{
	static const uint16_t left[] = {6080, 7000, 0};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(left); i++) {
		struct world *w = world_of_tunnels();
		uint32_t index;
		struct err e;

		if (left[i]) {
			world_load_text(w, FILE_OF("gue"));
			world_settle(w);
		}
		index = sync_member_index(w->sync, member_at(w, 0)->id);
		w->fake->members[index].gue_port_be = htons(left[i]);
		sync_free(w->sync);
		model_free(w->model);
		w->model = model_new(w->log, TICK_NS);
		w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
		world_load_text(w, FILE_OF("gue"));
		assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
		world_settle(w);
		assert_way(w, 0, SLUICE_MODE_GUE, true);
		assert_int_equal(sync_member_index(w->sync, member_at(w, 0)->id), index);
		assert_int_equal(port_of(w, 0), 6080);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gateway_is_no_neighbour),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_gue),
		cmocka_unit_test(test_gue_port_fails),
		cmocka_unit_test(test_gue_adoption),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
