/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Passive signals: the window, the judgement and the suspicion by table, then random sequences
 * against what must always hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/passive.h"

#define START 1000000U /* a second */

static void count(struct passive_window *window, uint32_t second, uint64_t syn, uint64_t repeated,
		  uint64_t followed, uint64_t unreachable)
{
	const struct passive_counts counted = {syn, repeated, followed, 0, unreachable};

	passive_count(window, &counted, second);
}

static void lose(struct passive_window *window, uint32_t second, uint64_t lost)
{
	const struct passive_counts counted = {.lost = lost};

	passive_count(window, &counted, second);
}

static struct passive_sums sums_at(const struct passive_window *window, uint32_t second)
{
	struct passive_sums sums;

	passive_sum(window, second, &sums);
	return sums;
}

/* ---- the window ---------------------------------------------------------------------------- */

static void answers_have_a_second(void **state)
{
	struct passive_window window;
	struct passive_sums sums;

	(void)state;
	passive_clear(&window, START);
	count(&window, START, 40, 0, 10, 0);
	sums = sums_at(&window, START);
	assert_int_equal(sums.flows, 0); /* there is still time */
	assert_int_equal(sums.followed, 10);
	count(&window, START + 1, 40, 0, 30, 0);
	sums = sums_at(&window, START + 1);
	assert_int_equal(sums.flows, 40);
	assert_int_equal(sums.failed, 0);
	assert_int_equal(sums.followed, 30);
	sums = sums_at(&window, START + 2); /* nothing came since */
	assert_int_equal(sums.flows, 80);
	assert_int_equal(sums.failed, 40);
	assert_int_equal(sums.followed, 0);
	assert_int_equal(passive_percent(&sums), 50);
}

static void clock_begins(void **state)
{
	struct passive_window window;
	uint32_t s;

	(void)state;
	passive_clear(&window, 0);
	for (s = 0; s < 30; s++) {
		assert_int_equal(sums_at(&window, s).flows, 30 * MIN(s, PASSIVE_WINDOW_S));
		count(&window, s, 30, 0, 30, 1);
		assert_int_equal(sums_at(&window, s).flows, 30 * MIN(s, PASSIVE_WINDOW_S));
		assert_int_equal(sums_at(&window, s).unreachable, MIN(s + 1, PASSIVE_WINDOW_S));
	}
}

static void window_ends(void **state)
{
	struct passive_window window;
	struct passive_sums sums;
	uint32_t s;

	(void)state;
	passive_clear(&window, START);
	count(&window, START, 100, 60, 0, 7);
	for (s = 1; s <= PASSIVE_WINDOW_S; s++) {
		count(&window, START + s, 0, 0, 0, 0);
		sums = sums_at(&window, START + s);
		assert_int_equal(sums.flows, 100);
		assert_int_equal(sums.failed, 100);
		assert_int_equal(sums.unreachable, s < PASSIVE_WINDOW_S ? 7 : 0);
	}
	sums = sums_at(&window, START + s);
	assert_int_equal(sums.flows, 0);
	/* A long pause leaves nothing behind, with or without something new. */
	count(&window, START + 20, 100, 0, 0, 1);
	assert_int_equal(sums_at(&window, START + 1000).flows, 0);
	count(&window, START + 1000, 5, 0, 5, 0);
	sums = sums_at(&window, START + 1001);
	assert_int_equal(sums.flows, 5);
	assert_int_equal(sums.unreachable, 0);
}

static void repeats_count_once(void **state)
{
	struct passive_window window;

	(void)state;
	passive_clear(&window, START);
	/* Of 100 flows 30 were answered at the second SYN, 20 never. */
	count(&window, START, 100, 0, 50, 0);
	count(&window, START + 1, 0, 50, 30, 0);
	assert_int_equal(sums_at(&window, START + 1).failed, 50);
	/* More repeats than flows: of those that are no longer in the window. */
	count(&window, START + 1, 0, 500, 0, 0);
	assert_int_equal(sums_at(&window, START + 1).failed, 100);
}

static void lost_ones_say_nothing(void **state)
{
	struct passive_window window;
	struct passive_sums sums;

	(void)state;
	passive_clear(&window, START);
	count(&window, START, 100, 0, 20, 0);
	lose(&window, START, 60);
	lose(&window, START + 1, 10);
	sums = sums_at(&window, START + 1);
	assert_int_equal(sums.flows, 30);
	assert_int_equal(sums.failed, 10);
	lose(&window, START + 1, 500);
	assert_int_equal(sums_at(&window, START + 1).flows, 0);
	assert_int_equal(sums_at(&window, START + 1).failed, 0);
}

static void too_much_for_a_bucket(void **state)
{
	struct passive_window window;
	struct passive_sums sums;

	(void)state;
	passive_clear(&window, START);
	count(&window, START, 4000000000ULL, 0, 2000000000ULL, 1ULL << 40);
	sums = sums_at(&window, START + 1);
	assert_in_range(passive_percent(&sums), 49, 50);
	assert_true(sums.flows >= 30000);
	assert_int_equal(sums.unreachable, UINT16_MAX);
	count(&window, START, 4000000000ULL, 0, 4000000000ULL, 0);
	assert_true(sums_at(&window, START + 1).flows >= 30000);
}

/* ---- judgement ----------------------------------------------------------------------------- */

#define SUMS(n, bad)                                                                               \
	{                                                                                          \
		.flows = (n), .failed = (bad)                                                      \
	}

static void medians(void **state)
{
	static const struct {
		size_t count;
		struct passive_sums pool[5];
		int median;
	} rows[] = {
		{0, {SUMS(0, 0)}, -1},
		{2, {SUMS(100, 1), SUMS(100, 2)}, -1},
		{3, {SUMS(100, 1), SUMS(100, 2), SUMS(19, 3)}, -1}, /* the third has no volume */
		{3, {SUMS(100, 1), SUMS(100, 90), SUMS(20, 1)}, 5},
		{3, {SUMS(100, 90), SUMS(100, 90), SUMS(100, 1)}, 90},
		{4, {SUMS(100, 90), SUMS(100, 90), SUMS(100, 1), SUMS(100, 1)}, 90},
		{4, {SUMS(100, 90), SUMS(100, 3), SUMS(100, 2), SUMS(100, 1)}, 3},
		{5, {SUMS(9, 9), SUMS(100, 3), SUMS(100, 2), SUMS(100, 1), SUMS(1, 1)}, 2},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(passive_median(rows[i].pool, rows[i].count), rows[i].median);
}

static void judgements(void **state)
{
	static const struct {
		struct passive_sums sums;
		int median;
		enum passive_sign sign;
	} rows[] = {
		{SUMS(20, 10), 0, PASSIVE_BAD},
		{SUMS(19, 19), 0, PASSIVE_NOTHING},    /* volume */
		{SUMS(100, 100), -1, PASSIVE_NOTHING}, /* nobody to compare it with */
		{SUMS(100, 49), 2, PASSIVE_DOUBT},     /* half of its flows */
		{SUMS(100, 50), 2, PASSIVE_BAD},
		{SUMS(100, 70), 46, PASSIVE_DOUBT}, /* 25 points above the pool */
		{SUMS(100, 71), 46, PASSIVE_BAD},
		{SUMS(100, 74), 49, PASSIVE_BAD},
		{SUMS(100, 100), 50, PASSIVE_NOTHING}, /* all fail: not the member */
		{SUMS(100, 100), 95, PASSIVE_NOTHING},
		{SUMS(100, 25), 15, PASSIVE_DOUBT},
		{SUMS(100, 24), 2, PASSIVE_FINE},
		{SUMS(100, 40), 31, PASSIVE_FINE},
		{SUMS(100, 0), 0, PASSIVE_FINE},
		{{.unreachable = 1}, -1, PASSIVE_ICMP}, /* at once, without volume */
		{{.flows = 100, .unreachable = 1}, 90, PASSIVE_ICMP},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(passive_judge(&rows[i].sums, rows[i].median), rows[i].sign);
}

/* ---- suspicion ----------------------------------------------------------------------------- */

/* Situations: of what is known of the member, what the answer depends on. */
enum situation { CLEAR, SUSPECT, SUSPECT_CALM, SUSPECT_LAST, BY_ICMP, SITUATION_MAX };

static const struct passive_state situations[SITUATION_MAX] = {
	[CLEAR] = {PASSIVE_NOTHING, 0},	   [SUSPECT] = {PASSIVE_BAD, 0},
	[SUSPECT_CALM] = {PASSIVE_BAD, 5}, [SUSPECT_LAST] = {PASSIVE_BAD, PASSIVE_CALM_S - 1},
	[BY_ICMP] = {PASSIVE_ICMP, 5},
};

static const struct {
	struct passive_state after;
	bool is_changed;
} answers[SITUATION_MAX][PASSIVE_SIGN_MAX] = {
	[CLEAR] = {[PASSIVE_NOTHING] = {{PASSIVE_NOTHING, 0}, false},
		   [PASSIVE_FINE] = {{PASSIVE_NOTHING, 0}, false},
		   [PASSIVE_DOUBT] = {{PASSIVE_NOTHING, 0}, false},
		   [PASSIVE_BAD] = {{PASSIVE_BAD, 0}, true},
		   [PASSIVE_ICMP] = {{PASSIVE_ICMP, 0}, true}},
	[SUSPECT] = {[PASSIVE_NOTHING] = {{PASSIVE_BAD, 1}, false},
		     [PASSIVE_FINE] = {{PASSIVE_BAD, 1}, false},
		     [PASSIVE_DOUBT] = {{PASSIVE_BAD, 0}, false},
		     [PASSIVE_BAD] = {{PASSIVE_BAD, 0}, false},
		     [PASSIVE_ICMP] = {{PASSIVE_BAD, 0}, false}},
	[SUSPECT_CALM] = {[PASSIVE_NOTHING] = {{PASSIVE_BAD, 6}, false},
			  [PASSIVE_FINE] = {{PASSIVE_BAD, 6}, false},
			  [PASSIVE_DOUBT] = {{PASSIVE_BAD, 0}, false},
			  [PASSIVE_BAD] = {{PASSIVE_BAD, 0}, false},
			  [PASSIVE_ICMP] = {{PASSIVE_BAD, 0}, false}},
	[SUSPECT_LAST] = {[PASSIVE_NOTHING] = {{PASSIVE_NOTHING, 0}, true},
			  [PASSIVE_FINE] = {{PASSIVE_NOTHING, 0}, true},
			  [PASSIVE_DOUBT] = {{PASSIVE_BAD, 0}, false},
			  [PASSIVE_BAD] = {{PASSIVE_BAD, 0}, false},
			  [PASSIVE_ICMP] = {{PASSIVE_BAD, 0}, false}},
	[BY_ICMP] = {[PASSIVE_NOTHING] = {{PASSIVE_ICMP, 6}, false},
		     [PASSIVE_FINE] = {{PASSIVE_ICMP, 6}, false},
		     [PASSIVE_DOUBT] = {{PASSIVE_ICMP, 0}, false},
		     [PASSIVE_BAD] = {{PASSIVE_ICMP, 0}, false},
		     [PASSIVE_ICMP] = {{PASSIVE_ICMP, 0}, false}},
};

_Static_assert(PASSIVE_SIGN_MAX == 5, "another one takes rows above");

static void every_state_and_sign(void **state)
{
	enum situation situation;
	enum passive_sign sign;

	(void)state;
	for (situation = 0; situation < SITUATION_MAX; situation++)
		for (sign = 0; sign < PASSIVE_SIGN_MAX; sign++) {
			struct passive_state now = situations[situation];
			bool is_changed = passive_feed(&now, sign);

			assert_int_equal(is_changed, answers[situation][sign].is_changed);
			assert_int_equal(now.cause, answers[situation][sign].after.cause);
			assert_int_equal(now.calm_s, answers[situation][sign].after.calm_s);
		}
}

static void words(void **state)
{
	static const struct {
		struct passive_view view;
		const char *text;
	} rows[] = {
		{{.flows = 240, .percent = 61, .has_median = true, .median = 2},
		 "61 % of 240 new flows were not answered (pool 2 %)"},
		{{.flows = 240, .percent = 61}, "61 % of 240 new flows were not answered"},
		{{.flows = 19, .percent = 61}, "too few new flows to tell"},
		{{.unreachable = 1}, "1 ICMP error (network unreachable)"},
		{{.flows = 20,
		  .percent = 100,
		  .unreachable = 3,
		  .error = SLUICE_UNREACHABLE_PROTOCOL},
		 "3 ICMP errors (protocol unreachable), and 100 % of 20 new flows were not "
		 "answered"},
		{{.flows = UINT32_MAX,
		  .percent = 100,
		  .unreachable = UINT32_MAX,
		  .has_median = true,
		  .median = 100,
		  .error = SLUICE_UNREACHABLE_PROTOCOL},
		 "4294967295 ICMP errors (protocol unreachable), and 100 % of 4294967295 new flows "
		 "were not "
		 "answered (pool 100 %)"},
	};
	char text[PASSIVE_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(passive_text(&rows[i].view, text), rows[i].text);
}

/* ---- random sequences ---------------------------------------------------------------------- */

#define MEMBERS 7

static unsigned int seed;

static uint32_t pick(uint32_t n)
{
	return (uint32_t)rand_r(&seed) % n;
}

struct naive { /* all seconds, added up each time */
	uint32_t syn[300], repeated[300], followed[300], lost[300], unreachable[300];
};

static uint32_t add_up(const uint32_t *list, uint32_t second, uint32_t from_ago, uint32_t to_ago)
{
	uint32_t sum = 0, ago;

	for (ago = from_ago; ago <= to_ago && ago <= second; ago++)
		sum += list[second - ago];
	return sum;
}

static void check_sums(const struct passive_sums *sums, const struct naive *n, uint32_t second)
{
	uint32_t syn = add_up(n->syn, second, 1, PASSIVE_WINDOW_S);
	uint32_t lost = add_up(n->lost, second, 0, PASSIVE_WINDOW_S - 1);
	uint32_t flows = syn > lost ? syn - lost : 0;
	uint32_t followed = add_up(n->followed, second, 0, PASSIVE_WINDOW_S - 1);
	uint32_t repeated = add_up(n->repeated, second, 0, PASSIVE_WINDOW_S - 1);
	uint32_t silent = flows > followed ? flows - followed : 0;

	assert_int_equal(sums->flows, flows);
	assert_int_equal(sums->failed, MIN(MAX(silent, repeated), flows));
	assert_int_equal(sums->followed, n->followed[second]);
	assert_int_equal(sums->unreachable,
			 add_up(n->unreachable, second, 0, PASSIVE_WINDOW_S - 1));
}

struct member {
	struct passive_window window;
	struct passive_state state;
	struct naive naive;
	uint32_t load, fail_percent; /* what it is like for now */
	uint32_t begun;
};

/* A second of its traffic; sometimes nobody looks. */
static void live(struct member *m, uint32_t second)
{
	uint32_t syn = m->load ? pick(m->load) : 0, fails = syn * m->fail_percent / 100;

	if (pick(20) == 0) {
		m->load = pick(3) * pick(50);
		m->fail_percent = pick(3) ? 0 : pick(101);
	}
	m->naive.syn[second] = syn;
	m->naive.repeated[second] = fails;
	m->naive.followed[second] = syn - fails;
	m->naive.lost[second] = pick(10) ? 0 : pick(30);
	lose(&m->window, START + second, m->naive.lost[second]);
	m->naive.unreachable[second] = pick(400) == 0;
	count(&m->window, START + second, syn, fails, syn - fails, m->naive.unreachable[second]);
}

static void check_change(const struct member *m, const struct passive_sums *sums, int median,
			 bool was_suspect, uint32_t second)
{
	bool is_suspect = m->state.cause != PASSIVE_NOTHING;

	if (is_suspect && !was_suspect && !sums->unreachable) {
		assert_true(sums->flows >= PASSIVE_VOLUME);
		assert_in_range(median, 0, PASSIVE_BAD_PERCENT - 1);
		assert_true(passive_percent(sums) >= PASSIVE_BAD_PERCENT);
		assert_true((int)passive_percent(sums) >= median + PASSIVE_BAD_ABOVE);
	}
	/* It never flaps. */
	if (!is_suspect && was_suspect)
		assert_true(second - m->begun >= PASSIVE_CALM_S);
}

static void random_sequences(void **state)
{
	struct member *members = util_alloc_array(MEMBERS, sizeof(*members));
	uint32_t run, second, suspicions = 0, i;

	(void)state;
	for (run = 1; run <= 100; run++) {
		bool is_all_bad = run % 4 == 0;

		seed = run;
		memset(members, 0, MEMBERS * sizeof(*members));
		for (i = 0; i < MEMBERS; i++)
			passive_clear(&members[i].window, START);
		for (second = 0; second < 300; second++) {
			struct passive_sums pool[MEMBERS];
			size_t bad = 0, volume = 0;
			int median;

			for (i = 0; i < MEMBERS; i++) {
				live(&members[i], second);
				if (is_all_bad)
					members[i].fail_percent = 60 + pick(40);
				passive_sum(&members[i].window, START + second, &pool[i]);
				check_sums(&pool[i], &members[i].naive, second);
				volume += pool[i].flows >= PASSIVE_VOLUME;
				bad += pool[i].flows >= PASSIVE_VOLUME &&
				       passive_percent(&pool[i]) >= PASSIVE_BAD_PERCENT;
			}
			median = passive_median(pool, MEMBERS);
			for (i = 0; i < MEMBERS; i++) {
				struct member *m = &members[i];
				bool was = m->state.cause != PASSIVE_NOTHING;
				enum passive_sign sign = passive_judge(&pool[i], median);

				if (passive_feed(&m->state, sign) && !was) {
					m->begun = second;
					suspicions++;
				}
				check_change(m, &pool[i], median, was, second);
				/* A majority that fails accuses nobody. */
				if (2 * bad > volume)
					assert_int_not_equal(sign, PASSIVE_BAD);
			}
		}
		/* All suspicion ends when nothing comes. */
		for (i = 0; i < MEMBERS; i++)
			for (second = 300; second < 300 + PASSIVE_WINDOW_S + PASSIVE_CALM_S + 1;
			     second++) {
				struct passive_sums sums =
					sums_at(&members[i].window, START + second);

				passive_feed(&members[i].state, passive_judge(&sums, 0));
			}
		for (i = 0; i < MEMBERS; i++)
			assert_int_equal(members[i].state.cause, PASSIVE_NOTHING);
	}
	assert_true(suspicions > 100); /* else nothing was tried */
	free(members);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_have_a_second),
		cmocka_unit_test(clock_begins),
		cmocka_unit_test(window_ends),
		cmocka_unit_test(repeats_count_once),
		cmocka_unit_test(lost_ones_say_nothing),
		cmocka_unit_test(too_much_for_a_bucket),
		cmocka_unit_test(medians),
		cmocka_unit_test(judgements),
		cmocka_unit_test(every_state_and_sign),
		cmocka_unit_test(words),
		cmocka_unit_test(random_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
