/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks as JSON. */
#pragma once

#include <jansson.h>

#include "control/control.h"

/* As it is configured. */
json_t *view_check(const struct check_config *check);
/* A member's own, and what came of it. */
json_t *view_member_check(const struct control_host *host, const struct model_service *service,
			  const struct model_pool *pool, const struct model_member *member);
