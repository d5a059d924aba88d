/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers as bytes: JSON text, and errors in their closed form. Pure. */
#pragma once

#include "control/operations.h"

void reply_done(struct reply *reply);

/* A JSON array built from parts that are freed as they come, so that a list of thousands of
 * objects is never held as a tree. Ends as {"NAME":[...]}. */
struct reply_list;
struct reply_list *reply_list_begin(const char *name);
/* The same behind the members of an object, at least one, whose reference it steals; and another
 * list behind the one so far: {...,"NAME":[...],"NAME":[...]}. */
struct reply_list *reply_list_begin_behind(json_t *head, const char *name);
void reply_list_next(struct reply_list *list, const char *name);
void reply_list_add(struct reply_list *list, json_t *item); /* steals the reference */
void reply_list_end(struct reply_list *list, struct reply *reply);

/* One error as an object; has_place: in a text or file, which file names unless the err does. */
json_t *reply_error(const struct err *e, bool has_place, const char *file);
/* {"error":{...},"errors":[...]} with the first error's status (status != 0 overrides it). errors
 * may be empty: an internal error then. */
void reply_errors(struct reply *reply, const struct errs *errors, int status);

/* Makes text out of json when there is none. */
void reply_render(struct reply *reply);
