/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The loss budget: under random changes, deaths, restarts and growth no connection of a member that
 * lives goes to another one. Connections are sent through the packet program's own rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/hash.h>

#include "base/addr.h"
#include "base/util.h"
#include "fake/fake_path.h"
#include "fake/sync_world.h"

#define FLOWS 400
#define LEARN_S 30
#define SILENCE_MS 25000 /* nobody is silent for longer */
#define MEMBERS_MAX 20

struct flow {
	bool is_used, is_open; /* the second packet was sent */
	bool is_refused;       /* its member has refused connections since the last SYN */
	uint64_t hash;
	uint32_t member;
	uint32_t epoch;
	uint64_t last_ms;
};

struct life {
	struct world *w;
	struct flow flows[FLOWS];
	uint64_t next_hash;
	uint64_t step_ms; /* sync wants its next step then */
	unsigned long packets, opened, lost_with_member, postponed;
};

static const struct dp_service *cell(const struct life *l)
{
	const struct model_service *service = model_service_at(l->w->model, 0);

	return fake_dataplane_service(l->w->fake, &service->addr, service->port, service->proto);
}

static uint64_t word_of(const struct life *l, uint32_t index)
{
	return l->w->fake->members[index].word;
}

/* The member has been there, alive, since the connection was opened. */
static bool is_alive(const struct life *l, const struct flow *flow)
{
	uint64_t word = word_of(l, flow->member);

	return word & SLUICE_MEMBER_F_USED && !(word & SLUICE_MEMBER_F_DEAD) &&
	       SLUICE_MEMBER_EPOCH(word) == flow->epoch;
}

static void complain(const struct life *l, const struct flow *flow, uint32_t got, const char *what)
{
	const struct dp_service *s = cell(l);
	uint32_t slot = s->slots_base + sluice_flow_slot(flow->hash, s->slots_log2), entry = 0;
	uint64_t word = l->w->fake->slots[slot];
	bool has_entry = fake_path_find(l->w->fake, flow->hash, &entry);

	fail_msg("at %llu ms: %s of a connection of member %u went to %u; slot %u is %u/%u flags "
		 "%x, entry %d of %u, last packet %llu ms ago",
		 (unsigned long long)l->w->fake->now_ms, what, flow->member, got, slot,
		 SLUICE_SLOT_CUR(word), SLUICE_SLOT_DEF(word), (unsigned int)(word >> 48),
		 has_entry, entry, (unsigned long long)(l->w->fake->now_ms - flow->last_ms));
}

static void send_packet(struct life *l, struct flow *flow, enum fake_packet packet)
{
	uint32_t got = fake_path_send(l->w->fake, cell(l), flow->hash, packet);

	l->packets++;
	/* A member that refused connections, be it back by now, and its client asks again: that opens
	 * another one. */
	if (packet == FAKE_SYN && flow->is_refused && got != flow->member)
		flow->is_used = false;
	else if (got != flow->member)
		complain(l, flow, got, packet == FAKE_SYN ? "a second SYN" : "a packet");
	flow->last_ms = l->w->fake->now_ms;
	flow->is_refused = false;
}

static void open_flow(struct life *l, struct flow *flow)
{
	uint64_t hash = sluice_hash_mix(l->next_hash++) | 2;
	uint32_t got = fake_path_send(l->w->fake, cell(l), hash, FAKE_SYN);

	l->packets++;
	if (got == SLUICE_MEMBER_NONE)
		return;
	l->opened++;
	*flow = (struct flow){.is_used = true,
			      .hash = hash,
			      .member = got,
			      .epoch = SLUICE_MEMBER_EPOCH(word_of(l, got)),
			      .last_ms = l->w->fake->now_ms};
}

static void traffic(struct life *l)
{
	size_t i;

	for (i = 0; i < FLOWS; i++) {
		struct flow *flow = &l->flows[i];
		uint64_t silent_ms = l->w->fake->now_ms - flow->last_ms;

		if (flow->is_used && !is_alive(l, flow)) {
			flow->is_used = false;
			l->lost_with_member++;
		}
		flow->is_refused |= (word_of(l, flow->member) & SLUICE_MEMBER_F_DOWN) != 0;
		if (!flow->is_used) {
			if (world_pick(l->w, 8) == 0)
				open_flow(l, flow);
		} else if (!flow->is_open) {
			/* The answer comes late at times, and the SYN again before it. */
			if (world_pick(l->w, 4) == 0)
				send_packet(l, flow, FAKE_SYN);
			if (flow->is_used && (world_pick(l->w, 2) || silent_ms > 1000)) {
				send_packet(l, flow, FAKE_DATA);
				flow->is_open = true;
			}
		} else if (world_pick(l->w, 300) == 0) {
			send_packet(l, flow, FAKE_CLOSE);
			flow->is_used = false;
		} else if (world_pick(l->w, 12) == 0 || silent_ms > SILENCE_MS) {
			send_packet(l, flow, FAKE_DATA);
		}
	}
}

static const struct model_member *random_member(struct life *l)
{
	const struct model_pool *pool = &model_service_at(l->w->model, 0)->pools[0];

	return pool->member_count
		       ? &pool->members[world_pick(l->w, (unsigned int)pool->member_count)]
		       : NULL;
}

static void random_change(struct life *l)
{
	struct world *w = l->w;
	const struct model_member *member = random_member(l);
	struct change change = {.owner = OWNER_API, .service = "web", .weight = 100};
	struct errs errors = {0};

	if (!member)
		return;
	change.addr = member->addr;
	switch (world_pick(w, 8)) {
	case 0:
		if (model_service_at(w->model, 0)->pools[0].member_count >= MEMBERS_MAX)
			return;
		change.type = CHANGE_MEMBER_ADD;
		change.addr.b[15] = (uint8_t)(100 + world_pick(w, MEMBERS_MAX));
		break;
	case 1:
		change.type = CHANGE_MEMBER_REMOVE;
		if (world_pick(w, 3))
			return;
		break;
	case 2:
	case 3:
		change.type = CHANGE_MEMBER_WEIGHT;
		change.weight = world_pick(w, 3) * 50;
		break;
	case 4:
	case 5:
		change.type = CHANGE_MEMBER_ADMIN;
		change.admin = world_pick(w, 3) ? ADMIN_READY : ADMIN_DRAIN;
		if (world_pick(w, 12) == 0)
			change.admin = ADMIN_MAINT;
		break;
	default:
		change.type = CHANGE_MEMBER_HEALTH;
		change.member_id = member->id;
		change.health = world_pick(w, 3) ? HEALTH_UP : HEALTH_DOWN;
		change.health_cause = (enum health_cause)world_pick(w, HEALTH_CAUSE_MAX);
		change.text = "test";
		break;
	}
	model_apply(w->model, &change, 1, w->fake->now_ms, &errors);
	errs_done(&errors);
	world_resolve_all(w);
}

static void turn(struct life *l)
{
	struct world *w = l->w;
	unsigned int job = world_pick(w, JOBS_MAX);
	uint32_t wait_ms;

	world_run(w);
	if (!w->jobs[job]) {
		w->jobs[job] = sync_take_job(w->sync);
		if (w->jobs[job])
			build_job_run(w->jobs[job]);
	} else {
		assert_int_equal(sync_finish_job(w->sync, w->jobs[job], w->fake->now_ms, NULL), 0);
		w->jobs[job] = NULL;
	}
	wait_ms = sync_step(w->sync, w->fake->now_ms);
	l->step_ms = wait_ms == UINT32_MAX ? UINT64_MAX : w->fake->now_ms + wait_ms;
	world_assert_sound(w, false);
}

static struct life *life_new(unsigned int seed)
{
	struct life *l = util_alloc(sizeof(*l));

	l->w = world_new(seed);
	l->next_hash = (uint64_t)seed << 40;
	world_load(l->w, fake_config_web(6, LEARN_S));
	world_resolve_all(l->w);
	world_settle(l->w);
	return l;
}

static void life_free(struct life *l)
{
	world_free(l->w);
	free(l);
}

/* Until nothing moves and nothing is remembered: there is nothing left that costs anything. */
static void come_to_rest(struct life *l)
{
	struct sync_flow_totals totals;
	size_t i;
	int turns;

	for (i = 0; i < FLOWS; i++)
		l->flows[i].is_used = false;
	for (turns = 0; turns < 2000 && l->step_ms != UINT64_MAX; turns++) {
		l->w->fake->now_ms += 500;
		turn(l);
	}
	assert_int_equal(l->step_ms, UINT64_MAX);
	assert_int_equal(sync_view_totals(l->w->sync, &totals), 0);
	assert_int_equal(totals.flows_used + totals.pending_used + totals.moving + totals.pre +
				 totals.exceptional + totals.waiting,
			 0);
}

/* Every member loses its way: no connection is left. They come back one after the other, while others
 * may already open connections through those that are back. */
static void outage(struct life *l, bool has_traffic)
{
	const struct model_pool *pool = &model_service_at(l->w->model, 0)->pools[0];
	size_t i, wait;

	for (i = 0; i < pool->member_count; i++)
		world_set_nexthop(l->w, &pool->members[i], NEXTHOP_FAILED, 0);
	turn(l);
	for (i = 0; i < FLOWS; i++)
		l->flows[i].is_used = false;
	for (i = 0; i < pool->member_count; i++) {
		world_set_nexthop(l->w, &pool->members[i], NEXTHOP_RESOLVED, 0);
		for (wait = 0; wait < 4; wait++) {
			turn(l);
			if (has_traffic)
				traffic(l);
			l->w->fake->now_ms += 100;
		}
	}
}

static void live(unsigned int seed, unsigned int steps, unsigned int change_every)
{
	struct life *l = life_new(seed);
	unsigned int step;

	for (step = 0; step < steps; step++) {
		if (world_pick(l->w, change_every) == 0)
			random_change(l);
		if (world_pick(l->w, 700) == 0)
			world_restart(l->w);
		if (world_pick(l->w, 900) == 0)
			outage(l, true);
		turn(l);
		traffic(l);
		l->w->fake->now_ms += 20 + world_pick(l->w, 400);
	}
	assert_true(l->packets > steps * 10UL && l->opened > steps);
	come_to_rest(l);
	life_free(l);
}

static void test_no_connection_moves(void **state)
{
	unsigned int seed;

	(void)state;
	for (seed = 1; seed <= 20; seed++)
		live(seed, 3000, seed % 2 ? 40 : 8);
	live(40, 3000, 8); /* a member refuses, and is back before the next SYN */
}

/* Whoever was without members agrees with other nodes a moment after they are back: connections that
 * those opened find their members here. */
static void test_agrees_after_an_outage(void **state)
{
	struct life *l = life_new(4711);
	const struct dp_service *s = cell(l);
	uint32_t size = 1U << s->slots_log2, slot;
	uint64_t *before = util_alloc_array(size, sizeof(*before));
	int turns;

	(void)state;
	memcpy(before, &l->w->fake->slots[s->slots_base], size * sizeof(*before));
	/* It has had traffic, a moment ago. */
	for (turns = 0; turns < 50; turns++) {
		turn(l);
		traffic(l);
		l->w->fake->now_ms += 100;
	}
	outage(l, false);
	/* A turn begins or ends one table in JOBS_MAX places, whichever it picks. */
	for (turns = 0; turns < 80; turns++) {
		turn(l);
		l->w->fake->now_ms += 100;
	}
	for (slot = 0; slot < size; slot++)
		assert_int_equal(l->w->fake->slots[s->slots_base + slot] & ((1ULL << 48) - 1),
				 before[slot]);
	free(before);
	come_to_rest(l);
	life_free(l);
}

/* And who has opened connections meanwhile keeps them. */
static void test_keeps_what_opened_in_an_outage(void **state)
{
	struct life *l = life_new(4712);
	unsigned long opened = l->opened;

	(void)state;
	outage(l, true);
	assert_true(l->opened > opened);
	for (int turns = 0; turns < 600; turns++) {
		turn(l);
		traffic(l);
		l->w->fake->now_ms += 100;
	}
	come_to_rest(l);
	life_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_connection_moves),
		cmocka_unit_test(test_agrees_after_an_outage),
		cmocka_unit_test(test_keeps_what_opened_in_an_outage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
