/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "dataplane/xdp_features.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <libmnl/libmnl.h>

#include "base/util.h"

/* Of linux/netdev.h, which Debian's headers do not have yet. */
#define FAMILY_NAME "netdev"
#define COMMAND_DEV_GET 1
#define ATTR_IFINDEX 1
#define ATTR_XDP_FEATURES 3

#define REQUEST_BYTES 256
#define ANSWER_BYTES 8192
#define TIMEOUT_S 2

struct xdp_features {
	struct mnl_socket *socket;
	uint32_t sequence;
	uint16_t family;
};

struct answer {
	uint16_t type; /* of the attribute that is wanted */
	size_t bytes;
	bool is_found;
	uint64_t value; /* native byte order, as the attribute */
};

static int take_answer(const struct nlmsghdr *message, void *arg)
{
	struct answer *answer = arg;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) != answer->type ||
		    mnl_attr_get_payload_len(attr) != answer->bytes)
			continue;
		answer->value = answer->bytes == sizeof(uint64_t) ? mnl_attr_get_u64(attr)
								  : mnl_attr_get_u16(attr);
		answer->is_found = true;
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *start_request(char *buffer, uint16_t family, uint8_t command)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *header;

	request->nlmsg_type = family;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->cmd = command;
	header->version = 1;
	return request;
}

static bool ask(struct xdp_features *features, struct nlmsghdr *request, struct answer *answer)
{
	uint32_t portid = mnl_socket_get_portid(features->socket);
	char buffer[ANSWER_BYTES];
	ssize_t length;
	int ret = MNL_CB_OK;

	request->nlmsg_seq = ++features->sequence;
	if (mnl_socket_sendto(features->socket, request, request->nlmsg_len) < 0)
		return false;
	while (ret > MNL_CB_STOP) {
		length = mnl_socket_recvfrom(features->socket, buffer, sizeof(buffer));
		if (length < 0)
			return false;
		ret = mnl_cb_run(buffer, (size_t)length, features->sequence, portid, take_answer,
				 answer);
	}
	return ret == MNL_CB_STOP && answer->is_found;
}

static bool find_family(struct xdp_features *features)
{
	struct answer answer = {.type = CTRL_ATTR_FAMILY_ID, .bytes = sizeof(uint16_t)};
	union {
		struct nlmsghdr header;
		char bytes[REQUEST_BYTES];
	} buffer = {};
	struct nlmsghdr *request = start_request(buffer.bytes, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);

	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, FAMILY_NAME);
	if (!ask(features, request, &answer))
		return false;
	features->family = (uint16_t)answer.value;
	return true;
}

struct xdp_features *xdp_features_open(void)
{
	struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct xdp_features *features = util_alloc(sizeof(*features));

	features->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (features->socket && !mnl_socket_bind(features->socket, 0, MNL_SOCKET_AUTOPID) &&
	    !setsockopt(mnl_socket_get_fd(features->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
			sizeof(timeout)) &&
	    find_family(features))
		return features;
	xdp_features_close(features);
	return NULL;
}

void xdp_features_close(struct xdp_features *features)
{
	if (!features)
		return;
	if (features->socket)
		mnl_socket_close(features->socket);
	free(features);
}

bool xdp_features_get(struct xdp_features *features, uint32_t ifindex, uint64_t *ret_bits)
{
	struct answer answer = {.type = ATTR_XDP_FEATURES, .bytes = sizeof(uint64_t)};
	union {
		struct nlmsghdr header;
		char bytes[REQUEST_BYTES];
	} buffer = {};
	struct nlmsghdr *request;

	if (!features)
		return false;
	request = start_request(buffer.bytes, features->family, COMMAND_DEV_GET);
	mnl_attr_put_u32(request, ATTR_IFINDEX, ifindex);
	if (!ask(features, request, &answer))
		return false;
	*ret_bits = answer.value;
	return true;
}
