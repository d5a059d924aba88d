/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP connections: whether a member takes one. All of them share a descriptor that the loop polls and a
 * timer, so that one takes few system calls and little memory. */
#pragma once

#include "health/probe.h"

struct tcp;

struct tcp *tcp_new(uv_loop_t *loop);
/* No probe may be left. Memory goes when the loop has run the close callbacks. */
void tcp_free(struct tcp *tcp);

/* Never answers from within the call. */
struct probe *tcp_probe(struct tcp *tcp, const struct way *way, uint32_t timeout_ms, probe_fn fn,
			void *arg);
