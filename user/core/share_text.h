/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A member's share in words: what it gets, why, and what comes next. */
#pragma once

#include "core/model.h"

#define SHARE_TEXT_MAX 480

/* "on trial: 2 % after connect timeout, 3 of 3; next decision in 12 s". now_ms: the model's clock,
 * now_s: the wall's. */
const char *share_text(const struct model *model, const struct model_service *service,
		       const struct model_pool *pool, const struct model_member *member,
		       uint64_t now_ms, uint64_t now_s, char buffer[SHARE_TEXT_MAX]);
