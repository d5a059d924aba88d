/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/iface.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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
