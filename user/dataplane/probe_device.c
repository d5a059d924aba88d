/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/probe_device.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/veth.h>

#include "base/util.h"
#include "dataplane/ethtool.h"
#include "dataplane/netlink.h"
#include "dataplane/probe_path.h"

#define FLAGS_WANTED (IFF_UP | IFF_NOARP)

union request {
	struct nlmsghdr header;
	char bytes[NETLINK_REQUEST_BYTES];
};

struct link {
	uint32_t ifindex;
	uint32_t flags;
	uint32_t group;
	uint32_t other;	   /* ifindex of the other end */
	bool is_elsewhere; /* that is in another namespace */
	bool is_veth;
	bool has_addresses; /* makes itself link-local ones */
};

static struct ifinfomsg *begin(union request *request, uint16_t type, uint16_t flags,
			       uint32_t ifindex)
{
	struct ifinfomsg *info;

	memset(request, 0, sizeof(*request));
	mnl_nlmsg_put_header(request->bytes);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = flags;
	info = mnl_nlmsg_put_extra_header(&request->header, sizeof(*info));
	info->ifi_index = (int)ifindex;
	return info;
}

/* ---- what is there -------------------------------------------------------------------------- */

static int take_info(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		link->is_veth = !strcmp(mnl_attr_get_str(attr), "veth");
	return MNL_CB_OK;
}

static int take_inet6(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INET6_ADDR_GEN_MODE)
		link->has_addresses = mnl_attr_get_u8(attr) != IN6_ADDR_GEN_MODE_NONE;
	return MNL_CB_OK;
}

static int take_family(const struct nlattr *attr, void *arg)
{
	if (mnl_attr_get_type(attr) == AF_INET6)
		mnl_attr_parse_nested(attr, take_inet6, arg);
	return MNL_CB_OK;
}

static int take_attr(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_GROUP:
		link->group = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		link->other = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		link->is_elsewhere = true;
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, take_info, link);
		break;
	case IFLA_AF_SPEC:
		mnl_attr_parse_nested(attr, take_family, link);
		break;
	}
	return MNL_CB_OK;
}

static void take_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct link *link = arg;

	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	link->ifindex = (uint32_t)info->ifi_index;
	link->flags = info->ifi_flags;
	mnl_attr_parse(message, sizeof(*info), take_attr, link);
}

static int find_link(struct netlink *netlink, const char *name, struct link *ret_link)
{
	struct link link = {0};
	union request request;
	int ret;

	begin(&request, RTM_GETLINK, 0, 0);
	mnl_attr_put_strz(&request.header, IFLA_IFNAME, name);
	ret = netlink_request(netlink, &request.header, take_link, &link);
	if (ret)
		return ret;
	*ret_link = link;
	return 0;
}

static int find_ours(struct netlink *netlink, const struct probe_path_place *place,
		     const char *name, struct link *ret_link, struct err *e)
{
	int ret = find_link(netlink, name, ret_link);

	if (ret == -ENODEV)
		return ret;
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot ask for the device %s: %s", name,
			       strerror(-ret));
	if (ret_link->is_veth && ret_link->group == place->table)
		return 0;
	err_set(e, ERR_CONFLICT, "",
		"probes through the path need a device %s, and somebody else's has that name",
		name);
	err_hint(e, "ip link set %s name OTHER, or let members be probed at their own addresses",
		 name);
	return -EEXIST;
}

/* Both ends, which must belong together. */
static int find_pair(struct netlink *netlink, const struct probe_path_place *place,
		     struct link ret_links[2], struct err *e)
{
	int ret = find_ours(netlink, place, place->device, &ret_links[0], e);
	int peer = ret && ret != -ENODEV ? ret
					 : find_ours(netlink, place, place->peer, &ret_links[1], e);

	if (ret && ret != -ENODEV)
		return ret;
	if (peer && peer != -ENODEV)
		return peer;
	if (ret || peer || ret_links[0].is_elsewhere || ret_links[0].other != ret_links[1].ifindex)
		return -ENODEV;
	return 0;
}

int probe_device_find(struct netlink *netlink, const struct probe_path_place *place,
		      struct probe_device *ret_device, struct err *e)
{
	struct link links[2] = {0};
	int ret = find_pair(netlink, place, links, e);

	if (!ret)
		*ret_device = (struct probe_device){links[0].ifindex, links[1].ifindex};
	return ret;
}

/* ---- changes -------------------------------------------------------------------------------- */

static int explain(int ret, const char *what, const char *name, struct err *e)
{
	err_set(e,
		ret == -EPERM	     ? ERR_FORBIDDEN
		: ret == -EOPNOTSUPP ? ERR_UNSUPPORTED
				     : ERR_SYSTEM,
		"", "cannot %s the device %s, by which probes leave: %s", what, name,
		strerror(-ret));
	if (ret == -EPERM)
		err_hint(e, "CAP_NET_ADMIN is missing");
	else if (ret == -EOPNOTSUPP)
		err_hint(e, "the kernel needs veth devices (CONFIG_VETH): modprobe veth");
	return ret;
}

static int create(struct netlink *netlink, const struct probe_path_place *place, struct err *e)
{
	struct nlattr *info, *data, *peer;
	union request request;
	int ret;

	begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(&request.header, IFLA_IFNAME, place->device);
	mnl_attr_put_u32(&request.header, IFLA_GROUP, place->table);
	info = mnl_attr_nest_start(&request.header, IFLA_LINKINFO);
	mnl_attr_put_strz(&request.header, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(&request.header, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(&request.header, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(&request.header, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(&request.header, IFLA_IFNAME, place->peer);
	mnl_attr_put_u32(&request.header, IFLA_GROUP, place->table);
	mnl_attr_nest_end(&request.header, peer);
	mnl_attr_nest_end(&request.header, data);
	mnl_attr_nest_end(&request.header, info);
	ret = netlink_request(netlink, &request.header, NULL, NULL);
	return ret ? explain(ret, "create", place->device, e) : 0;
}

static int remove_link(struct netlink *netlink, uint32_t ifindex, const char *name, struct err *e)
{
	union request request;
	int ret;

	begin(&request, RTM_DELLINK, 0, ifindex);
	ret = netlink_request(netlink, &request.header, NULL, NULL);
	return ret && ret != -ENODEV ? explain(ret, "remove", name, e) : 0;
}

/* Addresses, which IPv6 makes by itself, and neighbours are of no use here. */
static int refuse_addresses(struct netlink *netlink, uint32_t ifindex)
{
	struct nlattr *spec, *inet6;
	union request request;

	begin(&request, RTM_SETLINK, 0, ifindex);
	spec = mnl_attr_nest_start(&request.header, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(&request.header, AF_INET6);
	mnl_attr_put_u8(&request.header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(&request.header, inet6);
	mnl_attr_nest_end(&request.header, spec);
	return netlink_request(netlink, &request.header, NULL, NULL);
}

static int adjust(struct netlink *netlink, const struct link *link, const char *name,
		  const char *alias, struct err *e)
{
	struct ifinfomsg *info;
	union request request;
	int ret;

	/* A kernel without IPv6 makes none. */
	ret = link->has_addresses ? refuse_addresses(netlink, link->ifindex) : 0;
	if (ret && ret != -EAFNOSUPPORT && ret != -EOPNOTSUPP)
		return explain(ret, "set up", name, e);
	ret = ethtool_checksums_off(name);
	if (ret)
		return explain(ret, "turn off checksum offload of", name, e);
	if ((link->flags & FLAGS_WANTED) == FLAGS_WANTED)
		return 0;
	info = begin(&request, RTM_SETLINK, 0, link->ifindex);
	info->ifi_flags = info->ifi_change = FLAGS_WANTED;
	mnl_attr_put_strz(&request.header, IFLA_IFALIAS, alias);
	ret = netlink_request(netlink, &request.header, NULL, NULL);
	return ret ? explain(ret, "set up", name, e) : 0;
}

/* Whatever is left of a pair: one end of ours is enough to take both away. */
static int remove_rest(struct netlink *netlink, const struct probe_path_place *place,
		       bool *ret_was_there, struct err *e)
{
	const char *names[] = {place->device, place->peer};
	struct link link;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		ret = find_link(netlink, names[i], &link);
		if (ret == -ENODEV || (!ret && (!link.is_veth || link.group != place->table)))
			continue;
		if (!ret)
			ret = remove_link(netlink, link.ifindex, names[i], e);
		if (ret)
			return ret;
		*ret_was_there = true;
	}
	return 0;
}

int probe_device_ensure(struct netlink *netlink, const struct probe_path_place *place,
			const char *instance, struct probe_device *ret_device, struct err *e)
{
	AUTO_FREE char *alias = util_printf("sluice instance %s: health checks", instance);
	struct link links[2] = {0};
	bool was_there;
	int ret = find_pair(netlink, place, links, e);

	if (ret == -ENODEV) {
		ret = remove_rest(netlink, place, &was_there, e);
		if (!ret)
			ret = create(netlink, place, e);
		if (!ret)
			ret = find_pair(netlink, place, links, e);
		if (ret == -ENODEV)
			return explain(ret, "find", place->device, e);
	}
	/* The peer first: a device is ready when its peer is. */
	if (!ret)
		ret = adjust(netlink, &links[1], place->peer, alias, e);
	if (!ret)
		ret = adjust(netlink, &links[0], place->device, alias, e);
	if (!ret)
		*ret_device = (struct probe_device){links[0].ifindex, links[1].ifindex};
	return ret;
}

int probe_device_remove(struct netlink *netlink, const struct probe_path_place *place,
			bool *ret_was_there, struct err *e)
{
	*ret_was_there = false;
	return remove_rest(netlink, place, ret_was_there, e);
}
