/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading services, pools and limits, and changing a limit's mode. */
#include "control/audit.h"
#include "control/find.h"
#include "control/reply.h"
#include "control/view.h"

#include <string.h>

int op_service_list(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct reply_list *list = reply_list_begin("services");
	size_t s;

	(void)errors;
	host->refresh(host->arg);
	for (s = 0; s < model_service_count(host->model); s++)
		reply_list_add(list, view_service(host, model_service_at(host->model, s)));
	reply_list_end(list, reply);
	return 0;
}

int op_service_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct model_service *service = find_service(request, errors);

	if (!service)
		return -1;
	request->host->refresh(request->host->arg);
	reply->json = view_service(request->host, service);
	return 0;
}

int op_pool_list(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct model_service *service = find_service(request, errors);
	struct reply_list *list;
	size_t p;

	if (!service)
		return -1;
	request->host->refresh(request->host->arg);
	list = reply_list_begin("pools");
	for (p = 0; p < service->pool_count; p++)
		reply_list_add(list, view_pool(request->host, service, &service->pools[p]));
	reply_list_end(list, reply);
	return 0;
}

int op_pool_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	struct model_service *service;
	const struct model_pool *pool = find_pool(request, &service, errors);

	if (!pool)
		return -1;
	request->host->refresh(request->host->arg);
	reply->json = view_pool(request->host, service, pool);
	return 0;
}

int op_limit_list(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct control_host *host = request->host;
	struct reply_list *list = reply_list_begin("limits");
	size_t i;

	(void)errors;
	host->refresh(host->arg);
	for (i = 0; i < model_limit_count(host->model); i++)
		reply_list_add(list, view_limit(host, model_limit_at(host->model, i)));
	reply_list_end(list, reply);
	return 0;
}

int op_limit_show(const struct request *request, struct reply *reply, struct errs *errors)
{
	const struct model_limit *limit = find_limit(request, errors);

	if (!limit)
		return -1;
	request->host->refresh(request->host->arg);
	reply->json = view_limit(request->host, limit);
	return 0;
}

static enum sluice_limit_mode parse_mode(const char *word)
{
	if (!strcmp(word, "enforce"))
		return SLUICE_LIMIT_ENFORCE;
	return strcmp(word, "shadow") ? SLUICE_LIMIT_DISABLED : SLUICE_LIMIT_SHADOW;
}

int op_limit_mode(const struct request *request, struct reply *reply, struct errs *errors)
{
	const char *word = json_string_value(json_object_get(request->body, "mode"));
	const struct control_host *host = request->host;
	struct model_limit *limit = find_limit(request, errors);
	struct change change = {.type = CHANGE_LIMIT_MODE, .owner = OWNER_API};
	enum sluice_limit_mode old;
	int r;

	if (!limit)
		return -1;
	old = limit->config.mode;
	change.limit = limit->config.name;
	change.limit_mode = parse_mode(word);
	if (old != change.limit_mode) {
		r = host->apply(host->arg, &change, errors);
		if (r)
			return r;
		audit_say(request, "limit %s: mode %s -> %s",
			  route_param(&request->params, "limit"), model_limit_mode_name(old), word);
	}
	return op_limit_show(request, reply, errors);
}
