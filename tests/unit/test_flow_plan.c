/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The life of a slot: every state with every event against what must hold whatever happens, and
 * single steps against the table of docs/flows.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/util.h"
#include "core/flow_plan.h"

#define EXC SLUICE_SLOT_F_EXC
#define LEARN SLUICE_SLOT_F_LEARN
#define PRE SLUICE_SLOT_F_PRE
#define DIRTY SLUICE_SLOT_F_DIRTY
#define AB(cur, def) SLUICE_SLOT(cur, def)
#define NEVER UINT32_MAX

enum { A = 1, B = 2, C = 3 };

static const struct flow_times times = {.pre_ms = 3000, .learn_ms = 600000, .postpone_ms = 12000};

struct row {
	const char *name;
	struct flow_question q; /* since_ms 0 */
	uint64_t word;
	bool is_step;
	uint32_t wait_ms;
};

#define Q(word_, wanted_, now_, ...)                                                               \
	{                                                                                          \
		.word = (word_), .wanted = (wanted_), .now_ms = (now_), ##__VA_ARGS__              \
	}

static const struct row rows[] = {
	{"stable", Q(AB(A, A), A, 9), AB(A, A), false, NEVER},
	{"waits for its turn", Q(AB(A, A), B, 9), AB(A, A), false, NEVER},
	{"announced", Q(AB(A, A), B, 9, .may_start = true), AB(A, A) | PRE, true, 3000},
	{"announced for so long", Q(AB(A, A) | PRE, B, 2999), AB(A, A) | PRE, false, 1},
	{"changed", Q(AB(A, A) | PRE, B, 3000), AB(B, A) | EXC | LEARN, true, 600000},
	{"taken back before", Q(AB(A, A) | PRE, A, 100), AB(A, A), true, NEVER},
	{"cannot wait", Q(AB(A, A), B, 9, .is_urgent = true), AB(B, A) | EXC | LEARN, true, 600000},
	{"dead", Q(AB(A, A), B, 9, .is_cur_dead = true, .is_def_dead = true), AB(B, B), true,
	 NEVER},
	{"was empty", Q(AB(0, 0), B, 9), AB(B, B), true, NEVER},
	{"learns", Q(AB(B, A) | EXC | LEARN, B, 599999), AB(B, A) | EXC | LEARN, false, 1},
	{"has learned", Q(AB(B, A) | EXC | LEARN, B, 600000), AB(B, B) | EXC, true, NEVER},
	{"could not remember all", Q(AB(B, A) | EXC | LEARN | DIRTY, B, 600000),
	 AB(B, A) | EXC | LEARN | PRE, true, 12000},
	{"postpones", Q(AB(B, A) | EXC | LEARN | PRE, B, 11999), AB(B, A) | EXC | LEARN | PRE,
	 false, 1},
	{"could not remember all, again", Q(AB(B, A) | EXC | LEARN | PRE | DIRTY, B, 12000),
	 AB(B, A) | EXC | LEARN | PRE, true, 12000},
	{"postpones no more", Q(AB(B, A) | EXC | LEARN | PRE, B, 12000), AB(B, A) | EXC | LEARN,
	 false, 588000},
	{"has learned meanwhile", Q(AB(B, A) | EXC | LEARN | PRE, B, 600000), AB(B, B) | EXC, true,
	 NEVER},
	{"postpones, nobody wanted", Q(AB(0, A) | EXC | LEARN | PRE, 0, 900000),
	 AB(0, A) | EXC | LEARN, false, NEVER},
	{"postpones, changed again", Q(AB(B, A) | EXC | LEARN | PRE, C, 50),
	 AB(C, A) | EXC | LEARN | PRE, false, 0},
	{"postpones, taken back", Q(AB(B, A) | EXC | LEARN | PRE, A, 50), AB(A, A) | EXC, true,
	 NEVER},
	{"changed, not all remembered", Q(AB(A, A) | PRE | DIRTY, B, 3000),
	 AB(B, A) | EXC | LEARN | DIRTY, true, 600000},
	{"at rest, marked late", Q(AB(A, A) | DIRTY, A, 100), AB(A, A), true, NEVER},
	{"changed again", Q(AB(B, A) | EXC | LEARN, C, 50), AB(C, A) | EXC | LEARN, false, 0},
	{"changed again, dirty", Q(AB(B, A) | EXC | LEARN | DIRTY, C, 50),
	 AB(C, A) | EXC | LEARN | DIRTY, false, 0},
	{"taken back", Q(AB(B, A) | EXC | LEARN | DIRTY, A, 50), AB(A, A) | EXC, true, NEVER},
	{"old owner dies", Q(AB(B, A) | EXC | LEARN, B, 50, .is_def_dead = true), AB(B, B) | EXC,
	 true, NEVER},
	{"old owner dies, another wanted", Q(AB(B, A) | EXC | LEARN, C, 50, .is_def_dead = true),
	 AB(C, C) | EXC, true, NEVER},
	{"new owner dies", Q(AB(B, A) | EXC | LEARN, C, 50, .is_cur_dead = true),
	 AB(C, A) | EXC | LEARN, false, 0},
	{"nobody is wanted", Q(AB(A, A) | PRE, 0, 3000), AB(0, A) | EXC | LEARN, true, 600000},
	{"nobody: learning does not end", Q(AB(0, A) | EXC | LEARN, 0, 900000),
	 AB(0, A) | EXC | LEARN, false, NEVER},
	{"somebody again", Q(AB(0, A) | EXC | LEARN, A, 900000), AB(A, A) | EXC, true, NEVER},
	{"exceptional", Q(AB(B, B) | EXC, B, 900000), AB(B, B) | EXC, false, NEVER},
	{"clear", Q(AB(B, B) | EXC, B, 900000, .is_clear = true), AB(B, B), true, NEVER},
	{"exceptional, announced", Q(AB(B, B) | EXC, A, 9, .may_start = true, .is_clear = true),
	 AB(B, B) | EXC | PRE, true, 3000},
	{"exceptional, changed", Q(AB(B, B) | EXC | PRE, A, 3000), AB(A, B) | EXC | LEARN, true,
	 600000},
	{"quiet: changed at once", Q(AB(A, A), B, 9, .is_quiet = true), AB(B, A) | EXC | LEARN,
	 true, 200},
	{"quiet: packets that are on their way are counted first",
	 Q(AB(B, A) | EXC | LEARN, B, 199, .is_quiet = true), AB(B, A) | EXC | LEARN, false, 1},
	{"quiet: there is nothing to learn", Q(AB(B, A) | EXC | LEARN, B, 200, .is_quiet = true),
	 AB(B, B) | EXC, true, NEVER},
	{"plain", Q(AB(A, A), B, 9, .kind = FLOW_KIND_PLAIN), AB(B, B), true, NEVER},
	{"plain, flags of another life", Q(AB(B, A) | EXC | LEARN, B, 9, .kind = FLOW_KIND_PLAIN),
	 AB(B, B), true, NEVER},
	{"window opens", Q(AB(A, A), B, 9, .kind = FLOW_KIND_WINDOW, .may_start = true),
	 AB(A, A) | EXC | LEARN, true, 600000},
	{"window is over", Q(AB(A, A) | EXC | LEARN, B, 600000, .kind = FLOW_KIND_WINDOW),
	 AB(B, B) | EXC, true, NEVER},
	{"window, dirty", Q(AB(A, A) | EXC | LEARN | DIRTY, B, 600000, .kind = FLOW_KIND_WINDOW),
	 AB(A, A) | EXC | LEARN, true, 600000},
	{"window, taken back", Q(AB(A, A) | EXC | LEARN, A, 100, .kind = FLOW_KIND_WINDOW),
	 AB(A, A) | EXC, true, NEVER},
	{"window, owner dies",
	 Q(AB(A, A) | EXC | LEARN, B, 100, .kind = FLOW_KIND_WINDOW, .is_cur_dead = true,
	   .is_def_dead = true),
	 AB(B, B) | EXC, true, NEVER},
	{"adopted without a flag", Q(AB(B, A), B, 9), AB(B, A) | EXC | LEARN, true, 600000},
	{"the clock wraps", Q(AB(A, A) | PRE, B, 100, .since_ms = (uint32_t)-2000), AB(A, A) | PRE,
	 false, 900},
};

static void test_rows(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flow_answer a;

		flow_plan_next(&times, &rows[i].q, &a);
		if (a.word != rows[i].word || a.is_step != rows[i].is_step ||
		    a.wait_ms != rows[i].wait_ms)
			fail_msg("%s: word %012llx flags %x, step %d, wait %u", rows[i].name,
				 (unsigned long long)(a.word & ((1ULL << 48) - 1)),
				 (unsigned int)(a.word >> 48), a.is_step, a.wait_ms);
	}
}

/* Whoever has flows without an entry keeps them: a flow that is not looked up, or not found, goes to
 * `def` (or to `cur`, which is the same then). */
static void assert_safe(const struct flow_question *q, const struct flow_answer *a)
{
	uint32_t cur = SLUICE_SLOT_CUR(q->word), def = SLUICE_SLOT_DEF(q->word);
	uint32_t new_cur = SLUICE_SLOT_CUR(a->word), new_def = SLUICE_SLOT_DEF(a->word);
	bool is_postponing = cur != def && q->word & PRE &&
			     q->now_ms - q->since_ms < times.postpone_ms;
	bool has_learned = q->word & LEARN && !(q->word & DIRTY) && !is_postponing &&
			   q->now_ms - q->since_ms >= (q->is_quiet ? 200 : times.learn_ms);

	/* Entries that there may be are looked up. */
	if (q->word & EXC && !(a->word & EXC))
		assert_true(q->is_clear && cur == def && new_cur == cur);
	if (new_cur != new_def)
		assert_true(a->word & EXC && a->word & LEARN);
	/* def leaves a living member only when its flows have entries. */
	if (new_def != def && def && !q->is_def_dead)
		assert_true(has_learned && a->word & EXC);
	/* cur changes after an announcement, or when connections are remembered anyway. */
	if (new_cur != cur && !q->is_urgent && !q->is_quiet && !q->is_cur_dead && !q->is_def_dead &&
	    def)
		assert_true((q->word & PRE && q->now_ms - q->since_ms >= times.pre_ms) ||
			    (q->word & LEARN && cur != def) ||
			    (q->kind == FLOW_KIND_WINDOW && has_learned));
	if (new_cur != cur)
		assert_int_equal(new_cur, q->wanted);
	/* What could not be learned is not forgotten, but with a new window or when it is over. */
	if (q->word & DIRTY && !(a->word & DIRTY))
		assert_true(a->is_step);
	/* Connections that went to def may come again, and find it. */
	if (is_postponing && new_cur != new_def)
		assert_true(a->word & PRE);
	/* Nothing starts that may not. */
	if (flow_plan_is_waiting(q) && !q->may_start)
		assert_true(a->word == q->word || (q->is_clear && a->word == (q->word & ~EXC)));
	assert_int_equal((a->word & ~(EXC | LEARN | PRE | DIRTY)) >> 48, 0);
}

/* Left alone it comes to rest where it should be. */
static void assert_settles(struct flow_question q)
{
	struct flow_answer a;
	int steps;

	q.may_start = q.is_clear = true;
	for (steps = 0; steps < 10; steps++) {
		q.is_urgent = q.is_urgent && SLUICE_SLOT_CUR(q.word) != q.wanted;
		q.is_cur_dead = q.is_cur_dead && SLUICE_SLOT_CUR(q.word) != q.wanted;
		q.is_def_dead = q.is_def_dead && SLUICE_SLOT_DEF(q.word) != q.wanted;
		flow_plan_next(&times, &q, &a);
		assert_safe(&q, &a);
		q.word = a.word;
		if (a.is_step)
			q.since_ms = q.now_ms;
		if (a.wait_ms != NEVER)
			q.now_ms += a.wait_ms;
	}
	assert_int_equal(SLUICE_SLOT_CUR(q.word), q.wanted);
	if (q.wanted)
		assert_int_equal(q.word, AB(q.wanted, q.wanted));
}

/* Everything that a daemon may find and that may happen to it. */
static void test_every_state_and_event(void **state)
{
	static const uint32_t times_passed[] = {0, 199, 200, 2999, 3000, 599999, 600000};
	unsigned int cur, def, flags, wanted, kind, events, t, count = 0;

	(void)state;
	for (cur = 0; cur < 4; cur++)
		for (def = 0; def < 4; def++)
			for (flags = 0; flags < 16; flags++)
				for (wanted = 0; wanted < 4; wanted++)
					for (kind = 0; kind < FLOW_KIND_PLAIN; kind++)
						for (events = 0; events < 64; events++)
							for (t = 0; t < ARRAY_SIZE(times_passed);
							     t++) {
								struct flow_question q = {
									.word = AB(cur, def) |
										(uint64_t)flags
											<< 48,
									.wanted = wanted,
									.kind = (enum flow_kind)
										kind,
									.is_urgent = events & 1 &&
										     cur,
									.is_cur_dead = events & 2 &&
										       cur,
									.is_def_dead =
										(events & 4 &&
										 def) ||
										(cur == def &&
										 events & 2 && def),
									.may_start = events & 8,
									.is_clear = events & 16,
									.is_quiet =
										events & 32 &&
										kind == FLOW_KIND_TRACKED,
									.now_ms = times_passed[t],
								};
								struct flow_answer a;

								if (cur == def && !(events & 2))
									q.is_def_dead = false;
								if (q.is_cur_dead &&
								    q.wanted == cur)
									continue; /* the caller waits for the next table */
								/* Words that no daemon writes, and no adopted one needs more than mended. */
								if (cur != def && !(q.word & EXC &&
										    q.word & LEARN))
									continue;
								flow_plan_next(&times, &q, &a);
								assert_safe(&q, &a);
								assert_settles(q);
								count++;
							}
	assert_true(count > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_state_and_event),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
