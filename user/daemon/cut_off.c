/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/cut_off.h"

#include <net/if.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "daemon/daemon.h"
#include "dataplane/iface.h"

#define BELIEVE_AFTER_MS                                                                           \
	15000	    /* checks of members that were down are up to 5 s apart, and need two */
#define LOOK_MS 250 /* gateways are asked every other time: see GATEWAY_SILENT_MS */

/* ---- carrier --------------------------------------------------------------------------------- */

/* Of all interfaces that traffic comes in by: one of several is no fault of the node. */
static bool is_carrier_lost(const struct daemon *daemon)
{
	const struct watch *watch = &daemon->watch;
	size_t i;

	for (i = 0; i < watch->hook_count; i++)
		if (!iface_problem(watch->hooks[i].interface))
			return false;
	return watch->hook_count > 0;
}

/* ---- gateways -------------------------------------------------------------------------------- */

static void follow_gateways(struct daemon *daemon)
{
	const struct watch *watch = &daemon->watch;
	uint32_t attached[CONFIG_INTERFACES_MAX];
	size_t count = 0, i;

	for (i = 0; i < watch->hook_count; i++)
		if (watch->hooks[i].ifindex)
			attached[count++] = watch->hooks[i].ifindex;
	resolver_follow_gateways(nexthops_resolver(daemon->nexthops), attached, count);
}

struct gateways_verdict {
	enum gateway_state state;
	struct resolver_gateway silent; /* one that does not answer, if any */
	size_t others;			/* and how many more */
	bool is_all_silent;		/* there are some, and all have been silent for long */
	bool is_waited_for;		/* everything goes through them, and one is */
};

static void judge_gateways(const struct daemon *daemon, uint64_t passed_ms,
			   struct gateways_verdict *ret_verdict)
{
	const struct resolver *resolver = nexthops_resolver(daemon->nexthops);
	uint64_t now_ms = clock_now_ms();
	size_t count[GATEWAY_STATE_MAX] = {0}, i;
	struct resolver_gateway gateway;
	struct gateways_verdict verdict = {.is_all_silent = true};

	for (i = 0; resolver_gateway_at(resolver, i, &gateway); i++) {
		uint64_t since_ms = gateway.unanswered_ms;
		const struct gateway_evidence evidence = {
			.has_failed = gateway.has_failed,
			.unanswered_ms = since_ms ? now_ms - since_ms : 0,
			.is_passable = passed_ms > since_ms && now_ms - passed_ms < GATEWAY_PASS_MS,
		};
		enum gateway_state state = ejection_gateway(&evidence);

		if (state != GATEWAY_FINE && !count[GATEWAY_DOUBTFUL] && !count[GATEWAY_FAILED])
			verdict.silent = gateway;
		count[state]++;
		verdict.is_all_silent &= ejection_gateway_is_silent(&evidence);
		verdict.is_waited_for |= ejection_gateway_is_waited_for(&evidence);
	}
	verdict.is_all_silent &= i > 0;
	verdict.others = count[GATEWAY_DOUBTFUL] + count[GATEWAY_FAILED];
	verdict.others -= verdict.others > 0;
	verdict.state = ejection_gateways(count, resolver_has_only_gateways(resolver));
	verdict.is_waited_for &= verdict.state == GATEWAY_DOUBTFUL &&
				 resolver_has_only_gateways(resolver);
	*ret_verdict = verdict;
}

static void describe_carrier(const struct watch *watch, struct cut_off *cut_off)
{
	size_t i;

	util_copy(cut_off->text, sizeof(cut_off->text), "carrier lost");
	for (i = 0; i < watch->hook_count; i++)
		if (!if_nametoindex(watch->hooks[i].interface))
			snprintf(cut_off->text, sizeof(cut_off->text), "%s does not exist",
				 watch->hooks[i].interface);
}

static void describe(struct daemon *daemon, enum local_fault fault,
		     const struct gateways_verdict *gateways)
{
	const struct resolver_gateway *silent = &gateways->silent;
	size_t others = gateways->others;
	struct cut_off *cut_off = &daemon->cut_off;
	char address[ADDR_TEXT_MAX], name[IF_NAMESIZE] = "", more[48] = "";

	util_copy(cut_off->fix, sizeof(cut_off->fix), "ip link");
	if (fault == LOCAL_FAULT_CARRIER) {
		describe_carrier(&daemon->watch, cut_off);
		return;
	}
	addr_format(&silent->addr, address);
	if_indextoname(silent->ifindex, name);
	if (others)
		snprintf(more, sizeof(more), ", nor do%s %zu more", others == 1 ? "es" : "",
			 others);
	snprintf(cut_off->text, sizeof(cut_off->text), "%sgateway %s does not answer%s",
		 fault == LOCAL_FAULT_ALL ? "every check fails, and " : "", address, more);
	snprintf(cut_off->fix, sizeof(cut_off->fix), "ip neigh show to %s dev %s; ping %s", address,
		 name, address);
}

/* ---- the verdict ------------------------------------------------------------------------------ */

static void tell(struct daemon *daemon, bool was_cut_off)
{
	const char *why = daemon->cut_off.why;

	if (!why == !was_cut_off)
		return;
	if (why) {
		log_error("health", "this host is cut off (%s): not ready, and nobody is ejected",
			  why);
		daemon_event(daemon, EVENT_local_fault,
			     "this host is cut off: %s; not ready, and nobody is ejected", why);
	} else {
		log_info("health", "this host is no longer cut off");
		daemon_event(daemon, EVENT_local_fault,
			     "no longer cut off; failures are believed again in %u s",
			     BELIEVE_AFTER_MS / 1000);
	}
	loop_announce(daemon);
}

/* Members that fail together are not taken for a fault of this host: who looks for it shall know. */
static void tell_together(struct daemon *daemon, bool is_together, size_t targets)
{
	if (is_together && !daemon->cut_off.is_together)
		daemon_event(daemon, EVENT_local_fault,
			     "all %zu targets of checks fail, and nothing says that this host is "
			     "cut off: it is taken for theirs",
			     targets);
	daemon->cut_off.is_together = is_together;
}

void cut_off_look(struct daemon *daemon)
{
	struct local_evidence evidence = {.is_carrier_lost = is_carrier_lost(daemon)};
	struct cut_off *cut_off = &daemon->cut_off;
	struct gateways_verdict gateways;
	bool was_cut_off = cut_off->why;
	struct check_totals totals;
	enum local_fault fault;

	health_totals(daemon->health, &totals);
	cut_off->passed_ms = totals.passed_ms;
	evidence.is_all_failing = totals.targets > 1 && totals.failing == totals.targets;
	judge_gateways(daemon, totals.passed_ms, &gateways);
	evidence.gateway = gateways.state;
	evidence.is_gateway_silent = gateways.is_all_silent;
	cut_off->is_waiting = gateways.is_waited_for;
	if (evidence.gateway == GATEWAY_FINE)
		cut_off->doubt_ms = 0;
	else if (!cut_off->doubt_ms)
		cut_off->doubt_ms = clock_now_ms();
	fault = ejection_local_fault(&evidence);
	cut_off->why = fault ? cut_off->text : NULL;
	if (fault)
		describe(daemon, fault, &gateways);
	if (fault)
		cut_off->until_ms = 0;
	else if (was_cut_off)
		cut_off->until_ms = clock_now_ms() + BELIEVE_AFTER_MS;
	dp_bpf_set_cut_off(daemon->dp, fault);
	tell(daemon, was_cut_off);
	tell_together(daemon, evidence.is_all_failing && !fault, totals.targets);
}

static bool is_looking(const struct daemon *daemon)
{
	return daemon->is_ready && !daemon->is_detached && daemon->health;
}

static void on_timer(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	struct cut_off *cut_off = &daemon->cut_off;

	if (!is_looking(daemon))
		return;
	/* Answers may wait behind a long turn of the loop. */
	resolver_read(nexthops_resolver(daemon->nexthops));
	cut_off->is_asking = !cut_off->is_asking;
	if (cut_off->is_asking)
		resolver_question_gateways(nexthops_resolver(daemon->nexthops), clock_now_ms());
	cut_off_look(daemon);
}

void cut_off_start(struct daemon *daemon)
{
	uv_timer_init(&daemon->loop, &daemon->cut_off.timer);
	daemon->cut_off.timer.data = daemon;
	uv_timer_start(&daemon->cut_off.timer, on_timer, LOOK_MS, LOOK_MS);
}

void cut_off_tick(struct daemon *daemon)
{
	struct cut_off *cut_off = &daemon->cut_off;

	if (!is_looking(daemon))
		return;
	follow_gateways(daemon);
	cut_off_look(daemon);
	if (cut_off->until_ms && clock_now_ms() >= cut_off->until_ms) {
		cut_off->until_ms = 0;
		cut_off->is_owed = true; /* circuits looked away, too */
	}
	if (!cut_off->is_owed || cut_off_holds(daemon))
		return;
	cut_off->is_owed = false;
	/* Probes of meanwhile say nothing; who is down still, or unreachable, is told now. */
	model_forget_probes(daemon->model);
	health_follow(daemon->health, daemon->model);
	nexthops_follow(daemon->nexthops, daemon->model);
}

bool cut_off_holds(const struct daemon *daemon)
{
	const struct cut_off *cut_off = &daemon->cut_off;

	return cut_off->why || cut_off->until_ms || cut_off->is_waiting ||
	       ejection_is_in_doubt(cut_off->doubt_ms, cut_off->passed_ms, clock_now_ms());
}

void cut_off_owe(struct daemon *daemon)
{
	daemon->cut_off.is_owed = true;
}
