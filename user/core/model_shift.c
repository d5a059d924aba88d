/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shifts between the pools of a service: what they make of the pools' shares, and what is told. */
#include "core/model_internal.h"

#include <inttypes.h>
#include <string.h>

#include "core/weights.h"

static struct model_pool *pool_named(const struct model_service *service, const char *name)
{
	size_t p;

	for (p = 0; p < service->pool_count; p++)
		if (strcmp(service->pools[p].name, name) == 0)
			return &service->pools[p];
	return NULL;
}

/* Of the pools that a shift takes from: all but that one and the fallback. */
static uint64_t shares_from(const struct model_service *service, const char *to)
{
	uint64_t sum = 0;
	size_t p;

	for (p = 0; p < service->pool_count; p++)
		if (!service->pools[p].is_fallback && strcmp(service->pools[p].name, to) != 0)
			sum += service->pools[p].share_file;
	return sum;
}

/* Of the pools and their shares in the file, in any order; never 0. FNV-1a. */
static uint32_t fingerprint(const struct model_service *service)
{
	uint32_t sum = 0;
	size_t p;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];
		uint32_t hash = 2166136261U ^ pool->is_fallback;
		const char *name;

		for (name = pool->name; *name; name++)
			hash = (hash ^ (uint8_t)*name) * 16777619U;
		sum += (hash ^ pool->share_file) * 16777619U;
	}
	return MAX(sum, 1);
}

static void set_shares(struct model_service *service)
{
	uint64_t from = shares_from(service, service->shift_to);
	uint32_t percent = service->shift.percent;
	size_t p;

	for (p = 0; p < service->pool_count; p++) {
		struct model_pool *pool = &service->pools[p];

		if (!shift_is_on(&service->shift))
			pool->share = pool->share_file;
		else if (strcmp(pool->name, service->shift_to) == 0)
			pool->share = (uint32_t)(from * percent);
		else
			pool->share = pool->share_file * (pool->is_fallback ? 100 : 100 - percent);
	}
	service->is_dirty = true;
}

/* Of its weight, for the gate: what a slow start holds back is no failure; who serves in a panic
 * only is no better for it. */
static uint64_t admitted(const struct model_member *member)
{
	enum share_rule rule = weights_member_rule(member);

	if (rule == SHARE_READMITTED)
		return 0;
	return rule == SHARE_RAMP ? SHARE_ONE : weights_member_share(member);
}

static bool has_serving(const struct model_pool *pool)
{
	size_t m;

	for (m = 0; m < pool->member_count; m++)
		if (pool->members[m].weight && admitted(&pool->members[m]))
			return true;
	return false;
}

/* Does nobody serve where the pool's part would go back to? */
static bool is_alone(const struct model_service *service, const struct model_pool *pool)
{
	size_t p;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *other = &service->pools[p];

		if (other != pool && !other->is_fallback && other->share_file && has_serving(other))
			return false;
	}
	return true;
}

/* Nobody who is taken out on purpose says how well the others are. */
static bool is_in_gate(const struct model_member *member)
{
	return member->weight && member->admin == ADMIN_READY &&
	       member->discovery == DISCOVERY_READY && member->override != OVERRIDE_EJECTED;
}

static void look(const struct model_service *service, const struct model_pool *pool,
		 struct shift_gate *ret_gate)
{
	uint64_t weights = 0, sum = 0, unknown = 0;
	size_t m;

	*ret_gate = (struct shift_gate){.is_alone = is_alone(service, pool)};
	for (m = 0; m < pool->member_count; m++) {
		const struct model_member *member = &pool->members[m];

		if (!is_in_gate(member))
			continue;
		ret_gate->members++;
		ret_gate->failing += member->health == HEALTH_DOWN;
		weights += member->weight;
		sum += member->weight * admitted(member);
		if (member->health != HEALTH_UNKNOWN || member->override == OVERRIDE_FORCED)
			continue;
		ret_gate->unknown++;
		unknown += member->weight * admitted(member);
	}
	if (!weights)
		return;
	ret_gate->hoped_percent = (uint32_t)(sum * 100 / (weights * SHARE_ONE));
	ret_gate->admitted_percent = (uint32_t)((sum - unknown) * 100 / (weights * SHARE_ONE));
}

static void say_gate(const struct shift_gate *gate, char *text, size_t size)
{
	if (shift_gate_waits(gate)) {
		snprintf(text, size, "%" PRIu32 " of %" PRIu32 " members are not checked yet",
			 gate->unknown, gate->members);
		return;
	}
	snprintf(text, size,
		 "it admits %" PRIu32 " %% of its weight (%u %% wanted), %" PRIu32 " of %" PRIu32
		 " members fail their check%s",
		 gate->admitted_percent, SHIFT_ADMITTED_PERCENT, gate->failing, gate->members,
		 gate->is_alone ? "; in the other pools nobody serves" : "");
}

#define WAITS "waits: "

static void say_wait(const struct shift_gate *gate, char *text, size_t size)
{
	char why[64];

	say_gate(gate, why, sizeof(why));
	snprintf(text, size, WAITS "%s", why);
}

enum gate_news { GATE_NO_NEWS, GATE_FAILED, GATE_PASSES_AGAIN };

/* What a look at the gate has come to: it failed for good, or passes again while the shift pauses. */
static enum gate_news gate_news(const struct shift *before, const struct shift *after)
{
	bool had_failed = before->failures == SHIFT_GATE_FAILURES;

	if (after->failures == SHIFT_GATE_FAILURES)
		return had_failed && after->state == before->state ? GATE_NO_NEWS : GATE_FAILED;
	return had_failed && after->state == SHIFT_PAUSED ? GATE_PASSES_AGAIN : GATE_NO_NEWS;
}

static void tell(struct apply *apply, struct model_service *service, const struct shift *before,
		 enum gate_news news)
{
	const struct model_pool *pool = pool_named(service, service->shift_to);
	const struct shift *shift = &service->shift;

	if (shift->state == SHIFT_ROLLED_BACK)
		model_event(apply, EVENT_shift, service, pool, NULL,
			    "rolled back from %" PRIu32 " %% to 0: %s", before->percent,
			    service->shift_text);
	else if (shift->state == SHIFT_DONE && before->state != SHIFT_DONE)
		model_event(apply, EVENT_shift, service, pool, NULL,
			    "done: it has %" PRIu32 " %% of the service", shift->percent);
	else if (news)
		model_event(apply, EVENT_shift, service, pool, NULL,
			    "paused at %" PRIu32 " %%%s: %s", shift->percent,
			    news == GATE_FAILED ? ", not rolled back" : "", service->shift_text);
	else if (shift->state != before->state || shift->percent != before->percent)
		model_event(apply, EVENT_shift, service, pool, NULL,
			    "%s: it gets %" PRIu32 " %% of the service, before %" PRIu32 " %%",
			    shift_state_name(shift->state), shift->percent, before->percent);
}

/* False: nothing has changed. */
static bool feed(struct apply *apply, struct model_service *service, struct shift_input *input)
{
	const struct model_pool *pool = pool_named(service, service->shift_to);
	struct shift before = service->shift, *shift = &service->shift;
	enum gate_news news = GATE_NO_NEWS;

	input->now_ms = apply->now_ms;
	look(service, pool, &input->gate);
	if (!shift_feed(shift, input))
		return false;
	if (input->event == SHIFT_TIME)
		news = gate_news(&before, shift);
	if (news == GATE_FAILED)
		say_gate(&input->gate, service->shift_text, sizeof(service->shift_text));
	else if (news == GATE_PASSES_AGAIN)
		util_copy(service->shift_text, sizeof(service->shift_text),
			  "its gate failed, and passes again: resume, or abort");
	else if (input->event == SHIFT_TIME && shift->failures < SHIFT_GATE_FAILURES &&
		 shift_gate_waits(&input->gate))
		say_wait(&input->gate, service->shift_text, sizeof(service->shift_text));
	else if (input->event != SHIFT_TIME || !strncmp(service->shift_text, WAITS, strlen(WAITS)))
		service->shift_text[0] = '\0';
	tell(apply, service, &before, news);
	if (shift->percent != before.percent || !shift_is_on(&before)) {
		set_shares(service);
		model_service_refresh(apply, service);
	}
	return true;
}

void model_shift_time(struct apply *apply, struct model_service *service)
{
	struct shift_input input = {.event = SHIFT_TIME};

	if (shift_is_due(&service->shift, apply->now_ms))
		feed(apply, service, &input);
}

static void end(struct apply *apply, struct model_service *service, const char *why)
{
	if (!shift_is_on(&service->shift))
		return;
	model_event(apply, EVENT_shift, service, pool_named(service, service->shift_to), NULL,
		    "the shift to %s ended at %" PRIu32 " %%: %s", service->shift_to,
		    service->shift.percent, why);
	service->shift_orders++;
	service->shift = (struct shift){0};
	service->shift_to[0] = service->shift_text[0] = '\0';
	set_shares(service);
}

/* May the service be shifted to the pool? */
static bool check_pool(struct apply *apply, const struct model_service *service, const char *to)
{
	const struct model_pool *pool = pool_named(service, to);
	const char *names[64], *near;
	struct err *e;
	size_t i;

	if (!pool) {
		for (i = 0; i < service->pool_count && i < ARRAY_SIZE(names); i++)
			names[i] = service->pools[i].name;
		near = util_nearest(to, names, i);
		e = errs_add(apply->errors, ERR_NOT_FOUND, "/to", "no pool %.64s in service %s", to,
			     service->name);
		if (near)
			err_hint(e, "did you mean %s?", near);
		else
			err_hint(e, "sluicectl pool list %s shows them", service->name);
		return false;
	}
	if (pool->is_fallback || !shares_from(service, to)) {
		err_hint(errs_add(apply->errors, ERR_INVALID, "/to",
				  pool->is_fallback ? "pool %s is the fallback of service %s"
						    : "beside pool %s no pool of service %s has a "
						      "share",
				  to, service->name),
			 "a shift takes from pools with a share and gives to one that is not the "
			 "fallback");
		return false;
	}
	return true;
}

/* What the one before gave its pool would be lost. */
static bool check_free(struct apply *apply, const struct model_service *service, const char *to)
{
	struct err *e;

	if (!service->shift.percent)
		return true;
	e = errs_add(apply->errors, ERR_CONFLICT, "/to",
		     "a shift gives pool %s %" PRIu32 " %% already", service->shift_to,
		     service->shift.percent);
	if (strcmp(service->shift_to, to) == 0)
		err_hint(e,
			 "it goes on with resume, or with --set; to begin anew end it first: "
			 "sluicectl shift %s end",
			 service->name);
	else
		err_hint(e, "end it, or put its shares into the file first: sluicectl shift %s end",
			 service->name);
	return false;
}

static void start(struct apply *apply, struct model_service *service, const struct change *change)
{
	const char *problem = change->shift ? shift_plan_problem(&change->shift->plan)
					    : "is missing";
	const char *to = change->pool ? change->pool : "";
	struct shift_input input = {.event = SHIFT_START};
	struct shift_gate gate;
	char text[128];

	if (!check_pool(apply, service, to))
		return;
	if (problem) {
		errs_add(apply->errors, ERR_INVALID, "/steps", "the plan %s", problem);
		return;
	}
	if (!check_free(apply, service, to))
		return;
	look(service, pool_named(service, to), &gate);
	if (!shift_gate_passes(&gate)) {
		say_gate(&gate, text, sizeof(text));
		err_hint(errs_add(apply->errors, ERR_CONFLICT, "/to",
				  "pool %s is not well enough to begin with: %s", to, text),
			 shift_gate_waits(&gate) ? "wait for their checks: sluicectl member list %s"
						 : "mend it first: sluicectl member list %s",
			 service->name);
		return;
	}
	util_copy(service->shift_to, sizeof(service->shift_to), to);
	service->shift = (struct shift){.plan = change->shift->plan};
	feed(apply, service, &input);
	service->shift.shares = fingerprint(service);
}

/* The hold of its step begins anew: how long nobody was there does not count. */
static void restore(struct apply *apply, struct model_service *service, const struct change *change)
{
	if (!change->shift || !check_pool(apply, service, change->pool ? change->pool : ""))
		return;
	if (change->shift->shares && change->shift->shares != fingerprint(service)) {
		errs_add(apply->errors, ERR_CONFLICT, "/shares",
			 "the file of service %s has other pools or shares now", service->name);
		return;
	}
	util_copy(service->shift_to, sizeof(service->shift_to), change->pool);
	util_copy(service->shift_text, sizeof(service->shift_text),
		  change->text ? change->text : "");
	service->shift = *change->shift;
	service->shift.failures = 0;
	service->shift.gate_ms = apply->now_ms + 15000; /* checks have to speak first */
	service->shift.hold_ms = apply->now_ms + service->shift.plan.hold_s * 1000ULL;
	set_shares(service);
	model_event(apply, EVENT_shift, service, pool_named(service, service->shift_to), NULL,
		    "restored: %s at %" PRIu32 " %%", shift_state_name(service->shift.state),
		    service->shift.percent);
}

void model_change_shift(struct apply *apply, const struct change *change)
{
	static const enum shift_event events[SHIFT_ACTION_MAX] = {
		[SHIFT_ACTION_PAUSE] = SHIFT_PAUSE,
		[SHIFT_ACTION_RESUME] = SHIFT_RESUME,
		[SHIFT_ACTION_ABORT] = SHIFT_ABORT,
		[SHIFT_ACTION_SET] = SHIFT_SET,
	};
	struct model_service *service =
		model_state_service(apply->state, change->service ? change->service : "");
	struct shift_input input = {0};

	if (!service) {
		errs_add(apply->errors, ERR_NOT_FOUND, "/service", "no service %s",
			 change->service ? change->service : "");
		return;
	}
	service->shift_orders++;
	if (change->shift_action == SHIFT_ACTION_START) {
		start(apply, service, change);
	} else if (change->shift_action == SHIFT_ACTION_RESTORE) {
		restore(apply, service, change);
	} else if (!shift_is_on(&service->shift)) {
		err_hint(errs_add(apply->errors, ERR_CONFLICT, "/action", "service %s has no shift",
				  service->name),
			 "sluicectl shift %s --to POOL begins one", service->name);
	} else if (change->shift_action == SHIFT_ACTION_END) {
		end(apply, service, "shares are those of the file again");
	} else {
		input.event = events[change->shift_action];
		input.percent = change->shift ? change->shift->percent : 0;
		if (!feed(apply, service, &input))
			err_hint(errs_add(apply->errors, ERR_CONFLICT, "/action",
					  "the shift of service %s is %s: that changes nothing",
					  service->name, shift_state_name(service->shift.state)),
				 "sluicectl shift %s shows it", service->name);
	}
}

void model_shift_keep(struct apply *apply, const struct model_service *old,
		      struct model_service *service)
{
	size_t p;

	service->shift_orders = old->shift_orders;
	if (!shift_is_on(&old->shift))
		return;
	service->shift = old->shift;
	util_copy(service->shift_to, sizeof(service->shift_to), old->shift_to);
	util_copy(service->shift_text, sizeof(service->shift_text), old->shift_text);
	if (old->id != service->id) {
		end(apply, service, "the service listens elsewhere now");
		return;
	}
	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *before = pool_named(old, service->pools[p].name);

		if (before && before->share_file == service->pools[p].share_file)
			continue;
		end(apply, service, "the file has other pools or shares now");
		return;
	}
	if (!pool_named(service, old->shift_to) || !shares_from(service, old->shift_to) ||
	    pool_named(service, old->shift_to)->is_fallback)
		end(apply, service, "the file has other pools now");
	else
		set_shares(service);
	if (shift_is_on(&service->shift))
		service->shift.shares = fingerprint(service);
}
