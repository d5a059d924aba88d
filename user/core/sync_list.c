/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists: all of them are one table of the packet path, made anew when one changes. */
#include "core/sync_internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/access.h"

static enum access_kind kind_of(enum list_action action)
{
	if (action == LIST_DENY)
		return ACCESS_KIND_DENY;
	return action == LIST_EXEMPT ? ACCESS_KIND_EXEMPT : ACCESS_KIND_ALLOW;
}

struct sources {
	struct access_source *list;
	size_t count;
	bool has_deny;
};

static void add_source(struct sources *sources, const struct prefix_set *set, enum access_kind kind,
		       uint16_t list)
{
	if (!prefix_set_count(set))
		return;
	sources->list[sources->count++] = (struct access_source){set, kind, list};
	sources->has_deny |= kind == ACCESS_KIND_DENY;
}

static const struct model_list *find_allow(const struct model *model, uint32_t id)
{
	const struct model_list *list = model_list_by_id(model, id);

	return list && list->action == LIST_ALLOW ? list : NULL;
}

/* Members by address, as the configuration and commands have them now. */
static struct prefix_set *collect_members(const struct model *model)
{
	size_t s, p, m, count = 0, capacity = 0;
	struct prefix_entry *entries = NULL;
	struct prefix_set *set;

	for (s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct model_pool *pool = &service->pools[p];

			for (m = 0; m < pool->member_count; m++) {
				entries =
					util_grow(entries, &capacity, count + 1, sizeof(*entries));
				entries[count++].prefix = prefix_of_addr(&pool->members[m].addr);
			}
		}
	}
	set = prefix_set_new(entries, count, NULL, 0);
	free(entries);
	return set;
}

/* Writes the table of the model's lists and, with is_kept, of the allow lists that left it. */
static int write_table(struct sync *sync, bool is_kept)
{
	const struct model *model = sync->model;
	size_t lists = model_list_count(model), i;
	struct sources sources = {
		.list = util_alloc_array(2 * (lists + sync->allow_count) + 3,
					 sizeof(*sources.list)),
	};
	bool is_host_limited = model_host_limits(model)[0] || sync->host_limits[0];
	struct prefix_set *members = NULL;
	struct access_table table;
	int ret;

	for (i = 0; i < lists; i++) {
		const struct model_list *list = model_list_at(model, i);
		enum access_kind kind = kind_of(list->action);

		add_source(&sources, list->configured, kind, (uint16_t)list->id);
		add_source(&sources, list->runtime, kind, (uint16_t)list->id);
	}
	for (i = 0; is_kept && i < sync->allow_count; i++) {
		const struct sync_list *list = &sync->allow_lists[i];

		if (find_allow(model, list->id))
			continue;
		add_source(&sources, list->configured, ACCESS_KIND_ALLOW, list->id);
		add_source(&sources, list->runtime, ACCESS_KIND_ALLOW, list->id);
	}
	add_source(&sources, model_management(model), ACCESS_KIND_MANAGEMENT, 0);
	if (sources.has_deny || is_host_limited) { /* nothing else is kept from them */
		members = collect_members(model);
		add_source(&sources, members, ACCESS_KIND_INFRA, 0);
		add_source(&sources, model_gateways(model), ACCESS_KIND_INFRA, 0);
	}
	access_build(sources.list, sources.count, &table);
	sync_exceptions_add(sync, &table);
	ret = sync_op(sync, access_replace, table.entries, table.count);
	access_table_done(&table);
	prefix_set_unref(members);
	free(sources.list);
	return ret;
}

static void forget_allow(struct sync *sync)
{
	size_t i;

	for (i = 0; i < sync->allow_count; i++) {
		prefix_set_unref(sync->allow_lists[i].configured);
		prefix_set_unref(sync->allow_lists[i].runtime);
	}
	free(sync->allow_lists);
	sync->allow_lists = NULL;
	sync->allow_count = 0;
}

/* What is in the packet path now: the model's allow lists, after the ones that are leaving. */
static void remember_allow(struct sync *sync)
{
	const struct model *model = sync->model;
	size_t i, kept = 0, room = sync->allow_count + model_list_count(model);
	struct sync_list *lists = util_alloc_array(room + 1, sizeof(*lists));

	for (i = 0; i < sync->allow_count; i++) {
		if (find_allow(model, sync->allow_lists[i].id))
			continue;
		lists[kept] = sync->allow_lists[i];
		prefix_set_ref(lists[kept].configured);
		prefix_set_ref(lists[kept++].runtime);
	}
	sync->is_allow_leaving = kept > 0;
	for (i = 0; i < model_list_count(model); i++) {
		const struct model_list *list = model_list_at(model, i);

		if (list->action == LIST_ALLOW)
			lists[kept++] = (struct sync_list){(uint16_t)list->id,
							   prefix_set_ref(list->configured),
							   prefix_set_ref(list->runtime)};
	}
	forget_allow(sync);
	sync->allow_lists = lists;
	sync->allow_count = kept;
}

static void report(struct errs *errors, int ret)
{
	err_hint(errs_add(errors, ERR_SYSTEM, "lists", "the access lists cannot be written: %s",
			  strerror(-ret)),
		 "those of before stay in force; tried again");
}

void sync_lists_update(struct sync *sync, struct errs *errors)
{
	int ret;

	if (!model_is_access_dirty(sync->model) && !sync->is_access_stale)
		return;
	ret = write_table(sync, true);
	if (ret) {
		report(errors, ret);
		return;
	}
	remember_allow(sync);
	sync->is_access_stale = false;
	model_set_access_clean(sync->model);
}

void sync_lists_remove(struct sync *sync, struct errs *errors)
{
	size_t i, kept = 0;
	int ret;

	if (!sync->is_allow_leaving)
		return;
	ret = write_table(sync, false);
	if (ret) {
		report(errors, ret);
		return;
	}
	for (i = 0; i < sync->allow_count; i++) {
		struct sync_list list = sync->allow_lists[i];

		if (find_allow(sync->model, list.id)) {
			sync->allow_lists[kept++] = list;
			continue;
		}
		prefix_set_unref(list.configured);
		prefix_set_unref(list.runtime);
	}
	sync->allow_count = kept;
	sync->is_allow_leaving = false;
}

void sync_lists_free(struct sync *sync)
{
	forget_allow(sync);
}
