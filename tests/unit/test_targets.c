/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Many targets of sluice-check, in whose place is a program that never answers: those that failed last leave
 * places to others, and requests that are made together all get out. The room that this takes between the two
 * processes is root's to ask for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "core/check_spec.h"
#include "core/event_log.h"
#include "fake/fake_config.h"
#include "health/apart.h"
#include "health/target.h"

#define MANY 1500
#define WELL 100
#define INTERVAL_MS 600000 /* nothing happens by itself meanwhile */

static struct {
	uv_loop_t loop;
	char program[32];
	size_t answers, busy;
	bool has_failed;
} w;

static void report(void *arg, uint64_t member_id, enum health_state state, enum health_cause cause,
		   const char *text, uint32_t latency_us)
{
	(void)arg;
	(void)member_id;
	(void)state;
	(void)cause;
	(void)latency_us;
	assert_null(strstr(text, "too busy"));
}

static int set_up(void **state)
{
	FILE *file;
	int fd;

	(void)state;
	memset(&w, 0, sizeof(w));
	uv_loop_init(&w.loop);
	util_copy(w.program, sizeof(w.program), "/tmp/sluice-targets-XXXXXX");
	fd = mkstemp(w.program);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0700), 0);
	file = fdopen(fd, "w");
	fputs("#!/bin/sh\nexec sleep 60 > /dev/null 2>&1\n", file);
	fclose(file);
	return 0;
}

static void on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (handle->type == UV_PROCESS)
		uv_process_kill((uv_process_t *)handle, SIGKILL);
}

static void end_programs(void)
{
	uv_walk(&w.loop, on_walk, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	unlink(w.program);
	end_programs();
	if (w.has_failed) /* handles are left open */
		return 0;
	uv_run(&w.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&w.loop);
}

/* ---- places ---------------------------------------------------------------------------------- */

static struct config *make_config(void)
{
	struct config *config;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int i;

	fprintf(out,
		"version: 1\ninterfaces: [eth0]\nservices:\n  a:\n    listen: tcp 192.0.2.1:80\n"
		"    mode: l2\n    check: {type: exec, command: [/x], interval: %dms, timeout: "
		"%dms}\n"
		"    members:\n",
		INTERVAL_MS, INTERVAL_MS);
	for (i = 0; i < MANY; i++)
		fprintf(out, "      - 10.0.%d.%d\n", i / 250, i % 250 + 1);
	fclose(out);
	config = fake_config_parsed(text);
	free(text);
	return config;
}

static void on_enough(uv_timer_t *timer)
{
	uv_stop(timer->loop);
	uv_close((uv_handle_t *)timer, NULL);
}

static void run_for(uint32_t ms)
{
	uv_timer_t timer;

	uv_timer_init(&w.loop, &timer);
	uv_timer_start(&timer, on_enough, ms, 0);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	uv_run(&w.loop, UV_RUN_NOWAIT);
}

static void those_that_fail_leave_places(void **state)
{
	const struct health_listener listener = {.report = report};
	struct config *config;
	struct change change = {.type = CHANGE_CONFIG};
	struct event_log *log = event_log_new(16);
	struct model *model = model_new(log, 4000000);
	struct target *target, *tmp;
	struct health *health;
	struct check_totals totals;
	struct errs errors = {0};
	size_t number = 0, well = 0, failing = 0;

	(void)state;
	if (geteuid())
		skip();
	w.has_failed = true;
	change.config = config = make_config();
	assert_int_equal(model_apply(model, &change, 1, 1000, &errors), 0);
	health = health_new(&w.loop, w.program, &listener, NULL);
	health_follow(health, model);
	HASH_ITER (hh, health->targets, target, tmp)
		target_set_failing(target, number++ >= WELL);
	HASH_ITER (hh, health->targets, target, tmp)
		target_schedule(target, clock_now_ns() / 1000, clock_now_ns() / 1000);
	do {
		run_for(300); /* who waits has looked again */
		health_totals(health, &totals);
	} while (totals.running + totals.waiting < MANY);
	HASH_ITER (hh, health->targets, target, tmp) {
		well += target->is_running && !target->is_failing;
		failing += target->is_running && target->is_failing;
	}
	assert_int_equal(well, WELL);
	assert_int_equal(failing, 3 * CHECK_PROGRAMS_MAX / 4);
	assert_int_equal(totals.running, well + failing);
	assert_int_equal(totals.waiting, MANY - well - failing);
	/* When they are given up, others have their places, and are late. */
	end_programs();
	do {
		run_for(10);
		health_totals(health, &totals);
	} while (totals.running + totals.waiting);
	HASH_ITER (hh, health->targets, target, tmp)
		assert_true(target->began_us > 0);
	assert_true(totals.lag_us > 100000);

	health_free(health);
	model_free(model);
	event_log_free(log);
	config_free(config);
	w.has_failed = false;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void on_answer(void *arg, const struct check_answer *answer)
{
	(void)arg;
	w.answers++;
	w.busy += strstr(answer->text, "busy") != NULL;
}

static void as_many_requests_as_may_run_get_out_at_once(void **state)
{
	AUTO_FREE struct check_details *details = util_alloc(sizeof(*details));
	AUTO_FREE struct check_spec *spec = NULL;
	struct check_config check = {.type = CHECK_UDP, .timeout_ms = 3600000};
	const struct way way = {.addr = {.b = {[10] = 0xff, 0xff, 10, 0, 0, 1}}, .port = 53};
	static struct probe *probes[CHECK_JOBS_MAX];
	struct apart *apart;
	size_t i;

	(void)state;
	if (geteuid())
		skip();
	w.has_failed = true;
	spec = check_spec_encode(CHECK_UDP, details);
	check.spec = spec;
	apart = apart_new(&w.loop, w.program);
	for (i = 0; i < CHECK_JOBS_MAX; i++)
		probes[i] = apart_probe(apart, &way, &check, on_answer, NULL);
	run_for(50);
	assert_int_equal(w.busy, 0);
	assert_int_equal(w.answers, 0);
	for (i = 0; i < CHECK_JOBS_MAX; i++)
		probe_cancel(probes[i]);
	apart_free(apart);
	w.has_failed = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(those_that_fail_leave_places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(as_many_requests_as_may_run_get_out_at_once, set_up,
						tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
