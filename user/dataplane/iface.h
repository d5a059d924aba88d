/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Network interfaces by name, as far as attaching a program needs to know them. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct iface {
	char name[IFNAMSIZ];
	uint32_t ifindex;
	uint32_t mtu;
	char driver[32]; /* as ethtool -i says; "" when the device has none */
};

/* ERR_NOT_FOUND with the interfaces that exist (and the nearest name) when there is none. */
int iface_find(const char *name, struct iface *ret_iface, struct err *e);

/* Why nothing can leave by it now: "is down", "has no carrier", "is gone"; NULL: it can. */
const char *iface_problem(const char *name);

struct ifaddrs;
struct sluice_addr;
/* The address of an entry of a list by getifaddrs(); false when it has none that IP knows. */
bool iface_address(const struct ifaddrs *at, struct sluice_addr *ret_addr);
/* The entry of a list by getifaddrs() that has the address; NULL: none. */
const struct ifaddrs *iface_with_address(const struct ifaddrs *list,
					 const struct sluice_addr *addr);
int iface_prefix_length(const struct ifaddrs *at);
