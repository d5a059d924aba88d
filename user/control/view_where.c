/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/view_where.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include "base/addr.h"
#include "control/view.h"
#include "core/flow_plan.h"
#include "core/verdicts.h"

const struct model_service *where_service(const struct where_view *view)
{
	const struct model *model = view->host->model;
	size_t i;

	for (i = 0; i < model_service_count(model); i++)
		if (model_service_at(model, i)->id == view->answer->found.service)
			return model_service_at(model, i);
	return NULL;
}

const struct model_limit *where_limit(const struct where_view *view)
{
	uint32_t limit = view->answer->found.limit;

	return limit ? model_limit_by_id(view->host->model, limit) : NULL;
}

const struct model_member *where_member(const struct where_view *view, uint32_t index,
					struct model_service **ret_service,
					struct model_pool **ret_pool)
{
	uint64_t id = index ? sync_member_by_index(view->host->sync, index) : 0;

	return id ? model_member_by_id(view->host->model, id, ret_service, ret_pool) : NULL;
}

static json_t *view_packet(const struct where_view *view)
{
	const struct sluice_tuple *tuple = &view->packet->tuple;
	char source[ADDR_TEXT_MAX], destination[ADDR_TEXT_MAX], text[WHERE_TEXT_MAX];
	json_t *packet;

	packet = json_pack("{s:s, s:s, s:s, s:i, s:s, s:i, s:i, s:s?}", "text",
			   where_format(tuple, text), "protocol", where_protocol_name(tuple),
			   "source", addr_format(&tuple->saddr, source), "source_port",
			   ntohs(tuple->sport_be), "destination",
			   addr_format(&tuple->daddr, destination), "destination_port",
			   ntohs(tuple->dport_be), "bytes", (int)view->packet->bytes, "interface",
			   view->interface);
	if (tuple->proto == IPPROTO_TCP) {
		json_object_set_new(packet, "syn", json_boolean(view->packet->is_syn));
		json_object_set_new(packet, "ack", json_boolean(view->packet->is_ack));
	}
	return packet;
}

bool where_is_management(const struct where_view *view)
{
	const struct prefix_set *set = model_management(view->host->model);
	const struct prefix source = prefix_of_addr(&view->packet->tuple.saddr);

	for (size_t i = 0; i < prefix_set_count(set); i++)
		if (prefix_covers(&set->entries[i].prefix, &source))
			return true;
	return false;
}

static bool is_exempt(const struct where_view *view)
{
	const struct model_list *list =
		model_list_by_id(view->host->model, view->answer->found.list);

	return where_is_management(view) || (list && list->action == LIST_EXEMPT);
}

/* Whom limits of all packets leave alone, besides the exempt. */
static bool is_spared(const struct where_view *view)
{
	const struct where_packet *packet = view->packet;
	const struct prefix source = prefix_of_addr(&packet->tuple.saddr);

	return where_is_vital(packet) || bans_is_spared(view->host->model, &source);
}

/* Does the limit count a packet like this one? As the packet path: LIMIT_F_NEW. */
static bool is_counted(const struct where_view *view, const struct limit_config *config)
{
	const struct where_packet *packet = view->packet;

	if (config->mode == SLUICE_LIMIT_DISABLED || is_exempt(view))
		return false;
	if (config->scope == LIMIT_SCOPE_EVERYTHING && is_spared(view))
		return false;
	if (config->count != SLUICE_COUNT_NEW_CONNECTIONS)
		return true;
	if (packet->tuple.proto == IPPROTO_UDP) /* known flows are no new ones */
		return view->answer->found.held != SLUICE_HELD_TRACKED;
	return (packet->tuple.proto == IPPROTO_TCP && packet->is_syn && !packet->is_ack);
}

/* Does it depend on a socket of this host, which the packet path asks of what opens nothing? */
static bool may_be_reply(const struct where_view *view, const struct model_limit *limit)
{
	const struct where_packet *packet = view->packet;
	uint32_t verdict = view->answer->found.verdict;

	if (limit->config.scope != LIMIT_SCOPE_EVERYTHING || limit->config.counts_replies ||
	    limit->id == view->answer->found.limit || where_service(view))
		return false;
	if (verdict != SLUICE_V_not_service && verdict != SLUICE_V_unknown_port_passed &&
	    verdict != SLUICE_V_host_limit)
		return false;
	return packet->tuple.proto == IPPROTO_UDP ||
	       (packet->tuple.proto == IPPROTO_TCP && (!packet->is_syn || packet->is_ack));
}

static json_t *view_is_counted(const struct where_view *view, const struct model_limit *limit)
{
	bool is_it = is_counted(view, &limit->config);

	return is_it && may_be_reply(view, limit) ? json_null() : json_boolean(is_it);
}

static json_t *view_one_limit(const struct where_view *view, const struct model_limit *limit)
{
	const struct limit_config *config = &limit->config;
	const struct sluice_tuple *tuple = &view->packet->tuple;
	bool is_v4 = tuple->family == SLUICE_FAMILY_V4;
	unsigned int length = is_v4 ? config->prefix4 : config->prefix6;
	struct sluice_addr source = tuple->saddr;
	struct where_tokens tokens;
	char address[ADDR_TEXT_MAX];
	const struct limit_exception *exception =
		limit_exceptions_find(config->exceptions, &tuple->saddr);
	const struct rate *rate = exception ? &exception->rate : &config->rate;
	char rate_text[RATE_TEXT_MAX];
	AUTO_FREE char *prefix = NULL;
	const struct ban *ban;
	json_t *object;

	addr_mask(&source, length);
	prefix = util_printf("%s/%u", addr_format(&source, address), length);
	object = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:s, s:b, s:o, s:b}", "name", config->name,
		"mode", view_limit_mode(config->mode), "count", view_limit_count(config->count),
		"scope", view_limit_scope(config->scope), "rate", rate_format(rate, rate_text),
		"rate_n", (json_int_t)rate->n, "rate_s", (int)rate->s, "source", prefix,
		"is_excepted", exception != NULL, "is_counted", view_is_counted(view, limit),
		"is_deciding", limit->id == view->answer->found.limit);
	ban = bans_find(view->host->bans, limit->id, &(struct prefix){source, (uint8_t)length});
	json_object_set_new(object, "ban", ban ? view_ban(ban) : json_null());
	if (view->host->tokens(view->host->arg, limit->id, tuple, &tokens))
		return object;
	json_object_set_new(object, "left", json_integer((json_int_t)tokens.left));
	json_object_set_new(object, "burst", json_integer((json_int_t)tokens.burst));
	return object;
}

static void add_limits(const struct where_view *view, const uint32_t *ids, json_t *list)
{
	size_t i;

	for (i = 0; i < SLUICE_SERVICE_LIMITS_MAX && ids[i]; i++) {
		const struct model_limit *limit = model_limit_by_id(view->host->model, ids[i]);

		if (limit)
			json_array_append_new(list, view_one_limit(view, limit));
	}
}

/* In the order in which they are asked. */
static json_t *view_limits(const struct where_view *view, const struct model_service *service)
{
	json_t *list = json_array();

	add_limits(view, model_host_limits(view->host->model), list);
	if (service)
		add_limits(view, service->limits, list);
	return list;
}

static void view_owner(const struct where_view *view, json_t *slot, const char *key, uint32_t index)
{
	const struct model_member *owner = where_member(view, index, NULL, NULL);
	char endpoint[ENDPOINT_TEXT_MAX];

	if (owner)
		json_object_set_new(
			slot, key,
			json_string(addr_format_endpoint(&owner->addr, owner->port, endpoint)));
}

static json_t *view_slot(const struct where_view *view)
{
	static const char *const states[] = {"stable", "announced", "moving", "exceptional"};
	static const char *const named_by[] = {"owner", "earlier_owner", "half_open", "flow",
					       "tracked"};
	const struct where_answer *answer = view->answer;
	uint32_t cur = SLUICE_SLOT_CUR(answer->slot_word);
	uint32_t held = answer->found.held;
	json_t *slot;

	_Static_assert(ARRAY_SIZE(states) == FLOW_STATE_MAX, "states of a slot");
	_Static_assert(ARRAY_SIZE(named_by) == SLUICE_HELD_MAX, "what names a member");
	if (!answer->table_log2)
		return json_null();
	slot = json_pack("{s:I, s:I, s:s, s:s, s:b}", "number", (json_int_t)answer->table_slot,
			 "of", (json_int_t)1 << answer->table_log2, "state",
			 states[flow_plan_state(answer->slot_word)], "named_by",
			 named_by[held < SLUICE_HELD_MAX ? held : SLUICE_HELD_NONE], "is_runner_up",
			 held == SLUICE_HELD_NONE && cur && cur != answer->found.member);
	view_owner(view, slot, "owner", cur);
	view_owner(view, slot, "earlier_owner", SLUICE_SLOT_DEF(answer->slot_word));
	return slot;
}

static json_t *view_hop(const struct where_answer *answer)
{
	const struct sluice_nexthop *hop = &answer->nexthop;
	char device[IF_NAMESIZE], mac[18];
	json_t *object;

	if (!(hop->flags & SLUICE_NEXTHOP_F_USED))
		return json_null();
	if (!if_indextoname(hop->ifindex, device))
		snprintf(device, sizeof(device), "if%u", hop->ifindex);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", hop->dmac[0], hop->dmac[1],
		 hop->dmac[2], hop->dmac[3], hop->dmac[4], hop->dmac[5]);
	object = json_pack("{s:s, s:s, s:i}", "device", device, "mac", mac, "mtu",
			   (int)SLUICE_MEMBER_MTU(answer->member_word));
	if (hop->flags & SLUICE_NEXTHOP_F_VLAN)
		json_object_set_new(object, "vlan", json_integer(ntohs(hop->vlan_tci_be) & 0xfff));
	return object;
}

/* The access list that had something to say. */
static json_t *view_list_found(const struct where_view *view)
{
	const struct model_list *list =
		model_list_by_id(view->host->model, view->answer->found.list);

	return list ? json_pack("{s:s, s:s}", "name", list->name, "action",
				list_action_name(list->action))
		    : json_null();
}

json_t *view_where(const struct where_view *view)
{
	const struct sluice_explain *found = &view->answer->found;
	const struct model_service *service = where_service(view);
	struct model_service *owner_service;
	struct model_pool *pool;
	const struct model_member *member =
		where_member(view, found->member, &owner_service, &pool);
	char listen[LISTEN_TEXT_MAX], summary[512];
	json_t *object = json_pack("{s:o, s:s, s:s, s:s, s:s}", "packet", view_packet(view),
				   "verdict", verdicts_name(found->verdict), "action",
				   verdicts_action_name(verdicts_action(found->verdict)), "help",
				   verdicts_help(found->verdict), "summary",
				   where_summary(view, summary, sizeof(summary)));

	json_object_set_new(object, "service",
			    service ? json_pack("{s:s, s:s, s:s}", "name", service->name, "listen",
						view_listen(service, listen, sizeof(listen)),
						"mode", view_mode_name(service->mode))
				    : json_null());
	json_object_set_new(object, "list", view_list_found(view));
	json_object_set_new(object, "limits", view_limits(view, service));
	json_object_set_new(object, "slot", view_slot(view));
	json_object_set_new(object, "member",
			    member ? view_member(view->host, owner_service, pool, member)
				   : json_null());
	json_object_set_new(object, "nexthop", view_hop(view->answer));
	if (view->answer->member_word)
		json_object_set_new(
			object, "mode",
			json_string(view_mode_name(SLUICE_MEMBER_MODE(view->answer->member_word))));
	if (view->answer->gue_port)
		json_object_set_new(object, "gue_port", json_integer(view->answer->gue_port));
	if (view->answer->bytes_sent)
		json_object_set_new(object, "bytes_sent", json_integer(view->answer->bytes_sent));
	return object;
}
