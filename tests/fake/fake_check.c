/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The picture in the fake's maps as a whole. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "fake/fake_dataplane.h"

static char reason[256];

static const char *wrong(const char *fmt, ...) PRINTF(1, 2);

static const char *wrong(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	return reason;
}

static const char *check_slots(struct fake_dataplane *fake, const struct dp_service *s,
			       bool is_strict, bool *named)
{
	uint32_t slot, end = s->slots_base + (1U << s->slots_log2);

	if (end > fake->capacity.slots || s->slots_base & ((1U << s->slots_log2) - 1))
		return wrong("service %u: table outside the slots or not aligned", s->id);
	for (slot = s->slots_base; slot < end; slot++) {
		uint32_t owner = SLUICE_SLOT_CUR(fake->slots[slot]), runner = fake->runner[slot];
		uint32_t def = SLUICE_SLOT_DEF(fake->slots[slot]);
		const struct sluice_member *m = &fake->members[owner];

		named[owner] = named[runner] = named[def] = true;
		if (def && (!fake->members[def].word || fake->members[def].service != s->id))
			return wrong("slot %u: def %u is free or of another service", slot, def);
		if (!owner)
			continue;
		if (!m->word)
			return wrong("slot %u names member %u, which is free", slot, owner);
		if (m->service != s->id)
			return wrong("slot %u of service %u names member %u of service %u", slot,
				     s->id, owner, m->service);
		if (owner == runner)
			return wrong("slot %u: owner and runner-up are both %u", slot, owner);
		if (runner &&
		    (!fake->members[runner].word || fake->members[runner].service != s->id))
			return wrong("slot %u: runner-up %u is free or of another service", slot,
				     runner);
		if (is_strict && (m->word & SLUICE_MEMBER_F_DEAD ||
				  SLUICE_MEMBER_NEXTHOP(m->word) == SLUICE_NEXTHOP_NONE))
			return wrong("slot %u names member %u, which is dead or has no next hop",
				     slot, owner);
	}
	return NULL;
}

static bool do_overlap(uint64_t a, unsigned int a_log2, uint64_t b, unsigned int b_log2)
{
	return a < b + (1ULL << b_log2) && b < a + (1ULL << a_log2);
}

static const char *check_regions(const struct fake_dataplane *fake)
{
	uint32_t i, j;

	for (i = 0; i < fake->capacity.service_cells; i++) {
		const struct dp_service *a = &fake->services[i].service;

		for (j = 0; j < i; j++) {
			const struct dp_service *b = &fake->services[j].service;

			if (fake->services[i].is_used && fake->services[j].is_used &&
			    !a->is_local && !b->is_local &&
			    do_overlap(a->slots_base, a->slots_log2, b->slots_base, b->slots_log2))
				return wrong("tables of services %u and %u overlap", a->id, b->id);
		}
	}
	for (i = 1; i < fake->capacity.limits; i++) {
		uint64_t a = fake->limits[i].word;

		for (j = 1; j < i; j++) {
			uint64_t b = fake->limits[j].word;

			if (a && b &&
			    do_overlap(SLUICE_LIMIT_BASE(a), SLUICE_LIMIT_LOG2(a),
				       SLUICE_LIMIT_BASE(b), SLUICE_LIMIT_LOG2(b)))
				return wrong("regions of limits %u and %u overlap", i, j);
		}
	}
	return NULL;
}

const char *fake_dataplane_check(struct fake_dataplane *fake, bool is_strict)
{
	AUTO_FREE bool *named = util_alloc_array(fake->capacity.members, sizeof(bool));
	const char *what = fake->breach[0] ? fake->breach : check_regions(fake);
	uint32_t i, l;

	for (i = 0; !what && i < fake->capacity.service_cells; i++) {
		const struct dp_service *s = &fake->services[i].service;

		if (!fake->services[i].is_used)
			continue;
		for (l = 0; l < SLUICE_SERVICE_LIMITS_MAX && s->limits[l]; l++) {
			if (!fake->limits[s->limits[l]].word)
				return wrong("service %u names limit %u, which is free", s->id,
					     s->limits[l]);
		}
		if (!s->is_local)
			what = check_slots(fake, s, is_strict, named);
	}
	/* When a member was last named by a table is when its index began to rest. */
	for (i = 1; i < fake->capacity.members; i++) {
		if (fake->member_named[i] && !named[i] &&
		    SLUICE_MEMBER_F_DEAD & fake->members[i].word)
			fake->member_unused_ms[i] = fake->now_ms;
		fake->member_named[i] = named[i];
	}
	return what;
}
