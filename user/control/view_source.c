/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Single sources as JSON: who is refused, and who is banned. */
#include <string.h>

#include "base/clock.h"
#include "control/view.h"

static const char *const kinds[SLUICE_REFUSAL_KIND_MAX] = {"none", "refused", "would refuse",
							   "banned"};

json_t *view_offender(const struct offender *offender, uint64_t now_ms)
{
	enum sluice_refusal_kind kind =
		offender->kind < SLUICE_REFUSAL_KIND_MAX ? offender->kind : SLUICE_REFUSAL_NONE;
	char source[PREFIX_TEXT_MAX];

	return json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:s}", "source",
			 prefix_format(&offender->source, source), "per_s",
			 view_number(offender->per_s), "per_s_at_most",
			 view_number(offender->per_s_at_most), "packets",
			 (json_int_t)offender->packets, "first_ago_s",
			 (json_int_t)((now_ms - offender->first_ms) / 1000), "last_ago_s",
			 (json_int_t)((now_ms - offender->last_ms) / 1000), "last", kinds[kind]);
}

static json_t *view_top(const struct control_host *host, const struct model_limit *limit,
			bool is_prefixes)
{
	struct offender top[OFFENDERS_TOP];
	uint64_t now_ms = clock_now_ms();
	size_t count = offenders_top(host->offenders, limit->id, is_prefixes, now_ms, top,
				     ARRAY_SIZE(top));
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < count; i++) {
		json_t *object = view_offender(&top[i], now_ms);

		if (!is_prefixes)
			json_object_set_new(
				object, "is_banned",
				json_boolean(bans_find(host->bans, limit->id, &top[i].source)));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *view_attack(const struct offenders_view *view)
{
	if (!view->is_attacked)
		return json_null();
	return json_pack("{s:I}", "for_s", (json_int_t)((clock_now_ms() - view->since_ms) / 1000));
}

json_t *view_offenders(const struct control_host *host, const struct model_limit *limit)
{
	struct offenders_view view;

	offenders_get(host->offenders, limit->id, clock_now_ms(), &view);
	return json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:I}", "limit", limit->config.name, "mode",
			 view_limit_mode(limit->config.mode), "sources_refused",
			 (json_int_t)view.sources, "attack", view_attack(&view), "sources",
			 view_top(host, limit, false), "prefixes", view_top(host, limit, true),
			 "samples_lost", (json_int_t)host->refusals_lost(host->arg));
}

void view_limit_sources(const struct control_host *host, const struct model_limit *limit,
			json_t *object)
{
	uint64_t key = STATS_KEY(STATS_LIMIT, limit->id);
	uint64_t total[STATS_COUNTERS];
	struct offenders_view view;
	double rate[STATS_COUNTERS];

	stats_total(host->stats, key, total);
	stats_rate(host->stats, key, rate);
	offenders_get(host->offenders, limit->id, clock_now_ms(), &view);
	json_object_set_new(object, "banned", json_integer((json_int_t)total[4]));
	json_object_set_new(json_object_get(object, "rates"), "banned", view_number(rate[4]));
	json_object_set_new(object, "sources_refused", json_integer((json_int_t)view.sources));
	json_object_set_new(object, "sources_banned",
			    json_integer((json_int_t)bans_count_of(host->bans, limit->id)));
	json_object_set_new(object, "attack", view_attack(&view));
}

struct overlap {
	const struct ban *ban;
	json_t *list;
};

/* Bans of other limits that meet the same addresses: each stands alone. */
static void add_overlap(void *arg, const struct ban *other)
{
	const struct overlap *overlap = arg;
	const struct ban *ban = overlap->ban;
	char source[PREFIX_TEXT_MAX];

	if (other->limit == ban->limit || !(prefix_covers(&other->source, &ban->source) ||
					    prefix_covers(&ban->source, &other->source)))
		return;
	json_array_append_new(overlap->list,
			      json_pack("{s:s, s:s}", "limit", other->limit_name, "source",
					prefix_format(&other->source, source)));
}

json_t *view_ban_overlaps(const struct control_host *host, const struct ban *ban)
{
	struct overlap overlap = {ban, json_array()};

	bans_each(host->bans, add_overlap, &overlap);
	return overlap.list;
}

json_t *view_ban(const struct ban *ban)
{
	uint64_t now_ms = clock_now_ms();
	uint64_t left_ms = ban->until_ms > now_ms ? ban->until_ms - now_ms : 0;
	char source[PREFIX_TEXT_MAX];

	return json_pack("{s:s, s:s, s:I, s:I, s:s, s:b, s:s, s:s, s:I}", "limit", ban->limit_name,
			 "source", prefix_format(&ban->source, source), "since_s",
			 (json_int_t)ban->since_s, "left_s", (json_int_t)((left_ms + 999) / 1000),
			 "packets", ban->is_all ? "all" : "new-connections", "manual",
			 ban->is_manual, "by", ban->by, "reason", ban->reason, "hits",
			 (json_int_t)ban->hits);
}
