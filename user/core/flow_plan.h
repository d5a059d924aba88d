/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The life of a slot (docs/flows.md): from its word, the owner it should have and what happened,
 * its next word. Pure: the caller has the clock, the maps, and the time of the last step.
 *
 * A slot is stable, then announced (PRE), then it moves: new flows go to `cur`, those of `def` are
 * learned (LEARN); when every flow that is not silent for too long has an entry, `def` follows, and
 * the slot is exceptional (EXC) until its last entry is gone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/map_types.h>

enum flow_kind {
	FLOW_KIND_TRACKED, /* TCP: connections open with a SYN */
	FLOW_KIND_WINDOW,  /* no packet says that a flow is new: all are learned, then it moves */
	FLOW_KIND_PLAIN,   /* flows follow the slot's owner */
	FLOW_KIND_MAX
};

enum flow_state {
	FLOW_STABLE,
	FLOW_PRE,	  /* stable or exceptional, and announced */
	FLOW_MOVING,	  /* learns */
	FLOW_EXCEPTIONAL, /* at rest, with entries */
	FLOW_STATE_MAX
};

struct flow_times {
	uint32_t pre_ms;      /* from the announcement to the change */
	uint32_t learn_ms;    /* the longest silence of a flow that is protected */
	uint32_t postpone_ms; /* for so long a connection that opens may come again */
};

struct flow_question {
	uint64_t word;
	uint32_t wanted; /* the owner it should have; SLUICE_MEMBER_NONE: nobody may serve */
	enum flow_kind kind;
	bool is_urgent;	  /* the owner cannot take new flows: no announcement */
	bool is_cur_dead; /* its flows are lost */
	bool is_def_dead;
	bool is_quiet;	   /* the service has no flow that could be alive */
	bool may_start;	   /* pacing lets it leave its rest */
	bool is_clear;	   /* of entries: a sweep that began late enough found none */
	uint32_t since_ms; /* of the last step; wraps, as now_ms */
	uint32_t now_ms;
};

struct flow_answer {
	uint64_t word;
	bool is_step;	  /* since_ms starts anew */
	uint32_t wait_ms; /* look again then; UINT32_MAX: when something happens */
};

enum flow_state flow_plan_state(uint64_t word);
/* At rest, with another owner than it should have: moves when it may start. */
bool flow_plan_is_waiting(const struct flow_question *question);
/* How long a slot in the service's present state learns. */
uint32_t flow_plan_learn_ms(const struct flow_times *times, const struct flow_question *question);
void flow_plan_next(const struct flow_times *times, const struct flow_question *question,
		    struct flow_answer *ret_answer);
