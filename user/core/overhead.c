/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/overhead.h"

#include <stdio.h>

#include "base/addr.h"
#include "base/util.h"

#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define TCP_BYTES 20
#define UDP_BYTES 8

static uint32_t header_bytes(enum sluice_family family)
{
	return family == SLUICE_FAMILY_V4 ? IPV4_BYTES : IPV6_BYTES;
}

uint32_t overhead_bytes(enum sluice_mode mode, enum sluice_family outer)
{
	if (!SLUICE_MODE_IS_TUNNEL(mode))
		return 0;
	return header_bytes(outer) + (mode == SLUICE_MODE_GUE ? UDP_BYTES : 0);
}

uint32_t overhead_mss(uint32_t bytes, enum sluice_family inner)
{
	uint32_t headers = header_bytes(inner) + TCP_BYTES;

	return bytes > headers ? bytes - headers : 0;
}

const char *overhead_mode_name(enum sluice_mode mode)
{
	static const char *const names[SLUICE_MODE_MAX] = {"none", "l2", "ipip", "local", "gue"};

	return mode < SLUICE_MODE_MAX ? names[mode] : "?";
}

struct collection {
	struct overhead_use *uses;
	size_t count;
};

static void add(struct collection *collection, const struct service_config *service,
		enum sluice_mode mode, enum sluice_family outer)
{
	enum sluice_family inner = addr_family(&service->addr);
	struct overhead_use *use;
	size_t i;

	if (!overhead_bytes(mode, outer))
		outer = inner;
	for (i = 0; i < collection->count; i++) {
		use = &collection->uses[i];
		if (use->mode == mode && use->inner == inner && use->outer == outer)
			break;
	}
	use = &collection->uses[i];
	if (i == collection->count) {
		collection->count++;
		*use = (struct overhead_use){mode,    inner, outer, overhead_bytes(mode, outer),
					     service, 1};
	} else {
		use->services++;
	}
}

/* A service counts once for each combination that its members make of it. */
static void add_service(struct collection *collection, const struct service_config *service)
{
	bool is_seen[SLUICE_MODE_MAX][2] = {};
	size_t p, m;

	if (!service->pool_count)
		add(collection, service, service->mode, addr_family(&service->addr));
	for (p = 0; p < service->pool_count; p++) {
		const struct pool_config *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			enum sluice_family outer = addr_family(&pool->members[m].addr);
			bool *seen = &is_seen[pool->mode][outer == SLUICE_FAMILY_V6 &&
							  overhead_bytes(pool->mode, outer)];

			if (!*seen)
				add(collection, service, pool->mode, outer);
			*seen = true;
		}
	}
}

size_t overhead_collect(const struct config *config, struct overhead_use uses[OVERHEAD_USES_MAX])
{
	struct collection collection = {.uses = uses};
	size_t i;

	for (i = 0; i < config->service_count; i++)
		add_service(&collection, &config->services[i]);
	return collection.count;
}

void overhead_describe(const struct overhead_use *use, uint32_t mtu, char *buffer, size_t size)
{
	char more[32] = "";
	uint32_t room = mtu > use->bytes ? mtu - use->bytes : 0;

	if (use->services > 1)
		snprintf(more, sizeof(more), " and %zu more", use->services - 1);
	if (!use->bytes) {
		snprintf(buffer, size,
			 "%s%s: %s adds nothing: clients may send what the MTU allows",
			 use->first->name, more, overhead_mode_name(use->mode));
		return;
	}
	snprintf(buffer, size,
		 "%s%s: %s over %s adds %u bytes: with MTU %u clients may send %u (advmss %u)",
		 use->first->name, more, overhead_mode_name(use->mode),
		 use->outer == SLUICE_FAMILY_V4 ? "IPv4" : "IPv6", use->bytes, mtu, room,
		 overhead_mss(room, use->inner));
}
