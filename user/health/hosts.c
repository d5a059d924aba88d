/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/hosts.h"

#include <stdlib.h>

#include <uthash.h>
#include <utlist.h>

#include "base/util.h"

/* There while some probe of it runs: those of thousands of hosts take turns. */
struct host {
	struct sluice_addr addr;
	struct hosts *hosts;
	size_t running, failing;
	struct turn *queues[2]; /* of those whose probe did not fail last, and of those whose did */
	UT_hash_handle hh;
};

struct hosts {
	struct host *list;
	size_t running, waiting;
	uint64_t number;
};

struct hosts *hosts_new(void)
{
	return util_alloc(sizeof(struct hosts));
}

void hosts_free(struct hosts *hosts)
{
	free(hosts);
}

void hosts_join(struct hosts *hosts, struct turn *turn, const struct sluice_addr *addr,
		void (*fn)(struct turn *turn))
{
	*turn = (struct turn){.fn = fn, .addr = addr, .hosts = hosts};
}

static struct host *find_host(struct hosts *hosts, const struct sluice_addr *addr)
{
	struct host *host;

	HASH_FIND(hh, hosts->list, addr, sizeof(*addr), host);
	if (!host) {
		host = util_alloc(sizeof(*host));
		host->addr = *addr;
		host->hosts = hosts;
		HASH_ADD(hh, hosts->list, addr, sizeof(host->addr), host);
	}
	return host;
}

static bool has_place(const struct host *host, bool is_failing)
{
	return host->running < HOST_PROBES_MAX && (!is_failing || host->failing < HOST_FAILING_MAX);
}

static void begin(struct turn *turn)
{
	turn->state = TURN_TAKEN;
	turn->host->failing += turn->is_failing;
	turn->host->running++;
	turn->host->hosts->running++;
}

bool turn_take(struct turn *turn, bool is_failing)
{
	struct host *host = find_host(turn->hosts, turn->addr);

	turn->host = host;
	turn->is_failing = is_failing;
	if (has_place(host, is_failing)) {
		begin(turn);
		return true;
	}
	turn->number = host->hosts->number++;
	turn->state = TURN_WAITING;
	DL_APPEND(host->queues[is_failing], turn);
	host->hosts->waiting++;
	return false;
}

static void stop_waiting(struct turn *turn)
{
	DL_DELETE(turn->host->queues[turn->is_failing], turn);
	turn->host->hosts->waiting--;
}

/* Who has waited longest of those for whom there is a place. */
static struct turn *find_next(const struct host *host)
{
	struct turn *well = has_place(host, false) ? host->queues[false] : NULL;
	struct turn *failing = has_place(host, true) ? host->queues[true] : NULL;

	if (!well || !failing)
		return well ? well : failing;
	return well->number < failing->number ? well : failing;
}

void turn_end(struct turn *turn)
{
	bool was_taken = turn->state == TURN_TAKEN;
	struct host *host = turn->host;
	struct turn *next;

	if (turn->state == TURN_IDLE)
		return;
	if (!was_taken)
		stop_waiting(turn);
	turn->state = TURN_IDLE;
	turn->hosts = host->hosts;
	if (!was_taken)
		return;
	host->failing -= turn->is_failing;
	host->running--;
	host->hosts->running--;
	next = find_next(host);
	if (next) {
		stop_waiting(next);
		begin(next);
		next->fn(next);
	} else if (!host->running) {
		HASH_DEL(host->hosts->list, host);
		free(host);
	}
}

size_t hosts_running(const struct hosts *hosts)
{
	return hosts->running;
}

size_t hosts_waiting(const struct hosts *hosts)
{
	return hosts->waiting;
}
