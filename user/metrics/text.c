/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "metrics/text.h"

#include <inttypes.h>

static void write_escaped(FILE *out, const char *text, bool is_label)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\\\", out);
		else if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' && is_label)
			fputs("\\\"", out);
		else
			fputc(*text, out);
	}
}

static const char *suffix(const struct metric *metric)
{
	static const char *const suffixes[] = {
		[METRIC_COUNTER] = "_total",
		[METRIC_GAUGE] = "",
		[METRIC_INFO] = "_info",
		[METRIC_HISTOGRAM] = "",
	};

	return suffixes[metric->type];
}

void metric_begin(struct metric_text *text, const struct metric *metric)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_INFO] = "info",
		[METRIC_HISTOGRAM] = "histogram",
	};
	/* The old format names the family as its samples are named and has no infos. */
	const char *family = text->is_openmetrics ? "" : suffix(metric);
	bool is_old_info = metric->type == METRIC_INFO && !text->is_openmetrics;

	text->metric = metric;
	fprintf(text->out, "# HELP %s%s ", metric->name, family);
	write_escaped(text->out, metric->help, text->is_openmetrics);
	fprintf(text->out, "\n# TYPE %s%s %s\n", metric->name, family,
		is_old_info ? "gauge" : types[metric->type]);
}

/* end: of a bucket, "" for none. */
static void write_sample(struct metric_text *text, const char *part,
			 const struct metric_label *labels, const char *end)
{
	bool is_any = false;
	size_t i;

	fprintf(text->out, "%s%s", text->metric->name, part);
	for (i = 0; labels && i < METRIC_LABELS_MAX && labels[i].name; i++) {
		fprintf(text->out, "%s%s=\"", i ? "," : "{", labels[i].name);
		write_escaped(text->out, labels[i].value, true);
		fputc('"', text->out);
		is_any = true;
	}
	if (*end)
		fprintf(text->out, "%sle=\"%s\"", is_any ? "," : "{", end);
	if (is_any || *end)
		fputc('}', text->out);
}

static void write_name(struct metric_text *text, const struct metric_label *labels)
{
	write_sample(text, suffix(text->metric), labels, "");
}

void metric_value(struct metric_text *text, const struct metric_label *labels, double value)
{
	write_name(text, labels);
	fprintf(text->out, " %.10g\n", value);
}

void metric_count(struct metric_text *text, const struct metric_label *labels, uint64_t value)
{
	write_name(text, labels);
	fprintf(text->out, " %" PRIu64 "\n", value);
}

void metric_histogram(struct metric_text *text, const struct metric_label *labels,
		      const double *ends, size_t end_count, const uint64_t *counts, double sum)
{
	uint64_t below = 0;
	char end[32];
	size_t i;

	for (i = 0; i <= end_count; i++) {
		below += counts[i];
		if (i == end_count)
			snprintf(end, sizeof(end), "+Inf");
		else /* OpenMetrics wants whole numbers to look like others */
			snprintf(end, sizeof(end),
				 ends[i] == (double)(uint64_t)ends[i] ? "%.1f" : "%.10g", ends[i]);
		write_sample(text, "_bucket", labels, end);
		fprintf(text->out, " %" PRIu64 "\n", below);
	}
	write_sample(text, "_sum", labels, "");
	fprintf(text->out, " %.10g\n", sum);
	write_sample(text, "_count", labels, "");
	fprintf(text->out, " %" PRIu64 "\n", below);
}

void metric_end(struct metric_text *text)
{
	if (text->is_openmetrics)
		fputs("# EOF\n", text->out);
}

void metric_one(struct metric_text *text, const char *name, enum metric_type type, const char *help,
		double value)
{
	const struct metric metric = {name, type, help};

	metric_begin(text, &metric);
	metric_value(text, NULL, value);
}
