/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Captures: start, look, stop. Whoever captures polls; nothing here waits. */
#include <errno.h>
#include <string.h>

#include "control/audit.h"
#include "control/find.h"
#include "control/operations.h"
#include "control/view.h"

#define BATCH 500 /* packets in an answer */

static uint32_t read_number(const struct request *request, const char *name, uint32_t absent)
{
	const json_t *value = json_object_get(request->body, name);

	return value ? (uint32_t)json_integer_value(value) : absent;
}

static int read_service(const struct request *request, struct sluice_capture_filter *filter,
			struct errs *errors)
{
	const char *name = json_string_value(json_object_get(request->body, "service"));
	const struct model_service *service;

	if (!name)
		return 0;
	service = find_service_named(request, name, errors);
	if (!service)
		return -ENOENT;
	filter->service = service->id;
	return 0;
}

static int read_filter(const struct request *request, struct sluice_capture_filter *filter,
		       struct errs *errors)
{
	const char *verdict = json_string_value(json_object_get(request->body, "verdict"));
	const char *source = json_string_value(json_object_get(request->body, "source"));
	uint64_t verdicts = ~0ULL;
	struct err e = {0};
	int r = read_service(request, filter, errors);

	if (r)
		return r;
	filter->bytes = read_number(request, "bytes", SLUICE_CAPTURE_BYTES);
	filter->per_s = CAPTURE_PER_S;
	if (verdict)
		r = capture_parse_verdict(verdict, &verdicts, &e);
	if (!r && source)
		r = capture_parse_source(source, filter, &e);
	filter->verdicts = verdicts;
	if (r)
		errs_add_err(errors, &e);
	return r;
}

static json_t *view_capture(const struct capture *capture)
{
	return json_pack(
		"{s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "id", (json_int_t)capture->id, "state",
		capture_state_name(capture->state), "packets_max",
		(json_int_t)capture->request.packets, "for_s", (json_int_t)capture->request.for_s,
		"uid", (json_int_t)capture->request.uid, "captured", (json_int_t)capture->count,
		"withheld", (json_int_t)capture->withheld, "lost", (json_int_t)capture->lost);
}

int op_capture_start(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct capture_request wanted = {
		.packets = read_number(request, "packets", CAPTURE_PACKETS_DEFAULT),
		.for_s = read_number(request, "for_s", CAPTURE_S_DEFAULT),
		.uid = request->peer.uid,
		.pid = request->peer.pid,
	};
	struct err e = {0};
	uint32_t id;
	int r = read_filter(request, &wanted.filter, errors);

	if (r)
		return r;
	r = host->capture_start(host->arg, &wanted, &id, &e);
	if (r) {
		errs_add_err(errors, &e);
		return r;
	}
	audit_say(request, "capture %u started, for %u packets or %u s", id, wanted.packets,
		  wanted.for_s);
	reply->json = view_capture(host->capture_get(host->arg, id));
	return 0;
}

int op_capture_list(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct capture *capture = request->host->capture_get(request->host->arg, 0);
	json_t *list = json_array();

	(void)errors;
	if (capture)
		json_array_append_new(list, view_capture(capture));
	reply->json = json_pack("{s:o}", "captures", list);
	return 0;
}

static const struct capture *find_capture(const struct request *request, struct errs *errors)
{
	const char *text = route_param(&request->params, "capture");
	const struct capture *capture;
	char *end;
	unsigned long id = strtoul(text, &end, 10);

	capture = *end || !id || id > UINT32_MAX
			  ? NULL
			  : request->host->capture_get(request->host->arg, (uint32_t)id);
	if (!capture)
		err_hint(errs_add(errors, ERR_NOT_FOUND, "/capture", "no capture %.40s", text),
			 "only the last one is kept, for a minute after its end");
	return capture;
}

int op_capture_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct capture *capture = find_capture(request, errors);
	size_t since, i, last;
	json_t *list;

	if (!capture)
		return -ENOENT;
	since = request->since ? strtoull(request->since, NULL, 10) : 0;
	since = MIN(since, capture->count);
	last = MIN(capture->count, since + BATCH);
	list = json_array();
	for (i = since; i < last; i++)
		json_array_append_new(list,
				      view_captured(request->host, &capture->packets[i], i + 1));
	reply->json = view_capture(capture);
	json_object_set_new(reply->json, "packets", list);
	json_object_set_new(reply->json, "last", json_integer((json_int_t)last));
	return 0;
}

int op_capture_stop(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct capture *capture = find_capture(request, errors);
	const struct control_host *host = request->host;
	bool is_stopped;

	if (!capture)
		return -ENOENT;
	is_stopped = host->capture_stop(host->arg, capture->id);
	if (is_stopped)
		audit_say(request, "capture %u stopped", capture->id);
	reply->json = json_pack("{s:b}", "changed", is_stopped);
	return 0;
}
