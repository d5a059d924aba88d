/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From nothing to ready, in an order that never shows the world a half-filled table: configuration,
 * lock, maps, model, what pinned maps hold, next hops, tables, and only then the interfaces.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/attach.h"
#include "daemon/kept.h"
#include "daemon/lock.h"
#include "daemon/memory.h"
#include "daemon/notify.h"
#include "daemon/privileges.h"
#include "daemon/reload.h"
#include "dataplane/claim.h"

#define NEXTHOPS_WAIT_MS 2000
#define MEMBERS_WAIT_MS 30000 /* other maps serve meanwhile */
#define YOUNG_MS 10000	      /* other nodes serve meanwhile */
#define TABLES_WAIT_MS 60000
#define SYNC_GIVE_UP_MS (2 * SYNC_TROUBLE_AFTER_MS) /* what rests is free again by then */
#define EVENT_LOG_SIZE 4096

/* ---- steps; each logs its own failure ------------------------------------------------------- */

static int fail(struct daemon *daemon, const struct err *e)
{
	daemon_log_err(LOG_LEVEL_ERROR, daemon, e);
	return -1;
}

static int fail_all(struct daemon *daemon, struct errs *errors)
{
	daemon_log_errs(daemon, errors);
	errs_done(errors);
	return -1;
}

static int fail_config(struct daemon *daemon, struct errs *errors)
{
	daemon_log_mistakes(daemon, errors);
	errs_done(errors);
	return -1;
}

/* Reads and checks the files. */
static int read_files(struct daemon *daemon, struct errs *errors)
{
	struct err e = {0};
	int r = sources_read(daemon->options.config_path, util_read_file, &daemon->sources, &e);

	if (r) {
		if (!e.file[0])
			err_hint(&e, "write one, or name another with --config");
		errs_add_err(errors, &e);
		return r;
	}
	r = config_parse_files(daemon->sources.list, daemon->sources.count, &daemon->config,
			       errors);
	if (!r)
		r = config_load_lists(daemon->config, util_read_file, errors);
	return r ? r : model_check_config(daemon->config, clock_jiffy_ns(), errors);
}

/* A file that is of no use is no reason to give up yet: see use_last_good(). */
static int read_config(struct daemon *daemon)
{
	const char *path = daemon->options.config_path;
	const char *instance = daemon->options.instance;
	struct errs errors = {0};

	if (read_files(daemon, &errors)) {
		daemon_log_mistakes(daemon, &errors);
		err_format(&errors.list[0], path, daemon->fault, sizeof(daemon->fault));
		errs_done(&errors);
	}
	/* A file that cannot be read does not tell whose it is. */
	if (!instance)
		instance = daemon->config ? daemon->config->instance : "default";
	util_copy(daemon->instance, sizeof(daemon->instance), instance);
	snprintf(daemon->directory, sizeof(daemon->directory), "%s/%s",
		 daemon->options.run_directory, daemon->instance);
	return 0;
}

static int use_last_good(struct daemon *daemon)
{
	struct errs errors = {0};

	if (!daemon->fault[0]) {
		trial_recall(daemon);
		return 0;
	}
	config_free(daemon->config);
	daemon->config = NULL;
	if (state_load(daemon->state, STATE_LAST_GOOD)) {
		log_error("config", "%s is broken (see above), and there is no last good one in %s",
			  daemon->options.config_path, state_directory(daemon->state));
		return -1;
	}
	if (config_parse_files(daemon->sources.list, daemon->sources.count, &daemon->config,
			       &errors) ||
	    kept_take_lists(daemon, daemon->config, &errors))
		return fail_config(daemon, &errors);
	log_error("config",
		  "FAULT: %s is broken (see above): the last good configuration serves until a "
		  "good one is reloaded",
		  daemon->options.config_path);
	return 0;
}

static int take_rights(struct daemon *daemon)
{
	struct err e = {0};

	if (privileges_check(&e))
		return fail(daemon, &e);
	daemon->lock_fd = lock_take(daemon->directory, daemon->instance, true, &e);
	if (daemon->lock_fd < 0)
		return fail(daemon, &e);
	daemon->claim_fd = claim_take(daemon->instance, &e);
	if (daemon->claim_fd < 0) {
		if (daemon->claim_fd == -EBUSY)
			return fail(daemon, &e);
		examine_error(daemon, &e);
		return -1;
	}
	privileges_raise_files();
	daemon->announcer = announce_new(daemon->events);
	daemon->state = state_open(daemon->options.state_directory, daemon->instance, daemon);
	return 0;
}

/* A program that is installed where this one is. */
static void find_beside(const char *name, char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	path[MAX(length, 0)] = '\0';
	slash = strrchr(path, '/');
	length = slash ? slash + 1 - path : 0;
	util_copy(path + length, size - (size_t)length, name);
}

static int check_host(struct daemon *daemon)
{
	const struct health_listener listener = {
		.report = observe_health,
		.certificate = checks_certificate,
		.diagnosis = checks_diagnosis,
		.arg = daemon,
	};
	const struct health_path path = probing_health_path(daemon);
	struct errs errors = {0};
	struct err e = {0};

	if (daemon->config->sharing != XDP_SHARED_NEVER && privileges_check_shared(&e))
		return fail(daemon, &e);
	if (nexthops_new(observe_nexthop, daemon, &daemon->nexthops, &e))
		return fail(daemon, &e);
	nexthops_set_sources(daemon->nexthops, &daemon->config->outer_source4,
			     &daemon->config->outer_source6);
	find_beside("sluice-check", daemon->checker, sizeof(daemon->checker));
	daemon->health = health_new(&daemon->loop, daemon->checker, &listener, &path);
	if (reload_check_host(daemon, daemon->config, &errors))
		return fail_config(daemon, &errors);
	return 0;
}

/* What does not resolve keeps nobody else from being served. */
static int look_up_names(struct daemon *daemon)
{
	names_start(daemon);
	return daemon->is_stopping ? -1 : 0;
}

/* Before anything is made, and before the rights to read other programs' names are given up. */
static int check_interfaces(struct daemon *daemon)
{
	const char *names[CONFIG_INTERFACES_MAX];
	struct errs errors = {0};
	size_t i;

	for (i = 0; i < daemon->config->interface_count; i++)
		names[i] = daemon->config->interfaces[i];
	if (!examine_targets(daemon, daemon->config, names, daemon->config->interface_count))
		return 0;
	examine_failure(daemon, daemon->config, &errors);
	return fail_all(daemon, &errors);
}

static int open_doors(struct daemon *daemon)
{
	struct control_host host = api_host(daemon);
	struct err e = {0};
	char path[300];

	snprintf(path, sizeof(path), "%s/control.sock", daemon->directory);
	if (control_new(&host, path, daemon->config, &daemon->control, &e))
		return fail(daemon, &e);
	if (daemon->config->metrics_listen[0] &&
	    listener_new(daemon->config->metrics_listen, api_metrics, daemon, &daemon->listener,
			 &e))
		return fail(daemon, &e);
	/* Sockets, groups and directories are made: from here on only the three. */
	if (privileges_drop(daemon->config->sharing != XDP_SHARED_NEVER, &e))
		return fail(daemon, &e);
	loop_watch(daemon);
	loop_watch_listener(daemon);
	return 0;
}

static bool are_all_members(const struct daemon *daemon,
			    bool (*is_so)(const struct model_member *member))
{
	size_t s, p, m;

	if (daemon->is_structure_new || daemon->observations.count)
		return false;
	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);

		for (p = 0; p < service->pool_count; p++)
			for (m = 0; m < service->pools[p].member_count; m++)
				if (!is_so(&service->pools[p].members[m]))
					return false;
	}
	return true;
}

static bool has_nexthop_answer(const struct model_member *member)
{
	return member->nexthop_state != NEXTHOP_PENDING;
}

static bool are_nexthops_known(const struct daemon *daemon)
{
	return are_all_members(daemon, has_nexthop_answer);
}

static bool has_verdict(const struct model_member *member)
{
	return has_nexthop_answer(member) &&
	       (member->admin == ADMIN_MAINT || member->health != HEALTH_UNKNOWN);
}

static bool are_members_known(const struct daemon *daemon)
{
	return are_all_members(daemon, has_verdict);
}

/* The maps were there before, and have no room for all that this configuration adds. What they
 * have goes on, and a daemon that looks after it is better than none; status tells. */
static bool is_stuck(const struct daemon *daemon)
{
	return dp_bpf_is_adopted(daemon->dp) && sync_is_stuck(daemon->sync);
}

static bool are_tables_built(const struct daemon *daemon)
{
	if (!daemon->jobs && is_stuck(daemon))
		return true;
	if (daemon->sync_failing_ms && clock_now_ms() - daemon->sync_failing_ms > SYNC_GIVE_UP_MS)
		return true;
	return !daemon->sync_failing_ms && !daemon->jobs && sync_is_idle(daemon->sync);
}

static int build_tables(struct daemon *daemon)
{
	if (!dp_bpf_cold_reason(daemon->dp)) {
		loop_run_until(daemon, are_nexthops_known, NEXTHOPS_WAIT_MS);
	} else {
		/* Probes through the path go to members that are in the maps. */
		daemon->are_tables_held = daemon->is_synced = daemon->is_sync_due = true;
		loop_run_until(daemon, are_members_known, MEMBERS_WAIT_MS);
		daemon->are_tables_held = false;
		if (!daemon->is_stopping && !are_members_known(daemon))
			log_warning("daemon",
				    "some members have no verdict after %d s: those count "
				    "as serving",
				    MEMBERS_WAIT_MS / 1000);
	}
	host_refresh(daemon);
	daemon->is_synced = daemon->is_sync_due = true;
	/* The loop is asleep in poll when this is set: take a turn that does not wait. */
	uv_run(&daemon->loop, UV_RUN_NOWAIT);
	loop_run_until(daemon, are_tables_built, TABLES_WAIT_MS);
	if (daemon->is_stopping)
		return -1;
	if ((!daemon->sync_failing_ms && sync_is_idle(daemon->sync)) || is_stuck(daemon))
		return 0;
	log_error("daemon", "the tables could not be built (see above): not attached");
	return -1;
}

static int attach(struct daemon *daemon)
{
	struct errs errors = {0};
	struct err e = {0};

	if (trial_begin_start(daemon, &e))
		return fail(daemon, &e);
	dp_bpf_take_over(daemon->dp);
	if (attach_all(daemon, daemon->config, &errors))
		return fail_all(daemon, &errors);
	attach_prune(daemon, daemon->config);
	if (dp_bpf_settle(daemon->dp, &e))
		daemon_log_err(LOG_LEVEL_WARNING, daemon, &e);
	notes_begin(daemon);
	refusals_adopt(daemon);
	daemon->is_ready = true;
	/* Adopted maps know who serves, and a cold start has waited for it. */
	if (!dp_bpf_is_adopted(daemon->dp) && !dp_bpf_cold_reason(daemon->dp))
		daemon->young_until_ms = clock_now_ms() + YOUNG_MS;
	if (dp_bpf_is_adopted(daemon->dp))
		announce_adopt(daemon->announcer);
	model_start_ramps(daemon->model);
	watch_tick(daemon);
	daemon->is_structure_new = true; /* now the checks begin */
	daemon->is_sync_due = true;	 /* and what is announced is told at once */
	if (!daemon->options.try_s)
		state_mark(daemon->state, STATE_LAST_GOOD);
	state_begin(daemon->state);
	return 0;
}

/*
 * A node that starts takes all members for well until their first checks: its tables are others than
 * those of nodes that know better, whose connections would break here. So it has no routes until then.
 */
bool start_is_young(struct daemon *daemon)
{
	struct sync_flow_totals totals;

	if (!daemon->young_until_ms)
		return false;
	if (clock_now_ms() < daemon->young_until_ms &&
	    (!are_members_known(daemon) || !sync_is_idle(daemon->sync) ||
	     sync_view_totals(daemon->sync, &totals) ||
	     totals.pre + totals.waiting + totals.moving > 0))
		return true;
	daemon->young_until_ms = 0;
	return false;
}

static void announce_ready(struct daemon *daemon)
{
	size_t services = model_service_count(daemon->model);

	log_info("daemon", "ready: %zu service%s, %zu interface%s, revision %llu ms=%llu%s",
		 services, services == 1 ? "" : "s", daemon->config->interface_count,
		 daemon->config->interface_count == 1 ? "" : "s",
		 (unsigned long long)model_revision(daemon->model),
		 (unsigned long long)(clock_now_ms() - daemon->started_ms),
		 dp_bpf_is_adopted(daemon->dp)	  ? " adopted"
		 : dp_bpf_cold_reason(daemon->dp) ? " cold"
						  : "");
	notify_send("READY=1\nSTATUS=%sServing, revision %llu%s%s",
		    daemon->fault[0] ? "FAULT: " : "",
		    (unsigned long long)model_revision(daemon->model),
		    daemon->fault[0] ? ", with the last good configuration: " : "", daemon->fault);
}

/* A start that failed leaves nothing behind that was not there before. */
static void undo_start(struct daemon *daemon)
{
	struct err e = {0};
	char names[512];

	if (!daemon->dp || dp_bpf_is_adopted(daemon->dp))
		return;
	if (dp_bpf_cold_reason(daemon->dp))
		dp_bpf_discard(daemon->dp);
	else if (dp_bpf_cleanup(daemon->instance, names, sizeof(names), &e))
		daemon_log_err(LOG_LEVEL_WARNING, daemon, &e);
}

static void release(struct daemon *daemon)
{
	http_poll_free(daemon->control_poll);
	http_poll_free(daemon->listener_poll);
	control_free(daemon->control);
	listener_free(daemon->listener);
	names_stop(daemon);
	health_free(daemon->health);
	loop_done(daemon);
	announce_free(daemon->announcer);
	state_close(daemon->state);
	names_done(&daemon->names.table);
	left_out_done(&daemon->names.left_out);
	left_out_done(&daemon->names.fresh);
	nexthops_free(daemon->nexthops);
	refusals_done(daemon);
	measurements_free(daemon->measurements);
	if (daemon->sync)
		sync_free(daemon->sync);
	if (daemon->model)
		model_free(daemon->model);
	captures_free(daemon->captures);
	probing_done(daemon);
	dp_bpf_close(daemon->dp);
	stats_free(daemon->stats);
	suspects_free(daemon->suspects);
	locals_done(&daemon->locals);
	event_log_free(daemon->events);
	config_free(daemon->config);
	sources_done(&daemon->sources);
	config_free(daemon->trial.config);
	sources_done(&daemon->trial.sources);
	before_done(&daemon->trial.before);
	claim_end(daemon->claim_fd, daemon->instance);
	util_close_p(&daemon->lock_fd);
}

int daemon_run(const struct daemon_options *options)
{
	struct daemon *daemon = util_alloc(sizeof(*daemon));
	bool is_up;

	memory_begin();
	daemon->options = *options;
	daemon->lock_fd = daemon->claim_fd = -1;
	daemon->started_ms = clock_now_ms();
	daemon->started_s = clock_wall_s();
	daemon->events = event_log_new(EVENT_LOG_SIZE);
	daemon->stats = stats_new();
	daemon->suspects = suspects_new();
	loop_init(daemon);

	is_up = !read_config(daemon) && !take_rights(daemon) && !use_last_good(daemon) &&
		!check_host(daemon) && !look_up_names(daemon) && !check_interfaces(daemon) &&
		!maps_begin(daemon) && !open_doors(daemon) && !build_tables(daemon) &&
		!attach(daemon);
	if (is_up) {
		announce_ready(daemon);
		uv_run(&daemon->loop, UV_RUN_DEFAULT);
		notify_send("STOPPING=1");
		if (!daemon->is_detached)
			dp_bpf_set_cut_off(daemon->dp, false); /* nobody would end it */
		if (!daemon->is_detached && !daemon->config->is_route_kept)
			announce_withdraw(daemon->announcer, daemon->dp);
		refusals_end(daemon);
		notes_end(daemon);
	} else {
		undo_start(daemon);
	}
	is_up |= daemon->is_stopping;
	release(daemon);
	free(daemon);
	return is_up ? 0 : 1;
}
