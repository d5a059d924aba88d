/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of hosts, where a configuration may have one instead of an address. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HOST_NAME_MAX_LENGTH 253

/* NULL when text is a host name (RFC 1123 with lengths of RFC 1035; a dot at the end says that it is
 * complete). Else what is wrong, in words behind "it"; *ret_hint: what to do, or NULL. What ends in
 * numbers only is no name, for it is a mistyped address. */
const char *host_name_problem(const char *text, const char **ret_hint);

/* The names among the members of a pool, shared by all copies of the pool. */
struct named_member;
struct name_set {
	uint32_t references;
	uint32_t count;
	size_t capacity;
	struct named_member *list;
};

struct name_set *name_set_new(void);
struct name_set *name_set_ref(struct name_set *set); /* accepts NULL, as below */
void name_set_unref(struct name_set *set);
/* A zeroed one at the end, valid until the next. */
struct named_member *name_set_add(struct name_set *set);
/* By position, from 1; "" of 0, which is no name's. */
const char *name_set_at(const struct name_set *set, uint32_t position);
