/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Times the building of slot tables and measures their quality: how far members are from their
 * ideal number of slots, and how many slots move beyond the unavoidable when one member leaves.
 * Writes table.json into the directory given (default build/bench) and prints a table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <jansson.h>

#include "base/util.h"
#include "core/slots.h"

#define RUNS 7
#define REMOVALS 10
#define SEED 0x5105eedULL

static const struct bench_case {
	uint32_t members;
	unsigned int log2;
	const char *weights;
} cases[] = {
	{100, 16, "equal"},
	{100, 16, "mixed"},
	{1000, 19, "equal"},
	{1000, 19, "mixed"},
};

struct result {
	double build_ms[RUNS];
	double max_load, min_load; /* of a member's ideal */
	double excess_moved;	   /* of all slots, mean over removals */
};

/* Of processor time: a build is one thread that never waits, and neighbours shall not count. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct slots_member *members_new(const struct bench_case *c)
{
	struct slots_member *members = util_alloc_array(c->members, sizeof(*members));
	uint32_t i;

	for (i = 0; i < c->members; i++) {
		uint8_t addr[16] = {[10] = 0xff, 0xff, 10, 1, i >> 8, i & 0xff};

		memcpy(members[i].addr.b, addr, sizeof(addr));
		members[i].port = 443;
		members[i].index = i + 1;
		/* Mixed: 1 to 10, as weights in configurations are. */
		members[i].weight = strcmp(c->weights, "mixed") == 0 ? 65536 * (1 + i % 10) : 65536;
	}
	return members;
}

static void build(const struct bench_case *c, const struct slots_member *members, uint32_t *owner,
		  uint32_t *runner)
{
	int ret = slots_build(members, c->members, SEED, c->log2, owner, runner);

	if (ret) {
		fprintf(stderr, "bench_table: slots_build: %s\n", strerror(-ret));
		exit(1);
	}
}

static void measure_load(const struct bench_case *c, const struct slots_member *members,
			 const uint32_t *owner, struct result *result)
{
	AUTO_FREE uint32_t *owned = util_alloc_array(c->members + 1, sizeof(*owned));
	double total = 0, load;
	uint32_t i;

	for (i = 0; i < 1U << c->log2; i++)
		owned[owner[i]]++;
	for (i = 0; i < c->members; i++)
		total += members[i].weight;
	result->min_load = 1e9;
	for (i = 0; i < c->members; i++) {
		load = owned[i + 1] / ((1U << c->log2) * (members[i].weight / total));
		result->max_load = MAX(result->max_load, load);
		result->min_load = MIN(result->min_load, load);
	}
}

static void measure_removal(const struct bench_case *c, struct slots_member *members,
			    const uint32_t *owner, struct result *result)
{
	AUTO_FREE uint32_t *after = util_alloc_array(1U << c->log2, sizeof(*after));
	uint64_t excess = 0;
	uint32_t i, n, victim, weight;

	for (n = 0; n < REMOVALS; n++) {
		victim = n * c->members / REMOVALS;
		weight = members[victim].weight;
		members[victim].weight = 0;
		build(c, members, after, NULL);
		members[victim].weight = weight;
		for (i = 0; i < 1U << c->log2; i++)
			excess += owner[i] != victim + 1 && owner[i] != after[i];
	}
	result->excess_moved = (double)excess / REMOVALS / (1U << c->log2);
}

static int double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static json_t *report(const struct bench_case *c, struct result *result)
{
	double median;

	qsort(result->build_ms, RUNS, sizeof(result->build_ms[0]), double_compare);
	median = result->build_ms[RUNS / 2];
	printf("%7u  %7u  %-7s  %8.1f  %8.3f  %8.3f  %11.4f %%\n", c->members, 1U << c->log2,
	       c->weights, median, result->max_load, result->min_load, 100 * result->excess_moved);
	return json_pack("{s:i,s:i,s:s,s:f,s:f,s:f,s:f}", "members", (int)c->members, "slots",
			 1 << c->log2, "weights", c->weights, "build_ms", median, "max_load",
			 result->max_load, "min_load", result->min_load, "excess_moved",
			 result->excess_moved);
}

static json_t *measure_all(void)
{
	struct result results[ARRAY_SIZE(cases)] = {0};
	json_t *list = json_array();
	size_t i;
	int run;

	/* Interleaved: a disturbance meets all cases alike. The first round only makes the
	 * logarithms, which a process makes once. */
	for (run = -1; run < RUNS; run++) {
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			AUTO_FREE struct slots_member *members = members_new(&cases[i]);
			AUTO_FREE uint32_t *owner = util_alloc_array(1U << cases[i].log2, 4);
			AUTO_FREE uint32_t *runner = util_alloc_array(1U << cases[i].log2, 4);
			double start = cpu_ms();

			build(&cases[i], members, owner, runner);
			if (run >= 0)
				results[i].build_ms[run] = cpu_ms() - start;
			if (run >= 0)
				continue;
			measure_load(&cases[i], members, owner, &results[i]);
			measure_removal(&cases[i], members, owner, &results[i]);
		}
	}
	printf("MEMBERS    SLOTS  WEIGHTS  BUILD ms  MAX LOAD  MIN LOAD  EXCESS MOVED\n");
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		json_array_append_new(list, report(&cases[i], &results[i]));
	return list;
}

int main(int argc, char **argv)
{
	const char *directory = argc > 1 ? argv[1] : "build/bench";
	AUTO_FREE char *path = util_printf("%s/table.json", directory);
	json_t *list;
	int ret;

	if (mkdir(directory, 0755) && errno != EEXIST) {
		fprintf(stderr, "bench_table: %s: %s\n", directory, strerror(errno));
		return 1;
	}
	list = measure_all();
	ret = json_dump_file(list, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	json_decref(list);
	if (ret) {
		fprintf(stderr, "bench_table: cannot write %s: %s\n", path, strerror(errno));
		return 1;
	}
	return 0;
}
