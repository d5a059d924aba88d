/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How marked packets come to the device: a rule of each family, and a table with a default route to the
 * device; behind it one that says unreachable, so that a probe never takes another way. Ours have our
 * protocol number. Nothing is remembered: each call compares with what the kernel has.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/types.h>

#include "base/err.h"

struct netlink;
struct probe_path_place;

/* What is there that is not ours and has our preference, marks or table: -EEXIST with reason and fix.
 * Families that the kernel lacks have nothing. */
int probe_rules_check(struct netlink *netlink, const struct probe_path_place *place, struct err *e);
/* Makes the family's rule and routes. source: of this host, zero: none, then probes are refused by the
 * unreachable route. -EAFNOSUPPORT or -EOPNOTSUPP: the kernel lacks the family, or policy routing;
 * -EACCES: IPv6 is disabled. */
int probe_rules_ensure(struct netlink *netlink, const struct probe_path_place *place,
		       enum sluice_family family, uint32_t ifindex,
		       const struct sluice_addr *source);
/* Removes what is ours. *ret_was_there is set, never cleared. */
int probe_rules_remove(struct netlink *netlink, const struct probe_path_place *place,
		       bool *ret_was_there, struct err *e);
