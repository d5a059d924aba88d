/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon's documents as tables and blocks. Every function takes what docs/protocol.md calls by
 * its name. */
#pragma once

#include <jansson.h>

#include "cli/cli.h"
#include "cli/text.h"

void render_services(const struct view *view, const json_t *services);
void render_service(const struct view *view, const json_t *service);
void render_pools(const struct view *view, const json_t *pools);
void render_pool(const struct view *view, const json_t *pool);
/* "ipip", or "gue to UDP port 6080": of a pool, or of what a packet was sent as. In buffer, or object's. */
const char *render_mode(const json_t *object, char *buffer, size_t size);
void render_members(const struct view *view, const json_t *members);
/* Of a service or a member, when it has one. */
void render_ceiling(const struct view *view, const json_t *object);
void render_member(const struct view *view, const json_t *member);
void render_bypass(const struct view *view, const json_t *bypass);
/* A burst of a limit or source, or what is left of one: bytes as such. */
const char *render_tokens(const json_t *object, const char *key, char buffer[TEXT_MAX]);
void render_limits(const struct view *view, const json_t *limits);
/* Without their scopes, for which status has no room. */
void render_limits_brief(const struct view *view, const json_t *limits);
void render_limit(const struct view *view, const json_t *limit);
void render_bans(const struct view *view, const json_t *bans);
void render_source_ban(const struct view *view, const json_t *ban);
void render_measurement(const struct view *view, const json_t *document);
void render_source(const struct view *view, const json_t *source);
/* "under attack 7 min", or "". */
void render_attack(const json_t *limit, char *buffer, size_t size);
void render_lists(const struct view *view, const json_t *lists);
void render_list(const struct view *view, const json_t *list);
void render_where(const struct view *view, const json_t *where);
void render_stats(const struct view *view, const json_t *stats);
void render_event(const struct view *view, const json_t *event);

/* Status, without a verdict of its own: state, summary, why and next come from the document. */
void render_status(const struct view *view, const json_t *status);

/* "OK  text", the word coloured after the state ok, degraded, fault. */
void render_verdict(const struct view *view, const char *state, const char *text);
/* The lines of "why" and "next" below it. */
void render_why(const struct view *view, const json_t *status);
/* All members of a list of pools in one list; the caller drops the reference. */
json_t *render_pool_members(const json_t *pools);

/* "SERVICE/POOL 10.0.0.1:443: weight 50 (100 in the file), serving": after a change. */
/* ", cut in 4 min", or "" where there is no deadline. */
const char *render_deadline(const json_t *member, char *buffer, size_t size);
/* How far a member that gets nothing new has run dry. */
void render_flows_left(const json_t *member, char *buffer, size_t size);
/* A line for each service whose slots are in motion, or that holds flows; none if there are none. */
void render_motion(const struct view *view, const json_t *status);
void render_shift(const struct view *view, const json_t *document);
void render_member_line(const struct view *view, const json_t *member);
/* "web/default 10.0.0.1:80: ejected by alice: nothing, …" */
void render_member_share(const struct view *view, const json_t *member);
/* "10.0.0.1:443" */
const char *render_endpoint(const json_t *member, char *buffer, size_t size);
/* One "label   text" line of a block, wrapped. */
void render_field(const struct view *view, const char *label, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
const char *render_state_colour(const char *state);

/* "ARP and ND answered for 2 addresses, routes 1 of 2 in table 201"; "" when nothing is announced.
 * node has the role, announce the rest. */
void render_announce(const json_t *node, const json_t *announce, char *buffer, size_t size);
/* What still comes to a node on standby. document: Node or Status. */
void render_arrivals(const json_t *document, char *buffer, size_t size);
