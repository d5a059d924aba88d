/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From counters of the packet path to members that are suspect: what it does to the model and to
 * what the packet path watches, and what it never does. */
#include "unit/circuit_world.h"

#include "core/share_text.h"
#include "core/suspects.h"

#define THREE "    members: [10.0.0.1, 10.0.0.2, 10.0.0.3]\n"
#define EAGER "    circuit: {passive: suspect}\n"
#define MEMBERS_MAX 8

struct scene {
	struct world *w;
	struct suspects *suspects;
	struct sluice_member_stats stats[MEMBERS_MAX]; /* of members in order */
	struct sluice_host host;		       /* of 10.0.0.1 */
	struct change changes[MEMBERS_MAX];	       /* of the round */
	size_t change_count;
};

static struct scene *scene(const char *rest)
{
	struct scene *s = util_alloc(sizeof(*s));
	size_t m;

	s->w = world(rest);
	for (m = 0; m < web(s->w)->pools[0].member_count; m++)
		passes(s->w, member(s->w, m));
	world_settle(s->w);
	s->suspects = suspects_new();
	return s;
}

static void scene_free(struct scene *s)
{
	suspects_free(s->suspects);
	world_free(s->w);
	free(s);
}

/* A second of traffic to a member. */
static void traffic(struct scene *s, size_t m, uint32_t flows, uint32_t failed)
{
	struct sluice_member_stats *stats = &s->stats[m];

	stats->new_connections += flows;
	stats->packets += 10ULL * flows;
	stats->syns += flows;
	stats->repeated += failed;
	stats->followed += flows - failed;
}

static void note(void *arg, const struct model_member *at, const struct passive_report *report)
{
	struct scene *s = arg;

	assert_true(s->change_count < MEMBERS_MAX);
	s->changes[s->change_count++] = (struct change){
		.type = CHANGE_MEMBER_PASSIVE, .member_id = at->id, .passive = *report};
}

/* As the daemon does once a second. */
static void end_second(struct scene *s, bool is_held)
{
	struct model_pool *pool = &web(s->w)->pools[0];
	size_t m, i;

	s->w->fake->now_ms += 1000;
	for (m = 0; m < pool->member_count; m++) {
		uint64_t id = pool->members[m].id;

		suspects_take(s->suspects, id, sync_member_index(s->w->sync, id), &s->stats[m]);
	}
	if (suspects_wants_host(s->suspects, &pool->members[0].addr))
		suspects_take_host(s->suspects, &pool->members[0].addr, &s->host);
	assert_false(suspects_wants_host(s->suspects, &pool->members[0].addr));
	s->change_count = 0;
	suspects_round(s->suspects, s->w->model, is_held, note, s);
	for (i = 0; i < s->change_count; i++)
		world_apply(s->w, &s->changes[i]);
	world_run(s->w);
}

/* Of three members, the first one loses so many of 30 flows a second. */
static void seconds(struct scene *s, unsigned int count, uint32_t failed)
{
	while (count-- > 0) {
		traffic(s, 0, 30, failed);
		traffic(s, 1, 30, 0);
		traffic(s, 2, 30, 1);
		end_second(s, false);
	}
}

static bool is_suspect(const struct scene *s, size_t m)
{
	return member_state_of(member(s->w, m)) == MEMBER_SUSPECT;
}

static const char *last_event(const struct scene *s)
{
	const struct event *event =
		event_log_next(s->w->log, event_log_last(s->w->log) - 1, &(bool){false});

	assert_int_equal(event->type, EVENT_member_suspect);
	return event->text;
}

static const char *words(const struct scene *s, size_t m)
{
	static char text[SHARE_TEXT_MAX];

	return share_text(s->w->model, web(s->w), &web(s->w)->pools[0], member(s->w, m),
			  s->w->fake->now_ms, clock_wall_s(), text);
}

static uint64_t watch_of(const struct scene *s, size_t m)
{
	uint32_t index = sync_member_index(s->w->sync, member(s->w, m)->id);

	return s->w->fake->members[index].word &
	       (SLUICE_MEMBER_F_SAMPLE | SLUICE_MEMBER_F_SAMPLE_ALL);
}

/* ---- suspicion ----------------------------------------------------------------------------- */

static void begins_and_ends(void **state)
{
	struct scene *s = scene(THREE EAGER);
	unsigned int taken;

	(void)state;
	seconds(s, 12, 0);
	assert_false(is_suspect(s, 0));
	for (taken = 0; !is_suspect(s, 0) && taken < 20; taken++)
		seconds(s, 1, 30);
	assert_in_range(taken, 5, 7);
	assert_string_equal(last_event(s), "suspect: 50 % of 300 new flows were not answered "
					   "(pool 3 %); probed every 500 ms");
	assert_string_equal(words(s, 0), "suspect: 50 % of 300 new flows were not answered "
					 "(pool 3 %), probing every 500 ms");
	assert_false(is_suspect(s, 1) || is_suspect(s, 2));
	assert_int_equal(share(member(s->w, 0)), ALL);
	seconds(s, 10, 30);
	assert_string_equal(words(s, 0), "suspect: 100 % of 300 new flows were not answered "
					 "(pool 3 %), probing every 500 ms");
	for (taken = 0; is_suspect(s, 0) && taken < 40; taken++)
		seconds(s, 1, 0);
	assert_in_range(taken, PASSIVE_CALM_S, 2 * PASSIVE_WINDOW_S + 1);
	assert_string_equal(last_event(s),
			    "no longer suspect: 0 % of 300 new flows were not answered (pool 0 %)");
	assert_string_equal(words(s, 0), "serving: all of its weight");
	scene_free(s);
}

static void needs_others(void **state)
{
	struct scene *s = scene("    members: [10.0.0.1, 10.0.0.2]\n" EAGER);
	unsigned int i;

	(void)state;
	for (i = 0; i < 30; i++) {
		traffic(s, 0, 30, 30);
		traffic(s, 1, 30, 0);
		end_second(s, false);
		assert_false(is_suspect(s, 0));
	}
	scene_free(s);
}

static void first_look_is_old(void **state)
{
	struct scene *s = scene(THREE EAGER);
	struct suspects_view view;

	(void)state;
	/* Years of them, from before the daemon came. */
	traffic(s, 0, 1000000, 1000000);
	s->host.unreachable[SLUICE_UNREACHABLE_HOST] = 70;
	web(s->w)->pools[0].mode = SLUICE_MODE_IPIP;
	seconds(s, 1, 0);
	assert_false(is_suspect(s, 0));
	seconds(s, 14, 0);
	assert_false(is_suspect(s, 0));
	suspects_view(s->suspects, member(s->w, 0)->id, &view);
	assert_int_equal(view.total.syn, 1000000 + 15 * 30); /* but they count */
	assert_int_equal(view.total.repeated, 1000000);
	assert_int_equal(view.now.percent, 0);
	/* The counters begin again, under another index or not: nothing is taken back. */
	s->stats[0] = (struct sluice_member_stats){0};
	seconds(s, 15, 0);
	assert_false(is_suspect(s, 0));
	suspects_view(s->suspects, member(s->w, 0)->id, &view);
	assert_int_equal(view.total.syn, 1000000 + 30 * 30);
	scene_free(s);
}

static void not_while_cut_off(void **state)
{
	struct scene *s = scene(THREE EAGER);
	unsigned int i;

	(void)state;
	seconds(s, 12, 0);
	for (i = 0; i < 30; i++) {
		traffic(s, 0, 30, 30);
		traffic(s, 1, 30, 0);
		traffic(s, 2, 30, 0);
		end_second(s, true);
		assert_false(is_suspect(s, 0));
	}
	/* What came meanwhile is forgotten: the first ten flows are not enough. */
	seconds(s, 1, 10);
	assert_false(is_suspect(s, 0));
	seconds(s, 8, 30);
	assert_true(is_suspect(s, 0));
	/* Nor does suspicion end by what nobody judges. */
	for (i = 0; i < 2 * PASSIVE_CALM_S; i++) {
		traffic(s, 0, 30, 0);
		end_second(s, true);
		assert_true(is_suspect(s, 0));
	}
	scene_free(s);
}

static void flood(void **state)
{
	struct scene *s = scene(THREE EAGER);
	unsigned int i;
	size_t m;

	(void)state;
	seconds(s, 12, 0);
	for (i = 0; i < 60; i++) {
		for (m = 0; m < 3; m++)
			traffic(s, m, 1000, m == 0 ? 1000 : 970);
		end_second(s, false);
		for (m = 0; m < 3; m++)
			assert_false(is_suspect(s, m));
	}
	scene_free(s);
}

static void check_errors_in(enum sluice_mode mode)
{
	struct scene *s = scene("    check: none\n" THREE EAGER);

	seconds(s, 2, 0);
	/* Of other members of that host, which it gets tunnel packets for. */
	s->host.unreachable[SLUICE_UNREACHABLE_PROTOCOL]++;
	seconds(s, 1, 0);
	assert_false(is_suspect(s, 0));
	web(s->w)->pools[0].mode = mode;
	s->host.unreachable[SLUICE_UNREACHABLE_PROTOCOL] += 2;
	seconds(s, 1, 0);
	assert_true(is_suspect(s, 0)); /* at once */
	assert_string_equal(last_event(s),
			    "suspect: 2 ICMP errors (protocol unreachable), and 0 % of "
			    "60 new flows were not answered (pool 0 %); it has no check "
			    "that could say more");
	seconds(s, PASSIVE_WINDOW_S + PASSIVE_CALM_S - 2, 0);
	assert_true(is_suspect(s, 0));
	seconds(s, 1, 0);
	assert_false(is_suspect(s, 0));
	scene_free(s);
}

static void errors_of_a_host(void **state)
{
	(void)state;
	check_errors_in(SLUICE_MODE_IPIP);
	check_errors_in(SLUICE_MODE_GUE);
}

static void only_observed(void **state)
{
	struct scene *s = scene(THREE);

	(void)state;
	seconds(s, 2, 0);
	seconds(s, 8, 30);
	assert_string_equal(words(s, 0), "suspect: 100 % of 240 new flows were not answered "
					 "(pool 3 %), only shown (passive: observe)");
	assert_string_equal(last_event(s) + strlen(last_event(s)) - 30,
			    "; only shown (passive: observe)" + 1);
	/* A reload that ends it ends suspicion, too. */
	world_load_text(s->w, HEAD THREE "    circuit: {passive: disabled}\n");
	assert_false(is_suspect(s, 0));
	world_settle(s->w);
	assert_int_equal(watch_of(s, 0), 0);
	s->change_count = 0;
	suspects_round(s->suspects, s->w->model, false, note, s);
	assert_int_equal(s->change_count, 0);
	scene_free(s);
}

/* What was counted while nobody looked says nothing of now. */
static void looked_at_again(void **state)
{
	struct scene *s = scene(THREE EAGER);
	struct suspects_view view;
	unsigned int i;

	(void)state;
	seconds(s, 12, 0);
	world_load_text(s->w, HEAD THREE "    circuit: {passive: disabled}\n");
	world_settle(s->w);
	for (i = 0; i < 3; i++) /* nothing is taken meanwhile */
		suspects_round(s->suspects, s->w->model, false, note, s);
	traffic(s, 0, 1000000, 1000000);
	world_load_text(s->w, HEAD THREE EAGER);
	world_settle(s->w);
	for (i = 1; i <= 6; i++) {
		seconds(s, 1, 0);
		suspects_view(s->suspects, member(s->w, 0)->id, &view);
		assert_in_range(view.now.flows, 0, 30 * i);
		assert_int_equal(view.now.percent, 0);
	}
	assert_int_equal(view.total.syn, 1000000 + 18 * 30);	      /* but they count */
	assert_int_equal(watch_of(s, 0), SLUICE_MEMBER_F_SAMPLE_ALL); /* it gets little */
	seconds(s, 12, 0);
	assert_false(is_suspect(s, 0));
	scene_free(s);
}

/* ---- what is watched ----------------------------------------------------------------------- */

static void watched(void **state)
{
	struct scene *s = scene(THREE EAGER);
	unsigned int i;

	(void)state;
	assert_int_equal(watch_of(s, 0), SLUICE_MEMBER_F_SAMPLE);
	seconds(s, 2, 0);
	assert_int_equal(watch_of(s, 0), SLUICE_MEMBER_F_SAMPLE_ALL); /* it gets little */
	assert_true(sync_is_idle(s->w->sync)); /* no table is built for that */
	for (i = 0; i < 20; i++) {
		s->stats[0].packets += 100 * SUSPECTS_FEW_PACKETS;
		s->stats[1].new_connections += 100 * SUSPECTS_FEW_FLOWS;
		seconds(s, 1, 0);
	}
	assert_int_equal(watch_of(s, 0), SLUICE_MEMBER_F_SAMPLE);
	assert_int_equal(watch_of(s, 1), SLUICE_MEMBER_F_SAMPLE);
	assert_int_equal(watch_of(s, 2), SLUICE_MEMBER_F_SAMPLE_ALL);
	/* All of a suspect's, however much it gets. */
	for (i = 0; i < 12; i++) {
		s->stats[0].packets += 100 * SUSPECTS_FEW_PACKETS;
		seconds(s, 1, 30);
	}
	assert_true(is_suspect(s, 0));
	assert_int_equal(watch_of(s, 0), SLUICE_MEMBER_F_SAMPLE_ALL);
	scene_free(s);
}

/* Of flows that nobody looks at any more there are no answers: that is not the member's fault. */
static void from_all_to_a_sample(void **state)
{
	struct scene *s = scene(THREE EAGER);
	struct sluice_member_stats *stats = &s->stats[0];
	unsigned int i;

	(void)state;
	seconds(s, 12, 0);
	assert_int_equal(watch_of(s, 0), SLUICE_MEMBER_F_SAMPLE_ALL);
	/* A second of very many, all of them watched; of those after it one in 64. */
	for (i = 0; i < 30; i++) {
		stats->new_connections += 20000;
		stats->syns += i == 0 ? 20000 : 312;
		stats->followed += 312;
		traffic(s, 1, 30, 0);
		traffic(s, 2, 30, 0);
		end_second(s, false);
		assert_int_equal(watch_of(s, 0), SLUICE_MEMBER_F_SAMPLE);
		assert_false(is_suspect(s, 0));
	}
	scene_free(s);
}

static void not_of_udp(void **state)
{
	struct world *w = world_new(1);
	uint32_t index;

	(void)state;
	world_load_text(w, "version: 1\ninterfaces: [eth0]\nservices:\n  dns:\n"
			   "    listen: udp 192.0.2.10:53\n    mode: l2\n" THREE);
	world_resolve_all(w);
	world_settle(w);
	index = sync_member_index(w->sync, member(w, 0)->id);
	assert_true(w->fake->members[index].word & SLUICE_MEMBER_F_USED);
	assert_false(w->fake->members[index].word &
		     (SLUICE_MEMBER_F_SAMPLE | SLUICE_MEMBER_F_SAMPLE_ALL));
	world_free(w);
}

static void forgets(void **state)
{
	struct scene *s = scene(THREE EAGER);
	uint64_t id = member(s->w, 0)->id;
	struct suspects_view view;

	(void)state;
	seconds(s, 3, 0);
	suspects_view(s->suspects, id, &view);
	assert_true(view.total.syn > 0);
	world_load_text(s->w, HEAD "    members: [10.0.0.2, 10.0.0.3]\n" EAGER);
	world_resolve_all(s->w);
	world_settle(s->w);
	end_second(s, false);
	suspects_view(s->suspects, id, &view);
	assert_int_equal(view.total.syn, 0);
	scene_free(s);
}

/* ---- the trial ----------------------------------------------------------------------------- */

static void put_on_trial(struct scene *s)
{
	struct model_member *m = member(s->w, 0);

	look(s->w, m, 1, 0);
	fails(s->w, m, HEALTH_ANSWERED);
	passes(s->w, m);
	s->w->fake->now_ms += 10000;
	look(s->w, m, 1, 0);
	assert_int_equal(m->breaker.state, BREAKER_HALF_OPEN);
}

/* How many seconds a trial takes, with so many flows a second, of which so many fail. */
static unsigned int trial_takes(const char *rest, uint32_t flows, uint32_t failed, bool is_probed)
{
	struct scene *s = scene(rest);
	unsigned int i;

	seconds(s, 3, 0);
	put_on_trial(s);
	for (i = 0; i < 60 && member(s->w, 0)->breaker.state == BREAKER_HALF_OPEN; i++) {
		traffic(s, 0, flows, failed);
		end_second(s, false);
		look(s->w, member(s->w, 0), is_probed, 0);
	}
	/* However many flows fail: that takes nobody out. */
	if (is_probed)
		assert_int_equal(member(s->w, 0)->breaker.state, BREAKER_CLOSED);
	scene_free(s);
	return i;
}

static void trials(void **state)
{
	(void)state;
	assert_in_range(trial_takes(THREE EAGER, 5, 0, true), 3, 4);
	assert_in_range(trial_takes(THREE EAGER, 5, 0, false), 29, 30); /* no probe has passed */
	assert_in_range(trial_takes(THREE EAGER, 5, 2, true), 12, 30);	/* too many fail */
	assert_in_range(trial_takes(THREE EAGER, 0, 0, true), 29, 30);	/* no flows */
	assert_in_range(trial_takes(THREE, 5, 0, true), 29, 30);	/* only observed */
}

/* What is told of a member too late, or while it is suspect, does nothing for it. */
static void out_of_place(void **state)
{
	struct world *w = world(THREE EAGER);
	struct change change = {.type = CHANGE_MEMBER_PASSIVE, .member_id = member(w, 0)->id};

	(void)state;
	fails(w, member(w, 0), HEALTH_ANSWERED);
	w->fake->now_ms += 6000;
	passes(w, member(w, 0));
	look(w, member(w, 0), 1, 0);
	look(w, member(w, 0), 1, 0);
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_HALF_OPEN);
	assert_true(member(w, 0)->breaker.has_passed);
	change.passive.good_flows = BREAKER_GOOD_FLOWS;
	change.passive.view.cause = PASSIVE_ICMP;
	world_apply(w, &change);
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_HALF_OPEN);
	change.passive.view.cause = PASSIVE_NOTHING;
	world_apply(w, &change);
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_CLOSED);
	/* A reload has ended it meanwhile. */
	world_load_text(w, HEAD THREE "    circuit: {passive: disabled}\n");
	change.member_id = member(w, 0)->id;
	change.passive.view.cause = PASSIVE_BAD;
	change.passive.is_watched_wholly = true;
	world_apply(w, &change);
	assert_int_equal(member(w, 0)->suspicion.cause, PASSIVE_NOTHING);
	assert_false(member(w, 0)->is_watched_wholly);
	world_free(w);
}

/* ---- what never happens -------------------------------------------------------------------- */

static void random_counters(void **state)
{
	static const char *const circuits[] = {"", EAGER};
	unsigned int run, i;
	size_t m;

	(void)state;
	for (run = 1; run <= 30; run++) {
		AUTO_FREE char *rest = util_printf("    members: [10.0.0.1, 10.0.0.2, 10.0.0.3, "
						   "10.0.0.4, 10.0.0.5]\n%s",
						   circuits[run % 2]);
		struct scene *s = scene(rest);
		size_t seen = 0;

		s->w->seed = run;
		for (i = 0; i < 200; i++) {
			for (m = 0; m < 5; m++) {
				uint32_t flows = world_pick(s->w, 40);
				bool is_bad = (i / 20 + m) % 5 == run % 5;

				traffic(s, m, flows, is_bad ? flows : flows / 20);
			}
			s->host.unreachable[world_pick(s->w, SLUICE_UNREACHABLE_MAX)] +=
				world_pick(s->w, 60) == 0;
			end_second(s, world_pick(s->w, 50) == 0);
			for (m = 0; m < 5; m++) {
				const struct model_member *at = member(s->w, m);

				seen += is_suspect(s, m);
				/* Nobody is out, and nobody gets less. */
				assert_int_equal(share(at), ALL);
				assert_int_equal(at->breaker.state, BREAKER_CLOSED);
				assert_false(at->is_dead);
			}
		}
		assert_true(seen > 10);
		world_settle(s->w);
		world_assert_as_model(s->w);
		scene_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_and_ends),
		cmocka_unit_test(needs_others),
		cmocka_unit_test(first_look_is_old),
		cmocka_unit_test(not_while_cut_off),
		cmocka_unit_test(flood),
		cmocka_unit_test(errors_of_a_host),
		cmocka_unit_test(only_observed),
		cmocka_unit_test(looked_at_again),
		cmocka_unit_test(watched),
		cmocka_unit_test(from_all_to_a_sample),
		cmocka_unit_test(not_of_udp),
		cmocka_unit_test(forgets),
		cmocka_unit_test(trials),
		cmocka_unit_test(out_of_place),
		cmocka_unit_test(random_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
