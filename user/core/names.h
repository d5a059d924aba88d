/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which addresses the host names among members have: what their last answers were, and what follows
 * of them for a configuration. An address that is no longer among a name's answers is terminating
 * until somebody drops it. An answer that does not come changes nothing, and one of which nothing
 * can be a member changes nothing where that is so. Pure.
 */
#pragma once

#include <uthash.h>

#include "core/check_message.h"
#include "core/config.h"

/* What leaves waits until it has no connection left, unless there are so many of one name. */
#define NAME_GONE_MAX 1024

struct name_address {
	struct sluice_addr addr;
	bool is_gone;	 /* was there once: terminating */
	uint32_t answer; /* number of the last answer that had it */
	bool is_refused; /* the model did so somewhere, the last time it was asked */
	bool is_kept;	 /* name_keep() */
};

struct name {
	char text[HOST_NAME_MAX_LENGTH + 2]; /* in lower case */
	struct name_address *list;
	size_t count, capacity;
	size_t forgotten;	      /* that were terminating, so far */
	uint32_t answers;	      /* so far */
	char problem[CHECK_TEXT_MAX]; /* why there was no answer the last time, "" when there was */
	bool is_none;		      /* the problem is that there is no such name */
	char remark[CHECK_TEXT_MAX];  /* about the last answer, "" */
	void *asking;		      /* the caller's */
	bool is_wanted;		      /* the caller's, too */
	uint64_t answered_ms;	      /* and this: the last answer of any kind, 0: none yet */
	uint64_t lookups_passed, lookups_failed,
		passed_s; /* and these; the last, by the wall clock */
	UT_hash_handle hh;
};

struct names {
	struct name *list; /* a hash by text */
};

void names_done(struct names *names);
/* NULL when it is not there. */
struct name *names_find(const struct names *names, const char *text);
/* The one that is there, or a new one without addresses. */
struct name *names_add(struct names *names, const char *text);
void names_remove(struct names *names, struct name *name);

/* Is any address known? */
bool name_is_known(const struct name *name);
/* Addresses of an answer: at least one. True when something is different now. At most NAME_GONE_MAX
 * are terminating: of more the oldest are forgotten, and counted. */
bool name_take(struct name *name, const struct check_addresses *answer);
/* One that terminates already, as it was kept: number of the last answer that had it. */
void name_add_gone(struct name *name, const struct sluice_addr *addr, uint32_t answer);
/* Those that it has now were kept over a restart, and were members before it unless the model refused them. */
void name_keep(struct name *name);
/* As it was kept: the model refused this one. */
void name_refuse(struct name *name, const struct sluice_addr *addr);
/* One that is terminating is no more. */
void name_drop(struct name *name, const struct sluice_addr *addr);

/* An address that is left out of a pool, and why. */
struct name_left_out {
	const struct service_config *service;
	const struct pool_config *pool;
	const char *name;
	const struct sluice_addr *addr;
	const char *why;
	/* Somebody should look: the model refuses it, or the whole answer is of no use here. */
	bool is_trouble;
	bool is_kept; /* there are members of an earlier answer instead */
};
typedef void (*names_left_out_fn)(void *arg, const struct name_left_out *left_out);

struct model;

/* Makes the members that the configuration has by name those that their names have now, in place of
 * those that it had. An address is once in a service: what was written as an address goes first,
 * then names in their order, ready ones before terminating ones. Of a name's answers the last one
 * counts that has an address which can be a member of the pool.
 *
 * Addresses that the model would refuse, and does not have yet, are left out; model NULL: an empty
 * one. What it refuses for other reasons is not looked for here. Each question costs as much as a
 * change of the model: where many addresses are new and refused, some are left out with them, and found
 * to be good the next time. left_out may be NULL. */
void names_expand(struct names *names, struct config *config, const struct model *model,
		  uint32_t tick_ns, names_left_out_fn left_out, void *arg);
