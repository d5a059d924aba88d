/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/health.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/util.h"
#include "core/dice.h"
#include "health/alarms.h"
#include "health/hosts.h"
#include "health/look.h"
#include "health/target_key.h"

#define LOOK_AGAIN_MS 20000 /* it holds one of the host's turns */
#define LOOKS_MAX 512	    /* at once: who finds no place asks after its next failure */
/* A latency alone is no news more often than this. */
#define LATENCY_REPORT_MS 10000
#define LAG_WINDOW_MS 10000

struct looking {
	struct look_target target;
	struct check_answer failure; /* the last one */
};

struct target {
	struct target_key *key;
	struct health *health;
	struct turn turn;
	struct check_config check;
	struct health_machine machine;
	enum health_cause cause; /* of the last failure */
	struct alarm alarm;	 /* to the next probe */
	uint64_t due_us;	 /* when it should go out */
	uint64_t began_us;	 /* the last one */
	struct probe *probe;	 /* running, or NULL; also a look */
	struct path_target path; /* also of those who are told of other probes */
	uint64_t looked_ms;
	enum look_result look;	 /* of the failure that the text tells */
	struct looking *looking; /* while a look goes on; else NULL */
	bool is_wanted;		 /* by the model, in health_follow() */
	bool is_news;		 /* a member joined */
	bool is_failing;	 /* as its last probe had it */
	size_t member_capacity;
	char *text; /* may be NULL */
	uint32_t latency_us;
	uint64_t reported_ms;
	uint64_t suspect_until_ms; /* see health_suspect() */
	struct check_report report;
	uint32_t expiry_s; /* so long before its end a certificate is news; 0: never */
	enum expiry { EXPIRY_FAR, EXPIRY_NEAR, EXPIRY_OVER } expiry;
	UT_hash_handle hh;
};

struct health {
	struct health_listener listener;
	struct target *targets;
	uv_timer_t news; /* reports what health_follow() found, one turn later */
	struct alarms *alarms;
	struct hosts *hosts;
	struct prober *prober;
	size_t apart_count;			      /* targets that are probed by sluice-check */
	size_t path_count;			      /* and through the path */
	size_t failing_count;			      /* targets whose last probe failed */
	size_t looks;				      /* that go on */
	uint64_t passed_ms;			      /* when one passed last */
	uint64_t lag_us, lag_before_us, lag_since_ms; /* the worst, of this window and the last */
	uint64_t dice;
	struct check_durations durations[CHECK_TYPE_MAX][2]; /* by type, and pass or fail */
};

static struct target *find_target(const struct health *health, const struct target_key *key,
				  size_t bytes)
{
	struct target *target;

	HASH_FIND(hh, health->targets, key, bytes, target);
	return target;
}

static void report(struct target *target)
{
	struct health *health = target->health;
	size_t i;

	target->reported_ms = clock_now_ms();
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
static void schedule(struct target *target, uint64_t now_us, uint64_t due_us)
{
	target->due_us = due_us;
	alarm_set(target->health->alarms, &target->alarm, MAX(due_us, now_us + 1000));
}

static bool is_through(const struct target *target)
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

	if (is_through(target) && is_silent)
		look_describe(target->look, target->check.type, target->key->mode,
			      &target->key->service, way);
	if (answer->result == PROBE_UNDECIDED)
		snprintf(words, sizeof(words), "check not possible from here: %s", answer->text);
	else if (machine->state == HEALTH_DOWN && answer->result == PROBE_PASS)
		snprintf(words, sizeof(words), "answers again, %u of %u", machine->streak,
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

static void set_failing(struct target *target, bool is_failing)
{
	struct health *health = target->health;

	health->failing_count += is_failing;
	health->failing_count -= target->is_failing;
	target->is_failing = is_failing;
}

static void take(struct target *target, const struct check_answer *answer)
{
	target->report.results[answer->result]++;
	if (answer->result != PROBE_UNDECIDED)
		set_failing(target, answer->result == PROBE_FAIL);
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

/* Probes and looks of this turn are over. */
static void rest(struct target *target)
{
	uint64_t now_us = clock_now_ns() / 1000;

	/* Looks take time, which is no lag. */
	schedule(target, now_us, MAX(target->due_us, now_us + 1000));
	turn_end(&target->turn);
}

static void end_looking(struct target *target)
{
	target->health->looks -= target->looking != NULL;
	free(TAKE_PTR(target->looking));
}

static void on_looked(void *arg, enum look_result result)
{
	struct target *target = arg;
	const struct health_listener *listener = &target->health->listener;
	bool is_news = result != target->look && result != LOOK_NONE;
	size_t i;

	target->probe = NULL;
	target->look = result;
	if (say(target, &target->looking->failure))
		report(target);
	end_looking(target);
	for (i = 0; is_news && i < target->path.member_count; i++)
		listener->diagnosis(listener->arg, target->path.members[i],
				    util_text(target->text));
	rest(target);
}

/* Who is out and silent through the path is asked why; that costs a probe or two for each. */
static bool begin_look(struct target *target, const struct check_answer *answer)
{
	const struct target_key *key = target->key;

	if (!is_through(target) || target->machine.state != HEALTH_DOWN ||
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

static void on_probed(void *arg, const struct check_answer *answer)
{
	struct target *target = arg;
	struct check_answer undecided = {.result = PROBE_UNDECIDED};
	uint64_t now_us = clock_now_ns() / 1000;
	char problem[HEALTH_TEXT_MAX];
	bool is_news;

	target->probe = NULL;
	if (answer->result == PROBE_FAIL &&
	    !prober_can_leave(target->health->prober, &target->path, problem)) {
		util_copy(undecided.text, sizeof(undecided.text), problem);
		answer = &undecided;
	}
	note_duration(target, answer, now_us);
	take(target, answer);
	is_news = health_state_feed(&target->machine, &target->check, answer->result);
	is_news |= say(target, answer);
	if (answer->result == PROBE_PASS &&
	    clock_now_ms() - target->reported_ms >= LATENCY_REPORT_MS)
		is_news = true;
	target->machine.is_suspect = now_us / 1000 < target->suspect_until_ms;
	target->due_us = health_state_next_us(&target->machine, &target->check, answer->result,
					      target->due_us, now_us,
					      dice_next(&target->health->dice));
	if (is_news)
		report(target);
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
	note_lag(health, now_us > target->due_us ? now_us - target->due_us : 0);
	/* While there is none left the next probe tries again. */
	if (is_through(target) && !target->path.index)
		target->path.index = prober_take_index(health->prober, now_us / 1000);
	if (is_through(target))
		target->probe = prober_through(health->prober, &target->path, &key->service,
					       key->port, &target->check, on_probed, target);
	else
		target->probe = prober_direct(health->prober, &key->addr, key->port, &target->check,
					      on_probed, target);
}

static void on_turn(struct turn *turn)
{
	probe((struct target *)((char *)turn - offsetof(struct target, turn)));
}

static void on_due(struct alarm *alarm)
{
	struct target *target = (struct target *)((char *)alarm - offsetof(struct target, alarm));

	if (turn_take(&target->turn, target->is_failing))
		probe(target);
}

static void drop_target(struct health *health, struct target *target)
{
	HASH_DEL(health->targets, target);
	set_failing(target, false);
	health->apart_count -= check_type_is_apart(target->check.type);
	health->path_count -= is_through(target);
	probe_cancel(target->probe);
	target->probe = NULL;
	end_looking(target);
	prober_give_index(health->prober, target->path.index, target->check.timeout_ms,
			  clock_now_ms());
	turn_end(&target->turn);
	alarm_clear(health->alarms, &target->alarm);
	free(target->path.members);
	free(target->text);
	free(target->key);
	free(target);
}

/* Takes key over. Its check has the key's copy of the spec: the model's may go. */
static struct target *add_target(struct health *health, struct target_key *key, size_t bytes,
				 const struct check_config *check,
				 const struct model_member *member)
{
	struct target *target = util_alloc(sizeof(*target));
	uint64_t now_us;
	uint32_t first_ms;

	_Static_assert(offsetof(struct target_key, spec) ==
			       offsetof(struct target_key, spec_length) +
				       offsetof(struct check_spec, bytes),
		       "the key ends as a spec");
	target->key = key;
	target->health = health;
	target->check = *check;
	if (key->spec_length)
		target->check.spec = (const struct check_spec *)&key->spec_length;
	target->expiry_s = check_spec_expiry_s(target->check.spec);
	target->cause = member->health_cause;
	health_state_init(&target->machine, member->health);
	HASH_ADD_KEYPTR(hh, health->targets, target->key, bytes, target);
	hosts_join(health->hosts, &target->turn, &key->addr, on_turn);
	health->apart_count += check_type_is_apart(check->type);
	health->path_count += is_through(target);
	now_us = clock_now_ns() / 1000;
	first_ms = health_state_first_delay_ms(check, dice_next(&health->dice));
	schedule(target, now_us, now_us + MAX(first_ms, 1U) * 1000ULL);
	return target;
}

static void want(struct health *health, const struct model_service *service,
		 const struct model_pool *pool, const struct model_member *member)
{
	const struct check_config *check = model_check_of(pool, member);
	size_t bytes;
	struct target_key *key;
	struct target *target;

	if (check->type == CHECK_NONE)
		return;
	key = target_key_make(service, pool, member, &bytes);
	target = find_target(health, key, bytes);
	if (target)
		free(key);
	else
		target = add_target(health, key, bytes, check, member);
	/* What members were is a guess until the first probe, and the better one counts. */
	if (!target->began_us && target->machine.state == HEALTH_DOWN &&
	    member->health != HEALTH_DOWN)
		health_state_init(&target->machine, member->health);
	target->is_wanted = true;
	target->path.members = util_grow(target->path.members, &target->member_capacity,
					 target->path.member_count + 1,
					 sizeof(*target->path.members));
	target->path.members[target->path.member_count++] = member->id;
	if (target->began_us && member->health != target->machine.state)
		target->is_news = true;
}

static void on_news(uv_timer_t *timer)
{
	struct health *health = timer->data;
	struct target *target, *tmp;

	HASH_ITER (hh, health->targets, target, tmp) {
		if (target->is_news)
			report(target);
		target->is_news = false;
	}
}

void health_follow(struct health *health, const struct model *model)
{
	struct target *target, *tmp;
	size_t s, p, m;

	HASH_ITER (hh, health->targets, target, tmp) {
		target->is_wanted = false;
		target->path.member_count = 0;
	}
	for (s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct model_pool *pool = &service->pools[p];

			for (m = 0; m < pool->member_count; m++)
				want(health, service, pool, &pool->members[m]);
		}
	}
	HASH_ITER (hh, health->targets, target, tmp)
		if (!target->is_wanted)
			drop_target(health, target);
	uv_timer_start(&health->news, on_news, 0, 0);
}

struct health *health_new(uv_loop_t *loop, const char *program,
			  const struct health_listener *listener, const struct health_path *path)
{
	struct health *health = util_alloc(sizeof(*health));

	health->listener = *listener;
	health->dice = clock_now_ns();
	health->alarms = alarms_new(loop, on_due);
	health->hosts = hosts_new();
	health->prober = prober_new(loop, program, path);
	uv_timer_init(loop, &health->news);
	health->news.data = health;
	return health;
}

static void on_health_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void health_free(struct health *health)
{
	struct target *target, *tmp;

	if (!health)
		return;
	HASH_ITER (hh, health->targets, target, tmp)
		drop_target(health, target);
	alarms_free(health->alarms);
	hosts_free(health->hosts);
	prober_free(health->prober);
	uv_close((uv_handle_t *)&health->news, on_health_closed);
}

struct probe *health_lookup(struct health *health, const char *name, uint32_t timeout_ms,
			    probe_fn fn, void *arg)
{
	static const struct sluice_addr nobody;
	AUTO_FREE struct check_details *details = util_alloc(sizeof(*details));
	struct check_config check = {.type = CHECK_LOOKUP, .timeout_ms = timeout_ms};
	AUTO_FREE struct check_spec *spec = NULL;

	util_copy(details->name, sizeof(details->name), name);
	spec = check_spec_encode(CHECK_LOOKUP, details);
	check.spec = spec;
	return prober_direct(health->prober, &nobody, 0, &check, fn, arg);
}

void health_member_report(const struct health *health, const struct model_service *service,
			  const struct model_pool *pool, const struct model_member *member,
			  struct check_report *ret_report)
{
	size_t bytes;
	AUTO_FREE struct target_key *key = target_key_make(service, pool, member, &bytes);
	const struct target *target = find_target(health, key, bytes);

	*ret_report = target ? target->report : (struct check_report){0};
}

size_t health_path_targets(const struct health *health)
{
	return health->path_count;
}

void health_suspect(struct health *health, const struct model_service *service,
		    const struct model_pool *pool, const struct model_member *member,
		    uint32_t for_ms)
{
	size_t bytes;
	AUTO_FREE struct target_key *key = target_key_make(service, pool, member, &bytes);
	struct target *target = find_target(health, key, bytes);
	uint64_t now_us = clock_now_ns() / 1000, due_us;

	if (!target || target->machine.state == HEALTH_DOWN)
		return;
	target->suspect_until_ms = now_us / 1000 + for_ms;
	target->machine.is_suspect = true;
	due_us = now_us +
		 health_state_delay_ms(&target->machine, &target->check, dice_next(&health->dice)) *
			 1000ULL;
	/* The next probe is no later than if it had been so before. */
	if (alarm_is_set(&target->alarm) && target->due_us > due_us)
		schedule(target, now_us, due_us);
}

void health_totals(const struct health *health, struct check_totals *ret_totals)
{
	*ret_totals = (struct check_totals){
		.durations = health->durations,
		.targets = HASH_COUNT(health->targets),
		.running = hosts_running(health->hosts),
		.waiting = hosts_waiting(health->hosts),
		.failing = health->failing_count,
		.passed_ms = health->passed_ms,
		.lag_us = MAX(health->lag_us, health->lag_before_us),
	};
	prober_describe(health->prober, ret_totals);
	ret_totals->apart.is_wanted = health->apart_count > 0;
}

const char *health_icmp_problem(const struct health *health, enum sluice_family family)
{
	return prober_icmp_problem(health->prober, family);
}
