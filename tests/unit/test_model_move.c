/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file that has members in another pool, or a service at another address: what people said of
 * members goes on, and what cannot is told. */
#include "unit/circuit_world.h"

#include "core/overlay.h"

#define FIVE "    members: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5]\n"
#define POOLS                                                                                      \
	"    pools:\n      next: {members: [10.0.0.6]}\n"                                          \
	"      stable: {members: [10.0.0.5, 10.0.0.4, 10.0.0.3, 10.0.0.2, 10.0.0.1]}\n"
#define ELSEWHERE                                                                                  \
	"version: 1\ninterfaces: [eth0]\nservices:\n  web:\n    listen: tcp 192.0.2.10:81\n"       \
	"    mode: l2\n"
#define UNTIL_S (clock_wall_s() + 3600)

static struct sluice_addr address(unsigned int number)
{
	struct sluice_addr addr;
	AUTO_FREE char *text = util_printf("10.0.0.%u", number);

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* NULL: not there. */
static const struct model_member *find(const struct world *w, unsigned int number,
				       const struct model_pool **ret_pool)
{
	const struct sluice_addr addr = address(number);
	const struct model_member *found = NULL;
	size_t p;

	for (p = 0; p < web(w)->pool_count && !found; p++) {
		*ret_pool = &web(w)->pools[p];
		found = model_find_member(&web(w)->pools[p], &addr);
	}
	return found;
}

static const struct model_member *at(const struct world *w, unsigned int number)
{
	const struct model_pool *pool;
	const struct model_member *found = find(w, number, &pool);

	assert_non_null(found);
	return found;
}

static struct change on(enum change_type type, unsigned int number)
{
	return (struct change){.type = type,
			       .owner = OWNER_API,
			       .service = "web",
			       .addr = address(number),
			       .weight = 100};
}

static uint64_t deadline_s;

/* 1 is in maintenance, 2 drains and fails, 3 is ejected, 4 has weight 7, 5 is removed; 9 is added, and in
 * maintenance. */
static struct world *said(void)
{
	struct world *w = world(FIVE);
	struct change maint = on(CHANGE_MEMBER_ADMIN, 1), drain = on(CHANGE_MEMBER_ADMIN, 2);
	struct change weight = on(CHANGE_MEMBER_WEIGHT, 4), gone = on(CHANGE_MEMBER_REMOVE, 5);
	struct change added = on(CHANGE_MEMBER_ADD, 9);

	deadline_s = UNTIL_S;
	maint.admin = ADMIN_MAINT;
	drain.admin = ADMIN_DRAIN;
	drain.drain_until_s = deadline_s;
	weight.weight = 7;
	world_apply(w, &maint);
	world_apply(w, &drain);
	world_apply(w, &weight);
	world_apply(w, &gone);
	world_apply(w, &added);
	maint.addr = address(9);
	world_apply(w, &maint);
	override(w, at(w, 3), OVERRIDE_EJECTED, deadline_s);
	fails(w, at(w, 2), HEALTH_ANSWERED);
	passes(w, at(w, 4));
	world_resolve_all(w);
	world_settle(w);
	return w;
}

static void assert_said(const struct world *w)
{
	const struct model_override *why = model_override_of(w->model, at(w, 3));
	const struct model_pool *pool;

	assert_int_equal(at(w, 1)->admin, ADMIN_MAINT);
	assert_int_equal(at(w, 2)->admin, ADMIN_DRAIN);
	assert_int_equal(at(w, 2)->drain_until_s, deadline_s);
	assert_int_equal(at(w, 3)->override, OVERRIDE_EJECTED);
	assert_int_equal(at(w, 3)->override_until_s, deadline_s);
	assert_non_null(why);
	assert_string_equal(why->who, "alice");
	assert_string_equal(why->reason, "bad disk");
	assert_int_equal(at(w, 4)->weight, 7);
	assert_int_equal(at(w, 4)->weight_file, 100);
	assert_null(find(w, 5, &pool));
	assert_int_equal(model_removed_count(w->model), 1);
}

static size_t events(const struct world *w, enum event_type type, const char *text)
{
	const struct event *event;
	uint64_t since = 0;
	size_t count = 0;
	bool is_gap;

	while ((event = event_log_next(w->log, since, &is_gap))) {
		since = event->seq;
		count += event->type == type && strstr(event->text, text);
	}
	return count;
}

/* They are the same members, with their health, and no flow moves. */
static void to_pools(void **state)
{
	struct world *w = said();
	uint64_t ids[5], word;
	unsigned int i;

	(void)state;
	for (i = 1; i <= 4; i++)
		ids[i] = at(w, i)->id;
	word = w->fake->members[sync_member_index(w->sync, ids[4])].word;
	world_load_text(w, HEAD POOLS);
	assert_int_equal(web(w)->pool_count, 2);
	assert_said(w);
	for (i = 1; i <= 4; i++)
		assert_int_equal(at(w, i)->id, ids[i]);
	assert_int_equal(at(w, 2)->health, HEALTH_DOWN);
	assert_int_equal(at(w, 4)->health, HEALTH_UP);
	assert_string_equal(model_removed_at(w->model, 0)->pool, "stable");
	assert_int_equal(events(w, EVENT_member_added, "moved from pool default"), 4);
	assert_int_equal(events(w, EVENT_member_removed, "moved to pool stable"), 4);
	/* A command had added it to a pool that is no more. */
	assert_int_equal(events(w, EVENT_member_removed, "its pool is no longer"), 1);
	assert_int_equal(events(w, EVENT_change_dropped, "added, maint"), 1);
	assert_int_equal(events(w, EVENT_change_dropped, ""), 1);
	world_resolve_all(w);
	world_settle(w);
	world_assert_as_model(w);
	assert_int_equal(w->fake->members[sync_member_index(w->sync, ids[4])].word, word);
	assert_int_equal(w->fake->members[sync_member_index(w->sync, ids[4])].pool, 1);
	/* And back, with a weight of the file's own. */
	world_load_text(w, HEAD "    members: [10.0.0.1, 10.0.0.2, 10.0.0.3, "
				"{address: 10.0.0.4, weight: 50}, 10.0.0.5]\n");
	assert_int_equal(at(w, 1)->admin, ADMIN_MAINT);
	assert_int_equal(at(w, 4)->weight, 50);
	assert_int_equal(at(w, 4)->id, ids[4]);
	assert_string_equal(model_removed_at(w->model, 0)->pool, "default");
	world_free(w);
}

/* Other members, of which what was said holds. */
static void to_another_port(void **state)
{
	struct world *w = said();
	uint64_t id = at(w, 1)->id;

	(void)state;
	world_load_text(w, ELSEWHERE FIVE);
	assert_said(w);
	assert_int_not_equal(at(w, 1)->id, id);
	assert_int_equal(at(w, 2)->health, HEALTH_UNKNOWN);
	assert_int_equal(at(w, 9)->owner, OWNER_API);
	assert_int_equal(at(w, 9)->port, 81);
	assert_int_equal(at(w, 9)->admin, ADMIN_MAINT);
	assert_int_equal(events(w, EVENT_change_dropped, ""), 0);
	world_resolve_all(w);
	world_settle(w);
	world_assert_as_model(w);
	world_free(w);
}

/* One that a command took from one pool and put into another is where the file has it. */
static void moved_by_commands(void **state)
{
	struct world *w = world(POOLS);
	struct change gone = on(CHANGE_MEMBER_REMOVE, 5), added = on(CHANGE_MEMBER_ADD, 5);
	const struct model_pool *pool;
	uint64_t id;

	(void)state;
	gone.pool = "stable";
	added.pool = "next";
	world_apply(w, &gone);
	world_apply(w, &added);
	id = at(w, 5)->id;
	world_load_text(w, HEAD "    pools:\n      next: {members: [10.0.0.6, 10.0.0.5]}\n"
				"      stable: {members: [10.0.0.1]}\n");
	assert_non_null(find(w, 5, &pool));
	assert_string_equal(pool->name, "next");
	assert_int_equal(at(w, 5)->id, id);
	assert_int_equal(at(w, 5)->owner, OWNER_FILE);
	assert_int_equal(model_removed_count(w->model), 0);
	world_free(w);
}

/* What goes with a member, or with its service, is told. */
static void gone(void **state)
{
	struct world *w = said();

	(void)state;
	world_load_text(w, HEAD "    members: [10.0.0.2]\n");
	assert_int_equal(events(w, EVENT_change_dropped, ", maint"), 1);
	assert_int_equal(events(w, EVENT_change_dropped, ", ejected"), 1);
	assert_int_equal(events(w, EVENT_change_dropped, ", weight 7"), 1);
	assert_int_equal(events(w, EVENT_change_dropped, ""), 3);
	world_load_text(w, "version: 1\ninterfaces: [eth0]\nservices:\n"
			   "  other: {listen: tcp 192.0.2.10:80, mode: l2, members: [10.0.0.2]}\n");
	assert_int_equal(events(w, EVENT_change_dropped, ", drain until"), 1);
	assert_int_equal(events(w, EVENT_change_dropped, "added, maint"), 1);
	assert_int_equal(events(w, EVENT_change_dropped, ""), 5);
	world_free(w);
}

static void note_dropped(void *arg, const struct overlay_entry *entry, const char *why)
{
	(void)entry, (void)why;
	++*(size_t *)arg;
}

/* The same when the file changed while no daemon ran. */
static void over_a_restart(void **state)
{
	struct world *w = said(), *next = world(POOLS);
	struct overlay overlay = {0};
	size_t dropped = 0;

	(void)state;
	overlay_collect(w->model, &overlay);
	overlay_restore(next->model, &overlay, 0, note_dropped, &dropped);
	assert_said(next);
	assert_int_equal(dropped, 1); /* what was added to a pool that is no more */
	overlay_done(&overlay);
	world_free(next);
	world_free(w);
}

/* One that a command added is not in the file, whose new circuits and checks hold for it as well. */
static void added_member_follows_its_pool(void **state)
{
	static const char *const AFTER[] = {
		"    circuit: {mode: disabled}\n" FIVE,
		"    check: none\n" FIVE,
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(AFTER); i++) {
		AUTO_FREE char *text = util_printf("%s%s", HEAD, AFTER[i]);
		struct world *w = world(FIVE);
		struct change add = on(CHANGE_MEMBER_ADD, 9);

		world_apply(w, &add);
		world_resolve_all(w);
		fails(w, at(w, 9), HEALTH_ANSWERED);
		passes(w, at(w, 9));
		assert_int_not_equal(at(w, 9)->breaker.state, BREAKER_CLOSED);
		assert_in_range(share(at(w, 9)), 0, ALL / 2);
		world_load_text(w, text);
		assert_int_equal(at(w, 9)->breaker.state, BREAKER_CLOSED);
		assert_int_equal(share(at(w, 9)), ALL);
		world_free(w);
	}
}

/* A check of another kind has said nothing yet of who is out. */
static void another_check(void **state)
{
	AUTO_FREE char *http = util_printf("%s    check: http\n%s", HEAD, FIVE);
	AUTO_FREE char *none = util_printf("%s    check: none\n%s", HEAD, FIVE);
	struct world *w = world(FIVE);

	(void)state;
	passes(w, at(w, 1));
	fails(w, at(w, 2), HEALTH_SILENT);
	fails(w, at(w, 3), HEALTH_ANSWERED);
	passes(w, at(w, 3)); /* its pause is not over */
	world_load_text(w, http);
	assert_int_equal(at(w, 1)->health, HEALTH_UNKNOWN);
	assert_int_equal(share(at(w, 1)), ALL);
	assert_int_equal(at(w, 2)->health, HEALTH_DOWN);
	assert_true(at(w, 2)->is_dead);
	assert_int_equal(share(at(w, 2)), 0);
	assert_int_equal(at(w, 3)->breaker.state, BREAKER_OPEN);
	assert_int_equal(share(at(w, 3)), 0);
	world_load_text(w, none);
	assert_int_equal(share(at(w, 2)), ALL);
	assert_int_equal(share(at(w, 3)), ALL);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_check),
		cmocka_unit_test(added_member_follows_its_pool),
		cmocka_unit_test(to_pools),
		cmocka_unit_test(to_another_port),
		cmocka_unit_test(moved_by_commands),
		cmocka_unit_test(gone),
		cmocka_unit_test(over_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
