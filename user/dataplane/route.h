/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One question to the kernel's routing: how would this host reach an address? */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/types.h>

struct netlink;

struct route {
	uint8_t type; /* RTN_* */
	uint32_t ifindex;
	bool has_gateway;
	struct sluice_addr next;   /* the gateway, or the address itself */
	struct sluice_addr source; /* preferred source, zero if none */
	uint32_t mtu;		   /* of the route or a learnt path MTU; 0: the device's */
};

/* 0, or the kernel's -errno (-ENETUNREACH, -EHOSTUNREACH, ...). */
int route_lookup(struct netlink *netlink, const struct sluice_addr *addr, struct route *ret_route);
/* The same for a packet of this host with a mark, from one of its addresses; zero: whichever. */
int route_lookup_marked(struct netlink *netlink, const struct sluice_addr *addr,
			const struct sluice_addr *source, uint32_t mark, struct route *ret_route);
void route_describe_error(int ret, char *text, size_t size);
/* 0 when the route leads to a unicast destination elsewhere; else a reason in text. */
int route_check(const struct route *route, char *text, size_t size);
