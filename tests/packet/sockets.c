/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "packet/sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

static void die(const char *what)
{
	fail_msg("%s: %s", what, strerror(errno));
}

socklen_t sockets_fill(struct sockaddr_storage *addr, const char *text, uint16_t port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *in = (struct sockaddr_in *)addr;

	memset(addr, 0, sizeof(*addr));
	if (strchr(text, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		return sizeof(*in6);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
	return sizeof(*in);
}

int sockets_bound(const char *text, int type, uint16_t port)
{
	struct sockaddr_storage addr;
	socklen_t len = sockets_fill(&addr, text, port);
	int fd = socket(addr.ss_family, type, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&addr, len))
		die("bind");
	return fd;
}

int sockets_connected(const char *text, int type, uint16_t from, uint16_t to)
{
	struct sockaddr_storage addr;
	socklen_t len = sockets_fill(&addr, text, to);
	int fd = sockets_bound(text, type, from);

	if (connect(fd, (struct sockaddr *)&addr, len))
		die("connect");
	return fd;
}

void sockets_enter_namespace(void)
{
	if (unshare(CLONE_NEWNET) ||
	    system("ip link set lo up && ip link add quiet type veth peer name other && "
		   "ip addr add 10.9.0.1/24 dev quiet && ip link set other up && ip link set quiet "
		   "up")) {
		perror("a network namespace");
		exit(1);
	}
}
