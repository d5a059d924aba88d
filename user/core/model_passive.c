/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Members that the packets of clients speak against, as whoever counts them says. */
#include "core/model_internal.h"

#include <inttypes.h>

#include "core/health_state.h"

static void tell(struct apply *apply, const struct model_service *service,
		 const struct model_pool *pool, const struct model_member *member,
		 const struct passive_view *view)
{
	const struct check_config *check = model_check_of(pool, member);
	char text[PASSIVE_TEXT_MAX], what[64] = "only shown (passive: observe)";

	passive_text(view, text);
	if (!view->cause) {
		model_event(apply, EVENT_member_suspect, service, pool, member,
			    "no longer suspect: %s", text);
		return;
	}
	if (pool->circuit.passive == PASSIVE_MODE_SUSPECT && check->type == CHECK_NONE)
		snprintf(what, sizeof(what), "it has no check that could say more");
	else if (pool->circuit.passive == PASSIVE_MODE_SUSPECT)
		snprintf(what, sizeof(what), "probed every %" PRIu32 " ms",
			 health_state_fast_ms(check));
	model_event(apply, EVENT_member_suspect, service, pool, member, "suspect: %s; %s", text,
		    what);
}

/* A trial that goes well may end early. Bad flows do not end it the other way: clients can forge
 * them, and a member that really does not answer fails its check. */
static void feed_trial(struct apply *apply, struct model_service *service, struct model_pool *pool,
		       struct model_member *member, const struct change *change)
{
	uint32_t flows = change->passive.good_flows;

	if (pool->circuit.passive == PASSIVE_MODE_SUSPECT && flows && !member->suspicion.cause &&
	    member->breaker.state == BREAKER_HALF_OPEN)
		model_circuit_flowed(apply, service, pool, member, flows);
}

void model_change_passive(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member,
			  const struct change *change)
{
	const struct passive_view *view = &change->passive.view;

	if (pool->circuit.passive == PASSIVE_MODE_DISABLED)
		return;
	service->is_dirty |= member->is_watched_wholly != change->passive.is_watched_wholly;
	member->is_watched_wholly = change->passive.is_watched_wholly;
	if (!view->cause != !member->suspicion.cause)
		tell(apply, service, pool, member, view);
	member->suspicion = view->cause ? *view : (struct passive_view){0};
	feed_trial(apply, service, pool, member, change);
}
