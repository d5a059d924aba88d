/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How fast probes of one host begin, in virtual time: who hangs delays nobody, and no host is flooded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "core/health_state.h"
#include "health/hosts.h"

#define MANY 1000
#define HANGING 900
#define LAG_MAX_MS 100

static struct sluice_addr address(uint8_t last)
{
	struct sluice_addr addr = {.b = {[10] = 0xff, 0xff, 10, 0, 0, last}};

	return addr;
}

/* ---- one host and all of its targets --------------------------------------------------------- */

enum way { ANSWERS, REFUSES, HANGS };

/* Its probes begin and end as target.c has it. */
struct target {
	struct health_machine machine;
	struct host *host;
	uint64_t due_ms, at_ms; /* at: when it begins, or ends */
	bool is_running, is_placed;
	enum way way;
};

static struct world {
	struct check_config check;
	struct target targets[MANY];
	struct hosts *hosts;
	unsigned int seed;
	uint64_t now_ms;
	/* measured, since the scene began */
	uint64_t lag_ms, probes, running_most;
	uint32_t begun_most; /* in one ms */
} w;

static uint32_t dice(void)
{
	return (uint32_t)rand_r(&w.seed) << 16 ^ (uint32_t)rand_r(&w.seed);
}

static void build(void)
{
	const struct sluice_addr addr = address(1);
	size_t i;

	memset(&w, 0, sizeof(w));
	w.check = (struct check_config){.interval_ms = 2000,
					.timeout_ms = 1000,
					.fast_ms = 500,
					.down_ms = 5000,
					.fall = 3,
					.rise = 2,
					.jitter_percent = 10};
	w.seed = 4711;
	w.now_ms = 100000;
	w.hosts = hosts_new();
	for (i = 0; i < MANY; i++) {
		struct target *target = &w.targets[i];

		health_state_init(&target->machine, HEALTH_UNKNOWN);
		target->host = hosts_join(w.hosts, &addr, health_state_shortest_ms(&w.check));
		target->at_ms = target->due_ms =
			w.now_ms + health_state_first_delay_ms(&w.check, dice());
	}
}

static void destroy(void)
{
	size_t i;

	for (i = 0; i < MANY; i++)
		hosts_leave(w.hosts, w.targets[i].host, health_state_shortest_ms(&w.check));
	hosts_free(w.hosts);
}

static void end(struct target *target)
{
	enum probe_result result = target->way == ANSWERS ? PROBE_PASS : PROBE_FAIL;

	target->is_running = false;
	health_state_feed(&target->machine, &w.check, result);
	target->at_ms = target->due_ms = health_state_next_us(&target->machine, &w.check, result,
							      target->due_ms * 1000,
							      w.now_ms * 1000, dice()) /
					 1000;
}

static bool begin(struct target *target)
{
	uint64_t place_us = target->is_placed ? 0 : host_place_us(target->host, w.now_ms * 1000);

	target->is_placed = place_us > w.now_ms * 1000;
	if (target->is_placed) {
		target->at_ms = (place_us + 999) / 1000;
		return false;
	}
	target->is_running = true;
	target->at_ms = w.now_ms + (target->way == HANGS ? w.check.timeout_ms : 1);
	w.lag_ms = MAX(w.lag_ms, w.now_ms - target->due_ms);
	return true;
}

static void play(uint32_t ms)
{
	uint64_t end_ms = w.now_ms + ms;
	size_t i;

	w.lag_ms = w.probes = w.running_most = 0;
	w.begun_most = 0;
	while (w.now_ms < end_ms) {
		uint32_t begun = 0, running = 0;

		w.now_ms++;
		for (i = 0; i < MANY; i++) {
			struct target *target = &w.targets[i];

			if (target->at_ms > w.now_ms)
				;
			else if (target->is_running)
				end(target);
			else
				begun += begin(target);
			running += target->is_running;
		}
		w.probes += begun;
		w.begun_most = MAX(w.begun_most, begun);
		w.running_most = MAX(w.running_most, running);
	}
	print_message("# %lu probes, %lu ms late at most, %u begun in a ms, %lu under way\n",
		      w.probes, w.lag_ms, w.begun_most, w.running_most);
}

static void set(size_t count, enum way way)
{
	size_t i;

	for (i = 0; i < count; i++)
		w.targets[i].way = way;
}

static void who_hangs_delays_nobody(void **state)
{
	static const enum way ways[] = {HANGS, REFUSES};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		build();
		play(20000);
		assert_in_range(w.lag_ms, 0, LAG_MAX_MS);
		set(HANGING, ways[i]);
		play(10000); /* in doubt, then down */
		assert_in_range(w.lag_ms, 0, LAG_MAX_MS);
		if (ways[i] == HANGS)
			assert_in_range(w.running_most, HANGING / 2, HANGING + 100);
		play(30000);
		assert_in_range(w.lag_ms, 0, LAG_MAX_MS);
		set(HANGING, ANSWERS);
		play(20000);
		assert_in_range(w.lag_ms, 0, LAG_MAX_MS);
		destroy();
	}
}

static void all_hang_and_are_back(void **state)
{
	(void)state;
	build();
	play(20000);
	set(MANY, HANGS);
	play(40000);
	assert_in_range(w.lag_ms, 0, LAG_MAX_MS);
	set(MANY, ANSWERS);
	play(40000);
	assert_in_range(w.lag_ms, 0, LAG_MAX_MS);
	destroy();
}

/* The daemon stood still, and all are due at once. */
static void a_stall_floods_no_host(void **state)
{
	uint64_t shortest_ms;
	size_t i;

	(void)state;
	build();
	shortest_ms = health_state_shortest_ms(&w.check);
	play(20000);
	for (i = 0; i < MANY; i++)
		w.targets[i].at_ms = w.targets[i].due_ms = w.now_ms;
	play(1);
	assert_int_equal(w.begun_most, HOST_BURST);
	play(1000);
	assert_in_range(w.begun_most, 1, 1 + HOST_ROOM * MANY / shortest_ms);
	assert_in_range(w.lag_ms, shortest_ms / HOST_ROOM - 20, shortest_ms / HOST_ROOM + 5);
	play(20000);
	assert_in_range(w.lag_ms, 0, LAG_MAX_MS);
	destroy();
}

/* ---- places ---------------------------------------------------------------------------------- */

static void places_are_in_order(void **state)
{
	const struct sluice_addr first = address(1), second = address(2);
	struct hosts *hosts = hosts_new();
	struct host *host, *other, *slow;
	uint64_t now_us = 5000000;
	int i;

	(void)state;
	host = hosts_join(hosts, &first, 500);
	other = hosts_join(hosts, &second, 3600000);
	assert_ptr_not_equal(host, other);
	for (i = 0; i < HOST_BURST; i++)
		assert_int_equal(host_place_us(host, now_us), now_us);
	for (i = 1; i < 10; i++) /* a target in 500 ms, and as much room */
		assert_in_range(host_place_us(host, now_us), now_us + i * 250000 - 10,
				now_us + i * 250000 + 10);
	assert_int_equal(host_place_us(other, now_us), now_us); /* is not held up */
	/* Time gives places back, up to a burst. */
	now_us += 3600000000;
	for (i = 0; i < HOST_BURST; i++)
		assert_int_equal(host_place_us(host, now_us), now_us);
	assert_in_range(host_place_us(host, now_us), now_us + 1, now_us + 250010);

	/* Another target makes it faster, and slower when it has left. */
	assert_ptr_equal(hosts_join(hosts, &first, 100), host);
	now_us += 3600000000;
	for (i = 0; i < HOST_BURST; i++)
		assert_int_equal(host_place_us(host, now_us), now_us);
	assert_in_range(host_place_us(host, now_us), now_us + 41660, now_us + 41670);
	hosts_leave(hosts, host, 100);
	now_us += 3600000000;
	for (i = 0; i < HOST_BURST; i++)
		assert_int_equal(host_place_us(host, now_us), now_us);
	assert_in_range(host_place_us(host, now_us), now_us + 249990, now_us + 250010);
	hosts_leave(hosts, host, 500);

	/* The longest pause that can be configured. */
	slow = hosts_join(hosts, &first, 3600000);
	for (i = 0; i < HOST_BURST; i++)
		assert_int_equal(host_place_us(slow, now_us), now_us);
	assert_in_range(host_place_us(slow, now_us), now_us + 1799000000, now_us + 1801000000);
	hosts_leave(hosts, slow, 3600000);
	hosts_leave(hosts, other, 3600000);
	hosts_free(hosts);
}

/* As many targets as a burst never wait: each has one probe at a time. */
static void a_few_never_wait(void **state)
{
	const struct sluice_addr addr = address(1);
	struct hosts *hosts = hosts_new();
	struct host *host = NULL;
	unsigned int seed = 1;
	uint64_t now_us = 1000000;
	int i, step;

	(void)state;
	for (i = 0; i < HOST_BURST; i++)
		host = hosts_join(hosts, &addr, 500);
	for (step = 0; step < 1000; step++) {
		now_us += 250000 + (uint64_t)rand_r(&seed) % 500000;
		for (i = 0; i < HOST_BURST; i++)
			assert_int_equal(host_place_us(host, now_us), now_us);
	}
	for (i = 0; i < HOST_BURST; i++)
		hosts_leave(hosts, host, 500);
	hosts_free(hosts);
}

/* In any time no more begin than a burst and what the rate makes of the time. */
static void no_more_than_the_rate(void **state)
{
	const struct sluice_addr addr = address(1);
	static uint64_t places_us[20000];
	struct hosts *hosts = hosts_new();
	struct host *host = NULL;
	unsigned int seed = 2;
	uint64_t now_us = 1000000;
	size_t i, j;

	(void)state;
	for (i = 0; i < MANY; i++)
		host = hosts_join(hosts, &addr, 500);
	for (i = 0; i < ARRAY_SIZE(places_us); i++) {
		now_us += rand_r(&seed) % 100 ? 0 : (uint64_t)rand_r(&seed) % 60000;
		places_us[i] = host_place_us(host, now_us);
		assert_true(!i || places_us[i] >= places_us[i - 1]);
		for (j = i > 200 ? i - 200 : 0; j <= i; j++)
			assert_true(i - j + 1 <=
				    HOST_BURST + 1 + (places_us[i] - places_us[j]) / 250);
	}
	for (i = 0; i < MANY; i++)
		hosts_leave(hosts, host, 500);
	hosts_free(hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_hangs_delays_nobody), cmocka_unit_test(all_hang_and_are_back),
		cmocka_unit_test(a_stall_floods_no_host),  cmocka_unit_test(places_are_in_order),
		cmocka_unit_test(a_few_never_wait),	   cmocka_unit_test(no_more_than_the_rate),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
