/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Switches of the whole node: bypass, and what is on trial. */
#include <string.h>

#include <sluice/node_types.h>

#include "control/audit.h"
#include "control/operations.h"
#include "control/view.h"

static const char *const bypass_names[CONTROL_BYPASS_MAX] = {"limits", "lists"};

json_t *view_trial(const struct control_trial *trial)
{
	if (!trial->kind)
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:b}", "kind", trial->kind, "left_s",
			 (json_int_t)trial->left_s, "since_s", (json_int_t)trial->since_s,
			 "is_stuck", trial->is_stuck);
}

static json_t *view_one(const struct control_bypass *bypass)
{
	if (!bypass->left_s)
		return json_null();
	return json_pack("{s:I, s:I, s:s}", "left_s", (json_int_t)bypass->left_s, "since_s",
			 (json_int_t)bypass->since_s, "by", bypass->by);
}

json_t *view_bypass(const struct control_switches *switches)
{
	json_t *object = json_object();
	size_t i;

	for (i = 0; i < CONTROL_BYPASS_MAX; i++)
		json_object_set_new(object, bypass_names[i], view_one(&switches->bypass[i]));
	return object;
}

int op_bypass_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct control_switches switches = {0};

	(void)errors;
	host->switches(host->arg, &switches);
	reply->json = view_bypass(&switches);
	return 0;
}

static void left_of(const struct request *request, uint64_t ret_left_s[CONTROL_BYPASS_MAX])
{
	struct control_switches switches = {0};
	size_t i;

	request->host->switches(request->host->arg, &switches);
	for (i = 0; i < CONTROL_BYPASS_MAX; i++)
		ret_left_s[i] = switches.bypass[i].left_s;
}

static int set(const struct request *request, unsigned int what, uint64_t for_s,
	       struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct err e = {0};
	bool is_limits = what & 1, is_lists = what & 2;
	uint64_t before[CONTROL_BYPASS_MAX];
	char by[56];

	left_of(request, before);
	peer_name(&request->peer, by, sizeof(by));
	if (host->bypass(host->arg, what, for_s, by, &e)) {
		errs_add_err(errors, &e);
		return -1;
	}
	if (for_s || before[0] || before[1])
		audit_say(request, "bypass of %s%s%s: %llu s left -> %llu s",
			  is_limits ? "limits" : "", is_limits && is_lists ? " and " : "",
			  is_lists ? "lists" : "",
			  (unsigned long long)MAX(is_limits ? before[0] : 0,
						  is_lists ? before[1] : 0),
			  (unsigned long long)for_s);
	return op_bypass_show(request, reply, errors);
}

int op_bypass_put(const struct request *request, struct reply *reply, struct errs *errors)
{
	const char *what = json_string_value(json_object_get(request->body, "what"));
	const json_t *for_s = json_object_get(request->body, "for_s");
	unsigned int bits = 0;
	size_t i;

	for (i = 0; i < CONTROL_BYPASS_MAX; i++)
		if (!strcmp(what, "all") || !strcmp(what, bypass_names[i]))
			bits |= 1U << i;
	return set(request, bits,
		   for_s ? (uint64_t)json_integer_value(for_s) : SLUICE_BYPASS_DEFAULT_S, reply,
		   errors);
}

int op_bypass_delete(const struct request *request, struct reply *reply, struct errs *errors)
{
	return set(request, (1U << CONTROL_BYPASS_MAX) - 1, 0, reply, errors);
}

/* What was on trial, when the trial is over. */
static int end_trial(const struct request *request,
		     int (*end)(void *arg, const char *by, struct errs *errors), const char *what,
		     struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct control_switches switches = {0};
	char by[56];

	peer_name(&request->peer, by, sizeof(by));
	host->switches(host->arg, &switches);
	if (end(host->arg, by, errors))
		return -1;
	audit_say(request, "trial of a %s: %s", switches.trial.kind, what);
	reply->json = json_pack("{s:s, s:s, s:I, s:s, s:I}", "kind", switches.trial.kind, "result",
				what, "revision", (json_int_t)model_revision(host->model),
				"config_path", host->config_path, "changes",
				(json_int_t)switches.trial.commands);
	return 0;
}

int op_confirm(const struct request *request, struct reply *reply, struct errs *errors)
{
	return end_trial(request, request->host->confirm, "confirmed", reply, errors);
}

int op_undo(const struct request *request, struct reply *reply, struct errs *errors)
{
	return end_trial(request, request->host->undo, "undone", reply, errors);
}
