/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Address prefixes: 192.0.2.0/24, 2001:db8::/32, or one address. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

#define PREFIX_TEXT_MAX (ADDR_TEXT_MAX + 4)

struct prefix {
	struct sluice_addr addr; /* bits beyond the length are zero */
	uint8_t length;		 /* as the address's family counts: 0..32 or 0..128 */
};

/* Text of the given length, which need not be terminated. 0; or -EINVAL and e without a path:
 * not a prefix, a length out of range, or bits set beyond the length. */
int prefix_parse(const char *text, size_t length, struct prefix *ret_prefix, struct err *e);
const char *prefix_format(const struct prefix *prefix, char buffer[PREFIX_TEXT_MAX]);
/* Families apart, then by address, then the shorter first: what covers comes before it covers. */
int prefix_compare(const struct prefix *a, const struct prefix *b);
/* Is inner (of the same family) a part of outer, or the same? */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
/* The prefix that is one address. */
struct prefix prefix_of_addr(const struct sluice_addr *addr);
