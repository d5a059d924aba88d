/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/iface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/util.h"

#define LISTED_MAX 12 /* a router may have thousands */

static int refuse_unknown(const char *name, struct err *e)
{
	const char *names[64];
	struct if_nameindex *all = if_nameindex();
	const char *nearest;
	char list[200] = "none";
	size_t count = 0, used = 0;

	for (; all && all[count].if_name && count < ARRAY_SIZE(names); count++) {
		names[count] = all[count].if_name;
		if (count < LISTED_MAX && used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 count ? ", " : "", names[count]);
	}
	if (count > LISTED_MAX && used < sizeof(list))
		snprintf(list + used, sizeof(list) - used, ", ...");
	nearest = util_nearest(name, names, count);
	err_set(e, ERR_NOT_FOUND, "", "interface %s does not exist in this network namespace",
		name);
	if (nearest)
		err_hint(e, "did you mean %s? There are: %s", nearest, list);
	else
		err_hint(e, "there are: %s", list);
	if (all)
		if_freenameindex(all);
	return -ENOENT;
}

int iface_find(const char *name, struct iface *ret_iface, struct err *e)
{
	struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
	struct iface iface = {};
	struct ifreq request = {};
	AUTO_CLOSE int fd = -1;

	iface.ifindex = strlen(name) < IFNAMSIZ ? if_nametoindex(name) : 0;
	if (!iface.ifindex)
		return refuse_unknown(name, e);
	util_copy(iface.name, sizeof(iface.name), name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, "", "cannot open a socket: %s", strerror(errno));
	util_copy(request.ifr_name, sizeof(request.ifr_name), name);
	if (ioctl(fd, SIOCGIFMTU, &request) == 0)
		iface.mtu = (uint32_t)request.ifr_mtu;
	request.ifr_data = (void *)&info;
	if (ioctl(fd, SIOCETHTOOL, &request) == 0)
		util_copy(iface.driver, sizeof(iface.driver), info.driver);
	*ret_iface = iface;
	return 0;
}

const char *iface_problem(const char *name)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {};

	util_copy(request.ifr_name, sizeof(request.ifr_name), name);
	if (fd < 0)
		return NULL; /* nothing is known */
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return errno == ENODEV ? "is gone" : NULL;
	if (!(request.ifr_flags & IFF_UP))
		return "is down";
	return request.ifr_flags & IFF_RUNNING ? NULL : "has no carrier";
}

bool iface_address(const struct ifaddrs *at, struct sluice_addr *ret_addr)
{
	const struct sockaddr *sockaddr = at->ifa_addr;
	struct sluice_addr addr = {0};

	if (sockaddr && sockaddr->sa_family == AF_INET6) {
		memcpy(addr.b, &((const struct sockaddr_in6 *)sockaddr)->sin6_addr, 16);
	} else if (sockaddr && sockaddr->sa_family == AF_INET) {
		memset(addr.b + 10, 0xff, 2);
		memcpy(addr.b + 12, &((const struct sockaddr_in *)sockaddr)->sin_addr, 4);
	} else {
		return false;
	}
	*ret_addr = addr;
	return true;
}

const struct ifaddrs *iface_with_address(const struct ifaddrs *list, const struct sluice_addr *addr)
{
	struct sluice_addr own;

	for (; list; list = list->ifa_next)
		if (iface_address(list, &own) && addr_equal(&own, addr))
			return list;
	return NULL;
}

int iface_prefix_length(const struct ifaddrs *at)
{
	const struct sockaddr *mask = at->ifa_netmask;
	const uint8_t *bytes;
	size_t length, i;
	int bits = 0;

	if (!mask)
		return 0;
	length = mask->sa_family == AF_INET6 ? 16 : 4;
	bytes = mask->sa_family == AF_INET6
			? (const uint8_t *)&((const struct sockaddr_in6 *)mask)->sin6_addr
			: (const uint8_t *)&((const struct sockaddr_in *)mask)->sin_addr;
	for (i = 0; i < length; i++)
		bits += __builtin_popcount(bytes[i]);
	return bits;
}
