/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fake/model_oracle_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "core/weights.h"

/* By the definition, in floating point: the part of its service that a member should get. */
static double part(const struct tables *t, const struct member_row *row, bool is_panicked)
{
	double pool_sum = 0, share_sum = 0, own_share = 0;
	size_t i;

	for (i = 0; i < t->member_count; i++) {
		const struct member_row *m = &t->members[i];

		if (strcmp(m->service, row->service) == 0 && strcmp(m->pool, row->pool) == 0 &&
		    m->admin != ADMIN_MAINT)
			pool_sum += m->weight;
	}
	for (i = 0; i < t->pool_count; i++) {
		if (strcmp(t->pools[i].service, row->service) != 0)
			continue;
		share_sum += t->pools[i].share;
		if (strcmp(t->pools[i].pool, row->pool) == 0)
			own_share = t->pools[i].share;
	}
	if (row->admin != ADMIN_READY || row->nexthop != NEXTHOP_RESOLVED ||
	    (row->health == HEALTH_DOWN && !is_panicked) || pool_sum == 0)
		return 0;
	return own_share / share_sum * row->weight / pool_sum;
}

static bool is_panicked(const struct tables *t, const char *service)
{
	bool is_somebody = false;
	size_t i;

	for (i = 0; i < t->member_count; i++) {
		if (strcmp(t->members[i].service, service) != 0)
			continue;
		if (part(t, &t->members[i], false) > 0)
			return false;
		is_somebody |= part(t, &t->members[i], true) > 0;
	}
	return is_somebody;
}

static void assert_member(const struct tables *t, const struct member_row *row,
			  const struct model_service *service, const struct model_pool *pool,
			  const struct model_member *m)
{
	bool is_panic = is_panicked(t, row->service);
	double want = part(t, row, is_panic);
	double got = weights_effective(service, pool, m) / 0x1p31;
	bool is_readmitted = is_panic && row->health == HEALTH_DOWN && want > 0;

	assert_int_equal(m->port, service->port);
	assert_int_equal(m->owner, row->is_file ? OWNER_FILE : OWNER_API);
	assert_int_equal(m->weight, row->weight);
	assert_int_equal(m->weight_file, row->weight_file);
	assert_int_equal(m->admin, row->admin);
	assert_int_equal(m->admin_file, row->admin_file);
	assert_int_equal(m->health, row->health);
	assert_int_equal(m->nexthop_state, row->nexthop);
	assert_int_equal(m->is_readmitted, is_readmitted);
	assert_int_equal(m->is_dead, row->admin == ADMIN_MAINT || row->nexthop == NEXTHOP_FAILED ||
					     (row->health == HEALTH_DOWN && !is_readmitted));
	assert_true((want > 0) == (got > 0));
	assert_true(got - want < 1e-9 && want - got < 1e-9);
}

void oracle_assert_equal(const struct oracle *oracle, const struct model *model)
{
	struct tables *t = (struct tables *)&oracle->now;
	size_t i, members = 0, p;

	assert_int_equal(model_revision(model), oracle->revision);
	assert_int_equal(model_service_count(model), t->service_count);
	assert_int_equal(model_limit_count(model), t->limit_count);
	for (i = 0; i < t->limit_count; i++) {
		const struct model_limit *limit = model_find_limit(model, t->limits[i].name);

		assert_non_null(limit);
		assert_ptr_equal(limit, model_limit_by_id(model, limit->id));
		assert_int_equal(limit->config.mode, t->limits[i].mode);
		assert_int_equal(limit->mode_file, t->limits[i].mode_file);
		assert_int_equal(limit->config.rate.n, t->limits[i].rate_n);
	}
	for (i = 0; i < t->service_count; i++) {
		const struct model_service *service =
			model_find_service(model, t->services[i].name);

		assert_non_null(service);
		assert_int_equal(service->mode, t->services[i].mode);
		assert_int_equal(service->port, t->services[i].port);
		assert_int_equal(service->pool_count, oracle_pools_of(t, service->name));
		assert_int_equal(service->panic == PANIC_READMIT, is_panicked(t, service->name));
		for (p = 0; p < service->pool_count; p++)
			members += service->pools[p].member_count;
	}
	assert_int_equal(members, t->member_count);
	assert_int_equal(model_removed_count(model), t->removed_count);
	for (i = 0; i < t->removed_count; i++) {
		const struct model_removed *removed = model_removed_at(model, i);
		const struct member_row *row =
			oracle_find_removed(t, removed->service, removed->pool, &removed->addr);

		assert_non_null(row);
		assert_int_equal(removed->weight_file, row->weight_file);
		assert_int_equal(removed->admin_file, row->admin_file);
	}
	for (i = 0; i < t->member_count; i++) {
		struct model_service *service = model_find_service(model, t->members[i].service);
		struct model_pool *pool = model_find_pool(service, t->members[i].pool);
		struct model_member *m = model_find_member(pool, &t->members[i].addr);
		struct model_service *s = NULL;
		struct model_pool *q = NULL;

		assert_non_null(m);
		assert_ptr_equal(model_member_by_id(model, m->id, &s, &q), m);
		assert_true(s == service && q == pool);
		assert_member(t, &t->members[i], service, pool, m);
	}
}
