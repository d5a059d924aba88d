/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What goes on in the maps while slots are in motion, beyond where packets go: indices that rest,
 * tables that grow, the pace, and what somebody else wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "core/sync_internal.h"
#include "fake/fake_internal.h"
#include "fake/sync_world.h"

static struct world *world_with(struct config *config)
{
	struct dp_capacity capacity = fake_dataplane_capacity();
	struct world *w;

	/* So large that a sweep takes several steps. */
	capacity.flow_sets = 1U << 14;
	w = world_new_sized(1, &capacity);
	world_load(w, config);
	world_resolve_all(w);
	world_settle(w);
	return w;
}

static struct world *world_of(uint32_t members)
{
	return world_with(fake_config_web(members, 30));
}

static const struct dp_service *cell(const struct world *w)
{
	const struct model_service *service = model_service_at(w->model, 0);

	return fake_dataplane_service(w->fake, &service->addr, service->port, service->proto);
}

static uint32_t index_of(const struct world *w, size_t member)
{
	return sync_member_index(w->sync,
				 model_service_at(w->model, 0)->pools[0].members[member].id);
}

static void change_member(struct world *w, enum change_type type, uint8_t last)
{
	struct change change = {.type = type, .owner = OWNER_API, .service = "web", .weight = 100};
	char addr[16];

	snprintf(addr, sizeof(addr), "10.0.0.%u", last);
	assert_int_equal(addr_parse(addr, &change.addr), 0);
	world_apply(w, &change);
	world_resolve_all(w);
}

/* The service has had so much traffic that nobody can tell how many flows there are. */
static void be_busy(struct world *w)
{
	uint32_t i;

	for (i = 0; i < w->fake->capacity.members; i++)
		w->fake->member_stats[i] = (struct sluice_member_stats){
			.packets = 1000000000, .new_connections = 1000000000};
}

static void turn(struct world *w, uint32_t pass_ms)
{
	struct build_job *job;

	world_run(w);
	while ((job = sync_take_job(w->sync))) {
		build_job_run(job);
		assert_int_equal(sync_finish_job(w->sync, job, w->fake->now_ms, NULL), 0);
	}
	sync_step(w->sync, w->fake->now_ms);
	w->fake->now_ms += pass_ms;
}

static uint32_t second_of(struct world *w)
{
	uint32_t second;

	assert_int_equal(fake_packet_second(w->fake, &second), 0);
	return second;
}

/* An entry of a flow in the first slot. */
static void put_entry(struct world *w, uint32_t set, uint32_t member, uint32_t epoch)
{
	w->fake->flows[DP_FLOW_FLOWS][set].entry[0] =
		(struct sluice_flow_entry){set + 2, SLUICE_FLOW(member, epoch, second_of(w))};
}

static bool names(const struct world *w, uint32_t member)
{
	uint32_t set, way;

	for (set = 0; set < w->fake->capacity.flow_sets; set++) {
		for (way = 0; way < SLUICE_FLOW_WAYS; way++) {
			const struct sluice_flow_entry *entry =
				&w->fake->flows[DP_FLOW_FLOWS][set].entry[way];

			if (entry->fingerprint && SLUICE_FLOW_MEMBER(entry->value) == member)
				return true;
		}
	}
	return false;
}

/* An entry says index and epoch: neither may mean somebody else while it is there. */
static void test_index_rests_until_nothing_names_it(void **state)
{
	struct world *w = world_of(4);
	uint32_t index = index_of(w, 2), round, taken = 0;
	uint32_t epoch = SLUICE_MEMBER_EPOCH(w->fake->members[index].word);

	(void)state;
	/* A sweep is under way, and has been there: it will not find it. */
	change_member(w, CHANGE_MEMBER_REMOVE, 4);
	for (round = 0; round < 50 && w->sync->sweep.first < 8192; round++)
		turn(w, 100);
	assert_int_equal(w->sync->sweep.table, DP_FLOW_FLOWS);
	put_entry(w, w->sync->sweep.first - 1, index, epoch);
	change_member(w, CHANGE_MEMBER_REMOVE, 3);
	for (round = 0; round < 60 && !taken; round++) {
		uint8_t last = (uint8_t)(10 + round);
		uint32_t i;

		/* Whoever comes takes an index that is free. */
		change_member(w, CHANGE_MEMBER_ADD, last);
		turn(w, 100);
		for (i = 2; i < model_service_at(w->model, 0)->pools[0].member_count; i++) {
			if (index_of(w, i) != index)
				continue;
			taken = index;
			assert_false(names(w, index));
			assert_int_not_equal(SLUICE_MEMBER_EPOCH(w->fake->members[index].word),
					     epoch);
			assert_int_not_equal(SLUICE_MEMBER_EPOCH(w->fake->members[index].word),
					     (epoch + 1) & 0xff); /* as it was dead */
		}
	}
	assert_int_equal(taken, index);
	world_free(w);
}

/* An entry of a flow of the first member, in the first slot that moves. */
static void put_exception(struct world *w, uint32_t set)
{
	uint32_t index = index_of(w, 0), slot = 0;
	unsigned int log2 = cell(w)->slots_log2;

	while (!(w->fake->slots[cell(w)->slots_base + slot] & SLUICE_SLOT_F_EXC))
		if (++slot == 1U << log2)
			break;
	w->fake->flows[DP_FLOW_FLOWS][set].entry[0] = (struct sluice_flow_entry){
		(uint64_t)slot << (64 - log2) | (set + 2),
		SLUICE_FLOW(index, SLUICE_MEMBER_EPOCH(w->fake->members[index].word),
			    second_of(w))};
}

static uint32_t count_flag(const struct world *w, uint64_t flag)
{
	uint32_t slot, count = 0;

	for (slot = 0; slot < 1U << cell(w)->slots_log2; slot++)
		count += !!(w->fake->slots[cell(w)->slots_base + slot] & flag);
	return count;
}

/* A slot whose new owner is the only one is followed without a look at entries when there is none, and
 * no packet can be on its way that makes one: half-open connections live 10 s. */
static void test_exceptions_end_late(void **state)
{
	struct world *w = world_of(4);
	uint64_t learned_ms = 0, cleared_ms = 0;
	uint32_t learning = 0, exceptional = 0;

	(void)state;
	be_busy(w);
	change_member(w, CHANGE_MEMBER_ADD, 9);
	while (!cleared_ms) {
		uint32_t learn, exc;

		turn(w, 500);
		learn = count_flag(w, SLUICE_SLOT_F_LEARN);
		exc = count_flag(w, SLUICE_SLOT_F_EXC);
		if (!learned_ms && learn < learning)
			learned_ms = w->fake->now_ms;
		if (exc < exceptional)
			cleared_ms = w->fake->now_ms;
		learning = learn;
		exceptional = exc;
		assert_true(w->fake->now_ms < 3600 * 1000);
	}
	assert_true(learned_ms > 0);
	assert_in_range(cleared_ms - learned_ms, 11000, 20000);
	world_free(w);
}

/* A packet that has read the service's old cell marks the old table's slot. */
static void test_growth_brings_marks_over(void **state)
{
	struct world *w = world_of(8);
	uint32_t old_base = cell(w)->slots_base, old_size = 1U << cell(w)->slots_log2, slot;
	uint32_t marked = 0, by;

	(void)state;
	be_busy(w);
	/* Slots learn, and then the table grows. */
	change_member(w, CHANGE_MEMBER_REMOVE, 8);
	turn(w, 10);
	change_member(w, CHANGE_MEMBER_ADD, 9);
	for (slot = 0; slot < 60; slot++)
		turn(w, 200);
	for (slot = 20; slot < 24; slot++)
		change_member(w, CHANGE_MEMBER_ADD, (uint8_t)slot);
	turn(w, 0);
	assert_int_not_equal(cell(w)->slots_base, old_base);
	assert_true(1U << cell(w)->slots_log2 > old_size);
	for (slot = 0; slot < old_size; slot++) {
		if (w->fake->slots[old_base + slot] & SLUICE_SLOT_F_LEARN)
			w->fake->slots[old_base + slot] |= SLUICE_SLOT_F_DIRTY;
	}
	w->fake->now_ms += 150;
	sync_step(w->sync, w->fake->now_ms);
	by = cell(w)->slots_log2 - 12;
	for (slot = 0; slot < old_size << by; slot++) {
		uint64_t word = w->fake->slots[cell(w)->slots_base + slot];

		/* One that has been taken back to its old owner learns no more. */
		if (!(word & SLUICE_SLOT_F_LEARN) ||
		    !(w->fake->slots[old_base + (slot >> by)] & SLUICE_SLOT_F_DIRTY))
			continue;
		assert_true(word & SLUICE_SLOT_F_DIRTY);
		marked++;
	}
	assert_true(marked > 0);
	world_free(w);
}

static void test_pace(void **state)
{
	struct world *w = world_of(4);
	uint32_t size = 1U << cell(w)->slots_log2;

	(void)state;
	/* Nobody can tell how many entries it takes: a hundredth goes first. */
	be_busy(w);
	change_member(w, CHANGE_MEMBER_ADD, 5);
	turn(w, 10);
	assert_in_range(count_flag(w, SLUICE_SLOT_F_PRE), 1, size / 100);
	/* A service that has had little traffic moves at once. */
	world_free(w);
	w = world_of(4);
	w->fake->member_stats[index_of(w, 0)] =
		(struct sluice_member_stats){.packets = 100, .new_connections = 10};
	change_member(w, CHANGE_MEMBER_ADD, 5);
	turn(w, 10);
	assert_in_range(count_flag(w, SLUICE_SLOT_F_PRE), size / 7, size / 4);
	world_free(w);
}

/* No packet of UDP opens a connection, so that their number says nothing. */
static void test_pace_of_windows(void **state)
{
	struct config *config = fake_config_web(4, 30);
	struct world *w;
	uint32_t size, i;

	(void)state;
	config->services[0].proto = IPPROTO_UDP;
	config->services[0].affinity = AFFINITY_WINDOW;
	config->services[0].pools[0].check.type = CHECK_NONE;
	w = world_with(config);
	size = 1U << cell(w)->slots_log2;
	for (i = 0; i < w->fake->capacity.members; i++)
		w->fake->member_stats[i] = (struct sluice_member_stats){.packets = 1000000000};
	change_member(w, CHANGE_MEMBER_ADD, 5);
	turn(w, 10);
	assert_in_range(count_flag(w, SLUICE_SLOT_F_LEARN), 1, size / 100);
	world_free(w);
}

/* Flows of slots that moved are heard of one after the other: while they become more, nobody knows how
 * many there will be. */
static void test_pace_waits_for_the_count(void **state)
{
	struct world *w = world_with(fake_config_web(4, 600));
	uint32_t first, second = 0, i, entries = 0, steps[] = {400, 300, 200, 100, 0, 0};

	(void)state;
	be_busy(w);
	change_member(w, CHANGE_MEMBER_ADD, 5);
	for (i = 0; i < 35; i++)
		turn(w, 100);
	first = count_flag(w, SLUICE_SLOT_F_LEARN);
	assert_true(first > 0);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t until_ms = w->fake->now_ms + 10500;

		for (; steps[i]; steps[i]--)
			put_exception(w, entries++);
		while (w->fake->now_ms < until_ms) {
			turn(w, 100);
			second = count_flag(w, SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_PRE);
			if (i < 4)
				assert_int_equal(second, first);
		}
	}
	/* A thousand entries for the first part: there is room for as many as fit into half of the
	 * table, at most. */
	assert_true(second > first);
	assert_in_range((uint64_t)second * 1000 / first, 2000,
			w->fake->capacity.flow_sets * SLUICE_FLOW_WAYS / 2);
	world_free(w);
}

/* The maps of a daemon that is gone, when somebody has written into them. */
static struct world *world_adopting(const uint64_t *slot_word)
{
	struct world *w = world_new(2);
	uint32_t i;

	world_load(w, fake_config_web(3, 30));
	world_resolve_all(w);
	world_settle(w);
	if (slot_word)
		w->fake->slots[cell(w)->slots_base + 7] = *slot_word;
	sync_free(w->sync);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	for (i = 0; i < model_service_count(w->model); i++)
		model_service_at(w->model, i)->is_dirty = true;
	return w;
}

static void test_impossible_slots_are_refused(void **state)
{
	static const uint64_t words[] = {
		SLUICE_SLOT(4000, 1),	       /* nobody has this index */
		SLUICE_SLOT(1, 0xffffff),      /* out of range */
		SLUICE_SLOT(1, 1) | 1ULL << 60 /* a flag that does not exist */
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		struct world *w = world_adopting(&words[i]);
		uint64_t writes = w->fake->writes;
		struct err e = {0};

		assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), -EUCLEAN);
		assert_non_null(strstr(e.text, "slot"));
		assert_true(e.hint[0]);
		assert_int_equal(w->fake->writes, writes); /* packets find what they found */
		world_free(w);
	}
}

static void test_impossible_entries_are_removed(void **state)
{
	struct world *w = world_adopting(NULL);
	uint32_t index = 1;

	(void)state;
	put_entry(w, 3, 4000, 0);
	put_entry(w, 4, 0xffffff, 9);
	put_entry(w, 5, index, SLUICE_MEMBER_EPOCH(w->fake->members[index].word) + 1);
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, NULL), 0);
	assert_false(names(w, 4000) || names(w, 0xffffff) || names(w, index));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_rests_until_nothing_names_it),
		cmocka_unit_test(test_exceptions_end_late),
		cmocka_unit_test(test_growth_brings_marks_over),
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_pace_of_windows),
		cmocka_unit_test(test_pace_waits_for_the_count),
		cmocka_unit_test(test_impossible_slots_are_refused),
		cmocka_unit_test(test_impossible_entries_are_removed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
