/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The loop. Callbacks only note what happened; once a turn, before the loop sleeps, everything
 * noted goes into the model together and from there into the packet path.
 */
#include "daemon/daemon.h"

#include <errno.h>
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
					observe_health(daemon, pool->members[m].id, HEALTH_UP,
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
	if (daemon->is_ready || dp_bpf_cold_reason(daemon->dp)) {
		health_follow(daemon->health, daemon->model);
		probing_follow(daemon);
	}
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

	while (!daemon->are_tables_held && !daemon->is_detached && !daemon->is_stopping &&
	       daemon->jobs < JOBS_MAX && (job = sync_take_job(daemon->sync))) {
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
			     watch_is_attached(daemon) && !start_is_young(daemon),
			     daemon->cut_off.why, clock_now_ms());
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
	/* Answers of gateways and next hops may wait behind a long turn: what failed is judged with them. */
	if (daemon->observations.count && daemon->nexthops)
		resolver_read(nexthops_resolver(daemon->nexthops));
	observe_flush(daemon);
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
	if (daemon->is_ready || dp_bpf_cold_reason(daemon->dp))
		probing_tick(daemon);
	if (dp_bpf_refresh_macs(daemon->dp))
		announce_again(daemon->announcer);
	collect_counters(daemon, true);
	passive_tick(daemon);
	refusals_tick(daemon);
	notes_tick(daemon);
	switches_tick(daemon);
	trial_tick(daemon);
	lacking_tick(daemon);
	host_expire_lists(daemon);
	due_tick(daemon);
	names_tick(daemon);
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

void loop_reload(struct daemon *daemon)
{
	const struct control_reload request = {.by = "SIGHUP"};
	struct event event = {.type = EVENT_audit, .who = "SIGHUP"};
	struct errs errors = {0};
	uint64_t before;
	bool is_changed;
	int r;

	if (!daemon->is_ready) { /* nothing to change yet: names_tick() comes back to it */
		daemon->names.is_reload_due = true;
		return;
	}
	before = model_revision(daemon->model);

	notify_send("STATUS=Reloading %s", daemon->options.config_path);
	r = reload_run(daemon, &request, &is_changed, &errors);
	if (r == -EAGAIN && !errors.count) {
		daemon->names.is_reload_due = true;
		return;
	}
	snprintf(event.text, sizeof(event.text), "reload%s: revision %llu -> %llu",
		 r ? " refused" : "", (unsigned long long)before,
		 (unsigned long long)model_revision(daemon->model));
	event_log_add(daemon->events, &event);
	errs_done(&errors);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->data;

	if (number == SIGHUP) {
		loop_reload(daemon);
		return;
	}
	log_info("daemon", "stopping (%s): packets keep flowing, detach with sluicectl",
		 strsignal(number));
	loop_stop(daemon);
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
	cut_off_start(daemon);
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
	observe_done(&daemon->observations);
}
