/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node's role and what it announces: the pinned switch, and frames to the segments. */
#include "dataplane/dp_bpf.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/gratuitous.h"
#include "dataplane/netlink.h"
#include "dataplane/node.h"

/* Without the packet path's time, which nobody asks for here. */
static struct dp_node node_of(const struct dp_bpf *dp)
{
	return (struct dp_node){.control = dp->maps.control, .notes = dp->maps.notes};
}

bool dp_bpf_is_active(const struct dp_bpf *dp)
{
	const struct dp_node node = node_of(dp);

	return dp_node_is_active(&node);
}

void dp_bpf_set_active(struct dp_bpf *dp, bool is_active)
{
	const struct dp_node node = node_of(dp);

	dp_node_set_active(&node, is_active);
}

void dp_bpf_set_cut_off(struct dp_bpf *dp, bool is_cut_off)
{
	const struct dp_node node = node_of(dp);

	dp_node_set_cut_off(&node, is_cut_off);
}

void dp_bpf_note_routes(struct dp_bpf *dp, const struct routes_place *place)
{
	const struct dp_node node = node_of(dp);

	dp_node_note_routes(&node, *place);
}

void dp_bpf_noted_routes(const struct dp_bpf *dp, struct routes_place *ret_place)
{
	const struct dp_node node = node_of(dp);

	*ret_place = dp_node_routes(&node);
}

/* ---- gratuitous frames ---------------------------------------------------------------------- */

struct link {
	uint32_t ifindex, lower;
	bool is_vlan, is_up;
};

struct links { /* VLAN devices of an attached interface */
	uint32_t lower;
	uint32_t *list;
	size_t count, capacity;
};

static int take_kind(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
	    !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
		link->is_vlan = !strcmp(mnl_attr_get_str(attr), "vlan");
	return MNL_CB_OK;
}

static void take_vlan(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct links *links = arg;
	struct link link = {.ifindex = (uint32_t)info->ifi_index,
			    .is_up = info->ifi_flags & IFF_UP};
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	mnl_attr_for_each(attr, message, sizeof(*info))
	{
		if (mnl_attr_get_type(attr) == IFLA_LINK)
			link.lower = mnl_attr_get_u32(attr);
		else if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
			mnl_attr_parse_nested(attr, take_kind, &link);
	}
	if (!link.is_vlan || !link.is_up || link.lower != links->lower)
		return;
	links->list =
		util_grow(links->list, &links->capacity, links->count + 1, sizeof(*links->list));
	links->list[links->count++] = link.ifindex;
}

/* 0 where the MAC is not known. */
static size_t announce_on(struct dp_bpf *dp, struct netlink *netlink, int fd, uint32_t ifindex,
			  const struct sluice_addr *addrs, size_t count)
{
	const struct sluice_interface *cell = &dp->maps.interfaces[SLUICE_INTERFACE_CELL(ifindex)];
	uint64_t word = __atomic_load_n(&cell->mac[0], __ATOMIC_ACQUIRE);
	struct links links = {.lower = ifindex};
	uint8_t mac[sizeof(word)];
	size_t i, l, sent = 0;

	memcpy(mac, &word, sizeof(mac));
	if (!word)
		return 0;
	netlink_dump(netlink, RTM_GETLINK, take_vlan, &links);
	for (i = 0; i < count; i++) {
		sent += !gratuitous_send(fd, ifindex, &addrs[i], mac);
		for (l = 0; l < links.count; l++)
			sent += !gratuitous_send(fd, links.list[l], &addrs[i], mac);
	}
	free(links.list);
	return sent;
}

size_t dp_bpf_announce(struct dp_bpf *dp, int fd, const struct sluice_addr *addrs, size_t count)
{
	struct netlink netlink;
	size_t i, sent = 0;

	if (fd < 0 || !count || netlink_init_requests(&netlink, NULL))
		return 0;
	for (i = 0; i < dp->interface_count; i++)
		sent += announce_on(dp, &netlink, fd, dp->interfaces[i], addrs, count);
	netlink_done(&netlink);
	return sent;
}
