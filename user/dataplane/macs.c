/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which MAC addresses make a frame ours, for each interface that runs the program. */
#include "dataplane/dp_bpf.h"

#include <errno.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/netlink.h"

#define MAC_LENGTH 6

struct link {
	uint8_t mac[MAC_LENGTH];
	uint32_t master; /* ifindex, 0: none */
};

static void take_link(const struct nlmsghdr *message, void *arg)
{
	struct link *link = arg;
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWLINK)
		return;
	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_ADDRESS &&
		    mnl_attr_get_payload_len(attr) == MAC_LENGTH)
			memcpy(link->mac, mnl_attr_get_payload(attr), MAC_LENGTH);
		else if (mnl_attr_get_type(attr) == IFLA_MASTER)
			link->master = mnl_attr_get_u32(attr);
	}
}

static int ask_link(struct netlink *netlink, uint32_t ifindex, struct link *ret_link)
{
	char buffer[NETLINK_REQUEST_BYTES] = {};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

	request->nlmsg_type = RTM_GETLINK;
	info->ifi_index = (int)ifindex;
	memset(ret_link, 0, sizeof(*ret_link));
	return netlink_request(netlink, request, take_link, ret_link);
}

/* A word of struct sluice_interface: the MAC and the mark, in the order of memory. */
static uint64_t mac_word(const uint8_t mac[MAC_LENGTH], uint32_t ifindex)
{
	uint16_t mark = SLUICE_INTERFACE_MARK(ifindex);
	uint8_t bytes[8];
	uint64_t word;

	memcpy(bytes, mac, MAC_LENGTH);
	bytes[6] = (uint8_t)(mark >> 8);
	bytes[7] = (uint8_t)mark;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

static void write_cell(struct dp_bpf *dp, uint32_t ifindex, uint64_t own, uint64_t master)
{
	struct sluice_interface *cell = &dp->maps.interfaces[SLUICE_INTERFACE_CELL(ifindex)];

	__atomic_store_n(&cell->mac[1], master, __ATOMIC_RELEASE);
	__atomic_store_n(&cell->mac[0], own, __ATOMIC_RELEASE);
}

/* What the kernel does not tell leaves the cell as it is. -ENODEV: the interface is gone; 1: its own
 * MAC is another one than before. */
static int refresh(struct dp_bpf *dp, struct netlink *netlink, uint32_t ifindex)
{
	const struct sluice_interface *cell = &dp->maps.interfaces[SLUICE_INTERFACE_CELL(ifindex)];
	uint64_t master_word = 0, own, before = cell->mac[0];
	struct link link, master;
	int ret = ask_link(netlink, ifindex, &link);

	if (ret)
		return ret;
	if (link.master && !ask_link(netlink, link.master, &master))
		master_word = mac_word(master.mac, ifindex);
	own = mac_word(link.mac, ifindex);
	write_cell(dp, ifindex, own, master_word);
	return own != before;
}

static void follow(struct dp_bpf *dp, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < dp->interface_count; i++)
		if (dp->interfaces[i] == ifindex)
			return;
	/* More than a configuration can name: all its frames count. */
	if (i < ARRAY_SIZE(dp->interfaces))
		dp->interfaces[dp->interface_count++] = ifindex;
}

void dp_macs_add(struct dp_bpf *dp, uint32_t ifindex)
{
	follow(dp, ifindex);
	dp_bpf_refresh_macs(dp);
}

void dp_macs_adopt(struct dp_bpf *dp)
{
	struct dp_attachment list[CONFIG_INTERFACES_MAX];
	size_t count = dp_bpf_attachments(dp, list, ARRAY_SIZE(list));
	size_t i;

	for (i = 0; i < count; i++)
		follow(dp, list[i].ifindex);
	dp_bpf_refresh_macs(dp);
}

/* Also of an interface that a predecessor attached. */
void dp_macs_remove(struct dp_bpf *dp, uint32_t ifindex)
{
	size_t i;

	write_cell(dp, ifindex, 0, 0);
	for (i = 0; i < dp->interface_count; i++) {
		if (dp->interfaces[i] == ifindex) {
			dp->interfaces[i] = dp->interfaces[--dp->interface_count];
			return;
		}
	}
}

bool dp_bpf_refresh_macs(struct dp_bpf *dp)
{
	struct netlink netlink;
	size_t i = dp->interface_count;
	bool is_changed = false;
	int ret;

	if (!dp->interface_count || netlink_init_requests(&netlink, NULL))
		return false;
	/* Backwards: the last one takes the place of one that is gone. */
	while (i-- > 0) {
		ret = refresh(dp, &netlink, dp->interfaces[i]);
		is_changed |= ret == 1;
		if (ret == -ENODEV)
			dp_macs_remove(dp, dp->interfaces[i]);
	}
	netlink_done(&netlink);
	return is_changed;
}
