/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fake/model_oracle_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "fake/fake_config.h"

struct oracle *oracle_new(unsigned int seed)
{
	struct oracle *oracle = util_alloc(sizeof(*oracle));

	oracle->seed = seed;
	return oracle;
}

void oracle_free(struct oracle *oracle)
{
	free(oracle);
}

static unsigned int pick(struct oracle *oracle, unsigned int n)
{
	return ((unsigned int)rand_r(&oracle->seed) >> 4) % n;
}

static struct member_row *find(struct tables *t, const char *service, const char *pool,
			       const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < t->member_count; i++) {
		struct member_row *row = &t->members[i];

		if (strcmp(row->service, service) == 0 && (!pool || strcmp(row->pool, pool) == 0) &&
		    addr_equal(&row->addr, addr))
			return row;
	}
	return NULL;
}

struct member_row *oracle_find_removed(struct tables *t, const char *service, const char *pool,
				       const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < t->removed_count; i++) {
		struct member_row *row = &t->removed[i];

		if (strcmp(row->service, service) == 0 && (!pool || strcmp(row->pool, pool) == 0) &&
		    addr_equal(&row->addr, addr))
			return row;
	}
	return NULL;
}

static struct service_row *find_service(struct tables *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->service_count; i++) {
		if (strcmp(t->services[i].name, name) == 0)
			return &t->services[i];
	}
	return NULL;
}

static struct pool_row *find_pool(struct tables *t, const char *service, const char *pool)
{
	size_t i;

	for (i = 0; i < t->pool_count; i++) {
		if (strcmp(t->pools[i].service, service) == 0 &&
		    strcmp(t->pools[i].pool, pool) == 0)
			return &t->pools[i];
	}
	return NULL;
}

void oracle_random_change(struct oracle *oracle, const struct model *model,
			  struct change *ret_change, struct config **ret_config)
{
	struct change *c = ret_change;
	struct tables *t = &oracle->now;
	struct model_service *service;
	struct model_member *member;

	*c = (struct change){.owner = OWNER_API};
	if (!t->member_count || pick(oracle, 40) == 0) {
		c->type = CHANGE_CONFIG;
		c->owner = OWNER_FILE;
		c->is_forced = pick(oracle, 3) > 0 || !t->member_count;
		*ret_config = fake_config_random(&oracle->seed);
		c->config = *ret_config;
		return;
	}
	/* Lists have a test of their own. */
	c->type = (enum change_type)(CHANGE_MEMBER_ADD + pick(oracle, CHANGE_LIMIT_MODE));
	oracle->target = t->members[pick(oracle, (unsigned int)t->member_count)];
	oracle->is_target_known = pick(oracle, 15) > 0;
	if (!oracle->is_target_known || (c->type == CHANGE_MEMBER_ADD && pick(oracle, 4)))
		oracle->target.addr.b[15] = (uint8_t)(200 + pick(oracle, 40));
	c->service = oracle->target.service;
	c->pool = pick(oracle, 2) ? oracle->target.pool : NULL;
	c->addr = oracle->target.addr;
	c->weight = pick(oracle, 12) ? pick(oracle, 4) * 50 : 65536;
	c->admin = (enum admin_state)pick(oracle, ADMIN_STATE_MAX);
	c->health = (enum health_state)pick(oracle, HEALTH_STATE_MAX);
	c->nexthop_state = pick(oracle, 3) ? NEXTHOP_RESOLVED
					   : (enum nexthop_state)pick(oracle, NEXTHOP_STATE_MAX);
	c->nexthop.ifindex = 2;
	c->limit = t->limit_count ? t->limits[pick(oracle, (unsigned int)t->limit_count)].name
				  : "none";
	c->limit_mode = (enum sluice_limit_mode)pick(oracle, SLUICE_LIMIT_MODE_MAX);
	c->member_id = UINT64_MAX;
	service = model_find_service(model, c->service);
	member =
		service ? model_find_member(model_find_pool(service, oracle->target.pool), &c->addr)
			: NULL;
	if (member)
		c->member_id = member->id;
}

/* Where it was: in that pool, or, as the file's, in another one of the service. */
static struct member_row *find_old(struct tables *old, const char *service, const char *pool,
				   const struct sluice_addr *addr)
{
	struct member_row *was = find(old, service, pool, addr);
	size_t i;

	for (i = 0; i < old->member_count && !was; i++)
		if (old->members[i].is_file && strcmp(old->members[i].service, service) == 0 &&
		    addr_equal(&old->members[i].addr, addr))
			was = &old->members[i];
	return was;
}

/* Of one whose service listens elsewhere now, what was said is left. */
static void forget_observed(struct member_row *row, const struct pool_config *pool)
{
	row->health = pool->check.type == CHECK_NONE ? HEALTH_UP : HEALTH_UNKNOWN;
	row->nexthop = NEXTHOP_PENDING;
}

static void config_members(struct tables *old, struct tables *fresh,
			   const struct service_config *service, const struct pool_config *pool,
			   bool is_same_listen)
{
	size_t i;

	for (i = 0; i < pool->member_count; i++) {
		const struct member_config *m = &pool->members[i];
		struct member_row *was = find_old(old, service->name, pool->name, &m->addr);
		struct member_row row = {.addr = m->addr,
					 .is_file = true,
					 .weight = m->weight,
					 .weight_file = m->weight,
					 .admin = m->admin,
					 .admin_file = m->admin};

		forget_observed(&row, pool);
		util_copy(row.service, NAME, service->name);
		util_copy(row.pool, NAME, pool->name);
		if (oracle_find_removed(old, service->name, NULL, &m->addr) &&
		    !find(old, service->name, NULL, &m->addr)) {
			fresh->removed[fresh->removed_count++] = row;
			continue;
		}
		if (was) {
			row = *was;
			util_copy(row.pool, NAME, pool->name);
			if (was->admin_file != m->admin)
				row.admin = m->admin;
			row.admin_file = m->admin;
			row.is_file = true;
			if (!was->is_file || was->weight_file != m->weight)
				row.weight = m->weight;
			row.weight_file = m->weight;
			if (!is_same_listen)
				forget_observed(&row, pool);
		}
		fresh->members[fresh->member_count++] = row;
	}
	for (i = 0; i < old->member_count; i++) {
		const struct member_row *was = &old->members[i];

		if (strcmp(was->service, service->name) != 0 ||
		    strcmp(was->pool, pool->name) != 0 || was->is_file ||
		    find(fresh, was->service, was->pool, &was->addr))
			continue;
		fresh->members[fresh->member_count++] = *was;
		if (!is_same_listen)
			forget_observed(&fresh->members[fresh->member_count - 1], pool);
	}
}

static bool is_guarded(struct tables *old, struct tables *fresh)
{
	size_t i, j, lost = 0, had, has;

	for (i = 0; i < old->member_count; i++)
		lost += !find(fresh, old->members[i].service, NULL, &old->members[i].addr);
	if (3 * lost > old->member_count)
		return true;
	for (i = 0; i < fresh->service_count; i++) {
		if (fresh->services[i].mode == SLUICE_MODE_LOCAL)
			continue;
		for (had = j = 0; j < old->member_count; j++)
			had += strcmp(old->members[j].service, fresh->services[i].name) == 0;
		for (has = j = 0; j < fresh->member_count; j++)
			has += strcmp(fresh->members[j].service, fresh->services[i].name) == 0;
		if (had && !has)
			return true;
	}
	return false;
}

/* A member that a command added must fit the service that the file now describes. */
static bool is_family_wrong(struct tables *fresh)
{
	size_t i;

	for (i = 0; i < fresh->member_count; i++) {
		if (addr_family(&fresh->members[i].addr) == SLUICE_FAMILY_V6 &&
		    find_service(fresh, fresh->members[i].service)->mode == SLUICE_MODE_L2)
			return true;
	}
	return false;
}

static bool config_apply(struct oracle *oracle, const struct config *config, bool is_forced)
{
	struct tables *old = &oracle->now;
	struct tables *fresh = util_alloc(sizeof(*fresh));
	bool is_accepted;
	size_t s, p, l;

	for (s = 0; s < config->service_count; s++) {
		const struct service_config *from = &config->services[s];
		const struct service_row *was = find_service(old, from->name);
		struct service_row *row = &fresh->services[fresh->service_count++];

		util_copy(row->name, NAME, from->name);
		row->addr = from->addr;
		row->port = from->port;
		row->mode = from->mode;
		for (p = 0; p < from->pool_count; p++) {
			struct pool_row *pool = &fresh->pools[fresh->pool_count++];

			util_copy(pool->service, NAME, from->name);
			util_copy(pool->pool, NAME, from->pools[p].name);
			pool->share = from->pools[p].share;
			pool->check = from->pools[p].check.type;
			config_members(old, fresh, from, &from->pools[p],
				       was && was->port == from->port &&
					       addr_equal(&was->addr, &from->addr));
		}
	}
	for (l = 0; l < config->limit_count; l++) {
		struct limit_row *row = &fresh->limits[fresh->limit_count++];
		size_t o;

		util_copy(row->name, NAME, config->limits[l].name);
		row->mode = row->mode_file = config->limits[l].mode;
		row->rate_n = config->limits[l].rate.n;
		for (o = 0; o < old->limit_count; o++) {
			if (strcmp(old->limits[o].name, row->name) == 0 &&
			    old->limits[o].mode_file == row->mode_file)
				row->mode = old->limits[o].mode;
		}
	}
	is_accepted = (is_forced || !is_guarded(old, fresh)) && !is_family_wrong(fresh);
	if (is_accepted)
		*old = *fresh;
	free(fresh);
	return is_accepted;
}

size_t oracle_pools_of(const struct tables *t, const char *service)
{
	size_t i, count = 0;

	for (i = 0; i < t->pool_count; i++)
		count += strcmp(t->pools[i].service, service) == 0;
	return count;
}

/* What mode l2 wants of the family is true of all addresses that are ever tried: v4 in v4. A
 * random address keeps the family of the member it was made from. */
static bool member_apply(struct oracle *oracle, const struct change *c)
{
	struct tables *t = &oracle->now;
	struct member_row *row = find(t, c->service, c->pool, &c->addr);
	bool is_elsewhere = find(t, c->service, NULL, &c->addr);
	struct member_row *removed;

	if (c->type == CHANGE_MEMBER_ADD) {
		const char *pool = c->pool ? c->pool : oracle->target.pool;

		if (is_elsewhere || c->weight > 65535 ||
		    (!c->pool && oracle_pools_of(t, c->service) != 1))
			return false;
		row = &t->members[t->member_count++];
		*row = (struct member_row){.addr = c->addr, .weight = c->weight};
		row->weight_file = c->weight;
		util_copy(row->service, NAME, c->service);
		util_copy(row->pool, NAME, pool);
		removed = oracle_find_removed(t, c->service, pool, &c->addr);
		if (removed) {
			row->is_file = true;
			row->weight_file = removed->weight_file;
			row->admin_file = removed->admin_file;
			*removed = t->removed[--t->removed_count];
		}
		row->health = find_pool(t, c->service, pool)->check == CHECK_NONE ? HEALTH_UP
										  : HEALTH_UNKNOWN;
		return true;
	}
	if (!row)
		return false;
	if (c->type == CHANGE_MEMBER_WEIGHT) {
		if (c->weight > 65535)
			return false;
		row->weight = c->weight;
		row->weight_file = row->is_file ? row->weight_file : c->weight;
	} else if (c->type == CHANGE_MEMBER_ADMIN) {
		row->admin = c->admin;
	} else {
		if (row->is_file)
			t->removed[t->removed_count++] = *row;
		*row = t->members[--t->member_count];
	}
	return true;
}

bool oracle_apply(struct oracle *oracle, const struct change *c)
{
	struct tables *t = &oracle->now;
	struct member_row *row;
	bool is_accepted;
	size_t i;

	if (c->type == CHANGE_MEMBER_HEALTH || c->type == CHANGE_MEMBER_NEXTHOP) {
		row = find(t, oracle->target.service, oracle->target.pool, &c->addr);
		if (!row)
			return false;
		if (c->type == CHANGE_MEMBER_HEALTH)
			row->health = c->health;
		else
			row->nexthop = c->nexthop_state;
		return true;
	}
	if (c->type == CHANGE_LIMIT_MODE) {
		for (i = 0; i < t->limit_count && strcmp(t->limits[i].name, c->limit) != 0; i++)
			;
		is_accepted = i < t->limit_count;
		if (is_accepted)
			t->limits[i].mode = c->limit_mode;
	} else if (c->type == CHANGE_CONFIG) {
		is_accepted = config_apply(oracle, c->config, c->is_forced);
	} else {
		is_accepted = member_apply(oracle, c);
	}
	oracle->revision += is_accepted;
	return is_accepted;
}
