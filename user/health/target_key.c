/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/target_key.h"

#include <string.h>

#include "base/util.h"
#include "core/check_spec.h"

struct target_key *target_key_make(const struct model_service *service,
				   const struct model_pool *pool, const struct model_member *member,
				   size_t *ret_bytes)
{
	const struct check_config *check = model_check_of(pool, member);
	uint32_t length = check->spec ? check->spec->length : 0;
	struct target_key *key = util_alloc(sizeof(*key) + length);

	_Static_assert(sizeof(struct target_key) == 2 * 16 + 12 * 4, "no gaps");
	key->addr = member->addr;
	if (check->type != CHECK_ICMP)
		key->port = check->port ? check->port : member->port;
	if (check->via == CHECK_VIA_PATH) {
		key->service = service->addr;
		key->mode = (uint16_t)pool->mode;
		key->gue_port = pool->gue_port;
	}
	key->type = check->type;
	key->interval_ms = check->interval_ms;
	key->timeout_ms = check->timeout_ms;
	key->fast_ms = check->fast_ms;
	key->down_ms = check->down_ms;
	key->fall = check->fall;
	key->rise = check->rise;
	key->jitter_percent = check->jitter_percent;
	key->spec_length = length;
	if (length)
		memcpy(key->spec, check->spec->bytes, length);
	*ret_bytes = sizeof(*key) + length;
	return key;
}
