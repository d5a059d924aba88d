/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/health.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/util.h"
#include "core/dice.h"
#include "health/apart.h"
#include "health/hosts.h"
#include "health/pinger.h"

/* A latency alone is no news more often than this. */
#define LATENCY_REPORT_MS 10000
#define LAG_WINDOW_MS 10000

/* What makes two probes the same; hashed as bytes, so without gaps. */
struct target_key {
	struct sluice_addr addr;
	uint32_t port, type;
	uint32_t interval_ms, timeout_ms, fast_ms, down_ms;
	uint32_t fall, rise, jitter_percent;
	uint32_t spec_length;
	uint8_t spec[];
};

struct target {
	struct target_key *key;
	struct health *health;
	struct turn turn;
	struct check_config check;
	struct health_machine machine;
	enum health_cause cause; /* of the last failure */
	uv_timer_t timer;	 /* to the next probe */
	uint64_t due_us;	 /* when it should go out */
	uint64_t began_us;	 /* the last one */
	struct probe *probe;	 /* running, or NULL */
	bool is_wanted;		 /* by the model, in health_follow() */
	bool is_news;		 /* a member joined */
	uint64_t *members;
	size_t member_count, member_capacity;
	char text[96];
	uint32_t latency_us;
	uint64_t reported_ms;
	struct check_report report;
	uint32_t expiry_s; /* so long before its end a certificate is news; 0: never */
	enum expiry { EXPIRY_FAR, EXPIRY_NEAR, EXPIRY_OVER } expiry;
	UT_hash_handle hh;
};

struct health {
	uv_loop_t *loop;
	struct health_listener listener;
	struct target *targets;
	uv_timer_t news; /* reports what health_follow() found, one turn later */
	struct hosts *hosts;
	struct apart *apart;
	struct pinger *pinger;
	size_t apart_count;			      /* targets that are probed there */
	uint64_t lag_us, lag_before_us, lag_since_ms; /* the worst, of this window and the last */
	uint64_t dice;
	struct check_durations durations[CHECK_TYPE_MAX][2]; /* by type, and pass or fail */
};

/* The caller's, to free. */
static struct target_key *make_key(const struct check_config *check,
				   const struct model_member *member, size_t *ret_bytes)
{
	uint32_t length = check->spec ? check->spec->length : 0;
	struct target_key *key = util_alloc(sizeof(*key) + length);

	_Static_assert(sizeof(struct target_key) == 16 + 10 * 4, "no gaps");
	key->addr = member->addr;
	if (check->type != CHECK_ICMP)
		key->port = check->port ? check->port : member->port;
	key->type = check->type;
	key->interval_ms = check->interval_ms;
	key->timeout_ms = check->timeout_ms;
	key->fast_ms = check->fast_ms;
	key->down_ms = check->down_ms;
	key->fall = check->fall;
	key->rise = check->rise;
	key->jitter_percent = check->jitter_percent;
	key->spec_length = length;
	if (length)
		memcpy(key->spec, check->spec->bytes, length);
	*ret_bytes = sizeof(*key) + length;
	return key;
}

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
	for (i = 0; i < target->member_count; i++)
		health->listener.report(health->listener.arg, target->members[i],
					target->machine.state, target->cause, target->text,
					target->latency_us);
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
	for (i = 0; target->expiry > was && i < target->member_count; i++)
		listener->certificate(listener->arg, target->members[i], expires_s);
}

static void on_due(uv_timer_t *timer);

static void schedule(struct target *target, uint64_t now_us, uint64_t due_us)
{
	target->due_us = due_us;
	uv_timer_start(&target->timer, on_due, (target->due_us - now_us + 500) / 1000, 0);
}

/* The words a person reads next to the state. */
static void describe(struct target *target, const struct check_answer *answer,
		     char text[static 160])
{
	const struct health_machine *machine = &target->machine;

	if (answer->result == PROBE_UNDECIDED)
		snprintf(text, 160, "check not possible from here: %s", answer->text);
	else if (machine->state == HEALTH_DOWN && answer->result == PROBE_PASS)
		snprintf(text, 160, "answers again, %u of %u", machine->streak, target->check.rise);
	else if (answer->result == PROBE_FAIL && machine->state != HEALTH_DOWN)
		snprintf(text, 160, "%s, %u of %u", answer->text, machine->streak,
			 target->check.fall);
	else
		snprintf(text, 160, "%s", answer->text);
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

static void take(struct target *target, const struct check_answer *answer)
{
	target->report.results[answer->result]++;
	if (answer->expires_s)
		note_expiry(target, answer->expires_s);
	if (answer->result == PROBE_FAIL)
		target->cause = answer->cause;
	if (answer->result != PROBE_PASS)
		return;
	target->report.latency_us_sum += answer->times.total_us;
	target->report.times = answer->times;
	target->latency_us = answer->times.total_us;
}

static void on_probed(void *arg, const struct check_answer *answer)
{
	struct target *target = arg;
	struct health *health = target->health;
	char text[160], fitting[sizeof(target->text)];
	uint64_t now_us = clock_now_ns() / 1000;
	bool is_news;

	target->probe = NULL;
	note_duration(target, answer, now_us);
	take(target, answer);
	is_news = health_state_feed(&target->machine, &target->check, answer->result);
	describe(target, answer, text);
	util_copy(fitting, sizeof(fitting), text);
	if (strcmp(fitting, target->text)) {
		memcpy(target->text, fitting, sizeof(target->text));
		is_news = true;
	}
	if (answer->result == PROBE_PASS &&
	    clock_now_ms() - target->reported_ms >= LATENCY_REPORT_MS)
		is_news = true;
	schedule(target, now_us,
		 health_state_next_us(&target->machine, &target->check, answer->result,
				      target->due_us, now_us, dice_next(&health->dice)));
	if (is_news)
		report(target);
	turn_end(&target->turn);
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
	if (check_type_is_apart(target->check.type))
		target->probe = apart_probe(health->apart, &key->addr, (uint16_t)key->port,
					    &target->check, on_probed, target);
	else if (target->check.type == CHECK_ICMP)
		target->probe = pinger_probe(health->pinger, &key->addr, target->check.timeout_ms,
					     on_probed, target);
	else
		target->probe = tcp_probe(health->loop, &key->addr, (uint16_t)key->port,
					  target->check.timeout_ms, on_probed, target);
}

static void on_turn(struct turn *turn)
{
	probe((struct target *)((char *)turn - offsetof(struct target, turn)));
}

static void on_due(uv_timer_t *timer)
{
	struct target *target = timer->data;

	if (turn_take(&target->turn))
		probe(target);
}

static void on_target_closed(uv_handle_t *handle)
{
	struct target *target = handle->data;

	free(target->members);
	free(target->key);
	free(target);
}

static void drop_target(struct health *health, struct target *target)
{
	HASH_DEL(health->targets, target);
	health->apart_count -= check_type_is_apart(target->check.type);
	probe_cancel(target->probe);
	target->probe = NULL;
	hosts_leave(health->hosts, &target->turn);
	uv_close((uv_handle_t *)&target->timer, on_target_closed);
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
	uv_timer_init(health->loop, &target->timer);
	target->timer.data = target;
	HASH_ADD_KEYPTR(hh, health->targets, target->key, bytes, target);
	hosts_join(health->hosts, &target->turn, &key->addr, on_turn);
	health->apart_count += check_type_is_apart(check->type);
	now_us = clock_now_ns() / 1000;
	first_ms = health_state_first_delay_ms(check, dice_next(&health->dice));
	schedule(target, now_us, now_us + MAX(first_ms, 1U) * 1000ULL);
	return target;
}

static void want(struct health *health, const struct check_config *check,
		 const struct model_member *member)
{
	size_t bytes;
	struct target_key *key = make_key(check, member, &bytes);
	struct target *target = find_target(health, key, bytes);

	if (target)
		free(key);
	else
		target = add_target(health, key, bytes, check, member);
	target->is_wanted = true;
	target->members = util_grow(target->members, &target->member_capacity,
				    target->member_count + 1, sizeof(*target->members));
	target->members[target->member_count++] = member->id;
	if (member->health != target->machine.state)
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
		target->member_count = 0;
	}
	for (s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct model_pool *pool = &service->pools[p];

			for (m = 0; m < pool->member_count; m++) {
				const struct model_member *member = &pool->members[m];
				const struct check_config *check = model_check_of(pool, member);

				if (check->type != CHECK_NONE)
					want(health, check, member);
			}
		}
	}
	HASH_ITER (hh, health->targets, target, tmp)
		if (!target->is_wanted)
			drop_target(health, target);
	uv_timer_start(&health->news, on_news, 0, 0);
}

struct health *health_new(uv_loop_t *loop, const char *program,
			  const struct health_listener *listener)
{
	struct health *health = util_alloc(sizeof(*health));

	health->loop = loop;
	health->listener = *listener;
	health->dice = clock_now_ns();
	health->hosts = hosts_new();
	health->apart = apart_new(loop, program);
	health->pinger = pinger_new(loop);
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
	hosts_free(health->hosts);
	apart_free(health->apart);
	pinger_free(health->pinger);
	uv_close((uv_handle_t *)&health->news, on_health_closed);
}

void health_member_report(const struct health *health, const struct model_pool *pool,
			  const struct model_member *member, struct check_report *ret_report)
{
	size_t bytes;
	AUTO_FREE struct target_key *key = make_key(model_check_of(pool, member), member, &bytes);
	const struct target *target = find_target(health, key, bytes);

	*ret_report = target ? target->report : (struct check_report){0};
}

void health_totals(const struct health *health, struct check_totals *ret_totals)
{
	*ret_totals = (struct check_totals){
		.durations = health->durations,
		.targets = HASH_COUNT(health->targets),
		.running = hosts_running(health->hosts),
		.waiting = hosts_waiting(health->hosts),
		.lag_us = MAX(health->lag_us, health->lag_before_us),
	};
	apart_describe(health->apart, ret_totals);
	ret_totals->apart.is_wanted = health->apart_count > 0;
}

const char *health_icmp_problem(const struct health *health, enum sluice_family family)
{
	return pinger_problem(health->pinger, family);
}
