/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Circuits of members: what checks say goes into them, and what they decide is told. */
#include "core/model_internal.h"

#include <inttypes.h>
#include <string.h>

#include "core/dice.h"
#include "core/weights.h"

static void tell_open(struct apply *apply, const struct model_service *service,
		      const struct model_pool *pool, const struct model_member *member,
		      enum breaker_state before)
{
	const struct breaker *breaker = &member->breaker;
	uint64_t ms = breaker_left_ms(breaker, apply->now_ms);
	char times[40] = "";

	if (breaker->attempts > 1)
		snprintf(times, sizeof(times), ", time %" PRIu32 "%s in a row", breaker->attempts,
			 breaker_is_longest(&pool->circuit, breaker->attempts) ? " or more" : "");
	model_event(apply, EVENT_member_circuit, service, pool, member,
		    "%s -> open for %" PRIu64 ".%" PRIu64 " s at least%s: %s",
		    breaker_state_name(before), ms / 1000, ms % 1000 / 100, times,
		    util_text(member->circuit_text));
}

static void tell(struct apply *apply, const struct model_service *service,
		 const struct model_pool *pool, const struct model_member *member,
		 enum breaker_state before, enum breaker_event event)
{
	if (member->breaker.state == BREAKER_OPEN)
		tell_open(apply, service, pool, member, before);
	else if (member->breaker.state == BREAKER_HALF_OPEN)
		model_event(apply, EVENT_member_circuit, service, pool, member,
			    "open -> half-open: on trial with %" PRIu32
			    " %% of its weight for %" PRIu32 " s",
			    pool->circuit.trial_percent, pool->circuit.trial_ms / 1000);
	else
		model_event(apply, EVENT_member_circuit, service, pool, member, "%s -> closed: %s",
			    breaker_state_name(before),
			    event == BREAKER_RESET ? "it is not checked, or by request"
						   : "its trial went well");
}

/* Within this the next probe of a member whose check passes is over, and the daemon has seen it. */
static uint32_t probe_ms(const struct check_config *check)
{
	return check->interval_ms + check->interval_ms / 100 * check->jitter_percent +
	       check->timeout_ms + 1000;
}

static void feed_flows(struct apply *apply, struct model_service *service, struct model_pool *pool,
		       struct model_member *member, enum breaker_event event, uint32_t flows,
		       const char *cause)
{
	const struct breaker_input input = {.event = event,
					    .now_ms = apply->now_ms,
					    .random =
						    dice_of(member->id * DICE_STEP + apply->now_ms),
					    .flows = flows,
					    .probe_ms = probe_ms(model_check_of(pool, member))};
	enum breaker_state before = member->breaker.state;

	if (!breaker_feed(&member->breaker, &pool->circuit, &input))
		return;
	member->trips += member->breaker.state == BREAKER_OPEN;
	if (member->breaker.state == BREAKER_OPEN)
		util_set_text(&member->circuit_text, cause);
	tell(apply, service, pool, member, before, event);
	service->is_dirty = true;
	model_service_refresh(apply, service);
}

static void feed(struct apply *apply, struct model_service *service, struct model_pool *pool,
		 struct model_member *member, enum breaker_event event, const char *cause)
{
	feed_flows(apply, service, pool, member, event, 0, cause);
}

void model_circuit_flowed(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member, uint32_t flows)
{
	feed_flows(apply, service, pool, member, BREAKER_FLOWED, flows, "");
}

void model_circuit_health(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member)
{
	if (model_check_of(pool, member)->type == CHECK_NONE)
		feed(apply, service, pool, member, BREAKER_RESET, "");
	else if (member->health == HEALTH_DOWN)
		feed(apply, service, pool, member, BREAKER_FELL,
		     member->health_text ? member->health_text : "its check fails");
	else if (member->health == HEALTH_UP)
		feed(apply, service, pool, member, BREAKER_ROSE, "");
}

void model_circuit_forget(struct model_member *member)
{
	member->breaker = (struct breaker){0};
	util_set_text(&member->circuit_text, NULL);
	member->sampled_ms = 0;
	member->is_suppressed = false;
}

size_t model_ratio_cap(const struct model_pool *pool, size_t *ret_out)
{
	size_t m, members = 0, out = 0;

	for (m = 0; m < pool->member_count; m++) {
		enum share_rule rule = weights_member_rule(&pool->members[m]);

		if (!pool->members[m].weight || rule == SHARE_MAINT || rule == SHARE_DRAIN ||
		    rule == SHARE_NOT_READY || rule == SHARE_TERMINATING || rule == SHARE_EJECTED)
			continue;
		members++;
		out += rule == SHARE_UNREACHABLE || rule == SHARE_DOWN || rule == SHARE_OPEN ||
		       rule == SHARE_TRIAL || rule == SHARE_READMITTED;
	}
	*ret_out = out;
	return ejection_cap(members);
}

/* Failing too often: out, unless too many of the pool are already. */
static void judge_ratio(struct apply *apply, struct model_service *service, struct model_pool *pool,
			struct model_member *member)
{
	size_t out, cap = model_ratio_cap(pool, &out);
	uint32_t good, bad;
	char cause[96];

	if (member->breaker.state != BREAKER_CLOSED ||
	    !breaker_is_bad(&member->breaker, &pool->circuit, apply->now_ms)) {
		member->is_suppressed = false;
		return;
	}
	breaker_window(&member->breaker, &pool->circuit, apply->now_ms, &good, &bad);
	snprintf(cause, sizeof(cause),
		 "%" PRIu32 " of %" PRIu32 " probes failed within %" PRIu32 " s", bad, good + bad,
		 pool->circuit.window_ms / 1000);
	if (out < cap) {
		member->is_suppressed = false;
		feed(apply, service, pool, member, BREAKER_RATIO, cause);
		return;
	}
	member->suppressed += !member->is_suppressed;
	if (!member->is_suppressed)
		model_event(apply, EVENT_member_circuit, service, pool, member,
			    "not ejected, though %s: %zu of its pool's members are out, the cap "
			    "is %zu",
			    cause, out, cap);
	member->is_suppressed = true;
}

bool model_circuit_is_due(const struct model_pool *pool, const struct model_member *member,
			  uint64_t probes_passed, uint64_t probes_failed, uint64_t now_ms)
{
	uint32_t good, bad;

	if (!pool->circuit.is_enabled)
		return false;
	breaker_window(&member->breaker, &pool->circuit, now_ms, &good, &bad);
	/* One of whom nothing fails needs no look but the first. */
	return breaker_is_due(&member->breaker, now_ms) || probes_failed != member->probes_failed ||
	       (probes_passed != member->probes_passed &&
		(bad || !member->sampled_ms || member->breaker.state != BREAKER_CLOSED));
}

void model_change_circuit(struct apply *apply, struct model_service *service,
			  struct model_pool *pool, struct model_member *member,
			  const struct change *change)
{
	/* Nobody looks while nothing fails: what passed then, but for the window, is too old. */
	uint64_t passed = MIN(
		change->probes_passed - member->probes_passed,
		pool->circuit.window_ms / MAX(model_check_of(pool, member)->interval_ms, 1) + 1);
	uint64_t failed = change->probes_failed - member->probes_failed;
	/* Of another stream of probes, or the first look at this one. */
	bool is_news = !member->sampled_ms || change->probes_passed < member->probes_passed ||
		       change->probes_failed < member->probes_failed;
	/* What happened before it is tried says nothing of the trial, and nothing of it when it is back. */
	bool is_since = member->breaker.since_ms <= member->sampled_ms;

	member->probes_passed = change->probes_passed;
	member->probes_failed = change->probes_failed;
	member->sampled_ms = apply->now_ms;
	if (!is_news && passed + failed) {
		if (is_since && member->breaker.state != BREAKER_OPEN)
			breaker_count(&member->breaker, &pool->circuit, (uint32_t)passed,
				      (uint32_t)MIN(failed, UINT16_MAX), apply->now_ms);
		if (is_since)
			feed(apply, service, pool, member, failed ? BREAKER_FAILED : BREAKER_PASSED,
			     member->health_text ? member->health_text : "a probe failed");
		judge_ratio(apply, service, pool, member);
	}
	feed(apply, service, pool, member, BREAKER_TIME, "no probe passed on trial");
}
