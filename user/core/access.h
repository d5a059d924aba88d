/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From access lists to the table of the packet path. That one finds only the longest prefix that
 * matches, so what all the covering ones say together is worked out here, for each prefix; the
 * precedence holds whichever is the longest: management > exempt > infra > deny.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/dataplane.h"
#include "core/prefix_set.h"

/* What a set of prefixes says about the sources in it. */
enum access_kind {
	ACCESS_KIND_INFRA, /* gateways and members: no deny list, no limit of all packets */
	ACCESS_KIND_MANAGEMENT,
	ACCESS_KIND_EXEMPT,
	ACCESS_KIND_DENY,
	ACCESS_KIND_ALLOW, /* for the services that name the list, and by itself alone */
	ACCESS_KIND_MAX
};

struct access_source {
	const struct prefix_set *set; /* NULL: empty */
	enum access_kind kind;
	uint16_t list; /* id; of management and infra 0 */
};

struct access_table {
	struct dp_access_entry *entries; /* by dp_access_compare() */
	size_t count;
};

/* Sources of one kind may be several; of two deny (or exempt) lists that cover an address, the one
 * with the longer prefix is named, of equal ones the lower id. Prefixes that change nothing are
 * left out. */
void access_build(const struct access_source *sources, size_t count,
		  struct access_table *ret_table);
void access_table_done(struct access_table *table);
