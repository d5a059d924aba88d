/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/host.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"

static bool take(const struct sockaddr *from, struct sluice_addr *ret_addr)
{
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_in *sin = (const struct sockaddr_in *)from;

	if (!from)
		return false;
	memset(ret_addr, 0, sizeof(*ret_addr));
	if (from->sa_family == AF_INET) {
		ret_addr->b[10] = ret_addr->b[11] = 0xff;
		memcpy(ret_addr->b + 12, &sin->sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		memcpy(ret_addr->b, &sin6->sin6_addr, 16);
	} else {
		return false;
	}
	return addr_is_routable_unicast(ret_addr);
}

struct prefix_set *host_addresses(void)
{
	struct prefix_entry *entries = NULL;
	size_t count = 0, capacity = 0;
	struct ifaddrs *list = NULL, *at;
	struct prefix_set *set;
	struct sluice_addr addr;

	if (getifaddrs(&list))
		list = NULL;
	for (at = list; at; at = at->ifa_next) {
		if (!take(at->ifa_addr, &addr))
			continue;
		entries = util_grow(entries, &capacity, count + 1, sizeof(*entries));
		entries[count++].prefix = prefix_of_addr(&addr);
	}
	if (list)
		freeifaddrs(list);
	set = prefix_set_new(entries, count, NULL, 0);
	free(entries);
	return set;
}
