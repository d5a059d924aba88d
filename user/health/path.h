/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Probes that take the way of the service's packets to a member: what whoever has that way does for
 * health. A probe is a socket to the service's address whose mark names an index; the index is aimed
 * at a member before each probe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/types.h>

#include "core/model.h"

/* As of the moment it was aimed. */
struct path_aim {
	uint32_t mark;		   /* for the probe's socket */
	struct sluice_addr source; /* its address; zero: as the host chooses */
	uint64_t sent;		   /* packets of the index that went out so far */
	uint64_t dropped;	   /* and that could not */
};

struct health_path {
	uint32_t indices; /* 1 to this number may be aimed */
	/* From now on packets to addr with ret_aim->mark go to the member. False: why they cannot. */
	bool (*aim)(void *arg, uint32_t index, uint64_t member_id, const struct sluice_addr *addr,
		    struct path_aim *ret_aim, char problem[HEALTH_TEXT_MAX]);
	/* Did the probe, which has passed or failed, go out since? False: why not; what was heard then
	 * says nothing of the member. */
	bool (*went)(void *arg, uint32_t index, const struct sluice_addr *addr,
		     const struct path_aim *aim, bool has_passed, char problem[HEALTH_TEXT_MAX]);
	/* Nobody is probed by this index any more. */
	void (*clear)(void *arg, uint32_t index);
	/* Can anything leave for the member now, by whichever way it is probed? False: why not, which
	 * is this host's fault. */
	bool (*can_leave)(void *arg, uint64_t member_id, char problem[HEALTH_TEXT_MAX]);
	void *arg;
};
