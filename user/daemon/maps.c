/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The beginning of maps and model: those that are pinned and what they say, or new ones. */
#include "daemon/daemon.h"

#include <errno.h>

#include <sluice/hash.h>

#include "base/clock.h"
#include "daemon/kept.h"

static int fail(struct daemon *daemon, const struct err *e)
{
	daemon_log_err(LOG_LEVEL_ERROR, daemon, e);
	return -1;
}

/* cold_reason: why those in force, which could be opened, are of no use; NULL: they may be. */
static int open_dataplane(struct daemon *daemon, const char *cold_reason)
{
	struct dp_bpf_options options = {
		.instance = daemon->instance,
		.has_key = daemon->config->has_hash_seed,
		.events_per_s = daemon->config->events_per_s,
		.sharing = daemon->config->sharing,
		.is_standby = daemon->config->is_standby_first,
		.may_start_cold = daemon->options.may_start_cold,
		.cold_reason = cold_reason,
	};
	struct err e = {0};

	dp_bpf_capacity(daemon->config, &options.capacity);
	if (options.has_key)
		dp_bpf_key_from_seed(daemon->config->hash_seed, &options.key);
	if (dp_bpf_open(&options, &daemon->dp, &e)) {
		examine_error(daemon, &e);
		return -1;
	}
	if (dp_bpf_cold_reason(daemon->dp))
		log_warning("daemon", "cold start beside the maps in force: %s",
			    dp_bpf_cold_reason(daemon->dp));
	daemon->port = dp_bpf_port(daemon->dp);
	daemon->captures = captures_new(daemon->dp);
	if (trial_adopt(daemon, &e))
		return fail(daemon, &e);
	nexthops_use(daemon->nexthops, daemon->dp);
	watch_expect(daemon);
	return 0;
}

static int fill_model(struct daemon *daemon)
{
	const struct change change = {
		.type = CHANGE_CONFIG,
		.owner = OWNER_FILE,
		.config = daemon->config,
		.is_forced = true, /* nothing runs yet that it could take away */
		.text = "start",
	};
	uint32_t tick_ns = clock_jiffy_ns();
	struct errs errors = {0};
	struct err e = {0};
	uint64_t seed;

	daemon->model = model_new(daemon->events, tick_ns);
	if (loop_apply(daemon, &change, 1, &errors)) {
		daemon_log_mistakes(daemon, &errors);
		errs_done(&errors);
		return -1;
	}
	state_load(daemon->state, STATE_CHANGES);
	state_load(daemon->state, STATE_LISTS);
	state_load(daemon->state, STATE_SHIFTS);
	/* Nodes with the same hash_seed build the same tables. */
	seed = sluice_hash_mix(dp_bpf_meta(daemon->dp)->key.fin);
	daemon->sync = sync_new(daemon->model, &daemon->port, seed, tick_ns);
	if (!sync_set_flows(daemon->sync, &daemon->config->flows))
		return 0;
	err_set(&e, ERR_SYSTEM, "flows", "the settings of flows cannot be written");
	return fail(daemon, &e);
}

static void forget(struct daemon *daemon)
{
	sync_free(daemon->sync);
	model_free(daemon->model);
	captures_free(daemon->captures);
	dp_bpf_close(daemon->dp);
	daemon->sync = NULL;
	daemon->model = NULL;
	daemon->captures = NULL;
	daemon->dp = NULL;
}

/* What cannot be adopted shows only now that it is read; it is in force all the same. */
static int adopt(struct daemon *daemon)
{
	struct err e = {0};
	int r = sync_adopt(daemon->sync, clock_now_ms(), &e);

	if (!r)
		return 0;
	if (r != -EUCLEAN || !daemon->options.may_start_cold)
		return fail(daemon, &e);
	forget(daemon);
	return open_dataplane(daemon, e.text) ? -1 : fill_model(daemon);
}

int maps_begin(struct daemon *daemon)
{
	if (open_dataplane(daemon, NULL) || fill_model(daemon) || adopt(daemon))
		return -1;
	state_mark(daemon->state, STATE_CHANGES); /* what was changed while no daemon ran */
	due_tick(daemon);			  /* and what became due */
	refusals_begin(daemon);
	daemon->measurements = measurements_new(&daemon->loop, &daemon->port, clock_jiffy_ns());
	daemon->loaded_at_s = clock_wall_s();
	daemon->reloads_applied = 1;
	return 0;
}
