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
	};

	return suffixes[metric->type];
}

void metric_begin(struct metric_text *text, const struct metric *metric)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_INFO] = "info",
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

static void write_name(struct metric_text *text, const struct metric_label *labels)
{
	size_t i;

	fprintf(text->out, "%s%s", text->metric->name, suffix(text->metric));
	if (!labels || !labels[0].name)
		return;
	for (i = 0; i < METRIC_LABELS_MAX && labels[i].name; i++) {
		fprintf(text->out, "%s%s=\"", i ? "," : "{", labels[i].name);
		write_escaped(text->out, labels[i].value, true);
		fputc('"', text->out);
	}
	fputc('}', text->out);
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
