/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can be said and done without the daemon, from the pinned maps. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/client.h"
#include "dataplane/node.h"

struct cli;
struct dp_pinned;

/* ---- offline.c ------------------------------------------------------------------------------ */

/* Nobody answered at the instance's own socket: what it has pinned may. A wrong --socket is no dead
 * daemon. */
bool offline_may(const struct cli *cli, enum client_result result);
/* Opens the pinned maps, as root. CLI_OK, or an exit code after saying why not. */
int offline_open(const struct cli *cli, struct dp_pinned **ret_pinned, struct dp_node *ret_node);
/* Does a daemon write to the maps after all, whose socket is elsewhere? */
bool offline_is_daemon_alive(const struct dp_node *node, uint64_t now_s);
/* For what it would undo: CLI_OK when none does, or CLI_CONFLICT after saying so. */
int offline_check_dead(const struct cli *cli, const struct dp_node *node);
/* Keeps daemons from running the instance until claim_end(*ret_claim), for what is more than a word of the
 * maps. CLI_OK, with *ret_claim -1 where nothing is pinned or we are not root, which offline_open() says; or an
 * exit code after saying why not, and *ret_claim is no claim. */
int offline_claim(const struct cli *cli, int *ret_claim);
/* Are there pins of the instance? 1, 0, or negative errno when we may not know. */
int offline_has_pins(const char *instance);
/* The interfaces of this network namespace that run a pinned program of the instance: a JSON list as
 * in Status. Empty when there is none, or we may not look. */
json_t *offline_interfaces(const char *instance);
/* Who we are, for notes. */
void offline_user(char *buffer, size_t size);
/* The audit of what is changed without a daemon, "object: old -> new", for the system's log. */
void offline_audit(const struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Detaches and removes the pins; returns an exit code. */
int offline_detach(const struct cli *cli);

/* ---- offline_status.c ----------------------------------------------------------------------- */

/* Prints what is known of the instance when its daemon does not run. */
void offline_status(const struct cli *cli);

/* ---- offline_member.c ----------------------------------------------------------------------- */

/* Takes a member out, or makes it ready again, in its word; the next daemon keeps that. Returns an exit
 * code. */
int offline_member(const struct cli *cli, bool is_maint);

/* ---- offline_bans.c ------------------------------------------------------------------------- */

/* As the API's bans, without reasons. Both return an exit code. */
int offline_ban_list(const struct cli *cli);
/* limit, source NULL: all. */
int offline_ban_lift(const struct cli *cli, const char *limit, const char *source);

/* ---- offline_switch.c ----------------------------------------------------------------------- */

/* As the API's Bypass. */
json_t *offline_view_bypass(const struct dp_node *node);
/* role: "active", "standby", or NULL to show it. Standby withdraws the routes, too; what is new to
 * the neighbours only a daemon can tell them. Returns an exit code. */
int offline_role(const struct cli *cli, const char *role);
/* what: as the command takes it. Returns an exit code. */
int offline_confirm(const struct cli *cli);
int offline_undo(const struct cli *cli);
int offline_bypass(const struct cli *cli, const char *what, uint64_t seconds);
