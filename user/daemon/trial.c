/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is on trial ends by itself unless somebody confirms it. A daemon started on trial detaches and
 * stops; a configuration on trial gives way to the one before it. The end is pinned as a deadline in
 * the packet path, so that it comes whether or not this process lives: from then on everything is
 * passed to the host. A configuration's deadline comes a little later than our own going back.
 */
#include "daemon/trial.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/attach.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"
#include "daemon/lock.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "dataplane/pinned.h"

#define RELOAD_GRACE_S 10 /* for us to go back, before the packet path gives up on us */

static void add_event(struct daemon *daemon, const char *text)
{
	struct event event = {.type = EVENT_trial};

	util_copy(event.text, sizeof(event.text), text);
	event_log_add(daemon->events, &event);
	log_warning("trial", "%s", text);
}

static void forget(struct daemon *daemon)
{
	sources_done(&daemon->trial.sources);
	config_free(daemon->trial.config);
	before_done(&daemon->trial.before);
	bans_release(daemon->refusals.bans);
	daemon->trial = (struct trial){0};
}

/* Nothing is on trial any more: what runs is what is kept. */
static void keep(struct daemon *daemon)
{
	forget(daemon);
	state_mark(daemon->state, STATE_CHANGES);
	state_mark(daemon->state, STATE_LISTS);
	state_mark(daemon->state, STATE_BANS);
	state_mark(daemon->state, STATE_SHIFTS);
	state_mark(daemon->state, STATE_LAST_GOOD);
}

static int get(const struct daemon *daemon, struct dp_node *ret_node,
	       struct dp_trial_state *ret_state)
{
	int ret = daemon->is_detached ? -ENODEV : dp_bpf_node(daemon->dp, ret_node);

	if (!ret)
		dp_node_trial_get(ret_node, ret_state);
	return ret;
}

/* ---- begin ---------------------------------------------------------------------------------- */

/* A trial ends by detaching: it must not begin where packets are balanced for good. */
static int check_idle(const struct daemon *daemon, const struct dp_trial_state *found,
		      struct err *e)
{
	struct dp_attachment attached;

	if (found->kind == SLUICE_TRIAL_START || !dp_bpf_attachments(daemon->dp, &attached, 1))
		return 0;
	err_set(e, ERR_CONFLICT, "",
		"instance %s balances on %s already, without a daemon: a trial would end by "
		"detaching it",
		daemon->instance, attached.interface);
	err_hint(e,
		 "start sluiced without --try, and let sluicectl try apply the file on trial; or "
		 "sluicectl detach first");
	return -EEXIST;
}

int trial_adopt(struct daemon *daemon, struct err *e)
{
	struct dp_trial_state found;
	struct dp_node node;

	if (get(daemon, &node, &found))
		return 0;
	if (daemon->options.try_s)
		return check_idle(daemon, &found, e);
	if (found.kind == SLUICE_TRIAL_NONE)
		return 0;
	if (found.kind == SLUICE_TRIAL_START) {
		err_set(e, ERR_CONFLICT, "", "instance %s was started on trial, %s",
			daemon->instance,
			found.is_over ? "which ended unconfirmed"
				      : "and nobody has confirmed it yet");
		err_hint(e, "%ssluicectl --instance %s detach ends it; then start again",
			 found.is_over ? "" : "sluicectl confirm keeps it, ", daemon->instance);
		return -EEXIST;
	}
	dp_node_trial_end(&node);
	if (!daemon->trial_note[0])
		snprintf(daemon->trial_note, sizeof(daemon->trial_note),
			 "a configuration was on trial when the daemon ended; %s is in force now",
			 daemon->options.config_path);
	add_event(daemon, daemon->trial_note);
	return 0;
}

/* Did the predecessor leave a configuration on trial? */
static bool was_on_trial(const struct daemon *daemon)
{
	struct dp_trial_state found = {0};
	struct dp_pinned *pinned;
	struct err e = {0};
	struct dp_node node;

	if (dp_pinned_open(daemon->instance, &pinned, &e))
		return false;
	if (!dp_pinned_node(pinned, &node, &e))
		dp_node_trial_get(&node, &found);
	dp_pinned_close(pinned);
	return found.kind == SLUICE_TRIAL_RELOAD;
}

void trial_recall(struct daemon *daemon)
{
	struct sources files = daemon->sources;
	struct config *config = NULL;
	struct errs errors = {0};

	if (daemon->options.try_s || !was_on_trial(daemon))
		return;
	daemon->sources = (struct sources){0};
	if (state_load(daemon->state, STATE_LAST_GOOD) ||
	    config_parse_files(daemon->sources.list, daemon->sources.count, &config, &errors) ||
	    kept_take_lists(daemon, config, &errors)) {
		/* There is none, or it is of no use: the files are what there is. */
		config_free(config);
		errs_done(&errors);
		sources_done(&daemon->sources);
		daemon->sources = files;
		return;
	}
	config_free(daemon->config);
	daemon->config = config;
	if (!sources_equal(&daemon->sources, &files))
		snprintf(
			daemon->trial_note, sizeof(daemon->trial_note),
			"%.100s was on trial when the daemon ended: the one before it is in force, "
			"reload applies the file",
			daemon->options.config_path);
	sources_done(&files);
}

int trial_begin_start(struct daemon *daemon, struct err *e)
{
	struct dp_node node;
	int ret;

	if (!daemon->options.try_s)
		return 0;
	ret = dp_bpf_node(daemon->dp, &node);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot read the packet path's clock: %s",
			       strerror(-ret));
	dp_node_trial_begin(&node, SLUICE_TRIAL_START, daemon->options.try_s);
	daemon->trial.kind = SLUICE_TRIAL_START;
	log_warning("trial", "on trial: detaches by itself in %llu s unless confirmed",
		    (unsigned long long)daemon->options.try_s);
	return 0;
}

int trial_begin_reload(struct daemon *daemon, uint64_t for_s, const char *by, struct err *e)
{
	struct dp_node node;
	char text[160];
	int ret = dp_bpf_node(daemon->dp, &node);

	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot read the packet path's clock: %s",
			       strerror(-ret));
	dp_node_trial_begin(&node, SLUICE_TRIAL_RELOAD, for_s + RELOAD_GRACE_S);
	daemon->trial = (struct trial){
		.kind = SLUICE_TRIAL_RELOAD,
		.end_ms = clock_now_ms() + for_s * 1000,
	};
	before_take(&daemon->trial.before, daemon);
	snprintf(text, sizeof(text),
		 "configuration on trial for %llu s, by %s; then back to the one before it",
		 (unsigned long long)for_s, by);
	add_event(daemon, text);
	return 0;
}

void trial_abandon(struct daemon *daemon)
{
	struct dp_trial_state state;
	struct dp_node node;

	if (!get(daemon, &node, &state))
		dp_node_trial_end(&node);
	forget(daemon);
}

void trial_mended(struct daemon *daemon)
{
	before_restore(daemon, &daemon->trial.before);
	trial_abandon(daemon);
}

/* ---- end ------------------------------------------------------------------------------------ */

static void end_start(struct daemon *daemon, const char *why)
{
	struct err e = {0};
	char names[512], text[160];

	snprintf(text, sizeof(text), "the trial is over (%s): detaching", why);
	add_event(daemon, text);
	if (attach_remove_everything(daemon, names, sizeof(names), &e))
		daemon_log_err(LOG_LEVEL_ERROR, daemon, &e); /* everything is passed, at least */
	forget(daemon);
	daemon_stop_soon(daemon);
}

/* Tells it once, however often it is tried. */
static void tell_stuck(struct daemon *daemon, const struct errs *errors)
{
	struct trial *trial = &daemon->trial;
	char why[sizeof(trial->why)] = "";
	char text[160];

	if (errors->count)
		err_format(&errors->list[0], "", why, sizeof(why));
	if (trial->is_stuck && !strcmp(why, trial->why))
		return;
	trial->is_stuck = true;
	util_copy(trial->why, sizeof(trial->why), why);
	daemon_log_errs(daemon, errors);
	snprintf(text, sizeof(text), "cannot go back to the configuration before the trial: %.100s",
		 why);
	add_event(daemon, text);
}

/* Back to the configuration before the trial, and to what commands had changed by then. */
static int end_reload(struct daemon *daemon, const char *why, struct errs *errors)
{
	/* Not a trial any more: what it replaces is not kept. */
	struct trial trial = daemon->trial;
	size_t commands = trial.before.commands;
	char text[200], dropped[80] = "";
	int ret;

	daemon->trial = (struct trial){0};
	ret = reload_back(daemon, &trial, errors);
	daemon->trial = trial;
	if (ret) {
		tell_stuck(daemon, errors);
		return ret;
	}
	before_restore(daemon, &trial.before);
	trial_abandon(daemon);
	if (commands)
		snprintf(dropped, sizeof(dropped), "; %zu change%s by commands meanwhile dropped",
			 commands, commands == 1 ? "" : "s");
	snprintf(text, sizeof(text),
		 "the trial is over (%.40s): back to the configuration before it%s", why, dropped);
	add_event(daemon, text);
	return 0;
}

void trial_tick(struct daemon *daemon)
{
	struct errs errors = {0};
	struct dp_trial_state state;
	struct dp_node node;

	if (daemon->trial.kind == SLUICE_TRIAL_NONE || get(daemon, &node, &state))
		return;
	if (state.kind == SLUICE_TRIAL_NONE) {
		/* By root in the pinned maps, past us. */
		add_event(daemon, "confirmed in the pinned maps");
		if (daemon->trial.kind == SLUICE_TRIAL_START)
			lock_offer(daemon->lock_fd);
		keep(daemon);
	} else if (daemon->trial.kind == SLUICE_TRIAL_START && state.is_over) {
		end_start(daemon, "nobody confirmed it");
	} else if (daemon->trial.kind == SLUICE_TRIAL_RELOAD &&
		   clock_now_ms() >= daemon->trial.end_ms) {
		end_reload(daemon, "nobody confirmed it", &errors);
		errs_done(&errors);
	}
}

/* ---- requests ------------------------------------------------------------------------------- */

static int check_any(const struct daemon *daemon, struct errs *errors)
{
	if (daemon->trial.kind != SLUICE_TRIAL_NONE)
		return 0;
	err_hint(errs_add(errors, ERR_CONFLICT, "", "nothing is on trial"),
		 "sluicectl status shows what is");
	return -EINVAL;
}

int trial_confirm(void *arg, const char *by, struct errs *errors)
{
	struct daemon *daemon = arg;
	struct dp_trial_state state;
	struct dp_node node;
	char text[160];

	if (check_any(daemon, errors))
		return -EINVAL;
	if (get(daemon, &node, &state) ||
	    (daemon->trial.kind == SLUICE_TRIAL_START && state.is_over)) {
		errs_add(errors, ERR_CONFLICT, "", "too late: the trial is over");
		return -EINVAL;
	}
	dp_node_trial_end(&node);
	if (daemon->trial.kind == SLUICE_TRIAL_START)
		lock_offer(daemon->lock_fd);
	keep(daemon);
	daemon->trial_note[0] = '\0';
	snprintf(text, sizeof(text), "confirmed by %s", by);
	add_event(daemon, text);
	notify_send("STATUS=Serving, revision %llu",
		    (unsigned long long)model_revision(daemon->model));
	return 0;
}

int trial_undo(void *arg, const char *by, struct errs *errors)
{
	struct daemon *daemon = arg;
	char why[80];

	if (check_any(daemon, errors))
		return -EINVAL;
	snprintf(why, sizeof(why), "undone by %s", by);
	if (daemon->trial.kind == SLUICE_TRIAL_RELOAD)
		return end_reload(daemon, why, errors);
	end_start(daemon, why);
	return 0;
}

void trial_get(const struct daemon *daemon, struct control_trial *ret_trial)
{
	struct dp_trial_state state;
	uint64_t now_ms = clock_now_ms();
	struct dp_node node;

	*ret_trial = (struct control_trial){0};
	if (daemon->trial.kind == SLUICE_TRIAL_NONE || get(daemon, &node, &state))
		return;
	ret_trial->since_s = state.since_s;
	if (daemon->trial.kind == SLUICE_TRIAL_START) {
		ret_trial->kind = "start";
		ret_trial->left_s = state.left_s;
	} else {
		ret_trial->kind = "reload";
		ret_trial->is_stuck = daemon->trial.is_stuck;
		util_copy(ret_trial->why, sizeof(ret_trial->why), daemon->trial.why);
		ret_trial->commands = daemon->trial.before.commands;
		if (daemon->trial.is_stuck)
			ret_trial->left_s = state.left_s;
		else if (daemon->trial.end_ms > now_ms)
			ret_trial->left_s = (daemon->trial.end_ms - now_ms + 999) / 1000;
	}
}
