/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A set of prefixes with comments and times of expiry, sorted. Never changed once made, and
 * counted by reference, so that a copy of the model costs nothing: a change makes a new set.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/prefix.h"

#define PREFIX_SET_MAX (1U << 20)	 /* prefixes of one set */
#define PREFIX_SET_BYTES_MAX (64U << 20) /* of a file of prefixes */
#define PREFIX_COMMENT_MAX 255
#define PREFIX_TTL_S_MAX (10 * 365 * 86400)

struct prefix_entry {
	struct prefix prefix;
	uint32_t line;	    /* of the text that it came from; 0: none */
	uint32_t expires_s; /* wall clock; 0: never */
	uint32_t comment;   /* see prefix_set_comment() */
};

struct prefix_set {
	size_t references;
	size_t count;
	struct prefix_entry *entries; /* by prefix_compare(); no two are equal */
	char *comments;		      /* texts, each with its end; the first is "" */
	size_t comments_size, comments_capacity;
	uint32_t soonest_s; /* to expire; 0: none does */
};

/* NULL is the empty set everywhere. */
struct prefix_set *prefix_set_ref(struct prefix_set *set);
void prefix_set_unref(struct prefix_set *set);
size_t prefix_set_count(const struct prefix_set *set);
const char *prefix_set_comment(const struct prefix_set *set, const struct prefix_entry *entry);
const struct prefix_entry *prefix_set_find(const struct prefix_set *set,
					   const struct prefix *prefix);

/* Sorts; of equal prefixes the last one stays. All get this comment (may be NULL) and expiry. */
struct prefix_set *prefix_set_new(const struct prefix_entry *entries, size_t count,
				  const char *comment, uint32_t expires_s);
/* Both together; what is in both is as in `over`. Never NULL. */
struct prefix_set *prefix_set_merge(const struct prefix_set *set, const struct prefix_set *over);
struct prefix_set *prefix_set_subtract(const struct prefix_set *set, const struct prefix_set *gone);
/* What is left at this time. */
struct prefix_set *prefix_set_expire(const struct prefix_set *set, uint64_t now_s);

/* A text of prefixes as block lists come: one a line, # and ; begin a comment, empty lines and CRLF
 * are fine. 0 and a new set (owned by the caller, maybe empty); or -EINVAL and an error, with its
 * line, for each of the first mistakes. */
int prefix_set_parse(const char *text, size_t length, const char *comment, uint32_t expires_s,
		     struct prefix_set **ret_set, struct errs *errors);
