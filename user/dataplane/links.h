/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The host's network devices, and through which of them an XDP frame can leave. */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct links;

/* Where frames for a route's device really leave: VLAN devices are replaced by what is below. */
struct egress {
	char name[16]; /* of the route's device */
	uint32_t ifindex;
	bool has_vlan;
	uint16_t vlan_tci; /* host byte order */
	uint8_t smac[6];
	uint32_t mtu;
};

struct links *links_new(void);
void links_free(struct links *links);
/* RTM_NEWLINK and RTM_DELLINK; others are ignored. Returns whether anything of interest changed. */
bool links_take(struct links *links, const struct nlmsghdr *message);
void links_clear(struct links *links);
const char *links_name(const struct links *links, uint32_t ifindex); /* "?" when unknown */
/* The name of a VLAN device on the interface; NULL: there is none. */
const char *links_vlan_on(const struct links *links, uint32_t ifindex);
/* 0; or -errno and a reason in text: down, no carrier, cannot transmit XDP frames, ... */
int links_egress(const struct links *links, uint32_t ifindex, struct egress *ret_egress, char *text,
		 size_t size);
