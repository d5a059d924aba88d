/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bans: sources that a limit has refused too often are dropped without being asked, for a time. What is
 * in force is in the packet path, which ends a ban by itself; here is who is banned, why, and by whom.
 * Samples, orders and time are handed in; writes go through the port.
 *
 * A source is banned once `after` of its packets were refused within `within_s`, never wider than the
 * limit's prefix. Refusals are counted in BANS_PARTS parts of that time, of which the last ones count:
 * a refusal counts for no longer than within_s, and for 7/8 of it at least. Where only samples are
 * known, BANS_SAMPLES of them are wanted, so that one sample that stands for many bans nobody.
 * What a source is refused while it is banned counts for nothing and prolongs nothing: a ban ends when
 * it says, and who goes on is banned anew. Shadow limits and a bypass ban nobody; sources that
 * management or a list exempts are never banned.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/dataplane.h"
#include "core/model.h"

#define BANS_PARTS 8
#define BANS_SAMPLES 16U
#define BANS_COUNTED 4096 /* sources whose refusals are counted at once, of all limits */
#define BANS_FOR_S 600	  /* of a command that does not say how long */
#define BANS_FOR_MAX_S (30 * 86400)
#define BANS_REASON_MAX 127

struct ban {
	uint32_t limit;
	struct prefix source;
	uint64_t until_ms, since_s; /* by the monotonic clock; wall clock */
	bool is_all;		    /* all packets, not only those that open connections */
	bool is_manual;
	uint64_t hits; /* packets dropped, from samples */
	char limit_name[NAME_MAX_LENGTH + 1];
	char by[56];
	char reason[BANS_REASON_MAX + 1];
};

/* What callers know of the time. */
struct bans_now {
	uint64_t ms, wall_s;
};

enum bans_news {
	BANS_BEGUN,
	BANS_ENDED,
	BANS_PROBLEM, /* a source could not be banned: text says why; at most one a minute */
	BANS_NEWS_MAX
};
typedef void (*bans_fn)(void *arg, enum bans_news news, const struct ban *ban, const char *text);

/* What a command asks for. */
struct ban_order {
	const struct model_limit *limit;
	struct prefix source; /* bans_source() */
	uint32_t for_s;
	bool is_all;
	const char *reason; /* "" none */
	const char *by;
};

struct bans;

/* capacity: of the packet path. fn is called from the functions below. */
struct bans *bans_new(const struct dataplane *port, const struct model *model, uint32_t capacity,
		      bans_fn fn, void *arg);
void bans_free(struct bans *bans); /* accepts NULL; bans stay in the packet path */

/* The source that an address, or a prefix, is for a limit: with a text that says ADDRESS the prefix
 * that holds it, ADDRESS/LENGTH must be the limit's. 0, or -EINVAL and e. */
int bans_source(const struct model_limit *limit, const char *text, struct prefix *ret_source,
		struct err *e);
/* The limit's prefix of an address. */
struct prefix bans_source_of(const struct model_limit *limit, const struct sluice_addr *addr);
/* What exempts all of a prefix: "management", "list partners", or NULL. */
const char *bans_exempt(const struct model *model, const struct prefix *source, char text[80]);
/* A member or a gateway, whom limits of everything leave alone. */
bool bans_is_spared(const struct model *model, const struct prefix *source);
/* What exempts it from this limit. */
const char *bans_exempt_from(const struct model *model, const struct model_limit *limit,
			     const struct prefix *source, char text[80]);

/* A sample of what limits refuse. */
void bans_refused(struct bans *bans, const struct dp_refusal *refusal, const struct bans_now *now);
/* Bans a source, or changes its ban. 0, or negative errno and e. */
int bans_set(struct bans *bans, const struct ban_order *order, const struct bans_now *now,
	     struct err *e);
/* Also one that waits or is held. text: why, for the event. 0; -ENOENT: there is none; or negative
 * errno: it still is. */
int bans_lift(struct bans *bans, uint32_t limit, const struct prefix *source, const char *text);
/* All of a limit, 0: of all; likewise those that wait or are held. Returns how many were lifted; *ret_failed: 0 or a negative errno. */
size_t bans_lift_all(struct bans *bans, uint32_t limit, const char *text, int *ret_failed);
/* Once a second: ends what is over. */
void bans_tick(struct bans *bans, const struct bans_now *now);
/* The model has changed: bans of limits that are gone, not enforced, or of other prefixes end, and
 * those of sources that are exempt now. */
void bans_follow(struct bans *bans);

/* What a predecessor left. kept: what it noted of its bans, with until_ms by our clock. Those that the
 * packet path has stay; is_new: the packet path was made anew, those of kept are made again. 0, or
 * negative errno: nothing is known yet, to be called again. */
int bans_adopt(struct bans *bans, const struct ban *kept, size_t count, bool is_new,
	       const struct bans_now *now);
/* Bans that are to be made again, by the names of their limits, as soon as the packet path takes them,
 * unless they are there, or over, or cannot be any more (bans_follow()), or are lifted by then. */
void bans_wait(struct bans *bans, const struct ban *list, size_t count);
/* Those that wait, or would if bans_restore() were called now. */
void bans_each_waiting(const struct bans *bans, void (*fn)(void *arg, const struct ban *ban),
		       void *arg);
/* A trial begins: bans that there are come back with bans_restore(), whatever ends them but time and
 * commands, and are given up by bans_release(). */
void bans_hold(struct bans *bans);
void bans_release(struct bans *bans);
void bans_restore(struct bans *bans);

size_t bans_count(const struct bans *bans);
size_t bans_count_of(const struct bans *bans, uint32_t limit);
/* NULL: not banned. Valid until the next change. */
const struct ban *bans_find(const struct bans *bans, uint32_t limit, const struct prefix *source);
/* fn must not change bans. */
void bans_each(const struct bans *bans, void (*fn)(void *arg, const struct ban *ban), void *arg);
/* Sources that were not banned, since the start: over the limit's max_per_s, and for want of room. */
uint64_t bans_held_back(const struct bans *bans);
uint64_t bans_without_room(const struct bans *bans);
