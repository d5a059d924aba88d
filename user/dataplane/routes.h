/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Announced addresses as routes: a blackhole to each in a table that nobody routes by, where a
 * routing daemon finds it. Ours are those of our table, our protocol number, that kind and full
 * length; whatever else is in the table is not looked at. Nothing is remembered here: each call
 * compares with what the kernel has.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sluice/types.h>

#include "base/err.h"

struct routes_place {
	uint32_t table; /* 0: nowhere */
	uint32_t protocol;
};

struct routes_result {
	size_t present; /* of the wanted ones, afterwards */
	size_t added, removed;
	struct sluice_addr example; /* of what was added, else of what was removed */
};

/* Makes our routes those to addrs (sorted by addr_compare(), each once): removals first. What can be
 * done is done; the first failure comes back with the reason in e. */
int routes_set(const struct routes_place *place, const struct sluice_addr *addrs, size_t count,
	       struct routes_result *ret_result, struct err *e);

/* Refuses a table that a rule of this host points at: its blackholes would take effect. */
int routes_check_rules(uint32_t table, struct err *e);
