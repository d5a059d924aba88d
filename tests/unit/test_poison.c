/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One target whose probes end sluice-check does not take those of the others with it: real programs, real
 * deaths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "fake/fake_config.h"
#include "health/health.h"

#define BEGIN_MS 12000 /* then its pauses are longer than those after each death */
#define LOOK_MS 6000

static uv_loop_t loop;
static char program[32];

static void report(void *arg, uint64_t member_id, enum health_state state, enum health_cause cause,
		   const char *text, uint32_t latency_us)
{
	(void)arg;
	(void)member_id;
	(void)state;
	(void)cause;
	(void)text;
	(void)latency_us;
}

static void diagnosis(void *arg, uint64_t member_id, const char *text)
{
	(void)arg;
	(void)member_id;
	(void)text;
}

static void write_program(void)
{
	FILE *file;
	int fd;

	util_copy(program, sizeof(program), "/tmp/sluice-poison-XXXXXX");
	fd = mkstemp(program);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0755), 0);
	file = fdopen(fd, "w");
	fputs("#!/bin/sh\n[ $SLUICE_ADDRESS != 10.0.0.66 ] || kill -9 $PPID\n", file);
	fclose(file);
}

static struct config *make_config(void)
{
	AUTO_FREE char *text = util_printf(
		"version: 1\ninterfaces: [eth0]\nservices:\n  a:\n    listen: tcp 192.0.2.1:80\n"
		"    mode: l2\n    check: {type: exec, command: [%s], interval: 300ms, timeout: "
		"200ms,"
		" fast: 300ms, down: 300ms}\n"
		"    members: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.66]\n",
		program);

	return fake_config_parsed(text);
}

static void on_enough(uv_timer_t *timer)
{
	uv_stop(timer->loop);
	uv_close((uv_handle_t *)timer, NULL);
}

static void run_for(uint32_t ms)
{
	uv_timer_t timer;

	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, on_enough, ms, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static uint64_t passed(const struct health *health, const struct model *model, size_t m)
{
	const struct model_service *service = model_service_at(model, 0);
	struct check_report found;

	health_member_report(health, service, &service->pools[0], &service->pools[0].members[m],
			     &found);
	return found.results[PROBE_PASS];
}

static void on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle) && handle->type == UV_PROCESS)
		uv_unref(handle);
}

static void others_go_on(void **state)
{
	const struct health_listener listener = {.report = report, .diagnosis = diagnosis};
	AUTO_FREE char *checker = realpath("build/bin/sluice-check", NULL);
	struct event_log *log = event_log_new(16);
	struct model *model = model_new(log, 4000000);
	struct change change = {.type = CHANGE_CONFIG};
	struct check_totals before, totals;
	struct errs errors = {0};
	struct config *config;
	struct health *health;
	uint64_t passes[4];
	size_t m;

	(void)state;
	assert_non_null(checker);
	write_program();
	uv_loop_init(&loop);
	change.config = config = make_config();
	assert_int_equal(model_apply(model, &change, 1, 1000, &errors), 0);
	health = health_new(&loop, checker, &listener, NULL);
	health_follow(health, model);
	run_for(BEGIN_MS);
	health_totals(health, &before);
	for (m = 0; m < ARRAY_SIZE(passes); m++)
		passes[m] = passed(health, model, m);
	/* What clients send, who may forge it, calls it back no sooner. */
	for (m = 0; m < LOOK_MS / 500; m++) {
		const struct model_service *service = model_service_at(model, 0);

		health_suspect(health, service, &service->pools[0], &service->pools[0].members[4],
			       1000);
		run_for(500);
	}
	health_totals(health, &totals);
	print_message("# %lu deaths, then %lu\n", (unsigned long)before.apart.deaths,
		      (unsigned long)totals.apart.deaths);
	assert_in_range(before.apart.deaths, 3, 9);
	assert_in_range(totals.apart.deaths - before.apart.deaths, 0, 2);
	assert_int_equal(passed(health, model, 4), 0);
	/* A quarter of those that are due at least, on a busy machine. */
	for (m = 0; m < ARRAY_SIZE(passes); m++)
		assert_in_range(passed(health, model, m) - passes[m], 5, 30);
	health_free(health);
	uv_walk(&loop, on_walk, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	unlink(program);
	model_free(model);
	event_log_free(log);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
