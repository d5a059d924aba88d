/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking over pinned maps. Everything found becomes a record, as if this process had written it;
 * what the configuration still has gets its identity back (services by where they listen, members
 * by address, limits by name), and the first sync_run() removes the rest.
 */
#include "core/sync_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "core/adopted.h"

struct adopt {
	struct sync *sync;
	struct dp_adopted found;
	struct change *changes; /* what the maps say about members of the model */
	size_t change_count, change_capacity;
	struct change *admins; /* and what somebody wanted while no daemon ran */
	size_t admin_count, admin_capacity;
	struct err *e;
};

/* What adopted_read() lets through. */
static void claim(struct index_pool *pool, uint32_t index)
{
	int ret = index_pool_claim(pool, index);

	assert(ret == 0);
	(void)ret;
}

static void claim_region(struct region_pool *pool, uint64_t base, uint64_t log2)
{
	int ret = region_pool_claim(pool, (uint32_t)base, (unsigned int)log2);

	assert(ret == 0);
	(void)ret;
}

static void renumber_services(struct adopt *adopt)
{
	struct model *model = adopt->sync->model;
	size_t i, count = model_service_count(model);
	AUTO_FREE uint32_t *ids = util_alloc_array(count + 1, sizeof(*ids));
	size_t most = count + adopt->found.service_count;
	AUTO_FREE bool *is_taken = util_alloc_array(most + 2, sizeof(*is_taken));
	uint32_t next = 1;

	for (i = 0; i < adopt->found.service_count; i++)
		if (adopt->found.services[i].id <= most)
			is_taken[adopt->found.services[i].id] = true;
	for (i = 0; i < count; i++) {
		const struct dp_service *found =
			adopted_service(&adopt->found, model_service_at(model, i));

		while (is_taken[next])
			next++;
		ids[i] = found ? found->id : next++;
	}
	model_renumber_services(model, ids);
}

static int renumber_limits(struct adopt *adopt)
{
	struct model *model = adopt->sync->model;
	AUTO_FREE uint32_t *ids = util_alloc_array(model_limit_count(model) + 1, sizeof(*ids));
	int ret = adopted_limit_ids(&adopt->found, model, adopt->sync->capacity.limits, ids,
				    adopt->e);
	uint32_t last = 0;
	size_t i;

	if (ret)
		return ret;
	for (i = 0; i < adopt->found.limit_count; i++)
		last = MAX(last, adopt->found.limits[i].index);
	model_renumber_limits(model, ids, last);
	return 0;
}

static void adopt_limits(struct adopt *adopt)
{
	struct sync *sync = adopt->sync;
	size_t i;

	for (i = 0; i < adopt->found.limit_count; i++) {
		uint32_t index = adopt->found.limits[i].index;
		const struct sluice_limit *found = &adopt->found.limits[i].limit;
		const struct model_limit *model = model_limit_by_id(sync->model, index);
		bool is_known = model && model->config.count == SLUICE_LIMIT_COUNT(found->word);

		claim_region(&sync->limit_regions, SLUICE_LIMIT_BASE(found->word),
			     SLUICE_LIMIT_LOG2(found->word));
		sync->limits[index].is_used = true;
		sync->limits[index].written = *found;
		/* Those that it had are not known; but it must not be without, should it stay. */
		if (is_known)
			sync->limits[index].exceptions =
				limit_exceptions_ref(model->config.exceptions);
		else
			sync->limits[index].is_unexplained = found->flags &
							     SLUICE_LIMIT_F_EXCEPTIONS;
	}
	memcpy(sync->host_limits, adopt->found.host_limits, sizeof(sync->host_limits));
}

static void adopt_services(struct adopt *adopt)
{
	struct sync *sync = adopt->sync;
	size_t i;

	for (i = 0; i < adopt->found.service_count; i++) {
		const struct dp_service *found = &adopt->found.services[i];
		struct sync_service *service;

		service = sync_service_new(sync, found->id);
		service->written = *found;
		service->is_written = true;
		if (found->is_local)
			continue;
		claim_region(&sync->slot_regions, found->slots_base, found->slots_log2);
		service->has_region = true;
		service->base = found->slots_base;
		service->log2 = found->slots_log2;
	}
}

/* Next hops that several entries describe alike stay one: the others are cleared. */
static void adopt_nexthops(struct adopt *adopt, struct sync_nexthop **by_index)
{
	struct sync *sync = adopt->sync;
	AUTO_FREE uint8_t *is_named = util_alloc_array((size_t)sync->capacity.nexthops + 1, 1);
	size_t i;

	for (i = 0; i < adopt->found.member_count; i++) {
		uint32_t index = SLUICE_MEMBER_NEXTHOP(adopt->found.members[i].member.word);

		if (index < sync->capacity.nexthops)
			is_named[index] = 1;
	}
	for (i = 0; i < adopt->found.nexthop_count; i++) {
		uint32_t index = adopt->found.nexthops[i].index;
		const struct sluice_nexthop *content = &adopt->found.nexthops[i].nexthop;
		struct sync_nexthop *same;

		HASH_FIND(hh, sync->nexthops, content, sizeof(*content), same);
		claim(&sync->nexthop_indices, index);
		if (is_named[index])
			by_index[index] = same ? same : sync_nexthop_adopt(sync, index, content);
		if (!is_named[index] || same)
			index_pool_give(&sync->nexthop_indices, index, sync->now_ms);
	}
}

static struct change *change_add(struct adopt *adopt, enum change_type type, uint64_t id)
{
	struct change *change;

	adopt->changes = util_grow(adopt->changes, &adopt->change_capacity, adopt->change_count + 1,
				   sizeof(*adopt->changes));
	change = &adopt->changes[adopt->change_count++];
	*change = (struct change){.type = type, .member_id = id};
	return change;
}

static void nexthop_to_model(const struct sluice_nexthop *from, uint64_t word, struct nexthop *to)
{
	*to = (struct nexthop){.ifindex = from->ifindex,
			       .has_vlan = from->flags & SLUICE_NEXTHOP_F_VLAN,
			       .has_gateway = SLUICE_MEMBER_MODE(word) != SLUICE_MODE_L2,
			       .src6 = from->src6,
			       .mtu = SLUICE_MEMBER_MTU(word)};
	if (to->has_vlan)
		to->vlan_tci = ntohs(from->vlan_tci_be);
	memcpy(to->dmac, from->dmac, sizeof(to->dmac));
	memcpy(to->smac, from->smac, sizeof(to->smac));
	if (from->src4_be) {
		to->src4.w_be[2] = htonl(0xffff);
		to->src4.w_be[3] = from->src4_be;
	}
}

/* Until checks and resolver have spoken, what the maps say holds: so the first table is the one
 * that is there, and no flow moves because the daemon was restarted. */
static void tell_model(struct adopt *adopt, const struct model_service *service,
		       const struct model_pool *pool, const struct model_member *member,
		       const struct sync_member *record)
{
	uint64_t word = record->written.word, id = member->id;
	/* Somebody took it out, or made it ready, while there was no daemon: that holds. */
	bool is_offline = word & SLUICE_MEMBER_F_OFFLINE;
	bool is_maint = word & SLUICE_MEMBER_F_MAINT;
	bool is_dead = word & SLUICE_MEMBER_F_DEAD &&
		       !(is_offline && is_maint && !(word & SLUICE_MEMBER_F_WAS_DEAD));
	struct change *change;

	/* Its deadline passed while a daemon ran: that is no news. */
	if (member->drain_until_s && member->drain_until_s <= clock_wall_s() && !is_offline &&
	    word & SLUICE_MEMBER_F_DRAIN && is_dead) {
		change = change_add(adopt, CHANGE_MEMBER_CUT, id);
		change->drain_until_s = member->drain_until_s;
	}
	if (is_offline) {
		adopt->admins = util_grow(adopt->admins, &adopt->admin_capacity,
					  adopt->admin_count + 1, sizeof(*adopt->admins));
		change = &adopt->admins[adopt->admin_count++];
		*change = (struct change){.type = CHANGE_MEMBER_ADMIN, .owner = OWNER_API};
		change->service = service->name;
		change->pool = pool->name;
		change->addr = member->addr;
		change->admin = is_maint ? ADMIN_MAINT : ADMIN_READY;
		change->text = "set while sluiced was not running";
	}

	/* Dead for maintenance alone says nothing of its health, which others at its address share. */
	if (((is_dead && (is_offline || !is_maint)) ||
	     word & (SLUICE_MEMBER_F_DOWN | SLUICE_MEMBER_F_READMITTED)) &&
	    model_check_of(pool, member)->type != CHECK_NONE) {
		change = change_add(adopt, CHANGE_MEMBER_HEALTH, id);
		change->health = HEALTH_DOWN;
		change->health_cause = is_dead ? HEALTH_SILENT : HEALTH_ANSWERED;
		change->text = "was out before the restart";
	}
	if (record->nexthop && !(is_dead && model_check_of(pool, member)->type == CHECK_NONE)) {
		change = change_add(adopt, CHANGE_MEMBER_NEXTHOP, id);
		change->nexthop_state = NEXTHOP_RESOLVED;
		nexthop_to_model(&record->nexthop->content, record->written.word, &change->nexthop);
	}
}

static const struct model_member *find_in_model(const struct model_service *service,
						const struct sluice_member *found,
						const struct model_pool **ret_pool)
{
	size_t p;

	if (!service || ntohs(found->port_be) != service->port)
		return NULL;
	for (p = 0; p < service->pool_count; p++) {
		const struct model_member *member =
			model_find_member(&service->pools[p], &found->addr);

		if (member) {
			*ret_pool = &service->pools[p];
			return member;
		}
	}
	return NULL;
}

static int adopt_member(struct adopt *adopt, const struct model_service *model,
			struct sync_service *service, uint32_t index,
			const struct sluice_member *found, struct sync_nexthop *nexthop)
{
	const struct model_pool *pool = NULL;
	const struct model_member *member = find_in_model(model, found, &pool);
	bool is_counter = model && model->mode == SLUICE_MODE_LOCAL && service->written.is_local &&
			  service->written.slots_base == index;
	struct sync_member *record;

	/* A second entry of one address is the remains of an unfinished removal. */
	if (member && sync_member_index(adopt->sync, member->id))
		member = NULL;
	record = sync_member_new(adopt->sync, service,
				 is_counter ? SYNC_LOCAL_ID(model->id)
				 : member   ? member->id
					    : 0,
				 index);
	record->written = *found;
	record->is_written = true;
	sync_ceiling_adopt(adopt->sync, record);
	if (nexthop) {
		record->nexthop = nexthop;
		nexthop->users++;
	}
	if (is_counter)
		return 0;
	if (!member)
		return sync_member_leave(adopt->sync, record);
	tell_model(adopt, model, pool, member, record);
	return 0;
}

static int adopt_members(struct adopt *adopt, struct sync_nexthop **nexthops)
{
	struct sync *sync = adopt->sync;
	const struct model_service *model = NULL;
	size_t i;

	for (i = 0; i < adopt->found.member_count; i++) {
		uint32_t index = adopt->found.members[i].index;
		const struct sluice_member *found = &adopt->found.members[i].member;
		uint32_t nexthop = SLUICE_MEMBER_NEXTHOP(found->word);
		struct sync_service *service = sync_service_find(sync, found->service);
		int ret;

		claim(&sync->member_indices, index);
		if (!service) { /* its service was deleted, this entry not yet */
			index_pool_give(&sync->member_indices, index, sync->now_ms);
			continue;
		}
		if (!model || model->id != found->service)
			model = sync_model_service(sync, found->service);
		ret = adopt_member(adopt, model, service, index, found,
				   nexthop < sync->capacity.nexthops ? nexthops[nexthop] : NULL);
		if (ret)
			return ret;
	}
	return 0;
}

/* What flags in a slot's word mean goes on, from now: who knows for how long they have been there. */
static int adopt_slots(struct adopt *adopt)
{
	struct sync *sync = adopt->sync;
	const struct model_service *model;
	struct sync_service *service;
	int ret;

	if (adopt->found.service_count == 0)
		return 0;
	for (service = sync->services; service; service = service->hh.next) {
		model = sync_model_service(sync, service->id);
		if (model)
			sync_service_follow(service, model);
		if (!service->has_region)
			continue;
		ret = sync_move_adopt(sync, service);
		if (ret) {
			err_set(adopt->e, ERR_SYSTEM, "maps", "the pinned slots cannot be read: %s",
				strerror(-ret));
			return ret;
		}
	}
	/* Entries that name what is gone must not come to life with whoever gets its index. */
	ret = sync_sweep_all(sync);
	if (ret)
		err_set(adopt->e, ERR_SYSTEM, "maps", "the pinned flows cannot be read: %s",
			strerror(-ret));
	return ret;
}

static int adopt_all(struct adopt *adopt)
{
	struct sync *sync = adopt->sync;
	AUTO_FREE struct sync_nexthop **nexthops =
		util_alloc_array((size_t)sync->capacity.nexthops + 1, sizeof(*nexthops));
	struct errs errors = {0};
	int ret;

	renumber_services(adopt);
	ret = renumber_limits(adopt);
	if (ret)
		return ret;
	adopt_limits(adopt);
	adopt_services(adopt);
	adopt_nexthops(adopt, nexthops);
	ret = adopt_members(adopt, nexthops);
	if (ret == 0)
		ret = adopt_slots(adopt);
	if (ret == 0 && adopt->admin_count)
		ret = model_apply(sync->model, adopt->admins, adopt->admin_count, sync->now_ms,
				  &errors);
	if (ret == 0 && adopt->change_count)
		ret = model_apply(sync->model, adopt->changes, adopt->change_count, sync->now_ms,
				  &errors);
	if (errors.count && adopt->e)
		*adopt->e = errors.list[0];
	errs_done(&errors);
	return ret;
}

int sync_adopt(struct sync *sync, uint64_t now_ms, struct err *e)
{
	struct adopt adopt = {.sync = sync, .e = e};
	int ret;

	sync->now_ms = now_ms;
	ret = adopted_read(&sync->dp, &adopt.found, e);
	if (ret)
		return ret;
	sync->is_adopting = true;
	ret = adopt_all(&adopt);
	sync->is_adopting = false;
	dp_adopted_done(&adopt.found);
	free(adopt.changes);
	free(adopt.admins);
	return ret;
}
