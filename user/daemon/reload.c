/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A new configuration: whole, or not at all. The one in force stays until the last step that can
 * fail has succeeded. */
#include "daemon/reload.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/attach.h"
#include "daemon/daemon.h"
#include "daemon/notify.h"

int reload_parse(struct daemon *daemon, const struct config_file *files, size_t count,
		 bool has_list_files, struct config **ret_config, struct errs *errors)
{
	struct config *config;
	int r = config_parse_files(files, count, &config, errors);

	if (r)
		return r;
	if (has_list_files)
		r = config_load_lists(config, util_read_file, errors);
	if (!r)
		r = model_check_config(config, clock_jiffy_ns(), errors);
	if (!r)
		names_fill(daemon, config);
	if (!r)
		r = reload_check_host(daemon, config, errors);
	if (r)
		config_free(config);
	else
		*ret_config = config;
	return r;
}

/* Members could not tell our tunnels from anybody's, and errors would go to somebody else. */
static void check_source(struct resolver *resolver, const struct sluice_addr *addr,
			 const char *path, struct errs *errors)
{
	char text[ADDR_TEXT_MAX];

	if (!(addr->d[0] | addr->d[1]) || resolver_is_local(resolver, addr))
		return;
	addr_format(addr, text);
	err_hint(errs_add(errors, ERR_INVALID, path, "%s is no address of this host", text),
		 "name one that it has, or leave it out: then the route decides");
}

int reload_check_host(struct daemon *daemon, const struct config *config, struct errs *errors)
{
	size_t before = errors->count;

	locals_check(nexthops_resolver(daemon->nexthops), config, errors);
	check_source(nexthops_resolver(daemon->nexthops), &config->outer_source4,
		     "outer_source.ipv4", errors);
	check_source(nexthops_resolver(daemon->nexthops), &config->outer_source6,
		     "outer_source.ipv6", errors);
	announce_check(daemon->announcer, config, errors);
	checks_check(daemon, config, errors);
	config_place_all(config, errors, before);
	return errors->count > before ? -EINVAL : 0;
}

/* With other slots a flow finds its member again by chance: as likely as the member has a share. */
static double moving_share(const struct daemon *daemon, const struct model_service *service)
{
	double stay = 0;
	size_t p, m;

	for (p = 0; p < service->pool_count; p++)
		for (m = 0; m < service->pools[p].member_count; m++) {
			uint64_t id = service->pools[p].members[m].id;
			double share = sync_member_slot_share(daemon->sync, id) / 4294967296.0;

			stay += share * share;
		}
	return 1 - stay;
}

static void check_seed(const struct daemon *daemon, const struct config *config,
		       struct errs *errors)
{
	const struct model_service *worst = NULL;
	struct sluice_hash_key key;
	double worst_share = 0;
	struct err *e;
	size_t s;

	/* Without one in the file the key stays what it is. */
	if (!config->has_hash_seed)
		return;
	dp_bpf_key_from_seed(config->hash_seed, &key);
	if (!memcmp(&key, &dp_bpf_meta(daemon->dp)->key, sizeof(key)))
		return;
	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);
		double share = moving_share(daemon, service);

		if (worst && share <= worst_share)
			continue;
		worst = service;
		worst_share = share;
	}
	e = errs_add(
		errors, ERR_CONFLICT, "hash_seed",
		"a new hash_seed gives %.0f %% of the connections%s%s another member: they break",
		100 * worst_share, worst ? " to service " : "", worst ? worst->name : "");
	err_hint(e, "keep the old one, or accept that: restart sluiced with --cold-start");
}

int reload_check_fixed(const struct daemon *daemon, const struct config *config, bool is_forced,
		       struct errs *errors)
{
	const struct config *now = daemon->config;
	size_t before = errors->count;
	size_t i;

	if (!daemon->options.instance && strcmp(config->instance, now->instance))
		err_hint(errs_add(errors, ERR_CONFLICT, "instance",
				  "a running daemon cannot become instance %s", config->instance),
			 "start another one for it");
	check_seed(daemon, config, errors);
	if (config->sharing != now->sharing)
		err_hint(errs_add(errors, ERR_CONFLICT, "xdp_shared",
				  "whether CAP_SYS_ADMIN is kept is decided at the start"),
			 "restart sluiced");
	if (memcmp(&config->capacity, &now->capacity, sizeof(now->capacity)))
		err_hint(errs_add(errors, ERR_CONFLICT, "capacity",
				  "the size of a map in use cannot change"),
			 "restart sluiced: with --cold-start, where a size grows");
	for (i = 0; !is_forced && i < now->interface_count; i++)
		if (!attach_has(config, now->interfaces[i]))
			err_hint(errs_add(errors, ERR_CONFLICT, "interfaces",
					  "%s would be detached: it is not in the new "
					  "configuration",
					  now->interfaces[i]),
				 "sluicectl reload --force, or keep the interface");
	return errors->count > before ? -EBUSY : 0;
}

/* Opens the new metrics port before the old one is given up. */
static int open_listener(struct daemon *daemon, const struct config *config,
			 struct listener **ret_listener, bool *ret_is_new, struct errs *errors)
{
	struct err e = {0};
	int r;

	*ret_listener = NULL;
	*ret_is_new = strcmp(config->metrics_listen, daemon->config->metrics_listen);
	if (!*ret_is_new || !config->metrics_listen[0])
		return 0;
	r = listener_new(config->metrics_listen, api_metrics, daemon, ret_listener, &e);
	if (r)
		errs_add_err(errors, &e);
	return r;
}

/* Ways in, which going back from a trial does without when it must: see lacking.h. */
struct doors {
	struct listener *listener;
	bool is_new_listener;
	char lacking[LACKING_MAX][sizeof(((struct lacking *)0)->why[0])];
};

static int open_doors(struct daemon *daemon, const struct config *config, bool is_back,
		      struct doors *ret_doors, struct errs *errors)
{
	struct errs found[LACKING_MAX] = {0};
	struct err e = {0};
	int result = 0;
	size_t i;

	*ret_doors = (struct doors){0};
	open_listener(daemon, config, &ret_doors->listener, &ret_doors->is_new_listener,
		      &found[LACKING_LISTENER]);
	if ((is_back || !found[LACKING_LISTENER].count) &&
	    control_set_groups(daemon->control, config, &e))
		errs_add_err(&found[LACKING_GROUPS], &e);
	for (i = 0; i < LACKING_MAX; i++) {
		if (!found[i].count)
			continue;
		if (is_back) {
			err_format(&found[i].list[0], "", ret_doors->lacking[i],
				   sizeof(ret_doors->lacking[i]));
		} else {
			errs_add_err(errors, &found[i].list[0]);
			result = -EIO;
		}
		errs_done(&found[i]);
	}
	return result;
}

static void use_doors(struct daemon *daemon, const struct doors *doors)
{
	struct listener *gone = daemon->listener;

	lacking_set(daemon, LACKING_GROUPS, doors->lacking[LACKING_GROUPS]);
	if (!doors->is_new_listener)
		return;
	daemon->listener = doors->listener;
	loop_watch_listener(daemon);
	listener_free(gone);
	lacking_set(daemon, LACKING_LISTENER, doors->lacking[LACKING_LISTENER]);
}

/* is_back: from a trial, to what was in force before. */
static int apply(struct daemon *daemon, struct config *config, bool is_forced, bool is_back,
		 struct errs *errors)
{
	const struct change change = {
		.type = CHANGE_CONFIG,
		.owner = OWNER_FILE,
		.config = config,
		.is_forced = is_forced,
		.text = "reload",
	};
	struct config *old = daemon->config;
	struct doors doors;
	struct err e = {0};
	int r;

	r = open_doors(daemon, config, is_back, &doors, errors);
	if (!r)
		r = attach_all(daemon, config, errors);
	if (!r) {
		r = loop_apply(daemon, &change, 1, errors);
		if (r)
			attach_back(daemon);
	}
	if (r) {
		control_set_groups(daemon->control, old, &e);
		listener_free(doors.listener);
		return r;
	}
	attach_prune(daemon, config);
	if (config->events_per_s != old->events_per_s)
		log_warning("config",
			    "events_per_second takes effect when the daemon starts again");
	nexthops_set_sources(daemon->nexthops, &config->outer_source4, &config->outer_source6);
	if (sync_set_flows(daemon->sync, &config->flows))
		log_error("flows",
			  "the times of flows cannot be written: the packet path keeps the "
			  "old ones, reload again");
	daemon->config = config;
	refusals_follow(daemon);
	use_doors(daemon, &doors);
	if (daemon->trial.kind == SLUICE_TRIAL_RELOAD && !daemon->trial.config)
		daemon->trial.config = old; /* it may come back */
	else
		config_free(old);
	daemon->locals.seen = 0;
	names_follow(daemon);
	watch_tick(daemon);
	return 0;
}

static void add_refusal(struct daemon *daemon, const struct errs *errors)
{
	struct event event = {.type = EVENT_config_refused};
	const char *path = daemon->options.config_path;

	daemon->reloads_refused++;
	if (errors->count)
		err_format(&errors->list[0], path, daemon->refusal, sizeof(daemon->refusal));
	else
		snprintf(daemon->refusal, sizeof(daemon->refusal), "%s cannot be applied", path);
	util_copy(event.text, sizeof(event.text), daemon->refusal);
	event_log_add(daemon->events, &event);
	log_error("config", "reload refused, revision %llu stays in force: %zu error%s",
		  (unsigned long long)model_revision(daemon->model), errors->count,
		  errors->count == 1 ? "" : "s");
	daemon_log_mistakes(daemon, errors);
}

static bool has_list_files(const struct config *config)
{
	for (size_t i = 0; i < config->list_count; i++)
		if (*config->lists[i].file)
			return true;
	return false;
}

/* Of two configurations with the same text: did a file of a list change? */
bool reload_are_lists_changed(const struct config *old, const struct config *new)
{
	for (size_t i = 0; i < new->list_count; i++) {
		const struct prefix_set *a = old->lists[i].prefixes, *b = new->lists[i].prefixes;

		if (prefix_set_count(a) != prefix_set_count(b))
			return true;
		for (size_t j = 0; j < prefix_set_count(a); j++)
			if (prefix_compare(&a->entries[j].prefix, &b->entries[j].prefix))
				return true;
	}
	return false;
}

/* What to apply, owned by the caller. */
static int get_sources(struct daemon *daemon, const struct control_reload *request,
		       struct sources *ret_sources, struct errs *errors)
{
	struct err e = {0};
	char *text;
	int r;

	if (request->text) {
		text = util_alloc(request->length + 1);
		memcpy(text, request->text, request->length);
		sources_insert(ret_sources, request->name, text);
		return 0;
	}
	r = sources_read(daemon->options.config_path, util_read_file, ret_sources, &e);
	if (r)
		errs_add_err(errors, &e);
	return r;
}

static int check_no_trial(const struct daemon *daemon, const struct control_reload *request,
			  struct errs *errors)
{
	bool is_mended = daemon->trial.is_stuck && !request->confirm_s;

	if (daemon->trial.kind == SLUICE_TRIAL_NONE || is_mended)
		return 0;
	err_hint(errs_add(errors, ERR_CONFLICT, "", "another configuration is on trial"),
		 "sluicectl confirm keeps it, sluicectl undo goes back");
	return -EBUSY;
}

/* With the promise to go back, if one is asked for, made before anything changes. */
static int apply_on_trial(struct daemon *daemon, struct config *config,
			  const struct control_reload *request, struct errs *errors)
{
	/* One that could not go back is over with whatever is applied now. */
	bool is_mended = daemon->trial.is_stuck && !request->confirm_s;
	struct err e = {0};
	int r;

	if (request->confirm_s) {
		r = trial_begin_reload(daemon, request->confirm_s, request->by, &e);
		if (r) {
			errs_add_err(errors, &e);
			return r;
		}
	}
	r = apply(daemon, config, request->is_forced, false, errors);
	if (r && request->confirm_s)
		trial_abandon(daemon);
	else if (!r && is_mended)
		trial_mended(daemon);
	return r;
}

int reload_back(struct daemon *daemon, struct trial *trial, struct errs *errors)
{
	int r;

	names_fill(daemon, trial->config);
	r = apply(daemon, trial->config, true, true, errors);
	if (r)
		return r;
	sources_done(&daemon->sources);
	daemon->sources = trial->sources;
	trial->sources = (struct sources){0};
	trial->config = NULL;
	daemon->loaded_at_s = clock_wall_s();
	return 0;
}

static int apply_sources(struct daemon *daemon, const struct sources *sources,
			 const struct control_reload *request, bool *ret_changed,
			 struct errs *errors)
{
	struct config *config;
	int r;

	if (!*ret_changed && !has_list_files(daemon->config))
		return 0;
	r = reload_parse(daemon, sources->list, sources->count, true, &config, errors);
	if (r)
		return r;
	if (!*ret_changed && !reload_are_lists_changed(daemon->config, config)) {
		config_free(config);
		return 0;
	}
	*ret_changed = true;
	host_refresh(daemon);
	r = reload_check_fixed(daemon, config, request->is_forced, errors);
	if (!r)
		r = names_resolve(daemon, config, errors);
	if (!r)
		r = apply_on_trial(daemon, config, request, errors);
	if (r)
		config_free(config);
	return r;
}

static int read_and_apply(struct daemon *daemon, const struct control_reload *request,
			  bool *ret_changed, struct errs *errors)
{
	struct sources sources = {0};
	int r;

	if (!daemon->is_ready) {
		errs_add(errors, ERR_BUSY, "", "the daemon is still starting");
		return -EBUSY;
	}
	r = check_no_trial(daemon, request, errors);
	if (!r)
		r = get_sources(daemon, request, &sources, errors);
	if (r)
		return r;
	*ret_changed = !sources_equal(&sources, &daemon->sources) || daemon->trial.is_stuck;
	r = apply_sources(daemon, &sources, request, ret_changed, errors);
	if (r) {
		sources_done(&sources);
		return r;
	}
	if (daemon->trial.config)
		daemon->trial.sources = daemon->sources;
	else
		sources_done(&daemon->sources);
	daemon->sources = sources;
	return 0;
}

int reload_run(struct daemon *daemon, const struct control_reload *request, bool *ret_changed,
	       struct errs *errors)
{
	int r = read_and_apply(daemon, request, ret_changed, errors);

	if (r == -EAGAIN && !errors->count)
		return r; /* names are looked up: the same again when they are known */
	if (r) {
		add_refusal(daemon, errors);
		notify_send("STATUS=Reload refused: %s", daemon->refusal);
		return r;
	}
	daemon->refusal[0] = daemon->fault[0] = daemon->trial_note[0] = '\0';
	/* What is on trial is not known to be good yet. */
	if (daemon->trial.kind == SLUICE_TRIAL_NONE)
		state_mark(daemon->state, STATE_LAST_GOOD);
	daemon->reloads_applied++;
	daemon->loaded_at_s = clock_wall_s();
	log_info("config", "%s %s, revision %llu", daemon->options.config_path,
		 *ret_changed ? "applied" : "is unchanged",
		 (unsigned long long)model_revision(daemon->model));
	notify_send("STATUS=Serving, revision %llu",
		    (unsigned long long)model_revision(daemon->model));
	return 0;
}
