/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pair of devices that probes leave the kernel's stack by. Ours are known by name, kind and group. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct netlink;
struct probe_path_place;

struct probe_device {
	uint32_t ifindex; /* of the device that routes name */
	uint32_t peer;
};

/* Whether there is a pair of ours. 0, -ENODEV, or what the kernel says. A device of that name that is
 * somebody else's: -EEXIST with the reason. */
int probe_device_find(struct netlink *netlink, const struct probe_path_place *place,
		      struct probe_device *ret_device, struct err *e);
/* Makes the pair, or what is wrong with it right: up, without neighbours and addresses, and with
 * checksums made before packets reach the peer. instance: for the eye alone. */
int probe_device_ensure(struct netlink *netlink, const struct probe_path_place *place,
			const char *instance, struct probe_device *ret_device, struct err *e);
/* 0 also when there is none. */
int probe_device_remove(struct netlink *netlink, const struct probe_path_place *place,
			bool *ret_was_there, struct err *e);
