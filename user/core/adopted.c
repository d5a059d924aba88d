/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/adopted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/index_pool.h"
#include "core/region_pool.h"

#define HINT                                                                                       \
	"start with --cold-start: new ones take over without a gap, remembered flows, states of "  \
	"limits and counters are lost; or sluicectl detach removes them"
#define CHUNK 1024 /* slots read at a time */

struct check {
	const struct dataplane *dp;
	const struct dp_adopted *found;
	struct dp_capacity capacity;
	uint32_t *services;   /* ids, in their order */
	uint32_t *service_of; /* by index of members, 0: none, so that no slot may name it */
	struct err *e;
};

static int damaged(const struct check *check, const char *what, uint32_t number, const char *rule)
{
	err_set(check->e, ERR_CONFLICT, "maps", "the pinned maps are inconsistent: %s %u %s", what,
		number, rule);
	err_hint(check->e, HINT);
	return -EUCLEAN;
}

static int check_limits(const struct check *check)
{
	const struct dp_adopted *found = check->found;
	struct region_pool regions;
	struct index_pool indices;
	int ret = 0;

	region_pool_init(&regions, check->capacity.limit_sets, DP_LIMIT_SETS_MIN_LOG2);
	index_pool_init(&indices, check->capacity.limits);
	for (size_t i = 0; i < found->limit_count && !ret; i++) {
		uint32_t index = found->limits[i].index;
		__u64 word = found->limits[i].limit.word;

		if (index_pool_claim(&indices, index))
			ret = damaged(check, "limit", index, "is out of range or there twice");
		else if (region_pool_claim(&regions, SLUICE_LIMIT_BASE(word),
					   SLUICE_LIMIT_LOG2(word)))
			ret = damaged(check, "limit", index, "has an impossible or shared region");
	}
	region_pool_done(&regions);
	index_pool_done(&indices);
	return ret;
}

static int check_nexthops(const struct check *check)
{
	const struct dp_adopted *found = check->found;
	struct index_pool indices;
	int ret = 0;

	index_pool_init(&indices, check->capacity.nexthops);
	for (size_t i = 0; i < found->nexthop_count && !ret; i++) {
		uint32_t index = found->nexthops[i].index;

		if (index_pool_claim(&indices, index))
			ret = damaged(check, "next hop", index, "is out of range or there twice");
	}
	index_pool_done(&indices);
	return ret;
}

static int id_compare(const void *a, const void *b)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	return (i > j) - (i < j);
}

static int check_services(struct check *check)
{
	const struct dp_adopted *found = check->found;
	struct region_pool regions;
	int ret = 0;

	region_pool_init(&regions, check->capacity.slots, SLUICE_SLOTS_LOG2_MIN);
	for (size_t i = 0; i < found->service_count && !ret; i++) {
		const struct dp_service *service = &found->services[i];

		check->services[i] = service->id;
		if (!service->is_local &&
		    region_pool_claim(&regions, service->slots_base, service->slots_log2))
			ret = damaged(check, "service id", service->id,
				      "has an impossible or shared slot table");
	}
	region_pool_done(&regions);
	if (ret)
		return ret;
	qsort(check->services, found->service_count, sizeof(*check->services), id_compare);
	for (size_t i = 0; i < found->service_count; i++)
		if (!check->services[i] || (i && check->services[i] == check->services[i - 1]))
			return damaged(check, "service id", check->services[i], "is used twice");
	return 0;
}

/* Those whose service was deleted, and they not yet, stay without one. */
static int check_members(struct check *check)
{
	const struct dp_adopted *found = check->found;
	struct index_pool indices;
	int ret = 0;

	index_pool_init(&indices, check->capacity.members);
	for (size_t i = 0; i < found->member_count && !ret; i++) {
		uint32_t index = found->members[i].index;
		uint32_t service = found->members[i].member.service;

		if (index_pool_claim(&indices, index))
			ret = damaged(check, "member", index, "is out of range or there twice");
		else if (bsearch(&service, check->services, found->service_count,
				 sizeof(*check->services), id_compare))
			check->service_of[index] = service;
	}
	index_pool_done(&indices);
	return ret;
}

static bool may_own(const struct check *check, const struct dp_service *service, uint32_t member)
{
	return !member ||
	       (member < check->capacity.members && check->service_of[member] == service->id);
}

static int check_table(const struct check *check, const struct dp_service *service)
{
	const uint64_t flags = SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN | SLUICE_SLOT_F_PRE |
			       SLUICE_SLOT_F_DIRTY;
	uint32_t size = 1U << service->slots_log2, chunk = MIN(size, CHUNK);
	uint64_t words[CHUNK];

	for (uint32_t slot = 0; slot < size; slot += chunk) {
		uint32_t first = service->slots_base + slot;
		int ret = check->dp->ops->slots_read(check->dp->dp, first, chunk, words);

		if (ret)
			return err_set(check->e, ERR_SYSTEM, "maps",
				       "the pinned slots cannot be read: %s", strerror(-ret));
		for (uint32_t i = 0; i < chunk; i++)
			if ((words[i] & ~flags) >> 48 ||
			    !may_own(check, service, SLUICE_SLOT_CUR(words[i])) ||
			    !may_own(check, service, SLUICE_SLOT_DEF(words[i])))
				return damaged(
					check, "slot", first + i,
					"names a member of another service, or has unknown flags");
	}
	return 0;
}

static int check_slots(const struct check *check)
{
	int ret = 0;

	for (size_t i = 0; i < check->found->service_count && !ret; i++)
		if (!check->found->services[i].is_local)
			ret = check_table(check, &check->found->services[i]);
	return ret;
}

static int check_all(struct check *check)
{
	int ret = check_limits(check);

	if (!ret)
		ret = check_services(check);
	if (!ret)
		ret = check_nexthops(check);
	if (!ret)
		ret = check_members(check);
	return ret ? ret : check_slots(check);
}

int adopted_read(const struct dataplane *dp, struct dp_adopted *ret_found, struct err *e)
{
	struct dp_adopted found = {0};
	struct check check = {.dp = dp, .found = &found, .e = e};
	int ret = dp->ops->adopt(dp->dp, &found);

	if (ret) {
		err_set(e, ERR_CONFLICT, "maps", "the pinned maps cannot be read: %s",
			strerror(-ret));
		err_hint(e, HINT);
		return ret;
	}
	dp->ops->capacity(dp->dp, &check.capacity);
	check.services = util_alloc_array(found.service_count + 1, sizeof(*check.services));
	check.service_of =
		util_alloc_array((size_t)check.capacity.members + 1, sizeof(*check.service_of));
	ret = check_all(&check);
	free(check.services);
	free(check.service_of);
	if (ret)
		dp_adopted_done(&found);
	else
		*ret_found = found;
	return ret;
}
