/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sync tried to write, could not, and goes on trying. */
#include "core/sync_internal.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"

void sync_trouble_note(struct sync *sync, struct sync_trouble *trouble, int ret)
{
	if (ret == 0 || ret == -EAGAIN)
		*trouble = (struct sync_trouble){0};
	else if (!trouble->ret)
		trouble->since_ms = sync->now_ms;
	if (ret != -EAGAIN)
		trouble->ret = ret;
}

/* Shorter ones are rests. */
static bool is_lasting(const struct sync *sync, const struct sync_trouble *trouble)
{
	return trouble->ret && sync->now_ms - trouble->since_ms >= SYNC_TROUBLE_AFTER_MS;
}

bool sync_trouble_is_room(const struct sync *sync, const struct sync_trouble *trouble)
{
	return trouble->ret == -ENOSPC && is_lasting(sync, trouble);
}

static void describe_table(const struct sync_service *service, struct sync_problem *problem)
{
	uint32_t wanted = 1U << service->wanted_log2, has = 1U << service->log2;
	bool is_room = service->table_trouble.ret == -ENOSPC;
	const char *why = is_room ? "no room in the maps" : strerror(-service->table_trouble.ret);

	problem->is_served = service->is_written;
	if (!service->has_region)
		snprintf(problem->text, sizeof(problem->text),
			 "%s: not served: its table of %u slots cannot be written: %s",
			 problem->name, wanted, why);
	else if (wanted > has)
		snprintf(problem->text, sizeof(problem->text),
			 "%s: its table cannot grow from %u to %u slots: %s; it stays as it was",
			 problem->name, has, wanted, why);
	else
		snprintf(problem->text, sizeof(problem->text),
			 "%s: its table cannot be written: %s; it stays as it was", problem->name,
			 why);
	if (is_room)
		util_copy(problem->fix, sizeof(problem->fix),
			  "raise capacity.slots and restart sluiced with --cold-start, or "
			  "remove members");
}

static void describe_service(const struct sync_service *service, struct sync_problem *problem)
{
	bool is_room = service->trouble.ret == -ENOSPC;

	problem->is_served = service->is_written;
	snprintf(problem->text, sizeof(problem->text), "%s: not wholly in the maps: %s",
		 problem->name, is_room ? "no room" : strerror(-service->trouble.ret));
	if (is_room)
		util_copy(problem->fix, sizeof(problem->fix),
			  "raise capacity.members or capacity.service_cells and restart sluiced "
			  "with --cold-start");
}

static void describe_limit(const struct sync_limit *limit, struct sync_problem *problem)
{
	bool is_room = limit->trouble.ret == -ENOSPC;
	const char *why = is_room ? "no room in the maps for its sources"
				  : strerror(-limit->trouble.ret);

	problem->is_served = true;
	if (limit->is_used)
		snprintf(problem->text, sizeof(problem->text),
			 "limit %s: still as it was before it changed, in mode %s: %s",
			 problem->name,
			 model_limit_mode_name(SLUICE_LIMIT_MODE(limit->written.word)), why);
	else
		snprintf(problem->text, sizeof(problem->text), "limit %s: not in force: %s",
			 problem->name, why);
	if (is_room)
		util_copy(problem->fix, sizeof(problem->fix),
			  "raise capacity.limit_sources and restart sluiced with --cold-start, "
			  "or give limits fewer sources");
}

size_t sync_problems(const struct sync *sync, struct sync_problem *list, size_t max)
{
	size_t i, count = 0;

	for (i = 0; i < model_service_count(sync->model) && count < max; i++) {
		const struct model_service *model = model_service_at(sync->model, i);
		const struct sync_service *service = sync_service_find(sync, model->id);
		struct sync_problem *problem = &list[count];

		if (!service)
			continue;
		*problem = (struct sync_problem){.is_service = true};
		util_copy(problem->name, sizeof(problem->name), model->name);
		if (is_lasting(sync, &service->trouble))
			describe_service(service, problem);
		else if (is_lasting(sync, &service->table_trouble))
			describe_table(service, problem);
		else
			continue;
		count++;
	}
	for (i = 0; i < model_limit_count(sync->model) && count < max; i++) {
		const struct model_limit *model = model_limit_at(sync->model, i);
		struct sync_problem *problem = &list[count];

		if (model->id >= sync->capacity.limits ||
		    !is_lasting(sync, &sync->limits[model->id].trouble))
			continue;
		*problem = (struct sync_problem){0};
		util_copy(problem->name, sizeof(problem->name), model->config.name);
		describe_limit(&sync->limits[model->id], problem);
		count++;
	}
	return count;
}

size_t sync_problem_count(const struct sync *sync)
{
	const struct sync_service *service;
	size_t count = 0, i;

	for (service = sync->services; service; service = service->hh.next)
		count += is_lasting(sync, &service->trouble) ||
			 is_lasting(sync, &service->table_trouble);
	for (i = 0; i < sync->capacity.limits; i++)
		count += is_lasting(sync, &sync->limits[i].trouble);
	return count;
}
