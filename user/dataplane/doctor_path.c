/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doctor's facts about services and the ways to their members. */
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <uthash.h>

#include "base/addr.h"
#include "dataplane/doctor_internal.h"
#include "dataplane/iface.h"
#include "dataplane/neigh.h"
#include "dataplane/route.h"

/* One answer an address: members of many services share them. */
struct answer {
	struct sluice_addr addr;
	struct doctor_path path;
	UT_hash_handle hh;
};

struct walk {
	struct doctor_source *source;
	struct neigh_table *neighbours;
	struct ifaddrs *addresses;
	struct answer *answers;
};

/* ---- services -------------------------------------------------------------------------------- */

static void look_at_service(const struct walk *walk, struct doctor_service *service)
{
	const struct sluice_addr *addr = &service->config->addr;
	bool has_route;
	const struct ifaddrs *at;
	struct route route;

	has_route = !route_lookup(&walk->source->netlink, addr, &route);
	service->is_local = has_route && route.type == RTN_LOCAL ? FACT_YES : FACT_NO;
	if (has_route && route.type == RTN_UNICAST)
		util_copy(service->way, sizeof(service->way),
			  links_name(walk->source->links, route.ifindex));
	at = service->is_local == FACT_YES ? iface_with_address(walk->addresses, addr) : NULL;
	if (!at)
		return;
	util_copy(service->device, sizeof(service->device), at->ifa_name);
	service->prefix_length = iface_prefix_length(at);
}

/* ---- members --------------------------------------------------------------------------------- */

static enum doctor_neighbour find_neighbour(const struct walk *walk, const struct route *route)
{
	uint8_t mac[6];

	switch (neigh_get(walk->neighbours, route->ifindex, &route->next, mac)) {
	case NEIGH_MISSING:
		return DOCTOR_NEIGHBOUR_MISSING;
	case NEIGH_RESOLVING:
		return DOCTOR_NEIGHBOUR_RESOLVING;
	case NEIGH_VALID:
		return DOCTOR_NEIGHBOUR_VALID;
	case NEIGH_FAILED:
		return DOCTOR_NEIGHBOUR_FAILED;
	}
	return DOCTOR_NEIGHBOUR_UNKNOWN;
}

/* As the packet path will have it: configured, or the one that the route prefers. */
static struct sluice_addr find_source(const struct config *config, const struct route *route,
				      const struct sluice_addr *member)
{
	static const struct sluice_addr none;
	const struct sluice_addr *wanted = addr_family(member) == SLUICE_FAMILY_V4
						   ? &config->outer_source4
						   : &config->outer_source6;

	return addr_equal(wanted, &none) ? route->source : *wanted;
}

static void find_path(const struct walk *walk, const struct sluice_addr *addr,
		      struct doctor_path *path)
{
	struct links *links = walk->source->links;
	struct egress egress;
	struct route route;
	int ret = route_lookup(&walk->source->netlink, addr, &route);

	path->addr = *addr;
	if (ret)
		route_describe_error(ret, path->problem, sizeof(path->problem));
	else
		ret = route_check(&route, path->problem, sizeof(path->problem));
	if (!ret)
		ret = links_egress(links, route.ifindex, &egress, path->problem,
				   sizeof(path->problem));
	if (ret)
		return;
	util_copy(path->device, sizeof(path->device), egress.name);
	util_copy(path->egress, sizeof(path->egress), links_name(links, egress.ifindex));
	path->has_gateway = route.has_gateway;
	path->next = route.next;
	path->source = find_source(walk->source->question->config, &route, addr);
	path->mtu = route.mtu ? MIN(route.mtu, egress.mtu) : egress.mtu;
	path->neighbour = find_neighbour(walk, &route);
	path->rp_filter = doctor_read_rp_filter(egress.name);
}

static const struct doctor_path *ask_for(struct walk *walk, const struct sluice_addr *addr)
{
	struct answer *answer;

	HASH_FIND(hh, walk->answers, addr, sizeof(*addr), answer);
	if (answer)
		return &answer->path;
	answer = util_alloc(sizeof(*answer));
	answer->addr = *addr;
	find_path(walk, addr, &answer->path);
	HASH_ADD(hh, walk->answers, addr, sizeof(answer->addr), answer);
	return &answer->path;
}

static void add_egress(struct doctor_facts *facts, const struct doctor_path *path)
{
	struct doctor_interface *interface =
		path->problem[0] ? NULL : doctor_add_interface(facts, path->egress);

	if (interface)
		interface->is_egress = true;
}

static void add_paths(struct walk *walk, const struct service_config *service,
		      struct doctor_facts *facts)
{
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		const struct pool_config *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			struct doctor_path *path = &facts->paths[facts->path_count++];

			*path = *ask_for(walk, &pool->members[m].addr);
			path->service = service;
			path->pool = pool;
			add_egress(facts, path);
		}
	}
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void take_neighbour(const struct nlmsghdr *message, void *arg)
{
	neigh_take(arg, message);
}

static void forget_answers(struct walk *walk)
{
	struct answer *answer, *next;

	HASH_ITER (hh, walk->answers, answer, next) {
		HASH_DEL(walk->answers, answer);
		free(answer);
	}
}

void doctor_gather_paths(struct doctor_source *source, struct doctor_facts *facts)
{
	const struct config *config = source->question->config;
	struct walk walk = {.source = source};
	size_t i;

	facts->services = util_alloc_array(config->service_count + 1, sizeof(*facts->services));
	facts->paths = util_alloc_array(config_member_count(config) + 1, sizeof(*facts->paths));
	walk.neighbours = neigh_table_new(&source->netlink);
	if (getifaddrs(&walk.addresses))
		walk.addresses = NULL;
	netlink_dump(&source->netlink, RTM_GETNEIGH, take_neighbour, walk.neighbours);
	for (i = 0; i < config->service_count; i++) {
		struct doctor_service *service = &facts->services[facts->service_count++];

		service->config = &config->services[i];
		look_at_service(&walk, service);
		add_paths(&walk, service->config, facts);
	}
	if (walk.addresses)
		freeifaddrs(walk.addresses);
	forget_answers(&walk);
	neigh_table_free(walk.neighbours);
}
