/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the daemon leaves in the maps for those who come when it is gone: that it lives, where it keeps
 * its state, and the names of what the maps hold by number. */
#include "daemon/daemon.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static struct sluice_notes *find(const struct daemon *daemon)
{
	struct dp_node node;

	if (daemon->is_detached || !daemon->dp || dp_bpf_node(daemon->dp, &node))
		return NULL;
	return node.notes;
}

static void note_state(struct daemon *daemon)
{
	AUTO_FREE char *path = realpath(state_directory(daemon->state), NULL);

	dp_bpf_state_directory_set(daemon->dp, path ? path : state_directory(daemon->state));
}

void notes_begin(struct daemon *daemon)
{
	struct sluice_notes *notes = find(daemon);

	if (!notes)
		return;
	notes->started_s = daemon->started_s;
	notes->pid = (uint32_t)getpid();
	util_copy(notes->version, sizeof(notes->version), SLUICE_VERSION);
	notes->stopped_s = 0;
	note_state(daemon);
	notes_tick(daemon);
}

void notes_tick(struct daemon *daemon)
{
	struct sluice_notes *notes = find(daemon);

	if (!notes)
		return;
	notes->revision = model_revision(daemon->model);
	__atomic_store_n(&notes->heartbeat_s, clock_wall_s(), __ATOMIC_RELEASE);
}

void notes_end(struct daemon *daemon)
{
	struct sluice_notes *notes = find(daemon);

	if (notes)
		notes->stopped_s = clock_wall_s();
}

/* ---- names ---------------------------------------------------------------------------------- */

struct known {
	uint32_t id;
	uint32_t pools;
};

struct used {
	const struct model *model;
	struct known *services; /* by id */
	size_t count;
};

static int compare(const void *a, const void *b)
{
	uint32_t left = ((const struct known *)a)->id, right = ((const struct known *)b)->id;

	return (left > right) - (left < right);
}

static bool is_used(void *arg, const struct sluice_name_key *key)
{
	const struct known wanted = {.id = key->id}, *found;
	const struct used *used = arg;

	if (key->kind == SLUICE_NAME_LIMIT)
		return model_limit_by_id(used->model, key->id);
	if (key->kind != SLUICE_NAME_SERVICE && key->kind != SLUICE_NAME_POOL)
		return true; /* somebody else's */
	found = bsearch(&wanted, used->services, used->count, sizeof(wanted), compare);
	return found && (key->kind == SLUICE_NAME_SERVICE || key->position < found->pools);
}

static void prune(struct daemon *daemon)
{
	struct used used = {.model = daemon->model, .count = model_service_count(daemon->model)};
	size_t i;

	used.services = util_alloc_array(used.count + 1, sizeof(*used.services));
	for (i = 0; i < used.count; i++) {
		const struct model_service *service = model_service_at(daemon->model, i);

		used.services[i] = (struct known){service->id, (uint32_t)service->pool_count};
	}
	qsort(used.services, used.count, sizeof(*used.services), compare);
	dp_bpf_names_prune(daemon->dp, is_used, &used);
	free(used.services);
}

static int set(struct daemon *daemon, enum sluice_name_kind kind, uint32_t id, uint32_t position,
	       const char *text)
{
	struct sluice_name_key key = {.kind = kind, .id = id, .position = position};

	return dp_bpf_name_set(daemon->dp, &key, text);
}

static int set_all(struct daemon *daemon)
{
	const struct model *model = daemon->model;
	int ret = 0;
	size_t i;

	for (i = 0; i < model_service_count(model) && !ret; i++) {
		const struct model_service *service = model_service_at(model, i);
		uint32_t p;

		ret = set(daemon, SLUICE_NAME_SERVICE, service->id, 0, service->name);
		for (p = 0; p < service->pool_count && !ret; p++)
			ret = set(daemon, SLUICE_NAME_POOL, service->id, p, service->pools[p].name);
	}
	for (i = 0; i < model_limit_count(model) && !ret; i++) {
		const struct model_limit *limit = model_limit_at(model, i);

		ret = set(daemon, SLUICE_NAME_LIMIT, limit->id, 0, limit->config.name);
	}
	return ret;
}

void notes_names(struct daemon *daemon)
{
	int ret;

	if (daemon->is_detached)
		return;
	prune(daemon);
	ret = set_all(daemon);
	if (ret && !daemon->are_names_short)
		log_warning("notes",
			    "not every name fits its map: without a daemon some services are known "
			    "by their addresses alone (%s)",
			    strerror(-ret));
	daemon->are_names_short = ret;
}
