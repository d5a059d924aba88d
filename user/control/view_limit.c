/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits and verdicts as JSON. */
#include "control/view.h"

#include <string.h>

#include "core/limit_bound.h"
#include "core/verdicts.h"

static const char *const count_names[SLUICE_COUNT_MAX] = {"none", "packets", "new-connections",
							  "bytes"};
static const char *const mode_names[SLUICE_LIMIT_MODE_MAX] = {"disabled", "enforce", "shadow"};

static const char *const scope_names[LIMIT_SCOPE_MAX] = {"service", "services", "everything"};

static json_t *services_of(const struct control_host *host, uint32_t limit)
{
	json_t *names = json_array();
	size_t s, i;

	for (s = 0; s < model_service_count(host->model); s++) {
		const struct model_service *service = model_service_at(host->model, s);

		for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++)
			if (service->limits[i] == limit)
				json_array_append_new(names, json_string(service->name));
	}
	return names;
}

static json_t *view_exceptions(const struct limit_exceptions *exceptions)
{
	char text[PREFIX_TEXT_MAX], rate[RATE_TEXT_MAX];
	json_t *list = json_array();

	for (size_t i = 0; i < limit_exceptions_count(exceptions); i++) {
		const struct limit_exception *exception = &exceptions->list[i];
		json_t *prefixes = json_array(), *object;

		for (size_t j = 0; j < prefix_set_count(exception->prefixes); j++)
			json_array_append_new(
				prefixes, json_string(prefix_format(
						  &exception->prefixes->entries[j].prefix, text)));
		object = json_pack("{s:o, s:s, s:I, s:i}", "prefixes", prefixes, "rate",
				   rate_format(&exception->rate, rate), "rate_n",
				   (json_int_t)exception->rate.n, "rate_s", (int)exception->rate.s);
		json_object_set_new(object, "burst",
				    exception->burst.n
					    ? json_integer((json_int_t)exception->burst.n)
					    : json_null());
		json_array_append_new(list, object);
	}
	return list;
}

/* What it counts, and how. */
static void view_shape(json_t *object, const struct limit_config *config)
{
	json_object_set_new(object, "scope", json_string(scope_names[config->scope]));
	json_object_set_new(object, "overload", json_string(config->is_closed ? "closed" : "open"));
	json_object_set_new(object, "count_replies", json_boolean(config->counts_replies));
	json_object_set_new(object, "except", view_exceptions(config->exceptions));
}

static void view_memory(const struct control_host *host, const struct model_limit *limit,
			json_t *object)
{
	uint64_t in_use = host->limit_sources(host->arg, limit->id);

	json_object_set_new(object, "sources_in_use", json_integer((json_int_t)in_use));
	json_object_set_new(
		object, "shared_one_in",
		json_integer((json_int_t)limit_bound_shared_one_in(&limit->config, in_use)));
}

json_t *view_limit(const struct control_host *host, const struct model_limit *limit)
{
	const struct limit_config *config = &limit->config;
	uint64_t key = STATS_KEY(STATS_LIMIT, limit->id);
	uint64_t total[STATS_COUNTERS];
	double rate[STATS_COUNTERS];
	json_t *object;
	char text[RATE_TEXT_MAX];

	stats_total(host->stats, key, total);
	stats_rate(host->stats, key, rate);
	object = json_pack("{s:s, s:s, s:s, s:I, s:i, s:I, s:i, s:i, s:s, s:s, s:I, s:I}", "name",
			   config->name, "count", count_names[config->count], "rate",
			   rate_format(&config->rate, text), "rate_n", (json_int_t)config->rate.n,
			   "rate_s", config->rate.s, "burst", (json_int_t)config->burst.n,
			   "prefix4", config->prefix4, "prefix6", config->prefix6, "mode",
			   mode_names[config->mode], "mode_file", mode_names[limit->mode_file],
			   "sources", (json_int_t)config->sources, "exact_up_to_pps",
			   (json_int_t)limit_bound_pps(config));
	view_shape(object, config);
	view_memory(host, limit, object);
	json_object_set_new(object, "services", services_of(host, limit->id));
	json_object_set_new(object, "passed", json_integer((json_int_t)total[0]));
	json_object_set_new(object, "refused", json_integer((json_int_t)total[1]));
	json_object_set_new(object, "would_refuse", json_integer((json_int_t)total[2]));
	json_object_set_new(object, "replaced_debt", json_integer((json_int_t)total[3]));
	json_object_set_new(object, "rates",
			    json_pack("{s:o, s:o}", "refused", view_number(rate[1]), "would_refuse",
				      view_number(rate[2])));
	view_limit_sources(host, limit, object);
	return object;
}

const char *view_limit_mode(enum sluice_limit_mode mode)
{
	return mode < SLUICE_LIMIT_MODE_MAX ? mode_names[mode] : "?";
}

const char *view_limit_scope(enum limit_scope scope)
{
	return scope < LIMIT_SCOPE_MAX ? scope_names[scope] : "?";
}

const char *view_limit_count(enum sluice_limit_count count)
{
	return count < SLUICE_COUNT_MAX ? count_names[count] : "?";
}

json_t *view_dropped(const struct control_host *host)
{
	json_t *list = json_array();
	uint32_t v;

	for (v = 0; v < SLUICE_V_MAX; v++) {
		uint64_t total[STATS_COUNTERS];
		double rate[STATS_COUNTERS];

		if (verdicts_action(v) != SLUICE_ACTION_DROP)
			continue;
		stats_total(host->stats, STATS_KEY(STATS_VERDICT, v), total);
		stats_rate(host->stats, STATS_KEY(STATS_VERDICT, v), rate);
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:o}", "reason",
						      verdicts_name(v), "help", verdicts_help(v),
						      "total", (json_int_t)total[0], "per_second",
						      view_number(rate[0])));
	}
	return list;
}

double view_action_rate(const struct control_host *host, enum sluice_action action)
{
	double sum = 0;
	uint32_t v;

	for (v = 0; v < SLUICE_V_MAX; v++) {
		double rate[STATS_COUNTERS];

		stats_rate(host->stats, STATS_KEY(STATS_VERDICT, v), rate);
		if (verdicts_action(v) == action)
			sum += rate[0];
	}
	return sum;
}
