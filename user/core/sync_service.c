/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Services: their cells, and the order in which they and what belongs to them come and go. */
#include "core/sync_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"

/* Of configurations that do not say. */
#define LEARN_S 600
#define IDLE_S 120
#define WINDOW_S 45

struct sync_service *sync_service_find(const struct sync *sync, uint32_t id)
{
	struct sync_service *service;

	HASH_FIND(hh, sync->services, &id, sizeof(id), service);
	return service;
}

const struct model_service *sync_model_service(const struct sync *sync, uint32_t id)
{
	size_t i;

	for (i = 0; i < model_service_count(sync->model); i++) {
		if (model_service_at(sync->model, i)->id == id)
			return model_service_at(sync->model, i);
	}
	return NULL;
}

struct sync_service *sync_service_new(struct sync *sync, uint32_t id)
{
	struct sync_service *service = util_alloc(sizeof(*service));

	service->id = id;
	service->silence_s = LEARN_S;
	HASH_ADD(hh, sync->services, id, sizeof(service->id), service);
	return service;
}

void sync_service_free(struct sync_service *service)
{
	sync_move_forget(&service->motion);
	free(service->members);
	free(service->wanted);
	free(service->built);
	free(service);
}

static void choose_limits(struct sync *sync, struct sync_service *service,
			  const struct model_service *model, struct dp_service *desired)
{
	size_t i, n = 0;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX && model->limits[i]; i++) {
		uint32_t id = model->limits[i];

		if (id < sync->capacity.limits && sync->limits[id].is_used)
			desired->limits[n++] = (uint16_t)id;
	}
	service->is_limit_missing = n < i;
	if (n == i)
		return;
	sync->is_limit_waiting = true;
	if (service->is_written)
		memcpy(desired->limits, service->written.limits, sizeof(desired->limits));
}

void sync_service_desired(struct sync *sync, struct sync_service *service,
			  const struct model_service *model, struct dp_service *ret_desired)
{
	size_t i;

	*ret_desired = (struct dp_service){
		.id = model->id,
		.addr = model->addr,
		.port = model->port,
		.proto = model->proto,
		.is_local = model->mode == SLUICE_MODE_LOCAL,
		.is_unknown_port_passed = model->is_unknown_port_passed,
		.is_arp_answered = model->announce == ANNOUNCE_ARP,
		.is_by_source = model->affinity == AFFINITY_SOURCE,
		.is_tracked = model->affinity == AFFINITY_TRACK,
		.has_ceiling = service->ceiling.rate != 0,
	};
	if (ret_desired->is_local) {
		ret_desired->slots_base = service->local_index;
	} else {
		ret_desired->slots_base = service->base;
		ret_desired->slots_log2 = service->log2;
	}
	choose_limits(sync, service, model, ret_desired);
	for (i = 0; i < SLUICE_SERVICE_ALLOW_MAX; i++)
		ret_desired->allow[i] = (uint16_t)model->allow[i];
}

static bool is_same_cell(const struct dp_service *a, const struct dp_service *b)
{
	return a->id == b->id && addr_equal(&a->addr, &b->addr) && a->port == b->port &&
	       a->proto == b->proto && a->is_local == b->is_local &&
	       a->is_unknown_port_passed == b->is_unknown_port_passed &&
	       a->is_arp_answered == b->is_arp_answered && a->is_by_source == b->is_by_source &&
	       a->is_tracked == b->is_tracked && a->has_ceiling == b->has_ceiling &&
	       a->slots_base == b->slots_base && a->slots_log2 == b->slots_log2 &&
	       memcmp(a->limits, b->limits, sizeof(a->limits)) == 0 &&
	       memcmp(a->allow, b->allow, sizeof(a->allow)) == 0;
}

static void report(struct errs *errors, int ret, const struct model_service *model,
		   const char *what, const char *hint)
{
	struct err *e = errs_add(errors, ret == -ENOSPC ? ERR_CAPACITY : ERR_SYSTEM, model->name,
				 "service %s: cannot write %s: %s", model->name, what,
				 strerror(-ret));

	err_hint(e, "%s", hint);
}

static int update_members(struct sync *sync, struct sync_service *service,
			  const struct model_service *model, struct errs *errors)
{
	size_t p, m;
	int ret, worst = 0;

	for (p = 0; p < model->pool_count; p++) {
		for (m = 0; m < model->pools[p].member_count; m++) {
			ret = sync_member_update(sync, service, model, p,
						 &model->pools[p].members[m]);
			worst = ret ? ret : worst;
		}
	}
	if (model->mode == SLUICE_MODE_LOCAL)
		worst = sync_member_update_local(sync, service, model);
	else
		service->local_index = 0;
	for (m = 0; m < service->member_count; m++) {
		if (service->members[m]->seen == sync->turn)
			continue;
		ret = sync_member_leave(sync, service->members[m]);
		worst = ret ? ret : worst;
	}
	if (worst)
		report(errors, worst, model, "its members",
		       "tried again; if the members map is full, raise capacity.members");
	return worst;
}

/* A service that handed packets to members and is now local needs no table. */
static void drop_table(struct sync *sync, struct sync_service *service, bool is_all)
{
	size_t i;

	for (i = 0; i < service->member_count; i++)
		service->members[i]->slots_cur = service->members[i]->slots_def = 0;
	sync_members_retire(sync, service, is_all);
	sync_move_forget(&service->motion);
	if (service->has_region)
		region_pool_give(&sync->slot_regions, service->base, service->log2, sync->now_ms);
	service->has_region = service->has_table = service->is_queued = false;
	service->base = 0;
	service->log2 = 0;
	service->fingerprint = 0;
	service->table_trouble = (struct sync_trouble){0};
}

/* How the service's flows are kept where they are. */
void sync_service_follow(struct sync_service *service, const struct model_service *model)
{
	service->silence_s = model->learn_s ? model->learn_s : LEARN_S;
	if (model->affinity == AFFINITY_TRACK)
		service->silence_s = model->idle_s ? model->idle_s : IDLE_S;
	if (model->affinity == AFFINITY_WINDOW)
		service->silence_s = model->window_s ? model->window_s : WINDOW_S;
	service->is_tracked = model->affinity == AFFINITY_TRACK;
	if (model->proto == IPPROTO_TCP)
		service->kind = FLOW_KIND_TRACKED;
	else
		service->kind = model->affinity == AFFINITY_WINDOW ? FLOW_KIND_WINDOW
								   : FLOW_KIND_PLAIN;
}

static bool is_any_alive(const struct sync_service *service)
{
	size_t i;

	for (i = 0; i < service->member_count; i++) {
		if (!(service->members[i]->written.word & SLUICE_MEMBER_F_DEAD))
			return true;
	}
	return false;
}

int sync_service_update(struct sync *sync, const struct model_service *model, struct errs *errors)
{
	struct sync_service *service = sync_service_find(sync, model->id);
	bool is_local = model->mode == SLUICE_MODE_LOCAL;
	struct dp_service desired;
	int ret, worst;

	if (!service)
		service = sync_service_new(sync, model->id);
	sync_service_follow(service, model);
	worst = update_members(sync, service, model, errors);
	ret = sync_ceilings_update(sync, service, model);
	if (ret)
		report(errors, ret, model, "its ceilings", "tried again");
	worst = ret ? ret : worst;
	if (service->is_death_due && service->has_region && !is_local) {
		ret = sync_move_dead(sync, service);
		worst = ret ? ret : worst;
		service->is_death_due = ret != 0;
	}
	if (!is_any_alive(service))
		sync_pace_forget(sync, service);
	if (!is_local)
		sync_table_want(sync, service, model);
	/* The cell comes last: its first table makes it, see sync_finish_job(). */
	sync_service_desired(sync, service, model, &desired);
	if ((is_local || service->has_region) &&
	    !(service->is_written && is_same_cell(&service->written, &desired))) {
		ret = sync_op(sync, service_set, &desired);
		if (ret) {
			sync_trouble_note(sync, &service->trouble, ret);
			report(errors, ret, model, "its cell",
			       "tried again; if it lasts, raise capacity.service_cells");
			return ret;
		}
		service->written = desired;
		service->is_written = true;
	}
	if (is_local)
		drop_table(sync, service, false);
	sync_trouble_note(sync, &service->trouble, worst);
	return worst || service->is_limit_missing ? -EAGAIN : 0;
}

int sync_service_remove(struct sync *sync, struct sync_service *service)
{
	if (service->is_written) {
		int ret = sync_op(sync, service_delete, &service->written);

		if (ret)
			return ret;
		service->is_written = false;
	}
	drop_table(sync, service, true);
	HASH_DEL(sync->services, service);
	sync_service_free(service);
	return 0;
}
