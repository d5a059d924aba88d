/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A thousand targets of TCP checks at the default interval, answered by this machine in a network
 * namespace of their own: how many probes go out, how late they are, and what they cost. Writes
 * check.json into the directory given (default build/bench).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "bench/measure.h"
#include "core/model.h"
#include "health/health.h"

#define TARGETS 1000
#define WARM_MS 5000
#define MEASURE_MS 30000
#define INTERVAL_MS 2000
#define BACKLOG 4096

struct sample {
	double cpu_ms, wall_ms;
	uint64_t passes, others;
};

struct bench {
	uv_loop_t loop;
	uv_timer_t timer;
	struct model *model;
	struct health *health;
	struct sample begin, end;
	bool has_begun;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_check: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void make_network(void)
{
	if (unshare(CLONE_NEWNET))
		die("no network namespace");
	if (system("ip link set lo up && ip route add local 10.77.0.0/16 dev lo"))
		die("ip");
}

/* Takes connections and lets them go, in a process that is not measured. */
static pid_t start_server(void)
{
	const struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(80)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	pid_t pid;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) || listen(fd, BACKLOG))
		die("no server");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			close(accept(fd, NULL, NULL));
	}
	close(fd);
	return pid;
}

static struct model *make_model(void)
{
	struct event_log *log = event_log_new(16);
	struct change change = {.type = CHANGE_CONFIG, .owner = OWNER_FILE};
	struct model *model = model_new(log, clock_jiffy_ns());
	struct config *config = NULL;
	struct errs errors = {0};
	size_t length, i;
	char *yaml;
	FILE *f = open_memstream(&yaml, &length);

	fputs("version: 1\ninterfaces: [lo]\nservices:\n  web:\n    listen: tcp 192.0.2.10:80\n"
	      "    mode: ipip\n    check: {type: tcp, via: member}\n    members:\n",
	      f);
	for (i = 0; i < TARGETS; i++)
		fprintf(f, "      - 10.77.%zu.%zu\n", i / 250, 1 + i % 250);
	fclose(f);
	if (config_parse(yaml, length, &config, &errors))
		die("the configuration is wrong");
	change.config = config;
	if (model_apply(model, &change, 1, clock_now_ms(), &errors))
		die("the model refuses it");
	config_free(config);
	free(yaml);
	return model;
}

static void take(struct bench *bench, struct sample *sample)
{
	const struct model_service *service = model_service_at(bench->model, 0);
	const struct model_pool *pool = &service->pools[0];
	struct timespec cpu;
	size_t m;

	*sample = (struct sample){.wall_ms = (double)clock_now_ns() / 1e6};
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	sample->cpu_ms = (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6;
	for (m = 0; m < pool->member_count; m++) {
		struct check_report report;

		health_member_report(bench->health, service, pool, &pool->members[m], &report);
		sample->passes += report.results[PROBE_PASS];
		sample->others += report.results[PROBE_FAIL] + report.results[PROBE_UNDECIDED];
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct bench *bench = timer->data;

	take(bench, bench->has_begun ? &bench->end : &bench->begin);
	if (bench->has_begun)
		uv_stop(&bench->loop);
	bench->has_begun = true;
	uv_timer_start(timer, on_timer, MEASURE_MS, 0);
}

static void on_report(void *arg, uint64_t member_id, enum health_state state,
		      enum health_cause cause, const char *text, uint32_t latency_us)
{
	(void)arg, (void)member_id, (void)state, (void)cause, (void)text, (void)latency_us;
}

static json_t *measure(struct bench *bench)
{
	double wall_ms = bench->end.wall_ms - bench->begin.wall_ms;
	double expected = TARGETS * wall_ms / INTERVAL_MS;
	struct check_totals totals;

	health_totals(bench->health, &totals);
	return json_pack("{s:i, s:i, s:f, s:f, s:f, s:f, s:I}", "targets", TARGETS, "interval_ms",
			 INTERVAL_MS, "cpu_percent",
			 100 * (bench->end.cpu_ms - bench->begin.cpu_ms) / wall_ms, "probes_per_s",
			 1000 * (double)(bench->end.passes - bench->begin.passes) / wall_ms,
			 "of_expected",
			 (double)(bench->end.passes - bench->begin.passes) / expected, "lag_ms",
			 (double)totals.lag_us / 1000, "not_passed",
			 (json_int_t)(bench->end.others - bench->begin.others));
}

int main(int argc, char **argv)
{
	const struct health_listener listener = {.report = on_report};
	const char *directory = argc > 1 ? argv[1] : "build/bench";
	struct bench bench = {0};
	json_t *list = json_array();
	pid_t server;

	make_network();
	server = start_server();
	measure_pin();
	uv_loop_init(&bench.loop);
	bench.model = make_model();
	/* No check here needs the other process. */
	bench.health = health_new(&bench.loop, "/bin/true", &listener, NULL);
	health_follow(bench.health, bench.model);
	uv_timer_init(&bench.loop, &bench.timer);
	bench.timer.data = &bench;
	uv_timer_start(&bench.timer, on_timer, WARM_MS, 0);
	uv_run(&bench.loop, UV_RUN_DEFAULT);
	json_array_append_new(list, measure(&bench));
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	return measure_save(list, directory, "check.json") ? 1 : 0;
}
