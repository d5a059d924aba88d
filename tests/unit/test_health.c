/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Targets of checks, from the model to what is reported of members: real probes over the loopback device,
 * whose results alone count here, not how long they take. */
#include "unit/circuit_world.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/health.h"

#define GUARD_MS 20000 /* nothing waits longer */
#define FAST "interval: 100ms, timeout: 100ms, fast: 100ms, down: 100ms"
#define RARE "interval: 3600s, timeout: 1s, fast: 100ms, down: 3600s"

static struct report {
	uint64_t id;
	enum health_state state;
	enum health_cause cause;
	char text[HEALTH_TEXT_MAX];
} last; /* the last one */

static struct {
	size_t count;
	char text[HEALTH_TEXT_MAX];
} diagnosis; /* the last one */

static struct scene {
	uv_loop_t loop;
	uv_timer_t guard, tick;
	struct world *w;
	struct health *health;
	uint64_t dead_id; /* of whom nothing may be told */
	bool is_stuck, is_cable_out;
	size_t reports;
} s;

static uint16_t port;

/* ---- the world ------------------------------------------------------------------------------- */

static void on_report(void *arg, uint64_t id, enum health_state state, enum health_cause cause,
		      const char *text, uint32_t latency_us)
{
	const struct change change = {.type = CHANGE_MEMBER_HEALTH,
				      .member_id = id,
				      .health = state,
				      .health_cause = cause,
				      .text = text,
				      .latency_us = latency_us};

	(void)arg;
	assert_int_not_equal(id, s.dead_id);
	last = (struct report){.id = id, .state = state, .cause = cause};
	util_copy(last.text, sizeof(last.text), text);
	s.reports++;
	world_apply(s.w, &change);
}

static void on_diagnosis(void *arg, uint64_t id, const char *text)
{
	(void)arg;
	assert_int_not_equal(id, s.dead_id);
	util_copy(diagnosis.text, sizeof(diagnosis.text), text);
	diagnosis.count++;
}

static bool can_leave(void *arg, uint64_t id, char problem[HEALTH_TEXT_MAX])
{
	(void)arg;
	(void)id;
	util_copy(problem, HEALTH_TEXT_MAX, "eth0 has no carrier");
	return !s.is_cable_out;
}

static void on_guard(uv_timer_t *timer)
{
	(void)timer;
	s.is_stuck = true;
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

/* A socket of the member that is bound, so that the port is nobody else's; it refuses until it listens. */
static int backend(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t length = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, "127.0.0.2", &sa.sin_addr), 1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
	port = ntohs(sa.sin_port);
	return fd;
}

static int answering(void)
{
	int fd = backend();

	assert_int_equal(listen(fd, 100), 0);
	return fd;
}

static char *config(const char *times, const char *members)
{
	return util_printf("version: 1\ninterfaces: [eth0]\nservices:\n"
			   "  web: {listen: tcp 192.0.2.10:80, mode: l2,\n"
			   "    check: {type: tcp, via: member, port: %u, jitter: 0, %s},\n"
			   "    members: [%s]}\n",
			   port, times, members);
}

/* A configuration has no members on the loopback device: they are moved there and back behind its back. */
static void move_members(uint8_t from, uint8_t to)
{
	size_t m;

	for (m = 0; m < web(s.w)->pools[0].member_count; m++) {
		uint8_t *bytes = member(s.w, m)->addr.b;

		assert_int_equal(bytes[12], from);
		bytes[12] = to;
	}
}

static void load(const char *times, const char *members)
{
	AUTO_FREE char *text = config(times, members);

	if (model_service_count(s.w->model))
		move_members(127, 10);
	world_load_text(s.w, text);
	world_resolve_all(s.w);
	move_members(10, 127);
}

static int set_up(void **state)
{
	static const struct health_listener listener = {.report = on_report,
							.diagnosis = on_diagnosis};
	static const struct health_path path = {.can_leave = can_leave};

	(void)state;
	memset(&s, 0, sizeof(s));
	memset(&last, 0, sizeof(last));
	memset(&diagnosis, 0, sizeof(diagnosis));
	port = 0;
	s.w = world_new(1);
	uv_loop_init(&s.loop);
	uv_timer_init(&s.loop, &s.guard);
	uv_timer_init(&s.loop, &s.tick);
	uv_timer_start(&s.tick, on_tick, 5, 5);
	s.health = health_new(&s.loop, "/bin/true", &listener, &path);
	return 0;
}

static void on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (handle->type == UV_PROCESS)
		uv_unref(handle);
}

static int tear_down(void **state)
{
	(void)state;
	health_free(s.health);
	uv_close((uv_handle_t *)&s.guard, NULL);
	uv_close((uv_handle_t *)&s.tick, NULL);
	uv_walk(&s.loop, on_walk, NULL);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	uv_loop_close(&s.loop);
	world_free(s.w);
	return 0;
}

/* Runs until so many probes had that result since the target began. */
static void wait_for_results(enum probe_result result, uint64_t count)
{
	struct check_report report;

	uv_timer_start(&s.guard, on_guard, GUARD_MS, 0);
	do {
		uv_run(&s.loop, UV_RUN_ONCE);
		health_member_report(s.health, web(s.w), &web(s.w)->pools[0], member(s.w, 0),
				     &report);
	} while (report.results[result] < count && !s.is_stuck);
	assert_false(s.is_stuck);
}

static uint64_t results(enum probe_result result)
{
	struct check_report report;

	health_member_report(s.health, web(s.w), &web(s.w)->pools[0], member(s.w, 0), &report);
	return report.results[result];
}

static struct check_totals totals(void)
{
	struct check_totals all;

	health_totals(s.health, &all);
	return all;
}

/* ---- what becomes of results ----------------------------------------------------------------- */

static void out_and_back(void **state)
{
	int fd = answering();

	(void)state;
	load(FAST, "10.0.0.2");
	health_follow(s.health, s.w->model);
	assert_int_equal(s.reports, 0); /* never from within */
	wait_for_results(PROBE_PASS, 1);
	assert_int_equal(last.state, HEALTH_UP);
	assert_int_equal(totals().failing, 0);
	assert_true(totals().passed_ms > 0);
	close(fd);
	fd = backend();
	/* Two of three are a doubt. */
	wait_for_results(PROBE_FAIL, 2);
	assert_int_equal(last.state, HEALTH_UP);
	assert_string_equal(last.text, "connection refused, 2 of 3");
	assert_int_equal(totals().failing, 1);
	wait_for_results(PROBE_FAIL, 3);
	assert_int_equal(last.state, HEALTH_DOWN);
	assert_int_equal(last.cause, HEALTH_ANSWERED);
	assert_string_equal(last.text, "connection refused");
	assert_int_equal(member(s.w, 0)->health, HEALTH_DOWN);
	assert_int_equal(listen(fd, 100), 0);
	wait_for_results(PROBE_PASS, results(PROBE_PASS) + 1);
	assert_int_equal(last.state, HEALTH_DOWN);
	assert_string_equal(last.text, "answers again, 1 of 2");
	wait_for_results(PROBE_PASS, results(PROBE_PASS) + 1);
	assert_int_equal(last.state, HEALTH_UP);
	assert_int_equal(totals().failing, 0);
	close(fd);
}

/* No packet could leave: whatever failed then is no failure of the member, and no evidence that all
 * fail. What passes all the same does pass. */
static void fault_of_this_host(void **state)
{
	int fd = backend();

	(void)state;
	load(FAST, "10.0.0.2");
	health_follow(s.health, s.w->model);
	s.is_cable_out = true;
	wait_for_results(PROBE_UNDECIDED, 6);
	assert_int_equal(results(PROBE_FAIL), 0);
	assert_int_equal(last.state, HEALTH_UNKNOWN);
	assert_string_equal(last.text, "check not possible from here: eth0 has no carrier");
	assert_int_equal(totals().failing, 0);
	assert_int_equal(totals().unchecked, 1);
	assert_int_equal(diagnosis.count, 1);
	assert_string_equal(diagnosis.text, last.text);
	assert_int_equal(listen(fd, 100), 0);
	wait_for_results(PROBE_PASS, 1);
	assert_int_equal(totals().unchecked, 0);
	assert_int_equal(diagnosis.count, 2);
	assert_string_equal(diagnosis.text, "its check is possible again");
	assert_int_equal(last.state, HEALTH_UP);
	s.is_cable_out = false;
	close(fd);
	fd = backend();
	wait_for_results(PROBE_FAIL, 2);
	s.is_cable_out = true;
	wait_for_results(PROBE_UNDECIDED, results(PROBE_UNDECIDED) + 5);
	assert_int_equal(member(s.w, 0)->health, HEALTH_UP);
	assert_int_equal(totals().failing, 1); /* as it was */
	assert_int_equal(totals().unchecked, 1);
	s.is_cable_out = false;
	wait_for_results(PROBE_FAIL, 3); /* where it stood before */
	assert_int_equal(member(s.w, 0)->health, HEALTH_DOWN);
	close(fd);
}

/* What the model knows of a member is where its target begins. */
static void begins_with_what_is_known(void **state)
{
	int fd = answering();

	(void)state;
	load(FAST, "10.0.0.2");
	fails(s.w, member(s.w, 0), HEALTH_SILENT);
	health_follow(s.health, s.w->model);
	wait_for_results(PROBE_PASS, 1);
	assert_int_equal(last.state, HEALTH_DOWN);
	assert_int_equal(last.cause, HEALTH_SILENT);
	wait_for_results(PROBE_PASS, 2);
	assert_int_equal(last.state, HEALTH_UP);
	close(fd);
}

/* ---- what the model does meanwhile ----------------------------------------------------------- */

/* Another weight is no other target; another check is. */
static void reloads(void **state)
{
	int fd = backend();
	uint64_t failed;

	(void)state;
	load(FAST, "10.0.0.2");
	health_follow(s.health, s.w->model);
	wait_for_results(PROBE_FAIL, 2);
	load(FAST, "{address: 10.0.0.2, weight: 7}");
	health_follow(s.health, s.w->model);
	assert_int_equal(results(PROBE_FAIL), 2);
	wait_for_results(PROBE_FAIL, 3);
	assert_int_equal(member(s.w, 0)->health, HEALTH_DOWN);
	failed = results(PROBE_FAIL);
	load(FAST ", fall: 4", "10.0.0.2");
	health_follow(s.health, s.w->model);
	assert_int_equal(totals().targets, 1);
	assert_true(results(PROBE_FAIL) == 0 && failed > 0);
	assert_int_equal(totals().failing, 0);
	close(fd);
}

/* Nobody hears of a member that is gone, though its probe was on its way. */
static void gone(void **state)
{
	int fd = answering();

	(void)state;
	load(FAST, "10.0.0.2, 10.0.0.3");
	health_follow(s.health, s.w->model);
	assert_int_equal(totals().targets, 2);
	wait_for_results(PROBE_PASS, 1);
	uv_timer_start(&s.guard, on_guard, GUARD_MS, 0);
	while (!totals().running && !s.is_stuck)
		uv_run(&s.loop, UV_RUN_ONCE);
	s.dead_id = member(s.w, 1)->id;
	load(FAST, "10.0.0.2");
	health_follow(s.health, s.w->model);
	assert_int_equal(totals().targets, 1);
	assert_int_equal(totals().failing, 0);
	wait_for_results(PROBE_PASS, results(PROBE_PASS) + 4);
	s.dead_id = member(s.w, 0)->id;
	load(FAST ", fall: 1", "10.0.0.4");
	health_follow(s.health, s.w->model);
	wait_for_results(PROBE_FAIL, 3);
	assert_int_equal(totals().failing, 1);
	close(fd);
}

/* Long enough for a probe at the fast interval, and for none that is due within an hour. */
static void wait_in_vain(void)
{
	uv_timer_start(&s.guard, on_guard, 300, 0);
	while (!s.is_stuck)
		uv_run(&s.loop, UV_RUN_ONCE);
	s.is_stuck = false;
	assert_int_equal(results(PROBE_PASS), 0);
}

/* The first probe is due anywhere within an hour, so that not all begin at once: but who is suspect is
 * probed at the fast interval, from now on. */
static void suspect(void **state)
{
	int fd = answering();

	(void)state;
	load(RARE, "10.0.0.2");
	passes(s.w, member(s.w, 0)); /* else it would be in doubt */
	health_follow(s.health, s.w->model);
	wait_in_vain();
	health_suspect(s.health, web(s.w), &web(s.w)->pools[0], member(s.w, 0), GUARD_MS);
	wait_for_results(PROBE_PASS, 4);
	/* One that is down is out already. */
	load(RARE ", rise: 3", "10.0.0.2");
	fails(s.w, member(s.w, 0), HEALTH_ANSWERED);
	health_follow(s.health, s.w->model);
	health_suspect(s.health, web(s.w), &web(s.w)->pools[0], member(s.w, 0), GUARD_MS);
	wait_in_vain();
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(out_and_back),
		TEST(fault_of_this_host),
		TEST(begins_with_what_is_known),
		TEST(reloads),
		TEST(gone),
		TEST(suspect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
