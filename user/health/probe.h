/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One TCP connect: started, then exactly one answer, unless it is cancelled. */
#pragma once

#include <stdint.h>

#include <uv.h>

#include <sluice/types.h>

#include "core/health_state.h"

struct probe;

/* cause: of a failure. text is valid during the call. latency_us: of a pass, else 0. */
typedef void (*probe_fn)(void *arg, enum probe_result result, enum health_cause cause,
			 const char *text, uint32_t latency_us);

/* Never answers from within the call. */
struct probe *probe_start(uv_loop_t *loop, const struct sluice_addr *addr, uint16_t port,
			  uint32_t timeout_ms, probe_fn fn, void *arg);
void probe_cancel(struct probe *probe); /* accepts NULL; no answer follows */

/* What an errno of connect() says about the member: a failure of its own, or of this host. */
enum probe_result probe_classify(int error, const char **ret_text);
/* Of a failure: did anything come back from the member? */
enum health_cause probe_cause(int error);
