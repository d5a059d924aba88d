/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doctor's facts about interfaces. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/stat.h>

#include <libmnl/libmnl.h>

#include <sluice/abi.h>

#include "base/addr.h"
#include "dataplane/dispatcher.h"
#include "dataplane/doctor_internal.h"
#include "dataplane/ethtool.h"
#include "dataplane/ours.h"
#include "dataplane/pins.h"
#include "dataplane/route.h"
#include "dataplane/xdp_features.h"

#define LOWER_UP 0x10000	    /* IFF_LOWER_UP, which only <linux/if.h> has */
#define NOWHERE_SPECIAL "240.0.0.1" /* reserved, so that only a default route leads there */

/* ---- all devices ----------------------------------------------------------------------------- */

static int take_info(const struct nlattr *attr, void *arg)
{
	struct doctor_link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		util_copy(link->kind, sizeof(link->kind), mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

static int take_attr(const struct nlattr *attr, void *arg)
{
	struct doctor_link *link = arg;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		util_copy(link->name, sizeof(link->name), mnl_attr_get_str(attr));
		break;
	case IFLA_MTU:
		link->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		link->lower = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		link->is_lower_elsewhere = true;
		link->lower_space = mnl_attr_get_u32(attr);
		break;
	case IFLA_MASTER:
		link->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_NUM_RX_QUEUES:
		link->rx_queues = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, take_info, link);
		break;
	}
	return MNL_CB_OK;
}

static void take_link(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct doctor_source *source = arg;
	struct doctor_link *link;

	links_take(source->links, message);
	if (message->nlmsg_type != RTM_NEWLINK || info->ifi_family != AF_UNSPEC)
		return;
	source->list = util_grow(source->list, &source->capacity, source->count + 1,
				 sizeof(*source->list));
	link = &source->list[source->count++];
	memset(link, 0, sizeof(*link));
	link->ifindex = (uint32_t)info->ifi_index;
	link->hardware = info->ifi_type;
	link->is_up = info->ifi_flags & IFF_UP;
	link->has_carrier = info->ifi_flags & LOWER_UP;
	mnl_attr_parse(message, sizeof(*info), take_attr, link);
}

void doctor_read_links(struct doctor_source *source)
{
	netlink_dump(&source->netlink, RTM_GETLINK, take_link, source);
}

static const struct doctor_link *find_link(const struct doctor_source *source, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < source->count; i++)
		if (ifindex && source->list[i].ifindex == ifindex)
			return &source->list[i];
	return NULL;
}

static const struct doctor_link *find_named(const struct doctor_source *source, const char *name)
{
	size_t i;

	for (i = 0; i < source->count; i++)
		if (!strcmp(source->list[i].name, name))
			return &source->list[i];
	return NULL;
}

static void append_name(char *list, size_t size, const char *name)
{
	size_t used = strlen(list);

	if (used + strlen(name) + 3 <= size)
		snprintf(list + used, size - used, "%s%s", used ? ", " : "", name);
}

/* ---- one interface --------------------------------------------------------------------------- */

struct doctor_interface *doctor_add_interface(struct doctor_facts *facts, const char *name)
{
	struct doctor_interface *interface;
	size_t i;

	for (i = 0; i < facts->interface_count; i++)
		if (!strcmp(facts->interfaces[i].name, name))
			return &facts->interfaces[i];
	if (facts->interface_count == ARRAY_SIZE(facts->interfaces))
		return NULL;
	interface = &facts->interfaces[facts->interface_count++];
	util_copy(interface->name, sizeof(interface->name), name);
	return interface;
}

static void name_relatives(const struct doctor_source *source, const struct doctor_link *link,
			   struct doctor_interface *interface)
{
	const struct doctor_link *master = find_link(source, link->master);
	const struct doctor_link *lower = link->is_lower_elsewhere ? NULL
								   : find_link(source, link->lower);
	struct hook hook;
	size_t i;

	if (lower)
		util_copy(interface->lower, sizeof(interface->lower), lower->name);
	if (master) {
		util_copy(interface->master, sizeof(interface->master), master->name);
		util_copy(interface->master_kind, sizeof(interface->master_kind), master->kind);
		if (!hook_query(master->ifindex, &hook))
			interface->master_program_id = hook.program_id;
	}
	for (i = 0; i < source->count; i++) {
		const struct doctor_link *other = &source->list[i];

		if (other->master == link->ifindex)
			append_name(interface->members, sizeof(interface->members), other->name);
		if (other->lower == link->ifindex && !other->is_lower_elsewhere &&
		    !strcmp(other->kind, "vlan"))
			append_name(interface->vlans, sizeof(interface->vlans), other->name);
	}
}

/* A program is ours when the instance's pins have it. Who may not read them cannot know. */
static enum fact is_ours(const char *instance, uint32_t ifindex)
{
	CLEANUP(ours_done) struct ours ours = {.fd = -1};
	struct stat st;
	char dir[192];

	if (pins_path(instance, dir, sizeof(dir), NULL))
		return FACT_UNKNOWN;
	if (stat(dir, &st))
		return errno == EACCES ? FACT_UNKNOWN : FACT_NO;
	if (access(dir, R_OK | X_OK))
		return FACT_UNKNOWN;
	if (ours_find(dir, 0, -1, ifindex, &ours))
		return FACT_NO;
	return ours.fd >= 0 ? FACT_YES : FACT_NO;
}

static void look_at_program(const char *instance, struct doctor_interface *interface)
{
	struct doctor_program *program = &interface->program;
	struct dispatcher_program list[DISPATCHER_SLOTS];
	struct hook hook;

	if (hook_query(interface->ifindex, &hook) || !hook.program_id)
		return;
	program->id = hook.program_id;
	program->is_generic = hook.is_generic;
	util_copy(program->name, sizeof(program->name), hook.program);
	program->is_ours = is_ours(instance, interface->ifindex);
	if (hook.program[0])
		program->is_dispatcher = strcmp(hook.program, DISPATCHER_PROGRAM) ? FACT_NO
										  : FACT_YES;
	if (program->is_dispatcher == FACT_YES)
		program->dispatched = dispatcher_list(interface->ifindex, list);
	if (program->dispatched)
		dispatcher_others(interface->ifindex, 0, program->names, sizeof(program->names));
}

static int take_xdp(const struct nlattr *attr, void *arg)
{
	struct doctor_interface *interface = arg;

	if (mnl_attr_get_type(attr) == IFLA_XDP_ATTACHED)
		interface->has_far_program = mnl_attr_get_u8(attr) == XDP_ATTACHED_DRV ||
							     mnl_attr_get_u8(attr) ==
								     XDP_ATTACHED_MULTI
						     ? FACT_YES
						     : FACT_NO;
	return MNL_CB_OK;
}

static int take_far_attr(const struct nlattr *attr, void *arg)
{
	struct doctor_interface *interface = arg;

	if (mnl_attr_get_type(attr) == IFLA_IFNAME)
		util_copy(interface->far_name, sizeof(interface->far_name), mnl_attr_get_str(attr));
	else if (mnl_attr_get_type(attr) == IFLA_XDP)
		mnl_attr_parse_nested(attr, take_xdp, interface);
	return MNL_CB_OK;
}

static void take_far(const struct nlmsghdr *message, void *arg)
{
	if (message->nlmsg_type == RTM_NEWLINK)
		mnl_attr_parse(message, sizeof(struct ifinfomsg), take_far_attr, arg);
}

/* The other end of a veth, also in another network namespace, for who may look there. */
static void look_at_far_end(struct doctor_source *source, const struct doctor_link *link,
			    struct doctor_interface *interface)
{
	char buffer[NETLINK_REQUEST_BYTES];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info;

	if (strcmp(link->kind, "veth") || !link->lower)
		return;
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_index = (int)link->lower;
	if (link->is_lower_elsewhere)
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, link->lower_space);
	netlink_request(&source->netlink, request, take_far, interface);
}

/* Does what has no route of its own leave by the interface? */
static enum fact is_default_route(struct doctor_source *source, uint32_t ifindex)
{
	struct sluice_addr addr;
	struct route route;
	int ret;

	addr_parse(NOWHERE_SPECIAL, &addr);
	ret = route_lookup(&source->netlink, &addr, &route);
	if (ret == -ENETUNREACH || ret == -EHOSTUNREACH)
		return FACT_NO;
	if (ret)
		return FACT_UNKNOWN;
	return route.ifindex == ifindex ? FACT_YES : FACT_NO;
}

int doctor_read_rp_filter(const char *name)
{
	char path[64];
	int own;

	snprintf(path, sizeof(path), "net/ipv4/conf/%s/rp_filter", name);
	own = doctor_read_sysctl(path);
	return own < 0 ? own : MAX(own, doctor_read_sysctl("net/ipv4/conf/all/rp_filter"));
}

static void look_at_driver(struct doctor_interface *interface, struct xdp_features *features)
{
	const struct doctor_channels *channels = &interface->channels;
	const char *name = interface->name;

	ethtool_driver(name, interface->driver, sizeof(interface->driver));
	interface->lro = ethtool_feature(name, "rx-lro");
	interface->gro_hw = ethtool_feature(name, "rx-gro-hw");
	interface->gro = ethtool_feature(name, "rx-gro");
	interface->vlan_offload = ethtool_feature(name, "rx-vlan-hw-parse");
	interface->channels = ethtool_channels(name);
	if (channels->rx + channels->combined)
		interface->rx_queues = channels->rx + channels->combined;
	interface->has_xdp_features =
		xdp_features_get(features, interface->ifindex, &interface->xdp_features) ? FACT_YES
											 : FACT_NO;
}

static void look_at(struct doctor_source *source, struct xdp_features *features,
		    struct doctor_interface *interface)
{
	const struct doctor_link *link = find_named(source, interface->name);
	size_t i;

	if (!link) {
		for (i = 0; i < source->count; i++)
			append_name(interface->there_are, sizeof(interface->there_are),
				    source->list[i].name);
		return;
	}
	interface->exists = true;
	interface->ifindex = link->ifindex;
	util_copy(interface->kind, sizeof(interface->kind), link->kind);
	interface->is_ethernet = link->hardware == ARPHRD_ETHER ||
				 link->hardware == ARPHRD_LOOPBACK;
	interface->is_up = link->is_up;
	interface->has_carrier = link->has_carrier;
	interface->mtu = link->mtu;
	interface->rx_queues = link->rx_queues;
	name_relatives(source, link, interface);
	look_at_driver(interface, features);
	look_at_program(source->question->instance, interface);
	look_at_far_end(source, link, interface);
	interface->rp_filter = doctor_read_rp_filter(interface->name);
	interface->is_default_route = is_default_route(source, interface->ifindex);
}

static void gather_tunnels(const struct doctor_source *source, struct doctor_facts *facts)
{
	static const char *const kinds[] = {"ipip", "sit", "ip6tnl"};
	size_t i, k;

	for (i = 0; i < source->count && facts->tunnel_count < DOCTOR_TUNNELS_MAX; i++) {
		const struct doctor_link *link = &source->list[i];

		for (k = 0; k < ARRAY_SIZE(kinds) && link->is_up; k++) {
			struct doctor_tunnel *tunnel = &facts->tunnels[facts->tunnel_count];

			if (strcmp(link->kind, kinds[k]))
				continue;
			util_copy(tunnel->name, sizeof(tunnel->name), link->name);
			util_copy(tunnel->kind, sizeof(tunnel->kind), link->kind);
			tunnel->rp_filter = doctor_read_rp_filter(link->name);
			facts->tunnel_count++;
			break;
		}
	}
}

void doctor_gather_interfaces(struct doctor_source *source, struct doctor_facts *facts)
{
	struct xdp_features *features = xdp_features_open();
	size_t i;

	for (i = 0; i < facts->interface_count; i++)
		look_at(source, features, &facts->interfaces[i]);
	gather_tunnels(source, facts);
	xdp_features_close(features);
}
