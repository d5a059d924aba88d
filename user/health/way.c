/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/way.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/util.h"

int way_socket(const struct way *way, int type)
{
	int family = addr_family(&way->addr) == SLUICE_FAMILY_V4 ? AF_INET : AF_INET6;
	AUTO_CLOSE int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (way->mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &way->mark, sizeof(way->mark)))
		return -errno;
	return TAKE_FD(fd);
}
