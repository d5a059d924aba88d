/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/check_spec.h"
#include "metrics/metrics.h"
#include "metrics/text.h"

/* Of types that were probed. */
static void write_durations(struct metric_text *text, const struct check_totals *totals)
{
	static const struct metric metric = {
		"sluice_check_duration_seconds", METRIC_HISTOGRAM,
		"How long health probes took until they passed or failed."};
	double ends[CHECK_BUCKETS];
	enum check_type type;
	int result, i;

	for (i = 0; i < CHECK_BUCKETS; i++)
		ends[i] = check_bucket_us[i] / 1e6;
	metric_begin(text, &metric);
	for (type = 0; totals->durations && type < CHECK_TYPE_MAX; type++) {
		for (result = PROBE_PASS; result <= PROBE_FAIL; result++) {
			const struct check_durations *durations = &totals->durations[type][result];
			const struct metric_label labels[METRIC_LABELS_MAX] = {
				{"type", check_type_name(type)},
				{"result", probe_result_name(result)}};

			if (durations->sum_us)
				metric_histogram(text, labels, ends, CHECK_BUCKETS,
						 durations->counts,
						 (double)durations->sum_us / 1e6);
		}
	}
}

void metrics_write_checks(struct metric_text *text, const struct metrics_source *source)
{
	const struct check_totals *totals = &source->check_totals;

	metric_one(text, "sluice_check_targets", METRIC_GAUGE,
		   "Distinct targets of health checks, however many members share them.",
		   (double)totals->targets);
	metric_one(text, "sluice_check_running", METRIC_GAUGE, "Health probes under way.",
		   (double)totals->running);
	metric_one(text, "sluice_check_waiting", METRIC_GAUGE,
		   "Health probes that are due, but have not begun.", (double)totals->waiting);
	metric_one(text, "sluice_check_lag_seconds", METRIC_GAUGE,
		   "How late probes began, at worst, in the last 10 to 20 seconds.",
		   (double)totals->lag_us / 1e6);
	write_durations(text, totals);
	metric_one(text, "sluice_checker_up", METRIC_GAUGE,
		   "1 while sluice-check runs, which makes the probes that read answers.",
		   totals->apart.is_up);
	metric_one(text, "sluice_checker_starts", METRIC_COUNTER, "Starts of sluice-check.",
		   (double)totals->apart.starts);
	metric_one(text, "sluice_checker_deaths", METRIC_COUNTER,
		   "Ends of sluice-check that nobody asked for.", (double)totals->apart.deaths);
	metric_one(text, "sluice_checker_unanswered", METRIC_COUNTER,
		   "Probes that sluice-check did not answer in time.",
		   (double)totals->apart.unanswered);
	metric_one(text, "sluice_checker_refused", METRIC_COUNTER,
		   "Messages of sluice-check that were not believed.",
		   (double)totals->apart.refused);
}
