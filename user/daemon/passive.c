/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What clients' packets say of members: counters of the packet path into core/suspects.h, and what
 * that finds into the model and to the checks. */
#include "daemon/daemon.h"

#include <netinet/in.h>

#include "base/clock.h"

/* A second is a round; two that did not come are too long for what they say to add up. */
#define PAUSE_MS 3000
/* Told each second, so that one late round does not matter. */
#define SUSPECT_FOR_MS 2500

void passive_take(struct daemon *daemon, const struct model_service *service,
		  const struct model_pool *pool, const struct model_member *member, uint32_t index,
		  const struct sluice_member_stats *stats)
{
	struct sluice_host host;

	if (pool->circuit.passive == PASSIVE_MODE_DISABLED)
		return;
	if (service->proto == IPPROTO_TCP)
		suspects_take(daemon->suspects, member->id, index, stats);
	/* Packets to members are ours only where they are encapsulated. */
	if (SLUICE_MODE_IS_TUNNEL(pool->mode) &&
	    suspects_wants_host(daemon->suspects, &member->addr) &&
	    daemon->port.ops->host_stats(daemon->port.dp, &member->addr, &host) == 0)
		suspects_take_host(daemon->suspects, &member->addr, &host);
}

static void on_report(void *arg, const struct model_member *member,
		      const struct passive_report *report)
{
	struct daemon *daemon = arg;
	struct model_service *service;
	struct model_pool *pool;

	observe_passive(daemon, member, report);
	model_member_by_id(daemon->model, member->id, &service, &pool);
	if (report->view.cause && pool->circuit.passive == PASSIVE_MODE_SUSPECT && daemon->health)
		health_suspect(daemon->health, service, pool, member, SUSPECT_FOR_MS);
}

void passive_tick(struct daemon *daemon)
{
	uint64_t now_ms = clock_now_ms();
	bool is_held = !daemon->is_ready || cut_off_holds(daemon) ||
		       now_ms - daemon->suspects_ms > PAUSE_MS;

	suspects_round(daemon->suspects, daemon->model, is_held, on_report, daemon);
	daemon->suspects_ms = now_ms;
}
