/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Real sockets of a network namespace of the test's own: the packet path asks them what is a reply. */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

/* In it lo has the number that packets come from, and 10.9.0.1/24 is a neighbour of nobody. */
void sockets_enter_namespace(void);
socklen_t sockets_fill(struct sockaddr_storage *addr, const char *text, uint16_t port);
/* Of this host at this address. */
int sockets_bound(const char *text, int type, uint16_t port);
/* From port to port of one address. */
int sockets_connected(const char *text, int type, uint16_t from, uint16_t to);
