/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cases of docs/flows.md, which say what becomes of a packet whose slot is in motion. Who runs
 * them against an implementation sets up what a case says and compares what comes out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/flow_types.h>

#define FLOW_CASES_FILE "docs/flows.md"
#define FLOW_CASES_MEMBERS 3 /* A, B and C are 1, 2 and 3; 0 is nobody */

enum flow_case_table { FLOW_CASE_FLOWS, FLOW_CASE_PENDING, FLOW_CASE_TRACKED, FLOW_CASE_TABLES };

struct flow_case_entry {
	uint32_t member; /* 0: no entry */
	uint32_t idle_s;
	bool is_stale; /* of an earlier epoch */
	bool is_closing;
};

struct flow_case {
	char name[80];
	uint32_t cur, def;
	uint64_t flags; /* SLUICE_SLOT_F_* */
	struct flow_case_entry before[FLOW_CASE_TABLES], after[FLOW_CASE_TABLES];
	bool is_dead[FLOW_CASES_MEMBERS + 1], is_draining[FLOW_CASES_MEMBERS + 1];
	bool is_refusing[FLOW_CASES_MEMBERS + 1];
	uint32_t runner;
	bool is_pressure, is_tracked;
	int free_ways[FLOW_CASE_TABLES]; /* of both of the flow's sets; -1: all */
	bool is_udp;
	uint8_t tcp_flags; /* as on the wire */
	uint32_t goes_to;
	uint64_t flags_after;
};

/* The epoch of member 1, 2 or 3 in all cases: entries of an earlier one are stale. */
#define FLOW_CASE_EPOCH(member) (6 + (member))

/* Runs all cases of the file: how many differences they found. -1, and a message on stderr, if a row
 * cannot be understood. */
int flow_cases_run(const char *path, int (*run)(const struct flow_case *c));
/* 0: is as it should be; otherwise says so, and 1. */
int flow_case_differs(const struct flow_case *c, const char *what, uint64_t is, uint64_t should);

extern const struct sluice_flow_settings flow_case_settings;
const char *flow_case_table_name(enum flow_case_table table);
/* The value of an entry at this second, 0 for none. */
uint64_t flow_case_value(const struct flow_case_entry *entry, uint32_t now_s);
/* Makes one table of `count` sets as it is before the packet of this flow: its entry, in its second
 * set, and others' live ones where the case wants the flow's sets full. */
void flow_case_place(const struct flow_case *c, enum flow_case_table table,
		     struct sluice_flow_set *sets, uint32_t count, uint64_t fingerprint,
		     uint32_t now_s);
/* The value of the flow's entry, 0 if it has none; *ret_copies, if not NULL: how many it has. */
uint64_t flow_case_find(const struct sluice_flow_set *sets, uint32_t count, uint64_t fingerprint,
			int *ret_copies);
