/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/daemon.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/attach.h"
#include "daemon/reload.h"
#include "metrics/metrics.h"

#define FRESH_MS 200  /* counters younger than this are not read again */
#define LINGER_MS 200 /* time for the answer to a detach to get out */

static void record(void *arg, const struct event *event)
{
	struct daemon *daemon = arg;

	event_log_add(daemon->events, event);
}

static void refresh(void *arg)
{
	struct daemon *daemon = arg;

	if (stats_age_ms(daemon->stats, clock_now_ms()) > FRESH_MS)
		collect_counters(daemon, false);
}

static bool is_ready(const struct daemon *daemon)
{
	return daemon->is_ready && !watch_fault(daemon) && !daemon->cut_off.why;
}

static void fill_not_ready(const struct daemon *daemon, char *text, size_t size)
{
	if (daemon->is_detached)
		snprintf(text, size, "detached by request, about to stop");
	else if (daemon->is_ready && watch_fault(daemon))
		util_copy(text, size, watch_fault(daemon));
	else if (daemon->is_ready)
		snprintf(text, size, "this host is cut off: %s", daemon->cut_off.why);
	else if (!daemon->is_synced)
		snprintf(text, size, "starting: waiting for next hops");
	else
		snprintf(text, size, "starting: building tables, not attached yet");
}

static void describe_announcing(const struct daemon *daemon, struct control_node *node)
{
	struct announce_state state;

	if (daemon->is_detached)
		return;
	announce_describe(daemon->announcer, &state);
	node->is_active = dp_bpf_is_active(daemon->dp);
	node->is_standby_first = daemon->config->is_standby_first;
	node->announce.arp = state.arp;
	node->announce.routes = state.routes;
	node->announce.routes_installed = state.routes_installed;
	node->announce.table = daemon->config->route_table;
	node->announce.protocol = daemon->config->route_protocol;
	util_copy(node->announce.failure, sizeof(node->announce.failure), state.failure);
}

static void node(void *arg, struct control_node *ret_node)
{
	struct daemon *daemon = arg;

	memset(ret_node, 0, sizeof(*ret_node));
	gethostname(ret_node->name, sizeof(ret_node->name) - 1);
	ret_node->version = SLUICE_VERSION;
	ret_node->instance = daemon->instance;
	ret_node->uptime_s = (clock_now_ms() - daemon->started_ms) / 1000;
	ret_node->loaded_at_s = daemon->loaded_at_s;
	ret_node->is_ready = is_ready(daemon);
	if (!ret_node->is_ready)
		fill_not_ready(daemon, ret_node->not_ready, sizeof(ret_node->not_ready));
	describe_announcing(daemon, ret_node);
	ret_node->served = daemon->served;
	ret_node->quiet_s = (clock_now_ms() - daemon->quiet_ms) / 1000;
	util_copy(ret_node->trial_note, sizeof(ret_node->trial_note), daemon->trial_note);
	util_copy(ret_node->last_refusal, sizeof(ret_node->last_refusal), daemon->refusal);
	util_copy(ret_node->fault, sizeof(ret_node->fault), daemon->fault);
	util_copy(ret_node->state_problem, sizeof(ret_node->state_problem),
		  state_problem(daemon->state));
	util_copy(ret_node->state_notice, sizeof(ret_node->state_notice),
		  state_notice(daemon->state));
	if (!daemon->is_detached)
		ret_node->events_suppressed = dp_bpf_events_suppressed(daemon->dp);
}

static size_t interfaces(void *arg, struct control_interface *list, size_t max)
{
	struct dp_attachment attachments[2 * CONFIG_INTERFACES_MAX];
	struct daemon *daemon = arg;
	size_t count = 0;
	size_t i;

	if (!daemon->is_detached)
		count = dp_bpf_attachments(daemon->dp, attachments, ARRAY_SIZE(attachments));
	count = MIN(count, MIN(max, ARRAY_SIZE(attachments)));
	for (i = 0; i < count; i++) {
		const struct dp_attachment *from = &attachments[i];
		struct control_interface *to = &list[i];
		uint64_t since_s;

		util_copy(to->name, sizeof(to->name), from->interface);
		util_copy(to->driver, sizeof(to->driver), from->driver);
		to->ifindex = from->ifindex;
		to->is_generic = from->is_generic;
		to->is_dispatched = from->is_dispatched;
		util_copy(to->beside, sizeof(to->beside), from->beside);
		since_s = from->since_s ? from->since_s : attach_since_s(daemon, from->interface);
		to->attached_s = since_s ? clock_wall_s() - since_s : 0;
		to->program_id = from->program_id;
	}
	return count;
}

static size_t findings(void *arg, struct control_finding *list, size_t max)
{
	return watch_findings(arg, list, max);
}

static size_t left_out(void *arg, const char *service, const char *pool,
		       struct control_left_out *list, size_t max)
{
	const struct daemon *daemon = arg;

	return left_out_get(&daemon->names.left_out, service, pool, list, max);
}

static int apply(void *arg, const struct change *change, struct errs *errors)
{
	return loop_apply(arg, change, 1, errors);
}

static int check(void *arg, const char *yaml, size_t length, struct control_check *ret_check,
		 struct errs *errors)
{
	struct config_file file = {.text = yaml, .length = length};
	struct config *config;
	/* Whoever may check may not read this host's files by it. */
	int r = reload_parse(arg, &file, 1, false, &config, errors);

	if (r)
		return r;
	ret_check->services = config->service_count;
	ret_check->limits = config->limit_count;
	ret_check->members = config_member_count(config);
	config_free(config);
	return 0;
}

static void compare(void *arg, struct control_disk *ret_disk)
{
	disk_compare(arg, ret_disk);
}

static int make_dropin(void *arg, char **ret_path, char **ret_text, size_t *ret_count,
		       struct errs *errors)
{
	return disk_make_dropin(arg, ret_path, ret_text, ret_count, errors);
}

static int reload(void *arg, const struct control_reload *request, bool *ret_changed,
		  struct errs *errors)
{
	return reload_run(arg, request, ret_changed, errors);
}

/* Gratuitous frames and routes follow before the answer is given. */
static void set_role(void *arg, bool is_active, bool *ret_changed)
{
	struct event event = {.type = EVENT_node_role};
	struct daemon *daemon = arg;

	*ret_changed = !daemon->is_detached && dp_bpf_is_active(daemon->dp) != is_active;
	if (!*ret_changed)
		return;
	dp_bpf_set_active(daemon->dp, is_active);
	daemon->quiet_ms = clock_now_ms();
	util_copy(event.text, sizeof(event.text),
		  is_active ? "active: answers ARP and ND for announced addresses, has routes"
			    : "standby: answers no ARP or ND, withdraws its routes");
	event_log_add(daemon->events, &event);
	loop_announce(daemon);
}

static void on_linger_closed(uv_handle_t *handle)
{
	free(handle);
}

static void on_linger(uv_timer_t *timer)
{
	loop_stop(timer->data);
	uv_close((uv_handle_t *)timer, on_linger_closed);
}

void daemon_stop_soon(struct daemon *daemon)
{
	uv_timer_t *timer = util_alloc(sizeof(*timer));

	uv_timer_init(&daemon->loop, timer);
	timer->data = daemon;
	uv_timer_start(timer, on_linger, LINGER_MS, 0);
}

static int detach(void *arg, char *names, size_t size, struct err *e)
{
	int r = attach_remove_everything(arg, names, size, e);

	if (!r)
		daemon_stop_soon(arg);
	return r;
}

static void checks(void *arg, const struct model_service *service, const struct model_pool *pool,
		   const struct model_member *member, struct check_report *ret_report)
{
	const struct daemon *daemon = arg;

	health_member_report(daemon->health, service, pool, member, ret_report);
}

static void check_totals(void *arg, struct check_totals *ret_totals)
{
	const struct daemon *daemon = arg;

	health_totals(daemon->health, ret_totals);
}

static int where(void *arg, const struct where_packet *packet, uint32_t ifindex,
		 struct where_answer *ret_answer)
{
	const struct daemon *daemon = arg;

	return daemon->is_detached ? -ESHUTDOWN
				   : dp_bpf_where(daemon->dp, packet, ifindex, ret_answer);
}

static int tokens(void *arg, uint32_t limit, const struct sluice_tuple *tuple,
		  struct where_tokens *ret_tokens)
{
	const struct daemon *daemon = arg;

	return daemon->is_detached ? -ESHUTDOWN
				   : dp_bpf_tokens(daemon->dp, limit, tuple, ret_tokens);
}

static int capture_start(void *arg, const struct capture_request *request, uint32_t *ret_id,
			 struct err *e)
{
	const struct daemon *daemon = arg;

	if (!daemon->is_detached)
		return captures_start(daemon->captures, request, clock_now_ms(), ret_id, e);
	return err_set(e, ERR_BUSY, "", "detached by request: no packets pass any more");
}

static const struct capture *capture_get(void *arg, uint32_t id)
{
	const struct daemon *daemon = arg;

	return captures_get(daemon->captures, id, clock_now_ms());
}

static bool capture_stop(void *arg, uint32_t id)
{
	const struct daemon *daemon = arg;

	return captures_stop(daemon->captures, id, clock_now_ms());
}

static uint32_t limit_sources(void *arg, uint32_t limit)
{
	const struct daemon *daemon = arg;

	return daemon->is_detached ? 0 : dp_bpf_limit_sources(daemon->dp, limit);
}

static int measure_start(void *arg, const struct measurement_request *request, uint32_t *ret_id,
			 struct err *e)
{
	const struct daemon *daemon = arg;

	if (!daemon->is_detached)
		return measurements_start(daemon->measurements, request, ret_id, e);
	return err_set(e, ERR_BUSY, "", "detached by request: no packets pass any more");
}

static const struct measurement_run *measure_get(void *arg, uint32_t id)
{
	const struct daemon *daemon = arg;

	return measurements_get(daemon->measurements, id);
}

static bool measure_stop(void *arg, uint32_t id)
{
	const struct daemon *daemon = arg;

	return !daemon->is_detached && measurements_stop(daemon->measurements, id);
}

char *api_metrics(void *arg, bool is_openmetrics, size_t *ret_length)
{
	struct control_interface attached[2 * CONFIG_INTERFACES_MAX];
	struct metrics_interface shown[ARRAY_SIZE(attached)] = {0};
	struct control_switches switches;
	struct daemon *daemon = arg;
	struct metrics_source source = {
		.model = daemon->model,
		.sync = daemon->sync,
		.stats = daemon->stats,
		.suspects = daemon->suspects,
		.offenders = daemon->refusals.offenders,
		.bans = daemon->refusals.bans,
		.names = &daemon->names.table,
		.left_out = left_out_troubles(&daemon->names.left_out),
		.refusals_lost = daemon->refusals.lost,
		.interfaces = shown,
		.interface_count = interfaces(daemon, attached, ARRAY_SIZE(attached)),
		.events_suppressed = daemon->is_detached ? 0 : dp_bpf_events_suppressed(daemon->dp),
		.started_s = daemon->started_s,
		.loaded_at_s = daemon->loaded_at_s,
		.reloads_applied = daemon->reloads_applied,
		.reloads_refused = daemon->reloads_refused,
		.is_last_reload_refused = daemon->refusal[0],
		.is_ready = is_ready(daemon),
		.is_cut_off = daemon->cut_off.why,
		.checks = checks,
		.limit_sources = limit_sources,
		.arg = daemon,
	};
	struct announce_state announced;
	size_t i;

	health_totals(daemon->health, &source.check_totals);
	switches_get(daemon, &switches);
	source.bypass_limits_left_s = switches.bypass[CONTROL_BYPASS_LIMITS].left_s;
	source.trial_left_s = switches.trial.left_s;
	source.bypass_lists_left_s = switches.bypass[CONTROL_BYPASS_LISTS].left_s;
	refresh(daemon);
	announce_describe(daemon->announcer, &announced);
	source.is_active = !daemon->is_detached && dp_bpf_is_active(daemon->dp);
	source.arp_addresses = announced.arp;
	source.route_addresses = announced.routes;
	source.routes_installed = announced.routes_installed;
	source.gratuitous_sent = announced.frames_sent;
	for (i = 0; i < source.interface_count; i++) {
		util_copy(shown[i].name, sizeof(shown[i].name), attached[i].name);
		shown[i].is_generic = attached[i].is_generic;
	}
	return metrics_render(&source, is_openmetrics, ret_length);
}

struct control_host api_host(struct daemon *daemon)
{
	return (struct control_host){
		.arg = daemon,
		.config_path = daemon->options.config_path,
		.model = daemon->model,
		.sync = daemon->sync,
		.stats = daemon->stats,
		.suspects = daemon->suspects,
		.events = daemon->events,
		.offenders = daemon->refusals.offenders,
		.bans = daemon->refusals.bans,
		.record = record,
		.refresh = refresh,
		.node = node,
		.interfaces = interfaces,
		.switches = switches_get,
		.bypass = switches_bypass,
		.findings = findings,
		.left_out = left_out,
		.apply = apply,
		.check = check,
		.reload = reload,
		.compare = compare,
		.make_dropin = make_dropin,
		.confirm = trial_confirm,
		.undo = trial_undo,
		.set_role = set_role,
		.detach = detach,
		.where = where,
		.tokens = tokens,
		.ban = refusals_ban,
		.lift = refusals_lift,
		.lift_all = refusals_lift_all,
		.refusals_lost = refusals_lost,
		.capture_start = capture_start,
		.capture_get = capture_get,
		.capture_stop = capture_stop,
		.checks = checks,
		.check_totals = check_totals,
		.limit_sources = limit_sources,
		.measure_start = measure_start,
		.measure_get = measure_get,
		.measure_stop = measure_stop,
		.metrics = api_metrics,
	};
}
