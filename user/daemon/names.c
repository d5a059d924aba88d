/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/clock.h"
#include "core/sync_view.h"
#include "daemon/daemon.h"
#include "daemon/reload.h"

#define LOOKUP_MS 5000
#define START_WAIT_MS (LOOKUP_MS + 1500) /* sluice-check that is silent is given up by then */
#define JITTER_PERCENT 10
#define RETRY_MS 10000
#define RETRY_SAME_MS 60000    /* who is left out, while nothing else has changed */
#define UNKNOWN_MS 5000	       /* between two questions while a name has no address at all */
#define FORGET_MS 60000	       /* what no configuration has */
#define RESOLVING_MAX_MS 30000 /* whoever asked for a reload may not come back */

typedef void (*each_fn)(struct daemon *daemon, const struct service_config *service,
			const struct pool_config *pool, const struct named_member *named,
			void *arg);

static void for_each(struct daemon *daemon, const struct config *config, each_fn fn, void *arg)
{
	size_t s, p;
	uint32_t i;

	for (s = 0; config && s < config->service_count; s++)
		for (p = 0; p < config->services[s].pool_count; p++) {
			const struct pool_config *pool = &config->services[s].pools[p];

			for (i = 0; pool->names && i < pool->names->count; i++)
				fn(daemon, &config->services[s], pool, &pool->names->list[i], arg);
		}
}

/* ---- lookups --------------------------------------------------------------------------------- */

struct asking {
	struct daemon *daemon;
	struct name *name;
	struct probe *probe;
};

/* What is said twice is said once. */
static void tell(struct daemon *daemon, struct name *name, const struct check_answer *answer)
{
	bool is_none = answer->result == PROBE_FAIL && answer->cause == HEALTH_ANSWERED;
	bool is_bad = answer->result != PROBE_PASS;
	const char *text = *answer->text ? answer->text : "no answer";

	if (is_bad && !*name->problem && name_is_known(name)) {
		daemon_event(daemon, EVENT_name_problem,
			     "%s does not resolve: %s; its members stay as they are", name->text,
			     text);
		log_line(is_none ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "names",
			 "%s does not resolve: %s; its members stay as they are", name->text, text);
	} else if (!is_bad && *name->problem) {
		daemon_event(daemon, EVENT_name_problem, "%s resolves again", name->text);
		log_info("names", "%s resolves again", name->text);
	}
	util_copy(name->problem, sizeof(name->problem), is_bad ? text : "");
	util_copy(name->remark, sizeof(name->remark), is_bad ? "" : answer->text);
	name->is_none = is_none;
}

static void take(struct daemon *daemon, struct name *name, const struct check_addresses *addresses)
{
	size_t before = name->forgotten;

	name->lookups_passed++;
	name->passed_s = clock_wall_s();
	if (!name_take(name, addresses))
		return;
	daemon->names.is_due = true;
	state_mark(daemon->state, STATE_NAMES);
	if (name->forgotten == before)
		return;
	daemon_event(daemon, EVENT_name_problem,
		     "%s: %zu addresses that it has no more are forgotten with the connections "
		     "they have, for more than %d have some",
		     name->text, name->forgotten - before, NAME_GONE_MAX);
	log_warning("names", "%s: %zu addresses that it has no more are forgotten", name->text,
		    name->forgotten - before);
}

static void on_answer(void *arg, const struct check_answer *answer)
{
	struct asking *asking = arg;
	struct daemon *daemon = asking->daemon;
	struct name *name = asking->name;

	free(asking);
	name->asking = NULL;
	name->answered_ms = clock_now_ms();
	tell(daemon, name, answer);
	if (answer->result == PROBE_PASS)
		take(daemon, name, &answer->addresses);
	else
		name->lookups_failed++;
	if (--daemon->names.pending || !daemon->control_poll)
		return;
	control_resume(daemon->control);
	http_poll_soon(daemon->control_poll);
}

static void ask(struct daemon *daemon, struct name *name)
{
	struct asking *asking;

	if (name->asking)
		return;
	asking = util_alloc(sizeof(*asking));
	*asking = (struct asking){.daemon = daemon, .name = name};
	name->asking = asking;
	daemon->names.pending++;
	asking->probe = health_lookup(daemon->health, name->text, LOOKUP_MS, on_answer, asking);
}

static void want(struct daemon *daemon, const struct service_config *service,
		 const struct pool_config *pool, const struct named_member *named, void *arg)
{
	(void)service, (void)pool, (void)arg;
	names_add(&daemon->names.table, named->name)->is_wanted = true;
}

static void mark_wanted(struct daemon *daemon)
{
	struct name *name, *tmp;

	HASH_ITER (hh, daemon->names.table.list, name, tmp)
		name->is_wanted = false;
	for_each(daemon, daemon->config, want, NULL);
	for_each(daemon, daemon->trial.config, want, NULL); /* it may come back */
}

static void on_timer(uv_timer_t *timer);

/* Is there a name in use without any address so far? */
static bool is_any_unknown(const struct daemon *daemon)
{
	const struct name *name, *tmp;

	HASH_ITER (hh, daemon->names.table.list, name, tmp)
		if (name->is_wanted && !name->count)
			return true;
	return false;
}

static void wait_for_next(struct daemon *daemon)
{
	uint64_t ms =
		MIN(daemon->config->resolve_ms, is_any_unknown(daemon) ? UNKNOWN_MS : UINT32_MAX);
	uint64_t spread = ms * JITTER_PERCENT / 100;

	uv_timer_start(&daemon->names.timer, on_timer,
		       ms - spread + clock_now_ns() / 1000 % (2 * spread + 1), 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	struct name *name, *tmp;

	mark_wanted(daemon);
	HASH_ITER (hh, daemon->names.table.list, name, tmp)
		if (name->is_wanted)
			ask(daemon, name);
	wait_for_next(daemon);
}

/* ---- configurations -------------------------------------------------------------------------- */

/* Who was found to be left out is, from now on. */
static void take_left_out(struct daemon *daemon)
{
	struct daemon_names *names = &daemon->names;

	left_out_tell(daemon, &names->left_out, &names->fresh);
	/* Who was refused is kept, so that it does not go first after a start. */
	if (!left_out_equal(&names->left_out, &names->fresh))
		state_mark(daemon->state, STATE_NAMES);
	left_out_done(&names->left_out);
	names->left_out = names->fresh;
	names->fresh = (struct left_out){0};
	names->fitted_ms = clock_now_ms();
}

void names_follow(struct daemon *daemon)
{
	take_left_out(daemon);
	mark_wanted(daemon);
	state_mark(daemon->state, STATE_NAMES);
}

void names_fill(struct daemon *daemon, struct config *config)
{
	left_out_done(&daemon->names.fresh);
	left_out_find(daemon, config, &daemon->names.fresh);
}

struct resolving {
	struct errs *errors;
	size_t failed;
	bool is_waiting;
};

static void resolve(struct daemon *daemon, const struct service_config *service,
		    const struct pool_config *pool, const struct named_member *named, void *arg)
{
	struct name *name = names_add(&daemon->names.table, named->name);
	struct resolving *resolving = arg;

	(void)service, (void)pool;
	if (name_is_known(name))
		return;
	if (name->answered_ms < daemon->names.resolving_ms)
		ask(daemon, name);
	resolving->is_waiting |= name->asking != NULL;
}

static void complain(struct daemon *daemon, const struct service_config *service,
		     const struct pool_config *pool, const struct named_member *named, void *arg)
{
	const struct name *name = names_find(&daemon->names.table, named->name);
	struct resolving *resolving = arg;
	char path[200];
	struct err *e;

	if (name_is_known(name))
		return;
	snprintf(path, sizeof(path), "services.%s.%s%s%smembers", service->name,
		 service->has_pools ? "pools." : "", service->has_pools ? pool->name : "",
		 service->has_pools ? "." : "");
	e = errs_add(resolving->errors, ERR_INVALID, path, "%.100s does not resolve: %s",
		     named->name, name->problem);
	err_hint(e, name->is_none ? "correct the name, or write the address"
				  : "see that this host's name servers answer (/etc/resolv.conf), "
				    "or write the address");
	e->line = named->member.line;
	resolving->failed++;
}

int names_resolve(struct daemon *daemon, struct config *config, struct errs *errors)
{
	struct resolving resolving = {.errors = errors};
	size_t before = errors->count;
	uint64_t *since_ms = &daemon->names.resolving_ms, now_ms = clock_now_ms();

	if (now_ms - *since_ms > RESOLVING_MAX_MS)
		*since_ms = now_ms;
	for_each(daemon, config, resolve, &resolving);
	if (resolving.is_waiting)
		return -EAGAIN;
	*since_ms = 0;
	for_each(daemon, config, complain, &resolving);
	config_place_all(config, errors, before);
	if (resolving.failed)
		return -EINVAL;
	names_fill(daemon, config);
	return 0;
}

static bool is_answered(const struct daemon *daemon)
{
	return !daemon->names.pending;
}

void names_start(struct daemon *daemon)
{
	struct name *name, *tmp;

	uv_timer_init(&daemon->loop, &daemon->names.timer);
	daemon->names.timer.data = daemon;
	state_load(daemon->state, STATE_NAMES);
	mark_wanted(daemon);
	HASH_ITER (hh, daemon->names.table.list, name, tmp)
		if (name->is_wanted)
			ask(daemon, name);
	loop_run_until(daemon, is_answered, START_WAIT_MS);
	HASH_ITER (hh, daemon->names.table.list, name, tmp)
		if (name->is_wanted && !name_is_known(name))
			log_error("names", "%s does not resolve: %s; the other members serve",
				  name->text, *name->problem ? name->problem : "no answer yet");
	names_fill(daemon, daemon->config);
	take_left_out(daemon);
	daemon->names.is_due = false;
	wait_for_next(daemon);
}

/* ---- members --------------------------------------------------------------------------------- */

static void apply(struct daemon *daemon)
{
	const struct change change = {.type = CHANGE_NAMES,
				      .owner = OWNER_FILE,
				      .config = daemon->config,
				      .is_forced = true,
				      .text = "names"};
	struct daemon_names *names = &daemon->names;
	struct errs errors = {0};

	names_fill(daemon, daemon->config);
	names->is_due = false;
	if (!loop_apply(daemon, &change, 1, &errors)) {
		names->failure[0] = '\0';
		take_left_out(daemon);
		return;
	}
	/* The members stay; it is tried again, for what was in the way may go. */
	names->is_due = true;
	names->failed_ms = clock_now_ms();
	if (strcmp(names->failure, errors.list[0].text) != 0) {
		util_copy(names->failure, sizeof(names->failure), errors.list[0].text);
		daemon_event(daemon, EVENT_name_problem, "new addresses cannot become members: %s",
			     names->failure);
		daemon_log_errs(daemon, &errors);
	}
	errs_done(&errors);
}

/* Whether what is left out can be a member by now. */
static void try_again(struct daemon *daemon)
{
	struct daemon_names *names = &daemon->names;
	uint64_t revision = model_revision(daemon->model);
	uint64_t wait_ms = revision == names->fitted_revision ? RETRY_SAME_MS : RETRY_MS;

	if (names->is_due || !left_out_troubles(&names->left_out) ||
	    clock_now_ms() - names->fitted_ms <= wait_ms)
		return;
	names_fill(daemon, daemon->config);
	names->fitted_ms = clock_now_ms();
	names->fitted_revision = revision;
	names->is_due = !left_out_equal(&names->left_out, &names->fresh);
}

/* Of all members with this address by this name: has none a flow, and terminates? */
static bool is_drained(const struct daemon *daemon, const struct name *name,
		       const struct sluice_addr *addr)
{
	struct sync_member_flows flows;
	size_t s, p, m;

	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);

		for (p = 0; p < service->pool_count; p++)
			for (m = 0; m < service->pools[p].member_count; m++) {
				const struct model_member *member = &service->pools[p].members[m];

				if (!member->name || !addr_equal(&member->addr, addr) ||
				    strcasecmp(name_set_at(service->pools[p].names, member->name),
					       name->text) != 0)
					continue;
				/* What a person said outlives an answer without it. */
				if (member->discovery == DISCOVERY_READY ||
				    member->admin != member->admin_file ||
				    member->weight != member->weight_file ||
				    member->override != OVERRIDE_NONE)
					return false;
				sync_view_member(daemon->sync, member->id, &flows);
				if (!flows.is_drained && !member->is_dead)
					return false;
			}
	}
	return true;
}

static void drop_drained(struct daemon *daemon, struct name *name)
{
	size_t i;

	for (i = name->count; i--;) {
		if (!name->list[i].is_gone || !is_drained(daemon, name, &name->list[i].addr))
			continue;
		name_drop(name, &name->list[i].addr);
		daemon->names.is_due = true;
		state_mark(daemon->state, STATE_NAMES);
	}
}

void names_tick(struct daemon *daemon)
{
	struct daemon_names *names = &daemon->names;
	uint64_t now_ms = clock_now_ms();
	struct name *name, *tmp;

	if (!daemon->is_ready)
		return;
	if (names->is_reload_due && !names->pending) {
		names->is_reload_due = false;
		loop_reload(daemon);
	}
	/* What changed has become members: only then it can be told who has flows. */
	HASH_ITER (hh, names->table.list, name, tmp) {
		if (!name->is_wanted && !name->asking && now_ms - name->answered_ms > FORGET_MS)
			names_remove(&names->table, name);
		else if (!names->is_due)
			drop_drained(daemon, name);
	}
	try_again(daemon);
	if (names->is_due && (!names->failed_ms || now_ms - names->failed_ms > RETRY_MS))
		apply(daemon);
}

void names_stop(struct daemon *daemon)
{
	struct name *name, *tmp;

	HASH_ITER (hh, daemon->names.table.list, name, tmp) {
		struct asking *asking = name->asking;

		if (asking)
			probe_cancel(asking->probe);
		free(asking);
		name->asking = NULL;
	}
}

/* ---- for others ------------------------------------------------------------------------------ */

size_t names_findings(const struct daemon *daemon, struct control_finding *list, size_t max)
{
	const struct daemon_names *names = &daemon->names;
	struct name *name, *tmp;
	size_t count = 0;

	if (names->failure[0] && count < max) {
		list[count] = (struct control_finding){.severity = CONTROL_DEGRADED};
		snprintf(list[count++].text, sizeof(list->text),
			 "new addresses of host names cannot become members: %s", names->failure);
	}
	count += left_out_findings(&names->left_out, list + count, max - count);
	HASH_ITER (hh, names->table.list, name, tmp) {
		bool is_known = name_is_known(name);

		if (count == max || !name->is_wanted || (!*name->problem && is_known))
			continue;
		list[count] = (struct control_finding){
			.severity = is_known && !name->is_none ? CONTROL_NOTE : CONTROL_DEGRADED};
		util_copy(list[count].fix, sizeof(list->fix), "getent ahosts NAME, on this host");
		snprintf(list[count++].text, sizeof(list->text), "%.200s does not resolve: %s; %s",
			 name->text, *name->problem ? name->problem : "no answer yet",
			 is_known ? "its members are those of its last answer"
				  : "it has no members");
	}
	return count;
}
