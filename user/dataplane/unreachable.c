/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hosts behind tunnels, by address, for ICMP errors about packets to them: each is in the map while
 * a member has its address, and names one of these members. Members of one host form a ring, so that
 * another one is found when the one that is named goes. To a host with members of several modes, or of
 * mode gue at several ports, errors count that quote packets as the named one gets them.
 */
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "sluice.skel.h"

struct dp_hosts {
	uint32_t *next, *before; /* by member: the ring; SLUICE_MEMBER_NONE: in none */
};

static int hosts_fd(const struct dp_bpf *dp)
{
	return bpf_map__fd(dp->skel->maps.hosts);
}

static bool is_linked(const struct dp_bpf *dp, uint32_t index)
{
	return dp->hosts->next[index] != SLUICE_MEMBER_NONE;
}

static void ring_add(struct dp_hosts *hosts, uint32_t at, uint32_t index)
{
	uint32_t next = hosts->next[at];

	hosts->next[index] = next;
	hosts->before[index] = at;
	hosts->next[at] = hosts->before[next] = index;
}

static void ring_remove(struct dp_hosts *hosts, uint32_t index)
{
	hosts->next[hosts->before[index]] = hosts->next[index];
	hosts->before[hosts->next[index]] = hosts->before[index];
	hosts->next[index] = hosts->before[index] = SLUICE_MEMBER_NONE;
}

static bool is_of(const struct dp_bpf *dp, uint32_t index, const struct sluice_addr *addr)
{
	const struct sluice_addr *own = &dp->maps.members[index].addr;

	return own->d[0] == addr->d[0] && own->d[1] == addr->d[1];
}

/* Names another member of the host. What packets count meanwhile may be lost: by a few at most. */
static int name_member(const struct dp_bpf *dp, const struct sluice_addr *addr,
		       struct sluice_host *host, uint32_t index)
{
	host->member = index;
	return bpf_map_update_elem(hosts_fd(dp), addr, host, BPF_ANY) ? -errno : 0;
}

static void link_member(struct dp_bpf *dp, uint32_t index)
{
	const struct sluice_addr *addr = &dp->maps.members[index].addr;
	struct sluice_host host = {0};

	if (!bpf_map_lookup_elem(hosts_fd(dp), addr, &host) &&
	    host.member < dp->maps.capacity.members && is_linked(dp, host.member) &&
	    is_of(dp, host.member, addr)) {
		ring_add(dp->hosts, host.member, index);
		return;
	}
	/* A new host, or one that another process has left here. */
	if (name_member(dp, addr, &host, index) == 0)
		dp->hosts->next[index] = dp->hosts->before[index] = index;
}

static void unlink_member(struct dp_bpf *dp, uint32_t index)
{
	const struct sluice_addr *addr = &dp->maps.members[index].addr;
	uint32_t other = dp->hosts->next[index];
	struct sluice_host host;

	ring_remove(dp->hosts, index);
	if (other == index)
		bpf_map_delete_elem(hosts_fd(dp), addr);
	else if (!bpf_map_lookup_elem(hosts_fd(dp), addr, &host) && host.member == index)
		name_member(dp, addr, &host, other);
}

void dp_hosts_update(struct dp_bpf *dp, uint32_t index, uint64_t word)
{
	bool is_tunnel = SLUICE_MODE_IS_TUNNEL(SLUICE_MEMBER_MODE(word));

	if (is_tunnel && !is_linked(dp, index))
		link_member(dp, index);
	else if (!is_tunnel && is_linked(dp, index))
		unlink_member(dp, index);
}

/* Hosts that nobody has any more: whoever wrote the members was stopped in between. */
static void delete_strangers(const struct dp_bpf *dp)
{
	struct sluice_addr addr, next;
	struct sluice_host host;
	bool is_more = !bpf_map_get_next_key(hosts_fd(dp), NULL, &next);

	while (is_more) {
		addr = next;
		is_more = !bpf_map_get_next_key(hosts_fd(dp), &addr, &next);
		if (bpf_map_lookup_elem(hosts_fd(dp), &addr, &host))
			continue;
		if (host.member >= dp->maps.capacity.members || !is_linked(dp, host.member) ||
		    !is_of(dp, host.member, &addr))
			bpf_map_delete_elem(hosts_fd(dp), &addr);
	}
}

void dp_hosts_adopt(struct dp_bpf *dp)
{
	uint32_t i;

	for (i = 1; i < dp->maps.capacity.members; i++)
		dp_hosts_update(dp, i, dp->maps.members[i].word);
	delete_strangers(dp);
}

int dp_host_stats(void *arg, const struct sluice_addr *addr, struct sluice_host *ret_stats)
{
	const struct dp_bpf *dp = arg;

	return bpf_map_lookup_elem(hosts_fd(dp), addr, ret_stats) ? -errno : 0;
}

void dp_hosts_open(struct dp_bpf *dp)
{
	dp->hosts = util_alloc(sizeof(*dp->hosts));
	dp->hosts->next = util_alloc_array(dp->maps.capacity.members, sizeof(uint32_t));
	dp->hosts->before = util_alloc_array(dp->maps.capacity.members, sizeof(uint32_t));
}

void dp_hosts_close(struct dp_bpf *dp)
{
	if (!dp->hosts)
		return;
	free(dp->hosts->next);
	free(dp->hosts->before);
	free(dp->hosts);
}
