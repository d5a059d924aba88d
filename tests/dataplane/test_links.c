/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Devices as the kernel describes them, from messages made here: also kinds it may not have. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>

#include "dataplane/links.h"

#define UP (IFF_UP | IFF_RUNNING | IFF_LOWER_UP)

static struct links *links;

struct device {
	int ifindex;
	const char *name;
	const char *kind;
	unsigned int flags;
	uint32_t mtu;
	uint16_t hardware;
	uint32_t lower;
	uint16_t vlan, vlan_proto;
	bool is_lower_elsewhere;
};

static bool feed(const struct device *d, uint16_t type)
{
	union {
		struct nlmsghdr header;
		char bytes[1024];
	} buffer = {};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
	uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)d->ifindex};
	struct nlattr *info, *data;
	struct ifinfomsg *body;

	message->nlmsg_type = type;
	body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->ifi_index = d->ifindex;
	body->ifi_type = d->hardware;
	body->ifi_flags = d->flags;
	mnl_attr_put_strz(message, IFLA_IFNAME, d->name);
	mnl_attr_put_u32(message, IFLA_MTU, d->mtu);
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
	if (d->lower)
		mnl_attr_put_u32(message, IFLA_LINK, d->lower);
	if (d->is_lower_elsewhere)
		mnl_attr_put_u32(message, IFLA_LINK_NETNSID, 0);
	if (d->kind) {
		info = mnl_attr_nest_start(message, IFLA_LINKINFO);
		mnl_attr_put_strz(message, IFLA_INFO_KIND, d->kind);
		if (d->vlan) {
			data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
			mnl_attr_put_u16(message, IFLA_VLAN_ID, d->vlan);
			mnl_attr_put_u16(message, IFLA_VLAN_PROTOCOL, htons(d->vlan_proto));
			mnl_attr_nest_end(message, data);
		}
		mnl_attr_nest_end(message, info);
	}
	return links_take(links, message);
}

static const struct device eth = {
	.ifindex = 2, .name = "eth0", .flags = UP, .mtu = 1500, .hardware = ARPHRD_ETHER};
static const struct device vlan = {.ifindex = 3,
				   .name = "eth0.42",
				   .kind = "vlan",
				   .flags = UP,
				   .mtu = 1480,
				   .hardware = ARPHRD_ETHER,
				   .lower = 2,
				   .vlan = 42,
				   .vlan_proto = ETH_P_8021Q};

static int set_up(void **state)
{
	(void)state;
	links = links_new();
	feed(&eth, RTM_NEWLINK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	links_free(links);
	return 0;
}

static void assert_refused(const struct device *device, const char *reason)
{
	struct egress egress;
	char text[96] = "";

	feed(device, RTM_NEWLINK);
	assert_true(links_egress(links, (uint32_t)device->ifindex, &egress, text, sizeof(text)) <
		    0);
	if (!strstr(text, reason))
		fail_msg("\"%s\" does not say \"%s\"", text, reason);
}

static void test_plain_device(void **state)
{
	struct egress egress;
	char text[96];

	(void)state;
	assert_int_equal(links_egress(links, 2, &egress, text, sizeof(text)), 0);
	assert_int_equal(egress.ifindex, 2);
	assert_false(egress.has_vlan);
	assert_int_equal(egress.mtu, 1500);
	assert_int_equal(egress.smac[5], 2);
	assert_string_equal(links_name(links, 2), "eth0");
}

static void test_vlan_means_lower_device_and_tag(void **state)
{
	struct egress egress;
	char text[96];

	(void)state;
	feed(&vlan, RTM_NEWLINK);
	assert_int_equal(links_egress(links, 3, &egress, text, sizeof(text)), 0);
	assert_int_equal(egress.ifindex, 2);
	assert_true(egress.has_vlan);
	assert_int_equal(egress.vlan_tci, 42);
	assert_int_equal(egress.mtu, 1480);
	assert_int_equal(egress.smac[5], 3); /* the VLAN device's own address */
	assert_string_equal(egress.name, "eth0.42");
}

static void test_tags_that_cannot_be_set(void **state)
{
	struct device provider = vlan, nested = vlan, elsewhere = vlan, orphan = vlan;

	(void)state;
	provider.vlan_proto = ETH_P_8021AD;
	assert_refused(&provider, "only one 802.1Q tag");
	elsewhere.is_lower_elsewhere = true;
	assert_refused(&elsewhere, "network namespace");
	orphan.lower = 77;
	assert_refused(&orphan, "only one 802.1Q tag");
	feed(&vlan, RTM_NEWLINK);
	nested.ifindex = 4;
	nested.lower = 3;
	assert_refused(&nested, "only one 802.1Q tag");
}

static void test_devices_that_cannot_transmit(void **state)
{
	struct device device = eth;

	(void)state;
	device.ifindex = 9;
	device.name = "br0";
	device.kind = "bridge";
	assert_refused(&device, "br0 is a bridge");
	device.kind = "dummy";
	assert_refused(&device, "dummy");
	device.kind = "tun";
	device.hardware = ARPHRD_NONE;
	assert_refused(&device, "not an Ethernet device");
}

static void test_down_and_gone(void **state)
{
	struct device down = eth;
	struct egress egress;
	char text[96];

	(void)state;
	down.flags = IFF_UP;
	assert_refused(&down, "eth0 has no carrier");
	down.flags = 0;
	assert_refused(&down, "eth0 is down");
	feed(&eth, RTM_NEWLINK);
	feed(&vlan, RTM_NEWLINK);
	down.flags = IFF_UP;
	feed(&down, RTM_NEWLINK);
	assert_int_equal(links_egress(links, 3, &egress, text, sizeof(text)), -ENETDOWN);
	assert_string_equal(text, "eth0 has no carrier");
	assert_true(feed(&eth, RTM_DELLINK));
	assert_int_equal(links_egress(links, 2, &egress, text, sizeof(text)), -ENODEV);
	assert_string_equal(links_name(links, 2), "?");
}

static void test_news_only(void **state)
{
	struct device changed = eth;

	(void)state;
	assert_false(feed(&eth, RTM_NEWLINK));
	changed.mtu = 9000;
	assert_true(feed(&changed, RTM_NEWLINK));
	assert_false(feed(&changed, RTM_NEWNEIGH));
}

static void test_vlan_on(void **state)
{
	struct device elsewhere = vlan;

	(void)state;
	assert_null(links_vlan_on(links, (uint32_t)eth.ifindex));
	elsewhere.is_lower_elsewhere = true; /* the number is another namespace's */
	feed(&elsewhere, RTM_NEWLINK);
	assert_null(links_vlan_on(links, (uint32_t)eth.ifindex));
	feed(&vlan, RTM_NEWLINK);
	assert_string_equal(links_vlan_on(links, (uint32_t)eth.ifindex), vlan.name);
	assert_null(links_vlan_on(links, (uint32_t)vlan.ifindex));
	feed(&vlan, RTM_DELLINK);
	assert_null(links_vlan_on(links, (uint32_t)eth.ifindex));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain_device, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_vlan_means_lower_device_and_tag, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_tags_that_cannot_be_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_devices_that_cannot_transmit, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_down_and_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_news_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_vlan_on, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
