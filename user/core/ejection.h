/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules about members together: how many may be taken out, what happens when nobody is left, and
 * when it is not them but this host. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* The kernel repeats a question after a second: so long is two of them without an answer, with
 * time for the second. */
#define GATEWAY_SILENT_MS 1250
#define GATEWAY_LATE_MS 600

/* What is known of one gateway, which is asked all the time. */
struct gateway_evidence {
	bool has_failed;	/* the kernel gave it up, and it was not heard of since */
	uint64_t unanswered_ms; /* since the first question without an answer; 0: there is none */
	bool is_passable;	/* probes of members pass, since then, too: it only answers late */
};

/* While packets pass it, that the kernel gave it up is no more than a doubt for so long: three answers
 * in a row may be lost. */
#define GATEWAY_GIVEN_UP_MS 5000

/* A pass is evidence for so long. */
#define GATEWAY_PASS_MS 2500

/* Long enough for a verdict, if nothing speaks for it. */
bool ejection_gateway_is_silent(const struct gateway_evidence *evidence);

/* The kernel gave it up, and packets pass it all the same: the verdict waits. */
bool ejection_gateway_is_waited_for(const struct gateway_evidence *evidence);

enum gateway_state ejection_gateway(const struct gateway_evidence *evidence);

/* Of all gateways together, how many are in which state: one that answers will do, and who has none
 * has none that fails. is_only_way: whatever this host sends to goes through them; else what is
 * beside them would show, so that their silence is a doubt and no more. */
enum gateway_state ejection_gateways(const size_t count[static GATEWAY_STATE_MAX],
				     bool is_only_way);

struct local_evidence {
	bool is_carrier_lost; /* of an interface that traffic comes in by */
	enum gateway_state gateway;
	bool is_gateway_silent; /* each of them, ejection_gateway_is_silent(): a late answer is none */
	bool is_all_failing;	/* every target of every check, of two at least */
};

enum local_fault {
	LOCAL_FAULT_NONE,
	LOCAL_FAULT_CARRIER,
	LOCAL_FAULT_GATEWAY,
	LOCAL_FAULT_ALL, /* every check fails, and no gateway answers */
	LOCAL_FAULT_MAX
};

/* Is it this host that is cut off? Members that fail together are no evidence of that. */
enum local_fault ejection_local_fault(const struct local_evidence *evidence);

/* While a gateway is silent the verdict on this host is near, and failures wait for it: for so long
 * at most, and no longer than until a probe passes. */
#define DOUBT_MAX_MS 10000

/* doubt_ms: since gateways are in doubt, 0: they are not; passed_ms: of the last probe that passed
 * anywhere; both, as now_ms, of one clock. */
bool ejection_is_in_doubt(uint64_t doubt_ms, uint64_t passed_ms, uint64_t now_ms);
