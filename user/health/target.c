/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "core/dice.h"
#include "core/health_state.h"

#define LOOK_AGAIN_MS 20000
#define LOOKS_MAX 512 /* at once: who finds no place asks after its next failure */
/* A latency alone is no news more often than this, and waits for others': each report has the daemon go
 * through all that depends on members. */
#define LATENCY_REPORT_MS 10000
#define LATENCY_WAIT_MS 1000
#define LAG_WINDOW_MS 10000
#define LOST_BY_CHANCE 3 /* so many times in a row are none */
#define LOST_MAX 20
#define LOST_PAUSE_MS 300000 /* the longest pause for that, but for the interval */
/* Of what sluice-check makes at once, targets that failed last, and may well hang again, get three
 * quarters, so that others find a place. */
#define DOUBTFUL_JOBS_MAX (3 * (CHECK_JOBS_MAX - CHECK_PROGRAMS_MAX) / 4)
#define DOUBTFUL_PROGRAMS_MAX (3 * CHECK_PROGRAMS_MAX / 4)
#define PLACE_AGAIN_US 100000

void target_report(struct target *target)
{
	struct health *health = target->health;
	size_t i;

	target->reported_ms = clock_now_ms();
	target->is_news = false;
	for (i = 0; i < target->path.member_count; i++)
		health->listener.report(health->listener.arg, target->path.members[i],
					target->machine.state, target->cause,
					util_text(target->text), target->latency_us);
}

/* A renewed certificate is no news. */
static void note_expiry(struct target *target, int64_t expires_s)
{
	const struct health_listener *listener = &target->health->listener;
	int64_t left_s = expires_s - (int64_t)clock_wall_s();
	enum expiry was = target->expiry;
	size_t i;

	target->report.expires_s = expires_s;
	if (!target->expiry_s)
		return;
	target->expiry = left_s <= 0			       ? EXPIRY_OVER
			 : left_s <= (int64_t)target->expiry_s ? EXPIRY_NEAR
							       : EXPIRY_FAR;
	target->report.is_expiry_near = target->expiry != EXPIRY_FAR;
	for (i = 0; target->expiry > was && i < target->path.member_count; i++)
		listener->certificate(listener->arg, target->path.members[i], expires_s);
}

/* At least a millisecond from now. */
void target_schedule(struct target *target, uint64_t now_us, uint64_t due_us)
{
	target->due_us = due_us;
	alarm_set(target->health->alarms, &target->alarm, MAX(due_us, now_us + 1000));
}

bool target_is_through(const struct target *target)
{
	return target->key->mode != 0;
}

/* The words a person reads next to the state. */
static void describe(struct target *target, const struct check_answer *answer,
		     char text[HEALTH_TEXT_MAX])
{
	const struct health_machine *machine = &target->machine;
	bool is_silent = answer->result == PROBE_FAIL && answer->cause == HEALTH_SILENT;
	char way[HEALTH_TEXT_MAX] = "", words[2 * HEALTH_TEXT_MAX];

	if (target_is_through(target) && is_silent)
		look_describe(target->look, target->check.type, target->key->mode,
			      &target->key->service, way);
	if (answer->result == PROBE_UNDECIDED)
		snprintf(words, sizeof(words), HEALTH_TEXT_IMPOSSIBLE ": %s", answer->text);
	else if (machine->state == HEALTH_DOWN && answer->result == PROBE_PASS)
		snprintf(words, sizeof(words), HEALTH_TEXT_AGAIN ", %u of %u", machine->streak,
			 target->check.rise);
	else if (answer->result == PROBE_FAIL && machine->state != HEALTH_DOWN)
		snprintf(words, sizeof(words), "%s%s, %u of %u", answer->text, way, machine->streak,
			 target->check.fall);
	else
		snprintf(words, sizeof(words), "%s%s", answer->text, way);
	util_copy(text, HEALTH_TEXT_MAX, words);
}

/* A pass says itself how long it took; a failure did until we heard of it. */
static void note_duration(struct target *target, const struct check_answer *answer, uint64_t now_us)
{
	uint64_t us = answer->result == PROBE_PASS ? answer->times.total_us
						   : now_us - target->began_us;

	_Static_assert(PROBE_PASS == 0 && PROBE_FAIL == 1, "indices");
	if (answer->result != PROBE_UNDECIDED)
		check_durations_add(&target->health->durations[target->check.type][answer->result],
				    us);
}

void target_set_failing(struct target *target, bool is_failing)
{
	struct health *health = target->health;

	health->failing_count += is_failing;
	health->failing_count -= target->is_failing;
	target->is_failing = is_failing;
}

bool target_note_undecided(struct target *target, bool is_undecided)
{
	struct check_report *report = &target->report;
	bool was = report->undecided >= CHECK_UNDECIDED_MAX, is;

	if (!is_undecided)
		report->undecided = 0;
	else if (!report->undecided++)
		report->undecided_ms = clock_now_ms();
	is = report->undecided >= CHECK_UNDECIDED_MAX;
	target->health->unchecked_count += is;
	target->health->unchecked_count -= was;
	return is != was;
}

static void tell_diagnosis(const struct target *target, const char *text)
{
	const struct health_listener *listener = &target->health->listener;
	size_t i;

	for (i = 0; i < target->path.member_count; i++)
		listener->diagnosis(listener->arg, target->path.members[i], text);
}

static void take(struct target *target, const struct check_answer *answer)
{
	target->report.results[answer->result]++;
	if (answer->result != PROBE_UNDECIDED)
		target_set_failing(target, answer->result == PROBE_FAIL);
	if (answer->expires_s)
		note_expiry(target, answer->expires_s);
	if (answer->result == PROBE_FAIL)
		target->cause = answer->cause;
	if (answer->result == PROBE_PASS || answer->cause != HEALTH_SILENT)
		target->look = LOOK_NONE;
	if (answer->result != PROBE_PASS)
		return;
	target->health->passed_ms = clock_now_ms();
	target->report.latency_us_sum += answer->times.total_us;
	target->report.times = answer->times;
	target->latency_us = answer->times.total_us;
}

/* True: the text is another one. */
static bool say(struct target *target, const struct check_answer *answer)
{
	char text[HEALTH_TEXT_MAX];

	describe(target, answer, text);
	if (!strcmp(text, util_text(target->text)))
		return false;
	util_set_text(&target->text, text);
	return true;
}

void target_set_running(struct target *target, bool is_running)
{
	struct health *health = target->health;
	enum check_type type = target->check.type;
	size_t change = is_running ? 1 : -1UL;

	if (is_running == target->is_running)
		return;
	if (is_running)
		target->was_failing = target->is_failing;
	if (check_type_is_apart(type) && target->was_failing)
		health->doubtful[type == CHECK_EXEC] += change;
	health->running += change;
	target->is_running = is_running;
}

/* Probes and looks of this turn are over. */
static void rest(struct target *target)
{
	uint64_t now_us = clock_now_ns() / 1000;

	/* Looks take time, which is no lag. */
	target_schedule(target, now_us, MAX(target->due_us, now_us + 1000));
	target_set_running(target, false);
}

void target_end_looking(struct target *target)
{
	target->health->looks -= target->looking != NULL;
	free(TAKE_PTR(target->looking));
}

static void on_looked(void *arg, enum look_result result)
{
	struct target *target = arg;
	bool is_news = result != target->look && result != LOOK_NONE;

	target->probe = NULL;
	target->look = result;
	if (say(target, &target->looking->failure))
		target_report(target);
	target_end_looking(target);
	if (is_news)
		tell_diagnosis(target, util_text(target->text));
	rest(target);
}

/* Who is out and silent through the path is asked why; that costs a probe or two for each. */
static bool begin_look(struct target *target, const struct check_answer *answer)
{
	const struct target_key *key = target->key;

	if (!target_is_through(target) || target->machine.state != HEALTH_DOWN ||
	    answer->result != PROBE_FAIL || answer->cause != HEALTH_SILENT)
		return false;
	if (target->look != LOOK_NONE && clock_now_ms() - target->looked_ms < LOOK_AGAIN_MS)
		return false;
	if (target->health->looks == LOOKS_MAX)
		return false;
	target->health->looks++;
	target->looked_ms = clock_now_ms();
	target->looking = util_alloc(sizeof(*target->looking));
	target->looking->failure = *answer;
	target->looking->target = (struct look_target){
		.addr = key->addr,
		.service = key->service,
		.port = key->port,
		.mode = key->mode,
		.path = &target->path,
		.check = &target->check,
	};
	target->probe =
		look_begin(target->health->prober, &target->looking->target, on_looked, target);
	return true;
}

bool target_is_held_back(const struct target *target)
{
	return target->lost >= LOST_BY_CHANCE;
}

/* One whose probes end sluice-check, as by what its server answers, must not take those of all others with
 * it: the more often that was so, the longer it waits, by chance half to all of a pause that doubles. So who
 * was there by chance is soon probed without it. */
static void hold_back(struct target *target, const struct check_answer *answer, uint64_t now_us)
{
	uint64_t pause_ms = target->check.interval_ms;

	if (answer->result != PROBE_UNDECIDED)
		target->lost = 0;
	if (!answer->is_lost)
		return;
	target->lost = MIN(target->lost + 1, LOST_MAX);
	if (!target_is_held_back(target))
		return;
	pause_ms =
		MIN(pause_ms << (target->lost - LOST_BY_CHANCE + 1), MAX(LOST_PAUSE_MS, pause_ms));
	pause_ms = pause_ms / 2 + (pause_ms / 2 * dice_next(&target->health->dice) >> 32);
	target->due_us = MAX(target->due_us, now_us + pause_ms * 1000);
}

static void on_probed(void *arg, const struct check_answer *answer)
{
	struct target *target = arg;
	struct check_answer undecided = {.result = PROBE_UNDECIDED};
	uint64_t now_us = clock_now_ns() / 1000;
	char problem[HEALTH_TEXT_MAX];
	bool is_news, is_blind_news;

	target->probe = NULL;
	if (answer->result == PROBE_FAIL &&
	    !prober_can_leave(target->health->prober, &target->path, problem)) {
		util_copy(undecided.text, sizeof(undecided.text), problem);
		answer = &undecided;
	}
	note_duration(target, answer, now_us);
	take(target, answer);
	is_blind_news = target_note_undecided(target, answer->result == PROBE_UNDECIDED);
	is_news = health_state_feed(&target->machine, &target->check, answer->result);
	is_news |= say(target, answer);
	if (!is_news && answer->result == PROBE_PASS &&
	    clock_now_ms() - target->reported_ms >= LATENCY_REPORT_MS) {
		target->is_news = true;
		health_tell_news(target->health, LATENCY_WAIT_MS);
	}
	target->machine.is_suspect = now_us / 1000 < target->suspect_until_ms;
	target->due_us = health_state_next_us(&target->machine, &target->check, answer->result,
					      target->due_us, now_us,
					      dice_next(&target->health->dice));
	hold_back(target, answer, now_us);
	if (is_news)
		target_report(target);
	if (is_blind_news)
		tell_diagnosis(target, answer->result == PROBE_UNDECIDED
					       ? util_text(target->text)
					       : "its check is possible again");
	if (!begin_look(target, answer))
		rest(target);
}

static void note_lag(struct health *health, uint64_t lag_us)
{
	uint64_t now_ms = clock_now_ms();

	if (now_ms - health->lag_since_ms >= LAG_WINDOW_MS) {
		bool is_next = now_ms - health->lag_since_ms < 2 * LAG_WINDOW_MS;

		health->lag_before_us = is_next ? health->lag_us : 0;
		health->lag_us = 0;
		health->lag_since_ms = now_ms;
	}
	health->lag_us = MAX(health->lag_us, lag_us);
}

static void probe(struct target *target)
{
	struct health *health = target->health;
	const struct target_key *key = target->key;
	uint64_t now_us = clock_now_ns() / 1000;

	target->began_us = now_us;
	target_set_running(target, true);
	note_lag(health, now_us > target->due_us ? now_us - target->due_us : 0);
	/* While there is none left the next probe tries again. */
	if (target_is_through(target) && !target->path.index)
		target->path.index = prober_take_index(health->prober, now_us / 1000);
	if (target_is_through(target))
		target->probe = prober_through(health->prober, &target->path, &key->service,
					       key->port, &target->check, on_probed, target);
	else
		target->probe = prober_direct(health->prober, &key->addr, key->port, &target->check,
					      on_probed, target);
}

/* Has sluice-check no place for one more that may hang? */
static bool is_crowded(const struct target *target)
{
	bool is_program = target->check.type == CHECK_EXEC;

	return check_type_is_apart(target->check.type) && target->is_failing &&
	       target->health->doubtful[is_program] >=
		       (is_program ? DOUBTFUL_PROGRAMS_MAX : DOUBTFUL_JOBS_MAX);
}

/* Which targets of a host are due together begin one after the other. */
static bool must_wait(struct target *target)
{
	uint64_t now_us = clock_now_ns() / 1000, from_us = now_us;

	if (!target->is_waiting)
		from_us = host_place_us(target->host, now_us);
	if (from_us == now_us && is_crowded(target))
		from_us = now_us + PLACE_AGAIN_US;
	target->health->waiting -= target->is_waiting;
	target->is_waiting = from_us > now_us;
	target->health->waiting += target->is_waiting;
	if (target->is_waiting)
		alarm_set(target->health->alarms, &target->alarm, from_us);
	return target->is_waiting;
}

void target_on_due(struct alarm *alarm)
{
	struct target *target = (struct target *)((char *)alarm - offsetof(struct target, alarm));

	if (!must_wait(target))
		probe(target);
}
