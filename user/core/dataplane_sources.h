/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sources, as the port to the packet path (dataplane.h) speaks of them: what lists say, who is banned,
 * who is refused, who sends how much. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/source_types.h>

#include "base/prefix.h"

/* One prefix of the table of access lists. */
struct dp_access_entry {
	struct prefix prefix;
	uint16_t list; /* 0: for all packets; else of this allow list */
	uint64_t word; /* SLUICE_ACCESS() */
};

/* By list, then by prefix_compare(). */
int dp_access_compare(const struct dp_access_entry *a, const struct dp_access_entry *b);

/* A source that a limit drops altogether for some time. */
struct dp_ban {
	uint32_t limit;	      /* index */
	struct prefix source; /* as long as the limit's prefix in its family */
	uint64_t left_ms;     /* from now on; 0: it is over */
	bool is_all;	      /* all packets, not only those that open connections */
	uint64_t hits;	      /* packets dropped, from samples: exact while there are few */
	char limit_name[64];  /* in adopted tables: of the limit that banned it; "": not known */
};

typedef void (*dp_ban_fn)(void *arg, const struct dp_ban *ban);

/* A sample of what limits refuse. */
struct dp_refusal {
	uint32_t limit; /* index */
	enum sluice_refusal_kind kind;
	uint64_t packets;	   /* refused ones that this one stands for */
	struct sluice_addr source; /* the address, not the limit's prefix of it */
	uint64_t time_ns;	   /* of the packet path's clock: only differences mean something */
};

/* What a source sent while it was measured. */
struct dp_measured {
	struct prefix source; /* as long as was asked for */
	uint64_t packets;
	uint64_t bytes; /* of frames */
	uint64_t new_connections;
};

typedef void (*dp_measured_fn)(void *arg, const struct dp_measured *measured);

typedef void (*dp_refusal_fn)(void *arg, const struct dp_refusal *refusal);
