/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Observations: what checks, next hops and time say, noted as it comes, and put into the model together
 * once a turn of the loop, or when they are many. */
#include "daemon/daemon.h"

#include <string.h>

#include "base/addr.h"
#include "base/clock.h"

#define OBSERVATIONS_MAX 1024

static struct change *add_observation(struct daemon *daemon, enum change_type type,
				      uint64_t member_id, const char *text)
{
	struct observations *o = &daemon->observations;
	struct change *change;

	if (o->count == OBSERVATIONS_MAX)
		observe_flush(daemon);
	o->list = util_grow(o->list, &o->capacity, o->count + 1, sizeof(*o->list));
	o->texts = util_grow(o->texts, &o->text_capacity, o->count + 1, sizeof(*o->texts));
	util_set_text(&o->texts[o->count], text);
	change = &o->list[o->count++];
	*change = (struct change){.type = type, .owner = OWNER_FILE, .member_id = member_id};
	return change;
}

void observe_done(struct observations *o)
{
	size_t i;

	for (i = 0; i < o->text_capacity; i++)
		free(o->texts[i]);
	free(o->list);
	free(o->texts);
	*o = (struct observations){0};
}

void observe_health(void *arg, uint64_t member_id, enum health_state state, enum health_cause cause,
		    const char *text, uint32_t latency_us)
{
	struct change *change = add_observation(arg, CHANGE_MEMBER_HEALTH, member_id, text);

	change->health = state;
	change->health_cause = cause;
	change->latency_us = latency_us;
}

void observe_nexthop(void *arg, uint64_t member_id, enum nexthop_state state,
		     const struct nexthop *nexthop, const char *text)
{
	struct change *change = add_observation(arg, CHANGE_MEMBER_NEXTHOP, member_id, text);

	change->nexthop_state = state;
	change->nexthop = *nexthop;
}

void observe_ramp(struct daemon *daemon, const struct model_member *member)
{
	add_observation(daemon, CHANGE_MEMBER_RAMP, member->id, "");
}

void observe_circuit(struct daemon *daemon, const struct model_member *member,
		     uint64_t probes_passed, uint64_t probes_failed)
{
	struct change *change = add_observation(daemon, CHANGE_MEMBER_CIRCUIT, member->id, "");

	change->probes_passed = probes_passed;
	change->probes_failed = probes_failed;
}

void observe_passive(struct daemon *daemon, const struct model_member *member,
		     const struct passive_report *report)
{
	add_observation(daemon, CHANGE_MEMBER_PASSIVE, member->id, "")->passive = *report;
}

void observe_shift(struct daemon *daemon, const struct model_member *member)
{
	add_observation(daemon, CHANGE_SHIFT_TIME, member->id, "");
}

void observe_expiry(struct daemon *daemon, const struct model_member *member)
{
	add_observation(daemon, CHANGE_MEMBER_EXPIRY, member->id, "")->override_until_s =
		member->override_until_s;
}

void observe_cut(struct daemon *daemon, const struct model_member *member, const char *text)
{
	add_observation(daemon, CHANGE_MEMBER_CUT, member->id, text)->drain_until_s =
		member->drain_until_s;
}

/* A first success is no news: it served already. */
static enum log_level health_level(enum health_state old, enum health_state new)
{
	if (new == HEALTH_DOWN)
		return LOG_LEVEL_WARNING;
	return old == HEALTH_UNKNOWN ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

static void log_transition(const struct model *model, const struct change *change)
{
	struct model_service *service;
	struct model_pool *pool;
	struct model_member *member = model_member_by_id(model, change->member_id, &service, &pool);
	char endpoint[ENDPOINT_TEXT_MAX], suspicion[PASSIVE_TEXT_MAX];

	addr_format_endpoint(&member->addr, member->port, endpoint);
	if (change->type == CHANGE_MEMBER_HEALTH && change->health != member->health &&
	    change->health != HEALTH_UNKNOWN)
		log_line(health_level(member->health, change->health), "health",
			 "member %s/%s/%s is %s (%s)", service->name, pool->name, endpoint,
			 change->health == HEALTH_DOWN ? "down" : "up",
			 change->text[0] ? change->text : "check passed");
	if (change->type == CHANGE_MEMBER_CUT)
		log_warning("drain", "member %s/%s/%s: %s", service->name, pool->name, endpoint,
			    change->text);
	if (change->type == CHANGE_MEMBER_PASSIVE && change->passive.view.cause &&
	    !member->suspicion.cause)
		log_warning("health", "member %s/%s/%s is suspect (%s)", service->name, pool->name,
			    endpoint, passive_text(&change->passive.view, suspicion));
	if (change->type == CHANGE_MEMBER_NEXTHOP && change->nexthop_state == NEXTHOP_FAILED &&
	    member->nexthop_state != NEXTHOP_FAILED)
		log_warning("nexthop", "member %s/%s/%s is unreachable (%s)", service->name,
			    pool->name, endpoint, change->text);
}

/* What time alone changed of what is kept on the disk. */
static void mark_observed(struct daemon *daemon, const struct change *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i].type == CHANGE_SHIFT_TIME)
			state_mark(daemon->state, STATE_SHIFTS);
		else if (list[i].type == CHANGE_MEMBER_EXPIRY)
			state_mark(daemon->state, STATE_CHANGES);
	}
}

/* A failure that is this host's own: see cut_off.h. One look will do for all of a flush. */
static bool is_held_back(struct daemon *daemon, const struct change *change, bool *has_looked)
{
	bool is_failure = (change->type == CHANGE_MEMBER_HEALTH && change->health == HEALTH_DOWN) ||
			  (change->type == CHANGE_MEMBER_NEXTHOP &&
			   change->nexthop_state != NEXTHOP_RESOLVED);

	if (!is_failure || !daemon->is_ready || daemon->is_detached)
		return false;
	if (!cut_off_holds(daemon) && !*has_looked)
		cut_off_look(daemon);
	*has_looked = true;
	if (cut_off_holds(daemon))
		cut_off_owe(daemon);
	return cut_off_holds(daemon);
}

/* Members may have gone since they were observed: those are left out. */
void observe_flush(struct daemon *daemon)
{
	struct observations *o = &daemon->observations;
	struct errs errors = {0};
	bool has_looked = false;
	size_t i, kept = 0;

	if (!o->count)
		return;
	for (i = 0; i < o->count; i++) {
		if (!model_member_by_id(daemon->model, o->list[i].member_id, NULL, NULL) ||
		    is_held_back(daemon, &o->list[i], &has_looked))
			continue;
		o->list[kept] = o->list[i];
		o->list[kept].text = util_text(o->texts[i]);
		log_transition(daemon->model, &o->list[kept]);
		daemon->is_host_due |= o->list[kept].type == CHANGE_MEMBER_NEXTHOP;
		kept++;
	}
	if (kept && model_apply(daemon->model, o->list, kept, clock_now_ms(), &errors))
		daemon_log_errs(daemon, &errors);
	mark_observed(daemon, o->list, kept);
	errs_done(&errors);
	o->count = 0;
	daemon->is_sync_due = true;
}
