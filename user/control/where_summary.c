/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a packet would go, in one sentence. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <string.h>

#include <sluice/vital.h>

#include "base/addr.h"
#include "control/view.h"
#include "control/view_where.h"
#include "core/verdicts.h"

#define NAMED_MAX 4 /* services or members named in a sentence */

struct sentence {
	char *text;
	size_t size, used;
};

static void say(struct sentence *s, const char *fmt, ...) PRINTF(2, 3);
static void say(struct sentence *s, const char *fmt, ...)
{
	va_list args;
	int length;

	if (s->used >= s->size)
		return;
	va_start(args, fmt);
	length = vsnprintf(s->text + s->used, s->size - s->used, fmt, args);
	va_end(args);
	s->used += length > 0 ? (size_t)length : 0;
}

static const char *service_name(const struct where_view *view)
{
	const struct model_service *service = where_service(view);

	return service ? service->name : "a service that is just going";
}

static void say_member(const struct where_view *view, struct sentence *s)
{
	struct model_service *service;
	struct model_pool *pool;
	const struct model_member *member =
		where_member(view, view->answer->found.member, &service, &pool);
	char endpoint[ENDPOINT_TEXT_MAX];

	if (member)
		say(s, "%s of %s/%s", addr_format_endpoint(&member->addr, member->port, endpoint),
		    service->name, pool->name);
	else
		say(s, "a member that is just going");
}

static void say_services_here(const struct where_view *view, struct sentence *s)
{
	const struct sluice_addr *here = &view->packet->tuple.daddr;
	const struct model *model = view->host->model;
	char listen[LISTEN_TEXT_MAX];
	size_t i, count = 0;

	for (i = 0; i < model_service_count(model); i++) {
		const struct model_service *service = model_service_at(model, i);

		if (!addr_equal(&service->addr, here))
			continue;
		if (count++ < NAMED_MAX)
			say(s, "%s%s (%s)", count == 1 ? "; on this address: " : ", ",
			    service->name, view_listen(service, listen, sizeof(listen)));
	}
	if (count > NAMED_MAX)
		say(s, " and %zu more", count - NAMED_MAX);
}

static void say_unknown_port(const struct where_view *view, struct sentence *s, bool is_passed)
{
	const struct sluice_tuple *tuple = &view->packet->tuple;
	char address[ADDR_TEXT_MAX];

	say(s, "%s: %s is a service's address, but no service takes %s",
	    is_passed ? "passed to this host's stack" : "dropped",
	    addr_format(&tuple->daddr, address), where_protocol_name(tuple));
	if (tuple->dport_be)
		say(s, " port %u", ntohs(tuple->dport_be));
	say(s, " (unknown_port: %s)", is_passed ? "pass" : "drop");
	say_services_here(view, s);
}

static void say_no_member(const struct where_view *view, struct sentence *s)
{
	const struct model_service *service = where_service(view);
	char endpoint[ENDPOINT_TEXT_MAX];
	size_t p, m, count = 0;

	say(s, "dropped: no member of %s may serve", service_name(view));
	for (p = 0; service && p < service->pool_count; p++) {
		for (m = 0; m < service->pools[p].member_count; m++) {
			const struct model_member *member = &service->pools[p].members[m];

			if (count++ < NAMED_MAX)
				say(s, "%s%s %s", count == 1 ? ": " : ", ",
				    addr_format_endpoint(&member->addr, member->port, endpoint),
				    member_state_name(member_state_of(member)));
		}
	}
	if (count > NAMED_MAX)
		say(s, " and %zu more", count - NAMED_MAX);
}

static void say_no_nexthop(const struct where_view *view, struct sentence *s)
{
	const struct model_member *member =
		where_member(view, view->answer->found.member, NULL, NULL);

	say(s, "dropped: no next hop to ");
	say_member(view, s);
	if (member && member->nexthop_text)
		say(s, ": %s", member->nexthop_text);
}

static void say_too_big(const struct where_view *view, struct sentence *s)
{
	uint64_t word = view->answer->member_word;

	say(s, "dropped: %u bytes are, sent as %s, more than the path MTU %u to ",
	    view->packet->bytes, view_mode_name(SLUICE_MEMBER_MODE(word)),
	    (unsigned int)SLUICE_MEMBER_MTU(word));
	say_member(view, s);
}

static void say_limit(const struct where_view *view, struct sentence *s)
{
	const struct model_limit *limit = where_limit(view);
	const char *name = limit ? limit->config.name : "that is just going";

	if (view->answer->found.verdict == SLUICE_V_limit ||
	    view->answer->found.verdict == SLUICE_V_host_limit)
		say(s, "dropped: limit %s refuses its source for now", name);
	else if (view->answer->found.verdict == SLUICE_V_ban)
		say(s, "dropped: its source is banned by limit %s", name);
	else if (limit && limit->config.mode == SLUICE_LIMIT_SHADOW)
		say(s, "; limit %s, in mode shadow, would refuse it", name);
	else
		say(s, "; limit %s would refuse it", name);
}

static enum sluice_vital vital_of(const struct where_packet *packet)
{
	const struct sluice_tuple *tuple = &packet->tuple;

	return sluice_vital(tuple->family, tuple->proto, ntohs(tuple->sport_be),
			    ntohs(tuple->dport_be), packet->is_syn && !packet->is_ack);
}

bool where_is_vital(const struct where_packet *packet)
{
	return vital_of(packet) != SLUICE_VITAL_NOT;
}

/* It is denied, and yet was not dropped. */
static void say_denied(const struct where_view *view, struct sentence *s, const char *name)
{
	static const char *const names[] = {"", "OSPF", "VRRP", "BGP", "BFD", "DHCP"};
	enum sluice_vital vital = vital_of(view->packet);

	_Static_assert(ARRAY_SIZE(names) == SLUICE_VITAL_MAX, "vital");
	if (verdicts_action(view->answer->found.verdict) == SLUICE_ACTION_DROP)
		return; /* for another reason, which was said */
	if (vital == SLUICE_VITAL_NOT || view->answer->found.service)
		say(s, "; in deny list %s, but passed: bypass", name);
	else
		say(s, "; in deny list %s, but passed: %s", name, names[vital]);
}

static void say_list(const struct where_view *view, struct sentence *s)
{
	const struct sluice_explain *found = &view->answer->found;
	const struct model_list *list = model_list_by_id(view->host->model, found->list);
	const char *name = list ? list->name : "that is just going";
	char address[ADDR_TEXT_MAX];

	addr_format(&view->packet->tuple.saddr, address);
	if (found->verdict == SLUICE_V_list_deny)
		say(s, "dropped: %s is in deny list %s", address, name);
	else if (found->verdict == SLUICE_V_list_not_allowed)
		say(s, "dropped: %s is in no allow list of %s (such as %s)", address,
		    service_name(view), name);
	else if (list && list->action == LIST_DENY)
		say_denied(view, s, name);
	else if (list && list->action == LIST_EXEMPT)
		say(s, "; exempt by list %s", name);
	else if (list && list->action == LIST_ALLOW)
		say(s, "; allowed by list %s", name);
}

const char *where_summary(const struct where_view *view, char *text, size_t size)
{
	static const char *const actions[] = {"passed to this host's stack", "dropped", "forwarded",
					      "answered"};
	const struct sluice_explain *found = &view->answer->found;
	struct sentence s = {.text = text, .size = size};
	char address[ADDR_TEXT_MAX];

	_Static_assert(ARRAY_SIZE(actions) == SLUICE_ACTION_MAX, "actions");
	text[0] = '\0';
	switch (found->verdict) {
	case SLUICE_V_forwarded:
		say(&s, "goes to ");
		say_member(view, &s);
		break;
	case SLUICE_V_not_service:
		say(&s, "passed to this host's stack: %s is no service's address",
		    addr_format(&view->packet->tuple.daddr, address));
		break;
	case SLUICE_V_local:
		say(&s, "passed to this host's stack: service %s has mode local",
		    service_name(view));
		break;
	case SLUICE_V_unknown_port:
	case SLUICE_V_unknown_port_passed:
		say_unknown_port(view, &s, found->verdict == SLUICE_V_unknown_port_passed);
		break;
	case SLUICE_V_no_member:
		say_no_member(view, &s);
		break;
	case SLUICE_V_no_nexthop:
		say_no_nexthop(view, &s);
		break;
	case SLUICE_V_too_big:
		say_too_big(view, &s);
		break;
	case SLUICE_V_limit:
	case SLUICE_V_host_limit:
	case SLUICE_V_ban:
		say_limit(view, &s);
		return text;
	case SLUICE_V_list_deny:
	case SLUICE_V_list_not_allowed:
		say_list(view, &s);
		return text;
	default:
		say(&s, "%s: %s", actions[verdicts_action(found->verdict)],
		    verdicts_help(found->verdict));
	}
	if (found->list)
		say_list(view, &s);
	else if (where_is_management(view) && verdicts_action(found->verdict) != SLUICE_ACTION_DROP)
		say(&s, "; a management source: no list or limit applies");
	if (found->limit)
		say_limit(view, &s);
	return text;
}
