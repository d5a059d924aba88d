/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS 10000
#define READ_BYTES 16384
#define READS_MAX 16 /* of one socket in a turn: others wait */

void linger_init(struct linger_set *linger, int epoll_fd)
{
	linger->epoll_fd = epoll_fd;
	linger->count = 0;
}

/* Closing takes it out of the epoll set only when no other descriptor of the socket is left, and
 * whoever closes its own first cannot be relied on. */
static void drop(struct linger_set *linger, size_t at)
{
	int fd = linger->sockets[at].fd;

	epoll_ctl(linger->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	close(fd);
	linger->count--;
	memmove(&linger->sockets[at], &linger->sockets[at + 1],
		(linger->count - at) * sizeof(linger->sockets[0]));
}

void linger_done(struct linger_set *linger)
{
	while (linger->count)
		drop(linger, linger->count - 1);
}

void linger_add(struct linger_set *linger, int fd, uint64_t now_ms)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP};
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return;
	if (epoll_ctl(linger->epoll_fd, EPOLL_CTL_ADD, copy, &event)) {
		close(copy);
		return;
	}
	if (linger->count == LINGER_MAX)
		drop(linger, 0);
	linger->sockets[linger->count++] =
		(struct linger_socket){.fd = copy, .until_ms = now_ms + LINGER_MS};
}

/* Whether the peer may still send. */
static bool discard(int fd)
{
	char buffer[READ_BYTES];
	int i;

	for (i = 0; i < READS_MAX; i++) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	}
	return true;
}

void linger_read(struct linger_set *linger)
{
	size_t i = linger->count;

	while (i--)
		if (!discard(linger->sockets[i].fd))
			drop(linger, i);
}

void linger_tick(struct linger_set *linger, uint64_t now_ms)
{
	while (linger->count && now_ms >= linger->sockets[0].until_ms)
		drop(linger, 0);
}
