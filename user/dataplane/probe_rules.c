/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/probe_rules.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/netlink.h"
#include "dataplane/probe_path.h"

/* The smallest that IPv6 has everywhere: no probe needs more, and with an outer header it still fits
 * into most paths. Answers are of the size that follows from it. */
#define ROUTE_MTU 1280
/* Of the two default routes: the device's, and the one that stays when the device is gone. */
#define METRIC_DEVICE 1
#define METRIC_NOWHERE UINT32_MAX
#define ROUTES_MAX 16 /* looked at; ours are two */

static const uint8_t families[] = {AF_INET, AF_INET6};

union request {
	struct nlmsghdr header;
	char bytes[NETLINK_REQUEST_BYTES];
};

/* The kernel has no such family, or no rules. */
static bool is_lacking(int ret)
{
	return ret == -EAFNOSUPPORT || ret == -EOPNOTSUPP;
}

static const char *option(uint8_t family)
{
	return family == AF_INET ? "" : "-6 ";
}

/* ---- rules ---------------------------------------------------------------------------------- */

struct rule {
	uint32_t priority, table, mark, mask;
	uint8_t protocol;
	bool has_more; /* it matches by something else, too */
};

struct rule_search {
	const struct probe_path_place *place;
	size_t ours;
	bool has_foreign;
	struct rule foreign; /* the first that gets in our way */
};

static void begin_rule(union request *request, uint16_t type, uint16_t flags, uint8_t family)
{
	struct fib_rule_hdr *header;

	memset(request, 0, sizeof(*request));
	mnl_nlmsg_put_header(request->bytes);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = flags;
	header = mnl_nlmsg_put_extra_header(&request->header, sizeof(*header));
	header->family = family;
	if (type != RTM_GETRULE)
		header->action = FR_ACT_TO_TBL;
}

static int take_rule_attr(const struct nlattr *attr, void *arg)
{
	struct rule *rule = arg;

	switch (mnl_attr_get_type(attr)) {
	case FRA_PRIORITY:
		rule->priority = mnl_attr_get_u32(attr);
		break;
	case FRA_TABLE:
		rule->table = mnl_attr_get_u32(attr);
		break;
	case FRA_FWMARK:
		rule->mark = mnl_attr_get_u32(attr);
		break;
	case FRA_FWMASK:
		rule->mask = mnl_attr_get_u32(attr);
		break;
	case FRA_PROTOCOL:
		rule->protocol = mnl_attr_get_u8(attr);
		break;
	case FRA_SRC:
	case FRA_DST:
	case FRA_IIFNAME:
	case FRA_OIFNAME:
		rule->has_more = true;
		break;
	}
	return MNL_CB_OK;
}

static bool is_our_rule(const struct rule *rule, const struct probe_path_place *place)
{
	return rule->protocol == SLUICE_PROBE_PROTOCOL && rule->priority == place->preference &&
	       rule->table == place->table && rule->mark == place->mark &&
	       rule->mask == SLUICE_PROBE_MARK_MASK && !rule->has_more;
}

/* Its sockets would meet our rule, or ours its. */
static bool has_our_marks(const struct rule *rule, const struct probe_path_place *place)
{
	return (rule->mask & SLUICE_PROBE_MARK_MASK) == SLUICE_PROBE_MARK_MASK &&
	       (rule->mark & SLUICE_PROBE_MARK_MASK) == place->mark;
}

static void take_rule(const struct nlmsghdr *message, void *arg)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	struct rule rule = {.table = header->table};
	struct rule_search *search = arg;

	if (message->nlmsg_type != RTM_NEWRULE)
		return;
	mnl_attr_parse(message, sizeof(*header), take_rule_attr, &rule);
	if (is_our_rule(&rule, search->place)) {
		search->ours++;
	} else if (!search->has_foreign &&
		   (rule.priority == search->place->preference ||
		    rule.table == search->place->table || has_our_marks(&rule, search->place))) {
		search->has_foreign = true;
		search->foreign = rule;
	}
}

static int find_rules(struct netlink *netlink, const struct probe_path_place *place, uint8_t family,
		      struct rule_search *ret_search)
{
	struct rule_search search = {.place = place};
	union request request;
	int ret;

	begin_rule(&request, RTM_GETRULE, NLM_F_DUMP, family);
	ret = netlink_request(netlink, &request.header, take_rule, &search);
	if (!ret)
		*ret_search = search;
	return ret;
}

static int change_rule(struct netlink *netlink, const struct probe_path_place *place,
		       uint8_t family, bool is_added)
{
	union request request;

	begin_rule(&request, is_added ? RTM_NEWRULE : RTM_DELRULE,
		   is_added ? NLM_F_CREATE | NLM_F_EXCL : 0, family);
	mnl_attr_put_u32(&request.header, FRA_PRIORITY, place->preference);
	mnl_attr_put_u32(&request.header, FRA_FWMARK, place->mark);
	mnl_attr_put_u32(&request.header, FRA_FWMASK, SLUICE_PROBE_MARK_MASK);
	mnl_attr_put_u32(&request.header, FRA_TABLE, place->table);
	mnl_attr_put_u8(&request.header, FRA_PROTOCOL, SLUICE_PROBE_PROTOCOL);
	return netlink_request(netlink, &request.header, NULL, NULL);
}

/* ---- routes --------------------------------------------------------------------------------- */

struct path_route {
	uint8_t type, protocol, length, tos;
	uint32_t table, ifindex, metric, mtu;
	struct sluice_addr source;
};

struct route_search {
	uint32_t table;
	struct path_route list[ROUTES_MAX];
	size_t count;
};

static int take_metric(const struct nlattr *attr, void *arg)
{
	struct path_route *route = arg;

	if (mnl_attr_get_type(attr) == RTAX_MTU)
		route->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int take_route_attr(const struct nlattr *attr, void *arg)
{
	struct path_route *route = arg;

	switch (mnl_attr_get_type(attr)) {
	case RTA_TABLE:
		route->table = mnl_attr_get_u32(attr);
		break;
	case RTA_OIF:
		route->ifindex = mnl_attr_get_u32(attr);
		break;
	case RTA_PRIORITY:
		route->metric = mnl_attr_get_u32(attr);
		break;
	case RTA_PREFSRC:
		netlink_get_addr(attr, &route->source);
		break;
	case RTA_METRICS:
		mnl_attr_parse_nested(attr, take_metric, route);
		break;
	}
	return MNL_CB_OK;
}

static void take_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(message);
	struct route_search *search = arg;
	struct path_route route = {.type = rt->rtm_type,
				   .protocol = rt->rtm_protocol,
				   .length = rt->rtm_dst_len,
				   .table = rt->rtm_table};

	if (message->nlmsg_type != RTM_NEWROUTE || search->count == ROUTES_MAX)
		return;
	mnl_attr_parse(message, sizeof(*rt), take_route_attr, &route);
	if (route.table == search->table)
		search->list[search->count++] = route;
}

static struct rtmsg *begin_route(union request *request, uint16_t type, uint16_t flags,
				 uint8_t family, uint32_t table)
{
	struct rtmsg *rt;

	memset(request, 0, sizeof(*request));
	mnl_nlmsg_put_header(request->bytes);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = flags;
	rt = mnl_nlmsg_put_extra_header(&request->header, sizeof(*rt));
	rt->rtm_family = family;
	mnl_attr_put_u32(&request->header, RTA_TABLE, table);
	return rt;
}

static int find_routes(struct netlink *netlink, const struct probe_path_place *place,
		       uint8_t family, struct route_search *ret_search)
{
	struct route_search search = {.table = place->table};
	union request request;
	int ret;

	begin_route(&request, RTM_GETROUTE, NLM_F_DUMP, family, place->table);
	ret = netlink_request(netlink, &request.header, take_route, &search);
	if (ret && ret != -ENOENT) /* a table without routes is none */
		return ret;
	*ret_search = search;
	return 0;
}

static int change_route(struct netlink *netlink, const struct probe_path_place *place,
			uint8_t family, const struct path_route *route, bool is_added)
{
	struct nlattr *metrics;
	union request request;
	struct rtmsg *rt;

	rt = begin_route(&request, is_added ? RTM_NEWROUTE : RTM_DELROUTE,
			 is_added ? NLM_F_CREATE | NLM_F_REPLACE : 0, family, place->table);
	rt->rtm_type = route->type;
	rt->rtm_protocol = route->protocol;
	rt->rtm_dst_len = route->length;
	rt->rtm_scope = route->type == RTN_UNICAST ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (!is_added)
		rt->rtm_scope = RT_SCOPE_NOWHERE; /* whatever it has */
	mnl_attr_put_u32(&request.header, RTA_PRIORITY, route->metric);
	if (route->type == RTN_UNICAST && route->ifindex)
		mnl_attr_put_u32(&request.header, RTA_OIF, route->ifindex);
	if (is_added && route->type == RTN_UNICAST) {
		netlink_put_addr(&request.header, RTA_PREFSRC, &route->source);
		metrics = mnl_attr_nest_start(&request.header, RTA_METRICS);
		mnl_attr_put_u32(&request.header, RTAX_MTU, route->mtu);
		mnl_attr_nest_end(&request.header, metrics);
	}
	return netlink_request(netlink, &request.header, NULL, NULL);
}

static bool is_same_route(const struct path_route *a, const struct path_route *b)
{
	if (a->type != b->type || a->protocol != b->protocol || a->length != b->length ||
	    a->metric != b->metric)
		return false;
	return a->type != RTN_UNICAST ||
	       (a->ifindex == b->ifindex && a->mtu == b->mtu && addr_equal(&a->source, &b->source));
}

/* Only what differs: a route that is put in place once more is news to everybody who listens. */
static int ensure_routes(struct netlink *netlink, const struct probe_path_place *place,
			 uint8_t family, const struct path_route *wanted, size_t count)
{
	struct route_search there;
	int ret = find_routes(netlink, place, family, &there);
	size_t i, j;

	for (i = 0; !ret && i < count; i++) {
		for (j = 0; j < there.count && !is_same_route(&there.list[j], &wanted[i]); j++)
			;
		if (j == there.count)
			ret = change_route(netlink, place, family, &wanted[i], true);
	}
	/* One that was left of another device or source; those with a wanted metric were replaced. */
	for (j = 0; !ret && j < there.count; j++) {
		for (i = 0; i < count && there.list[j].metric != wanted[i].metric; i++)
			;
		if (i == count && there.list[j].protocol == SLUICE_PROBE_PROTOCOL)
			ret = change_route(netlink, place, family, &there.list[j], false);
	}
	return ret;
}

/* ---- both ----------------------------------------------------------------------------------- */

static int refuse_rule(const struct probe_path_place *place, uint8_t family,
		       const struct rule *rule, struct err *e)
{
	char what[64];

	if (rule->table == place->table)
		snprintf(what, sizeof(what), "points at table %u", place->table);
	else if (rule->priority == place->preference)
		snprintf(what, sizeof(what), "is in its place");
	else
		snprintf(what, sizeof(what), "is for marks of ours (fwmark 0x%x/0x%x)", rule->mark,
			 rule->mask);
	err_set(e, ERR_CONFLICT, "",
		"probes through the path need a rule of preference %u, and a rule of this host "
		"(preference %u) %s",
		place->preference, rule->priority, what);
	err_hint(e,
		 "ip %srule show; give that rule other numbers, or let members be probed at their "
		 "own addresses",
		 option(family));
	return -EEXIST;
}

static int check_family(struct netlink *netlink, const struct probe_path_place *place,
			uint8_t family, struct err *e)
{
	struct route_search routes = {0};
	struct rule_search rules = {0};
	int ret = find_rules(netlink, place, family, &rules);
	size_t i;

	if (!ret && rules.has_foreign)
		return refuse_rule(place, family, &rules.foreign, e);
	if (!ret)
		ret = find_routes(netlink, place, family, &routes);
	for (i = 0; !ret && i < routes.count; i++) {
		if (routes.list[i].protocol == SLUICE_PROBE_PROTOCOL)
			continue;
		err_set(e, ERR_CONFLICT, "",
			"probes through the path need the routing table %u, and somebody else's "
			"routes are in it",
			place->table);
		err_hint(e, "ip %sroute show table %u", option(family), place->table);
		return -EEXIST;
	}
	if (ret && !is_lacking(ret))
		return err_set(e, ERR_SYSTEM, "", "cannot list rules and routes: %s",
			       strerror(-ret));
	return 0;
}

int probe_rules_check(struct netlink *netlink, const struct probe_path_place *place, struct err *e)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(families) && !ret; i++)
		ret = check_family(netlink, place, families[i], e);
	return ret;
}

/* The rule last: until then no packet looks into the table. */
int probe_rules_ensure(struct netlink *netlink, const struct probe_path_place *place,
		       enum sluice_family family, uint32_t ifindex,
		       const struct sluice_addr *source)
{
	const struct path_route wanted[] = {
		{.type = RTN_UNREACHABLE,
		 .protocol = SLUICE_PROBE_PROTOCOL,
		 .metric = METRIC_NOWHERE},
		{.type = RTN_UNICAST,
		 .protocol = SLUICE_PROBE_PROTOCOL,
		 .metric = METRIC_DEVICE,
		 .ifindex = ifindex,
		 .mtu = ROUTE_MTU,
		 .source = *source},
	};
	uint8_t af = family == SLUICE_FAMILY_V4 ? AF_INET : AF_INET6;
	bool has_source = source->d[0] | source->d[1];
	struct rule_search rules;
	int ret = find_rules(netlink, place, af, &rules);

	if (!ret)
		ret = ensure_routes(netlink, place, af, wanted, has_source ? 2 : 1);
	if (!ret && !rules.ours)
		ret = change_rule(netlink, place, af, true);
	return ret;
}

static int remove_family(struct netlink *netlink, const struct probe_path_place *place,
			 uint8_t family, bool *ret_was_there)
{
	struct route_search routes;
	struct rule_search rules;
	int ret = find_rules(netlink, place, family, &rules);
	size_t i;

	for (i = 0; !ret && i < rules.ours; i++) {
		*ret_was_there = true;
		ret = change_rule(netlink, place, family, false);
	}
	if (!ret)
		ret = find_routes(netlink, place, family, &routes);
	for (i = 0; !ret && i < routes.count; i++) {
		if (routes.list[i].protocol != SLUICE_PROBE_PROTOCOL)
			continue;
		*ret_was_there = true;
		ret = change_route(netlink, place, family, &routes.list[i], false);
	}
	return ret;
}

int probe_rules_remove(struct netlink *netlink, const struct probe_path_place *place,
		       bool *ret_was_there, struct err *e)
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(families); i++) {
		ret = remove_family(netlink, place, families[i], ret_was_there);
		if (ret && !is_lacking(ret))
			return err_set(e, ret == -EPERM ? ERR_FORBIDDEN : ERR_SYSTEM, "",
				       "cannot remove the rule and routes of table %u: %s",
				       place->table, strerror(-ret));
	}
	return 0;
}
