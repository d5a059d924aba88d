/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim/fleet_cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/util.h"

#define DEFAULTS "{type: tcp}" /* interval 2 s, fast 500 ms, down 5 s, timeout 1 s, +-10 % */
#define OUT_REFUSED_MS 3500
#define OUT_SILENT_MS 6500
/* Probes of members that are down are at most 5.5 s apart, a second success comes 0.55 s later. */
#define TRIAL_MS 6100
#define LOOKS_MS 1000
#define TRIAL_S 30

const struct fleet_plan fleet_whole = {
	.options = {.balancers = 200, .backends = 100, .check = DEFAULTS, .seed = 1},
	.long_s = 3600,
};
const struct fleet_plan fleet_short = {
	.options = {.balancers = 60, .backends = 6, .check = DEFAULTS, .seed = 1},
	.long_s = 1200,
};

#define FEW 20 /* backends, where hours pass */

struct play {
	const struct fleet_plan *plan;
	struct fleet *fleet;
	const char *scene;
	struct fleet_sum sum;
};

static void bound_between(struct play *play, const char *what, double value, double least,
			  double most, const char *unit)
{
	bool is_bad = !(value >= least && value <= most);

	play->sum.measured++;
	play->sum.failed += is_bad;
	if (is_bad || !play->plan->is_quiet)
		printf("%-24s %-42s %8.2f %-10s %8.2f to %.2f%s\n", play->scene, what, value, unit,
		       least, most, is_bad ? "  FAILED" : "");
}

static void bound(struct play *play, const char *what, double value, double most, const char *unit)
{
	bound_between(play, what, value, 0, most, unit);
}

/* So many a bin are chance: of a million bins with that mean none has more (Poisson). */
static double bin_bound(double rate)
{
	double mean = rate * FLEET_BIN_MS / 1000;

	return ceil(mean + 5.5 * sqrt(mean) + 4);
}

static void bound_rates(struct play *play, double mean, double peak)
{
	struct fleet_rates rates;

	fleet_rates(play->fleet, &rates);
	bound_between(play, "probes at a backend, mean", rates.mean, mean * 0.95, mean * 1.05,
		      "/s");
	bound(play, "in the worst 100 ms of any", rates.worst, bin_bound(peak), "probes");
}

/* No more than that do the same within one second if chance spreads them over so many. */
static double herd_percent(const struct play *play, double over_s)
{
	double part = 1 / over_s;

	double n = play->plan->options.balancers;

	return 100 * (part + 5 * sqrt(part * (1 - part) / n) + 3 / n);
}

static void begin(struct play *play, uint32_t backends, bool is_in_step)
{
	struct fleet_options options = play->plan->options;

	options.backends = MIN(options.backends, backends);
	options.is_in_step = is_in_step;
	fleet_free(play->fleet);
	play->fleet = fleet_new(&options);
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* When balancers did that to the backend (times_out 0: whichever time it was), from since_ms. */
struct spread {
	size_t count;
	uint32_t first_ms, last_ms;
	double busiest_percent; /* of all balancers, within one second */
};

static struct spread spread(const struct play *play, enum fleet_turn turn, uint32_t backend,
			    uint32_t times_out, uint32_t since_ms)
{
	size_t count, i, from = 0, busiest = 0;
	const struct fleet_event *events = fleet_events(play->fleet, &count);
	uint32_t *times = util_alloc_array(count + 1, sizeof(*times));
	struct spread spread = {0};

	for (i = 0; i < count; i++)
		if (events[i].turn == turn && events[i].backend == backend &&
		    (!times_out || events[i].times_out == times_out))
			times[spread.count++] = events[i].ms - since_ms;
	qsort(times, spread.count, sizeof(*times), by_number);
	for (i = 0; i < spread.count; i++) {
		while (times[i] - times[from] >= 1000)
			from++;
		busiest = MAX(busiest, i - from + 1);
	}
	if (spread.count) {
		spread.first_ms = times[0];
		spread.last_ms = times[spread.count - 1];
	}
	spread.busiest_percent = 100.0 * (double)busiest / play->plan->options.balancers;
	free(times);
	return spread;
}

/* All balancers do it, none later than that, and spread over so many seconds. */
static struct spread bound_spread(struct play *play, const char *what, enum fleet_turn turn,
				  uint32_t since_ms, uint32_t last_ms, double over_s)
{
	struct spread found = spread(play, turn, 0, 0, since_ms);
	uint32_t balancers = play->plan->options.balancers;
	char text[80];

	snprintf(text, sizeof(text), "%s: balancers that do it", what);
	bound_between(play, text, (double)found.count, balancers, balancers, "");
	snprintf(text, sizeof(text), "%s: the first, after", what);
	bound(play, text, found.first_ms / 1000.0, last_ms / 1000.0, "s");
	snprintf(text, sizeof(text), "%s: the last, after", what);
	bound(play, text, found.last_ms / 1000.0, last_ms / 1000.0, "s");
	snprintf(text, sizeof(text), "%s: in the busiest second", what);
	bound(play, text, found.busiest_percent, herd_percent(play, over_s), "% of them");
	return found;
}

/* ---- scenes ---------------------------------------------------------------------------------- */

static void start(struct play *play)
{
	double n = play->plan->options.balancers;

	play->scene = "all start at once";
	begin(play, play->plan->options.backends, false);
	fleet_run(play->fleet, 10000);
	bound_rates(play, n / 2, n / 2);
	play->scene = "steady";
	fleet_measure(play->fleet, FLEET_ALL);
	fleet_run(play->fleet, 60000);
	bound_rates(play, n / 2, n / 2);
}

static void one_dies(struct play *play, enum fleet_way way, const char *scene, uint32_t out_ms)
{
	double n = play->plan->options.balancers, m = play->plan->options.backends;
	double pause_s = way == FLEET_SILENT ? 5 + 1 : 5;
	uint32_t since_ms = fleet_now_ms(play->fleet);
	struct fleet_rates rates;
	struct spread trials;

	play->scene = scene;
	fleet_measure(play->fleet, 0);
	fleet_set(play->fleet, 0, way);
	fleet_run(play->fleet, 10000);
	/* Whose probe has failed makes two more within a second or so. */
	fleet_rates(play->fleet, &rates);
	bound(play, "in its worst 100 ms", rates.worst, bin_bound(3 * n / 2), "probes");
	bound_spread(play, "out", FLEET_OUT, since_ms, out_ms, 1);
	fleet_measure(play->fleet, 0);
	fleet_run(play->fleet, 30000);
	bound_rates(play, n / pause_s, n / pause_s);

	fleet_measure(play->fleet, 0);
	fleet_set(play->fleet, 0, FLEET_ANSWERS);
	since_ms = fleet_now_ms(play->fleet);
	fleet_run(play->fleet, TRIAL_S * 1000);
	trials = bound_spread(play, "on trial", FLEET_TRIAL, since_ms, TRIAL_MS, 5);
	fleet_rates(play->fleet, &rates);
	bound_between(play, "its load, on trial by all", 100 * rates.load, 1.9, 2.05 * m / (m - 1),
		      "% of full");
	bound(play, "probes in its worst 100 ms", rates.worst, bin_bound(n / 2), "");
	fleet_run(play->fleet, trials.last_ms + 2 * LOOKS_MS);
	bound_spread(play, "back", FLEET_BACK, since_ms, TRIAL_MS + TRIAL_S * 1000 + 2 * LOOKS_MS,
		     5);
	fleet_run(play->fleet, 70000); /* its time out is forgotten */
}

/* The mean pause of those who are out for the n-th time, per cent of what is said of it. */
static double pause_percent(const struct play *play, uint32_t n)
{
	double said_ms = MIN(5000 * 0.75 * pow(2, n - 1), 300000 * 0.75), sum = 0;
	size_t count, found = 0, i;
	const struct fleet_event *events = fleet_events(play->fleet, &count);

	for (i = 0; i < count; i++) {
		if (events[i].turn != FLEET_OUT || events[i].times_out != n)
			continue;
		sum += events[i].pause_ms;
		found++;
	}
	return found ? sum / (double)found / said_ms * 100 : 0;
}

/* Well until it has something to do: each time out is twice as long as the one before, up to the
 * longest; and the longer they are, the further apart are the trials of different balancers. */
static void backoff(struct play *play)
{
	uint32_t n, since_ms;
	double out = 0;
	const struct fleet_event *events;
	size_t count, i;
	char text[80];

	play->scene = "one fails on trial";
	begin(play, FEW, false);
	fleet_run(play->fleet, 10000);
	fleet_measure(play->fleet, 0);
	since_ms = fleet_now_ms(play->fleet);
	fleet_set(play->fleet, 0, FLEET_REFUSES);
	fleet_run(play->fleet, 10000);
	fleet_set(play->fleet, 0, FLEET_FRAGILE);
	fleet_run(play->fleet, 1500000);
	events = fleet_events(play->fleet, &count);
	for (i = 0; i < count; i++)
		out += events[i].turn == FLEET_OUT;
	out /= play->plan->options.balancers;
	bound_between(play, "times out in 25 min, mean", out, 8, 15, "");
	/* The seventh pause is the longest, and those after it count as it does. */
	for (n = 1; n <= 7; n++) {
		double over_s = 5 + 2.5 * (MIN(1 << (n - 1), 60) - 1);

		snprintf(text, sizeof(text), "time out %u: mean pause", n);
		bound_between(play, text, pause_percent(play, n), 92, 108, "% of said");
		snprintf(text, sizeof(text), "trial %u: in the busiest second", n);
		bound(play, text, spread(play, FLEET_TRIAL, 0, n, since_ms).busiest_percent,
		      herd_percent(play, over_s), "% of them");
	}
}

static void all_die(struct play *play)
{
	const struct fleet_options *options = &play->plan->options;
	double n = options->balancers, m = options->backends;
	uint32_t since_ms;
	struct fleet_rates rates;

	play->scene = "all die";
	fleet_measure(play->fleet, FLEET_ALL);
	fleet_set(play->fleet, FLEET_ALL, FLEET_SILENT);
	fleet_run(play->fleet, 10000);
	fleet_rates(play->fleet, &rates);
	bound(play, "in the worst 100 ms of any", rates.worst, bin_bound(n / 1.45), "probes");
	bound(play, "sent by the busiest, in 100 ms", rates.sent, bin_bound(m / 1.45), "probes");
	bound_between(play, "re-admitted by each balancer", fleet_admitted_least(play->fleet), m, m,
		      "members");
	fleet_measure(play->fleet, FLEET_ALL);
	fleet_run(play->fleet, 30000);
	bound_rates(play, n / 6, n / 6);

	play->scene = "all come back";
	fleet_measure(play->fleet, FLEET_ALL);
	since_ms = fleet_now_ms(play->fleet);
	fleet_set(play->fleet, FLEET_ALL, FLEET_ANSWERS);
	fleet_run(play->fleet, 40000);
	fleet_rates(play->fleet, &rates);
	bound(play, "in the worst 100 ms of any", rates.worst, bin_bound(n / 2), "probes");
	bound(play, "sent by the busiest, in 100 ms", rates.sent, bin_bound(m / 2), "probes");
	bound(play, "load of the busiest backend", rates.load, 6, "of its own");
	bound_spread(play, "on trial", FLEET_TRIAL, since_ms, TRIAL_MS + 1000, 5);
	bound_spread(play, "back", FLEET_BACK, since_ms,
		     TRIAL_MS + 1000 + TRIAL_S * 1000 + 2 * LOOKS_MS, 5);
}

/* Are probes of different balancers drawn together, or, once together, do they stay so? */
static void resonance(struct play *play)
{
	uint32_t minutes = play->plan->long_s / 60, minute, i;
	uint32_t backends = MIN(FEW, play->plan->options.backends);
	double n = play->plan->options.balancers, worst = 0, met = 0, stalled = 0;
	/* Of so many looks at as many directions by chance, one in 10,000 times one is beyond. */
	double most = sqrt(log(1e4 * minutes * backends) / n);
	struct fleet_rates rates;

	play->scene = "an hour, begun in step";
	begin(play, FEW, true);
	for (minute = 1; minute <= minutes; minute++) {
		if (minute == 11)
			fleet_measure(play->fleet, FLEET_ALL);
		fleet_run(play->fleet, 60000);
		for (i = 0; i < backends; i++) {
			double coherence = fleet_coherence(play->fleet, i);

			if (minute == 1)
				met = MAX(met, coherence);
			else if (minute > 10)
				worst = MAX(worst, coherence);
		}
	}
	bound(play, "in step after a minute", met, 1, "of 1");
	bound(play, "in step, from the 11th minute on", worst, most, "of 1");
	bound_rates(play, n / 2, n / 2);

	play->scene = "all stall for 8 s";
	fleet_stall(play->fleet, 8000);
	fleet_run(play->fleet, 3000);
	fleet_measure(play->fleet, FLEET_ALL);
	fleet_run(play->fleet, 20000);
	for (i = 0; i < backends; i++)
		stalled = MAX(stalled, fleet_coherence(play->fleet, i));
	bound(play, "in step, 23 s after", stalled, most, "of 1");
	fleet_rates(play->fleet, &rates);
	bound(play, "in the worst 100 ms, from 3 s after", rates.worst, bin_bound(n / 2), "probes");
}

void fleet_play(const struct fleet_plan *plan, struct fleet_sum *ret_sum)
{
	struct play play = {.plan = plan};

	start(&play);
	one_dies(&play, FLEET_REFUSES, "one refuses, and is back", OUT_REFUSED_MS);
	one_dies(&play, FLEET_SILENT, "one is silent, and back", OUT_SILENT_MS);
	all_die(&play);
	backoff(&play);
	resonance(&play);
	fleet_free(play.fleet);
	*ret_sum = play.sum;
}
