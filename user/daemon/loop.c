/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The loop. Callbacks only note what happened; once a turn, before the loop sleeps, everything
 * noted goes into the model together and from there into the packet path.
 */
#include "daemon/daemon.h"

#include <signal.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "core/verdicts.h"
#include "daemon/memory.h"
#include "daemon/notify.h"
#include "daemon/reload.h"

#define JOBS_MAX 4 /* libuv's threads */
#define SYNC_COMPLAIN_MS 10000
#define HOST_REFRESH_MS 10000
#define OBSERVATIONS_KEPT 1024 /* room that an ordinary turn may keep for the next one */

/* ---- observations -------------------------------------------------------------------------- */

static struct change *add_observation(struct daemon *daemon, enum change_type type,
				      uint64_t member_id, const char *text)
{
	struct observations *o = &daemon->observations;
	struct change *change;

	o->list = util_grow(o->list, &o->capacity, o->count + 1, sizeof(*o->list));
	o->texts = util_grow(o->texts, &o->text_capacity, o->count + 1, sizeof(*o->texts));
	util_copy(o->texts[o->count], sizeof(o->texts[0]), text ? text : "");
	change = &o->list[o->count++];
	*change = (struct change){.type = type, .owner = OWNER_FILE, .member_id = member_id};
	return change;
}

static void free_observations(struct observations *o)
{
	free(o->list);
	free(o->texts);
	*o = (struct observations){0};
}

void loop_observe_health(void *arg, uint64_t member_id, enum health_state state,
			 enum health_cause cause, const char *text, uint32_t latency_us)
{
	struct change *change = add_observation(arg, CHANGE_MEMBER_HEALTH, member_id, text);

	change->health = state;
	change->health_cause = cause;
	change->latency_us = latency_us;
}

void loop_observe_nexthop(void *arg, uint64_t member_id, enum nexthop_state state,
			  const struct nexthop *nexthop, const char *text)
{
	struct change *change = add_observation(arg, CHANGE_MEMBER_NEXTHOP, member_id, text);

	change->nexthop_state = state;
	change->nexthop = *nexthop;
}

void loop_observe_ramp(struct daemon *daemon, const struct model_member *member)
{
	add_observation(daemon, CHANGE_MEMBER_RAMP, member->id, "");
}

void loop_observe_circuit(struct daemon *daemon, const struct model_member *member,
			  uint64_t probes_passed, uint64_t probes_failed)
{
	struct change *change = add_observation(daemon, CHANGE_MEMBER_CIRCUIT, member->id, "");

	change->probes_passed = probes_passed;
	change->probes_failed = probes_failed;
}

void loop_observe_shift(struct daemon *daemon, const struct model_member *member)
{
	add_observation(daemon, CHANGE_SHIFT_TIME, member->id, "");
}

void loop_observe_expiry(struct daemon *daemon, const struct model_member *member)
{
	add_observation(daemon, CHANGE_MEMBER_EXPIRY, member->id, "")->override_until_s =
		member->override_until_s;
}

void loop_observe_cut(struct daemon *daemon, const struct model_member *member, const char *text)
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
	char endpoint[ENDPOINT_TEXT_MAX];

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

/* A failure that is this host's own: see cut_off.h. */
static bool is_held_back(struct daemon *daemon, const struct change *change)
{
	if (change->type != CHANGE_MEMBER_HEALTH || change->health != HEALTH_DOWN ||
	    !daemon->is_ready)
		return false;
	if (!cut_off_holds(daemon))
		cut_off_look(daemon);
	return cut_off_holds(daemon);
}

/* Members may have gone since they were observed: those are left out. */
static void flush_observations(struct daemon *daemon)
{
	struct observations *o = &daemon->observations;
	struct errs errors = {0};
	size_t i, kept = 0;

	if (!o->count)
		return;
	for (i = 0; i < o->count; i++) {
		if (!model_member_by_id(daemon->model, o->list[i].member_id, NULL, NULL) ||
		    is_held_back(daemon, &o->list[i]))
			continue;
		o->list[kept] = o->list[i];
		o->list[kept].text = o->texts[i];
		log_transition(daemon->model, &o->list[kept]);
		daemon->is_host_due |= o->list[kept].type == CHANGE_MEMBER_NEXTHOP;
		kept++;
	}
	if (kept && model_apply(daemon->model, o->list, kept, clock_now_ms(), &errors))
		daemon_log_errs(daemon, &errors);
	mark_observed(daemon, o->list, kept);
	errs_done(&errors);
	o->count = 0;
	if (o->capacity > OBSERVATIONS_KEPT)
		free_observations(o);
	daemon->is_sync_due = true;
}

int loop_apply(struct daemon *daemon, const struct change *changes, size_t count,
	       struct errs *errors)
{
	int r;

	/* What a member that goes has counted stays in its service's totals. */
	if (daemon->sync)
		collect_counters(daemon, false);
	r = model_apply(daemon->model, changes, count, clock_now_ms(), errors);
	if (!r) {
		daemon->is_structure_new = daemon->is_sync_due = true;
		daemon->trial.before.commands += changes->owner == OWNER_API;
		state_mark(daemon->state, STATE_SHIFTS);
		state_mark(daemon->state, STATE_CHANGES);
		if (changes->type == CHANGE_CONFIG || changes->list)
			state_mark(daemon->state, STATE_LISTS);
	}
	return r;
}

/* A member that lost its check keeps no bad verdict of it. */
static void forget_unchecked(struct daemon *daemon)
{
	size_t s, p, m;

	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);

		for (p = 0; p < service->pool_count; p++) {
			const struct model_pool *pool = &service->pools[p];

			for (m = 0; m < pool->member_count; m++)
				if (model_check_of(pool, &pool->members[m])->type == CHECK_NONE &&
				    pool->members[m].health != HEALTH_UP)
					loop_observe_health(daemon, pool->members[m].id, HEALTH_UP,
							    HEALTH_SILENT, "it is not checked", 0);
		}
	}
}

static void follow_structure(struct daemon *daemon)
{
	if (!daemon->is_structure_new || !daemon->health)
		return;
	daemon->is_structure_new = false;
	nexthops_follow(daemon->nexthops, daemon->model);
	notes_names(daemon);
	forget_unchecked(daemon);
	/* While tables are first built a flapping member would only put off being ready. But maps that
	 * take over from others must not begin with members that those have out. */
	if (daemon->is_ready || dp_bpf_cold_reason(daemon->dp))
		health_follow(daemon->health, daemon->model);
}

/* ---- tables -------------------------------------------------------------------------------- */

struct work {
	uv_work_t request;
	struct daemon *daemon;
	struct build_job *job;
};

static void on_build(uv_work_t *request)
{
	struct work *work = request->data;

	build_job_run(work->job);
}

static void start_jobs(struct daemon *daemon);

static void on_built(uv_work_t *request, int status)
{
	struct work *work = request->data;
	struct daemon *daemon = work->daemon;
	struct err e = {0};

	(void)status;
	daemon->jobs--;
	if (sync_finish_job(daemon->sync, work->job, clock_now_ms(), &e))
		daemon_log_err(LOG_LEVEL_ERROR, daemon, &e);
	free(work);
	daemon->is_sync_due = true;
	start_jobs(daemon);
}

static void start_jobs(struct daemon *daemon)
{
	struct build_job *job;

	while (!daemon->is_detached && !daemon->is_stopping && daemon->jobs < JOBS_MAX &&
	       (job = sync_take_job(daemon->sync))) {
		struct work *work = util_alloc(sizeof(*work));

		work->daemon = daemon;
		work->job = job;
		work->request.data = work;
		daemon->jobs++;
		uv_queue_work(&daemon->loop, &work->request, on_build, on_built);
	}
}

static void complain(struct daemon *daemon, const struct errs *errors)
{
	uint64_t now_ms = clock_now_ms();

	if (!errors->count) {
		daemon->sync_failing_ms = 0;
		daemon->troubles.other[0] = '\0';
		return;
	}
	util_copy(daemon->troubles.other, sizeof(daemon->troubles.other), errors->list[0].text);
	if (!daemon->sync_failing_ms)
		daemon->sync_failing_ms = now_ms;
	if (now_ms - daemon->sync_complained_ms < SYNC_COMPLAIN_MS)
		return;
	daemon->sync_complained_ms = now_ms;
	daemon_log_errs(daemon, errors);
}

void loop_announce(struct daemon *daemon)
{
	if (daemon->is_ready && !daemon->is_stopping)
		announce_run(daemon->announcer, daemon->dp, daemon->config, daemon->model,
			     watch_is_attached(daemon) && !start_is_young(daemon) &&
				     !daemon->cut_off.why,
			     clock_now_ms());
}

static void on_motion(uv_timer_t *timer);

/* A step of what goes on by itself, and when the next one is due; nothing goes on: no timer. */
static void step(struct daemon *daemon)
{
	uint32_t wait_ms = sync_step(daemon->sync, clock_now_ms());

	if (wait_ms == UINT32_MAX)
		uv_timer_stop(&daemon->motion);
	else
		uv_timer_start(&daemon->motion, on_motion, MAX(wait_ms, 1), 0);
}

static void on_motion(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	if (!daemon->is_detached && daemon->sync && daemon->is_synced)
		step(daemon);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct daemon *daemon = prepare->data;
	struct errs errors = {0};

	if (daemon->is_detached || !daemon->model)
		return;
	state_flush(daemon->state);
	follow_structure(daemon);
	flush_observations(daemon);
	if (daemon->is_host_due)
		host_refresh(daemon);
	if (!daemon->is_synced || !daemon->is_sync_due)
		return;
	daemon->is_sync_due = false;
	sync_run(daemon->sync, clock_now_ms(), &errors);
	complain(daemon, &errors);
	errs_done(&errors);
	start_jobs(daemon);
	step(daemon);
	loop_announce(daemon);
}

/* ---- time, descriptors, signals ------------------------------------------------------------ */

static void on_tick(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	uint64_t now_ms = clock_now_ms();

	if (daemon->is_detached || !daemon->sync)
		return;
	if (daemon->nexthops)
		resolver_tick(nexthops_resolver(daemon->nexthops), now_ms);
	if (daemon->control)
		control_tick(daemon->control, now_ms);
	state_tick(daemon->state);
	captures_tick(daemon->captures, now_ms);
	dp_bpf_sweep_limits(daemon->dp);
	watch_tick(daemon);
	cut_off_tick(daemon);
	troubles_tick(daemon);
	if (dp_bpf_refresh_macs(daemon->dp))
		announce_again(daemon->announcer);
	collect_counters(daemon, true);
	refusals_tick(daemon);
	notes_tick(daemon);
	switches_tick(daemon);
	trial_tick(daemon);
	lacking_tick(daemon);
	host_expire_lists(daemon);
	due_tick(daemon);
	memory_tick();
	if (now_ms - daemon->host_refreshed_ms >= HOST_REFRESH_MS)
		daemon->is_host_due = true;
	daemon->is_sync_due = true; /* what rested may be used again; what failed is retried */
}

static void on_resolver(uv_poll_t *poll, int status, int events)
{
	struct daemon *daemon = poll->data;

	(void)status;
	(void)events;
	resolver_read(nexthops_resolver(daemon->nexthops));
}

static void on_packet_event(void *arg, const struct sluice_event *event)
{
	char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX];
	struct daemon *daemon = arg;

	daemon->packet_events++;
	addr_format_endpoint(&event->tuple.saddr, __builtin_bswap16(event->tuple.sport_be), from);
	addr_format_endpoint(&event->tuple.daddr, __builtin_bswap16(event->tuple.dport_be), to);
	log_debug("packet", "%s -> %s: %s proto=%u bytes=%u ifindex=%u service=%u limit=%u list=%u",
		  from, to, verdicts_name(event->verdict), event->tuple.proto, event->bytes,
		  event->ifindex, event->service, event->limit, event->list);
}

static void on_packet_events(uv_poll_t *poll, int status, int events)
{
	struct daemon *daemon = poll->data;

	(void)status;
	(void)events;
	if (!daemon->is_detached)
		dp_bpf_events_read(daemon->dp, on_packet_event, daemon);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->data;
	const struct control_reload request = {.by = "SIGHUP"};
	struct event event = {.type = EVENT_audit, .who = "SIGHUP"};
	uint64_t before = model_revision(daemon->model);
	struct errs errors = {0};
	bool is_changed;
	int r;

	if (number != SIGHUP) {
		log_info("daemon", "stopping (%s): packets keep flowing, detach with sluicectl",
			 strsignal(number));
		loop_stop(daemon);
		return;
	}
	notify_send("STATUS=Reloading %s", daemon->options.config_path);
	r = reload_run(daemon, &request, &is_changed, &errors);
	snprintf(event.text, sizeof(event.text), "reload%s: revision %llu -> %llu",
		 r ? " refused" : "", (unsigned long long)before,
		 (unsigned long long)model_revision(daemon->model));
	event_log_add(daemon->events, &event);
	errs_done(&errors);
}

void loop_init(struct daemon *daemon)
{
	static const int numbers[ARRAY_SIZE(daemon->signals)] = {SIGTERM, SIGINT, SIGHUP};
	size_t i;

	uv_loop_init(&daemon->loop);
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		uv_signal_init(&daemon->loop, &daemon->signals[i]);
		daemon->signals[i].data = daemon;
		uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
	}
	uv_prepare_init(&daemon->loop, &daemon->prepare);
	daemon->prepare.data = daemon;
	uv_prepare_start(&daemon->prepare, on_prepare);
	uv_timer_init(&daemon->loop, &daemon->tick);
	daemon->tick.data = daemon;
	uv_timer_start(&daemon->tick, on_tick, 1000, 1000);
	uv_timer_init(&daemon->loop, &daemon->motion);
	daemon->motion.data = daemon;
}

static void turn_control(void *server)
{
	control_turn(server);
}

static int timeout_control(void *server)
{
	return control_timeout_ms(server);
}

static void turn_listener(void *server)
{
	listener_turn(server);
}

static int timeout_listener(void *server)
{
	return listener_timeout_ms(server);
}

static void watch(struct daemon *daemon, uv_poll_t *poll, int fd, uv_poll_cb fn)
{
	uv_poll_init(&daemon->loop, poll, fd);
	poll->data = daemon;
	uv_poll_start(poll, UV_READABLE, fn);
}

void loop_watch(struct daemon *daemon)
{
	watch(daemon, &daemon->resolver_poll, resolver_fd(nexthops_resolver(daemon->nexthops)),
	      on_resolver);
	watch(daemon, &daemon->events_poll, dp_bpf_events_fd(daemon->dp), on_packet_events);
	daemon->control_poll = http_poll_new(&daemon->loop, control_fd(daemon->control),
					     turn_control, timeout_control, daemon->control);
}

void loop_watch_listener(struct daemon *daemon)
{
	http_poll_free(daemon->listener_poll);
	daemon->listener_poll = NULL;
	if (daemon->listener)
		daemon->listener_poll = http_poll_new(&daemon->loop, listener_fd(daemon->listener),
						      turn_listener, timeout_listener,
						      daemon->listener);
}

void loop_run_until(struct daemon *daemon, bool (*done)(const struct daemon *daemon),
		    uint64_t timeout_ms)
{
	uint64_t end_ms = clock_now_ms() + timeout_ms;

	/* The tick bounds how long one turn can sleep. */
	while (!daemon->is_stopping && !done(daemon) && clock_now_ms() < end_ms)
		uv_run(&daemon->loop, UV_RUN_ONCE);
}

void loop_stop(struct daemon *daemon)
{
	daemon->is_stopping = true;
	uv_stop(&daemon->loop);
}

static void on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void loop_done(struct daemon *daemon)
{
	uv_walk(&daemon->loop, on_walk, NULL);
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	uv_loop_close(&daemon->loop);
	free_observations(&daemon->observations);
}
