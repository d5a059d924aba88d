/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/hosts.h"

#include <stdlib.h>

#include <uthash.h>

#include "base/util.h"

/* A probe in each of so many ms is 1: the longest pause is 1 h, of which sums are still exact enough. */
#define RATE_ONE (1ULL << 32)
#define NS_PER_MS 1000000ULL

struct host {
	struct sluice_addr addr;
	uint64_t rate; /* that its targets need at most, in RATE_ONE a ms */
	uint64_t
		next_ns; /* when the next probe is expected: the theoretical arrival time of GCRA */
	size_t targets;
	UT_hash_handle hh;
};

struct hosts {
	struct host *list;
};

struct hosts *hosts_new(void)
{
	return util_alloc(sizeof(struct hosts));
}

void hosts_free(struct hosts *hosts)
{
	free(hosts);
}

struct host *hosts_join(struct hosts *hosts, const struct sluice_addr *addr, uint32_t pause_ms)
{
	struct host *host;

	HASH_FIND(hh, hosts->list, addr, sizeof(*addr), host);
	if (!host) {
		host = util_alloc(sizeof(*host));
		host->addr = *addr;
		HASH_ADD(hh, hosts->list, addr, sizeof(host->addr), host);
	}
	host->rate += RATE_ONE / pause_ms;
	host->targets++;
	return host;
}

void hosts_leave(struct hosts *hosts, struct host *host, uint32_t pause_ms)
{
	host->rate -= RATE_ONE / pause_ms;
	if (--host->targets)
		return;
	HASH_DEL(hosts->list, host);
	free(host);
}

uint64_t host_place_us(struct host *host, uint64_t now_us)
{
	uint64_t each_ns = NS_PER_MS * RATE_ONE / (HOST_ROOM * host->rate);
	uint64_t now_ns = now_us * 1000, ahead_ns = (HOST_BURST - 1) * each_ns;
	uint64_t next_ns = MAX(host->next_ns, now_ns);

	host->next_ns = next_ns + each_ns;
	return next_ns > now_ns + ahead_ns ? (next_ns - ahead_ns + 999) / 1000 : now_us;
}
