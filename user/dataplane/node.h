/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Switches of the whole node, and what is noted about them. The same functions serve the daemon and,
 * on the pinned maps, those who do without it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/node_types.h>

#include "dataplane/routes.h"

/* The two maps, and the time when somebody looked. */
struct dp_node {
	struct sluice_control *control;
	struct sluice_notes *notes;
	uint64_t now_ns; /* of the packet path */
};

/* An active node answers ARP and ND. True when it was not so before. */
bool dp_node_is_active(const struct dp_node *node);
bool dp_node_set_active(const struct dp_node *node, bool is_active);

/* An active node that is cut off answers nothing, and keeps its role. True: it was not so before. */
bool dp_node_set_cut_off(const struct dp_node *node, bool is_cut_off);

/* Where routes of the instance may be; table 0: nowhere. */
struct routes_place dp_node_routes(const struct dp_node *node);
void dp_node_note_routes(const struct dp_node *node, struct routes_place place);

enum dp_bypass { DP_BYPASS_LIMITS, DP_BYPASS_LISTS, DP_BYPASS_MAX };

/* What is on, off, or has ended by itself. */
struct dp_bypass_state {
	bool is_on;
	uint64_t left_s; /* until it ends, rounded up; 0 when it is off */
	uint64_t since_s;
	char by[56];
};

/* Effective at once. for_s 0 ends it. by: who, cut to what there is room for. */
void dp_node_bypass_set(const struct dp_node *node, enum dp_bypass what, uint64_t for_s,
			const char *by);
void dp_node_bypass_get(const struct dp_node *node, enum dp_bypass what,
			struct dp_bypass_state *ret_state);

struct dp_trial_state {
	enum sluice_trial kind; /* SLUICE_TRIAL_NONE: nothing is on trial */
	bool is_over;		/* the packet path passes everything */
	uint64_t left_s;
	uint64_t since_s;
};

/* From now on everything is passed after for_s seconds, unless dp_node_trial_end() comes first. */
void dp_node_trial_begin(const struct dp_node *node, enum sluice_trial kind, uint64_t for_s);
void dp_node_trial_end(const struct dp_node *node);
void dp_node_trial_get(const struct dp_node *node, struct dp_trial_state *ret_state);
