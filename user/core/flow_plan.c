/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/flow_plan.h"

#include "base/util.h"

#define NEVER UINT32_MAX
#define OWNERS ((1ULL << 48) - 1)
/* Where there is no flow to learn: whoever read the slot before it moved has counted his packet. */
#define QUIET_MS 200

enum flow_state flow_plan_state(uint64_t word)
{
	if (word & SLUICE_SLOT_F_LEARN || SLUICE_SLOT_CUR(word) != SLUICE_SLOT_DEF(word))
		return FLOW_MOVING;
	if (word & SLUICE_SLOT_F_PRE)
		return FLOW_PRE;
	/* A packet that was late may have marked a slot that was at rest again. */
	return word & (SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_DIRTY) ? FLOW_EXCEPTIONAL : FLOW_STABLE;
}

bool flow_plan_is_waiting(const struct flow_question *q)
{
	enum flow_state state = flow_plan_state(q->word);

	return SLUICE_SLOT_CUR(q->word) != q->wanted && q->kind != FLOW_KIND_PLAIN &&
	       !q->is_urgent && !q->is_quiet && !q->is_cur_dead && SLUICE_SLOT_DEF(q->word) &&
	       (state == FLOW_STABLE || state == FLOW_EXCEPTIONAL);
}

/* What is left of a time that began with the last step; 0: it is over. */
static uint32_t left(const struct flow_question *q, uint32_t ms)
{
	uint32_t passed = q->now_ms - q->since_ms;

	return passed >= ms ? 0 : ms - passed;
}

uint32_t flow_plan_learn_ms(const struct flow_times *times, const struct flow_question *q)
{
	return q->is_quiet ? MIN(QUIET_MS, times->learn_ms) : times->learn_ms;
}

static void step(struct flow_answer *answer, uint64_t word)
{
	answer->word = word;
	answer->is_step = true;
	answer->wait_ms = NEVER;
}

/* cur and def in one place; entries that there are, or may be, are still followed. */
static uint64_t rest_at(uint32_t member, bool has_entries)
{
	return SLUICE_SLOT(member, member) | (has_entries ? SLUICE_SLOT_F_EXC : 0);
}

/* New flows go to the owner that the slot should have. */
static void change(const struct flow_times *times, const struct flow_question *q,
		   struct flow_answer *answer)
{
	uint32_t def = SLUICE_SLOT_DEF(q->word);
	bool is_split = SLUICE_SLOT_CUR(q->word) != def;
	uint64_t learning = q->word & (SLUICE_SLOT_F_LEARN | SLUICE_SLOT_F_DIRTY |
				       (is_split ? SLUICE_SLOT_F_PRE : 0));

	if (!def || q->is_def_dead)
		/* Nobody is left on def. */
		step(answer, rest_at(q->wanted, q->word & SLUICE_SLOT_F_EXC));
	else if (q->wanted == def)
		step(answer, rest_at(def, true));
	else
		step(answer, SLUICE_SLOT(q->wanted, def) | SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN |
				     learning);
	if (answer->word & SLUICE_SLOT_F_LEARN)
		answer->wait_ms = flow_plan_learn_ms(times, q);
	/* Who learned before has learned all the time. */
	if (learning && answer->word & SLUICE_SLOT_F_LEARN && is_split) {
		answer->is_step = false;
		answer->wait_ms = 0;
	}
}

/* Flows of def have been heard of for long enough, and who opened one that could not be remembered
 * opens it no more. False: not yet. */
static bool is_learned(const struct flow_times *times, const struct flow_question *q,
		       struct flow_answer *answer)
{
	bool is_split = SLUICE_SLOT_CUR(q->word) != SLUICE_SLOT_DEF(q->word);
	uint64_t postpones = is_split ? SLUICE_SLOT_F_PRE : 0;

	if (q->word & SLUICE_SLOT_F_DIRTY) {
		step(answer, (q->word & ~SLUICE_SLOT_F_DIRTY) | postpones);
		answer->wait_ms = is_split ? times->postpone_ms : flow_plan_learn_ms(times, q);
		return false;
	}
	if (q->word & postpones) {
		answer->wait_ms = left(q, times->postpone_ms);
		if (answer->wait_ms)
			return false;
		answer->word &= ~SLUICE_SLOT_F_PRE;
		/* Unless the window is over, too. */
	}
	answer->wait_ms = left(q, flow_plan_learn_ms(times, q));
	return answer->wait_ms == 0;
}

static void next_window(const struct flow_times *times, const struct flow_question *q,
			struct flow_answer *answer)
{
	uint64_t owners = q->word & OWNERS;

	if (q->word & SLUICE_SLOT_F_LEARN) {
		if (is_learned(times, q, answer))
			step(answer, rest_at(q->wanted, true));
	} else if (q->may_start) {
		step(answer, owners | SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN);
		answer->wait_ms = times->learn_ms;
	}
}

/* The owner is another one than it should be. */
static void next_owner(const struct flow_times *times, const struct flow_question *q,
		       struct flow_answer *answer)
{
	bool is_split = SLUICE_SLOT_CUR(q->word) != SLUICE_SLOT_DEF(q->word);

	if (q->is_urgent || q->is_quiet || q->is_cur_dead || q->is_def_dead ||
	    !SLUICE_SLOT_DEF(q->word)) {
		change(times, q, answer);
	} else if (is_split) {
		/* Connections that open are remembered already. */
		change(times, q, answer);
	} else if (q->kind == FLOW_KIND_WINDOW) {
		next_window(times, q, answer);
	} else if (q->word & SLUICE_SLOT_F_LEARN) {
		/* Was another kind of service. */
		step(answer, rest_at(SLUICE_SLOT_CUR(q->word), true));
		answer->wait_ms = 0;
	} else if (q->word & SLUICE_SLOT_F_PRE) {
		answer->wait_ms = left(q, times->pre_ms);
		if (answer->wait_ms == 0)
			change(times, q, answer);
	} else if (q->may_start) {
		step(answer, q->word | SLUICE_SLOT_F_PRE);
		answer->wait_ms = times->pre_ms;
	}
}

/* The owner is the one that it should be. */
static void next_rest(const struct flow_times *times, const struct flow_question *q,
		      struct flow_answer *answer)
{
	uint32_t cur = SLUICE_SLOT_CUR(q->word), def = SLUICE_SLOT_DEF(q->word);
	bool is_exceptional = q->word & SLUICE_SLOT_F_EXC;

	if (cur != def && (q->is_def_dead || !def)) {
		step(answer, rest_at(cur, is_exceptional));
	} else if (cur != def && !(q->word & SLUICE_SLOT_F_LEARN)) {
		/* Nobody here writes that; found in adopted maps. */
		step(answer, SLUICE_SLOT(cur, def) | SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN);
		answer->wait_ms = times->learn_ms;
	} else if (cur != def) {
		/* Without an owner of new flows those of def have nowhere to go. */
		if (is_learned(times, q, answer) && cur)
			step(answer, rest_at(cur, true));
		else if (!cur && !answer->is_step)
			answer->wait_ms = NEVER;
	} else if (q->word & ~(OWNERS | SLUICE_SLOT_F_EXC)) {
		/* What was announced, or learned, does not come. */
		step(answer, rest_at(cur, is_exceptional));
	} else if (is_exceptional && q->is_clear) {
		step(answer, rest_at(cur, false));
	}
}

void flow_plan_next(const struct flow_times *times, const struct flow_question *q,
		    struct flow_answer *ret_answer)
{
	struct flow_answer answer = {.word = q->word, .wait_ms = NEVER};

	if (q->kind == FLOW_KIND_PLAIN) {
		if (q->word != rest_at(q->wanted, false))
			step(&answer, rest_at(q->wanted, false));
	} else if (SLUICE_SLOT_CUR(q->word) != q->wanted) {
		next_owner(times, q, &answer);
	} else {
		next_rest(times, q, &answer);
	}
	*ret_answer = answer;
}
