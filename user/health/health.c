/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/health.h"

#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/util.h"
#include "health/probe.h"

/* A latency alone is no news more often than this. */
#define LATENCY_REPORT_MS 10000

/* What makes two probes the same. Zeroed before it is filled: hashed as bytes. */
struct target_key {
	struct sluice_addr addr;
	uint32_t port;
	uint32_t interval_ms, timeout_ms, fast_ms, down_ms;
	uint32_t fall, rise, jitter_percent;
};

struct target {
	struct target_key key;
	struct health *health;
	struct check_config check;
	struct health_machine machine;
	enum health_cause cause; /* of the last failure */
	uv_timer_t timer;	 /* to the next probe */
	struct probe *probe;	 /* running, or NULL */
	bool is_wanted;		 /* by the model, in health_follow() */
	bool is_news;		 /* a member joined */
	uint64_t *members;
	size_t member_count, member_capacity;
	char text[96];
	uint32_t latency_us;
	uint64_t reported_ms;
	struct health_counts counts;
	UT_hash_handle hh;
};

struct health {
	uv_loop_t *loop;
	health_report_fn fn;
	void *arg;
	struct target *targets;
	uv_timer_t news; /* reports what health_follow() found, one turn later */
	uint64_t random;
};

static uint32_t next_random(struct health *health)
{
	/* xorshift64 (Marsaglia 2003): spreads probes, guards nothing. */
	health->random ^= health->random << 13;
	health->random ^= health->random >> 7;
	health->random ^= health->random << 17;
	return (uint32_t)(health->random >> 32);
}

static struct target_key make_key(const struct model_pool *pool, const struct model_member *member)
{
	const struct check_config *check = &pool->check;
	struct target_key key;

	memset(&key, 0, sizeof(key));
	key.addr = member->addr;
	key.port = check->port ? check->port : member->port;
	key.interval_ms = check->interval_ms;
	key.timeout_ms = check->timeout_ms;
	key.fast_ms = check->fast_ms;
	key.down_ms = check->down_ms;
	key.fall = check->fall;
	key.rise = check->rise;
	key.jitter_percent = check->jitter_percent;
	return key;
}

static struct target *find_target(const struct health *health, const struct target_key *key)
{
	struct target *target;

	HASH_FIND(hh, health->targets, key, sizeof(*key), target);
	return target;
}

static void report(struct target *target)
{
	struct health *health = target->health;
	size_t i;

	target->reported_ms = clock_now_ms();
	for (i = 0; i < target->member_count; i++)
		health->fn(health->arg, target->members[i], target->machine.state, target->cause,
			   target->text, target->latency_us);
}

static void on_due(uv_timer_t *timer);

static void schedule(struct target *target, uint32_t delay_ms)
{
	uv_timer_start(&target->timer, on_due, delay_ms, 0);
}

/* The words a person reads next to the state. */
static void describe(struct target *target, enum probe_result result, const char *cause,
		     char text[static 96])
{
	const struct health_machine *machine = &target->machine;

	if (result == PROBE_UNDECIDED)
		snprintf(text, 96, "check not possible from here: %s", cause);
	else if (machine->state == HEALTH_DOWN && result == PROBE_PASS)
		snprintf(text, 96, "answers again, %u of %u", machine->streak, target->check.rise);
	else if (result == PROBE_FAIL && machine->state != HEALTH_DOWN)
		snprintf(text, 96, "%s, %u of %u", cause, machine->streak, target->check.fall);
	else
		snprintf(text, 96, "%s", cause);
}

static void on_probed(void *arg, enum probe_result result, enum health_cause health_cause,
		      const char *cause, uint32_t latency_us)
{
	struct target *target = arg;
	char text[96];
	bool is_news;

	target->probe = NULL;
	target->counts.results[result]++;
	target->counts.latency_us_sum += latency_us;
	if (result == PROBE_FAIL)
		target->cause = health_cause;
	is_news = health_state_feed(&target->machine, &target->check, result);
	describe(target, result, cause, text);
	if (strcmp(text, target->text)) {
		util_copy(target->text, sizeof(target->text), text);
		is_news = true;
	}
	if (result == PROBE_PASS) {
		target->latency_us = latency_us;
		if (clock_now_ms() - target->reported_ms >= LATENCY_REPORT_MS)
			is_news = true;
	}
	schedule(target, health_state_delay_ms(&target->machine, &target->check,
					       next_random(target->health)));
	if (is_news)
		report(target);
}

static void on_due(uv_timer_t *timer)
{
	struct target *target = timer->data;

	target->probe = probe_start(target->health->loop, &target->key.addr,
				    (uint16_t)target->key.port, target->check.timeout_ms, on_probed,
				    target);
}

static void on_target_closed(uv_handle_t *handle)
{
	struct target *target = handle->data;

	free(target->members);
	free(target);
}

static void drop_target(struct health *health, struct target *target)
{
	HASH_DEL(health->targets, target);
	probe_cancel(target->probe);
	target->probe = NULL;
	uv_close((uv_handle_t *)&target->timer, on_target_closed);
}

static struct target *add_target(struct health *health, const struct target_key *key,
				 const struct check_config *check,
				 const struct model_member *member)
{
	struct target *target = util_alloc(sizeof(*target));

	target->key = *key;
	target->health = health;
	target->check = *check;
	target->cause = member->health_cause;
	health_state_init(&target->machine, member->health);
	uv_timer_init(health->loop, &target->timer);
	target->timer.data = target;
	HASH_ADD(hh, health->targets, key, sizeof(target->key), target);
	schedule(target, health_state_first_delay_ms(check, next_random(health)));
	return target;
}

static void want(struct health *health, const struct model_pool *pool,
		 const struct model_member *member)
{
	struct target_key key = make_key(pool, member);
	struct target *target = find_target(health, &key);

	if (!target)
		target = add_target(health, &key, &pool->check, member);
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

			for (m = 0; pool->check.type == CHECK_TCP && m < pool->member_count; m++)
				want(health, pool, &pool->members[m]);
		}
	}
	HASH_ITER (hh, health->targets, target, tmp)
		if (!target->is_wanted)
			drop_target(health, target);
	uv_timer_start(&health->news, on_news, 0, 0);
}

struct health *health_new(uv_loop_t *loop, health_report_fn fn, void *arg)
{
	struct health *health = util_alloc(sizeof(*health));

	health->loop = loop;
	health->fn = fn;
	health->arg = arg;
	health->random = clock_now_ns() | 1;
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
	uv_close((uv_handle_t *)&health->news, on_health_closed);
}

void health_member_counts(const struct health *health, const struct model_pool *pool,
			  const struct model_member *member, struct health_counts *ret_counts)
{
	struct target_key key = make_key(pool, member);
	const struct target *target = find_target(health, &key);

	*ret_counts = target ? target->counts : (struct health_counts){0};
}
