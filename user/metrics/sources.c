/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Refused and banned sources, by limit: how many, never who. */
#include "base/clock.h"
#include "metrics/metrics.h"
#include "metrics/text.h"

/* What is told of a limit. */
typedef uint64_t (*value_fn)(const struct metrics_source *source, uint32_t limit);

static struct offenders_view view(const struct metrics_source *source, uint32_t limit)
{
	struct offenders_view found;

	offenders_get(source->offenders, limit, clock_now_ms(), &found);
	return found;
}

static uint64_t banned(const struct metrics_source *source, uint32_t limit)
{
	return bans_count_of(source->bans, limit);
}

static uint64_t refused(const struct metrics_source *source, uint32_t limit)
{
	return view(source, limit).sources;
}

static uint64_t attacked(const struct metrics_source *source, uint32_t limit)
{
	return view(source, limit).is_attacked;
}

void metrics_write_sources(struct metric_text *text, const struct metrics_source *source)
{
	static const struct {
		struct metric metric;
		value_fn value;
	} rows[] = {
		{{"sluice_limit_sources_banned", METRIC_GAUGE, "Sources that the limit bans now."},
		 banned},
		{{"sluice_limit_sources_refused", METRIC_GAUGE,
		  "Sources that the limit refused in the last ten seconds, about."},
		 refused},
		{{"sluice_limit_under_attack", METRIC_GAUGE, "1 while the limit is under attack."},
		 attacked},
	};
	size_t r, i;

	if (!source->bans)
		return;
	for (r = 0; r < ARRAY_SIZE(rows); r++) {
		metric_begin(text, &rows[r].metric);
		for (i = 0; i < model_limit_count(source->model); i++) {
			const struct model_limit *limit = model_limit_at(source->model, i);
			struct metric_label labels[METRIC_LABELS_MAX] = {
				{"limit", limit->config.name}};

			metric_count(text, labels, rows[r].value(source, limit->id));
		}
	}
	metric_one(text, "sluice_refusal_samples_lost", METRIC_COUNTER,
		   "Samples of refused packets that came too fast to be read.",
		   (double)source->refusals_lost);
	metric_one(
		text, "sluice_bans_held_back", METRIC_COUNTER,
		"Times that a source was not banned because its limit bans only so many a second.",
		(double)bans_held_back(source->bans));
	metric_one(text, "sluice_bans_without_room", METRIC_COUNTER,
		   "Times that a source was not banned because the table of bans was full.",
		   (double)bans_without_room(source->bans));
}
