/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slot tables: what goes into one, the jobs that build them, and writing the result. */
#include "core/sync_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "core/model_internal.h"
#include "core/weights.h"

#define RETRY_MS 1000

/* Owns copies of everything, so that it can run on any thread. */
struct build_job {
	uint32_t service_id;
	uint64_t seed;
	unsigned int log2;
	struct slots_member *members; /* by identity, as the service wants them */
	uint32_t count;
	uint32_t *owner, *runner; /* the result: member indices */
	uint32_t *owned;	  /* slots by position in members */
	uint32_t fingerprint;
	int ret;
};

static int identity_compare(const void *a, const void *b)
{
	const struct slots_member *m = a, *n = b;
	int order = addr_compare(&m->addr, &n->addr);

	return order ? order : (m->port > n->port) - (m->port < n->port);
}

static bool is_same_input(const struct slots_member *a, uint32_t a_count, unsigned int a_log2,
			  const struct slots_member *b, uint32_t b_count, unsigned int b_log2)
{
	return a_count == b_count && a_log2 == b_log2 &&
	       (a_count == 0 || memcmp(a, b, a_count * sizeof(*a)) == 0);
}

bool sync_table_is_current(const struct sync_service *service)
{
	return service->has_table &&
	       is_same_input(service->built, service->built_count, service->log2, service->wanted,
			     service->wanted_count, service->wanted_log2);
}

void sync_table_queue(struct sync *sync, struct sync_service *service)
{
	if (service->is_queued)
		return;
	sync->queue = util_grow(sync->queue, &sync->queue_capacity, sync->queue_count + 1,
				sizeof(*sync->queue));
	sync->queue[sync->queue_count++] = service->id;
	service->is_queued = true;
}

void sync_table_want(struct sync *sync, struct sync_service *service,
		     const struct model_service *model)
{
	size_t total = model_service_member_count(model), i = 0, p, m;
	AUTO_FREE uint32_t *weights = util_alloc_array(total + 1, sizeof(*weights));
	/* Zeroed, padding included, so that inputs compare as bytes. */
	struct slots_member *wanted = util_alloc_array(total + 1, sizeof(*wanted));
	unsigned int log2 = model_service_slots_log2(model);
	uint32_t n = 0;

	weights_all(model, weights);
	for (p = 0; p < model->pool_count; p++) {
		for (m = 0; m < model->pools[p].member_count; m++, i++) {
			const struct model_member *member = &model->pools[p].members[m];
			uint32_t index = sync_member_index(sync, member->id);

			if (!weights[i] || !index)
				continue;
			wanted[n].addr = member->addr;
			wanted[n].port = member->port;
			wanted[n].weight = weights[i];
			wanted[n++].index = index;
		}
	}
	qsort(wanted, n, sizeof(*wanted), identity_compare);
	free(service->wanted);
	service->wanted = wanted;
	service->wanted_count = n;
	/* A table in use never shrinks. */
	service->wanted_log2 = service->has_region ? MAX(log2, service->log2) : log2;
	if (sync_table_is_current(service)) {
		service->table_trouble = (struct sync_trouble){0};
		/* No table that could be needed names who left. */
		sync_members_retire(sync, service, false);
		return;
	}
	sync_table_queue(sync, service);
}

/* Takes the service out of the queue; keeps it there when a job for it is still out. */
static struct sync_service *queue_pop(struct sync *sync)
{
	size_t i, kept = 0;
	struct sync_service *found = NULL;

	for (i = 0; i < sync->queue_count; i++) {
		struct sync_service *service = sync_service_find(sync, sync->queue[i]);

		if (!service || !service->is_queued)
			continue;
		if (!found && !service->is_taken &&
		    !(service->is_failed && service->retry_ms > sync->now_ms)) {
			service->is_queued = false;
			found = service;
			continue;
		}
		sync->queue[kept++] = sync->queue[i];
		if (found) {
			memmove(sync->queue + kept, sync->queue + i + 1,
				(sync->queue_count - i - 1) * sizeof(*sync->queue));
			kept += sync->queue_count - i - 1;
			break;
		}
	}
	sync->queue_count = kept;
	return found;
}

struct build_job *sync_take_job(struct sync *sync)
{
	struct sync_service *service;
	struct build_job *job;

	do
		service = queue_pop(sync);
	while (service && sync_table_is_current(service));
	if (!service)
		return NULL;
	job = util_alloc(sizeof(*job));
	job->service_id = service->id;
	job->seed = sync->seed;
	job->log2 = service->wanted_log2;
	job->count = service->wanted_count;
	job->members = util_alloc_array(job->count + 1, sizeof(*job->members));
	memcpy(job->members, service->wanted, job->count * sizeof(*job->members));
	service->is_taken = true;
	sync->taken++;
	return job;
}

/* Builds with positions instead of indices, which makes counting easy, and translates. */
void build_job_run(struct build_job *job)
{
	AUTO_FREE struct slots_member *members = util_alloc_array(job->count + 1, sizeof(*members));
	uint32_t size = 1U << job->log2, slot, i;

	memcpy(members, job->members, job->count * sizeof(*members));
	for (i = 0; i < job->count; i++)
		members[i].index = i + 1;
	job->owner = util_alloc_array(size, sizeof(*job->owner));
	job->runner = util_alloc_array(size, sizeof(*job->runner));
	job->owned = util_alloc_array(job->count + 1, sizeof(*job->owned));
	job->ret = slots_build(members, job->count, job->seed, job->log2, job->owner, job->runner);
	if (job->ret)
		return;
	job->fingerprint = slots_fingerprint(members, job->count, job->owner, job->log2);
	for (slot = 0; slot < size; slot++) {
		if (job->owner[slot]) {
			job->owned[job->owner[slot] - 1]++;
			job->owner[slot] = job->members[job->owner[slot] - 1].index;
		}
		if (job->runner[slot])
			job->runner[slot] = job->members[job->runner[slot] - 1].index;
	}
}

static void job_free(struct build_job *job)
{
	free(job->members);
	free(job->owner);
	free(job->runner);
	free(job->owned);
	free(job);
}

/* The first table of a service: nobody has a flow yet that could move. */
static int create_table(struct sync *sync, struct sync_service *service,
			const struct model_service *model, const struct build_job *job)
{
	uint32_t size = 1U << job->log2, slot, i;
	AUTO_FREE uint64_t *words = util_alloc_array(size, sizeof(*words));
	struct sync_service trial = *service;
	struct dp_service desired;
	int ret = region_pool_take(&sync->slot_regions, job->log2, &trial.base);

	if (ret)
		return ret;
	trial.log2 = job->log2;
	for (slot = 0; slot < size; slot++)
		words[slot] = SLUICE_SLOT(job->owner[slot], job->owner[slot]);
	ret = sync_op(sync, slots_write, trial.base, trial.log2, words, job->runner);
	if (ret == 0) {
		sync_service_desired(sync, &trial, model, &desired);
		ret = sync_op(sync, service_set, &desired);
	}
	if (ret) {
		region_pool_give(&sync->slot_regions, trial.base, trial.log2, sync->now_ms);
		return ret;
	}
	service->written = desired;
	service->is_written = service->has_region = true;
	service->base = trial.base;
	service->log2 = trial.log2;
	for (i = 0; i < job->count; i++) {
		struct sync_member *member = sync->by_index[job->members[i].index];

		member->slots_cur = member->slots_def = job->owned[i];
	}
	return 0;
}

static int write_table(struct sync *sync, struct sync_service *service,
		       const struct model_service *model, const struct build_job *job)
{
	int ret = 0;

	if (!service->has_region)
		return create_table(sync, service, model, job);
	if (service->log2 != job->log2)
		ret = sync_grow(sync, service, model, job->log2);
	if (ret)
		return ret;
	ret = sync_move_target(sync, service, job->owner, job->runner);
	/* Some slots may have gone where others have not: what it was made of says nothing now. */
	if (ret)
		service->has_table = false;
	return ret;
}

/* Remembers what the table was made of. */
static void table_applied(struct sync *sync, struct sync_service *service, struct build_job *job)
{
	free(service->built);
	service->built = TAKE_PTR(job->members);
	service->built_count = job->count;
	service->has_table = true;
	service->is_failed = false;
	service->table_trouble = (struct sync_trouble){0};
	service->fingerprint = job->fingerprint;
	sync_members_retire(sync, service, false);
}

static int finish(struct sync *sync, struct sync_service *service, struct build_job *job,
		  struct err *e)
{
	const struct model_service *model = sync_model_service(sync, service->id);
	int ret = job->ret;

	/* Changed meanwhile: the next job has it right. */
	if (!model || model->mode == SLUICE_MODE_LOCAL)
		return 0;
	if (!is_same_input(job->members, job->count, job->log2, service->wanted,
			   service->wanted_count, service->wanted_log2)) {
		sync_table_queue(sync, service);
		return 0;
	}
	if (ret == 0)
		ret = write_table(sync, service, model, job);
	if (ret == 0) {
		table_applied(sync, service, job);
		return 0;
	}
	service->is_failed = true;
	service->retry_ms = sync->now_ms + RETRY_MS;
	sync_trouble_note(sync, &service->table_trouble, ret);
	sync_table_queue(sync, service);
	if (ret == -EAGAIN)
		return 0; /* a region rests */
	err_set(e, ret == -ENOSPC ? ERR_CAPACITY : ERR_SYSTEM, model->name,
		"service %s: cannot write its table of 2^%u slots: %s", model->name, job->log2,
		strerror(-ret));
	err_hint(e, "tried again every second; if it lasts, raise capacity.slots");
	return ret;
}

int sync_finish_job(struct sync *sync, struct build_job *job, uint64_t now_ms, struct err *e)
{
	struct sync_service *service = sync_service_find(sync, job->service_id);
	int ret = 0;

	sync->now_ms = now_ms;
	sync->taken--;
	if (service) {
		service->is_taken = false;
		ret = finish(sync, service, job, e);
	}
	job_free(job);
	return ret;
}
