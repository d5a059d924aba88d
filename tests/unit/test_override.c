/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A person's word on a member: every state and event by table, with whose word it is afterwards. */
#include "unit/circuit_world.h"

#define OLD_S 4711
#define NEW_S 5811

enum situation { FREE, OUT, OUT_UNTIL, IN, IN_UNTIL, SITUATION_MAX };

static const struct {
	enum override_state override;
	uint64_t until_s;
} situations[SITUATION_MAX] = {
	[FREE] = {OVERRIDE_NONE, 0},	       [OUT] = {OVERRIDE_EJECTED, 0},
	[IN] = {OVERRIDE_FORCED, 0},	       [OUT_UNTIL] = {OVERRIDE_EJECTED, OLD_S},
	[IN_UNTIL] = {OVERRIDE_FORCED, OLD_S},
};

enum event_of {
	EJECT,
	FORCE,
	RESTORE,
	OVER,	    /* the time that was said first */
	OTHER_OVER, /* another one, of a word that is no longer the last */
	NONE_OVER,  /* none at all */
	FAILS,
	PASSES,
	EVENT_OF_MAX
};

enum outcome { KEEPS, EJECTED, FORCED, RESTORED, OUTCOME_MAX };

static const enum outcome table[SITUATION_MAX][EVENT_OF_MAX] = {
	/* eject, force, restore, over, other over, none over, fails, passes */
	[FREE] = {EJECTED, FORCED, KEEPS, KEEPS, KEEPS, KEEPS, KEEPS, KEEPS},
	[OUT] = {EJECTED, FORCED, RESTORED, KEEPS, KEEPS, KEEPS, KEEPS, KEEPS},
	[OUT_UNTIL] = {EJECTED, FORCED, RESTORED, RESTORED, KEEPS, KEEPS, KEEPS, KEEPS},
	[IN] = {EJECTED, FORCED, RESTORED, KEEPS, KEEPS, KEEPS, KEEPS, KEEPS},
	[IN_UNTIL] = {EJECTED, FORCED, RESTORED, RESTORED, KEEPS, KEEPS, KEEPS, KEEPS},
};

_Static_assert(OVERRIDE_STATE_MAX == 3, "another one takes rows above");

static void say(struct world *w, enum override_state to, uint64_t until_s)
{
	const struct change change = {.type = CHANGE_MEMBER_OVERRIDE,
				      .owner = OWNER_API,
				      .service = "web",
				      .addr = member(w, 1)->addr,
				      .override = to,
				      .override_until_s = until_s,
				      .since_s = 900,
				      .text = "a newer reason",
				      .who = "bob"};

	world_apply(w, &change);
}

static void act(struct world *w, enum event_of event)
{
	struct change over = {.type = CHANGE_MEMBER_EXPIRY, .member_id = member(w, 1)->id};

	switch (event) {
	case EJECT:
		say(w, OVERRIDE_EJECTED, NEW_S);
		break;
	case FORCE:
		say(w, OVERRIDE_FORCED, NEW_S);
		break;
	case RESTORE:
		say(w, OVERRIDE_NONE, NEW_S);
		break;
	case OVER:
	case OTHER_OVER:
		over.override_until_s = event == OVER ? OLD_S : OLD_S - 1;
		world_apply(w, &over);
		break;
	case NONE_OVER:
		world_apply(w, &over);
		break;
	case FAILS:
		fails(w, member(w, 1), HEALTH_SILENT);
		break;
	default:
		passes(w, member(w, 1));
		break;
	}
}

static size_t words_said(const struct world *w)
{
	const struct event *event;
	uint64_t seq = 0;
	size_t count = 0;
	bool is_gap;

	for (; (event = event_log_next(w->log, seq, &is_gap)); seq = event->seq)
		count += event->type == EVENT_member_override;
	return count;
}

static void assert_whose(const struct world *w, const char *who, const char *reason)
{
	const struct model_override *why = model_override_of(w->model, member(w, 1));

	assert_non_null(why);
	assert_string_equal(why->who, who);
	assert_string_equal(why->reason, reason);
	assert_int_equal(why->since_s == 900, strcmp(who, "bob") == 0);
}

static void assert_outcome(const struct world *w, enum situation s, enum event_of event)
{
	const struct model_member *at = member(w, 1);
	enum outcome outcome = table[s][event];
	enum override_state want = outcome == KEEPS	? situations[s].override
				   : outcome == EJECTED ? OVERRIDE_EJECTED
				   : outcome == FORCED	? OVERRIDE_FORCED
							: OVERRIDE_NONE;

	assert_int_equal(at->override, want);
	assert_int_equal(at->override_until_s, outcome == KEEPS	     ? situations[s].until_s
					       : outcome == RESTORED ? 0
								     : NEW_S);
	if (want == OVERRIDE_NONE)
		assert_null(model_override_of(w->model, at));
	else if (outcome == KEEPS)
		assert_whose(w, "alice", "bad disk");
	else
		assert_whose(w, "bob", "a newer reason");
	assert_int_equal(share(at), want == OVERRIDE_EJECTED  ? 0
				    : want == OVERRIDE_FORCED ? ALL
				    : event == FAILS	      ? 0
							      : ALL);
	/* The others are nobody's business. */
	assert_int_equal(member(w, 0)->override, OVERRIDE_NONE);
	assert_int_equal(member(w, 2)->override, OVERRIDE_FORCED);
	assert_string_equal(model_override_of(w->model, member(w, 2))->who, "alice");
}

static void every_state_and_event(void **state)
{
	unsigned int seen[OVERRIDE_STATE_MAX] = {0};
	enum override_state at;
	enum situation s;
	enum event_of e;

	(void)state;
	for (s = 0; s < SITUATION_MAX; s++)
		seen[situations[s].override]++;
	for (at = 0; at < OVERRIDE_STATE_MAX; at++)
		assert_true(seen[at] > 0);
	for (s = 0; s < SITUATION_MAX; s++) {
		for (e = 0; e < EVENT_OF_MAX; e++) {
			struct world *w = world(FOUR);
			size_t before;

			print_message("# situation %d, event %d\n", s, e);
			override(w, member(w, 2), OVERRIDE_FORCED, OLD_S);
			if (situations[s].override != OVERRIDE_NONE)
				override(w, member(w, 1), situations[s].override,
					 situations[s].until_s);
			before = words_said(w);
			act(w, e);
			assert_outcome(w, s, e);
			assert_int_equal(words_said(w) - before, table[s][e] != KEEPS);
			world_free(w);
		}
	}
}

/* What nobody may say is refused, and all stays as it was. */
static void nonsense(void **state)
{
	struct world *w = world(FOUR);
	const struct change change = {.type = CHANGE_MEMBER_OVERRIDE,
				      .owner = OWNER_API,
				      .service = "web",
				      .addr = member(w, 1)->addr,
				      .override = OVERRIDE_STATE_MAX};
	struct errs errors = {0};

	(void)state;
	override(w, member(w, 1), OVERRIDE_EJECTED, OLD_S);
	assert_int_not_equal(model_apply(w->model, &change, 1, w->fake->now_ms, &errors), 0);
	errs_done(&errors);
	assert_int_equal(member(w, 1)->override, OVERRIDE_EJECTED);
	assert_int_equal(member(w, 1)->override_until_s, OLD_S);
	assert_whose(w, "alice", "bad disk");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_and_event),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
