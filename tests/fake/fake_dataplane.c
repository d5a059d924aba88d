/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fake/fake_dataplane.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "fake/fake_internal.h"

void fake_breach(struct fake_dataplane *fake, const char *fmt, ...)
{
	va_list args;

	if (fake->breach[0])
		return;
	va_start(args, fmt);
	vsnprintf(fake->breach, sizeof(fake->breach), fmt, args);
	va_end(args);
}

/* Counts a write; nonzero when this one is to fail. */
int fake_writing(struct fake_dataplane *fake)
{
	if (fake->fail_in > 0 && --fake->fail_in == 0)
		return -EIO;
	fake->writes++;
	return 0;
}

static void fake_capacity(void *dp, struct dp_capacity *ret_capacity)
{
	*ret_capacity = ((struct fake_dataplane *)dp)->capacity;
}

static int fake_adopt(void *dp, struct dp_adopted *ret_adopted)
{
	struct fake_dataplane *fake = dp;
	struct dp_capacity c = fake->capacity;
	struct dp_adopted a = {0};
	uint32_t i;

	a.services = util_alloc_array(c.service_cells, sizeof(*a.services));
	a.members = util_alloc_array(c.members, sizeof(*a.members));
	a.nexthops = util_alloc_array(c.nexthops, sizeof(*a.nexthops));
	a.limits = util_alloc_array(c.limits, sizeof(*a.limits));
	for (i = 0; i < c.service_cells; i++) {
		if (fake->services[i].is_used)
			a.services[a.service_count++] = fake->services[i].service;
	}
	for (i = 0; i < c.members; i++) {
		if (!fake->members[i].word)
			continue;
		a.members[a.member_count].index = i;
		a.members[a.member_count++].member = fake->members[i];
	}
	for (i = 0; i < c.nexthops; i++) {
		if (!fake->nexthops[i].flags)
			continue;
		a.nexthops[a.nexthop_count].index = i;
		a.nexthops[a.nexthop_count++].nexthop = fake->nexthops[i];
	}
	for (i = 0; i < c.limits; i++) {
		if (!fake->limits[i].word)
			continue;
		util_copy(a.limits[a.limit_count].name, sizeof(a.limits->name),
			  fake->limit_names[i]);
		a.limits[a.limit_count].index = i;
		a.limits[a.limit_count++].limit = fake->limits[i];
	}
	memcpy(a.host_limits, fake->host_limits, sizeof(a.host_limits));
	*ret_adopted = a;
	return 0;
}

static struct fake_service *find(const struct fake_dataplane *fake, const struct sluice_addr *addr,
				 uint16_t port, uint8_t proto)
{
	uint32_t i;

	for (i = 0; i < fake->capacity.service_cells; i++) {
		struct fake_service *cell = &fake->services[i];

		if (cell->is_used && addr_equal(&cell->service.addr, addr) &&
		    cell->service.port == port && cell->service.proto == proto)
			return cell;
	}
	return NULL;
}

static int fake_service_set(void *dp, const struct dp_service *service)
{
	struct fake_dataplane *fake = dp;
	struct fake_service *cell = find(fake, &service->addr, service->port, service->proto);
	int ret = fake_writing(fake);
	uint32_t i;

	if (ret)
		return ret;
	if (cell && cell->service.id != service->id)
		fake_breach(fake, "service %u set over service %u", service->id, cell->service.id);
	for (i = 0; !cell && i < fake->capacity.service_cells; i++) {
		if (!fake->services[i].is_used)
			cell = &fake->services[i];
	}
	if (!cell)
		return -ENOSPC;
	cell->is_used = true;
	cell->service = *service;
	return 0;
}

static int fake_service_delete(void *dp, const struct dp_service *service)
{
	struct fake_dataplane *fake = dp;
	struct fake_service *cell = find(fake, &service->addr, service->port, service->proto);
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (!cell || cell->service.id != service->id) {
		fake_breach(fake, "service %u deleted but not there", service->id);
		return -ENOENT;
	}
	cell->is_used = false;
	return 0;
}

static bool is_nexthop_named(const struct fake_dataplane *fake, uint32_t index)
{
	uint32_t i;

	for (i = 1; i < fake->capacity.members; i++) {
		if (fake->members[i].word && SLUICE_MEMBER_NEXTHOP(fake->members[i].word) == index)
			return true;
	}
	return false;
}

/* The word changes its next hop: notes when the old one lost its last member. */
static void word_changes(struct fake_dataplane *fake, uint32_t index, uint64_t word)
{
	uint32_t old = SLUICE_MEMBER_NEXTHOP(fake->members[index].word);
	uint32_t now = SLUICE_MEMBER_NEXTHOP(word);

	if (now && !fake->nexthops[now].flags)
		fake_breach(fake, "member %u names next hop %u, which is not set", index, now);
	if (SLUICE_MEMBER_MODE(word) == SLUICE_MODE_GUE && !fake->members[index].gue_port_be)
		fake_breach(fake, "member %u goes by UDP to port 0", index);
	fake->members[index].word = word;
	if (old && old != now && !is_nexthop_named(fake, old))
		fake->nexthop_unused_ms[old] = fake->now_ms;
}

static int fake_member_set(void *dp, uint32_t index, const struct sluice_member *member)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (index == 0 || index >= fake->capacity.members)
		return -ERANGE;
	if (fake->members[index].word)
		fake_breach(fake, "member %u written while in use", index);
	if (fake->member_unused_ms[index] &&
	    fake->now_ms < fake->member_unused_ms[index] + SLUICE_REUSE_AFTER_MS)
		fake_breach(fake, "member %u reused after %llu ms", index,
			    (unsigned long long)(fake->now_ms - fake->member_unused_ms[index]));
	fake->member_unused_ms[index] = 0;
	fake->members[index] = *member;
	fake->members[index].word = 0;
	word_changes(fake, index, member->word);
	return 0;
}

bool fake_is_slot_used(const struct fake_dataplane *fake, uint32_t slot)
{
	uint32_t i;

	for (i = 0; i < fake->capacity.service_cells; i++) {
		const struct dp_service *s = &fake->services[i].service;

		if (fake->services[i].is_used && !s->is_local && slot >= s->slots_base &&
		    slot - s->slots_base < 1U << s->slots_log2)
			return true;
	}
	return false;
}

static int fake_member_set_word(void *dp, uint32_t index, uint64_t word)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);
	uint32_t slot;

	if (ret)
		return ret;
	if (index == 0 || index >= fake->capacity.members)
		return -ERANGE;
	if (word && !fake->members[index].word)
		fake_breach(fake, "member %u: a word without an entry", index);
	for (slot = 0; !word && slot < fake->capacity.slots; slot++) {
		if ((SLUICE_SLOT_CUR(fake->slots[slot]) == index ||
		     SLUICE_SLOT_DEF(fake->slots[slot]) == index || fake->runner[slot] == index) &&
		    fake_is_slot_used(fake, slot)) {
			fake_breach(fake, "member %u freed while slot %u names it", index, slot);
			break;
		}
	}
	word_changes(fake, index, word);
	return 0;
}

static int fake_nexthop_set(void *dp, uint32_t index, const struct sluice_nexthop *nexthop)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (index == 0 || index >= fake->capacity.nexthops)
		return -ERANGE;
	if (fake->nexthops[index].flags)
		fake_breach(fake, "next hop %u changed while in use", index);
	if (fake->nexthop_unused_ms[index] &&
	    fake->now_ms < fake->nexthop_unused_ms[index] + SLUICE_REUSE_AFTER_MS)
		fake_breach(fake, "next hop %u reused too early", index);
	fake->nexthop_unused_ms[index] = 0;
	fake->nexthops[index] = *nexthop;
	return 0;
}

static int fake_nexthop_clear(void *dp, uint32_t index)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if (is_nexthop_named(fake, index))
		fake_breach(fake, "next hop %u cleared while a member names it", index);
	memset(&fake->nexthops[index], 0, sizeof(fake->nexthops[index]));
	return 0;
}

static int fake_limit_set(void *dp, uint32_t index, const struct sluice_limit *limit)
{
	struct fake_dataplane *fake = dp;
	struct sluice_limit *entry = &fake->limits[index];
	int ret = fake_writing(fake), i;

	if (ret)
		return ret;
	if (index == 0 || index >= fake->capacity.limits)
		return -ERANGE;
	if (limit->word && !entry->word && fake->limit_unused_ms[index] &&
	    fake->now_ms < fake->limit_unused_ms[index] + SLUICE_REUSE_AFTER_MS)
		fake_breach(fake, "limit %u reused too early", index);
	for (i = 0; !limit->word && i < SLUICE_SERVICE_LIMITS_MAX; i++) {
		if (fake->host_limits[i] == index)
			fake_breach(fake, "limit %u cleared while all packets ask it", index);
	}
	if (!limit->word)
		fake->limit_unused_ms[index] = fake->now_ms;
	fake_bans_limit_set(fake, index, limit);
	*entry = *limit;
	return 0;
}

static int fake_limit_clear_region(void *dp, uint32_t base, uint32_t log2)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);
	uint32_t i;

	if (ret)
		return ret;
	if ((uint64_t)base + (1U << log2) > fake->capacity.limit_sets)
		return -ERANGE;
	for (i = 0; i < 1U << log2; i++)
		fake->limit_cleared_ms[base + i] = fake->now_ms;
	return 0;
}

static int fake_limit_move_region(void *dp, const struct sluice_limit *from,
				  const struct sluice_limit *to)
{
	struct fake_dataplane *fake = dp;
	uint32_t old = SLUICE_LIMIT_BASE(from->word), new = SLUICE_LIMIT_BASE(to->word);
	uint32_t sets = 1U << SLUICE_LIMIT_LOG2(to->word), i;
	int ret = fake_writing(fake);

	if (ret)
		return ret;
	if ((uint64_t)MAX(old, new) + sets > fake->capacity.limit_sets)
		return -ERANGE;
	if (old < new + sets &&new < old + sets)
		fake_breach(fake, "a region of sources moved onto itself");
	if (SLUICE_LIMIT_LOG2(from->word) != SLUICE_LIMIT_LOG2(to->word))
		fake_breach(fake, "a region of sources moved to one of another size");
	for (i = 0; i < sets; i++)
		fake->limit_cleared_ms[new + i] = fake->now_ms;
	fake->limits_moved++;
	return 0;
}

static int fake_host_limits_set(void *dp, const uint16_t limits[SLUICE_SERVICE_LIMITS_MAX])
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake), i;

	if (ret)
		return ret;
	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX; i++) {
		if (limits[i] && !fake->limits[limits[i]].word)
			fake_breach(fake, "limit %u of all packets is not there", limits[i]);
	}
	memcpy(fake->host_limits, limits, sizeof(fake->host_limits));
	return 0;
}

static int fake_member_stats(void *dp, uint32_t index, struct sluice_member_stats *ret_stats)
{
	*ret_stats = ((struct fake_dataplane *)dp)->member_stats[index];
	return 0;
}

static int fake_member_stats_reset(void *dp, uint32_t index)
{
	struct fake_dataplane *fake = dp;
	int ret = fake_writing(fake);

	if (ret == 0)
		fake->member_stats[index] = (struct sluice_member_stats){0};
	return ret;
}

static int fake_host_stats(void *dp, const struct sluice_addr *addr, struct sluice_host *ret_stats)
{
	const struct fake_dataplane *fake = dp;
	uint32_t i;

	for (i = 1; i < fake->capacity.members; i++) {
		if (!SLUICE_MODE_IS_TUNNEL(SLUICE_MEMBER_MODE(fake->members[i].word)) ||
		    memcmp(&fake->members[i].addr, addr, sizeof(*addr)) != 0)
			continue;
		*ret_stats = fake->hosts[i];
		return 0;
	}
	return -ENOENT;
}

static int fake_limit_stats(void *dp, uint32_t index, struct sluice_limit_stats *ret_stats)
{
	(void)dp;
	*ret_stats = (struct sluice_limit_stats){.passed = index};
	return 0;
}

static int fake_list_stats(void *dp, uint32_t list, struct sluice_list_stats *ret_stats)
{
	(void)dp;
	*ret_stats = (struct sluice_list_stats){.refused = list};
	return 0;
}

static int fake_verdict_stats(void *dp, struct sluice_verdict_stats ret_stats[SLUICE_V_MAX])
{
	(void)dp;
	memset(ret_stats, 0, SLUICE_V_MAX * sizeof(*ret_stats));
	return 0;
}

static const struct dataplane_ops fake_ops = {
	.capacity = fake_capacity,
	.adopt = fake_adopt,
	.service_set = fake_service_set,
	.service_delete = fake_service_delete,
	.member_set = fake_member_set,
	.member_set_word = fake_member_set_word,
	.member_set_ceiling = fake_member_set_ceiling,
	.member_set_pool = fake_member_set_pool,
	.member_set_gue_port = fake_member_set_gue_port,
	.nexthop_set = fake_nexthop_set,
	.nexthop_clear = fake_nexthop_clear,
	.slots_write = fake_slots_write,
	.slots_read = fake_slots_read,
	.slot_swap = fake_slot_swap,
	.runners_read = fake_runners_read,
	.runner_set = fake_runner_set,
	.flow_scan = fake_flow_scan,
	.flow_settings = fake_flow_settings,
	.packet_second = fake_packet_second,
	.limit_set = fake_limit_set,
	.limit_clear_region = fake_limit_clear_region,
	.limit_move_region = fake_limit_move_region,
	.host_limits_set = fake_host_limits_set,
	.member_stats = fake_member_stats,
	.member_stats_reset = fake_member_stats_reset,
	.host_stats = fake_host_stats,
	.limit_stats = fake_limit_stats,
	.ceiling_set = fake_ceiling_set,
	.ceiling_stats = fake_ceiling_stats,
	.access_replace = fake_access_replace,
	.ban_set = fake_ban_set,
	.ban_delete = fake_ban_delete,
	.ban_each = fake_ban_each,
	.measure_start = fake_measure_start,
	.measure_stop = fake_measure_stop,
	.measure_read = fake_measure_read,
	.refusals_read = fake_refusals_read,
	.list_stats = fake_list_stats,
	.verdict_stats = fake_verdict_stats,
	.flow_stats = fake_flow_stats,
};

struct dp_capacity fake_dataplane_capacity(void)
{
	return (struct dp_capacity){.service_cells = 128,
				    .slots = 1U << 18,
				    .members = 1024,
				    .nexthops = 1024,
				    .limits = 64,
				    .limit_sets = 1U << 13,
				    .bans = 1U << 10,
				    .member_ceilings = 1U << 8,
				    .flow_sets = 1U << 8,
				    .pending_sets = 1U << 6,
				    .tracked_sets = 1U << 8};
}

struct fake_dataplane *fake_dataplane_new(const struct dp_capacity *capacity)
{
	struct fake_dataplane *fake = util_alloc(sizeof(*fake));
	struct dp_capacity c = *capacity;
	uint32_t table;

	fake->capacity = c;
	fake->services = util_alloc_array(c.service_cells, sizeof(*fake->services));
	fake->slots = util_alloc_array(c.slots, sizeof(*fake->slots));
	for (table = 0; table < DP_FLOW_TABLE_MAX; table++)
		fake->flows[table] = util_alloc_array(fake_flow_sets(fake, table),
						      sizeof(struct sluice_flow_set));
	fake->runner = util_alloc_array(c.slots, sizeof(*fake->runner));
	fake->members = util_alloc_array(c.members, sizeof(*fake->members));
	fake->member_stats = util_alloc_array(c.members, sizeof(*fake->member_stats));
	fake->hosts = util_alloc_array(c.members, sizeof(*fake->hosts));
	fake->nexthops = util_alloc_array(c.nexthops, sizeof(*fake->nexthops));
	fake->limits = util_alloc_array(c.limits, sizeof(*fake->limits));
	fake->limit_names = util_alloc_array(c.limits, sizeof(*fake->limit_names));
	fake->ceilings = util_alloc_array((size_t)c.service_cells + c.member_ceilings,
					  sizeof(*fake->ceilings));
	fake->limit_cleared_ms = util_alloc_array(c.limit_sets, sizeof(uint64_t));
	fake->member_unused_ms = util_alloc_array(c.members, sizeof(uint64_t));
	fake->nexthop_unused_ms = util_alloc_array(c.nexthops, sizeof(uint64_t));
	fake->limit_unused_ms = util_alloc_array(c.limits, sizeof(uint64_t));
	fake->member_named = util_alloc_array(c.members, sizeof(bool));
	return fake;
}

void fake_dataplane_free(struct fake_dataplane *fake)
{
	uint32_t table;

	if (!fake)
		return;
	free(fake->services);
	free(fake->slots);
	for (table = 0; table < DP_FLOW_TABLE_MAX; table++)
		free(fake->flows[table]);
	free(fake->runner);
	free(fake->members);
	free(fake->member_stats);
	free(fake->hosts);
	free(fake->nexthops);
	free(fake->limits);
	free(fake->limit_names);
	free(fake->access);
	free(fake->ceilings);
	free(fake->bans);
	free(fake->refusals);
	free(fake->measured);
	free(fake->limit_cleared_ms);
	free(fake->member_unused_ms);
	free(fake->nexthop_unused_ms);
	free(fake->limit_unused_ms);
	free(fake->member_named);
	free(fake);
}

struct dataplane fake_dataplane_port(struct fake_dataplane *fake)
{
	return (struct dataplane){&fake_ops, fake};
}

const struct dp_service *fake_dataplane_service(const struct fake_dataplane *fake,
						const struct sluice_addr *addr, uint16_t port,
						uint8_t proto)
{
	const struct fake_service *cell = find(fake, addr, port, proto);

	return cell ? &cell->service : NULL;
}
