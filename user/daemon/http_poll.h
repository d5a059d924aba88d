/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs a server that brings its own epoll descriptor and timeout (control API, metrics) on the
 * loop. */
#pragma once

#include <uv.h>

struct http_poll;

typedef void (*http_turn_fn)(void *server);
typedef int (*http_timeout_fn)(void *server); /* ms, -1 none */

struct http_poll *http_poll_new(uv_loop_t *loop, int fd, http_turn_fn turn, http_timeout_fn timeout,
				void *server);
/* A turn of its own accord, soon: the server has something to do that its descriptor does not show. */
void http_poll_soon(struct http_poll *poll);
/* Before the server is freed. Accepts NULL. */
void http_poll_free(struct http_poll *poll);
