/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists: what the file says of them is replaced by a reload, what commands added stays. */
#include "core/model_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/list_guard.h"

#define NAMES_MAX SLUICE_LISTS_MAX

struct model_list *model_state_list(const struct model_state *state, const char *name)
{
	size_t i;

	for (i = 0; i < state->list_count; i++) {
		if (strcmp(state->lists[i].name, name) == 0)
			return &state->lists[i];
	}
	return NULL;
}

void model_state_ref_lists(struct model_state *state)
{
	size_t i;

	for (i = 0; i < state->list_count; i++) {
		prefix_set_ref(state->lists[i].configured);
		prefix_set_ref(state->lists[i].runtime);
	}
	prefix_set_ref(state->management);
	prefix_set_ref(state->own);
	prefix_set_ref(state->gateways);
}

void model_state_unref_lists(struct model_state *state)
{
	size_t i;

	for (i = 0; i < state->list_count; i++) {
		prefix_set_unref(state->lists[i].configured);
		prefix_set_unref(state->lists[i].runtime);
	}
	prefix_set_unref(state->management);
	prefix_set_unref(state->own);
	prefix_set_unref(state->gateways);
}

/* ---- configuration -------------------------------------------------------------------------- */

static bool is_id_used(const struct model_state *state, uint32_t id)
{
	size_t i;

	for (i = 0; i < state->list_count; i++) {
		if (state->lists[i].id == id)
			return true;
	}
	return false;
}

/* FNV-1a of the name, then the next free one. */
static uint32_t new_id(const struct model_state *state, const struct model_state *fresh,
		       const char *name)
{
	uint32_t hash = 2166136261U, tries;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619U;
	for (tries = 0; tries < SLUICE_LISTS_MAX - 1; tries++) {
		uint32_t id = (hash + tries) % (SLUICE_LISTS_MAX - 1) + 1;

		if (!is_id_used(state, id) && !is_id_used(fresh, id))
			return id;
	}
	return 0;
}

/* What the text of the configuration has now is the configuration's, as with members; a file of
 * prefixes is somebody else's, and takes nothing over. */
static struct prefix_set *unwritten(struct prefix_set *runtime, const struct prefix_set *written)
{
	struct prefix_set *left = prefix_set_subtract(runtime, written);

	if (left->count < runtime->count)
		return left;
	prefix_set_unref(left);
	return prefix_set_ref(runtime);
}

static void merge_list(struct apply *apply, struct model_state *fresh,
		       const struct list_config *config)
{
	const struct model_list *old = model_state_list(apply->state, config->name);
	struct model_list list = {
		.id = old ? old->id : new_id(apply->state, fresh, config->name),
		.action = config->action,
	};
	bool is_kept = old && old->action == config->action;

	util_copy(list.name, sizeof(list.name), config->name);
	util_copy(list.file, sizeof(list.file), config->file);
	list.configured = config->prefixes ? prefix_set_ref(config->prefixes)
					   : prefix_set_new(NULL, 0, NULL, 0);
	list.runtime = is_kept ? unwritten(old->runtime, config->written)
			       : prefix_set_new(NULL, 0, NULL, 0);
	if (old && !is_kept && prefix_set_count(old->runtime))
		model_event(apply, EVENT_list_changed, NULL, NULL, NULL,
			    "list %s: %s -> %s in the file; %zu entries added by commands dropped",
			    list.name, list_action_name(old->action), list_action_name(list.action),
			    prefix_set_count(old->runtime));
	if (!list.id)
		errs_add(apply->errors, ERR_CAPACITY, "lists", "more than %d lists",
			 SLUICE_LISTS_MAX - 1);
	fresh->lists = util_grow(fresh->lists, &fresh->list_capacity, fresh->list_count + 1,
				 sizeof(*fresh->lists));
	fresh->lists[fresh->list_count++] = list;
}

static struct prefix_set *config_members(const struct config *config)
{
	size_t s, p, m, count = 0;
	AUTO_FREE struct prefix_entry *entries =
		util_alloc_array(config_member_count(config) + 1, sizeof(*entries));

	for (s = 0; s < config->service_count; s++) {
		for (p = 0; p < config->services[s].pool_count; p++) {
			const struct pool_config *pool = &config->services[s].pools[p];

			for (m = 0; m < pool->member_count; m++)
				entries[count++].prefix = prefix_of_addr(&pool->members[m].addr);
		}
	}
	return prefix_set_new(entries, count, NULL, 0);
}

static void guard_config(struct apply *apply, const struct config *config)
{
	struct prefix_set *members = config_members(config);
	const struct list_guard guard = {
		.management = config->management,
		.own = apply->state->own,
		.gateways = apply->state->gateways,
		.members = members,
	};
	size_t i;

	for (i = 0; i < config->list_count; i++) {
		const struct list_config *list = &config->lists[i];
		char path[100];

		if (list->action != LIST_DENY || list->is_unguarded)
			continue;
		snprintf(path, sizeof(path), "lists.%s", list->name);
		list_guard_check(&guard, list->name, list->prefixes, path, list->line,
				 "if that is meant, write guard: disabled in the list",
				 apply->errors);
	}
	prefix_set_unref(members);
}

void model_config_lists(struct apply *apply, struct model_state *fresh, const struct change *change)
{
	const struct config *config = change->config;
	size_t i;

	guard_config(apply, config);
	for (i = 0; i < config->list_count; i++)
		merge_list(apply, fresh, &config->lists[i]);
	fresh->management = prefix_set_ref(config->management);
	fresh->own = prefix_set_ref(apply->state->own);
	fresh->gateways = prefix_set_ref(apply->state->gateways);
	fresh->is_access_dirty = true;
}

void model_config_allow(struct apply *apply, const struct model_state *fresh,
			const struct service_config *config, struct model_service *service)
{
	size_t i;

	for (i = 0; i < SLUICE_SERVICE_ALLOW_MAX && config->allow[i][0]; i++) {
		const struct model_list *list = model_state_list(fresh, config->allow[i]);
		char path[160];

		if (list && list->action == LIST_ALLOW) {
			service->allow[i] = list->id;
			continue;
		}
		snprintf(path, sizeof(path), "services.%s.allow[%zu]", config->name, i);
		errs_add(apply->errors, ERR_INVALID, path, "service %s: no allow list is named %s",
			 config->name, config->allow[i])
			->line = config->line;
	}
}

void model_check_lists(struct apply *apply)
{
	const struct model_state *state = apply->state;
	size_t i, total = 0;

	for (i = 0; i < state->list_count; i++) {
		const struct model_list *list = &state->lists[i];

		total += list->configured->count + list->runtime->count;
		if (list->action == LIST_DENY && !prefix_set_count(state->management))
			err_hint(errs_add(apply->errors, ERR_INVALID, "management",
					  "deny list %s holds for all packets and needs "
					  "management.prefixes",
					  list->name),
				 "name the prefixes you administer this host from");
	}
	if (total > PREFIX_SET_MAX)
		err_hint(errs_add(apply->errors, ERR_CAPACITY, "lists",
				  "the lists have %zu prefixes, more than %u", total,
				  PREFIX_SET_MAX),
			 "join neighbouring prefixes");
}

void model_list_added(const struct model_list *list, size_t *ret_count, size_t *ret_expiring)
{
	size_t i;

	*ret_count = *ret_expiring = 0;
	for (i = 0; i < list->runtime->count; i++) {
		const struct prefix_entry *entry = &list->runtime->entries[i];

		if (!prefix_set_find(list->configured, &entry->prefix))
			(*(entry->expires_s ? ret_expiring : ret_count))++;
	}
}

bool model_list_is_added_to(const struct model_list *list)
{
	size_t i;

	for (i = 0; i < list->runtime->count; i++)
		if (!prefix_set_find(list->configured, &list->runtime->entries[i].prefix))
			return true;
	return false;
}

/* ---- commands ------------------------------------------------------------------------------- */

static struct model_list *find_list(struct apply *apply, const char *name)
{
	const struct model_state *state = apply->state;
	struct model_list *list = model_state_list(state, name ? name : "");
	const char *names[NAMES_MAX], *near;
	struct err *e;
	size_t i;

	if (list)
		return list;
	for (i = 0; i < state->list_count && i < NAMES_MAX; i++)
		names[i] = state->lists[i].name;
	near = util_nearest(name ? name : "", names, i);
	e = errs_add(apply->errors, ERR_NOT_FOUND, "/list", "no list %s", name ? name : "");
	if (near)
		err_hint(e, "did you mean %s?", near);
	else
		err_hint(e, "lists are made in the configuration: see sluice.yaml(5)");
	return NULL;
}

static struct prefix_set *state_members(const struct model_state *state)
{
	size_t s, p, m, count = 0;
	struct prefix_entry *entries;
	struct prefix_set *set;

	for (s = 0; s < state->service_count; s++)
		count += model_service_member_count(&state->services[s]);
	entries = util_alloc_array(count + 1, sizeof(*entries));
	count = 0;
	for (s = 0; s < state->service_count; s++) {
		for (p = 0; p < state->services[s].pool_count; p++) {
			const struct model_pool *pool = &state->services[s].pools[p];

			for (m = 0; m < pool->member_count; m++)
				entries[count++].prefix = prefix_of_addr(&pool->members[m].addr);
		}
	}
	set = prefix_set_new(entries, count, NULL, 0);
	free(entries);
	return set;
}

static void guard_change(struct apply *apply, const struct model_list *list,
			 const struct change *change)
{
	struct prefix_set *members;

	if (list->action != LIST_DENY || change->is_forced)
		return;
	members = state_members(apply->state);
	list_guard_check(
		&(struct list_guard){
			.management = apply->state->management,
			.own = apply->state->own,
			.gateways = apply->state->gateways,
			.members = members,
			.caller = change->caller,
		},
		list->name, change->prefixes, "/prefixes", 0,
		"if that is meant: --force; management prefixes are never denied", apply->errors);
	prefix_set_unref(members);
}

static void set_runtime(struct apply *apply, struct model_list *list, struct prefix_set *set)
{
	prefix_set_unref(list->runtime);
	list->runtime = set;
	apply->state->is_access_dirty = true;
}

/* Only what commands added can be taken away by commands: the file would bring the rest back. */
static void check_removable(struct apply *apply, const struct model_list *list,
			    const struct prefix_set *gone)
{
	size_t i;

	for (i = 0; i < prefix_set_count(gone); i++) {
		const struct prefix *prefix = &gone->entries[i].prefix;
		char text[PREFIX_TEXT_MAX];

		if (prefix_set_find(list->runtime, prefix))
			continue;
		prefix_format(prefix, text);
		if (prefix_set_find(list->configured, prefix))
			err_hint(errs_add(apply->errors, ERR_CONFLICT, "/prefixes",
					  "list %s: %s is in the configuration%s%s", list->name,
					  text, *list->file ? " or in " : "", list->file),
				 "remove it there and reload, or add it to an exempt list");
		else
			err_hint(errs_add(apply->errors, ERR_NOT_FOUND, "/prefixes",
					  "list %s has no entry %s", list->name, text),
				 "see sluicectl list show %s", list->name);
	}
}

static void expire(struct apply *apply, uint64_t now_s)
{
	struct model_state *state = apply->state;
	size_t i;

	for (i = 0; i < state->list_count; i++) {
		struct model_list *list = &state->lists[i];
		size_t before = list->runtime->count;

		if (!list->runtime->soonest_s || list->runtime->soonest_s > now_s)
			continue;
		set_runtime(apply, list, prefix_set_expire(list->runtime, now_s));
		model_event(apply, EVENT_list_changed, NULL, NULL, NULL,
			    "list %s: %zu expired, %zu left", list->name,
			    before - list->runtime->count,
			    list->runtime->count + list->configured->count);
	}
}

void model_change_list(struct apply *apply, const struct change *change)
{
	static const char *const VERBS[] = {"added", "in place of what commands added", "removed"};
	size_t errors = apply->errors->count;
	struct model_list *list;

	if (change->type == CHANGE_LIST_EXPIRE) {
		expire(apply, change->now_s);
		return;
	}
	list = find_list(apply, change->list);
	if (!list)
		return;
	if (change->type == CHANGE_LIST_REMOVE)
		check_removable(apply, list, change->prefixes);
	else
		guard_change(apply, list, change);
	if (apply->errors->count != errors)
		return;
	if (change->type == CHANGE_LIST_REMOVE)
		set_runtime(apply, list, prefix_set_subtract(list->runtime, change->prefixes));
	else if (change->type == CHANGE_LIST_ADD)
		set_runtime(apply, list, prefix_set_merge(list->runtime, change->prefixes));
	else
		set_runtime(apply, list, prefix_set_merge(NULL, change->prefixes));
	model_event(apply, EVENT_list_changed, NULL, NULL, NULL, "list %s: %zu %s, %zu now",
		    list->name, prefix_set_count(change->prefixes),
		    VERBS[change->type - CHANGE_LIST_ADD],
		    list->runtime->count + list->configured->count);
}

/* ---- looking ------------------------------------------------------------------------------- */

size_t model_list_count(const struct model *model)
{
	return model_state_of(model)->list_count;
}

struct model_list *model_list_at(const struct model *model, size_t position)
{
	assert(position < model_state_of(model)->list_count);
	return &model_state_of(model)->lists[position];
}

struct model_list *model_find_list(const struct model *model, const char *name)
{
	return model_state_list(model_state_of(model), name);
}

struct model_list *model_list_by_id(const struct model *model, uint32_t id)
{
	size_t i;

	for (i = 0; i < model_state_of(model)->list_count; i++) {
		if (model_state_of(model)->lists[i].id == id)
			return &model_state_of(model)->lists[i];
	}
	return NULL;
}

const struct prefix_set *model_management(const struct model *model)
{
	return model_state_of(model)->management;
}

const struct prefix_set *model_own(const struct model *model)
{
	return model_state_of(model)->own;
}

const struct prefix_set *model_gateways(const struct model *model)
{
	return model_state_of(model)->gateways;
}

uint64_t model_lists_expire_s(const struct model *model)
{
	uint64_t soonest_s = 0;
	size_t i;

	for (i = 0; i < model_state_of(model)->list_count; i++) {
		uint32_t one_s = model_state_of(model)->lists[i].runtime->soonest_s;

		if (one_s && (!soonest_s || one_s < soonest_s))
			soonest_s = one_s;
	}
	return soonest_s;
}
