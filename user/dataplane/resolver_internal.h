/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the resolver share: resolver.c, which answers for what is wanted, and gateways.c. */
#pragma once

#include "dataplane/resolver.h"

#include <uthash.h>

#include "dataplane/links.h"
#include "dataplane/neigh.h"
#include "dataplane/netlink.h"
#include "dataplane/route.h"

#define RESOLVER_TEXT_MAX 96

struct want_key {
	struct sluice_addr addr;
	uint32_t is_on_link_only;
	uint32_t pad; /* zero: the key is hashed as bytes */
};

struct answer {
	enum nexthop_state state;
	struct nexthop nexthop;
	char *text; /* may be NULL */
};

struct want {
	struct want_key key;
	uint32_t references; /* 0: freed after the turn */
	struct route route;
	struct egress egress;
	char *route_error;  /* NULL: route and egress hold */
	bool is_holding;    /* the neighbour (route.ifindex, route.next) */
	bool is_stale;	    /* ask the routing again */
	bool is_checked;    /* the routing was asked at least once */
	bool is_report_due; /* somebody new waits, even if nothing changed */
	uint64_t checked_ms;
	struct answer answer;
	UT_hash_handle hh;
};

struct gateway {
	uint32_t ifindex;
	struct sluice_addr addr;
	bool is_wanted;
};

struct resolver {
	resolver_fn fn;
	void *arg;
	struct netlink netlink;
	struct links *links;
	struct neigh_table *neighbours;
	struct want *wants;
	int epoll_fd;
	int wake_fd; /* makes epoll_fd readable when there is work without a notification */
	bool is_resync_due;
	bool is_neighbour_changed;
	struct {
		struct gateway *list;
		size_t count, capacity;
		bool is_only_way;
	} gateways;
	uint64_t addresses; /* notifications about our own */
	uint64_t now_ms;
};
