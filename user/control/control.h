/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control API: HTTP and JSON over a unix socket (docs/protocol.md). It has no loop of its own:
 * poll the descriptor, call control_turn(), and again after control_timeout_ms(). What it shows
 * and changes comes through struct control_host, so that it knows neither packet path nor prober.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/bans.h"
#include "core/capture.h"
#include "core/check_report.h"
#include "core/event_log.h"
#include "core/measurement.h"
#include "core/model.h"
#include "core/offenders.h"
#include "core/stats.h"
#include "core/suspects.h"
#include "core/sync.h"
#include "core/where.h"

struct control_interface {
	char name[16];
	uint32_t ifindex;
	bool is_generic;
	bool is_dispatched;
	char beside[160]; /* other programs there */
	char driver[32];
	uint64_t attached_s; /* ago */
	uint32_t program_id;
};

struct control_node {
	char name[64]; /* of the machine */
	const char *version;
	const char *instance;
	uint64_t uptime_s;
	uint64_t loaded_at_s; /* wall clock */
	bool is_ready;
	char not_ready[160];	 /* why */
	char fault[400];	 /* why the last good configuration serves, "" if the file's does */
	char state_problem[400]; /* why the state directory cannot be written, or "" */
	char state_notice[400];	 /* what was found damaged in it, or "" */
	char last_refusal[320];	 /* of a reload, "" when the running configuration is the file's */
	char trial_note[200];	 /* what became of a trial when its daemon ended, or "" */
	uint64_t events_suppressed;
	bool is_active;	       /* answers ARP and ND, has routes */
	bool is_standby_first; /* so the configuration says of a cold start */
	uint64_t served;       /* packets sent to members or, in mode local, to this host */
	uint64_t quiet_s;      /* since the last of them, or since the role changed */
	struct {
		size_t arp;    /* addresses that are announced so */
		size_t routes; /* addresses that are announced so, and those in place */
		size_t routes_installed;
		uint32_t table, protocol;
		char failure[240]; /* why a route is missing, "" */
	} announce;
};

enum control_bypass_kind { CONTROL_BYPASS_LIMITS, CONTROL_BYPASS_LISTS, CONTROL_BYPASS_MAX };

struct control_bypass {
	uint64_t left_s;  /* until it ends by itself; 0: off */
	uint64_t since_s; /* wall clock */
	char by[56];
};

/* How long a trial may last. */
#define CONTROL_TRIAL_MAX_S 86400

struct control_trial {
	const char *kind; /* "start", "reload"; NULL: nothing is on trial */
	uint64_t left_s;  /* until it ends by itself; stuck: until everything is passed */
	uint64_t since_s; /* wall clock */
	bool is_stuck;	  /* it should have ended, and could not yet */
	char why[320];	  /* not */
	size_t commands;  /* that changed something since it began: dropped unless it is kept */
};

/* Switches of the whole node. */
struct control_switches {
	struct control_trial trial;
	struct control_bypass bypass[CONTROL_BYPASS_MAX];
};

/* Something on the host that is not as it has to be. */
enum control_severity { CONTROL_NOTE, CONTROL_DEGRADED, CONTROL_FAULT };
struct control_finding {
	enum control_severity severity; /* a note leaves the state as it is */
	char text[400];
	char fix[200]; /* what to type, or to do; "" */
};

/* An address of a host name that is no member of a pool. */
struct control_left_out {
	const char *name;
	const struct sluice_addr *addr;
	const char *why;
};

struct control_reload {
	bool is_forced;
	uint64_t confirm_s; /* goes back after so long unless confirmed; 0: stays */
	const char *text;   /* NULL: what the configuration files have */
	size_t length;
	const char *name; /* of the text, for its mistakes */
	const char *by;	  /* who asks */
};

struct control_check {
	size_t services, members, limits;
};

/* What runs against what the files on the disk say. Its log and errors are the caller's. */
struct control_disk {
	bool is_same;
	char settings[256];	   /* keys of the node itself that differ */
	struct event_log *changes; /* events that a reload would cause */
	struct errs errors;	   /* why it would be refused */
};

/* The daemon, as the API sees it. */
struct control_host {
	void *arg;
	const char *config_path; /* what reload reads */
	struct model *model;
	const struct sync *sync;
	const struct stats *stats;
	const struct suspects *suspects;
	const struct event_log *events;
	const struct offenders *offenders;
	const struct bans *bans;
	void (*record)(void *arg, const struct event *event); /* into events */
	/* Brings the counters in stats up to date. */
	void (*refresh)(void *arg);
	void (*node)(void *arg, struct control_node *ret_node);
	size_t (*interfaces)(void *arg, struct control_interface *list, size_t max);
	void (*switches)(void *arg, struct control_switches *ret_switches);
	/* what: bits 1 << kind; for_s 0 ends them. */
	int (*bypass)(void *arg, unsigned int what, uint64_t for_s, const char *by, struct err *e);
	size_t (*findings)(void *arg, struct control_finding *list, size_t max);
	/* Of one pool; valid until the loop turns. */
	size_t (*left_out)(void *arg, const char *service, const char *pool,
			   struct control_left_out *list, size_t max);
	/* All as model_apply(): 0, or negative errno and errors. */
	int (*apply)(void *arg, const struct change *change, struct errs *errors);
	int (*check)(void *arg, const char *yaml, size_t length, struct control_check *ret_check,
		     struct errs *errors);
	/* -EAGAIN without errors: not yet, control_resume() follows. */
	int (*reload)(void *arg, const struct control_reload *request, bool *ret_changed,
		      struct errs *errors);
	/* Keeps what is on trial, or ends the trial now. */
	int (*confirm)(void *arg, const char *by, struct errs *errors);
	int (*undo)(void *arg, const char *by, struct errs *errors);
	/* Makes the node active or standby, with all that follows. *ret_changed: it was not. */
	void (*set_role)(void *arg, bool is_active, bool *ret_changed);
	void (*compare)(void *arg, struct control_disk *ret_disk);
	/* The drop-in that makes the files say what runs; path and text are the caller's. */
	int (*make_dropin)(void *arg, char **ret_path, char **ret_text, size_t *ret_count,
			   struct errs *errors);
	/* Detaches, removes the pins, and ends the daemon once the answer is out. names: comma
	 * separated. */
	int (*detach)(void *arg, char *names, size_t size, struct err *e);
	/* Runs the loaded program on the packet, without effects. 0 or negative errno. */
	int (*where)(void *arg, const struct where_packet *packet, uint32_t ifindex,
		     struct where_answer *ret_answer);
	int (*tokens)(void *arg, uint32_t limit, const struct sluice_tuple *tuple,
		      struct where_tokens *ret_tokens);
	/* Bans by command. As bans_set(), bans_lift() and bans_lift_all(); -ESHUTDOWN: detached. */
	int (*ban)(void *arg, const struct ban_order *order, struct err *e);
	int (*lift)(void *arg, uint32_t limit, const struct prefix *source, const char *by);
	size_t (*lift_all)(void *arg, uint32_t limit, const char *by, int *ret_failed);
	uint64_t (*refusals_lost)(
		void *arg); /* samples of refusals that nobody could read in time */
	/* One at a time. */
	int (*capture_start)(void *arg, const struct capture_request *request, uint32_t *ret_id,
			     struct err *e);
	/* id 0: the last one. NULL: none (any more). Valid until the next call. */
	const struct capture *(*capture_get)(void *arg, uint32_t id);
	bool (*capture_stop)(void *arg, uint32_t id); /* whether it was running */
	/* What is known of a member's check, and of all of them. */
	void (*checks)(void *arg, const struct model_service *service,
		       const struct model_pool *pool, const struct model_member *member,
		       struct check_report *ret_report);
	void (*check_totals)(void *arg, struct check_totals *ret_totals);
	/* Words of a limit that are in use. */
	uint32_t (*limit_sources)(void *arg, uint32_t limit);
	/* What sources send; one at a time. */
	int (*measure_start)(void *arg, const struct measurement_request *request, uint32_t *ret_id,
			     struct err *e);
	/* id 0: the last one. NULL: none (any more). Valid until the next call. */
	const struct measurement_run *(*measure_get)(void *arg, uint32_t id);
	bool (*measure_stop)(void *arg, uint32_t id); /* whether it was running */
	/* Allocated text, owned by the caller. */
	char *(*metrics)(void *arg, bool is_openmetrics, size_t *ret_length);
};

struct control;

/* Opens the socket; a stale one is replaced, so the caller holds the instance's lock. Groups may
 * be "" as in struct config; one that does not exist is an error. */
int control_new(const struct control_host *host, const char *socket_path,
		const struct config *config, struct control **ret_control, struct err *e);
void control_free(struct control *control); /* accepts NULL; removes the socket */
/* Takes over the groups of a new configuration. */
int control_set_groups(struct control *control, const struct config *config, struct err *e);

int control_fd(const struct control *control);
void control_turn(struct control *control);
/* Requests whose handler answered -EAGAIN without an error are handled again. */
void control_resume(struct control *control);
/* Until the next control_turn() at the latest; -1 none. */
int control_timeout_ms(struct control *control);
/* Call once a second: ends requests that take longer than 10 s. */
void control_tick(struct control *control, uint64_t now_ms);
