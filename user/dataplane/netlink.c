/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>

#include "base/addr.h"
#include "base/util.h"

#define EVENTS_BUFFER_BYTES (4 << 20) /* a route flap of a full table must not cost a resync */
#define EVENTS_READ_MAX 128	      /* datagrams a turn, so that the loop gets its turn too */
#define REQUEST_TIMEOUT_S 2

struct receiver {
	netlink_fn fn;
	void *arg;
};

static struct mnl_socket *open_socket(int flags)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);

	if (!socket)
		return NULL;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(socket);
		return NULL;
	}
	return socket;
}

static int join_groups(struct mnl_socket *socket)
{
	static const int groups[] = {
		RTNLGRP_LINK,	     RTNLGRP_NEIGH,	 RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,	 RTNLGRP_NEXTHOP,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
		    0)
			return -errno;
	}
	return 0;
}

static int refuse_socket(struct netlink *opened, struct err *e)
{
	err_set(e, ERR_SYSTEM, "", "cannot open rtnetlink: %s", strerror(errno));
	netlink_done(opened);
	return -EIO;
}

int netlink_init_requests(struct netlink *netlink, struct err *e)
{
	struct timeval timeout = {.tv_sec = REQUEST_TIMEOUT_S};
	struct netlink opened = {};
	int one = 1;

	opened.requests = open_socket(0);
	if (!opened.requests)
		return refuse_socket(&opened, e);
	setsockopt(mnl_socket_get_fd(opened.requests), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		   sizeof(timeout));
	/* The kernel then checks what a request asks for, and says in words what is wrong. */
	mnl_socket_setsockopt(opened.requests, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	*netlink = opened;
	return 0;
}

int netlink_init(struct netlink *netlink, struct err *e)
{
	int bytes = EVENTS_BUFFER_BYTES, ret;
	struct netlink opened;

	ret = netlink_init_requests(&opened, e);
	if (ret)
		return ret;
	opened.events = open_socket(SOCK_NONBLOCK);
	if (!opened.events || join_groups(opened.events))
		return refuse_socket(&opened, e);
	/* With CAP_NET_ADMIN beyond the system's limit; without, as much as it gives. */
	if (setsockopt(mnl_socket_get_fd(opened.events), SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
		       sizeof(bytes)))
		setsockopt(mnl_socket_get_fd(opened.events), SOL_SOCKET, SO_RCVBUF, &bytes,
			   sizeof(bytes));
	*netlink = opened;
	return 0;
}

void netlink_done(struct netlink *netlink)
{
	if (netlink->requests)
		mnl_socket_close(netlink->requests);
	if (netlink->events)
		mnl_socket_close(netlink->events);
	memset(netlink, 0, sizeof(*netlink));
}

static int receive(const struct nlmsghdr *message, void *arg)
{
	struct receiver *receiver = arg;

	if (receiver->fn)
		receiver->fn(message, receiver->arg);
	return MNL_CB_OK;
}

static int end_with(const struct nlmsghdr *message, size_t bytes)
{
	int error;

	if (mnl_nlmsg_get_payload_len(message) < bytes) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	errno = error < 0 ? -error : 0;
	return error < 0 ? MNL_CB_ERROR : MNL_CB_STOP;
}

static int take_error(const struct nlmsghdr *message, void *arg)
{
	(void)arg;
	return end_with(message, sizeof(struct nlmsgerr));
}

/* A dump that the kernel could not make says so at its end, which libmnl takes for a good one. */
static int take_done(const struct nlmsghdr *message, void *arg)
{
	(void)arg;
	return end_with(message, sizeof(int));
}

int netlink_take(const void *data, size_t length, uint32_t sequence, uint32_t portid, netlink_fn fn,
		 void *arg)
{
	static mnl_cb_t control[] = {[NLMSG_ERROR] = take_error, [NLMSG_DONE] = take_done};
	struct receiver receiver = {fn, arg};
	int ret = mnl_cb_run2(data, length, sequence, portid, receive, &receiver, control,
			      ARRAY_SIZE(control));

	/* An answer to a request that timed out earlier. */
	if (ret < 0 && errno == EPROTO)
		return 1;
	return ret < 0 ? -errno : ret > MNL_CB_STOP;
}

int netlink_request(struct netlink *netlink, struct nlmsghdr *request, netlink_fn fn, void *arg)
{
	uint32_t portid = mnl_socket_get_portid(netlink->requests);
	char buffer[32768];
	ssize_t length;
	int ret;

	request->nlmsg_seq = ++netlink->sequence;
	request->nlmsg_flags |= NLM_F_REQUEST;
	/* A dump ends with a message of its own. Its bits are also those of "replace" and "excl". */
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(netlink->requests, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		length = mnl_socket_recvfrom(netlink->requests, buffer, sizeof(buffer));
		if (length < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		ret = netlink_take(buffer, (size_t)length, request->nlmsg_seq, portid, fn, arg);
	} while (ret > 0);
	return ret;
}

int netlink_dump(struct netlink *netlink, uint16_t type, netlink_fn fn, void *arg)
{
	union {
		struct nlmsghdr header;
		char bytes[NETLINK_REQUEST_BYTES];
	} buffer = {};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer.bytes);
	/* Each kind has its own header; with strict checking it must be the right one. */
	size_t extra = type == RTM_GETLINK    ? sizeof(struct ifinfomsg)
		       : type == RTM_GETNEIGH ? sizeof(struct ndmsg)
					      : sizeof(struct rtmsg);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, extra);
	return netlink_request(netlink, request, fn, arg);
}

int netlink_read_events(struct netlink *netlink, netlink_fn fn, void *arg)
{
	struct receiver receiver = {fn, arg};
	char buffer[32768];
	ssize_t length;
	int i;

	for (i = 0; i < EVENTS_READ_MAX; i++) {
		length = mnl_socket_recvfrom(netlink->events, buffer, sizeof(buffer));
		if (length < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		mnl_cb_run(buffer, (size_t)length, 0, 0, receive, &receiver);
	}
	return 0;
}

int netlink_events_fd(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->events);
}

bool netlink_get_addr(const struct nlattr *attr, struct sluice_addr *ret_addr)
{
	size_t length = mnl_attr_get_payload_len(attr);

	if (length != 4 && length != 16)
		return false;
	memset(ret_addr, 0, sizeof(*ret_addr));
	if (length == 4)
		memset(ret_addr->b + 10, 0xff, 2);
	memcpy(ret_addr->b + 16 - length, mnl_attr_get_payload(attr), length);
	return true;
}

uint8_t netlink_family(const struct sluice_addr *addr)
{
	return addr_family(addr) == SLUICE_FAMILY_V4 ? AF_INET : AF_INET6;
}

void netlink_put_addr(struct nlmsghdr *request, uint16_t type, const struct sluice_addr *addr)
{
	if (netlink_family(addr) == AF_INET)
		mnl_attr_put(request, type, 4, addr->b + 12);
	else
		mnl_attr_put(request, type, 16, addr->b);
}
