/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* State changes as typed events in a bounded ring; readers resume by sequence number. Events carry
 * names and ids, never pointers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

#define EVENT_TYPES(X)                                                                             \
	X(config_loaded)                                                                           \
	X(config_refused)                                                                          \
	X(service_added)                                                                           \
	X(service_removed)                                                                         \
	X(service_changed)                                                                         \
	X(member_added)                                                                            \
	X(member_removed)                                                                          \
	X(member_weight)                                                                           \
	X(member_admin)                                                                            \
	X(member_discovery)                                                                        \
	X(name_problem)                                                                            \
	X(member_cut)                                                                              \
	X(member_up)                                                                               \
	X(member_down)                                                                             \
	X(member_circuit)                                                                          \
	X(member_suspect)                                                                          \
	X(member_override)                                                                         \
	X(local_fault)                                                                             \
	X(shift)                                                                                   \
	X(member_nexthop)                                                                          \
	X(member_certificate)                                                                      \
	X(member_diagnosis)                                                                        \
	X(probe_path)                                                                              \
	X(limit_changed)                                                                           \
	X(first_refusal)                                                                           \
	X(attack_begun)                                                                            \
	X(attack_over)                                                                             \
	X(ban)                                                                                     \
	X(unban)                                                                                   \
	X(ban_problem)                                                                             \
	X(bypass)                                                                                  \
	X(trial)                                                                                   \
	X(list_changed)                                                                            \
	X(attached)                                                                                \
	X(node_role)                                                                               \
	X(routes_changed)                                                                          \
	X(detached)                                                                                \
	X(address_changed)                                                                         \
	X(map_problem)                                                                             \
	X(audit)                                                                                   \
	X(change_dropped)                                                                          \
	X(state_problem)                                                                           \
	X(state_restored)

enum event_type {
#define X(name) EVENT_##name,
	EVENT_TYPES(X)
#undef X
		EVENT_TYPE_MAX
};

struct event {
	uint64_t seq; /* from 1 */
	uint64_t wall_s;
	enum event_type type;
	char service[NAME_MAX_LENGTH + 1]; /* or "" */
	char pool[NAME_MAX_LENGTH + 1];
	char member[64]; /* endpoint text */
	char limit[NAME_MAX_LENGTH + 1];
	char source[PREFIX_TEXT_MAX]; /* of packets */
	char who[64];		      /* asked for it, or "" */
	char text[320];		      /* a sentence for a person, with the cause */
};

struct event_log;

struct event_log *event_log_new(size_t capacity);
void event_log_free(struct event_log *log);
const char *event_type_name(enum event_type type);
/* Copies the event, sets seq and wall_s. */
void event_log_add(struct event_log *log, const struct event *event);
/* The first event with seq > since, NULL if none; valid until the next call. *ret_is_gap tells that
 * events between were overwritten. */
const struct event *event_log_next(const struct event_log *log, uint64_t since, bool *ret_is_gap);
uint64_t event_log_last(const struct event_log *log);
