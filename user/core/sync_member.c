/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Members and their next hops: entries, words, dead marks. */
#include "core/sync_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "core/weights.h"

static void nexthop_content(const struct nexthop *from, struct sluice_nexthop *ret_content)
{
	*ret_content = (struct sluice_nexthop){
		.ifindex = from->ifindex, .flags = SLUICE_NEXTHOP_F_USED, .src6 = from->src6};
	if (from->has_vlan) {
		ret_content->flags |= SLUICE_NEXTHOP_F_VLAN;
		ret_content->vlan_tci_be = htons(from->vlan_tci);
	}
	memcpy(ret_content->dmac, from->dmac, sizeof(ret_content->dmac));
	memcpy(ret_content->smac, from->smac, sizeof(ret_content->smac));
	ret_content->src4_be = from->src4.w_be[3];
}

struct sync_nexthop *sync_nexthop_adopt(struct sync *sync, uint32_t index,
					const struct sluice_nexthop *content)
{
	struct sync_nexthop *nexthop = util_alloc(sizeof(*nexthop));

	nexthop->content = *content;
	nexthop->index = index;
	HASH_ADD(hh, sync->nexthops, content, sizeof(nexthop->content), nexthop);
	return nexthop;
}

/* The entry with this content, a new one if there is none yet; NULL and *ret_err on failure. */
static struct sync_nexthop *nexthop_get(struct sync *sync, const struct nexthop *from, int *ret_err)
{
	struct sluice_nexthop content;
	struct sync_nexthop *nexthop;
	uint32_t index;

	nexthop_content(from, &content);
	HASH_FIND(hh, sync->nexthops, &content, sizeof(content), nexthop);
	if (nexthop)
		return nexthop;
	*ret_err = index_pool_take(&sync->nexthop_indices, &index);
	if (*ret_err)
		return NULL;
	*ret_err = sync_op(sync, nexthop_set, index, &content);
	if (*ret_err) {
		index_pool_give(&sync->nexthop_indices, index, sync->now_ms);
		return NULL;
	}
	return sync_nexthop_adopt(sync, index, &content);
}

/* A next hop that no word names any more leaves the map when it has rested. */
static void nexthop_put(struct sync *sync, struct sync_nexthop *nexthop)
{
	if (!nexthop || nexthop->users)
		return;
	index_pool_give(&sync->nexthop_indices, nexthop->index, sync->now_ms);
	HASH_DEL(sync->nexthops, nexthop);
	free(nexthop);
}

struct sync_member *sync_member_new(struct sync *sync, struct sync_service *service, uint64_t id,
				    uint32_t index)
{
	struct sync_member *record = util_alloc(sizeof(*record));

	record->id = id;
	record->index = index;
	record->service = service;
	/* Entries of flows may name the member that had the index before. */
	record->written.word = (uint64_t)sync->epochs[index] << 28;
	if (id)
		HASH_ADD(hh, sync->members, id, sizeof(record->id), record);
	sync->by_index[index] = record;
	service->members = util_grow(service->members, &service->member_capacity,
				     service->member_count + 1, sizeof(struct sync_member *));
	service->members[service->member_count++] = record;
	return record;
}

static void set_word(struct sync *sync, struct sync_member *record, uint64_t word,
		     struct sync_nexthop *nexthop)
{
	struct sync_nexthop *before = record->nexthop;

	record->written.word = word;
	record->nexthop = nexthop;
	if (nexthop)
		nexthop->users++;
	if (before) {
		before->users--;
		nexthop_put(sync, before);
	}
}

/* A death that no daemon has seen yet: or somebody marked it dead while there was none. */
static bool is_news(const struct sync_member *record)
{
	return !(record->written.word & SLUICE_MEMBER_F_DEAD) ||
	       record->written.word & SLUICE_MEMBER_F_OFFLINE;
}

/* Which of its flows the packet path looks at. */
static uint64_t watch_flags(const struct model_service *service, const struct model_pool *pool,
			    const struct model_member *member)
{
	if (service->proto != IPPROTO_TCP || pool->circuit.passive == PASSIVE_MODE_DISABLED)
		return 0;
	return member->is_watched_wholly ? SLUICE_MEMBER_F_SAMPLE_ALL : SLUICE_MEMBER_F_SAMPLE;
}

static uint64_t member_word(const struct sync_member *record, const struct sync_nexthop *nexthop,
			    enum sluice_mode mode, const struct model_member *member)
{
	uint32_t mtu = nexthop ? MIN(member->nexthop.mtu, UINT16_MAX) : 0;
	uint32_t epoch = SLUICE_MEMBER_EPOCH(record->written.word);
	uint64_t word;

	/* Entries of flows name the epoch: a death makes them all stale at once. */
	if (member->is_dead && record->is_written && is_news(record))
		epoch = (epoch + 1) & 0xff;
	word = SLUICE_MEMBER(nexthop ? nexthop->index : SLUICE_NEXTHOP_NONE, mode, epoch, mtu);
	if (member->admin == ADMIN_MAINT)
		word |= SLUICE_MEMBER_F_MAINT; /* for those who look when we are gone */
	if (member->admin == ADMIN_DRAIN)
		word |= SLUICE_MEMBER_F_DRAIN;
	/* Not what a person said: that is on the disk. */
	if ((member->health == HEALTH_DOWN || member->breaker.state == BREAKER_OPEN) &&
	    !member->is_dead && !member->is_readmitted)
		word |= SLUICE_MEMBER_F_DOWN;
	if (member->is_readmitted || member->breaker.state == BREAKER_HALF_OPEN)
		word |= SLUICE_MEMBER_F_READMITTED;
	return member->is_dead ? word | SLUICE_MEMBER_F_DEAD : word;
}

static int member_create(struct sync *sync, struct sync_member *record, uint64_t word,
			 const struct model_service *model, size_t pool_position,
			 const struct model_member *member)
{
	struct sluice_member entry = {.word = word,
				      .addr = member->addr,
				      .service = model->id,
				      .port_be = htons(member->port),
				      .family = (uint8_t)addr_family(&member->addr),
				      .pool = (uint8_t)pool_position,
				      .gue_port_be = htons(model->pools[pool_position].gue_port)};
	int ret = sync_op(sync, member_stats_reset, record->index);

	if (ret == 0)
		ret = sync_op(sync, member_set, record->index, &entry);
	if (ret)
		return ret;
	entry.word = 0;
	record->written = entry;
	record->is_written = true;
	return 0;
}

/* Who looks without a daemon reads it there. */
static int follow_pool(struct sync *sync, struct sync_member *record, size_t pool_position)
{
	int ret;

	if (record->written.pool == (uint8_t)pool_position)
		return 0;
	ret = sync_op(sync, member_set_pool, record->index, (uint8_t)pool_position);
	if (ret == 0)
		record->written.pool = (uint8_t)pool_position;
	return ret;
}

/* The port before the word that says gue. With another mode the old one stays: until its word is there,
 * packets go by it. */
static int follow_way(struct sync *sync, struct sync_member *record, uint64_t word,
		      uint16_t gue_port)
{
	int ret = 0;

	if (gue_port && record->written.gue_port_be != htons(gue_port)) {
		ret = sync_op(sync, member_set_gue_port, record->index, gue_port);
		if (ret)
			return ret;
		record->written.gue_port_be = htons(gue_port);
	}
	if (word != record->written.word)
		ret = sync_op(sync, member_set_word, record->index, word);
	return ret;
}

int sync_member_update(struct sync *sync, struct sync_service *service,
		       const struct model_service *model, size_t pool_position,
		       const struct model_member *member)
{
	const struct model_pool *pool = &model->pools[pool_position];
	struct sync_nexthop *nexthop = NULL;
	struct sync_member *record;
	uint32_t index;
	uint64_t word;
	int ret = 0;

	HASH_FIND(hh, sync->members, &member->id, sizeof(member->id), record);
	if (!record) {
		ret = index_pool_take(&sync->member_indices, &index);
		if (ret)
			return ret;
		record = sync_member_new(sync, service, member->id, index);
	}
	assert(record->service == service);
	record->seen = sync->turn;
	/* A gateway would send what mode l2 gives it back to us, until its hops are used up. */
	if (member->nexthop.ifindex &&
	    !(pool->mode == SLUICE_MODE_L2 && member->nexthop.has_gateway)) {
		nexthop = nexthop_get(sync, &member->nexthop, &ret);
		/* Without room for the new way the old one stays; dead marks never wait. */
		if (!nexthop)
			nexthop = record->nexthop;
	}
	word = member_word(record, nexthop, pool->mode, member) | watch_flags(model, pool, member);
	record->is_urgent = member->is_dead ||
			    (member->admin == ADMIN_READY && weights_member_share(member) == 0);
	/* Who is back takes the packets of slots whose runner-up it is: they stay with it. */
	service->is_death_due |= member->is_dead ? is_news(record)
						 : !!(record->written.word & SLUICE_MEMBER_F_DEAD);
	if (!record->is_written) {
		int err = member_create(sync, record, word, model, pool_position, member);

		if (err) {
			nexthop_put(sync, nexthop);
			return err;
		}
	} else {
		int err = follow_way(sync, record, word, pool->gue_port);

		if (err) {
			nexthop_put(sync, nexthop);
			return err;
		}
	}
	if (word != record->written.word || nexthop != record->nexthop)
		set_word(sync, record, word, nexthop);
	return ret ? ret : follow_pool(sync, record, pool_position);
}

int sync_member_update_local(struct sync *sync, struct sync_service *service,
			     const struct model_service *model)
{
	struct sluice_member entry = {.addr = model->addr,
				      .service = model->id,
				      .port_be = htons(model->port),
				      .family = (uint8_t)addr_family(&model->addr)};
	uint64_t id = SYNC_LOCAL_ID(model->id);
	struct sync_member *record;
	uint32_t index;
	int ret = 0;

	HASH_FIND(hh, sync->members, &id, sizeof(id), record);
	if (!record) {
		ret = index_pool_take(&sync->member_indices, &index);
		if (ret)
			return ret;
		record = sync_member_new(sync, service, id, index);
	}
	record->seen = sync->turn;
	/* It was to go, and its cell has had no table to leave it for. */
	record->is_leaving = false;
	entry.word = SLUICE_MEMBER(SLUICE_NEXTHOP_NONE, SLUICE_MODE_LOCAL,
				   SLUICE_MEMBER_EPOCH(record->written.word), 0);
	if (!record->is_written) {
		ret = sync_op(sync, member_stats_reset, record->index);
		if (ret == 0)
			ret = sync_op(sync, member_set, record->index, &entry);
	} else if (record->written.word != entry.word) {
		ret = sync_op(sync, member_set_word, record->index, entry.word);
	}
	if (ret)
		return ret;
	record->written = entry;
	record->is_written = true;
	service->local_index = record->index;
	return 0;
}

int sync_member_leave(struct sync *sync, struct sync_member *record)
{
	uint64_t word = record->written.word;
	uint32_t epoch = (SLUICE_MEMBER_EPOCH(word) + 1) & 0xff;
	int ret;

	record->service->has_leaving = record->is_leaving = true;
	if (!record->is_written || word & SLUICE_MEMBER_F_DEAD)
		return 0;
	word = (word & ~(0xffULL << 28)) | (uint64_t)epoch << 28 | SLUICE_MEMBER_F_DEAD;
	ret = sync_op(sync, member_set_word, record->index, word);
	if (ret == 0) {
		record->written.word = word;
		record->service->is_death_due = true;
	}
	return ret;
}

/* Its index may be had again when a sweep that begins from now on has removed what names it. */
static void rest(struct sync *sync, struct sync_member *record)
{
	record->rest_sweep = sync->sweep.number + 1;
	sync->resting = util_grow(sync->resting, &sync->resting_capacity, sync->resting_count + 1,
				  sizeof(struct sync_member *));
	sync->resting[sync->resting_count++] = record;
}

void sync_members_retire(struct sync *sync, struct sync_service *service, bool is_all)
{
	size_t i, kept = 0;
	bool has_leaving = false;

	if (!is_all && !service->has_leaving)
		return;
	for (i = 0; i < service->member_count; i++) {
		struct sync_member *record = service->members[i];

		if (!is_all && (!record->is_leaving || record->slots_cur || record->slots_def)) {
			has_leaving |= record->is_leaving;
			service->members[kept++] = record;
			continue;
		}
		rest(sync, record);
		if (record->id)
			HASH_DEL(sync->members, record);
		record->service = NULL;
	}
	service->member_count = kept;
	service->has_leaving = has_leaving;
}

/* The entry stays readable, dead, while its index rests: a packet may have read the slot before
 * the table changed. So do its record and its next hop. */
static int member_free_entry(void *arg, uint32_t index)
{
	struct sync *sync = arg;
	struct sync_member *record = sync->by_index[index];
	int ret = sync_op(sync, member_set_word, index, 0);

	if (ret || !record)
		return ret;
	sync->epochs[index] = (uint8_t)(SLUICE_MEMBER_EPOCH(record->written.word) + 1);
	set_word(sync, record, 0, NULL);
	sync_ceiling_leave(sync, record);
	sync->by_index[index] = NULL;
	free(record);
	return 0;
}

static int nexthop_free_entry(void *arg, uint32_t index)
{
	struct sync *sync = arg;

	return sync_op(sync, nexthop_clear, index);
}

void sync_members_tick(struct sync *sync)
{
	index_pool_tick(&sync->member_indices, sync->now_ms, member_free_entry, sync);
	index_pool_tick(&sync->nexthop_indices, sync->now_ms, nexthop_free_entry, sync);
	sync_ceilings_tick(sync);
}

void sync_members_free(struct sync *sync)
{
	struct sync_nexthop *nexthop, *next;
	uint32_t index;

	HASH_CLEAR(hh, sync->members);
	for (index = 0; index < sync->capacity.members; index++)
		free(sync->by_index[index]);
	HASH_ITER (hh, sync->nexthops, nexthop, next) {
		HASH_DEL(sync->nexthops, nexthop);
		free(nexthop);
	}
}
