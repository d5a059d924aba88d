/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/share_text.h"

#include <inttypes.h>
#include <stdarg.h>

#include "core/health_state.h"
#include "core/weights.h"

struct words {
	char *text;
	size_t used;
	const struct model *model;
	const struct model_service *service;
	const struct model_pool *pool;
	const struct model_member *member;
	uint64_t now_ms, now_s;
};

static void say(struct words *words, const char *fmt, ...) PRINTF(2, 3);
static void say(struct words *words, const char *fmt, ...)
{
	size_t left = SHARE_TEXT_MAX - words->used;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(words->text + words->used, left, fmt, args);
	va_end(args);
	words->used += MIN((size_t)MAX(n, 0), left - 1);
}

static uint64_t left_s(const struct words *words)
{
	return (breaker_left_ms(&words->member->breaker, words->now_ms) + 999) / 1000;
}

static void say_for(struct words *words, uint64_t since_s)
{
	if (since_s && since_s <= words->now_s)
		say(words, " for %" PRIu64 " s", words->now_s - since_s);
}

static const char *cause(const struct words *words)
{
	const struct model_member *member = words->member;

	if (member->health == HEALTH_DOWN && health_text_is_failure(util_text(member->health_text)))
		return member->health_text;
	if (member->circuit_text)
		return member->circuit_text;
	return "its check failed";
}

static void say_override(struct words *words, const char *what, const char *share)
{
	const struct model_override *why = model_override_of(words->model, words->member);
	uint64_t until_s = words->member->override_until_s;

	say(words, "%s", what);
	if (why && *why->who)
		say(words, " by %s", why->who);
	if (why)
		say_for(words, why->since_s);
	say(words, ": %s", share);
	if (why && *why->reason)
		say(words, ", \"%s\"", why->reason);
	if (until_s)
		say(words, ", for another %" PRIu64 " s",
		    until_s > words->now_s ? until_s - words->now_s : 0);
	else
		say(words, ", until it is restored");
}

static void say_down(struct words *words)
{
	const struct model_member *member = words->member;
	uint64_t wait_s = left_s(words);

	say(words, "ejected");
	say_for(words, member->health_since_s);
	say(words, ": nothing after %s; ",
	    member->health_text ? cause(words) : "a failure before a restart");
	if (member->breaker.state == BREAKER_CLOSED)
		say(words, "back when its check passes");
	else if (wait_s)
		say(words, "on trial when its check passes, in %" PRIu64 " s at the earliest",
		    wait_s);
	else
		say(words, "on trial when its check passes");
}

/* Behind what it gets. */
static void say_suspicion(struct words *words)
{
	const struct model_pool *pool = words->pool;
	const struct check_config *check = model_check_of(pool, words->member);
	char text[PASSIVE_TEXT_MAX];

	if (member_state_of(words->member) != MEMBER_SUSPECT)
		return;
	say(words, "%ssuspect: %s, ", words->used ? "; " : "",
	    passive_text(&words->member->suspicion, text));
	if (pool->circuit.passive == PASSIVE_MODE_OBSERVE)
		say(words, "only shown (passive: observe)");
	else if (check->type == CHECK_NONE)
		say(words, "it has no check that could say more");
	else
		say(words, "probing every %" PRIu32 " ms", health_state_fast_ms(check));
}

static void say_full(struct words *words)
{
	const struct model_member *member = words->member;

	if (words->pool->is_idle)
		say(words, "standing by: nothing while another pool serves");
	else if (!words->pool->share)
		say(words, "serving: nothing, for the share of its pool is 0");
	else if (!member->weight)
		say(words, "no weight: nothing");
	else if (member->health == HEALTH_UNKNOWN)
		say(words, "checking: all of its weight until its first check says otherwise");
	else if (member_state_of(member) != MEMBER_SUSPECT)
		say(words, "serving: all of its weight");
}

const char *share_text(const struct model *model, const struct model_service *service,
		       const struct model_pool *pool, const struct model_member *member,
		       uint64_t now_ms, uint64_t now_s, char buffer[SHARE_TEXT_MAX])
{
	struct words w = {buffer, 0, model, service, pool, member, now_ms, now_s};

	switch (weights_member_rule(member)) {
	case SHARE_MAINT:
		say(&w, "maintenance: nothing");
		break;
	case SHARE_DRAIN:
		say(&w, "draining: nothing new");
		break;
	case SHARE_NOT_READY:
		say(&w, "draining: nothing new, for its discovery says not ready");
		break;
	case SHARE_TERMINATING:
		say(&w, "draining: nothing new, for its discovery says terminating, and others "
			"serve");
		break;
	case SHARE_EJECTED:
		say_override(&w, "ejected", "nothing");
		break;
	case SHARE_FORCED:
		say_override(&w, "forced in", "all of its weight");
		break;
	case SHARE_UNREACHABLE:
		say(&w, "unreachable: nothing, %s",
		    member->nexthop_text ? member->nexthop_text
					 : "its next hop is not resolved yet");
		break;
	case SHARE_DOWN:
		say_down(&w);
		break;
	case SHARE_OPEN:
		say(&w,
		    "ejected for %" PRIu64 " s: nothing after %s; its check passes, on trial in "
		    "%" PRIu64 " s",
		    (now_ms - MIN(member->breaker.since_ms, now_ms)) / 1000, cause(&w), left_s(&w));
		break;
	case SHARE_READMITTED:
		say(&w, "panic: all of its weight in spite of %s, for too few others serve",
		    cause(&w));
		break;
	case SHARE_TRIAL:
		say(&w, "on trial: %" PRIu32 " %% after %s; next decision in %" PRIu64 " s",
		    member->trial_percent, cause(&w), left_s(&w));
		break;
	case SHARE_RAMP:
		say(&w, "slow start: %" PRIu32 " %% of its weight, all of it in %" PRIu32 " s",
		    member->ramp.percent,
		    ramp_left_s(&member->ramp, service->slow_start_s, now_ms));
		break;
	default:
		say_full(&w);
	}
	say_suspicion(&w);
	return buffer;
}
