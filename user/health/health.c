/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "core/dice.h"
#include "health/target.h"

/* A thousand targets' probes at the default interval begin two milliseconds apart: three of them, early by no
 * more than a jitter of 0.2 %, cost the loop one waking. */
#define EARLY_US 4000

static struct target *find_target(const struct health *health, const struct target_key *key,
				  size_t bytes)
{
	struct target *target;

	HASH_FIND(hh, health->targets, key, bytes, target);
	return target;
}

static void drop_target(struct health *health, struct target *target)
{
	HASH_DEL(health->targets, target);
	target_set_failing(target, false);
	target_note_undecided(target, false);
	health->apart_count -= check_type_is_apart(target->check.type);
	health->path_count -= target_is_through(target);
	probe_cancel(target->probe);
	target->probe = NULL;
	target_end_looking(target);
	prober_give_index(health->prober, target->path.index, &target->check, clock_now_ms());
	target_set_running(target, false);
	health->waiting -= target->is_waiting;
	hosts_leave(health->hosts, target->host, health_state_shortest_ms(&target->check));
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
	target->host =
		hosts_join(health->hosts, &key->addr, health_state_shortest_ms(&target->check));
	health->apart_count += check_type_is_apart(check->type);
	health->path_count += target_is_through(target);
	now_us = clock_now_ns() / 1000;
	first_ms = health_state_first_delay_ms(check, dice_next(&health->dice));
	target_schedule(target, now_us, now_us + MAX(first_ms, 1U) * 1000ULL);
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
			target_report(target);
	}
}

void health_tell_news(struct health *health, uint32_t wait_ms)
{
	bool is_sooner = uv_is_active((uv_handle_t *)&health->news) &&
			 uv_timer_get_due_in(&health->news) <= wait_ms;

	if (!is_sooner)
		uv_timer_start(&health->news, on_news, wait_ms, 0);
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
	health_tell_news(health, 0);
}

struct health *health_new(uv_loop_t *loop, const char *program,
			  const struct health_listener *listener, const struct health_path *path)
{
	struct health *health = util_alloc(sizeof(*health));

	health->listener = *listener;
	health->dice = clock_now_ns();
	health->alarms = alarms_new(loop, EARLY_US, target_on_due);
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
	if (alarm_is_set(&target->alarm) && target->due_us > due_us && !target_is_held_back(target))
		target_schedule(target, now_us, due_us);
}

void health_totals(const struct health *health, struct check_totals *ret_totals)
{
	*ret_totals = (struct check_totals){
		.durations = health->durations,
		.targets = HASH_COUNT(health->targets),
		.running = health->running,
		.waiting = health->waiting,
		.failing = health->failing_count,
		.unchecked = health->unchecked_count,
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
