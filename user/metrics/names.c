/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/health_state.h"
#include "metrics/metrics.h"
#include "metrics/text.h"

static void write_lookups(struct metric_text *text, const struct name *name)
{
	struct metric_label labels[METRIC_LABELS_MAX] = {{"name", name->text}};

	labels[1] = (struct metric_label){"result", probe_result_name(PROBE_PASS)};
	metric_count(text, labels, name->lookups_passed);
	labels[1] = (struct metric_label){"result", probe_result_name(PROBE_FAIL)};
	metric_count(text, labels, name->lookups_failed);
}

static void write_addresses(struct metric_text *text, const struct name *name)
{
	struct metric_label labels[METRIC_LABELS_MAX] = {{"name", name->text}};
	uint64_t gone = 0;
	size_t i;

	for (i = 0; i < name->count; i++)
		gone += name->list[i].is_gone;
	labels[1] = (struct metric_label){"state", model_discovery_name(DISCOVERY_READY)};
	metric_count(text, labels, name->count - gone);
	labels[1] = (struct metric_label){"state", model_discovery_name(DISCOVERY_TERMINATING)};
	metric_count(text, labels, gone);
}

static void write_last(struct metric_text *text, const struct name *name)
{
	const struct metric_label labels[METRIC_LABELS_MAX] = {{"name", name->text}};

	if (name->passed_s)
		metric_count(text, labels, name->passed_s);
}

/* Of names that are in use. */
void metrics_write_names(struct metric_text *text, const struct metrics_source *source)
{
	static const struct {
		struct metric metric;
		void (*write)(struct metric_text *text, const struct name *name);
	} families[] = {
		{{"sluice_name_lookups", METRIC_COUNTER,
		  "Lookups of host names among members by result."},
		 write_lookups},
		{{"sluice_name_addresses", METRIC_GAUGE,
		  "Addresses of host names: of their last answers, and of earlier ones that have "
		  "connections."},
		 write_addresses},
		{{"sluice_name_last_answer_timestamp_seconds", METRIC_GAUGE,
		  "When the name was last looked up with success."},
		 write_last},
	};
	const struct name *name, *tmp;
	size_t f;

	for (f = 0; f < ARRAY_SIZE(families); f++) {
		metric_begin(text, &families[f].metric);
		HASH_ITER (hh, source->names->list, name, tmp)
			if (name->is_wanted)
				families[f].write(text, name);
	}
	metric_one(text, "sluice_names_left_out", METRIC_GAUGE,
		   "Addresses of host names that should be members, and cannot.",
		   (double)source->left_out);
}
