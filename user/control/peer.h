/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is at the other end of the socket, and what they may do. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/config.h"

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN, ROLE_MAX };

const char *role_name(enum role role);

#define PEER_NO_GROUP ((gid_t)-1)
#define PEER_GROUPS_MAX 256

struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	gid_t groups[PEER_GROUPS_MAX];
	size_t group_count;
};

/* The user's name, or "uid N" when the machine knows none. */
void peer_name(const struct peer *peer, char *buffer, size_t size);

/* Who may do what; PEER_NO_GROUP where the configuration names none. */
struct peer_policy {
	uid_t own_uid;
	gid_t admin, operator, viewer;
};

int peer_policy_from_config(const struct config *config, struct peer_policy *ret_policy,
			    struct err *e);
/* Credentials of a connected unix socket, from the kernel. 0 or negative errno. */
int peer_read(int fd, struct peer *ret_peer);
/* uid 0 and the daemon's own user are admin; then the groups, the highest role wins. A caller in no
 * group may read only where no viewer group is set and the socket's mode let them in. */
enum role peer_role(const struct peer *peer, const struct peer_policy *policy);
/* The one group that a socket of mode 0660 serves; PEER_NO_GROUP when none or several are needed,
 * *ret_is_open tells which. */
gid_t peer_socket_group(const struct peer_policy *policy, bool *ret_is_open);
