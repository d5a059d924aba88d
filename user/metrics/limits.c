/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What limits count, remember and stand. */
#include "core/limit_bound.h"
#include "metrics/metrics.h"
#include "metrics/text.h"

static uint64_t gauge_sources(const struct metrics_source *source, const struct model_limit *limit)
{
	return source->limit_sources(source->arg, limit->id);
}

static uint64_t gauge_words(const struct metrics_source *source, const struct model_limit *limit)
{
	(void)source;
	return limit_bound_words(&limit->config);
}

static uint64_t gauge_bound(const struct metrics_source *source, const struct model_limit *limit)
{
	(void)source;
	return limit_bound_pps(&limit->config);
}

static void write_limit_gauges(struct metric_text *text, const struct metrics_source *source)
{
	static const struct {
		struct metric metric;
		uint64_t (*value)(const struct metrics_source *source,
				  const struct model_limit *limit);
	} gauges[] = {
		{{"sluice_limit_sources", METRIC_GAUGE,
		  "Sources that the limit remembers, as of the last second."},
		 gauge_sources},
		{{"sluice_limit_sources_max", METRIC_GAUGE, "Sources that the limit has room for."},
		 gauge_words},
		{{"sluice_limit_exact_up_to_packets_per_second", METRIC_GAUGE,
		  "Flood with spoofed sources up to which the limit is exact."},
		 gauge_bound},
	};
	size_t g, i;

	for (g = 0; g < ARRAY_SIZE(gauges); g++) {
		metric_begin(text, &gauges[g].metric);
		for (i = 0; i < model_limit_count(source->model); i++) {
			const struct model_limit *limit = model_limit_at(source->model, i);
			struct metric_label labels[METRIC_LABELS_MAX] = {
				{"limit", limit->config.name}};

			metric_count(text, labels, gauges[g].value(source, limit));
		}
	}
}

static void write_ceiling(struct metric_text *text, const struct metrics_source *source,
			  const struct metric_label labels[METRIC_LABELS_MAX], uint32_t index,
			  size_t counter)
{
	uint64_t total[STATS_COUNTERS];

	stats_total(source->stats, STATS_KEY(STATS_CEILING, index), total);
	metric_count(text, labels, total[counter]);
}

static void write_ceilings(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric families[] = {
		{"sluice_service_ceiling_passed", METRIC_COUNTER,
		 "New connections that the service's ceiling admitted."},
		{"sluice_service_ceiling_refused", METRIC_COUNTER,
		 "New connections that the service's ceiling refused."},
	};
	size_t f, s;

	for (f = 0; f < ARRAY_SIZE(families); f++) {
		metric_begin(text, &families[f]);
		for (s = 0; s < model_service_count(source->model); s++) {
			const struct model_service *service = model_service_at(source->model, s);
			struct metric_label labels[METRIC_LABELS_MAX] = {
				{"lb_service", service->name}};

			if (service->max_new.n)
				write_ceiling(text, source, labels, service->id, f);
		}
	}
}

void metrics_write_limits(struct metric_text *text, const struct metrics_source *source)
{
	static const struct metric families[] = {
		{"sluice_limit_passed", METRIC_COUNTER, "Packets that conformed to the limit."},
		{"sluice_limit_refused", METRIC_COUNTER, "Packets dropped by the limit."},
		{"sluice_limit_would_refuse", METRIC_COUNTER,
		 "Packets that the limit would have dropped in mode enforce."},
		{"sluice_limit_replaced_debt", METRIC_COUNTER,
		 "Sources with debt that lost their place to another source."},
		{"sluice_limit_banned", METRIC_COUNTER,
		 "Packets dropped because the limit bans their source."},
	};
	size_t f, i;

	for (f = 0; f < ARRAY_SIZE(families); f++) {
		metric_begin(text, &families[f]);
		for (i = 0; i < model_limit_count(source->model); i++) {
			const struct model_limit *limit = model_limit_at(source->model, i);
			struct metric_label labels[METRIC_LABELS_MAX] = {
				{"limit", limit->config.name}};
			uint64_t total[STATS_COUNTERS];

			stats_total(source->stats, STATS_KEY(STATS_LIMIT, limit->id), total);
			metric_count(text, labels, total[f]);
		}
	}
	write_limit_gauges(text, source);
	write_ceilings(text, source);
}
