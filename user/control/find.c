/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

static void not_found(struct errs *errors, const char *pointer, const char *text,
		      const char *nearest, const char *list)
{
	struct err *e = errs_add(errors, ERR_NOT_FOUND, pointer, "%s", text);

	if (nearest)
		err_hint(e, "did you mean %s?", nearest);
	else
		err_hint(e, "%s", list);
}

typedef const char *(*name_fn)(const struct model *model, size_t position);

static const char *service_name(const struct model *model, size_t position)
{
	return model_service_at(model, position)->name;
}

static const char *limit_name(const struct model *model, size_t position)
{
	return model_limit_at(model, position)->config.name;
}

static const char *list_name(const struct model *model, size_t position)
{
	return model_list_at(model, position)->name;
}

/* There is no such kind; list: what shows those that are there. */
static void no_such(const struct model *model, const char *kind, const char *name, size_t count,
		    name_fn name_at, const char *list, struct errs *errors)
{
	AUTO_FREE const char **names = util_alloc_array(count + 1, sizeof(*names));
	char text[160], pointer[16];
	size_t i;

	for (i = 0; i < count; i++)
		names[i] = name_at(model, i);
	snprintf(text, sizeof(text), "no %s %.80s", kind, name);
	snprintf(pointer, sizeof(pointer), "/%s", kind);
	not_found(errors, pointer, text, util_nearest(name, names, count), list);
}

struct model_service *find_service(const struct request *request, struct errs *errors)
{
	return find_service_named(request, route_param(&request->params, "service"), errors);
}

struct model_service *find_service_named(const struct request *request, const char *name,
					 struct errs *errors)
{
	const struct model *model = request->host->model;
	struct model_service *service = model_find_service(model, name);

	if (!service)
		no_such(model, "service", name, model_service_count(model), service_name,
			"sluicectl service list shows them all", errors);
	return service;
}

static void ambiguous_pool(struct errs *errors, const struct model_service *service)
{
	char names[160] = "";
	size_t used = 0, i;

	for (i = 0; i < service->pool_count && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
					 service->pools[i].name);
	err_hint(errs_add(errors, ERR_INVALID, "/pool", "service %s has %zu pools: %s%s",
			  service->name, service->pool_count, names,
			  used < sizeof(names) ? "" : "…"),
		 "name one: --pool POOL with sluicectl, or in place of - in a path");
}

struct model_pool *find_pool(const struct request *request, struct model_service **ret_service,
			     struct errs *errors)
{
	struct model_service *service = find_service(request, errors);
	const char *name = route_param(&request->params, "pool");
	const char *names[16];
	struct model_pool *pool;
	char text[200];
	size_t count;

	if (!service)
		return NULL;
	*ret_service = service;
	if (!strcmp(name, "-")) {
		if (service->pool_count == 1)
			return &service->pools[0];
		if (!service->pool_count)
			err_hint(errs_add(errors, ERR_NOT_FOUND, "/pool", "service %s has no pools",
					  service->name),
				 "a service in mode local hands packets to this host");
		else
			ambiguous_pool(errors, service);
		return NULL;
	}
	pool = model_find_pool(service, name);
	if (pool)
		return pool;
	for (count = 0; count < MIN(service->pool_count, ARRAY_SIZE(names)); count++)
		names[count] = service->pools[count].name;
	snprintf(text, sizeof(text), "no pool %.80s in service %s", name, service->name);
	not_found(errors, "/pool", text, util_nearest(name, names, count),
		  "sluicectl pool list SERVICE shows them");
	return NULL;
}

int find_endpoint(const struct request *request, const struct model_service *service,
		  struct sluice_addr *ret_addr, struct errs *errors)
{
	const char *text = route_param(&request->params, "member");
	uint16_t port;

	if (addr_parse_endpoint(text, ret_addr, &port)) {
		err_hint(errs_add(errors, ERR_INVALID, "/member",
				  "%.80s is not an address of a member", text),
			 "ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT, numeric");
		return -EINVAL;
	}
	if (port && port != service->port) {
		err_hint(errs_add(errors, ERR_INVALID, "/member",
				  "port %u: members of %s have its port, %u", port, service->name,
				  service->port),
			 "leave the port out");
		return -EINVAL;
	}
	return 0;
}

struct model_member *find_member(const struct request *request, struct model_service **ret_service,
				 struct model_pool **ret_pool, struct errs *errors)
{
	const char *name = route_param(&request->params, "member");
	struct model_pool *pool = find_pool(request, ret_service, errors);
	struct model_member *member;
	struct sluice_addr addr;
	char(*texts)[ADDR_TEXT_MAX];
	const char **names;
	char text[240];
	size_t i;

	if (!pool || find_endpoint(request, *ret_service, &addr, errors))
		return NULL;
	*ret_pool = pool;
	member = model_find_member(pool, &addr);
	if (member)
		return member;
	texts = util_alloc_array(pool->member_count + 1, sizeof(*texts));
	names = util_alloc_array(pool->member_count + 1, sizeof(*names));
	for (i = 0; i < pool->member_count; i++)
		names[i] = addr_format(&pool->members[i].addr, texts[i]);
	snprintf(text, sizeof(text), "no member %.80s in %s/%s", name, (*ret_service)->name,
		 pool->name);
	not_found(errors, "/member", text, util_nearest(name, names, pool->member_count),
		  "sluicectl member list SERVICE shows them");
	free(names);
	free(texts);
	return NULL;
}

struct model_limit *find_limit(const struct request *request, struct errs *errors)
{
	const char *name = route_param(&request->params, "limit");
	const struct model *model = request->host->model;
	struct model_limit *limit = model_find_limit(model, name);

	if (!limit)
		no_such(model, "limit", name, model_limit_count(model), limit_name,
			"sluicectl limit list shows them all", errors);
	return limit;
}

struct model_list *find_list(const struct request *request, struct errs *errors)
{
	const char *name = route_param(&request->params, "list");
	const struct model *model = request->host->model;
	struct model_list *list = model_find_list(model, name);

	if (!list)
		no_such(model, "list", name, model_list_count(model), list_name,
			"lists are made in the configuration; sluicectl list list shows them",
			errors);
	return list;
}

int find_source(const struct request *request, const struct model_limit **ret_limit,
		struct prefix *ret_source, struct errs *errors)
{
	const struct model_limit *limit = find_limit(request, errors);
	struct err e = {0};

	if (!limit)
		return -ENOENT;
	*ret_limit = limit;
	if (!bans_source(limit, route_param(&request->params, "source"), ret_source, &e))
		return 0;
	util_copy(e.path, sizeof(e.path), "/source");
	errs_add_err(errors, &e);
	return -EINVAL;
}
