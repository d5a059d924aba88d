/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets whose request was answered before it was read to its end. Closing one while the peer
 * sends breaks its connection, and it may never see the answer. So the reading end stays open for
 * a while, and what comes is thrown away (RFC 9112, 9.6).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LINGER_MAX 64

struct linger_socket {
	int fd;
	uint64_t until_ms;
};

struct linger_set {
	int epoll_fd; /* of the owner, who calls linger_read() when it is ready */
	struct linger_socket sockets[LINGER_MAX]; /* oldest first */
	size_t count;
};

void linger_init(struct linger_set *linger, int epoll_fd);
void linger_done(struct linger_set *linger);
/* The owner is about to close fd, whose answer is sent. When there are LINGER_MAX already, the
 * oldest has lingered for long enough. */
void linger_add(struct linger_set *linger, int fd, uint64_t now_ms);
void linger_read(struct linger_set *linger);
/* Once a second: closes what took longer than 10 s. */
void linger_tick(struct linger_set *linger, uint64_t now_ms);
