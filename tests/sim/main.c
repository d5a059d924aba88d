/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sim [--short] [--seed N] [FILE...]: plays sequences of changes (default: all of
 * tests/sim/sequences), one process each, as many at a time as there are CPUs. Prints a line each,
 * then one with the sum. Exit status 1 if ours broke one (docs/testing.md).
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "sim/sim.h"

#define SEQUENCES "tests/sim/sequences/*.txt"

struct job {
	struct sequence *sequence;
	pid_t pid;
	bool is_over, is_good; /* the process has ended, as it should */
};

struct sum {
	uint64_t packets, broken[SIM_VARIANTS];
	unsigned int failed;
};

static void start(struct job *job, const struct sim_options *options, struct sim_result *result)
{
	fflush(stdout);
	job->pid = fork();
	if (job->pid < 0) {
		perror("fork");
		exit(1);
	}
	if (job->pid == 0) {
		sim_run(job->sequence, options, result);
		_exit(0);
	}
}

static void reap(struct job *jobs, size_t count)
{
	int status;
	pid_t pid = wait(&status);
	size_t i;

	for (i = 0; i < count; i++) {
		if (jobs[i].pid != pid)
			continue;
		jobs[i].is_over = true;
		jobs[i].is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
}

static void print_head(void)
{
	printf("%-16s %11s %26s %16s %18s\n", "", "", "broken connections", "peak entries",
	       "lookups per packet");
	printf("%-16s %11s %9s %9s %6s %8s %7s %9s %8s\n", "sequence", "connections", "slots",
	       "full", "ours", "full", "ours", "full", "ours");
}

static double per_packet(const struct sim_result *r, enum sim_variant variant)
{
	return r->packets ? (double)r->lookups[variant] / (double)r->packets : 0;
}

static void print_row(const struct job *job, const struct sim_result *r, struct sum *sum)
{
	char fault[320];
	int v;

	sim_fault(job->sequence, r, fault, sizeof(fault));
	if (!job->is_good)
		util_copy(fault, sizeof(fault), "the process has failed, see above");
	printf("%-16s %11llu %9llu %9llu %6llu %8u %7u %9.3f %8.4f\n", job->sequence->name,
	       (unsigned long long)r->connections, (unsigned long long)r->broken[SIM_SLOTS],
	       (unsigned long long)r->broken[SIM_FULL], (unsigned long long)r->broken[SIM_OURS],
	       r->peak[SIM_FULL], r->peak[SIM_OURS], per_packet(r, SIM_FULL),
	       per_packet(r, SIM_OURS));
	if (*fault) {
		printf("  FAILED: %s\n", fault);
		sum->failed++;
	}
	sum->packets += r->packets;
	for (v = 0; v < SIM_VARIANTS; v++)
		sum->broken[v] += r->broken[v];
}

static void run(struct job *jobs, size_t count, const struct sim_options *options, struct sum *sum)
{
	size_t shared = count * sizeof(struct sim_result), started = 0, printed = 0;
	size_t at_once = (size_t)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1), running = 0;
	struct sim_result *results =
		mmap(NULL, shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (results == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	while (printed < count) {
		for (; started < count && running < at_once; started++, running++)
			start(&jobs[started], options, &results[started]);
		reap(jobs, started);
		running--;
		for (; printed < started && jobs[printed].is_over; printed++)
			print_row(&jobs[printed], &results[printed], sum);
	}
	munmap(results, shared);
}

static void print_sum(const struct sum *sum, size_t count, double seconds)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	printf("sim %s: %zu sequences, %u failed; %.0f million packets in %.0f s, %ld MiB a "
	       "process; broken: slots %llu, full %llu, ours %llu\n",
	       sum->failed ? "FAILED" : "ok", count, sum->failed, (double)sum->packets / 1e6,
	       seconds, usage.ru_maxrss / 1024, (unsigned long long)sum->broken[SIM_SLOTS],
	       (unsigned long long)sum->broken[SIM_FULL],
	       (unsigned long long)sum->broken[SIM_OURS]);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int usage(void)
{
	fprintf(stderr, "usage: sim [--short] [--seed N] [FILE...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct sim_options options = sim_whole;
	double started_s = now_s();
	glob_t found = {0};
	struct sum sum = {0};
	struct job *jobs;
	size_t i, count;
	char **paths;
	int arg;

	for (arg = 1; arg < argc && argv[arg][0] == '-'; arg++) {
		if (strcmp(argv[arg], "--short") == 0)
			options = sim_short;
		else if (strcmp(argv[arg], "--seed") == 0 && argv[arg + 1])
			options.seed = (unsigned int)strtoul(argv[++arg], NULL, 10);
		else
			return usage();
	}
	paths = argv + arg;
	count = (size_t)(argc - arg);
	if (!count && glob(SEQUENCES, 0, NULL, &found) == 0) {
		paths = found.gl_pathv;
		count = found.gl_pathc;
	}
	if (!count) {
		fprintf(stderr, "no " SEQUENCES "\n");
		return 1;
	}
	jobs = util_alloc_array(count, sizeof(*jobs));
	for (i = 0; i < count; i++) {
		jobs[i].sequence = sequence_read(paths[i]);
		if (!jobs[i].sequence)
			return 1;
	}
	print_head();
	run(jobs, count, &options, &sum);
	print_sum(&sum, count, now_s() - started_s);
	for (i = 0; i < count; i++)
		sequence_free(jobs[i].sequence);
	free(jobs);
	globfree(&found);
	return sum.failed ? 1 : 0;
}
