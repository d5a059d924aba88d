/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one measurement of sources that may run: looked at once a second, begun anew with a part of the
 * sources when there are more than fit, kept for a while for whoever comes then. */
#pragma once

#include <uv.h>

#include "base/err.h"
#include "core/dataplane.h"
#include "core/measurement.h"

struct measurements;

struct measurements *measurements_new(uv_loop_t *loop, const struct dataplane *port,
				      uint32_t tick_ns);
void measurements_free(struct measurements *measurements); /* accepts NULL; the loop is done */

/* ERR_CONFLICT while another one runs. */
int measurements_start(struct measurements *measurements, const struct measurement_request *request,
		       uint32_t *ret_id, struct err *e);
/* id 0: the last one. NULL: there is none. Valid until the next call. */
const struct measurement_run *measurements_get(struct measurements *measurements, uint32_t id);
/* Whether it was running. */
bool measurements_stop(struct measurements *measurements, uint32_t id);
