/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keeps the model's picture of this host fresh: what no access list may cut off. */
#include "daemon/daemon.h"

#include <stdlib.h>

#include "base/clock.h"
#include "dataplane/host.h"

static bool is_same(const struct prefix_set *a, const struct prefix_set *b)
{
	size_t i, count = prefix_set_count(a);

	if (count != prefix_set_count(b))
		return false;
	for (i = 0; i < count; i++) {
		if (prefix_compare(&a->entries[i].prefix, &b->entries[i].prefix))
			return false;
	}
	return true;
}

void host_refresh(struct daemon *daemon)
{
	struct prefix_set *own, *gateways;

	if (!daemon->model || !daemon->nexthops)
		return;
	daemon->is_host_due = false;
	daemon->host_refreshed_ms = clock_now_ms();
	own = host_addresses();
	gateways = resolver_gateways(nexthops_resolver(daemon->nexthops),
				     model_management(daemon->model));
	if (!is_same(own, model_own(daemon->model)) ||
	    !is_same(gateways, model_gateways(daemon->model))) {
		model_set_host(daemon->model, own, gateways);
		daemon->is_sync_due = true;
	}
	prefix_set_unref(own);
	prefix_set_unref(gateways);
}

void host_expire_lists(struct daemon *daemon)
{
	struct change change = {.type = CHANGE_LIST_EXPIRE, .now_s = clock_wall_s()};
	uint64_t soonest_s = model_lists_expire_s(daemon->model);
	struct errs errors = {0};

	if (!soonest_s || soonest_s > change.now_s)
		return;
	if (model_apply(daemon->model, &change, 1, clock_now_ms(), &errors))
		daemon_log_errs(daemon, &errors);
	errs_done(&errors);
	state_mark(daemon->state, STATE_LISTS);
	daemon->is_sync_due = true;
}
