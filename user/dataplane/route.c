/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/route.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "base/util.h"
#include "dataplane/netlink.h"

static int take_metric(const struct nlattr *attr, void *arg)
{
	struct route *route = arg;

	if (mnl_attr_get_type(attr) == RTAX_MTU)
		route->mtu = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

/* RTA_VIA: a gateway of the other family (RFC 5549): 16 bits of family, then the address. */
static void take_via(const struct nlattr *attr, struct route *route)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);

	if (mnl_attr_get_payload_len(attr) != sizeof(*via) + 16 || via->rtvia_family != AF_INET6)
		return;
	memcpy(route->next.b, via->rtvia_addr, 16);
	route->has_gateway = true;
}

static int take_attr(const struct nlattr *attr, void *arg)
{
	struct route *route = arg;

	switch (mnl_attr_get_type(attr)) {
	case RTA_OIF:
		route->ifindex = mnl_attr_get_u32(attr);
		break;
	case RTA_GATEWAY:
		route->has_gateway = netlink_get_addr(attr, &route->next);
		break;
	case RTA_VIA:
		take_via(attr, route);
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
	struct route *route = arg;

	if (message->nlmsg_type != RTM_NEWROUTE)
		return;
	route->type = rt->rtm_type;
	mnl_attr_parse(message, sizeof(*rt), take_attr, route);
}

int route_lookup_marked(struct netlink *netlink, const struct sluice_addr *addr,
			const struct sluice_addr *source, uint32_t mark, struct route *ret_route)
{
	union {
		struct nlmsghdr header;
		char bytes[NETLINK_REQUEST_BYTES];
	} buffer = {};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer.bytes);
	struct route route = {.next = *addr};
	struct rtmsg *rt;
	int ret;

	request->nlmsg_type = RTM_GETROUTE;
	rt = mnl_nlmsg_put_extra_header(request, sizeof(*rt));
	rt->rtm_family = netlink_family(addr);
	rt->rtm_dst_len = rt->rtm_family == AF_INET ? 32 : 128;
	netlink_put_addr(request, RTA_DST, addr);
	if (source->d[0] | source->d[1]) {
		rt->rtm_src_len = rt->rtm_dst_len;
		netlink_put_addr(request, RTA_SRC, source);
	}
	if (mark)
		mnl_attr_put_u32(request, RTA_MARK, mark);
	ret = netlink_request(netlink, request, take_route, &route);
	if (ret)
		return ret;
	*ret_route = route;
	return 0;
}

int route_lookup(struct netlink *netlink, const struct sluice_addr *addr, struct route *ret_route)
{
	static const struct sluice_addr any;

	return route_lookup_marked(netlink, addr, &any, 0, ret_route);
}

void route_describe_error(int ret, char *text, size_t size)
{
	if (ret == -ENETUNREACH || ret == -EHOSTUNREACH)
		util_copy(text, size, "no route to host");
	else
		snprintf(text, size, "the routing refuses: %s", strerror(-ret));
}

int route_check(const struct route *route, char *text, size_t size)
{
	static const char *const reasons[RTN_MAX + 1] = {
		[RTN_UNSPEC] = "no route",
		[RTN_LOCAL] = "the address is this host's own: a member must be another host",
		[RTN_BROADCAST] = "the address is a broadcast address",
		[RTN_ANYCAST] = "the address is an anycast address of this host",
		[RTN_MULTICAST] = "the address is a multicast address",
		[RTN_BLACKHOLE] = "the route is a blackhole",
		[RTN_UNREACHABLE] = "the route says unreachable",
		[RTN_PROHIBIT] = "the route says prohibited",
	};
	const char *reason;

	if (route->type == RTN_UNICAST && route->ifindex)
		return 0;
	reason = route->type <= RTN_MAX ? reasons[route->type] : NULL;
	util_copy(text, size, reason ? reason : "the route leads nowhere");
	return -EHOSTUNREACH;
}
