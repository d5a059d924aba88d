/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What pinned maps hold, and whether it can be: for a start, and for those who ask beforehand. */
#pragma once

#include "base/err.h"
#include "core/dataplane.h"
#include "core/model.h"

/* Reads by the port's `capacity`, `adopt` and `slots_read`; nothing else is called. Empty when the
 * maps are new. -EUCLEAN with the reason: they contradict themselves. */
int adopted_read(const struct dataplane *dp, struct dp_adopted *ret_found, struct err *e);

/* The service that was where the model's is; NULL: none was. */
const struct dp_service *adopted_service(const struct dp_adopted *found,
					 const struct model_service *model);
/* An index for each limit of the model, into zeros: what it had, by its name, or by its place where none
 * is known; else a free one. -ENOSPC with the
 * reason: those found and new ones together are too many. */
int adopted_limit_ids(const struct dp_adopted *found, const struct model *model,
		      uint32_t limits_max, uint32_t *ret_ids, struct err *e);
