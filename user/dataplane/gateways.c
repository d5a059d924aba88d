/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gateways on the way to what is wanted: who they are, and whether they are there. */
#include "dataplane/resolver_internal.h"

#include "base/addr.h"
#include "base/util.h"

/* Anywhere far away: the question sends nothing. */
static const char *const FAR[] = {"1.0.0.1", "2000::1"};

struct found {
	struct prefix_entry *entries;
	size_t count, capacity;
};

static void add_gateway(struct found *found, const struct route *route)
{
	if (!route->has_gateway)
		return;
	found->entries = util_grow(found->entries, &found->capacity, found->count + 1,
				   sizeof(*found->entries));
	found->entries[found->count++].prefix = prefix_of_addr(&route->next);
}

struct prefix_set *resolver_gateways(struct resolver *resolver, const struct prefix_set *towards)
{
	struct found found = {0};
	struct want *want, *next;
	struct prefix_set *set;
	struct sluice_addr addr;
	struct route route;

	HASH_ITER (hh, resolver->wants, want, next) {
		if (want->is_checked && !want->route_error)
			add_gateway(&found, &want->route);
	}
	for (size_t i = 0; i < prefix_set_count(towards); i++) {
		if (!route_lookup(&resolver->netlink, &towards->entries[i].prefix.addr, &route))
			add_gateway(&found, &route);
	}
	for (size_t i = 0; i < ARRAY_SIZE(FAR); i++) {
		if (!addr_parse(FAR[i], &addr) && !route_lookup(&resolver->netlink, &addr, &route))
			add_gateway(&found, &route);
	}
	set = prefix_set_new(found.entries, found.count, NULL, 0);
	free(found.entries);
	return set;
}

/* ---- whether they are there ------------------------------------------------------------------- */

static void want_gateway(struct resolver *resolver, const struct route *route)
{
	struct gateway *gateway;
	size_t i;

	for (i = 0; i < resolver->gateways.count; i++) {
		gateway = &resolver->gateways.list[i];
		if (gateway->ifindex == route->ifindex &&
		    addr_equal(&gateway->addr, &route->next)) {
			gateway->is_wanted = true;
			return;
		}
	}
	resolver->gateways.list = util_grow(resolver->gateways.list, &resolver->gateways.capacity,
					    resolver->gateways.count + 1, sizeof(*gateway));
	gateway = &resolver->gateways.list[resolver->gateways.count++];
	*gateway = (struct gateway){route->ifindex, route->next, true};
	neigh_hold(resolver->neighbours, route->ifindex, &route->next);
}

static void want_default(struct resolver *resolver, const uint32_t *attached, size_t count)
{
	char text[RESOLVER_TEXT_MAX];
	struct egress egress;
	struct sluice_addr addr;
	struct route route;
	size_t f, i;

	for (f = 0; f < ARRAY_SIZE(FAR); f++) {
		if (addr_parse(FAR[f], &addr) || route_lookup(&resolver->netlink, &addr, &route) ||
		    route_check(&route, text, sizeof(text)) || !route.has_gateway ||
		    links_egress(resolver->links, route.ifindex, &egress, text, sizeof(text)))
			continue;
		for (i = 0; i < count; i++)
			if (attached[i] == egress.ifindex)
				want_gateway(resolver, &route);
	}
}

void resolver_follow_gateways(struct resolver *resolver, const uint32_t *attached, size_t count)
{
	struct want *want, *next;
	bool is_any = false, is_any_beside = false;
	size_t i, kept = 0;

	for (i = 0; i < resolver->gateways.count; i++)
		resolver->gateways.list[i].is_wanted = false;
	HASH_ITER (hh, resolver->wants, want, next) {
		if (!want->references || !want->is_checked || want->route_error)
			continue;
		is_any |= want->route.has_gateway;
		is_any_beside |= !want->route.has_gateway;
		if (want->route.has_gateway)
			want_gateway(resolver, &want->route);
	}
	if (!is_any)
		want_default(resolver, attached, count);
	resolver->gateways.is_only_way = is_any && !is_any_beside;
	for (i = 0; i < resolver->gateways.count; i++) {
		const struct gateway gateway = resolver->gateways.list[i];

		if (gateway.is_wanted)
			resolver->gateways.list[kept++] = gateway;
		else
			neigh_release(resolver->neighbours, gateway.ifindex, &gateway.addr);
	}
	resolver->gateways.count = kept;
}

void resolver_question_gateways(struct resolver *resolver, uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < resolver->gateways.count; i++)
		neigh_question(resolver->neighbours, resolver->gateways.list[i].ifindex,
			       &resolver->gateways.list[i].addr, now_ms);
}

bool resolver_gateway_at(const struct resolver *resolver, size_t index,
			 struct resolver_gateway *ret_gateway)
{
	const struct gateway *gateway = &resolver->gateways.list[index];
	uint8_t mac[6];

	if (index >= resolver->gateways.count)
		return false;
	*ret_gateway = (struct resolver_gateway){
		.ifindex = gateway->ifindex,
		.addr = gateway->addr,
		.has_failed = neigh_get(resolver->neighbours, gateway->ifindex, &gateway->addr,
					mac) == NEIGH_FAILED,
		.unanswered_ms = neigh_unanswered_since(resolver->neighbours, gateway->ifindex,
							&gateway->addr),
	};
	return true;
}

bool resolver_has_only_gateways(const struct resolver *resolver)
{
	return resolver->gateways.is_only_way;
}
