/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sources send: start, look, stop. Whoever measures polls; nothing here waits. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "control/audit.h"
#include "control/find.h"
#include "control/view.h"

static const char *const states[] = {"running", "done", "stopped"};

static json_t *view_ranks(const double ranks[MEASUREMENT_RANK_MAX])
{
	return json_pack("{s:o, s:o, s:o, s:o}", "p50", view_number(ranks[MEASUREMENT_P50]), "p99",
			 view_number(ranks[MEASUREMENT_P99]), "p99_9",
			 view_number(ranks[MEASUREMENT_P999]), "max",
			 view_number(ranks[MEASUREMENT_TOP]));
}

static json_t *view_suggestion(const struct measurement_limit *limit)
{
	char rate[RATE_TEXT_MAX], burst[RATE_TEXT_MAX], source[PREFIX_TEXT_MAX];
	json_t *loud = json_array();
	size_t i;

	for (i = 0; i < limit->loud_count; i++)
		json_array_append_new(loud, json_pack("{s:s, s:o}", "source",
						      prefix_format(&limit->loud[i].source, source),
						      "per_s", view_number(limit->loud[i].per_s)));
	return json_pack("{s:s, s:I, s:s, s:I, s:b, s:I, s:o}", "rate",
			 rate_format(&limit->rate, rate), "rate_n", (json_int_t)limit->rate.n,
			 "burst", amount_format(&limit->burst, burst), "burst_n",
			 (json_int_t)limit->burst.n, "is_short", limit->is_short, "sources_above",
			 (json_int_t)limit->above, "loudest_above", loud);
}

static json_t *view_unit(const struct measurement_run *run, enum measurement_unit unit)
{
	struct measurement_result result;
	json_t *object;

	measurement_result(run->measured, unit, run->tick_ns, &result);
	object = json_pack("{s:s, s:o, s:o}", "unit", measurement_unit_name(unit), "average",
			   view_ranks(result.average), "busiest_second",
			   view_ranks(result.busiest));
	json_object_set_new(object, "suggestion",
			    result.why[0] ? json_null() : view_suggestion(&result.limit));
	json_object_set_new(object, "lower",
			    result.is_uneven ? view_suggestion(&result.lower) : json_null());
	json_object_set_new(object, "why_not",
			    result.why[0] ? json_string(result.why) : json_null());
	return object;
}

static json_t *view_measurement(const struct control_host *host, const struct measurement_run *run)
{
	uint64_t now_ms = clock_now_ms();
	bool is_running = run->state == MEASUREMENT_RUNNING;
	uint64_t left_ms = is_running && run->ends_ms > now_ms ? run->ends_ms - now_ms : 0;
	const struct model_service *service = NULL;
	json_t *object, *units = json_array();
	size_t i;

	for (i = 0; i < model_service_count(host->model); i++)
		if (model_service_at(host->model, i)->id == run->request.service)
			service = model_service_at(host->model, i);
	for (i = 0; !is_running && i < MEASUREMENT_UNIT_MAX; i++)
		json_array_append_new(units, view_unit(run, (enum measurement_unit)i));
	object = json_pack("{s:I, s:s, s:s?, s:i, s:i, s:i, s:I, s:I, s:i, s:I, s:I, s:o}", "id",
			   (json_int_t)run->id, "state", states[run->state], "service",
			   service ? service->name : NULL, "prefix4", run->request.prefix4,
			   "prefix6", run->request.prefix6, "for_s", (int)run->request.for_s,
			   "left_s", (json_int_t)((left_ms + 999) / 1000), "measured_s",
			   (json_int_t)measurement_seconds(run->measured), "sampled_one_in",
			   1 << run->sample_log2, "sources",
			   (json_int_t)measurement_sources(run->measured), "packets_missed",
			   (json_int_t)run->missed, "units", units);
	return object;
}

static uint32_t read_number(const struct request *request, const char *name, uint32_t absent)
{
	const json_t *value = json_object_get(request->body, name);

	return value ? (uint32_t)json_integer_value(value) : absent;
}

int op_measure_start(const struct request *request, struct reply *reply, struct errs *errors)
{
	const char *name = json_string_value(json_object_get(request->body, "service"));
	const struct control_host *host = request->host;
	struct measurement_request wanted = {
		.prefix4 = (uint8_t)read_number(request, "prefix4", 32),
		.prefix6 = (uint8_t)read_number(request, "prefix6", 64),
		.for_s = read_number(request, "for_s", MEASUREMENT_S_DEFAULT),
	};
	const struct model_service *service;
	struct err e = {0};
	uint32_t id;
	int r;

	if (name) {
		service = find_service_named(request, name, errors);
		if (!service)
			return -ENOENT;
		wanted.service = service->id;
	}
	r = host->measure_start(host->arg, &wanted, &id, &e);
	if (r) {
		errs_add_err(errors, &e);
		return r;
	}
	audit_say(request, "measurement %u of sources started, for %u s", id, wanted.for_s);
	reply->json = view_measurement(host, host->measure_get(host->arg, id));
	return 0;
}

int op_measure_list(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	const struct measurement_run *run = host->measure_get(host->arg, 0);
	json_t *list = json_array();

	(void)errors;
	if (run)
		json_array_append_new(list, view_measurement(host, run));
	reply->json = json_pack("{s:o}", "measurements", list);
	return 0;
}

static const struct measurement_run *find_run(const struct request *request, struct errs *errors)
{
	const char *text = route_param(&request->params, "measurement");
	const struct control_host *host = request->host;
	const struct measurement_run *run;
	char *end;
	unsigned long id = strtoul(text, &end, 10);

	run = *end || !id || id > UINT32_MAX ? NULL : host->measure_get(host->arg, (uint32_t)id);
	if (!run)
		err_hint(errs_add(errors, ERR_NOT_FOUND, "/measurement", "no measurement %.40s",
				  text),
			 "only the last one is kept, for 10 minutes after its end");
	return run;
}

int op_measure_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct measurement_run *run = find_run(request, errors);

	if (!run)
		return -ENOENT;
	reply->json = view_measurement(request->host, run);
	return 0;
}

int op_measure_stop(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct measurement_run *run = find_run(request, errors);
	const struct control_host *host = request->host;

	if (!run)
		return -ENOENT;
	if (host->measure_stop(host->arg, run->id))
		audit_say(request, "measurement %u stopped", run->id);
	reply->json = view_measurement(host, run);
	return 0;
}
