/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that is counted, as Prometheus text. Labels: lb_service, pool, member, reason; never
 * a client's address. Series per member are left out above METRICS_MEMBERS_MAX members.
 */
#pragma once

#include <stddef.h>

#include "core/bans.h"
#include "core/check_report.h"
#include "core/health_state.h"
#include "core/model.h"
#include "core/names.h"
#include "core/offenders.h"
#include "core/stats.h"
#include "core/suspects.h"
#include "core/sync.h"

#define METRICS_MEMBERS_MAX 2000

struct metrics_interface {
	char name[16];
	bool is_generic;
};

/* What there is to show, gathered by the daemon. */
struct metrics_source {
	const struct model *model;
	const struct sync *sync;
	const struct stats *stats;
	const struct suspects *suspects;
	const struct offenders *offenders;
	const struct names *names;
	uint64_t left_out;	 /* addresses of names that should be members, and cannot */
	const struct bans *bans; /* NULL: nothing of sources is shown */
	uint64_t refusals_lost;
	const struct metrics_interface *interfaces;
	size_t interface_count;
	uint64_t events_suppressed;
	uint64_t started_s;				    /* wall clock */
	uint64_t loaded_at_s;				    /* last good load, wall clock */
	uint64_t bypass_limits_left_s, bypass_lists_left_s; /* 0: off */
	uint64_t trial_left_s;
	uint64_t reloads_applied, reloads_refused;
	bool is_last_reload_refused;
	bool is_ready;
	bool is_cut_off;
	bool is_active; /* the node's role */
	uint64_t arp_addresses, route_addresses, routes_installed, gratuitous_sent;
	struct check_totals check_totals;
	void (*checks)(void *arg, const struct model_service *service,
		       const struct model_pool *pool, const struct model_member *member,
		       struct check_report *ret_report);
	uint32_t (*limit_sources)(void *arg, uint32_t limit); /* words in use */
	void *arg;
};

struct metric_text;
/* Health checks as a whole; part of metrics_render(), as what follows. */
void metrics_write_checks(struct metric_text *text, const struct metrics_source *source);
/* Slots in motion and the tables of flows; part of metrics_render(). */
void metrics_write_flows(struct metric_text *text, const struct metrics_source *source);
void metrics_write_limits(struct metric_text *text, const struct metrics_source *source);
void metrics_write_names(struct metric_text *text, const struct metrics_source *source);
void metrics_write_members(struct metric_text *text, const struct metrics_source *source);
/* All, those that serve, and those that would if their pool had a share. */
enum metrics_members { METRICS_MEMBERS_ALL, METRICS_MEMBERS_SERVING, METRICS_MEMBERS_IDLE };
uint32_t metrics_count_members(const struct model_service *service, enum metrics_members which);

/* Refused and banned sources; part of it, too. */
void metrics_write_sources(struct metric_text *text, const struct metrics_source *source);

/* Allocated text, owned by the caller. */
char *metrics_render(const struct metrics_source *source, bool is_openmetrics, size_t *ret_length);
