/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libcurl's transfers on the worker's loop: their sockets, their time, and handles for them. */
#pragma once

#include <stdbool.h>

#include <curl/curl.h>
#include <uv.h>

struct multi;

struct multi_calls {
	/* It is over; the handle has left the transfers. */
	void (*done)(CURL *easy, CURLcode code);
	/* It waits to be writable, so it has asked for its connection. */
	void (*writes)(CURL *easy);
	/* It waits for what its peer sends. */
	void (*reads)(CURL *easy);
};

/* NULL: libcurl does not work, or there is no descriptor. It is never freed. */
struct multi *multi_new(uv_loop_t *loop, const struct multi_calls *calls);

/* A handle without options, for multi_give(); NULL: no memory. */
CURL *multi_take(struct multi *multi);
/* Back, by whom it was taken; it is in no transfer. */
void multi_give(struct multi *multi, CURL *easy);

/* False: there is none; calls follow otherwise, none of them from within. */
bool multi_begin(struct multi *multi, CURL *easy);
/* The transfer ends without a call. */
void multi_end(struct multi *multi, CURL *easy);
/* Has transfers take what has come for them. Calls come from within. */
void multi_look(struct multi *multi);
