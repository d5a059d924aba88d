/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For tests of circuits: one service in a world, and what its checks and its operator do. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "core/weights.h"
#include "fake/sync_world.h"

#define HEAD                                                                                       \
	"version: 1\ninterfaces: [eth0]\nservices:\n  web:\n    listen: tcp 192.0.2.10:80\n    "   \
	"mode: l2\n"
#define FOUR "    members: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4]\n"

static inline struct world *world(const char *rest)
{
	AUTO_FREE char *text = util_printf("%s%s", HEAD, rest);
	struct world *w = world_new(1);

	world_load_text(w, text);
	world_resolve_all(w);
	return w;
}

static inline struct model_service *web(const struct world *w)
{
	return model_service_at(w->model, 0);
}

static inline struct model_member *in_pool(const struct world *w, size_t p, size_t m)
{
	return &web(w)->pools[p].members[m];
}

static inline struct model_member *member(const struct world *w, size_t m)
{
	return in_pool(w, 0, m);
}

static inline void fails(struct world *w, const struct model_member *m, enum health_cause cause)
{
	struct change change = {.type = CHANGE_MEMBER_HEALTH,
				.member_id = m->id,
				.health = HEALTH_DOWN,
				.health_cause = cause,
				.text = cause == HEALTH_ANSWERED ? "refused" : "timeout"};

	world_apply(w, &change);
}

static inline void passes(struct world *w, const struct model_member *m)
{
	struct change change = {
		.type = CHANGE_MEMBER_HEALTH, .member_id = m->id, .health = HEALTH_UP};

	world_apply(w, &change);
}

/* So many probes passed and failed since the last look. */
static inline void look(struct world *w, const struct model_member *m, uint64_t passed,
			uint64_t failed)
{
	struct change change = {.type = CHANGE_MEMBER_CIRCUIT,
				.member_id = m->id,
				.probes_passed = m->probes_passed + passed,
				.probes_failed = m->probes_failed + failed};

	world_apply(w, &change);
}

static inline uint32_t share(const struct model_member *m)
{
	return weights_member_share(m);
}

static inline void override(struct world *w, const struct model_member *m, enum override_state to,
			    uint64_t until_s)
{
	const struct change change = {.type = CHANGE_MEMBER_OVERRIDE,
				      .owner = OWNER_API,
				      .service = "web",
				      .addr = m->addr,
				      .override = to,
				      .override_until_s = until_s,
				      .text = "bad disk",
				      .who = "alice"};

	world_apply(w, &change);
}

#define ALL 65536
