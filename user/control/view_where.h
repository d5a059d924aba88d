/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the packet path would do with a packet, as JSON and in a sentence. */
#pragma once

#include <jansson.h>

#include "control/control.h"

struct where_view {
	const struct control_host *host;
	const struct where_packet *packet;
	const char *interface; /* NULL: none of ours */
	const struct where_answer *answer;
};

/* docs/protocol.md, Where. New reference. */
json_t *view_where(const struct where_view *view);

/* The sentence that ends it. */
const char *where_summary(const struct where_view *view, char *text, size_t size);
/* NULL when the answer names none, or the model does not know it (any more). */
const struct model_service *where_service(const struct where_view *view);
const struct model_limit *where_limit(const struct where_view *view);
/* Does it keep the host on its network? */
bool where_is_vital(const struct where_packet *packet);
bool where_is_management(const struct where_view *view); /* its source */
const struct model_member *where_member(const struct where_view *view, uint32_t index,
					struct model_service **ret_service,
					struct model_pool **ret_pool);
