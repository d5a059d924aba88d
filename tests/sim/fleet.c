/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim/fleet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/dice.h"
#include "core/health_state.h"
#include "core/model.h"
#include "core/weights.h"
#include "sim/wheel.h"

#define TICK_NS 4000000U
#define UPTIME_MS 20000U /* of all hosts, when it begins */
#define LOOK_MS 1000U	 /* as the daemon looks after circuits */

/* One balancer's probes of one backend. */
struct target {
	struct health_machine machine;
	uint64_t due_us, passed, failed;
	bool is_running;
	enum breaker_state circuit; /* as it was seen last */
	uint32_t share;
};

struct balancer {
	struct event_log *log;
	struct model *model;
	struct model_pool *pool;
	uint64_t dice, shares; /* shares: the sum of all members' */
	uint32_t sent;	       /* in this bin */
};

struct fleet {
	struct fleet_options options;
	struct check_config check;
	struct balancer *balancers;
	struct target *targets; /* balancer by balancer */
	enum fleet_way *ways;	/* of backends */
	struct wheel *wheel;	/* targets, then balancers that look */
	uint32_t now_ms, stalled_ms;
	bool is_load_new;
	/* measured */
	uint32_t of, since_ms;
	uint64_t probes;
	uint32_t *arrived; /* in this bin, by backend */
	struct fleet_rates rates;
	struct fleet_event *events;
	size_t event_count, event_capacity;
};

static uint64_t clock_ms(const struct fleet *fleet)
{
	return fleet->now_ms + UPTIME_MS;
}

static void add(struct fleet *fleet, uint64_t ms, uint32_t number)
{
	if (ms > fleet->now_ms + WHEEL_TICKS_MAX) {
		fprintf(stderr, "a pause of more than %d ms\n", WHEEL_TICKS_MAX);
		abort();
	}
	wheel_add(fleet->wheel, (uint32_t)ms, number);
}

static struct target *target_of(const struct fleet *fleet, uint32_t balancer, uint32_t backend)
{
	return &fleet->targets[(size_t)balancer * fleet->options.backends + backend];
}

/* ---- making it ------------------------------------------------------------------------------- */

static struct config *make_config(const struct fleet_options *options)
{
	struct errs errors = {0};
	struct config *config;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	uint32_t i;

	fprintf(out,
		"version: 1\ninterfaces: [eth0]\nservices:\n  web:\n    listen: tcp 192.0.2.10:80\n"
		"    mode: l2\n    check: %s\n    members:\n",
		options->check);
	for (i = 0; i < options->backends; i++)
		fprintf(out, "      - 10.0.%u.%u\n", i / 250, i % 250 + 1);
	fclose(out);
	if (config_parse(text, strlen(text), &config, &errors)) {
		fprintf(stderr, "%s\n%s\n", text, errors.list[0].text);
		abort();
	}
	free(text);
	return config;
}

static void apply(struct fleet *fleet, struct balancer *balancer, const struct change *change)
{
	struct errs errors = {0};

	if (!model_apply(balancer->model, change, 1, clock_ms(fleet), &errors))
		return;
	fprintf(stderr, "refused: %s\n", errors.list[0].text);
	abort();
}

static void start_balancer(struct fleet *fleet, uint32_t b, const struct config *config)
{
	struct balancer *balancer = &fleet->balancers[b];
	struct change change = {.type = CHANGE_CONFIG, .config = config};
	uint32_t backends = fleet->options.backends, i;

	/* Daemons that start together have read clocks that are hardly apart. */
	balancer->dice = fleet->options.seed + UPTIME_MS * 1000000ULL + b * 1000ULL;
	balancer->log = event_log_new(16);
	balancer->model = model_new(balancer->log, TICK_NS);
	apply(fleet, balancer, &change);
	balancer->pool = &model_service_at(balancer->model, 0)->pools[0];
	fleet->check = balancer->pool->check;
	for (i = 0; i < backends; i++) {
		struct target *target = target_of(fleet, b, i);
		uint32_t first_ms =
			health_state_first_delay_ms(&fleet->check, dice_next(&balancer->dice));

		change = (struct change){.type = CHANGE_MEMBER_NEXTHOP,
					 .member_id = balancer->pool->members[i].id,
					 .nexthop_state = NEXTHOP_RESOLVED};
		apply(fleet, balancer, &change);
		target->share = SHARE_ONE;
		balancer->shares += SHARE_ONE;
		target->due_us = fleet->options.is_in_step ? 1000 : (first_ms + 1) * 1000ULL;
		add(fleet, target->due_us / 1000, b * backends + i);
	}
	add(fleet, 1 + dice_next(&balancer->dice) % LOOK_MS,
	    fleet->options.balancers * backends + b);
}

struct fleet *fleet_new(const struct fleet_options *options)
{
	struct fleet *fleet = util_alloc(sizeof(*fleet));
	struct config *config = make_config(options);
	uint32_t b;

	fleet->options = *options;
	fleet->balancers = util_alloc_array(options->balancers, sizeof(*fleet->balancers));
	fleet->targets = util_alloc_array((size_t)options->balancers * options->backends,
					  sizeof(*fleet->targets));
	fleet->ways = util_alloc_array(options->backends, sizeof(*fleet->ways));
	fleet->arrived = util_alloc_array(options->backends, sizeof(*fleet->arrived));
	fleet->wheel = wheel_new();
	for (b = 0; b < options->balancers; b++)
		start_balancer(fleet, b, config);
	config_free(config);
	fleet_measure(fleet, FLEET_ALL);
	return fleet;
}

void fleet_free(struct fleet *fleet)
{
	uint32_t b;

	if (!fleet)
		return;
	for (b = 0; b < fleet->options.balancers; b++) {
		model_free(fleet->balancers[b].model);
		event_log_free(fleet->balancers[b].log);
	}
	wheel_free(fleet->wheel);
	free(fleet->balancers);
	free(fleet->targets);
	free(fleet->ways);
	free(fleet->arrived);
	free(fleet->events);
	free(fleet);
}

/* ---- what balancers do ----------------------------------------------------------------------- */

static void note(struct fleet *fleet, uint32_t b, uint32_t backend, enum fleet_turn turn,
		 const struct breaker *breaker)
{
	fleet->events = util_grow(fleet->events, &fleet->event_capacity, fleet->event_count + 1,
				  sizeof(*fleet->events));
	fleet->events[fleet->event_count++] = (struct fleet_event){
		.ms = fleet->now_ms,
		.balancer = (uint16_t)b,
		.backend = (uint16_t)backend,
		.turn = turn,
		.times_out = breaker->attempts,
		.pause_ms = (uint32_t)breaker_left_ms(breaker, clock_ms(fleet)),
	};
}

/* What the last change has made of all members. */
static void see(struct fleet *fleet, uint32_t b)
{
	static const enum fleet_turn turns[BREAKER_STATE_MAX] = {
		[BREAKER_CLOSED] = FLEET_BACK,
		[BREAKER_OPEN] = FLEET_OUT,
		[BREAKER_HALF_OPEN] = FLEET_TRIAL,
	};
	struct balancer *balancer = &fleet->balancers[b];
	uint32_t i;

	for (i = 0; i < fleet->options.backends; i++) {
		const struct model_member *member = &balancer->pool->members[i];
		struct target *target = target_of(fleet, b, i);
		uint32_t share = weights_member_share(member);

		fleet->is_load_new |= share != target->share;
		balancer->shares += share;
		balancer->shares -= target->share;
		target->share = share;
		if (member->breaker.state != target->circuit)
			note(fleet, b, i, turns[member->breaker.state], &member->breaker);
		target->circuit = member->breaker.state;
	}
}

static void end_probe(struct fleet *fleet, uint32_t b, uint32_t backend, enum probe_result result)
{
	struct balancer *balancer = &fleet->balancers[b];
	struct target *target = target_of(fleet, b, backend);
	uint64_t now_us = MAX(fleet->now_ms * 1000ULL, target->due_us);
	struct change change = {.type = CHANGE_MEMBER_HEALTH,
				.member_id = balancer->pool->members[backend].id,
				.health_cause = fleet->ways[backend] == FLEET_SILENT
							? HEALTH_SILENT
							: HEALTH_ANSWERED,
				.text = "simulated"};
	bool is_news = health_state_feed(&target->machine, &fleet->check, result);

	target->is_running = false;
	target->passed += result == PROBE_PASS;
	target->failed += result == PROBE_FAIL;
	target->due_us = health_state_next_us(&target->machine, &fleet->check, result,
					      target->due_us, now_us, dice_next(&balancer->dice));
	add(fleet, target->due_us / 1000, b * fleet->options.backends + backend);
	if (!is_news)
		return;
	change.health = target->machine.state;
	apply(fleet, balancer, &change);
	see(fleet, b);
}

static void begin_probe(struct fleet *fleet, uint32_t b, uint32_t backend)
{
	struct target *target = target_of(fleet, b, backend);
	enum fleet_way way = fleet->ways[backend];

	fleet->balancers[b].sent++;
	if (fleet->of == FLEET_ALL || fleet->of == backend) {
		fleet->arrived[backend]++;
		fleet->probes++;
	}
	if (way == FLEET_SILENT) {
		target->is_running = true;
		add(fleet, fleet->now_ms + fleet->check.timeout_ms,
		    b * fleet->options.backends + backend);
		return;
	}
	end_probe(fleet, b, backend,
		  way == FLEET_ANSWERS ||
				  (way == FLEET_FRAGILE && target->circuit != BREAKER_HALF_OPEN)
			  ? PROBE_PASS
			  : PROBE_FAIL);
}

/* As the daemon does each second. */
static void look(struct fleet *fleet, uint32_t b)
{
	struct balancer *balancer = &fleet->balancers[b];
	bool is_any = false;
	uint32_t i;

	for (i = 0; i < fleet->options.backends; i++) {
		const struct target *target = target_of(fleet, b, i);
		const struct model_member *member = &balancer->pool->members[i];
		const struct change change = {.type = CHANGE_MEMBER_CIRCUIT,
					      .member_id = member->id,
					      .probes_passed = target->passed,
					      .probes_failed = target->failed};

		if (!model_circuit_is_due(balancer->pool, member, target->passed, target->failed,
					  clock_ms(fleet)))
			continue;
		apply(fleet, balancer, &change);
		is_any = true;
	}
	if (is_any)
		see(fleet, b);
	add(fleet, fleet->now_ms + LOOK_MS, fleet->options.balancers * fleet->options.backends + b);
}

static void handle(struct fleet *fleet, uint32_t number)
{
	uint32_t backends = fleet->options.backends, all = fleet->options.balancers * backends;

	if (fleet->now_ms < fleet->stalled_ms)
		add(fleet, fleet->stalled_ms, number);
	else if (number >= all)
		look(fleet, number - all);
	else if (fleet->targets[number].is_running)
		end_probe(fleet, number / backends, number % backends,
			  fleet->ways[number % backends] == FLEET_SILENT ? PROBE_FAIL : PROBE_PASS);
	else
		begin_probe(fleet, number / backends, number % backends);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Each balancer has as much traffic, and shares it out. */
static double worst_load(const struct fleet *fleet)
{
	double worst = 0;
	uint32_t b, i;

	for (i = 0; i < fleet->options.backends; i++) {
		double load = 0;

		if (fleet->of != FLEET_ALL && fleet->of != i)
			continue;
		for (b = 0; b < fleet->options.balancers; b++)
			if (fleet->balancers[b].shares)
				load += (double)target_of(fleet, b, i)->share /
					(double)fleet->balancers[b].shares;
		worst = MAX(worst, load * fleet->options.backends / fleet->options.balancers);
	}
	return worst;
}

static void end_bin(struct fleet *fleet)
{
	struct fleet_rates *rates = &fleet->rates;
	uint32_t i;

	for (i = 0; i < fleet->options.backends; i++) {
		rates->worst = MAX(rates->worst, fleet->arrived[i]);
		fleet->arrived[i] = 0;
	}
	for (i = 0; i < fleet->options.balancers; i++) {
		rates->sent = MAX(rates->sent, fleet->balancers[i].sent);
		fleet->balancers[i].sent = 0;
	}
	if (fleet->is_load_new)
		rates->load = MAX(rates->load, worst_load(fleet));
	fleet->is_load_new = false;
}

void fleet_run(struct fleet *fleet, uint32_t ms)
{
	uint32_t end_ms = fleet->now_ms + ms;
	size_t count, i;

	while (fleet->now_ms < end_ms) {
		uint32_t *numbers = wheel_take(fleet->wheel, ++fleet->now_ms, &count);

		for (i = 0; i < count; i++)
			handle(fleet, numbers[i]);
		free(numbers);
		if (fleet->now_ms % FLEET_BIN_MS == 0)
			end_bin(fleet);
	}
}

void fleet_stall(struct fleet *fleet, uint32_t ms)
{
	fleet->stalled_ms = fleet->now_ms + MIN(ms, WHEEL_TICKS_MAX - 1);
	fleet_run(fleet, ms);
}

void fleet_set(struct fleet *fleet, uint32_t backend, enum fleet_way way)
{
	uint32_t i;

	for (i = 0; i < fleet->options.backends; i++)
		if (backend == FLEET_ALL || backend == i)
			fleet->ways[i] = way;
}

uint32_t fleet_now_ms(const struct fleet *fleet)
{
	return fleet->now_ms;
}

void fleet_measure(struct fleet *fleet, uint32_t backend)
{
	fleet->of = backend;
	fleet->since_ms = fleet->now_ms;
	fleet->probes = 0;
	fleet->event_count = 0;
	end_bin(fleet);
	fleet->rates = (struct fleet_rates){0};
	fleet->is_load_new = true;
}

void fleet_rates(const struct fleet *fleet, struct fleet_rates *ret_rates)
{
	double backends = fleet->of == FLEET_ALL ? fleet->options.backends : 1;
	double s = (fleet->now_ms - fleet->since_ms) / 1000.0;

	*ret_rates = fleet->rates;
	ret_rates->mean = s > 0 ? (double)fleet->probes / s / backends : 0;
}

const struct fleet_event *fleet_events(const struct fleet *fleet, size_t *ret_count)
{
	*ret_count = fleet->event_count;
	return fleet->events;
}

double fleet_coherence(const struct fleet *fleet, uint32_t backend)
{
	double x = 0, y = 0;
	uint32_t b;

	for (b = 0; b < fleet->options.balancers; b++) {
		double turn = 2 * M_PI * (double)target_of(fleet, b, backend)->due_us /
			      (fleet->check.interval_ms * 1000.0);

		x += cos(turn);
		y += sin(turn);
	}
	return sqrt(x * x + y * y) / fleet->options.balancers;
}

uint32_t fleet_admitted_least(const struct fleet *fleet)
{
	uint32_t b, i, least = UINT32_MAX;

	for (b = 0; b < fleet->options.balancers; b++) {
		uint32_t admitted = 0;

		for (i = 0; i < fleet->options.backends; i++)
			admitted += target_of(fleet, b, i)->share > 0;
		least = MIN(least, admitted);
	}
	return least;
}
