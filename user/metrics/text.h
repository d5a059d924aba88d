/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prometheus text format 0.0.4 and OpenMetrics 1.0, to a stream. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_INFO, METRIC_HISTOGRAM };

/* One family of samples; the name without "_total" or "_info". */
struct metric {
	const char *name;
	enum metric_type type;
	const char *help;
};

struct metric_text {
	FILE *out;
	bool is_openmetrics;
	const struct metric *metric; /* the open family */
};

struct metric_label {
	const char *name, *value;
};

#define METRIC_LABELS_MAX 6

/* HELP and TYPE lines; samples of this family follow. */
void metric_begin(struct metric_text *text, const struct metric *metric);
/* labels end at the first without name; NULL for none. Values are escaped. */
void metric_value(struct metric_text *text, const struct metric_label *labels, double value);
void metric_count(struct metric_text *text, const struct metric_label *labels, uint64_t value);
/* Samples of a histogram: upper ends of its buckets, how many values fell into each, and into the one
 * beyond the last end; and the sum of all values. */
void metric_histogram(struct metric_text *text, const struct metric_label *labels,
		      const double *ends, size_t end_count, const uint64_t *counts, double sum);
/* A family of one sample without labels. */
void metric_one(struct metric_text *text, const char *name, enum metric_type type, const char *help,
		double value);
void metric_end(struct metric_text *text); /* of the whole document */
