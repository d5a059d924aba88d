/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Network namespaces without names: the test's own, and a peer that lives as long as a child of
 * ours. Both vanish with the process, however it ends.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Prints a TAP plan that skips everything and exits, unless this process is root with a bpffs. */
void space_require_root(void);

/* Moves this process into a fresh namespace and starts the peer. */
void space_enter(void);

/* Commands: printf-like, fail the test when their status is not 0. */
void space_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void space_run_peer(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Whether the command succeeds; its messages are not shown. */
bool space_try(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A veth pair, NAME here and NAME in the peer, up on both sides. */
void space_veth(const char *name);
/* An IPv6 address, which the kernel takes into use a little later: waits for that. */
void space_add_to_loopback(const char *address);
pid_t space_peer(void);
