/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules about members together: how many may be taken out, what happens when nobody is left, and
 * when it is not them but this host. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of a pool's members so many may be out for one more to be ejected by a ratio: at most a third,
 * in whole members, but one; of a single one none. Who fails its check in a row is no matter of
 * this: it does not serve, whoever sends it packets. */
size_t ejection_cap(size_t members);

/* The less dead first. */
enum ejection_rank {
	EJECTION_TRIED,	   /* only its circuit is open: its check passes */
	EJECTION_ANSWERED, /* its check fails, but something answers */
	EJECTION_SILENT,
	EJECTION_RANK_MAX
};

enum ejection_panic {
	PANIC_NONE,
	PANIC_FALLBACK, /* the fallback pool serves */
	PANIC_READMIT,	/* those serve who are out, up to a rank */
	PANIC_DROP,	/* nobody does, as configured */
	PANIC_MAX
};

struct panic_question {
	size_t admitted;   /* members that have a share, not counting the fallback pool */
	size_t min_wanted; /* of them; at least 1 counts */
	size_t fallback;   /* members of the fallback pool that would have a share */
	size_t out[EJECTION_RANK_MAX]; /* members that have none only because they fail */
	bool is_drop;
};

/* *ret_rank, for PANIC_READMIT: who is re-admitted, that rank and the ones before it. */
enum ejection_panic ejection_panic(const struct panic_question *q, enum ejection_rank *ret_rank);

enum gateway_state { GATEWAY_FINE, GATEWAY_DOUBTFUL, GATEWAY_FAILED, GATEWAY_STATE_MAX };

struct local_evidence {
	bool is_carrier_lost; /* of an interface that traffic comes in by */
	enum gateway_state gateway;
	bool is_all_failing; /* every target of every check, of two at least */
};

/* Is it this host that is cut off? Members that fail together are no evidence of that. Returns why,
 * NULL: it is not. */
const char *ejection_local_fault(const struct local_evidence *evidence);
