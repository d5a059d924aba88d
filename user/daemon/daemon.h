/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sluiced: one thread, one loop. What its files share; they are start, loop, reload, attach,
 * collect and api. */
#pragma once

#include <uv.h>

#include "base/log.h"
#include "control/control.h"
#include "core/stats.h"
#include "core/suspects.h"
#include "core/sync.h"
#include "daemon/announce.h"
#include "daemon/captures.h"
#include "daemon/cut_off.h"
#include "daemon/checks.h"
#include "daemon/http_poll.h"
#include "daemon/lacking.h"
#include "daemon/locals.h"
#include "daemon/measurements.h"
#include "daemon/names.h"
#include "daemon/nexthops.h"
#include "daemon/probing.h"
#include "daemon/refusals.h"
#include "daemon/state.h"
#include "daemon/trial.h"
#include "daemon/troubles.h"
#include "daemon/watch.h"
#include "dataplane/dp_bpf.h"
#include "health/health.h"
#include "metrics/listener.h"
#include "state/sources.h"

#define DAEMON_CONFIG_PATH "/etc/sluice/sluice.yaml"
#define DAEMON_RUN_DIRECTORY "/run/sluice"
#define DAEMON_STATE_DIRECTORY "/var/lib/sluice"

struct daemon_options {
	const char *config_path;
	const char *instance; /* NULL: the configuration's */
	const char *run_directory;
	const char *state_directory;
	uint64_t try_s; /* 0: not on trial */
	bool may_start_cold;
};

/* Observations wait here for the end of the loop turn, then go into the model together. */
struct observations {
	struct change *list;
	char **texts; /* NULL: an empty one */
	size_t count, capacity, text_capacity;
};

struct daemon {
	struct daemon_options options;
	char instance[NAME_MAX_LENGTH + 1];
	char directory[256];	/* RUN_DIRECTORY/INSTANCE */
	struct sources sources; /* of the configuration in force */
	struct config *config;	/* in force */
	char refusal[320];	/* of the last reload, "" if it was applied */
	char fault[400];	/* why the last good configuration serves, "" if the file's does */
	struct state *state;
	uint64_t started_ms, started_s, loaded_at_s;
	uint64_t reloads_applied, reloads_refused;

	uv_loop_t loop;
	uv_prepare_t prepare; /* once a turn */
	uv_timer_t tick;      /* once a second */
	uv_timer_t motion;    /* while slots are in motion */
	uv_signal_t signals[3];
	uv_poll_t resolver_poll, events_poll;
	int lock_fd, claim_fd;

	struct event_log *events;
	struct model *model;
	struct dp_bpf *dp;
	struct dataplane port;
	struct sync *sync;
	struct stats *stats;
	struct suspects *suspects;
	uint64_t suspects_ms; /* of the last round */
	struct nexthops *nexthops;
	struct health *health;
	struct announcer *announcer;
	struct captures *captures;
	struct refusals refusals;
	struct measurements *measurements;
	struct control *control;
	struct http_poll *control_poll;
	struct listener *listener;
	struct http_poll *listener_poll;

	struct observations observations;
	unsigned int jobs;     /* table builds on other threads */
	bool is_structure_new; /* services or members changed: checks and next hops follow */
	bool is_sync_due;
	json_t *kept_files; /* of the last good configuration, while it is taken up */
	bool is_host_due;   /* gateways may have changed */
	uint64_t host_refreshed_ms;
	bool is_synced;	      /* sync may run: next hops are known or waited for long enough */
	bool are_tables_held; /* but no table is built yet: a cold start waits for verdicts */
	bool is_ready;
	uint64_t young_until_ms; /* what has no route yet gets none before; 0: not young */
	bool is_stopping;
	bool is_detached;
	struct {
		char interface[16];
		uint64_t since_s;
	} attached[2 * CONFIG_INTERFACES_MAX]; /* by this daemon; a ring */
	size_t attached_next;
	struct trial trial;
	char checker[300]; /* sluice-check, beside this program */
	struct lacking lacking;
	struct daemon_names names;
	char trial_note[200]; /* what became of a trial that the predecessor left, "" nothing */
	bool bypassed[DP_BYPASS_MAX]; /* as the last event told */
	bool are_names_short;
	struct watch watch;
	struct cut_off cut_off;
	struct locals locals;
	struct probing probing;
	struct troubles troubles;
	uint64_t sync_complained_ms;
	uint64_t sync_failing_ms; /* since then, 0: the last run had no errors */
	uint64_t packet_events;
	uint64_t served;   /* packets sent to members or, in mode local, to this host */
	uint64_t quiet_ms; /* since then none came, at the same role */
};

/* log.c */
void daemon_log_err(enum log_level level, const struct daemon *daemon, const struct err *e);
void daemon_log_errs(const struct daemon *daemon, const struct errs *errors);
/* Of the configuration file: each begins with its name, as sluiced --check prints them. */
void daemon_log_mistakes(const struct daemon *daemon, const struct errs *errors);
void daemon_event(struct daemon *daemon, enum event_type type, const char *fmt, ...) PRINTF(3, 4);

/* start.c: from options to a running loop; returns the exit status. */
int daemon_run(const struct daemon_options *options);
/* Ready, but without a verdict of all members' checks and the tables that follow; for a while. */
bool start_is_young(struct daemon *daemon);

/* loop.c */
void loop_init(struct daemon *daemon);
/* Handles that need the parts of the daemon: resolver, packet events, control. */
void loop_watch(struct daemon *daemon);
void loop_watch_listener(struct daemon *daemon);
/* What is announced follows now: the role was changed. */
void loop_announce(struct daemon *daemon);
/* Turns until done(daemon), a stop, or the timeout. */
void loop_run_until(struct daemon *daemon, bool (*done)(const struct daemon *daemon),
		    uint64_t timeout_ms);
void loop_stop(struct daemon *daemon);
/* As by SIGHUP. */
void loop_reload(struct daemon *daemon);
void loop_done(struct daemon *daemon);

/* observe.c */
void observe_flush(struct daemon *daemon);
void observe_done(struct observations *o);
void observe_health(void *arg, uint64_t member_id, enum health_state state, enum health_cause cause,
		    const char *text, uint32_t latency_us);
void observe_ramp(struct daemon *daemon, const struct model_member *member);
void observe_circuit(struct daemon *daemon, const struct model_member *member,
		     uint64_t probes_passed, uint64_t probes_failed);
void observe_passive(struct daemon *daemon, const struct model_member *member,
		     const struct passive_report *report);
void observe_shift(struct daemon *daemon, const struct model_member *member);
void observe_expiry(struct daemon *daemon, const struct model_member *member);
void observe_cut(struct daemon *daemon, const struct model_member *member, const char *text);
void observe_nexthop(void *arg, uint64_t member_id, enum nexthop_state state,
		     const struct nexthop *nexthop, const char *text);
/* Applies changes by file or api now; checks and next hops follow at the end of the turn. */
int loop_apply(struct daemon *daemon, const struct change *changes, size_t count,
	       struct errs *errors);

/* examine.c: the doctor before an attach: -EIO when it would fail or do harm. And everything that
 * the doctor has to say, in the log and for whoever asked, after an attach that failed. */
int examine_targets(const struct daemon *daemon, const struct config *config,
		    const char *const *interfaces, size_t count);
void examine_failure(const struct daemon *daemon, const struct config *config, struct errs *errors);
/* An error that ends the start, and everything that the doctor has to say, into the log. */
void examine_error(const struct daemon *daemon, const struct err *e);

/* maps.c: opens maps, adopted or new ones, and fills the model with them. 0, or -1 after logging why
 * not. */
int maps_begin(struct daemon *daemon);

/* host.c: this host's addresses and gateways into the model; entries of lists whose time is over. */
void host_refresh(struct daemon *daemon);
void host_expire_lists(struct daemon *daemon);

/* due.c: what time alone brings: deadlines of members that drain, slow starts. */
void due_tick(struct daemon *daemon);

/* notes.c: what those find who come when the daemon is gone. */
void notes_begin(struct daemon *daemon);
void notes_tick(struct daemon *daemon);
void notes_end(struct daemon *daemon); /* an orderly end */
void notes_names(struct daemon *daemon);

/* switches.c: bypass, as struct control_host has it. */
void switches_get(void *arg, struct control_switches *ret_switches);
int switches_bypass(void *arg, unsigned int what, uint64_t for_s, const char *by, struct err *e);
void switches_tick(struct daemon *daemon);

/* disk.c: what runs against what the files on the disk say. The caller releases what is in disk. */
void disk_compare(struct daemon *daemon, struct control_disk *ret_disk);
/* The drop-in that makes the files say what runs; path and text are the caller's. 0, or negative
 * errno and errors. */
int disk_make_dropin(struct daemon *daemon, char **ret_path, char **ret_text, size_t *ret_count,
		     struct errs *errors);

/* passive.c: what clients' packets say of members. Each second their counters, then the verdict. */
void passive_take(struct daemon *daemon, const struct model_service *service,
		  const struct model_pool *pool, const struct model_member *member, uint32_t index,
		  const struct sluice_member_stats *stats);
void passive_tick(struct daemon *daemon);

/* collect.c: counters of the packet path into stats. */
void collect_counters(struct daemon *daemon, bool is_tick);

/* api.c: the daemon as control and metrics see it. */
/* Ends the loop when answers that are on their way have got out. */
void daemon_stop_soon(struct daemon *daemon);
struct control_host api_host(struct daemon *daemon);
char *api_metrics(void *arg, bool is_openmetrics, size_t *ret_length);
