/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <uthash.h>

#include "base/util.h"

#define VLAN_ID_MASK 0x0fff

struct link {
	uint32_t ifindex;
	char name[16];
	char kind[16];
	uint16_t hardware; /* ARPHRD_* */
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t lower;
	bool is_lower_elsewhere; /* in another network namespace */
	bool is_vlan_8021q;
	uint16_t vlan_id;
	bool is_up;
	bool has_carrier;
	UT_hash_handle hh;
};

struct links {
	struct link *by_index;
};

struct links *links_new(void)
{
	return util_alloc(sizeof(struct links));
}

void links_clear(struct links *links)
{
	struct link *link, *next;

	HASH_ITER (hh, links->by_index, link, next) {
		HASH_DEL(links->by_index, link);
		free(link);
	}
}

void links_free(struct links *links)
{
	if (!links)
		return;
	links_clear(links);
	free(links);
}

static struct link *find(const struct links *links, uint32_t ifindex)
{
	struct link *link;

	HASH_FIND(hh, links->by_index, &ifindex, sizeof(ifindex), link);
	return link;
}

const char *links_name(const struct links *links, uint32_t ifindex)
{
	const struct link *link = find(links, ifindex);

	return link ? link->name : "?";
}

const char *links_vlan_on(const struct links *links, uint32_t ifindex)
{
	const struct link *link, *next;

	HASH_ITER (hh, links->by_index, link, next)
		if (link->lower == ifindex && !link->is_lower_elsewhere &&
		    !strcmp(link->kind, "vlan"))
			return link->name;
	return NULL;
}

static int take_vlan_attr(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_VLAN_ID)
		link->vlan_id = mnl_attr_get_u16(attr) & VLAN_ID_MASK;
	else if (mnl_attr_get_type(attr) == IFLA_VLAN_PROTOCOL)
		link->is_vlan_8021q = mnl_attr_get_u16(attr) == htons(ETH_P_8021Q);
	return MNL_CB_OK;
}

static int take_info_attr(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		util_copy(link->kind, sizeof(link->kind), mnl_attr_get_str(attr));
	else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA && !strcmp(link->kind, "vlan"))
		mnl_attr_parse_nested(attr, take_vlan_attr, link);
	return MNL_CB_OK;
}

static int take_attr(const struct nlattr *attr, void *arg)
{
	struct link *link = arg;

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
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == sizeof(link->mac))
			memcpy(link->mac, mnl_attr_get_payload(attr), sizeof(link->mac));
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, take_info_attr, link);
		break;
	}
	return MNL_CB_OK;
}

bool links_take(struct links *links, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct link *link, fresh = {};

	if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK)
		return false;
	if (info->ifi_family != AF_UNSPEC) /* a bridge reports its ports in the same group */
		return false;
	link = find(links, (uint32_t)info->ifi_index);
	if (message->nlmsg_type == RTM_DELLINK) {
		if (!link)
			return false;
		HASH_DEL(links->by_index, link);
		free(link);
		return true;
	}
	if (!link) {
		link = util_alloc(sizeof(*link));
		link->ifindex = (uint32_t)info->ifi_index;
		HASH_ADD(hh, links->by_index, ifindex, sizeof(link->ifindex), link);
	}
	fresh.ifindex = link->ifindex;
	fresh.hh = link->hh;
	fresh.hardware = info->ifi_type;
	fresh.is_up = info->ifi_flags & IFF_UP;
	fresh.has_carrier = info->ifi_flags & IFF_LOWER_UP;
	mnl_attr_parse(message, sizeof(*info), take_attr, &fresh);
	/* Padding that differs counts as a change: routes are asked for once more, no harm. */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (!memcmp(link, &fresh, sizeof(fresh)))
		return false;
	memcpy(link, &fresh, sizeof(fresh));
	return true;
}

/* Kinds of devices that cannot transmit XDP frames, or not the way their name suggests. */
static const char *refusal(const struct link *link)
{
	static const struct {
		const char *kind, *reason;
	} kinds[] = {
		{"bridge",
		 "is a bridge, which cannot transmit XDP frames: put the address on a port, "
		 "or route through one"},
		{"macvlan", "is a macvlan device, which cannot transmit XDP frames"},
		{"macvtap", "is a macvtap device, which cannot transmit XDP frames"},
		{"ipvlan", "is an ipvlan device, which cannot transmit XDP frames"},
		{"dummy", "is a dummy device: nothing leaves through it"},
		{"ifb", "is an ifb device, which cannot transmit XDP frames"},
		{"team", "is a team device, which cannot transmit XDP frames: use a bond"},
		{"vxlan", "is a vxlan device, which cannot transmit XDP frames"},
		{"geneve", "is a geneve device, which cannot transmit XDP frames"},
		{"vrf", "is a vrf device, which cannot transmit XDP frames"},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(link->kind, kinds[i].kind))
			return kinds[i].reason;
	return link->hardware == ARPHRD_ETHER ? NULL : "is not an Ethernet device";
}

static int check_link(const struct link *link, char *text, size_t size)
{
	const char *reason = refusal(link);

	if (reason) {
		snprintf(text, size, "%s %s", link->name, reason);
		return -EOPNOTSUPP;
	}
	if (!link->is_up || !link->has_carrier) {
		snprintf(text, size, "%s %s", link->name,
			 link->is_up ? "has no carrier" : "is down");
		return -ENETDOWN;
	}
	return 0;
}

int links_egress(const struct links *links, uint32_t ifindex, struct egress *ret_egress, char *text,
		 size_t size)
{
	const struct link *link = find(links, ifindex), *lower = link;
	struct egress egress = {};
	int ret;

	if (!link) {
		snprintf(text, size, "interface %u is gone", ifindex);
		return -ENODEV;
	}
	ret = check_link(link, text, size);
	if (ret)
		return ret;
	if (!strcmp(link->kind, "vlan")) {
		lower = link->is_lower_elsewhere ? NULL : find(links, link->lower);
		if (!lower || !link->is_vlan_8021q || !strcmp(lower->kind, "vlan")) {
			snprintf(text, size,
				 "%s: only one 802.1Q tag on a device of this network "
				 "namespace can be set",
				 link->name);
			return -EOPNOTSUPP;
		}
		ret = check_link(lower, text, size);
		if (ret)
			return ret;
		egress.has_vlan = true;
		egress.vlan_tci = link->vlan_id;
	}
	util_copy(egress.name, sizeof(egress.name), link->name);
	egress.ifindex = lower->ifindex;
	memcpy(egress.smac, link->mac, sizeof(egress.smac));
	egress.mtu = MIN(link->mtu, lower->mtu);
	*ret_egress = egress;
	return 0;
}
