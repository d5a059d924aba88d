/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Passive signals: what the packets of clients on their way to a member say of it. Pure; whoever
 * calls has the counters and the clock, once a second.
 *
 * A balancer whose members answer clients directly sees half of a connection: its SYN, the SYN again
 * when nothing answered, and the first packet after the handshake. Of a sample of flows it counts
 * these. Every one can be forged by a client, or be missing for other reasons (a flood of SYNs, a
 * router that moved a flow to another balancer), so a member is only compared with its pool, only
 * with volume, and the worst that comes of it is suspicion: it is looked at more often.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/passive_types.h>

#define PASSIVE_WINDOW_S 10
#define PASSIVE_VOLUME 20	 /* sampled flows in the window: fewer say nothing */
#define PASSIVE_MEMBERS 3	 /* with volume: fewer have no median */
#define PASSIVE_BAD_PERCENT 50	 /* of its flows failed, */
#define PASSIVE_BAD_ABOVE 25	 /* and so many points more than of the pool: suspicion begins */
#define PASSIVE_DOUBT_PERCENT 25 /* the same for suspicion to go on */
#define PASSIVE_DOUBT_ABOVE 10
#define PASSIVE_CALM_S 10 /* without a sign: it ends */

/* Of a member, so far; only sampled flows. */
struct passive_counts {
	uint64_t syn;	      /* their first SYN */
	uint64_t repeated;    /* flows whose SYN came again, for nothing had answered */
	uint64_t followed;    /* flows that went on after their SYN */
	uint64_t lost;	      /* flows of which nobody knows: too many at once */
	uint64_t unreachable; /* ICMP errors: our packets do not get to it */
};

/* The last seconds; one more than the window, for flows are followed up to a second later. */
struct passive_window {
	uint32_t second; /* of the newest bucket */
	struct passive_bucket {
		uint16_t syn, repeated, followed, lost, unreachable;
	} buckets[PASSIVE_WINDOW_S + 1];
};

/* What a window comes to. */
struct passive_sums {
	uint32_t flows;	      /* that had a second for an answer */
	uint32_t failed;      /* of them: not followed up, or only after another SYN */
	uint32_t followed;    /* in the newest second */
	uint32_t unreachable; /* ICMP errors */
};

/* Empties the window; it goes on from this second. */
void passive_clear(struct passive_window *window, uint32_t second);
/* Adds what was counted in this second, which is never before the newest bucket's. */
void passive_count(struct passive_window *window, const struct passive_counts *counted,
		   uint32_t second);
void passive_sum(const struct passive_window *window, uint32_t second,
		 struct passive_sums *ret_sums);
/* Per cent of flows that failed; 0 without flows. */
uint32_t passive_percent(const struct passive_sums *sums);

/* What a second says of a member. */
enum passive_sign {
	PASSIVE_NOTHING, /* too little to tell, or the whole pool fails */
	PASSIVE_FINE,
	PASSIVE_DOUBT, /* not enough to suspect it, enough to go on */
	PASSIVE_BAD,   /* far more of its flows fail than of the others' */
	PASSIVE_ICMP,  /* somebody on the way says that it cannot be reached */
	PASSIVE_SIGN_MAX
};

/* Of the members of a pool that have volume, the median of the per cent that failed: the upper one
 * of two, so that half of a pool is no measure for the other half. -1: too few have. */
int passive_median(const struct passive_sums *pool, size_t count);
/* A pool that fails as a whole (median of at least PASSIVE_BAD_PERCENT: a flood, or the network in
 * front of it) says nothing of its members. */
enum passive_sign passive_judge(const struct passive_sums *sums, int median);

/* Suspicion of a member. */
struct passive_state {
	enum passive_sign cause; /* PASSIVE_NOTHING: no suspicion; else BAD or ICMP: why it began */
	uint32_t calm_s;	 /* seconds in a row without a sign */
};

/* Takes in the sign of one second. True when suspicion begins or ends. */
bool passive_feed(struct passive_state *state, enum passive_sign sign);

/* What is shown of a suspicion. */
struct passive_view {
	uint32_t flows;	      /* in the window */
	uint32_t unreachable; /* in the window */
	uint8_t cause;	      /* enum passive_sign, as in passive_state */
	uint8_t error;	      /* enum sluice_unreachable: the last ICMP error */
	uint8_t percent;      /* of them that failed */
	uint8_t has_median;
	uint8_t median; /* of the pool */
};

/* What one second says of a member to the model. */
struct passive_report {
	struct passive_view view; /* cause 0: not suspect */
	uint32_t good_flows;	  /* on trial: that went on, while few failed */
	bool is_watched_wholly;	  /* all of its flows shall be looked at, not only a sample */
};

/* "protocol unreachable" */
const char *passive_error_name(unsigned int error);

#define PASSIVE_TEXT_MAX 128
/* "61 % of 240 new flows were not answered (pool 2 %)", of the window as it is. */
const char *passive_text(const struct passive_view *view, char buffer[PASSIVE_TEXT_MAX]);
