/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The backend-side decapsulation program on one interface. Nothing is pinned: the attachment keeps
 * the program and its maps alive, and goes with the interface.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/decap.h>
#include <sluice/types.h>

#include "base/err.h"

struct decap_prefix {
	struct sluice_addr addr;
	unsigned int length; /* as the address's family counts it */
};

struct decap_options {
	const char *interface;
	const struct decap_prefix *from; /* outer sources; at least one */
	size_t from_count;
	const struct decap_prefix *to; /* inner destinations; none: any */
	size_t to_count;
	uint16_t gue_port; /* host byte order; 0: no packets of mode gue */
	bool is_generic;
};

struct decap_state {
	char interface[16];
	uint32_t program_id;
	bool is_generic;
	uint64_t since_s; /* wall clock */
	struct decap_prefix from[SLUICE_DECAP_PREFIXES_MAX];
	size_t from_count;
	struct decap_prefix to[SLUICE_DECAP_PREFIXES_MAX];
	size_t to_count;
	struct sluice_decap_stats stats[SLUICE_DECAP_MAX];
};

/* Attaches, or replaces our own program in place; counters go on then. Another program is refused
 * naming it. */
int decap_attach(const struct decap_options *options, bool *ret_is_replaced, struct err *e);
/* ERR_NOT_FOUND when ours is not attached. */
int decap_detach(const char *interface, struct err *e);
int decap_read(const char *interface, struct decap_state *ret_state, struct err *e);
