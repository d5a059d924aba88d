/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/peer.h"

#define BACKLOG 512 /* who comes while all connections are taken waits */

/* Whoever has the daemon's own group may come in when no group is asked for. A group that the socket still has
 * from before may not: it stays, for the daemon could not give it again, but without a right. */
static mode_t mode_of(gid_t wanted, gid_t there, bool is_open)
{
	if (is_open)
		return 0666;
	return wanted == PEER_NO_GROUP && there != getegid() ? 0600 : 0660;
}

int socket_set_mode(const char *path, const struct peer_policy *policy, struct err *e)
{
	bool is_open;
	gid_t group = peer_socket_group(policy, &is_open);
	struct stat st;

	/* One that it has already needs no right. */
	if (stat(path, &st) ||
	    (group != PEER_NO_GROUP && group != st.st_gid && chown(path, (uid_t)-1, group)) ||
	    chmod(path, mode_of(group, st.st_gid, is_open))) {
		int r = -errno;

		err_set(e, ERR_SYSTEM, "", "cannot give the control socket %s its group: %s", path,
			strerror(-r));
		err_hint(e, "restart the daemon: a running one has given up the right to change "
			    "the group; it must be root, or a user in the group");
		return r;
	}
	return 0;
}

int socket_open(const char *path, const struct peer_policy *policy, struct err *e)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = -1;
	int r;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		err_set(e, ERR_INVALID, "", "the path of the control socket is too long: %s", path);
		err_hint(e,
			 "a unix socket's path has at most %zu bytes: shorten --run-dir or "
			 "--instance",
			 sizeof(sa.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	util_copy(sa.sun_path, sizeof(sa.sun_path), path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || (unlink(path) && errno != ENOENT) ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || chmod(path, 0600) ||
	    listen(fd, BACKLOG)) {
		r = -errno;
		err_set(e, ERR_SYSTEM, "", "cannot listen on %s: %s", path, strerror(-r));
		return r;
	}
	r = socket_set_mode(path, policy, e);
	return r ? r : TAKE_FD(fd);
}
