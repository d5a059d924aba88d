/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads what the other benchmarks wrote, prints it as tables, and compares it with the targets.
 * Targets are ratios within one run, but for the time that slot tables, access lists and a start take, its
 * memory, and the share of a CPU that checks take. Missing them is reported, and an error with --strict.
 */
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#define REPORT_ONE 1
#define REPORT_MILLION (1 << 20)

struct report {
	json_t *packet;
	json_t *live;
	json_t *table;
	json_t *check;
	json_t *ways;
	json_t *lists;
	json_t *start;
};

/* 0, with *ret_list NULL when nothing was measured; or -1 after saying why. */
static int load(const char *directory, const char *name, json_t **ret_list)
{
	char path[PATH_MAX];
	json_error_t error;
	json_t *list;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (access(path, F_OK)) {
		fprintf(stderr, "bench: %s: not measured yet\n", path);
		return 0;
	}
	list = json_load_file(path, 0, &error);
	if (!json_is_array(list)) {
		fprintf(stderr, "bench: %s: %s (measure again: tests/bench/run)\n", path,
			list ? "not a list" : error.text);
		json_decref(list);
		return -1;
	}
	*ret_list = list;
	return 0;
}

static double number(const json_t *row, const char *key)
{
	const json_t *value = row ? json_object_get(row, key) : NULL;

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text(const json_t *row, const char *key)
{
	const char *value = json_string_value(json_object_get(row, key));

	return value ? value : "?";
}

/* The value of a case at this many flows; NAN, which meets no target, when it was not measured. */
static double ns(const struct report *r, const char *name, int flows)
{
	json_t *row;
	size_t i;

	json_array_foreach (r->packet, i, row) {
		if (!strcmp(text(row, "case"), name) && number(row, "flows") == flows)
			return number(row, "ns");
	}
	return NAN;
}

static double mpps(const struct report *r, const char *name, const char *key)
{
	json_t *row;
	size_t i;

	json_array_foreach (r->live, i, row) {
		if (!strcmp(text(row, "case"), name))
			return number(row, key);
	}
	return NAN;
}

static void print_packet(const struct report *r)
{
	json_t *row;
	size_t i;

	printf("Nanoseconds a packet\n\n%-20s %9s %9s %9s %9s\n", "CASE", "FLOWS", "SOURCES", "NS",
	       "x FLOOR");
	json_array_foreach (r->packet, i, row) {
		printf("%-20s %9.0f %9.0f %9.1f %9.2f\n", text(row, "case"), number(row, "flows"),
		       number(row, "sources"), number(row, "ns"), number(row, "ratio"));
	}
}

static void print_live(const struct report *r)
{
	json_t *row;
	size_t i;

	printf("\nMillion packets a second on a veth pair, one CPU\n\n%-30s %8s %18s %16s\n",
	       "CASE", "MPPS", "OF PLAIN XDP_DROP", "OF PLAIN XDP_TX");
	json_array_foreach (r->live, i, row) {
		double value = number(row, "mpps");

		printf("%-30s %8.2f %16.0f %% %14.0f %%\n", text(row, "case"), value,
		       100 * value / number(row, "plain_drop_mpps"),
		       100 * value / number(row, "plain_tx_mpps"));
	}
	row = json_array_get(r->live, 0);
	printf("%-30s %8.2f\n%-30s %8.2f\n", "plain XDP_DROP", number(row, "plain_drop_mpps"),
	       "plain XDP_TX", number(row, "plain_tx_mpps"));
}

/* Columns as the first row has them, whatever they are. */
static void print_table(const struct report *r)
{
	json_t *first = json_array_get(r->table, 0), *row, *value;
	const char *key;
	size_t i;

	printf("\nBuilding slot tables\n\n");
	json_object_foreach (first, key, value) {
		printf("%13s", key);
	}
	printf("\n");
	json_array_foreach (r->table, i, row) {
		json_object_foreach (first, key, value) {
			json_t *cell = json_object_get(row, key);

			if (json_is_integer(cell))
				printf("%13lld", (long long)json_integer_value(cell));
			else if (json_is_real(cell))
				printf("%13.4f", json_real_value(cell));
			else
				printf("%13s", text(row, key));
		}
		printf("\n");
	}
}

static void print_check(const struct report *r)
{
	const json_t *row = json_array_get(r->check, 0);

	printf("\nHealth checks\n\n%.0f TCP targets, one probe each in %.0f ms: %.0f probes a "
	       "second, %.1f %% of a CPU, at worst %.1f ms late, %.0f not passed\n",
	       number(row, "targets"), number(row, "interval_ms"), number(row, "probes_per_s"),
	       number(row, "cpu_percent"), number(row, "lag_ms"), number(row, "not_passed"));
}

static double way_cpu(const struct report *r, const char *type, const char *way)
{
	json_t *row;
	size_t i;

	json_array_foreach (r->ways, i, row) {
		if (!strcmp(text(row, "type"), type) && !strcmp(text(row, "way"), way))
			return number(row, "cpu_percent");
	}
	return NAN;
}

static double way_floors(const struct report *r, const char *type, const char *way)
{
	return way_cpu(r, type, way) / way_cpu(r, type, "floor");
}

static void print_cell(double value, int decimals)
{
	if (isnan(value))
		printf(" %10s", "-");
	else
		printf(" %10.*f", decimals, value);
}

static void print_ways(const struct report *r)
{
	json_t *row;
	size_t i;

	printf("\nThe same in the daemon, all of it and sluice-check; floor: no more than the "
	       "system "
	       "calls\n\n%-6s %-8s %10s %10s %10s %10s\n",
	       "CHECK", "VIA", "% OF A CPU", "x FLOOR", "PROBES/S", "LATE MS");
	json_array_foreach (r->ways, i, row) {
		printf("%-6s %-8s", text(row, "type"), text(row, "way"));
		print_cell(number(row, "cpu_percent"), 1);
		print_cell(way_floors(r, text(row, "type"), text(row, "way")), 2);
		print_cell(number(row, "probes_per_s"), 0);
		print_cell(number(row, "lag_ms"), 1);
		printf("\n");
	}
}

static void print_lists(const struct report *r)
{
	json_t *row;
	size_t i;

	printf("\nUntil the packet path obeys an access list\n\n%-20s %9s %9s\n", "FROM",
	       "PREFIXES", "MS");
	json_array_foreach (r->lists, i, row) {
		printf("%-20s %9.0f %9.0f\n", text(row, "case"), number(row, "prefixes"),
		       number(row, "ms"));
	}
}

static void print_start(const struct report *r)
{
	const json_t *row = json_array_get(r->start, 0);

	printf("\nA start with %.0f services and %.0f members\n\nready after %.0f ms and %.0f ms "
	       "of a "
	       "CPU; anonymous memory %.1f MiB when ready, %.1f MiB at most while all checks "
	       "fail\n",
	       number(row, "services"), number(row, "members"), number(row, "ready_ms"),
	       number(row, "cpu_ms"), number(row, "ready_mib"), number(row, "failing_mib"));
}

static bool judge(const char *what, double value, bool is_at_most, double bound, const char *unit)
{
	bool is_met = is_at_most ? value <= bound : value >= bound;

	printf("%-6s %-68s %6.2f%s, target %s %.4g%s\n", is_met ? "met" : "MISSED", what, value,
	       unit, is_at_most ? "at most" : "at least", bound, unit);
	return is_met;
}

static bool judge_packet(const struct report *r)
{
	double floor_1 = ns(r, "floor", REPORT_ONE), floor_m = ns(r, "floor", REPORT_MILLION);
	double ipip_1 = ns(r, "ipip_v4", REPORT_ONE), ipip_m = ns(r, "ipip_v4", REPORT_MILLION);
	double gue_1 = ns(r, "gue_v4", REPORT_ONE), gue_m = ns(r, "gue_v4", REPORT_MILLION);
	double limit_1 = ns(r, "ipip_v4_limit", REPORT_ONE);
	double limit_m = ns(r, "ipip_v4_limit", REPORT_MILLION);
	double source_m = ns(r, "floor_source", REPORT_MILLION);
	double track_m = ns(r, "ipip_v4_fulltrack", REPORT_MILLION);
	bool is_met = true;

	is_met &= judge("forward, ipip, 1 flow: of the floor", ipip_1 / floor_1, true, 3, " x");
	is_met &= judge("forward, ipip, 1 M flows: of 1 flow", ipip_m / ipip_1, true, 1.3, " x");
	is_met &= judge("forward, gue, 1 flow: of the floor", gue_1 / floor_1, true, 3, " x");
	is_met &= judge("forward, gue, 1 M flows: of 1 flow", gue_m / gue_1, true, 1.3, " x");
	is_met &= judge("one limit more, 1 source: in floors", (limit_1 - ipip_1) / floor_1, true,
			1, " x");
	is_met &= judge("one limit more, 1 M sources: in floors", (limit_m - ipip_m) / floor_m,
			true, 6, " x");
	printf("%-6s %-68s %6.2f x\n", "", "  for comparison: one atomic update for each source",
	       (source_m - floor_m) / floor_m);
	is_met &= judge("100,000 prefixes, source in none of them: in floors",
			(ns(r, "list_100k", REPORT_ONE) - ns(r, "list_off", REPORT_ONE)) / floor_1,
			true, 1.5, " x");
	is_met &= judge("100,000 prefixes, 1 M sources in none of them: in floors",
			(ns(r, "list_100k", REPORT_MILLION) - ns(r, "list_off", REPORT_MILLION)) /
				floor_m,
			true, 1.5, " x");
	is_met &= judge("an entry found, 1 flow: of the stable path",
			ns(r, "ipip_v4_exceptional", REPORT_ONE) / ipip_1, true, 2.5, " x");
	is_met &= judge("an entry found, 1 M flows: of the stable path",
			ns(r, "ipip_v4_exceptional", REPORT_MILLION) / ipip_m, true, 2.5, " x");
	/* Noise of two programs with maps of their own is in it. */
	is_met &= judge("stable path, 1 flow: of one without tracking",
			ipip_1 / ns(r, "ipip_v4_untracked", REPORT_ONE), true, 1.05, " x");
	is_met &= judge("stable path, 1 M flows: of one without tracking",
			ipip_m / ns(r, "ipip_v4_untracked", REPORT_MILLION), true, 1.05, " x");
	is_met &= judge("flows sampled, 1 flow: of the stable path",
			ns(r, "ipip_v4_sampled", REPORT_ONE) / ipip_1, true, 1.05, " x");
	is_met &= judge("flows sampled, 1 M flows: of the stable path",
			ns(r, "ipip_v4_sampled", REPORT_MILLION) / ipip_m, true, 1.05, " x");
	is_met &= judge("1 M flows: faster than the full-tracking variant", track_m / ipip_m, false,
			5, " x");
	return is_met;
}

static bool judge_live(const struct report *r)
{
	double flood = mpps(r, "limited_flood", "mpps");
	double flood_track = mpps(r, "limited_flood_fulltrack", "mpps");
	double syn = mpps(r, "syn_flood_forward", "mpps");
	bool is_met = true;

	is_met &= judge("live, syn_flood_forward: of plain XDP_TX",
			100 * syn / mpps(r, "syn_flood_forward", "plain_tx_mpps"), false, 30, " %");
	is_met &= judge("live, limited_flood: of plain XDP_DROP",
			100 * flood / mpps(r, "limited_flood", "plain_drop_mpps"), false, 15, " %");
	is_met &= judge("live, limited_flood: faster than the full-tracking variant",
			flood / flood_track, false, 3, " x");
	return is_met;
}

static double build_ms(const struct report *r, int members, const char *weights)
{
	json_t *row;
	size_t i;

	json_array_foreach (r->table, i, row) {
		if (number(row, "members") == members && !strcmp(text(row, "weights"), weights))
			return number(row, "build_ms");
	}
	return NAN;
}

static bool judge_table(const struct report *r)
{
	double small = build_ms(r, 100, "equal"), large = build_ms(r, 1000, "equal");
	bool is_met = true;

	is_met &= judge("table, 100 members, 2^16 slots", small, true, 20, " ms");
	is_met &= judge("table, 1,000 members, 2^19 slots", large, true, 250, " ms");
	is_met &= judge("table, 100 members, mixed weights: of equal ones",
			build_ms(r, 100, "mixed") / small, true, 2, " x");
	is_met &= judge("table, 1,000 members, mixed weights: of equal ones",
			build_ms(r, 1000, "mixed") / large, true, 2, " x");
	return is_met;
}

static bool judge_check(const struct report *r)
{
	const json_t *row = json_array_get(r->check, 0);
	bool is_met = true;

	is_met &= judge("checks, 1,000 TCP targets at 2 s: of a CPU", number(row, "cpu_percent"),
			true, 5, " %");
	is_met &= judge("checks, 1,000 TCP targets at 2 s: of the probes that are due",
			100 * number(row, "of_expected"), false, 99, " %");
	return is_met;
}

static bool judge_ways(const struct report *r)
{
	bool is_met = true;

	is_met &= judge("checks, TCP in the daemon: of a CPU", way_cpu(r, "tcp", "member"), true, 5,
			" %");
	is_met &= judge("checks, HTTP in the daemon: of a CPU", way_cpu(r, "http", "member"), true,
			5, " %");
	is_met &= judge("checks, TCP in the daemon: of their system calls alone",
			way_floors(r, "tcp", "member"), true, 1.75, " x");
	is_met &= judge("checks, HTTP in the daemon: of their system calls alone",
			way_floors(r, "http", "member"), true, 2.25, " x");
	is_met &= judge("checks, TCP through the path: of the direct ones",
			way_cpu(r, "tcp", "path") / way_cpu(r, "tcp", "member"), true, 1.5, " x");
	is_met &= judge("checks, HTTP through the path: of the direct ones",
			way_cpu(r, "http", "path") / way_cpu(r, "http", "member"), true, 1.5, " x");
	return is_met;
}

static bool judge_lists(const struct report *r)
{
	double slowest = 0;
	json_t *row;
	size_t i;

	json_array_foreach (r->lists, i, row) {
		if (!(number(row, "ms") <= slowest))
			slowest = number(row, "ms");
	}
	return judge("lists, 100,000 prefixes from wherever they come", slowest, true, 1000, " ms");
}

static bool judge_start(const struct report *r)
{
	const json_t *row = json_array_get(r->start, 0);
	bool is_met = true;

	is_met &= judge("start, 20,000 members: until it is ready", number(row, "ready_ms"), true,
			3000, " ms");
	is_met &= judge("start, 20,000 members: memory when ready", number(row, "ready_mib"), true,
			64, " MiB");
	is_met &= judge("20,000 members: memory while all checks fail", number(row, "failing_mib"),
			true, 64, " MiB");
	return is_met;
}

int main(int argc, char **argv)
{
	bool is_strict = argc == 3 && !strcmp(argv[1], "--strict"), is_met;
	struct report r = {};

	if (argc != 2 && !is_strict) {
		fprintf(stderr, "usage: %s [--strict] DIRECTORY\n", argv[0]);
		return 2;
	}
	if (load(argv[argc - 1], "packet.json", &r.packet) ||
	    load(argv[argc - 1], "live.json", &r.live) ||
	    load(argv[argc - 1], "table.json", &r.table) ||
	    load(argv[argc - 1], "check.json", &r.check) ||
	    load(argv[argc - 1], "check_ways.json", &r.ways) ||
	    load(argv[argc - 1], "lists.json", &r.lists) ||
	    load(argv[argc - 1], "start.json", &r.start))
		return 1;
	if (r.packet)
		print_packet(&r);
	if (r.live)
		print_live(&r);
	if (r.table)
		print_table(&r);
	if (r.check)
		print_check(&r);
	if (r.ways)
		print_ways(&r);
	if (r.lists)
		print_lists(&r);
	if (r.start)
		print_start(&r);
	printf("\nTargets\n\n");
	is_met = !r.packet || judge_packet(&r);
	is_met &= !r.live || judge_live(&r);
	is_met &= !r.table || judge_table(&r);
	is_met &= !r.check || judge_check(&r);
	is_met &= !r.ways || judge_ways(&r);
	is_met &= !r.lists || judge_lists(&r);
	is_met &= !r.start || judge_start(&r);
	json_decref(r.packet);
	json_decref(r.live);
	json_decref(r.table);
	json_decref(r.check);
	json_decref(r.ways);
	json_decref(r.lists);
	json_decref(r.start);
	return is_strict && !is_met ? 1 : 0;
}
