/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happens between a change and the table that it needs: until that one is built, the packet
 * path goes on with what it has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "fake/sync_world.h"

#define BASE "version: 1\ninterfaces: [eth0]\nservices:\n  web: {listen: 'tcp 192.0.2.10:80', "
#define LOCAL BASE "mode: local"
#define IPIP BASE "mode: ipip, members: [10.0.0.1, 10.0.0.2]}\n"

static void set_admin(struct world *w, size_t member, enum admin_state admin)
{
	const struct model_service *service = model_service_at(w->model, 0);
	const struct change change = {.type = CHANGE_MEMBER_ADMIN,
				      .owner = OWNER_API,
				      .service = service->name,
				      .pool = service->pools[0].name,
				      .addr = service->pools[0].members[member].addr,
				      .admin = admin};

	world_apply(w, &change);
}

/* A death takes a member's slots at once. When it is back before the table without it was built, it
 * has to get them again, though the table that it wants is the one of before. */
static void test_back_before_the_table(void **state)
{
	struct world *w = world_new(1);
	uint64_t member;
	uint32_t share;

	(void)state;
	world_load(w, fake_config_web(3, 0));
	world_resolve_all(w);
	world_settle(w);
	world_assert_as_model(w);
	member = model_service_at(w->model, 0)->pools[0].members[0].id;
	share = sync_member_slot_share(w->sync, member);
	assert_int_not_equal(share, 0);

	set_admin(w, 0, ADMIN_MAINT);
	world_run(w);
	assert_int_equal(sync_member_slot_share(w->sync, member), 0);
	set_admin(w, 0, ADMIN_READY);
	world_settle(w);
	assert_int_equal(sync_member_slot_share(w->sync, member), share);
	world_assert_as_model(w);
	world_free(w);
}

/* Nor does it matter whether the build had begun when the member died. */
static void test_back_before_its_own_table(void **state)
{
	struct world *w = world_new(1);

	(void)state;
	world_load(w, fake_config_web(3, 0));
	world_resolve_all(w);
	world_settle(w);
	set_admin(w, 1, ADMIN_DRAIN);
	world_run(w);
	w->jobs[0] = sync_take_job(w->sync);
	assert_non_null(w->jobs[0]);
	build_job_run(w->jobs[0]);
	set_admin(w, 0, ADMIN_MAINT);
	world_run(w);
	set_admin(w, 0, ADMIN_READY);
	set_admin(w, 1, ADMIN_READY);
	world_run(w);
	world_settle(w);
	world_assert_as_model(w);
	world_free(w);
}

/* Away from mode local and back, before there was a table: packets are counted as before. */
static void test_local_again(void **state)
{
	struct world *w = world_new(1);
	uint32_t index;

	(void)state;
	world_load_text(w, LOCAL "}\n");
	world_settle(w);
	world_assert_as_model(w);
	index = sync_local_index(w->sync, model_service_at(w->model, 0)->id);

	world_load_text(w, IPIP);
	world_run(w);
	world_load_text(w, LOCAL "}\n");
	world_settle(w);
	assert_int_equal(sync_local_index(w->sync, model_service_at(w->model, 0)->id), index);
	world_assert_as_model(w);
	world_free(w);
}

/* A service that leaves mode local has its cell of before until its table is there: so long the
 * limit and the list that this one names stay. */
static void test_named_until_the_table(void **state)
{
	struct world *w = world_new(1);
	size_t sources;

	(void)state;
	world_load_text(
		w, LOCAL
		", limits: [client], allow: [office]}\n"
		"limits:\n  client: {count: packets, rate: 10/s, mode: enforce, sources: 1024}\n"
		"lists:\n  office: {action: allow, prefixes: [198.51.100.0/24]}\n");
	world_settle(w);
	world_assert_as_model(w);
	sources = w->fake->access_count;
	assert_int_not_equal(sources, 0);

	world_load_text(w, IPIP);
	world_resolve_all(w);
	world_run(w);
	w->fake->now_ms += 100;
	world_run(w);
	world_assert_sound(w, false);
	assert_true(w->fake->access_count >= sources);
	world_settle(w);
	assert_int_equal(w->fake->access_count, sources - 1);
	world_assert_as_model(w);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back_before_the_table),
		cmocka_unit_test(test_back_before_its_own_table),
		cmocka_unit_test(test_local_again),
		cmocka_unit_test(test_named_until_the_table),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
