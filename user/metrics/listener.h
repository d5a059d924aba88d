/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* GET /metrics on a TCP port. No loop of its own: poll the descriptor, call listener_turn(), and
 * again after listener_timeout_ms(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct listener;

/* Allocated text, owned by the listener from then on. */
typedef char *(*listener_fn)(void *arg, bool is_openmetrics, size_t *ret_length);

/* endpoint: ADDRESS:PORT or [ADDRESS]:PORT, numeric. */
int listener_new(const char *endpoint, listener_fn fn, void *arg, struct listener **ret_listener,
		 struct err *e);
void listener_free(struct listener *listener); /* accepts NULL */
int listener_fd(const struct listener *listener);
void listener_turn(struct listener *listener);
int listener_timeout_ms(struct listener *listener); /* -1 none */
