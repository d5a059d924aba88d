/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two rtnetlink sockets: one for requests and dumps, one for notifications. */
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/types.h>

#include "base/err.h"

#define NETLINK_REQUEST_BYTES 512 /* room for any of our requests */

struct mnl_socket;

struct netlink {
	struct mnl_socket *requests;
	struct mnl_socket *events;
	uint32_t sequence;
};

/* Called for each message of an answer or notification. */
typedef void (*netlink_fn)(const struct nlmsghdr *message, void *arg);

/* The socket for requests alone. */
int netlink_init_requests(struct netlink *netlink, struct err *e);
/* Both; joins the link, neighbour, address, route, rule and next hop groups. */
int netlink_init(struct netlink *netlink, struct err *e);
void netlink_done(struct netlink *netlink);

/* Sends a request and feeds the answers to fn (may be NULL). 0, or the kernel's -errno. */
int netlink_request(struct netlink *netlink, struct nlmsghdr *request, netlink_fn fn, void *arg);
/* What one datagram of an answer says: 1, more is to come; 0, that was all of it; or the kernel's -errno,
 * of which one may come at the end of a dump, too: -EAFNOSUPPORT or -EOPNOTSUPP for a family that it
 * lacks. */
int netlink_take(const void *data, size_t length, uint32_t sequence, uint32_t portid, netlink_fn fn,
		 void *arg);
/* All objects of a kind (RTM_GETLINK, ...). */
int netlink_dump(struct netlink *netlink, uint16_t type, netlink_fn fn, void *arg);
/* Waiting notifications, at most a bounded number. -ENOBUFS: some were lost, so dump again. */
int netlink_read_events(struct netlink *netlink, netlink_fn fn, void *arg);
int netlink_events_fd(const struct netlink *netlink);

/* An address attribute of 4 or 16 bytes; false for other lengths. */
bool netlink_get_addr(const struct nlattr *attr, struct sluice_addr *ret_addr);
void netlink_put_addr(struct nlmsghdr *request, uint16_t type, const struct sluice_addr *addr);
uint8_t netlink_family(const struct sluice_addr *addr); /* AF_INET or AF_INET6 */
