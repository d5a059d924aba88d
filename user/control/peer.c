/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

const char *role_name(enum role role)
{
	static const char *const names[ROLE_MAX] = {
		[ROLE_NONE] = "none",
		[ROLE_VIEWER] = "viewer",
		[ROLE_OPERATOR] = "operator",
		[ROLE_ADMIN] = "admin",
	};

	return role < ROLE_MAX ? names[role] : "?";
}

void peer_name(const struct peer *peer, char *buffer, size_t size)
{
	const struct passwd *user = getpwuid(peer->uid);

	if (user)
		snprintf(buffer, size, "%s", user->pw_name);
	else
		snprintf(buffer, size, "uid %u", (unsigned int)peer->uid);
}

static int find_group(const char *key, const char *name, gid_t *ret_gid, struct err *e)
{
	const struct group *group;

	*ret_gid = PEER_NO_GROUP;
	if (!name[0])
		return 0;
	group = getgrnam(name);
	if (!group) {
		err_set(e, ERR_INVALID, key, "group %s does not exist on this machine", name);
		err_hint(e, "groupadd --system %s, or remove the key", name);
		return -ENOENT;
	}
	*ret_gid = group->gr_gid;
	return 0;
}

int peer_policy_from_config(const struct config *config, struct peer_policy *ret_policy,
			    struct err *e)
{
	struct peer_policy policy = {.own_uid = geteuid()};
	int r;

	if ((r = find_group("access.admin", config->admin_group, &policy.admin, e)) ||
	    (r = find_group("access.operator", config->operator_group, &policy.operator, e)) ||
	    (r = find_group("access.viewer", config->viewer_group, &policy.viewer, e)))
		return r;
	*ret_policy = policy;
	return 0;
}

int peer_read(int fd, struct peer *ret_peer)
{
	struct ucred cred;
	socklen_t length = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length))
		return -errno;
	ret_peer->uid = cred.uid;
	ret_peer->gid = cred.gid;
	ret_peer->pid = cred.pid;
	ret_peer->group_count = 0;
	length = sizeof(ret_peer->groups);
	/* More groups than fit: the extra rights they may give are not seen, never too many. */
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ret_peer->groups, &length))
		ret_peer->group_count = length / sizeof(gid_t);
	return 0;
}

static bool is_in(const struct peer *peer, gid_t group)
{
	size_t i;

	if (group == PEER_NO_GROUP)
		return false;
	if (peer->gid == group)
		return true;
	for (i = 0; i < peer->group_count; i++)
		if (peer->groups[i] == group)
			return true;
	return false;
}

enum role peer_role(const struct peer *peer, const struct peer_policy *policy)
{
	bool is_open;

	if (peer->uid == 0 || peer->uid == policy->own_uid || is_in(peer, policy->admin))
		return ROLE_ADMIN;
	if (is_in(peer, policy->operator))
		return ROLE_OPERATOR;
	if (is_in(peer, policy->viewer))
		return ROLE_VIEWER;
	peer_socket_group(policy, &is_open);
	/* With several groups the socket's mode cannot keep strangers out, so the role does. */
	return policy->viewer == PEER_NO_GROUP && !is_open ? ROLE_VIEWER : ROLE_NONE;
}

gid_t peer_socket_group(const struct peer_policy *policy, bool *ret_is_open)
{
	const gid_t groups[] = {policy->admin, policy->operator, policy->viewer };
	gid_t found = PEER_NO_GROUP;
	size_t i;

	*ret_is_open = false;
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		if (groups[i] == PEER_NO_GROUP || groups[i] == found)
			continue;
		if (found != PEER_NO_GROUP) {
			*ret_is_open = true;
			return PEER_NO_GROUP;
		}
		found = groups[i];
	}
	return found;
}
