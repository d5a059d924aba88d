/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/hosts.h"

#include <stdlib.h>

#include <uthash.h>
#include <utlist.h>

#include "base/util.h"

struct host {
	struct sluice_addr addr;
	struct hosts *hosts;
	size_t members, running;
	struct turn *queue;
	UT_hash_handle hh;
};

struct hosts {
	struct host *list;
	size_t running, waiting;
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
	struct host *host;

	HASH_FIND(hh, hosts->list, addr, sizeof(*addr), host);
	if (!host) {
		host = util_alloc(sizeof(*host));
		host->addr = *addr;
		host->hosts = hosts;
		HASH_ADD(hh, hosts->list, addr, sizeof(host->addr), host);
	}
	host->members++;
	*turn = (struct turn){.fn = fn, .host = host};
}

bool turn_take(struct turn *turn)
{
	struct host *host = turn->host;

	if (host->running >= HOST_PROBES_MAX) {
		DL_APPEND(host->queue, turn);
		turn->state = TURN_WAITING;
		host->hosts->waiting++;
		return false;
	}
	turn->state = TURN_TAKEN;
	host->running++;
	host->hosts->running++;
	return true;
}

void turn_end(struct turn *turn)
{
	struct host *host = turn->host;
	struct turn *next;

	if (turn->state == TURN_WAITING) {
		DL_DELETE(host->queue, turn);
		host->hosts->waiting--;
	}
	if (turn->state != TURN_TAKEN) {
		turn->state = TURN_IDLE;
		return;
	}
	turn->state = TURN_IDLE;
	host->running--;
	host->hosts->running--;
	next = host->queue;
	if (!next)
		return;
	DL_DELETE(host->queue, next);
	host->hosts->waiting--;
	turn_take(next);
	next->fn(next);
}

void hosts_leave(struct hosts *hosts, struct turn *turn)
{
	struct host *host = turn->host;

	turn_end(turn);
	turn->host = NULL;
	if (--host->members)
		return;
	HASH_DEL(hosts->list, host);
	free(host);
}

size_t hosts_running(const struct hosts *hosts)
{
	return hosts->running;
}

size_t hosts_waiting(const struct hosts *hosts)
{
	return hosts->waiting;
}
