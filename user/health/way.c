/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/way.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/util.h"

static bool has_source(const struct way *way)
{
	return way->source.d[0] | way->source.d[1];
}

/* The port is chosen when it connects: then no more than the whole connection must be another's. */
static int bind_to(int fd, const struct sluice_addr *source)
{
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(source, 0, &sa);
	int one = 1;

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&sa, length) ? -errno : 0;
}

int way_socket(const struct way *way, int type)
{
	int family = addr_family(&way->addr) == SLUICE_FAMILY_V4 ? AF_INET : AF_INET6;
	AUTO_CLOSE int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	if (way->mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &way->mark, sizeof(way->mark)))
		return -errno;
	ret = has_source(way) ? bind_to(fd, &way->source) : 0;
	return ret ? ret : TAKE_FD(fd);
}
