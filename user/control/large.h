/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Large answers, as the status of 20,000 members with 30 MB: those who ask in the same turn of the loop
 * get the same one, and whoever asks while many bytes are on their way waits for his. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <microhttpd.h>

#include "control/operations.h"

struct large;

struct large *large_new(void);
/* No answer may be on its way. Accepts NULL. */
void large_free(struct large *large);

/* The answer that another got to this request, NULL: none in this turn. */
struct MHD_Response *large_find(const struct large *large, const char *request, size_t *ret_length);
/* The operation's answers are large, and there is no room for another one. */
bool large_must_wait(const struct large *large, const struct operation *operation);
/* A response of the reply's text, which it takes. operation: may be NULL of an error. request: NULL: nobody
 * else shall get it. */
struct MHD_Response *large_response(struct large *large, const struct operation *operation,
				    const char *request, struct reply *reply);
/* It has been queued for the one it was made for. */
void large_release(const struct large *large, struct MHD_Response *response);
/* The next one who asks gets an answer of his own: the turn is over, or something has changed. */
void large_forget(struct large *large);
/* True, once: there is room again. */
bool large_take_room(struct large *large);
