/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is refused, by limit: the loudest sources and prefixes, how many there are, and whether a limit
 * is under attack. Pure: samples of refusals, counters and time are handed in.
 *
 * The loudest are found by Space-Saving (Metwally, Agrawal, El Abbadi: Efficient computation of
 * frequent and top-k elements in data streams, ICDT 2005) over counts that fade by forward decay
 * (Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009): as all counts of a table fade alike, its bounds
 * hold for rates. A source with more than 1/OFFENDERS_TOP of a limit's refusals is in its table, and a
 * rate that is told is at least so high. How many sources there are is linear counting (Whang,
 * Vander-Zanden, Taylor: ACM TODS 15, 1990).
 *
 * A limit enters the state "under attack" after OFFENDERS_ENTER_S seconds in a row in each of which
 *   it refused OFFENDERS_PER_S packets or more, and either as many as it passed, or packets of
 *   OFFENDERS_SOURCES sources or more; or
 *   OFFENDERS_PER_S sources in debt or more lost their words to others.
 * It leaves it after OFFENDERS_LEAVE_S seconds in a row without half of that. Refused are also those
 * that a shadow limit or a bypass would have refused, and those of banned sources.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prefix.h"
#include "core/dataplane_sources.h"

#define OFFENDERS_TOP 64 /* sources of a limit that are known, and as many prefixes */
#define OFFENDERS_FADE_MS 10000
#define OFFENDERS_FORGET_MS 600000 /* a source that is refused again after so long is new */
#define OFFENDERS_PER_S 100
#define OFFENDERS_SOURCES 64
#define OFFENDERS_ENTER_S 3
#define OFFENDERS_LEAVE_S 60
/* First refusals of a limit that are told: so many at once, then one each time this has passed. */
#define OFFENDERS_TOLD 5
#define OFFENDERS_TOLD_MS 10000

struct offender {
	struct prefix source;
	double per_s;	      /* at least; over about the last ten seconds */
	double per_s_at_most; /* part of it may be of others that had its place before */
	uint64_t packets;     /* refused since it is known, from samples */
	uint64_t first_ms, last_ms;
	enum sluice_refusal_kind kind; /* of the last one */
};

struct offenders_view {
	uint64_t sources; /* refused in the last ten seconds, about; as many as were sampled */
	bool is_attacked;
	uint64_t since_ms;   /* entered or left that state; 0: never */
	unsigned int calm_s; /* of an attack: so long it has been calm */
};

enum offenders_news { OFFENDERS_FIRST, OFFENDERS_ATTACK, OFFENDERS_CALM };

struct offenders_notice {
	enum offenders_news news;
	uint32_t limit;
	const struct prefix *source; /* FIRST */
	enum sluice_refusal_kind kind;
	uint64_t untold;		  /* FIRST: other sources since the last notice */
	double refused, passed, replaced; /* ATTACK: a second */
	uint64_t sources, lasted_ms;	  /* ATTACK: how many; CALM: how long it was under attack */
};

typedef void (*offenders_fn)(void *arg, const struct offenders_notice *notice);

/* Of a limit since its start; they only grow. */
struct offenders_counts {
	uint64_t passed, refused, replaced_debt;
};

struct offenders;

/* secret: random. fn is called from the functions below. */
struct offenders *offenders_new(uint64_t secret, offenders_fn fn, void *arg);
void offenders_free(struct offenders *offenders); /* accepts NULL */

/* A sample. source: the limit's prefix of its address. */
void offenders_add(struct offenders *offenders, const struct dp_refusal *refusal,
		   const struct prefix *source, uint64_t now_ms);
/* About once a second, for each limit that there is. */
void offenders_tick(struct offenders *offenders, uint32_t limit,
		    const struct offenders_counts *counts, uint64_t now_ms);
/* Limits that are gone take what is known of their sources along. */
void offenders_keep(struct offenders *offenders, bool (*is_there)(void *arg, uint32_t limit),
		    void *arg);

/* The limit was under attack before its counters were watched here; since_ms: 1 for what was before
 * the clock; calm_s: since then it was calm, or nobody knows. No notice; it ends as every attack does.
 * False: by now it has ended. */
bool offenders_resume(struct offenders *offenders, uint32_t limit, uint64_t since_ms,
		      uint64_t calm_s);

void offenders_get(const struct offenders *offenders, uint32_t limit, uint64_t now_ms,
		   struct offenders_view *ret_view);
/* The loudest first, at most max. Returns how many. */
size_t offenders_top(const struct offenders *offenders, uint32_t limit, bool is_prefixes,
		     uint64_t now_ms, struct offender *ret_list, size_t max);
/* One source of a limit; false: it is not known. */
bool offenders_find(const struct offenders *offenders, uint32_t limit, const struct prefix *source,
		    uint64_t now_ms, struct offender *ret_offender);
/* The wider prefix that a source is counted in, too: /24 and /48, and beyond those one step each. */
struct prefix offenders_prefix(const struct prefix *source);
