/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which of the limits in pinned maps are those of a model, and whether both have room together. */
#include "core/adopted.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "core/model.h"

struct match {
	const struct dp_adopted *found;
	const struct model *model;
	uint32_t *ids;	/* by position in the model; 0: none yet */
	bool *is_taken; /* by index: somebody's, or a service found names it */
};

const struct dp_service *adopted_service(const struct dp_adopted *found,
					 const struct model_service *model)
{
	size_t i;

	for (i = 0; i < found->service_count; i++) {
		const struct dp_service *service = &found->services[i];

		if (addr_equal(&service->addr, &model->addr) && service->port == model->port &&
		    service->proto == model->proto)
			return service;
	}
	return NULL;
}

static const struct dp_adopted_limit *found_limit(const struct dp_adopted *found, uint32_t index)
{
	size_t i;

	for (i = 0; i < found->limit_count; i++) {
		if (found->limits[i].index == index)
			return &found->limits[i];
	}
	return NULL;
}

/* Whose name is known is nobody else. */
static bool may_be(const struct dp_adopted_limit *found, const struct model_limit *limit)
{
	return found && !found->name[0] &&
	       SLUICE_LIMIT_COUNT(found->limit.word) == limit->config.count &&
	       SLUICE_LIMIT_PLEN4(found->limit.word) == limit->config.prefix4 &&
	       SLUICE_LIMIT_PLEN6(found->limit.word) == limit->config.prefix6 &&
	       (uint32_t)SLUICE_LIMIT_WAYS << SLUICE_LIMIT_LOG2(found->limit.word) ==
		       limit->config.sources;
}

/* However it has changed, as in a reload. */
static void match_named(const struct match *match)
{
	size_t l, i;

	for (l = 0; l < model_limit_count(match->model); l++) {
		const char *name = model_limit_at(match->model, l)->config.name;

		for (i = 0; i < match->found->limit_count && !match->ids[l]; i++) {
			const struct dp_adopted_limit *found = &match->found->limits[i];

			if (strcmp(found->name, name) || match->is_taken[found->index])
				continue;
			match->ids[l] = found->index;
			match->is_taken[found->index] = true;
		}
	}
}

/* Where there was no room for names: the i-th limit of a service is the one that was its i-th; else
 * one that is like it. */
static void match_limits(const struct match *match,
			 const uint32_t wanted[SLUICE_SERVICE_LIMITS_MAX],
			 const uint16_t found[SLUICE_SERVICE_LIMITS_MAX])
{
	size_t i, j, l;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX && wanted[i]; i++) {
		for (l = 0; model_limit_at(match->model, l)->id != wanted[i]; l++)
			;
		for (j = 0; j < SLUICE_SERVICE_LIMITS_MAX && !match->ids[l]; j++) {
			uint32_t index = found[(i + j) % SLUICE_SERVICE_LIMITS_MAX];

			if (index && !match->is_taken[index] &&
			    may_be(found_limit(match->found, index),
				   model_limit_at(match->model, l))) {
				match->ids[l] = index;
				match->is_taken[index] = true;
			}
		}
	}
}

static void take_named(const struct match *match, const uint16_t found[SLUICE_SERVICE_LIMITS_MAX])
{
	for (size_t i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++)
		match->is_taken[found[i]] = true;
}

/* No service named them, so nobody has a state there: any that is like it will do. */
static void match_unnamed(const struct match *match)
{
	const struct dp_adopted *found = match->found;
	size_t l, i;

	for (i = 0; i < found->service_count; i++)
		take_named(match, found->services[i].limits);
	take_named(match, found->host_limits);
	for (l = 0; l < model_limit_count(match->model); l++) {
		for (i = 0; i < found->limit_count && !match->ids[l]; i++) {
			uint32_t index = found->limits[i].index;

			if (match->is_taken[index] ||
			    !may_be(&found->limits[i], model_limit_at(match->model, l)))
				continue;
			match->ids[l] = index;
			match->is_taken[index] = true;
		}
	}
}

/* The others get an index that none has who was found. */
static int take_free(const struct match *match, uint32_t limits_max, struct err *e)
{
	uint32_t next = 1;
	size_t i;

	for (i = 0; i < match->found->limit_count; i++)
		match->is_taken[match->found->limits[i].index] = true;
	for (i = 0; i < model_limit_count(match->model); i++) {
		if (match->ids[i])
			continue;
		while (next < limits_max && match->is_taken[next])
			next++;
		if (next >= limits_max) {
			err_set(e, ERR_CAPACITY, "limits",
				"the limits of the configuration and of the pinned maps together "
				"are more than %u",
				limits_max - 1);
			err_hint(e, "start once with fewer limits, or sluicectl detach");
			return -ENOSPC;
		}
		match->ids[i] = next++;
	}
	return 0;
}

int adopted_limit_ids(const struct dp_adopted *found, const struct model *model,
		      uint32_t limits_max, uint32_t *ret_ids, struct err *e)
{
	/* Indices in words of a service are of 16 bits. */
	AUTO_FREE bool *is_taken = util_alloc_array(UINT16_MAX + 1, sizeof(*is_taken));
	const struct match match = {found, model, ret_ids, is_taken};
	size_t i;

	match_named(&match);
	for (i = 0; i < model_service_count(model); i++) {
		const struct model_service *service = model_service_at(model, i);
		const struct dp_service *old = adopted_service(found, service);

		if (old)
			match_limits(&match, service->limits, old->limits);
	}
	match_limits(&match, model_host_limits(model), found->host_limits);
	match_unnamed(&match);
	return take_free(&match, limits_max, e);
}
