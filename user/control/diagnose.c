/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/diagnose.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/util.h"
#include "control/view.h"
#include "core/share_text.h"

#define FINDINGS_SHOWN 64
#define WHY_MAX 20 /* lines; the rest is a count */

static void add_why(struct diagnosis *diagnosis, const char *fmt, ...) PRINTF(2, 3);
static void add_why(struct diagnosis *diagnosis, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (json_array_size(diagnosis->why) >= WHY_MAX) {
		diagnosis->left_out++;
		return;
	}
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(diagnosis->why, json_string(text));
}

/* The worst finding gives the summary and the next command; the first of equals stays. */
static void blame(struct diagnosis *diagnosis, enum severity severity, const char *next,
		  const char *fmt, ...) PRINTF(4, 5);
static void blame(struct diagnosis *diagnosis, enum severity severity, const char *next,
		  const char *fmt, ...)
{
	va_list args;

	if (severity <= diagnosis->severity)
		return;
	diagnosis->severity = severity;
	va_start(args, fmt);
	vsnprintf(diagnosis->summary, sizeof(diagnosis->summary), fmt, args);
	va_end(args);
	util_copy(diagnosis->next, sizeof(diagnosis->next), next);
}

static const char *since_text(uint64_t since_s, char text[32])
{
	uint64_t age = clock_wall_s() - since_s;

	if (!since_s || age > 1000000000)
		text[0] = '\0';
	else if (age < 120)
		snprintf(text, 32, " for %u s", (unsigned int)age);
	else if (age < 7200)
		snprintf(text, 32, " for %u min", (unsigned int)(age / 60));
	else if (age < 172800)
		snprintf(text, 32, " for %u h", (unsigned int)(age / 3600));
	else
		snprintf(text, 32, " for %u d", (unsigned int)(age / 86400));
	return text;
}

static void explain_drain(const struct control_host *host, struct diagnosis *diagnosis,
			  const struct model_service *service, const struct model_member *member,
			  const char *endpoint)
{
	uint64_t now_s = clock_wall_s(), until_s = member->drain_until_s;
	bool is_told = member->admin != ADMIN_DRAIN && member->discovery != DISCOVERY_READY;
	char when[64] = "no deadline";
	struct sync_member_flows flows;

	sync_view_member(host->sync, member->id, &flows);
	if (is_told)
		snprintf(when, sizeof(when), "discovery says %s",
			 model_discovery_name(member->discovery));
	else if (member->is_cut)
		snprintf(when, sizeof(when), "its deadline has passed");
	else if (until_s)
		snprintf(when, sizeof(when), "cut in %llu s",
			 (unsigned long long)(until_s > now_s ? until_s - now_s : 0));
	add_why(diagnosis, "%s: %s draining: %u known flow%s%s, %s", service->name, endpoint,
		flows.entries, flows.entries == 1 ? "" : "s", flows.is_counted ? "" : " so far",
		when);
}

static void explain_member(const struct control_host *host, struct diagnosis *diagnosis,
			   const struct model_service *service, const struct model_pool *pool,
			   const struct model_member *member)
{
	char endpoint[ENDPOINT_TEXT_MAX], since[32], words[SHARE_TEXT_MAX];

	addr_format_endpoint(&member->addr, member->port, endpoint);
	switch (member_state_of(member)) {
	case MEMBER_EJECTED:
		if (weights_member_rule(member) == SHARE_DOWN) {
			add_why(diagnosis, "%s: %s ejected%s: %s", service->name, endpoint,
				since_text(member->health_since_s, since),
				member->health_text ? member->health_text
						    : "down before a restart");
			break;
		}
		/* fall through */
	case MEMBER_ON_TRIAL:
	case MEMBER_SUSPECT:
		add_why(diagnosis, "%s: %s %s", service->name, endpoint,
			share_text(host->model, service, pool, member, clock_now_ms(),
				   clock_wall_s(), words));
		break;
	case MEMBER_UNREACHABLE:
		add_why(diagnosis, "%s: %s unreachable: %s", service->name, endpoint,
			member->nexthop_text ? member->nexthop_text
					     : "its next hop is not resolved yet");
		break;
	case MEMBER_MAINTENANCE:
		add_why(diagnosis, "%s: %s in maintenance", service->name, endpoint);
		break;
	case MEMBER_DRAINING:
		explain_drain(host, diagnosis, service, member, endpoint);
		break;
	default:
		break;
	}
}

static void explain_shift(struct diagnosis *diagnosis, const struct model_service *service)
{
	const struct shift *shift = &service->shift;

	if (shift->state == SHIFT_ROLLED_BACK)
		add_why(diagnosis, "%s: the shift to %s was rolled back: %s", service->name,
			service->shift_to, service->shift_text);
	else if (shift->state == SHIFT_RUNNING || shift->state == SHIFT_PAUSED)
		add_why(diagnosis, "%s: a shift to %s is %s at %u %%%s%s", service->name,
			service->shift_to, shift_state_name(shift->state), shift->percent,
			service->shift_text[0] ? ": " : "", service->shift_text);
}

static void explain_panic(struct diagnosis *diagnosis, const struct model_service *service)
{
	static const char *const texts[PANIC_MAX] = {
		[PANIC_FALLBACK] = "too few members are healthy: the fallback pool serves",
		[PANIC_READMIT] = "too few members are healthy: some that fail serve all the same",
		[PANIC_DROP] = "too few members are healthy, and panic: drop re-admits none",
	};

	if (texts[service->panic])
		add_why(diagnosis, "%s: %s", service->name, texts[service->panic]);
}

/* However small a share is, beside none it is everything. */
static void explain_trials(struct diagnosis *diagnosis, const struct model_service *service,
			   const struct view_tally *tally)
{
	if (tally->trial && !tally->serving && service->panic != PANIC_READMIT)
		add_why(diagnosis,
			"%s: nobody but members on trial serves: they get all new connections",
			service->name);
}

/* Who has no weight is not asked after while others serve. */
static void explain_weights(struct diagnosis *diagnosis, const struct model_service *service)
{
	size_t p, m, count = 0;

	for (p = 0; p < service->pool_count; p++)
		for (m = 0; m < service->pools[p].member_count; m++)
			count += member_state_of(&service->pools[p].members[m]) == MEMBER_NO_WEIGHT;
	if (count)
		add_why(diagnosis,
			"%s: %zu member%s weight 0: sluicectl member weight %s MEMBER 100",
			service->name, count, count == 1 ? " has" : "s have", service->name);
}

static bool has_serving(const struct model_pool *pool)
{
	size_t m;

	for (m = 0; m < pool->member_count; m++)
		if (member_state_serves(member_state_of(&pool->members[m])))
			return true;
	return false;
}

/* A shift that is over gave all to a pool that serves no more, and who had it before could. */
static bool is_shifted_away(const struct model_service *service)
{
	bool could_serve = false;
	size_t p;

	if (service->shift.state != SHIFT_DONE || service->shift.percent != 100)
		return false;
	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		if (!has_serving(pool))
			continue;
		if (strcmp(pool->name, service->shift_to) == 0)
			return false;
		could_serve |= !pool->is_fallback;
	}
	return could_serve;
}

static void diagnose_service(const struct control_host *host, struct diagnosis *diagnosis,
			     const struct model_service *service)
{
	struct view_tally tally = view_count(service);
	const char *state = view_service_state(service, &tally);
	char next[320];
	size_t p, m;

	explain_shift(diagnosis, service);
	/* Who is suspect still serves: the state stays as it is. */
	if (!strcmp(state, "ok") && !tally.suspect)
		return;
	snprintf(next, sizeof(next), "sluicectl member list %s", service->name);
	if (is_shifted_away(service)) {
		snprintf(next, sizeof(next), "sluicectl shift %s abort", service->name);
		add_why(diagnosis, "%s: all of it was shifted to %s: %s takes it back",
			service->name, service->shift_to, next);
	}
	if (!strcmp(state, "down"))
		blame(diagnosis, SEVERITY_FAULT, next, "%s: none of %zu members serving",
		      service->name, tally.total);
	else if (strcmp(state, "ok") != 0)
		blame(diagnosis, SEVERITY_DEGRADED, next,
		      "%s: %zu of %zu members serving, %u %% of configured weight", service->name,
		      tally.serving, tally.total, tally.weight_percent);
	explain_panic(diagnosis, service);
	explain_trials(diagnosis, service, &tally);
	if (!strcmp(state, "down"))
		explain_weights(diagnosis, service);
	for (p = 0; p < service->pool_count; p++)
		for (m = 0; m < service->pools[p].member_count; m++)
			explain_member(host, diagnosis, service, &service->pools[p],
				       &service->pools[p].members[m]);
}

static void summarise_ok(const struct control_host *host, struct diagnosis *diagnosis)
{
	size_t serving = 0, total = 0, idle = 0, maintenance = 0, suspect = 0;
	size_t count = model_service_count(host->model);
	size_t s;
	int n;

	for (s = 0; s < count; s++) {
		struct view_tally tally = view_count(model_service_at(host->model, s));

		serving += tally.serving;
		total += tally.total;
		idle += tally.idle;
		maintenance += tally.maintenance;
		suspect += tally.suspect;
	}
	n = snprintf(diagnosis->summary, sizeof(diagnosis->summary),
		     "%zu service%s, %zu of %zu members serving", count, count == 1 ? "" : "s",
		     serving, total);
	if (idle)
		n += snprintf(diagnosis->summary + n, sizeof(diagnosis->summary) - (size_t)n,
			      ", %zu in pools without a share", idle);
	if (maintenance)
		n += snprintf(diagnosis->summary + n, sizeof(diagnosis->summary) - (size_t)n,
			      ", %zu in maintenance", maintenance);
	if (suspect)
		snprintf(diagnosis->summary + n, sizeof(diagnosis->summary) - (size_t)n,
			 ", %zu suspect", suspect);
}

static void append(char *text, size_t size, const char *fmt, ...) PRINTF(3, 4);
static void append(char *text, size_t size, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + used, size - used, fmt, args);
	va_end(args);
}

/* "sudo sluicectl confirm" as this instance needs it. */
static void name_instance(struct diagnosis *diagnosis, const char *instance)
{
	static const char tool[] = "sluicectl ";
	char next[sizeof(diagnosis->next)];
	const char *at = strstr(diagnosis->next, tool);

	if (!at || strcmp(instance, "default") == 0)
		return;
	at += strlen(tool);
	snprintf(next, sizeof(next), "%.*s--instance %s %s", (int)(at - diagnosis->next),
		 diagnosis->next, instance, at);
	util_copy(diagnosis->next, sizeof(diagnosis->next), next);
}

/* Nothing is broken, but not everything that is configured is done. */
static void mention_switches(const struct control_switches *switches, struct diagnosis *diagnosis)
{
	const struct control_bypass *limits = &switches->bypass[CONTROL_BYPASS_LIMITS];
	const struct control_bypass *lists = &switches->bypass[CONTROL_BYPASS_LISTS];
	const char *what = limits->left_s && lists->left_s ? "limits and lists"
			   : limits->left_s		   ? "limits"
							   : "lists";

	if (limits->left_s || lists->left_s)
		append(diagnosis->summary, sizeof(diagnosis->summary), ", %s refuse nothing", what);
	if (switches->trial.kind && !switches->trial.is_stuck) {
		append(diagnosis->summary, sizeof(diagnosis->summary),
		       ", on trial for another %llu s", (unsigned long long)switches->trial.left_s);
		if (!diagnosis->next[0])
			util_copy(diagnosis->next, sizeof(diagnosis->next),
				  "sudo sluicectl confirm");
	}
}

static void diagnose_host(const struct control_host *host, struct diagnosis *diagnosis)
{
	static const enum severity severities[] = {
		[CONTROL_NOTE] = SEVERITY_OK,
		[CONTROL_DEGRADED] = SEVERITY_DEGRADED,
		[CONTROL_FAULT] = SEVERITY_FAULT,
	};
	struct control_finding list[FINDINGS_SHOWN];
	size_t count = host->findings(host->arg, list, ARRAY_SIZE(list));
	size_t i;

	for (i = 0; i < count; i++) {
		blame(diagnosis, severities[list[i].severity], list[i].fix, "%s", list[i].text);
		if (list[i].fix[0] && strcmp(list[i].fix, diagnosis->next))
			add_why(diagnosis, "%s (%s)", list[i].text, list[i].fix);
		else
			add_why(diagnosis, "%s", list[i].text);
	}
}

static void diagnose_trial(const struct control_trial *trial, struct diagnosis *diagnosis)
{
	char when[64] = "";

	if (!trial->is_stuck)
		return;
	if (trial->left_s)
		snprintf(when, sizeof(when), "will be passed to this host in %llu s",
			 (unsigned long long)trial->left_s);
	blame(diagnosis, SEVERITY_FAULT, "sluicectl reload --force",
	      "a trial is over, going back fails so far: everything %s",
	      *when ? when : "is passed to this host");
	add_why(diagnosis, "cannot go back, tried each second: %s", trial->why);
}

/* An attack that limits hold is no fault of this node: it stays in the state that it is in. */
static void diagnose_limits(const struct control_host *host, struct diagnosis *diagnosis)
{
	uint64_t now_ms = clock_now_ms();
	size_t i;

	for (i = 0; i < model_limit_count(host->model); i++) {
		const struct model_limit *limit = model_limit_at(host->model, i);
		struct offenders_view view;
		char lasted[UTIL_DURATION_MAX];

		offenders_get(host->offenders, limit->id, now_ms, &view);
		if (view.is_attacked)
			add_why(diagnosis,
				"limit %s: under attack for %s, about %llu sources refused; "
				"sluicectl limit top %s",
				limit->config.name,
				util_format_duration((now_ms - view.since_ms) / 1000, lasted),
				(unsigned long long)view.sources, limit->config.name);
	}
}

void diagnose(const struct control_host *host, const struct control_node *node,
	      const struct control_switches *switches, struct diagnosis *diagnosis)
{
	size_t s;

	diagnose_host(host, diagnosis);
	if (!node->is_ready && diagnosis->severity < SEVERITY_FAULT) {
		blame(diagnosis, SEVERITY_FAULT, "sluicectl events", "%s", node->not_ready);
		add_why(diagnosis, "%s", node->not_ready);
	}
	if (node->fault[0]) {
		blame(diagnosis, SEVERITY_FAULT, "sluicectl check",
		      "the configuration file is broken: the last good one serves");
		add_why(diagnosis, "%s", node->fault);
	}
	for (s = 0; s < model_service_count(host->model); s++)
		diagnose_service(host, diagnosis, model_service_at(host->model, s));
	diagnose_limits(host, diagnosis);
	if (node->last_refusal[0]) {
		blame(diagnosis, SEVERITY_DEGRADED, "sluicectl diff",
		      "the last reload was refused, the configuration before it is running");
		add_why(diagnosis, "reload refused: %s", node->last_refusal);
	}
	if (node->announce.failure[0]) {
		blame(diagnosis, SEVERITY_DEGRADED, "sluicectl node show",
		      "%zu of %zu routes in table %u", node->announce.routes_installed,
		      node->announce.routes, node->announce.table);
		add_why(diagnosis, "%s", node->announce.failure);
	}
	if (node->state_problem[0]) {
		blame(diagnosis, SEVERITY_DEGRADED, "sluicectl diff",
		      "runtime changes are not kept: they would be lost at the next start");
		add_why(diagnosis, "state: %s", node->state_problem);
	}
	if (node->state_notice[0]) {
		blame(diagnosis, SEVERITY_DEGRADED, "sluicectl diff",
		      "a file of the state directory was damaged and not used");
		add_why(diagnosis, "state: %s", node->state_notice);
	}
	diagnose_trial(&switches->trial, diagnosis);
	if (node->trial_note[0])
		add_why(diagnosis, "%s", node->trial_note);
	if (diagnosis->left_out) {
		char text[64];

		snprintf(text, sizeof(text), "and %zu more", diagnosis->left_out);
		json_array_append_new(diagnosis->why, json_string(text));
	}
	if (diagnosis->severity == SEVERITY_OK)
		summarise_ok(host, diagnosis);
	mention_switches(switches, diagnosis);
	name_instance(diagnosis, node->instance);
}
