/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What sync knows of flows and of slots in motion, for status, metrics, and who waits for a member
 * to be drained. Numbers of entries are those of the last whole sweep of the flow tables.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/flow_types.h>

struct sync;

struct sync_service_flows {
	/* Slots, together the whole table (docs/flows.md has the states). */
	uint32_t stable, pre, moving, exceptional;
	uint32_t
		waiting; /* of the stable and exceptional ones: are to move when their turn comes */
	uint32_t dirty;	 /* of the moving ones: a flow could not be learned, learning goes on */
	uint32_t entries; /* flows that do not follow their slot */
	/* Until no slot is pre, waiting or moving, if nothing is dirty and no turn is put off; 0: none
	 * is. Exceptional slots last until their last entry is gone. */
	uint32_t settles_in_s;
};

struct sync_member_flows {
	uint32_t slots_cur; /* owns their new flows */
	uint32_t slots_def; /* owns their flows that have no entry */
	uint32_t entries;   /* of flows of this member in `flows`, `pending` and `tracked` */
	bool is_counted;    /* entries are all its flows: no slot names it */
	bool is_drained;    /* no slot and no entry names it */
	/* Until its flows are all learned and can be counted; 0: they are, or it still has new ones. */
	uint32_t learning_left_s;
	uint32_t silence_s; /* after which a flow is not kept any more; 0: its service keeps none */
};

struct sync_flow_totals {
	uint32_t flows_used, flows_capacity; /* entries */
	uint32_t pending_used, pending_capacity;
	uint32_t tracked_used, tracked_capacity;
	uint32_t pre, waiting, moving, exceptional, dirty; /* slots of all services */
	struct sluice_flow_stats stats;
};

/* Zeros for what has no table, or is not there. */
void sync_view_service(const struct sync *sync, uint32_t service_id,
		       struct sync_service_flows *ret_flows);
void sync_view_member(const struct sync *sync, uint64_t member_id,
		      struct sync_member_flows *ret_flows);
/* 0 or negative errno. */
int sync_view_totals(const struct sync *sync, struct sync_flow_totals *ret_totals);
