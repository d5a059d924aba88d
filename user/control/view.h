/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects of the API as JSON (docs/protocol.md, Objects). New references. */
#pragma once

#include <jansson.h>

#include "control/control.h"
#include "core/weights.h"

/* How a service stands, counted once for status and service. */
struct view_tally {
	size_t total;	/* members */
	size_t serving; /* of them: get new connections, and are not known to fail */
	size_t idle;	/* would, but their pool has no share */
	size_t suspect;
	size_t trial;
	size_t broken; /* on trial, ejected or unreachable */
	size_t maintenance;
	uint32_t weight_percent; /* of the configured weight that serves */
};

struct view_tally view_count(const struct model_service *service);
/* "ok", "degraded" (a member is broken), "down" (none of them gets new connections). */
const char *view_service_state(const struct model_service *service, const struct view_tally *tally);
const char *view_listen(const struct model_service *service, char *text, size_t size);
const char *view_mode_name(enum sluice_mode mode);

json_t *view_service(const struct control_host *host, const struct model_service *service);
json_t *view_pool(const struct control_host *host, const struct model_service *service,
		  const struct model_pool *pool);
json_t *view_member(const struct control_host *host, const struct model_service *service,
		    const struct model_pool *pool, const struct model_member *member);
/* op_shift.c: how far it has come; null when there is none. */
json_t *view_shift(const struct model_service *service);
/* What happened to it, the oldest first. */
json_t *view_history(const struct control_host *host, const struct model_service *service,
		     const struct model_pool *pool, const struct model_member *member);
const char *view_passive_mode(enum passive_mode mode);
/* What clients' packets say of it. */
json_t *view_passive(const struct control_host *host, const struct model_service *service,
		     const struct model_pool *pool, const struct model_member *member);
/* Slots in motion, and flows that do not follow their slot. */
json_t *view_service_flows(const struct control_host *host, const struct model_service *service);
json_t *view_member_flows(const struct control_host *host, const struct model_member *member);
json_t *view_flow_totals(const struct control_host *host);
/* What is lost when a member with these flows goes now; NULL: nothing that is kept otherwise. */
json_t *view_cut_warning(const struct sync_member_flows *flows);
json_t *view_limit(const struct control_host *host, const struct model_limit *limit);
/* Adds to a limit what is known of its sources: refused ones, banned ones, an attack. */
void view_limit_sources(const struct control_host *host, const struct model_limit *limit,
			json_t *object);
json_t *view_offenders(const struct control_host *host, const struct model_limit *limit);
json_t *view_offender(const struct offender *offender, uint64_t now_ms);
json_t *view_ban(const struct ban *ban);
/* Bans of other limits that meet the same addresses: [{"limit","source"}]. */
json_t *view_ban_overlaps(const struct control_host *host, const struct ban *ban);
json_t *view_list(const struct control_host *host, const struct model_list *list);
json_t *view_list_entry(const struct prefix_set *set, const struct prefix_entry *entry,
			enum owner owner);
json_t *view_announce(const struct control_node *node);
bool view_is_role_changed(const struct control_node *node); /* by command, for save to write */
/* What still comes to the node's services. */
json_t *view_traffic(const struct control_node *node);
json_t *view_event(const struct event *event);
/* Verdicts that drop: [{"reason","help","total","per_second"}]. */
json_t *view_dropped(const struct control_host *host);
/* A packet of a capture, number seq. */
json_t *view_captured(const struct control_host *host, const struct sluice_capture *packet,
		      size_t seq);
const char *view_limit_mode(enum sluice_limit_mode mode);
const char *view_limit_scope(enum limit_scope scope);
const char *view_limit_count(enum sluice_limit_count count);
/* Packets a second over all verdicts of an action. */
double view_action_rate(const struct control_host *host, enum sluice_action action);
json_t *view_trial(const struct control_trial *trial);
json_t *view_bypass(const struct control_switches *switches);
json_t *view_number(double value); /* rounded to a tenth */
