/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a limit as it is configured to the numbers of the packet path: one unit of time holds its own
 * rate and those of its exceptions. */
#pragma once

#include "core/config.h"
#include "core/gcra_config.h"

/* The limit's own rate. burst 0 stands for gcra_burst_default(). 0; or -EINVAL and an err whose path
 * is relative to the limit ("", "except[1]"), with its line: nothing can be represented, and the nearest
 * that can. */
int limit_params_make(const struct limit_config *config, uint32_t tick_ns,
		      struct gcra_params *ret_params, struct err *e);
/* That of an exception, in the unit k that limit_params_make() gave. */
int limit_exception_params(enum sluice_limit_count count, const struct limit_exception *exception,
			   uint32_t tick_ns, uint32_t k, struct gcra_params *ret_params,
			   struct err *e);
/* What is admitted at once. */
uint64_t limit_burst(enum sluice_limit_count count, const struct rate *rate,
		     const struct amount *burst, uint32_t tick_ns);
/* Of a ceiling on new connections, n not 0. */
int limit_ceiling_params(const struct rate *rate, uint32_t tick_ns, struct gcra_params *ret_params,
			 struct err *e);
