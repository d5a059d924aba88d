/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/view.h"

#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "control/view_check.h"
#include "core/share_text.h"

static const char *const announce_names[ANNOUNCE_MAX] = {"none", "arp", "route"};
static const char *const panic_names[PANIC_MAX] = {"none", "fallback", "readmit", "drop"};
static const char *const owner_names[OWNER_MAX] = {"file", "api", "kubernetes"};
static const char *const health_names[HEALTH_STATE_MAX] = {"unknown", "up", "down"};
static const char *const nexthop_names[NEXTHOP_STATE_MAX] = {"pending", "resolved", "failed"};

json_t *view_number(double value)
{
	return json_real(round(value * 10) / 10);
}

const char *view_mode_name(enum sluice_mode mode)
{
	static const char *const names[SLUICE_MODE_MAX] = {"none", "l2", "ipip", "local", "gue"};

	return mode < SLUICE_MODE_MAX ? names[mode] : "?";
}

const char *view_listen(const struct model_service *service, char *text, size_t size)
{
	const char *proto = service->proto == IPPROTO_UDP ? "udp" : "tcp";
	char endpoint[ENDPOINT_TEXT_MAX];

	if (service->port)
		addr_format_endpoint(&service->addr, service->port, endpoint);
	else
		addr_format(&service->addr, endpoint);
	snprintf(text, size, "%s %s", proto, endpoint);
	return text;
}

struct view_tally view_count(const struct model_service *service)
{
	struct view_tally tally = {0};
	uint64_t configured = 0, serving = 0;
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];
		bool has_share = weights_pool_share(pool) > 0;

		for (m = 0; m < pool->member_count; m++) {
			const struct model_member *member = &pool->members[m];
			enum member_state state = member_state_of(member);
			uint64_t weight = (uint64_t)member->weight * weights_pool_share(pool);

			tally.total++;
			tally.serving += member_state_serves(state) && has_share;
			tally.idle += member_state_serves(state) && !has_share;
			tally.suspect += state == MEMBER_SUSPECT;
			tally.trial += state == MEMBER_ON_TRIAL && has_share;
			tally.broken += state == MEMBER_EJECTED || state == MEMBER_UNREACHABLE ||
					state == MEMBER_ON_TRIAL;
			tally.maintenance += state == MEMBER_MAINTENANCE;
			configured += weight << 16;
			serving += weight * weights_member_share(member);
		}
	}
	if (configured)
		tally.weight_percent = (uint32_t)((double)serving * 100 / (double)configured + 0.5);
	return tally;
}

const char *view_service_state(const struct model_service *service, const struct view_tally *tally)
{
	if (service->mode == SLUICE_MODE_LOCAL)
		return "ok";
	if (!tally->serving && !tally->trial)
		return "down";
	return tally->broken || service->panic != PANIC_NONE ? "degraded" : "ok";
}

/* Adds packets, bytes, new_connections and their rates. */
static void add_traffic(const struct control_host *host, json_t *object, uint64_t key)
{
	uint64_t total[STATS_COUNTERS];
	double rate[STATS_COUNTERS];

	stats_total(host->stats, key, total);
	stats_rate(host->stats, key, rate);
	json_object_set_new(object, "packets", json_integer((json_int_t)total[0]));
	json_object_set_new(object, "bytes", json_integer((json_int_t)total[1]));
	json_object_set_new(object, "new_connections", json_integer((json_int_t)total[2]));
	json_object_set_new(object, "rates",
			    json_pack("{s:o, s:o, s:o}", "packets", view_number(rate[0]), "bytes",
				      view_number(rate[1]), "new_connections",
				      view_number(rate[2])));
}

static json_t *view_nexthop(const struct model_member *member)
{
	const struct nexthop *hop = &member->nexthop;
	json_t *object = json_pack("{s:s, s:s}", "state", nexthop_names[member->nexthop_state],
				   "text", util_text(member->nexthop_text));
	char device[IF_NAMESIZE];
	char mac[18];

	if (member->nexthop_state != NEXTHOP_RESOLVED)
		return object;
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", hop->dmac[0], hop->dmac[1],
		 hop->dmac[2], hop->dmac[3], hop->dmac[4], hop->dmac[5]);
	if (!if_indextoname(hop->ifindex, device))
		snprintf(device, sizeof(device), "if%u", hop->ifindex);
	json_object_set_new(object, "device", json_string(device));
	json_object_set_new(object, "mac", json_string(mac));
	json_object_set_new(object, "mtu", json_integer(hop->mtu));
	return object;
}

static json_t *view_deadline(const struct model_member *member)
{
	uint64_t now_s = clock_wall_s(), until_s = member->drain_until_s;

	if (!until_s)
		return json_null();
	return json_pack("{s:I, s:I, s:b}", "at_s", (json_int_t)until_s, "left_s",
			 (json_int_t)(until_s > now_s ? until_s - now_s : 0), "is_over",
			 member->is_cut);
}

static json_t *view_slow_start(const struct model_service *service,
			       const struct model_member *member)
{
	if (!member->ramp.percent)
		return json_null();
	return json_pack("{s:i, s:i}", "percent", (int)member->ramp.percent, "left_s",
			 (int)ramp_left_s(&member->ramp, service->slow_start_s, clock_now_ms()));
}

static json_t *view_ceiling(const struct control_host *host, const struct rate *max_new,
			    uint32_t index)
{
	double rate[STATS_COUNTERS];
	char text[RATE_TEXT_MAX];

	if (!max_new->n)
		return json_null();
	stats_rate(host->stats, STATS_KEY(STATS_CEILING, index), rate);
	return json_pack("{s:s, s:I, s:i, s:{s:o, s:o}}", "max_new", rate_format(max_new, text),
			 "rate_n", (json_int_t)max_new->n, "rate_s", (int)max_new->s, "rates",
			 "passed", view_number(rate[0]), "refused", view_number(rate[1]));
}

static json_t *view_circuit(const struct model_pool *pool, const struct model_member *member)
{
	const struct breaker *breaker = &member->breaker;
	uint64_t left_ms = breaker_left_ms(breaker, clock_now_ms());
	uint32_t good, bad;

	breaker_window(breaker, &pool->circuit, clock_now_ms(), &good, &bad);
	return json_pack("{s:s, s:i, s:s, s:o, s:i, s:i}", "state",
			 pool->circuit.is_enabled ? breaker_state_name(breaker->state) : "disabled",
			 "times_out", (int)breaker->attempts, "cause",
			 util_text(member->circuit_text), "next_s",
			 breaker->state == BREAKER_CLOSED
				 ? json_null()
				 : json_integer((json_int_t)(left_ms + 999) / 1000),
			 "passed", (int)good, "failed", (int)bad);
}

static json_t *view_override(const struct control_host *host, const struct model_member *member)
{
	const struct model_override *why = model_override_of(host->model, member);
	uint64_t now_s = clock_wall_s(), until_s = member->override_until_s;

	if (!why)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:I, s:o}", "state",
			 model_override_name(member->override), "reason", why->reason, "who",
			 why->who, "since_s", (json_int_t)why->since_s, "left_s",
			 until_s ? json_integer((json_int_t)(until_s > now_s ? until_s - now_s : 0))
				 : json_null());
}

json_t *view_history(const struct control_host *host, const struct model_service *service,
		     const struct model_pool *pool, const struct model_member *member)
{
	struct history_event list[HISTORY_EVENTS_MAX];
	char endpoint[ENDPOINT_TEXT_MAX];
	json_t *array = json_array();
	size_t i, count;

	addr_format_endpoint(&member->addr, member->port, endpoint);
	count = history_read(model_history(host->model), service->name, pool->name, endpoint, list);
	for (i = 0; i < count; i++)
		json_array_append_new(array, json_pack("{s:I, s:s, s:s}", "time_s",
						       (json_int_t)list[i].wall_s, "type",
						       event_type_name(list[i].type), "text",
						       list[i].text));
	return array;
}

json_t *view_member(const struct control_host *host, const struct model_service *service,
		    const struct model_pool *pool, const struct model_member *member)
{
	char address[ADDR_TEXT_MAX], words[SHARE_TEXT_MAX];
	json_t *object = json_pack("{s:s, s:s, s:s, s:i, s:s, s:i, s:i}", "service", service->name,
				   "pool", pool->name, "address",
				   addr_format(&member->addr, address), "port", member->port,
				   "owner", owner_names[member->owner], "weight", member->weight,
				   "weight_file", member->weight_file);
	double slots = sync_member_slot_share(host->sync, member->id);
	double now = weights_member_share(member);

	json_object_set_new(object, "now_percent", view_number(now * 100 / 65536));
	json_object_set_new(object, "of_new_percent", view_number(slots * 100 / 4294967296.0));
	json_object_set_new(object, "state",
			    json_string(member_state_name(member_state_of(member))));
	json_object_set_new(object, "admin", json_string(model_admin_name(member->admin)));
	json_object_set_new(object, "admin_file",
			    json_string(model_admin_name(member->admin_file)));
	json_object_set_new(object, "name",
			    member->name ? json_string(name_set_at(pool->names, member->name))
					 : json_null());
	json_object_set_new(object, "discovery",
			    json_string(model_discovery_name(member->discovery)));
	json_object_set_new(object, "deadline", view_deadline(member));
	json_object_set_new(object, "slow_start", view_slow_start(service, member));
	json_object_set_new(object, "share_text",
			    json_string(share_text(host->model, service, pool, member,
						   clock_now_ms(), clock_wall_s(), words)));
	json_object_set_new(object, "circuit", view_circuit(pool, member));
	json_object_set_new(object, "passive", view_passive(host, service, pool, member));
	json_object_set_new(object, "override", view_override(host, member));
	json_object_set_new(object, "health", json_string(health_names[member->health]));
	json_object_set_new(object, "health_text", json_string(util_text(member->health_text)));
	json_object_set_new(object, "health_since_s",
			    json_integer((json_int_t)member->health_since_s));
	json_object_set_new(object, "latency_us", json_integer(member->latency_us));
	json_object_set_new(object, "check", view_member_check(host, service, pool, member));
	json_object_set_new(object, "nexthop", view_nexthop(member));
	json_object_set_new(
		object, "ceiling",
		view_ceiling(host, &member->max_new, sync_member_ceiling(host->sync, member->id)));
	json_object_set_new(object, "flows", view_member_flows(host, member));
	add_traffic(host, object, STATS_KEY(STATS_MEMBER, member->id));
	return object;
}

static json_t *view_pool_circuit(const struct model_pool *pool)
{
	const struct circuit_config *circuit = &pool->circuit;
	size_t out;

	return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s}", "mode",
			 circuit->is_enabled ? "enabled" : "disabled", "open_ms",
			 (int)circuit->open_ms, "open_max_ms", (int)circuit->open_max_ms,
			 "trial_ms", (int)circuit->trial_ms, "trial_percent",
			 (int)circuit->trial_percent, "ratio_percent", (int)circuit->ratio_percent,
			 "volume", (int)circuit->volume, "window_ms", (int)circuit->window_ms,
			 "ratio_cap", (int)model_ratio_cap(pool, &out), "passive",
			 view_passive_mode(circuit->passive));
}

#define LEFT_OUT_SHOWN 64

static json_t *view_left_out(const struct control_host *host, const struct model_service *service,
			     const struct model_pool *pool)
{
	struct control_left_out list[LEFT_OUT_SHOWN];
	json_t *array = json_array();
	char address[ADDR_TEXT_MAX];
	size_t i, count = 0;

	if (pool->names)
		count = host->left_out(host->arg, service->name, pool->name, list,
				       ARRAY_SIZE(list));
	for (i = 0; i < count; i++)
		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:s}", "name", list[i].name, "address",
						addr_format(list[i].addr, address), "reason",
						list[i].why));
	return array;
}

json_t *view_pool(const struct control_host *host, const struct model_service *service,
		  const struct model_pool *pool)
{
	json_t *members = json_array();
	size_t m;

	for (m = 0; m < pool->member_count; m++)
		json_array_append_new(members, view_member(host, service, pool, &pool->members[m]));
	return json_pack("{s:s, s:s, s:i, s:s, s:o, s:b, s:b, s:o, s:o, s:o, s:o}", "service",
			 service->name, "name", pool->name, "share", pool->share, "mode",
			 view_mode_name(pool->mode), "gue_port",
			 pool->gue_port ? json_integer(pool->gue_port) : json_null(), "is_fallback",
			 pool->is_fallback, "is_idle", pool->is_idle, "check",
			 view_check(&pool->check), "circuit", view_pool_circuit(pool), "left_out",
			 view_left_out(host, service, pool), "members", members);
}

static json_t *view_limit_names(const struct control_host *host,
				const struct model_service *service)
{
	json_t *names = json_array();
	size_t i;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX && service->limits[i]; i++) {
		const struct model_limit *limit =
			model_limit_by_id(host->model, service->limits[i]);

		if (limit)
			json_array_append_new(names, json_string(limit->config.name));
	}
	return names;
}

json_t *view_service(const struct control_host *host, const struct model_service *service)
{
	struct view_tally tally = view_count(service);
	uint32_t log2 = sync_table_log2(host->sync, service->id);
	json_t *pools = json_array();
	char listen[LISTEN_TEXT_MAX], table[16];
	json_t *object;
	size_t p;

	for (p = 0; p < service->pool_count; p++)
		json_array_append_new(pools, view_pool(host, service, &service->pools[p]));
	snprintf(table, sizeof(table), "%08x", sync_table_fingerprint(host->sync, service->id));
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:i}", "name",
			   service->name, "listen", view_listen(service, listen, sizeof(listen)),
			   "mode", view_mode_name(service->mode), "owner",
			   owner_names[service->owner], "state",
			   view_service_state(service, &tally), "members_total", (int)tally.total,
			   "members_serving", (int)tally.serving, "members_idle", (int)tally.idle,
			   "weight_serving_percent", (int)tally.weight_percent, "table",
			   log2 ? table : "", "slots", log2 ? 1 << log2 : 0);
	add_traffic(host, object, STATS_KEY(STATS_SERVICE, service->id));
	json_object_set_new(object, "shift", view_shift(service));
	json_object_set_new(object, "panic", json_string(panic_names[service->panic]));
	json_object_set_new(object, "announce", json_string(announce_names[service->announce]));
	json_object_set_new(object, "flows", view_service_flows(host, service));
	json_object_set_new(object, "ceiling", view_ceiling(host, &service->max_new, service->id));
	json_object_set_new(object, "limits", view_limit_names(host, service));
	json_object_set_new(object, "pools", pools);
	return object;
}

json_t *view_announce(const struct control_node *node)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:s}", "arp", (json_int_t)node->announce.arp,
			 "routes", (json_int_t)node->announce.routes, "routes_installed",
			 (json_int_t)node->announce.routes_installed, "table",
			 (json_int_t)node->announce.table, "protocol",
			 (json_int_t)node->announce.protocol, "failure", node->announce.failure);
}

json_t *view_traffic(const struct control_node *node)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)node->served, "quiet_s",
			 (json_int_t)node->quiet_s);
}

json_t *view_event(const struct event *event)
{
	json_t *object = json_pack(
		"{s:I, s:I, s:s, s:s, s:s, s:s, s:s}", "seq", (json_int_t)event->seq, "time_s",
		(json_int_t)event->wall_s, "type", event_type_name(event->type), "service",
		event->service, "pool", event->pool, "member", event->member, "text", event->text);

	if (event->limit[0])
		json_object_set_new(object, "limit", json_string(event->limit));
	if (event->source[0])
		json_object_set_new(object, "source", json_string(event->source));
	if (event->who[0])
		json_object_set_new(object, "who", json_string(event->who));
	return object;
}
