/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "measure.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

int measure_pin(void)
{
	cpu_set_t set;
	int cpu;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -errno;
	for (cpu = CPU_SETSIZE - 1; cpu > 0 && !CPU_ISSET(cpu, &set); cpu--)
		;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : cpu;
}

static double now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

int measure_program(const struct measure_run *run, struct measure_result *ret_result)
{
	struct measure_result result = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->frame,
		    .data_size_in = run->frame_bytes, .repeat = (int)run->repeat);
	double cpu, wall;
	int err;

	if (run->batch) {
		opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
		opts.batch_size = run->batch;
	} else {
		opts.data_out = result.frame;
		opts.data_size_out = sizeof(result.frame);
	}
	/* The kernel's own `duration` is a whole number of ns; the thread's clock has the rest,
	 * and excludes time off the CPU as well. */
	wall = now_ns(CLOCK_MONOTONIC);
	cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
	err = bpf_prog_test_run_opts(run->program_fd, &opts);
	result.cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	result.wall_ns = now_ns(CLOCK_MONOTONIC) - wall;
	if (err)
		return err;
	result.action = opts.retval;
	result.frame_bytes = opts.data_size_out;
	*ret_result = result;
	return 0;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double measure_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

int measure_save(json_t *list, const char *directory, const char *name)
{
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	err = json_dump_file(list, path, JSON_INDENT(2) | JSON_REAL_PRECISION(4));
	if (err)
		fprintf(stderr, "bench: %s: cannot write (does the directory exist?)\n", path);
	json_decref(list);
	return err;
}

int measure_arguments(int argc, char **argv, uint32_t *ret_rounds, const char **ret_directory)
{
	const char *directory = NULL;
	long rounds = MEASURE_ROUNDS;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
			rounds = strtol(argv[++i], NULL, 10);
		else if (argv[i][0] != '-' && !directory)
			directory = argv[i];
		else
			rounds = -1;
	}
	if (!directory || rounds < MEASURE_ROUNDS_MIN || rounds > MEASURE_ROUNDS_MAX) {
		fprintf(stderr, "usage: %s [--rounds N] DIRECTORY (N: %d to %d, default %d)\n",
			argv[0], MEASURE_ROUNDS_MIN, MEASURE_ROUNDS_MAX, MEASURE_ROUNDS);
		return -1;
	}
	*ret_rounds = (uint32_t)rounds;
	*ret_directory = directory;
	return 0;
}
