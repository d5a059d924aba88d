/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one capture that may run: started on request, ended by count, time or request, or when nobody
 * reads it for CAPTURE_UNREAD_MS; kept for a minute for whoever comes then. */
#pragma once

#include "core/capture.h"

struct captures;
struct dp_bpf;

struct captures *captures_new(struct dp_bpf *dp);
void captures_free(struct captures *captures); /* accepts NULL */

/* ERR_CONFLICT with who runs the other one while there is one. */
int captures_start(struct captures *captures, const struct capture_request *request,
		   uint64_t now_ms, uint32_t *ret_id, struct err *e);
/* Up to date; id 0: the last one, which is not read by that. NULL: there is none. Valid until the next call. */
const struct capture *captures_get(struct captures *captures, uint32_t id, uint64_t now_ms);
/* Whether it was running. */
bool captures_stop(struct captures *captures, uint32_t id, uint64_t now_ms);
/* Call once a second. */
void captures_tick(struct captures *captures, uint64_t now_ms);
